"""Asking the allocator inside polars for huge pages, before it is loaded.

Much of what a large run costs is the first touch of fresh memory, a page of four kilobytes at a
time. Where the kernel gives larger ones to who asks (`madvise`, what most distributions set), they
spare a twentieth of the CPU time of a run over ten million transfers.
"""

from __future__ import annotations

import os
import sys


def ask_for_huge_pages() -> None:
    """Ask, unless the user has configured the allocator, or polars was loaded earlier.

    >>> ask_for_huge_pages()
    """
    if sys.platform == "linux" and "polars" not in sys.modules:
        os.environ.setdefault("_RJEM_MALLOC_CONF", "thp:always")
