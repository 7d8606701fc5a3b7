"""Opening transfers: a store, a Parquet file, a folder of them or a glob.

A store (what `ingest` and `simulate` write) vouches for its order, ids and bytes through its
manifest, so readers trust them. Any other Parquet is checked before use and sorted if need be.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import polars as pl

from data.commits import Hold, files_in_force, hold
from data.errors import Refused
from data.parquet_trial import refuse_broken_parquet
from data.runs import ADDRESSES, ORIGINS_FILE, Run, scan_runs
from data.schema import COVERAGE, DERIVED_COLUMNS, conform_transfers, leg_set
from data.storage import MANIFEST, check_files, read_manifest, sha256_file
from data.store_files import (
    COVERAGE_FILE,
    DAYS_FILE,
    RUNS,
    TABLES,
    committed_runs,
)
from data.transfers_check import first_line, refuse_faulty

_NOT_TRANSFERS = (ADDRESSES, ORIGINS_FILE, *TABLES)
_MAGIC = b"PAR1"
_WHAT = "whole Parquet files, as `unrinse ingest` writes them"


@dataclass(frozen=True)
class Transfers:
    """Transfers on disk, ready to be scanned.

    Attributes
    ----------
    files
        The Parquet files, in the order in which rows are numbered.
    sidecar
        The file of the coverage table beside them, or None.
    as_of
        The moment the data speaks for, as recorded at ingest; None where nothing recorded it.
    synthetic
        True where the manifest says that a simulation made them.
    trusted
        True where a verified manifest vouches for order and ids.
    assume_complete
        True where the user declared that every address is covered in full.
    recorded
        The SHA-256 of each file by name, as the verified manifest has it.
    listed
        The dictionary of the addresses that stored codes mean; None where there is none to rely on.
    runs
        The stretches of the files that a store consists of; none: whole files, end to end.
    content_sha256
        The hash of what a store holds, however it came in, where its manifest says it.
    daily
        The table of the hashes of its days (`data.days`), where it has one.
    held
        Keeps the store's files from being removed by a later commit.
    store
        The folder whose manifest vouches for them, if one does.
    unchecked
        Checks the files of a store against its manifest, where that has not been done; whatever
        reads any does it first.
    """

    files: tuple[Path, ...]
    sidecar: Path | None
    as_of: datetime | None
    synthetic: bool
    trusted: bool
    assume_complete: bool
    recorded: Mapping[str, str]
    listed: Path | None = None
    runs: tuple[Run, ...] = ()
    content_sha256: str | None = None
    daily: Path | None = None
    held: Hold | None = field(default=None, compare=False, repr=False)
    store: Path | None = None
    unchecked: Callable[[], None] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def checked(self) -> bool:
        """Whether the files are as they were written: True, or it raises.

        Raises
        ------
        Refused
            A file of the store was changed.
        """
        if self.unchecked is not None:
            self.unchecked()
        return True

    def scan(self) -> pl.LazyFrame:
        """Scan the canonical columns (and codes to rely upon), with ``row`` numbering the rows."""
        _ = self.checked
        if self.runs:
            return scan_runs(self.runs, coded=self.has_codes).with_row_index("row")
        return _scan(self.files, coded=self.has_codes).with_row_index("row")

    def followed(self) -> pl.LazyFrame:
        """Scan the transfers that say who deals with whom."""
        return followed(self.scan())

    @cached_property
    def coverage(self) -> pl.DataFrame | None:
        """The coverage table beside them, or None; read when it is first asked for."""
        return _coverage(self.sidecar) if self.sidecar is not None and self.checked else None

    @cached_property
    def sha256(self) -> str:
        """One hash of what they hold, or over files that no manifest says that of."""
        if self.content_sha256 is not None:
            return self.content_sha256
        parts = [self.recorded.get(f.name) or sha256_file(f) for f in self.files]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def has_codes(self) -> bool:
        """Whether stored codes can be relied upon, with a dictionary that names them."""
        return self.listed is not None

    def addresses(self) -> pl.DataFrame | None:
        """Return ``chain`` and ``address`` by code from the store's dictionary, if any."""
        listed = self.scan_addresses()
        return None if listed is None else listed.collect()

    def scan_addresses(self) -> pl.LazyFrame | None:
        """Scan what `addresses` reads."""
        if self.listed is None:
            return None
        _ = self.checked
        return pl.scan_parquet(self.listed).select("chain", "address")


def followed(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Leave out what says nothing of who deals with whom: what is screened, and fees."""
    return rows.filter(pl.col("screened").is_null(), pl.col("kind") != "fee")


def open_transfers(
    path: Path, *, assume_complete: bool = False, sparing: bool = False
) -> Transfers:
    """Find, check and describe the transfers at `path`.

    Parameters
    ----------
    path
        A store, a Parquet file, a folder of Parquet files, or a glob.
    assume_complete
        Declare full coverage for every address (for tables without a coverage sidecar).
    sparing
        Check the files of a store only when one is read, for whoever may not need to.

    Raises
    ------
    Refused
        Nothing is there, a file is not readable Parquet or lacks a required column, a store was
        changed after it was written, or rows are unusable (the first fault is named).
    """
    committed = _committed(path, sparing)
    if committed is not None:
        return replace(committed, assume_complete=assume_complete)
    files = _parquet_files(path)
    folder = files[0].parent
    held, manifest = _manifest_over(folder, files, sparing)
    sidecar = folder / COVERAGE_FILE
    present = [*files, sidecar] if sidecar.exists() else list(files)
    # A damaged file can end the process that reads it; one whose hash a manifest holds is whole.
    vouched = manifest["files"] if manifest else {}
    strange = [f for f in present if f.name not in vouched]
    if manifest is None:  # a store was checked when it was written
        refuse_faulty(path, files, [f for f in strange if f not in files], _WHAT)
    else:
        refuse_broken_parquet(strange, _WHAT)
    recorded = manifest.get("as_of") if manifest else None
    transfers = Transfers(
        files=files,
        sidecar=sidecar if sidecar.exists() else None,
        as_of=None if recorded is None else datetime.fromisoformat(recorded).astimezone(UTC),
        synthetic=bool(manifest and manifest.get("synthetic")),
        trusted=manifest is not None,
        assume_complete=assume_complete,
        recorded=manifest["files"] if manifest else {},
        listed=folder / ADDRESSES if manifest and (folder / ADDRESSES).exists() else None,
        content_sha256=manifest.get("content_sha256") if manifest else None,
        daily=folder / DAYS_FILE if DAYS_FILE in vouched else None,
        held=held,
        store=folder if manifest else None,
        unchecked=partial(check_files, folder, manifest) if manifest and sparing else None,
    )
    if sidecar.name not in vouched:  # somebody's own is looked at, whether it is needed or not
        _ = transfers.coverage
    return transfers


def _committed(path: Path, sparing: bool) -> Transfers | None:
    """Open a store that was appended to; None where it is none."""
    try:
        listed = json.loads((path / MANIFEST).read_bytes()).get(RUNS)
    except (OSError, ValueError, AttributeError):
        return None
    if listed is None:
        return None
    held, manifest = _held(path, sparing)
    runs = committed_runs(path, manifest)
    tables = path / manifest["folder"]
    return Transfers(
        files=tuple(dict.fromkeys(run.file for run in runs)),
        sidecar=tables / COVERAGE_FILE,
        as_of=datetime.fromisoformat(manifest["as_of"]).astimezone(UTC),
        synthetic=bool(manifest["synthetic"]),
        trusted=True,
        assume_complete=False,
        recorded=manifest["files"],
        listed=path / manifest["dictionary"],
        runs=runs,
        content_sha256=manifest["content_sha256"],
        daily=tables / DAYS_FILE if (tables / DAYS_FILE).exists() else None,
        held=held,
        store=path,
        unchecked=partial(check_files, path, manifest) if sparing else None,
    )


def _held(store: Path, sparing: bool) -> tuple[Hold | None, dict[str, Any]]:
    """Hold a commit and read it; the next one, where that takes its place in between."""
    while True:
        held = hold(store)
        try:
            manifest = read_manifest(store, files=not sparing)
        except Refused:  # perhaps its files went away while they were read
            if held is None or held.files() == files_in_force(store):
                raise
            continue
        if held is None or held.files() == manifest["files"]:
            return held, manifest


def _parquet_files(path: Path) -> tuple[Path, ...]:
    if path.is_dir():
        store = path / "transfers.parquet"
        found = [store] if store.exists() else sorted(path.glob("*.parquet"))
        found = [f for f in found if f.name not in _NOT_TRANSFERS]
    elif has_magic(str(path)):
        found = sorted(Path(f) for f in glob(str(path)))  # noqa: PTH207 - it may be absolute
    else:
        found = [path] if path.is_file() else []
    if not found:
        raise Refused(
            f"no transfers at {path}.",
            expected="a store (see `unrinse ingest`), a Parquet file, a folder of them or a glob",
        )
    for file in found:
        _refuse_other_formats(file)
    return tuple(found)


def _refuse_other_formats(file: Path) -> None:
    with file.open("rb") as handle:
        start = handle.read(len(_MAGIC))
    if not start:
        raise Refused(f"{file} is empty.", expected="a Parquet file with transfers")
    if start != _MAGIC:
        raise Refused(
            f"{file} is not a Parquet file.",
            expected=_WHAT,
            hint="Bring exports in with `unrinse ingest`.",
        )


def _manifest_over(
    folder: Path, files: tuple[Path, ...], sparing: bool
) -> tuple[Hold | None, dict[str, Any] | None]:
    if not (folder / MANIFEST).exists():
        return None, None
    held, manifest = _held(folder, sparing)
    if RUNS in manifest:
        raise Refused(
            f"{files[0]} is a part of the store {folder}, which was appended to.",
            expected=f"the store, {folder}",
        )
    vouched = {folder / name for name in manifest["files"]}  # not a namesake in another folder
    return (held, manifest) if vouched.issuperset(files) else (None, None)


def _coverage(path: Path) -> pl.DataFrame:
    """Read a coverage table, which may be somebody's own."""
    try:
        coverage = pl.read_parquet(path).select(
            pl.col(name).cast(kind) for name, kind in COVERAGE.items()
        )
        for legs in coverage["legs"].unique().to_list():
            leg_set(legs)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise Refused(
            f"{path} is no coverage table ({first_line(error)}).",
            expected=f"the columns {', '.join(COVERAGE)}",
        ) from error
    if coverage.select("chain", "address", "complete").null_count().sum_horizontal().item():
        raise Refused(f"{path} leaves a chain, an address or `complete` empty.")
    return coverage


def _scan(files: tuple[Path, ...], *, coded: bool) -> pl.LazyFrame:
    """Scan the files end to end; each may leave other nullable columns out."""
    parts = [conform_transfers(pl.scan_parquet(file, glob=False)) for file in files]
    if not coded:
        parts = [part.drop(DERIVED_COLUMNS, strict=False) for part in parts]
    return pl.concat(parts) if len(parts) > 1 else parts[0]
