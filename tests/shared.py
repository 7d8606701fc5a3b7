"""Things that several test files need and that take long to make: made once for all workers."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.unwatched import unwatched

T = TypeVar("T")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """Make something in a folder of its own; other workers wait, and get what the first made.

    Nobody may write into the folder afterwards: other tests read it at the same time.

    Parameters
    ----------
    factory
        Of the session; its folder is that of all workers.
    name
        Of the folder.
    make
        Called with the folder, unwatched by coverage; what it returns must survive pickling.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # whose own folder stands in that of all
        root = root.parent
    folder, result = root / f"shared-{name}", root / f"shared-{name}.pickle"
    with (root / f"shared-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed to make it
            folder.mkdir()
            with unwatched():
                made = make(folder)
            result.write_bytes(pickle.dumps(made))
        kept: T = pickle.loads(result.read_bytes())
        return kept
