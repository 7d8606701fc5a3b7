"""A folder for what memory has no room for: files of fixed-size records, gone when the run ends.

Whole records are written one after another and read back in the same order, so that a disk is used
as it likes best. A folder is locked while its run lives: a killed run leaves it, but no lock, and
the next run that comes by removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data.errors import Refused
from data.memory import aligned_zeros

_PREFIX = ".unrinse-spill-"


class Spill:
    """Files of records in one folder.

    Attributes
    ----------
    folder
        Where they are.
    written
        Bytes written or set aside so far, dropped files included.

    Examples
    --------
    >>> with spill(Path(tempfile.gettempdir())) as spilled:
    ...     spilled.append("some", np.array([1, 2]))
    ...     spilled.append("some", np.array([3]))
    ...     spilled.read("some", np.dtype(np.int64)).tolist()
    [1, 2, 3]
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.written = folder, 0

    def append(self, name: str, records: np.ndarray) -> None:
        """Write further records of a file.

        Raises
        ------
        Refused
            The disk is full, or refuses otherwise.
        """
        if not len(records):
            return
        block = np.ascontiguousarray(records)
        doing = f"spilled to ({block.nbytes:,} more bytes)"
        with _refusals(self.folder, doing), (self.folder / name).open("ab") as file:
            file.write(block.view(np.uint8).data)
        self.written += block.nbytes

    def read(self, name: str, kind: np.dtype, start: int = 0, end: int | None = None) -> np.ndarray:
        """Return the records of a file from `start` up to `end`; all, or none where it is not."""
        path = self.folder / name
        end = self.length(name, kind) if end is None else end
        with _refusals(self.folder, "read back from"):
            records = aligned_zeros(end - start, kind)
            if len(records):
                with path.open("rb", buffering=0) as file:
                    file.seek(start * kind.itemsize)
                    _fill(records.view(np.uint8), file)
        return records

    def length(self, name: str, kind: np.dtype) -> int:
        """Return how many records a file has; 0 where it is not."""
        path = self.folder / name
        with _refusals(self.folder, "read back from"):
            return path.stat().st_size // kind.itemsize if path.exists() else 0

    def mapped(self, name: str, size: int) -> mmap.mmap:
        """Make a file of so many zero bytes, and return it as memory.

        All of it is set aside at once: where a page of it finds no space later on, the system ends
        the process, as it may on a disk that writes every change to another place (btrfs, ZFS).

        Raises
        ------
        Refused
            The disk is full, or refuses otherwise.
        """
        doing = f"spilled to ({size:,} more bytes)"
        with _refusals(self.folder, doing), (self.folder / name).open("w+b") as file:
            _set_aside(file, size)
            self.written += size
            return mmap.mmap(file.fileno(), size)

    def drop(self, name: str) -> None:
        """Remove a file that is not needed any more, if there is one."""
        with _refusals(self.folder):
            (self.folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def spill(beside: Path) -> Iterator[Spill]:
    """Make a folder below another, and remove it however the block ends.

    Raises
    ------
    Refused
        The folder cannot be written to.
    """
    with _refusals(beside):
        beside.mkdir(parents=True, exist_ok=True)
        remove_abandoned(beside)
        folder, lock = _locked_folder(beside)
    try:
        yield Spill(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned(beside: Path) -> None:
    """Remove what killed runs left below a folder; those that still run keep theirs."""
    for folder in beside.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or no locks: it stays
            lock = _lock(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _locked_folder(beside: Path) -> tuple[Path, int]:
    """Make a folder and lock it; anew where somebody took it for abandoned in between."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=beside))
        try:
            lock = _lock(folder)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if lock is not None and folder.exists():
            return folder, lock
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Return a handle on a folder with its lock; None where another has it, or it is gone.

    Raises
    ------
    OSError
        The disk knows no locks, or refuses otherwise.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle


def refuse_small_disk(folder: Path, needed: int) -> None:
    """Refuse where less than so many bytes are free, before anything is written."""
    with _refusals(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise Refused(
            f"what is spilled may need {needed / 2**30:.1f} GiB, and {folder.parent} has "
            f"{free / 2**30:.1f} GiB free.",
            hint="Name a folder with more space in --spill, or allow more --memory.",
        )


def _set_aside(file: BinaryIO, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    zeros = bytes(min(size, 1 << 20))
    for start in range(0, size, len(zeros)):  # macOS
        file.write(zeros[: size - start])
    file.flush()


def _fill(memory: np.ndarray, file: FileIO) -> None:
    """Read until the memory is full; a system call may stop earlier."""
    done = 0
    while done < len(memory):
        got = file.readinto(memory[done:].data)
        if not got:
            raise OSError(f"{file.name} ends early")
        done += got


@contextlib.contextmanager
def _refusals(folder: Path, doing: str = "spilled to") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(
            f"{folder} cannot be {doing}: {error.strerror or error}.",
            hint="Name a folder you may write to, with enough space, in --spill.",
        ) from error
