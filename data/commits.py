"""Commits of a store: readers see one whole state of it, and one writer at a time makes the next.

A commit is a manifest, which names every file of one state of the store. A writer puts new files
beside the old ones, has the disk hold them, and then lets the new manifest take the old one's name:
before that moment every reader sees the old state, after it the new one. No file is ever changed.

Readers hold the manifest they read by a shared lock; files that only older commits name are
removed once nobody holds those. The locks belong to open files, so whatever ends a process frees
them. On a disk that knows no such locks nobody can write, and readers need none.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.storage import MANIFEST, FileHashes, disk_refusals, flush, sealed_manifest

_REPLACED = ".replaced-"
_FOLDER = "commit-"
_TRIES = 1_000


class Hold:
    """A commit that somebody reads: none of its files goes away as long as this object lives."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def files(self) -> object:
        """Return the SHA-256 of its files by name; None where the manifest cannot be read."""
        size = os.fstat(self._handle).st_size
        return _files(os.pread(self._handle, size, 0))

    def __del__(self) -> None:
        """Let it go."""
        with contextlib.suppress(OSError):
            os.close(self._handle)


def hold(store: Path) -> Hold | None:
    """Hold the commit that is in force; None where there is none, or no locks."""
    path = store / MANIFEST
    for _ in range(_TRIES):
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        held = Hold(handle)
        with contextlib.suppress(BlockingIOError):  # replaced this very moment
            if not _locked(handle, exclusive=False):
                return None
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return held
    return None


def folder_of(store: Path, number: int) -> Path:
    """Return the folder for the new files of a commit."""
    return store / f"{_FOLDER}{number}"


def commit(store: Path, facts: Mapping[str, Any], files: Mapping[str, FileHashes]) -> None:
    """Let a new state of a store take effect; its files must be on disk.

    Parameters
    ----------
    facts
        Entries of the manifest, with ``commit``, the number.
    files
        The hashes of every file by its name below the store.
    """
    with disk_refusals(store):
        new = store / f".{MANIFEST}.partial"
        new.write_text(sealed_manifest("store", facts, files), encoding="utf-8")
        flush(new)
        replaced = store / f"{_REPLACED}{facts['commit']}.json"
        replaced.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # without links nobody can tell who reads the old one
            replaced.hardlink_to(store / MANIFEST)
        new.replace(store / MANIFEST)
        flush(store)


def tidy(store: Path) -> None:
    """Remove what no commit names that is in force or that somebody reads.

    Only for the one writer of a store, and once the manifest in force is verified: it is believed.
    """
    needed = _named(store / MANIFEST)
    replaced, free = sorted(store.glob(f"{_REPLACED}*.json")), set()
    for path in replaced:
        if path.samefile(store / MANIFEST):
            path.unlink()
        elif _read_by_somebody(path):
            needed |= _named(path)
        else:
            free |= _named(path)
            path.unlink()
    (store / f".{MANIFEST}.partial").unlink(missing_ok=True)
    for name in free - needed:
        (store / name).unlink(missing_ok=True)
    for folder in [*store.glob(f"{_FOLDER}*"), *store.glob(f".{_FOLDER}*")]:
        for file in folder.rglob("*"):
            if file.is_file() and file.relative_to(store).as_posix() not in needed:
                file.unlink()
        if not any(file.is_file() for file in folder.rglob("*")):
            shutil.rmtree(folder, ignore_errors=True)


def files_in_force(store: Path) -> object:
    """Return the SHA-256 of a store's files by name; None where its manifest cannot be read."""
    try:
        return _files((store / MANIFEST).read_bytes())
    except OSError:
        return None


def _files(manifest: bytes) -> object:
    try:
        return json.loads(manifest)["files"]
    except (ValueError, KeyError, TypeError):
        return None


def _named(manifest: Path) -> set[str]:
    files = _files(manifest.read_bytes())
    return set(files) if isinstance(files, dict) else set()


def _read_by_somebody(manifest: Path) -> bool:
    handle = os.open(manifest, os.O_RDONLY)
    try:
        _locked(handle, exclusive=True)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _locked(handle: int, *, exclusive: bool) -> bool:
    """Lock an open file, without waiting; False where there are no such locks.

    Raises
    ------
    BlockingIOError
        Somebody else holds a lock that excludes this one.
    """
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a disk that knows none
        return False
    return True
