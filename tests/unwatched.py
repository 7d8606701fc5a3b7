"""What coverage need not watch: work that repeats what other tests run under its eye.

On Python 3.11 a traced line costs a third more. A world that is only the ground of a test is played
unwatched, and so are tests marked `unwatched`; every line they run, another test runs watched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from coverage import Coverage


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Run a block without coverage; within another such block, or without coverage, do nothing."""
    watching = Coverage.current()
    if watching is None:
        yield
        return
    watching.stop()
    try:
        yield
    finally:
        watching.start()
