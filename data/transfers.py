"""Opening transfers: a store, a Parquet file, a folder of them or a glob.

A store (what `ingest` and `simulate` write) vouches for its order, ids and bytes through its
manifest, so readers trust them. Any other Parquet is checked before use and sorted if need be.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.schema import COVERAGE, conform_transfers, row_faults
from data.storage import MANIFEST, read_manifest, sha256_file

ADDRESSES = "addresses.parquet"


@dataclass(frozen=True)
class Transfers:
    """Transfers on disk, ready to be scanned.

    Attributes
    ----------
    files
        The Parquet files, in the order in which rows are numbered.
    coverage
        The coverage table beside them, or None.
    as_of
        The moment the data speaks for, as recorded at ingest; None where nothing recorded it.
    synthetic
        True where the manifest says that a simulation made them.
    trusted
        True where a verified manifest vouches for order and ids.
    assume_complete
        True where the user declared that every address is covered in full.
    sha256
        One hash over the files.
    """

    files: tuple[Path, ...]
    coverage: pl.DataFrame | None
    as_of: datetime | None
    synthetic: bool
    trusted: bool
    assume_complete: bool
    sha256: str

    def scan(self) -> pl.LazyFrame:
        """Scan the canonical columns (and stored ids), with ``row`` numbering the rows."""
        return conform_transfers(_scan(self.files)).with_row_index("row")

    def addresses(self) -> pl.DataFrame | None:
        """Return the store's address dictionary (``id``, ``chain``, ``address``), if any."""
        path = self.files[0].parent / ADDRESSES
        return pl.read_parquet(path) if self.trusted and path.exists() else None


def open_transfers(path: Path, *, assume_complete: bool = False) -> Transfers:
    """Find, check and describe the transfers at `path`.

    Parameters
    ----------
    path
        A store, a Parquet file, a folder of Parquet files, or a glob.
    assume_complete
        Declare full coverage for every address (for tables without a coverage sidecar).

    Raises
    ------
    Refused
        Nothing is there, a file is not readable Parquet or lacks a required column, a store was
        changed after it was written, or rows are unusable (the first fault is named).
    """
    files = _parquet_files(path)
    folder = files[0].parent
    manifest = _manifest_over(folder, files)
    sidecar = folder / "coverage.parquet"
    try:
        present = _scan(files).collect_schema().names()
        conform_transfers(_scan(files)).collect_schema()
        coverage = pl.read_parquet(sidecar) if sidecar.exists() else None
    except ValueError as error:
        raise Refused(str(error), hint="Bring the file in with `unrinse ingest table`.") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Refused(
            f"{path} is not readable as Parquet ({_first_line(error)}).",
            expected="whole Parquet files, as `unrinse ingest` writes them",
        ) from error
    if manifest is None:
        _refuse_faulty(path, files, present)
    recorded = manifest.get("as_of") if manifest else None
    return Transfers(
        files=files,
        coverage=None if coverage is None else coverage.select(list(COVERAGE)),
        as_of=None if recorded is None else datetime.fromisoformat(recorded).astimezone(UTC),
        synthetic=bool(manifest and manifest.get("synthetic")),
        trusted=manifest is not None,
        assume_complete=assume_complete,
        sha256=_joint_hash(files, manifest),
    )


def _parquet_files(path: Path) -> tuple[Path, ...]:
    if path.is_dir():
        store = path / "transfers.parquet"
        found = [store] if store.exists() else sorted(path.glob("*.parquet"))
        found = [f for f in found if f.name not in (ADDRESSES, "coverage.parquet")]
    elif has_magic(str(path)):
        found = sorted(Path(f) for f in glob(str(path)))
    else:
        found = [path] if path.is_file() else []
    if not found:
        raise Refused(
            f"no transfers at {path}.",
            expected="a store (see `unrinse ingest`), a Parquet file, a folder of them or a glob",
        )
    if empty := [f for f in found if f.stat().st_size == 0]:
        raise Refused(f"{empty[0]} is empty.", expected="a Parquet file with transfers")
    return tuple(found)


def _manifest_over(folder: Path, files: tuple[Path, ...]) -> dict[str, Any] | None:
    if not (folder / MANIFEST).exists():
        return None
    manifest = read_manifest(folder)
    return manifest if all(f.name in manifest["files"] for f in files) else None


def _refuse_faulty(path: Path, files: tuple[Path, ...], present: list[str]) -> None:
    """Refuse a foreign table whose rows break the schema (a store was checked when written)."""
    latest = datetime.now(UTC) + timedelta(days=1)
    checks = [
        fault.fill_null(False).sum().alias(why) for why, fault in row_faults(latest)
    ]
    try:
        counts = conform_transfers(_scan(files)).select(checks).collect().row(0, named=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Refused(
            f"{path} is not readable as Parquet ({_first_line(error)}).",
            expected="whole Parquet files, as `unrinse ingest` writes them",
        ) from error
    if faults := [f"{why} ({n} rows)" for why, n in counts.items() if n]:
        raise Refused(
            f"{path} holds unusable rows: {'; '.join(faults)}.",
            hint="Bring the file in with `unrinse ingest table`, which quarantines such rows.",
        )


def _scan(files: tuple[Path, ...]) -> pl.LazyFrame:
    return pl.scan_parquet(list(files), glob=False)


def _joint_hash(files: tuple[Path, ...], manifest: dict[str, Any] | None) -> str:
    recorded = manifest["files"] if manifest else {}
    parts = [recorded.get(f.name) or sha256_file(f) for f in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
