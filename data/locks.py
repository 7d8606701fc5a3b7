"""One writer to a result at a time: a lock that the system takes back however its holder ends.

The lock is `flock` on a small file beside the result, ``.NAME.lock``, which names the process that
holds it. A killed process leaves the file but no lock, and the next writer takes it over. The file
goes when its writer is done.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from data.errors import Refused
from data.leftovers import removed_at_the_end

_ours: ContextVar[frozenset[Path]] = ContextVar("_ours", default=frozenset())
"""Results that the caller writes already: a job takes the lock early, its writers again."""


@contextlib.contextmanager
def sole_writer(result: Path) -> Iterator[None]:
    """Be the only one who writes a result, file or folder, for the block.

    Within the block the same lock may be taken again; another thread or process is refused.

    Raises
    ------
    Refused
        Another writes it now, or nobody may write there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, sole_writer(Path(folder, "a.csv")):
    ...     print(sorted(path.name for path in Path(folder).iterdir()))
    ['.a.csv.lock']
    """
    named = result.absolute()
    named = named.parent.resolve() / named.name
    if named in _ours.get():
        yield
        return
    lock = lock_file(named)
    missing = [folder for folder in lock.parents if not folder.exists()]
    handle = _locked(lock, result)
    ours = _ours.set(_ours.get() | {named})
    try:
        with removed_at_the_end(lock):
            yield
    finally:
        _ours.reset(ours)
        # While it is still locked: whoever waits finds out that the file is gone (`_locked`).
        with contextlib.suppress(OSError):
            lock.unlink()
        os.close(handle)
        for folder in missing:  # of a run that was refused nothing remains
            with contextlib.suppress(OSError):
                folder.rmdir()


def lock_file(result: Path) -> Path:
    """Return the file whose lock stands for a result."""
    return result.with_name(f".{result.name}.lock")


def _locked(lock: Path, result: Path) -> int:
    """Return a handle on the lock file, with its lock."""
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise _unlockable(result, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
            os.close(handle)
            raise Refused(
                f"{result} is being written by another run{f' (process {holder})' * bool(holder)}.",
                expected="one run at a time for each --out",
                hint="Wait until it has ended, or name another --out.",
            ) from None
        except OSError as error:
            os.close(handle)
            raise _unlockable(result, error) from error
        if _is_there(handle, lock):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            return handle
        os.close(handle)  # its last holder has just removed it


def _is_there(handle: int, path: Path) -> bool:
    """Say whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _unlockable(result: Path, error: OSError) -> Refused:
    return Refused(
        f"{result} could not be written: {error.strerror or error} (taking its lock).",
        hint="Name a folder you may write to, with enough space, in --out.",
    )
