"""Arrays in a file that is mapped into memory, for a history that memory has no room for.

The system brings pages of the file in where they are touched, and writes them away where memory is
wanted for something else. But it counts a page to the process from the first touch on. So while the
process holds more than it may, all pages are let go of: what is in them stays in the file, mostly
in the system's cache of it, and comes back at the next touch. Kernels go over their arrays from
one end to the other, or look up one table at random, so that few pages are wanted at a time.

That is how Linux counts. Where a system does not say what a process holds, or goes on counting what
it was told to let go of, the arrays are the same, and nothing keeps the process small.
"""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections.abc import Iterator

import numpy as np

from features.budget import resident
from features.spill import Spill
from features.working import ALIGNED

_TICK = 0.005
"""Seconds between two looks; a kernel touches some 10 MB of new pages in so many."""

_FILE = "mapped"


class Mapped:
    """Memory of a fixed size in a file, cut into arrays one after another."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory, self._used = memory, 0

    def array(self, n: int, kind: type[np.generic] | np.dtype) -> np.ndarray:
        """Return a further array; its entries are 0, and not to be used when the block is over."""
        found = np.frombuffer(self._memory, kind, n, self._used) if n else np.empty(0, kind)
        self._used += -(-found.nbytes // ALIGNED) * ALIGNED
        return found

    def let_go(self) -> None:
        """Count none of it to the process until it is touched again."""
        with contextlib.suppress(OSError):  # memory that is locked stays
            self._memory.madvise(mmap.MADV_DONTNEED)

    def give_up(self) -> None:
        """Give its space back to the disk, though somebody may still hold an array of it."""
        self.let_go()
        if hasattr(mmap, "MADV_REMOVE"):
            with contextlib.suppress(OSError):  # the disk knows no files with holes
                self._memory.madvise(mmap.MADV_REMOVE)


@contextlib.contextmanager
def mapped(spilled: Spill, size: int, most: int) -> Iterator[Mapped]:
    """Make memory of `size` bytes that keeps the process to `most` bytes while the block runs.

    Raises
    ------
    Refused
        The disk has no room for it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from features.spill import spill
    >>> with spill(Path(tempfile.gettempdir())) as spilled, mapped(spilled, 4096, 1 << 30) as room:
    ...     numbers = room.array(100, np.int64)
    ...     numbers[:] = range(100)
    ...     room.let_go()
    ...     int(numbers.sum())
    4950
    """
    memory, over = Mapped(spilled.mapped(_FILE, size)), threading.Event()

    def watch() -> None:
        while not over.wait(_TICK):
            if resident() > most:
                memory.let_go()

    watching = threading.Thread(target=watch, name="unrinse-mapped", daemon=True)
    watching.start()
    try:
        yield memory
    finally:
        over.set()
        watching.join()
        memory.give_up()
        spilled.drop(_FILE)
