"""Writing results: one Parquet writer, whole files or none, and a manifest that vouches for them.

A file appears under its final name only when it is complete (written beside, flushed to disk,
renamed). A result directory carries `manifest.json` with the SHA-256 of every file in it; readers
check those, because a flipped bit in Parquet often reads as different data rather than as an error.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from blake3 import blake3

from data.errors import Refused
from data.exchange import exchange
from data.leftovers import removed_at_the_end
from data.locks import sole_writer

MANIFEST = "manifest.json"
ROW_GROUP_ROWS, _FEWEST_ROWS = 1 << 18, 1 << 12

_MOST_CELLS = 1 << 23
"""A row group is held in memory before it is written: of a wide table it has fewer rows."""


def parquet_options(columns: int) -> dict[str, Any]:
    """Return the one set of options that makes equal tables, of so many columns, equal files.

    >>> parquet_options(20)["row_group_size"], parquet_options(180)["row_group_size"]
    (262144, 32768)
    """
    rows = ROW_GROUP_ROWS
    while rows * columns > _MOST_CELLS and rows > _FEWEST_ROWS:
        rows //= 2
    return {
        "compression": "zstd",
        "compression_level": 1,  # for a table of signals 4 % larger than 3, in 60 % of the time
        "statistics": True,
        "row_group_size": rows,
    }


@contextlib.contextmanager
def disk_refusals(path: Path) -> Iterator[None]:
    """Refuse where the disk does: with an `OSError`, or with what polars makes of one."""
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if number is None:  # polars tells it in words
            told = re.search(r"os error (\d+)", str(error))
            number = int(told[1]) if told else None
        if number is None and not isinstance(error, OSError):
            raise
        said = str(error) if number is None else os.strerror(number)
        free = _free_space(path) if number in (errno.ENOSPC, errno.EDQUOT) else ""
        raise Refused(
            f"{path} could not be written: {said}{free}.",
            hint="Name a folder you may write to, with enough space, in --out.",
        ) from error


def _free_space(path: Path) -> str:
    """Say how much space the disk has on which a file is to be."""
    there = next(folder for folder in path.absolute().parents if folder.is_dir())
    return f" ({shutil.disk_usage(there).free / 1e6:,.1f} MB are free there)"


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it becomes `path`, on failure nothing remains.

    Raises
    ------
    Refused
        The folder cannot be written to, the disk is full, or another run writes `path` now.
    """
    partial = path.with_name(f".{path.name}.partial")
    with sole_writer(path), removed_at_the_end(partial):
        try:
            with disk_refusals(path):
                partial.unlink(missing_ok=True)  # a killed run left it
                yield partial
                flush(partial)
                partial.replace(path)
                flush(path.parent)
        finally:
            with contextlib.suppress(OSError):  # it may never have come to be
                partial.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_directory(path: Path, *, mark: str = MANIFEST) -> Iterator[Path]:
    """Yield an empty directory to fill; on success it becomes `path`, on failure nothing remains.

    An earlier result at `path` (an empty directory, or one with the file `mark`) is replaced.

    Raises
    ------
    Refused
        `path` holds something that is not an earlier result, the disk refuses, or another run
        writes `path` now.
    """
    path = path.absolute()
    refuse_foreign(path, mark=mark)
    partial, old = (path.with_name(f".{path.name}.{end}") for end in ("partial", "old"))
    with sole_writer(path), removed_at_the_end(partial):
        try:
            with disk_refusals(path):
                _take_back(old, path)
                shutil.rmtree(partial, ignore_errors=True)  # a killed run left it
                partial.mkdir(parents=True)
                yield partial
                for inside in (*sorted(partial.rglob("*")), partial):
                    flush(inside)
                if not (path.exists() and exchange(partial, path)):
                    if path.exists():
                        path.rename(old)
                    partial.rename(path)
                flush(path.parent)
        finally:
            _take_back(old, path)
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def _take_back(old: Path, path: Path) -> None:
    """Give an earlier result its name back: whoever was to replace it got no further."""
    if old.exists() and not path.exists():
        old.rename(path)


def refuse_foreign(path: Path, *, mark: str = MANIFEST) -> None:
    """Refuse a result directory that holds anything but an earlier result, before any work.

    Parameters
    ----------
    mark
        The file by which an earlier result is known.

    Raises
    ------
    Refused
        `path` is a file, or a directory with other people's files.
    """
    if path.is_dir() and any(path.iterdir()) and not (path / mark).exists():
        raise Refused(
            f"{path} holds files that are not an earlier result of Unrinse.",
            expected=f"a new or empty folder, or one with a {mark}",
            hint="Name another folder in --out.",
        )
    if path.exists() and not path.is_dir():
        raise Refused(f"{path} is a file.", expected="a folder", hint="Name another --out.")


def flush(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a table with the one set of options that makes equal tables equal files."""
    frame.rechunk().write_parquet(path, **parquet_options(frame.width))


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def blake3_file(path: Path) -> str:
    """Return the BLAKE3 hash of a file, in hex: as hard to forge as SHA-256, and four times faster.

    A reader checks it; the SHA-256 beside it is what others can compare with their own tools.
    """
    digest, buffer = blake3(max_threads=1), memoryview(bytearray(1 << 18))
    with path.open("rb", buffering=0) as handle:  # mapped, a disk that fails would end the process
        while size := handle.readinto(buffer):
            digest.update(buffer[:size])
    return digest.hexdigest()


def write_manifest(directory: Path, kind: str, facts: Mapping[str, Any]) -> None:
    """Write `manifest.json` over all files of a result directory.

    Parameters
    ----------
    kind
        What the directory is: ``store``, ``bundle``, ``alerts``, …
    facts
        Further entries: inputs and their hashes, row counts, `as_of`. No wall-clock times: the
        same input must give the same bytes.
    """
    paths = [p for p in sorted(directory.rglob("*")) if p.is_file() and p.name != MANIFEST]
    files = {p.relative_to(directory).as_posix(): hashes_of(p) for p in paths}
    (directory / MANIFEST).write_text(sealed_manifest(kind, facts, files), encoding="utf-8")


class FileHashes(NamedTuple):
    """The hashes of a file: one for whoever looks it up, and a quicker one to check it by."""

    sha256: str
    blake3: str | None


def hashes_of(path: Path) -> FileHashes:
    """Return the hashes of a file."""
    return FileHashes(sha256_file(path), blake3_file(path))


def recorded_hashes(manifest: Mapping[str, Any]) -> dict[str, FileHashes]:
    """Return the hashes that a manifest has of its files."""
    quick = manifest.get("blake3", {})
    return {name: FileHashes(sha, quick.get(name)) for name, sha in manifest["files"].items()}


def sealed_manifest(kind: str, facts: Mapping[str, Any], files: Mapping[str, FileHashes]) -> str:
    """Return the text of a manifest over files, given by name."""
    content = {
        "kind": kind,
        **facts,
        "files": {name: hashes.sha256 for name, hashes in files.items()},
        "blake3": {name: hashes.blake3 for name, hashes in files.items() if hashes.blake3},
    }
    content["checksum"] = _checksum(content)
    return _json(content)


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _checksum(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest without its checksum: against damage, not forgery."""
    bare = {name: value for name, value in content.items() if name != "checksum"}
    return hashlib.sha256(_json(bare).encode()).hexdigest()


def read_manifest(directory: Path, *, files: bool = True) -> dict[str, Any]:
    """Read and check `manifest.json`: it and every file it names are as they were written.

    Parameters
    ----------
    files
        Check the files too; else whoever reads one must have had `check_files` do so.

    Raises
    ------
    Refused
        There is none, it cannot be read, or a file differs from it.
    """
    path = directory / MANIFEST
    try:
        text = path.read_bytes().decode()
        manifest = json.loads(text)
        dict(manifest["files"]), dict(manifest.get("blake3", {}))
        recorded = manifest["checksum"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            f"{path} cannot be read ({type(error).__name__}: {error}).",
            expected="the manifest Unrinse wrote there",
            hint="Make the result again from its source.",
        ) from error
    if recorded != _checksum(manifest) or text != _json(manifest):
        raise Refused(
            f"{path} is not the file that was written: its checksum differs.",
            hint="The file was changed or damaged; make the result again from its source.",
        )
    if files:
        check_files(directory, manifest)
    return manifest


def check_files(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Check that every file that a manifest names is as it was written.

    Raises
    ------
    Refused
        One is missing or differs.
    """
    quick = manifest.get("blake3", {})
    for name, recorded in manifest["files"].items():
        file = directory / name
        if not file.is_file():
            raise Refused(f"{file} is missing.", expected="every file that the manifest names")
        hashed, wanted = (blake3_file, quick[name]) if name in quick else (sha256_file, recorded)
        if hashed(file) != wanted:
            raise Refused(
                f"{file} is not the file that was written: its hash differs from the manifest's.",
                hint="The file was changed or damaged; make it again from its source.",
            )


def write_store(
    out: Path,
    transfers: pl.DataFrame,
    coverage: pl.DataFrame,
    quarantine: pl.DataFrame,
    facts: Mapping[str, Any],
    further: Mapping[str, pl.DataFrame] | None = None,
) -> None:
    """Write a store: transfers, coverage, quarantine and manifest, whole or not at all.

    Parameters
    ----------
    transfers
        Canonical and in order (`schema.sort_transfers`); ids are added when absent.
    facts
        Manifest entries; ``as_of`` (ISO 8601, the moment the data speaks for) and ``synthetic``
        (bool) are required.
    further
        More tables, by file name.
    """
    if missing := {"as_of", "synthetic"} - set(facts):
        raise ValueError(f"A store's manifest needs {sorted(missing)}.")
    with whole_directory(out) as directory:
        write_store_tables(directory, transfers, coverage, quarantine)
        for name, table in (further or {}).items():
            write_parquet(table, directory / name)
        rows = {
            "transfers": transfers.height,
            "coverage": coverage.height,
            "quarantine": quarantine.height,
        }
        write_manifest(directory, "store", {**facts, "rows": rows})


def write_store_tables(
    directory: Path, transfers: pl.DataFrame, coverage: pl.DataFrame, quarantine: pl.DataFrame
) -> None:
    """Write a store's tables, derived columns and address dictionary, but no manifest yet."""
    from data.derived import with_derived_columns  # only writers pay for numba

    transfers, addresses = with_derived_columns(transfers)
    write_parquet(transfers, directory / "transfers.parquet")
    write_parquet(addresses, directory / "addresses.parquet")
    write_parquet(coverage, directory / "coverage.parquet")
    write_parquet(quarantine, directory / "quarantine.parquet")
