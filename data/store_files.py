"""The files of a store, and how its manifest names those of a store that was appended to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data.commits import tidy
from data.errors import Refused
from data.locks import sole_writer
from data.runs import ADDRESSES, ORIGINS_FILE, TRANSFERS_FILE, Run
from data.storage import MANIFEST, FileHashes, read_manifest, recorded_hashes

COVERAGE_FILE, QUARANTINE_FILE = "coverage.parquet", "quarantine.parquet"
SET_ASIDE_FILE, DAYS_FILE = "set-aside.parquet", "days.parquet"
TABLES = (COVERAGE_FILE, QUARANTINE_FILE, SET_ASIDE_FILE, DAYS_FILE)
RUN_FILES = (TRANSFERS_FILE, ADDRESSES, ORIGINS_FILE)

DICTIONARY_FILE = "dictionary.parquet"
"""The addresses of all runs together."""

RUNS = "runs"
"""The entry of the manifest that lists the runs; a store from one ingest has none."""


@dataclass(frozen=True)
class StoreState:
    """What a store holds, for whoever makes its next commit.

    Attributes
    ----------
    store
        The folder.
    manifest
        As it was read.
    runs
        In order.
    tables
        The folder of the tables beside them.
    """

    store: Path
    manifest: Mapping[str, Any]
    runs: tuple[Run, ...]
    tables: Path

    @property
    def commit(self) -> int:
        """Its number; 1 for a store from one ingest."""
        return int(self.manifest.get("commit", 1))

    def table(self, name: str) -> pl.DataFrame | None:
        """Read one of `TABLES`; None where this store has none."""
        path = self.tables / name
        return pl.read_parquet(path) if path.exists() else None

    def carried(self, runs: Sequence[Run]) -> dict[str, FileHashes]:
        """Return the files, with their hashes, that the next commit takes over with some runs."""
        kept = {(run.folder / file).relative_to(self.store) for run in runs for file in RUN_FILES}
        names = {path.as_posix() for path in kept}
        return {
            name: hashes
            for name, hashes in recorded_hashes(self.manifest).items()
            if name in names or ("/" not in name and name not in (*TABLES, *RUN_FILES))
        }


def read_state(store: Path) -> StoreState:
    """Read and check the state of a store.

    Raises
    ------
    Refused
        It is none, or a file is not as it was written.
    """
    manifest = read_manifest(existing_store(store))
    if manifest["kind"] != "store":
        raise Refused(f"{store} is no store but a result of the kind {manifest['kind']}.")
    if RUNS in manifest:
        return StoreState(
            store, manifest, committed_runs(store, manifest), store / manifest["folder"]
        )
    rows = pl.scan_parquet(store / TRANSFERS_FILE, glob=False).select(pl.len()).collect().item()
    return StoreState(store, manifest, (Run(store, 0, rows),), store)


@contextlib.contextmanager
def next_commit(store: Path) -> Iterator[StoreState]:
    """Be the only one who makes a store's next commit, for the block; yields its checked state.

    Raises
    ------
    Refused
        As for `read_state`, or somebody else is writing to it. Nothing has changed then.
    """
    with sole_writer(existing_store(store)):
        state = read_state(store)  # before anything is tidied away: the manifest decides what goes
        tidy(store)
        yield state


def existing_store(store: Path) -> Path:
    """Return a folder that has a manifest.

    Raises
    ------
    Refused
        It has none, or is not there.
    """
    if not (store / MANIFEST).exists():
        raise Refused(
            f"there is no store at {store}.", expected="a store, as `unrinse ingest` writes it"
        )
    return store


def committed_runs(store: Path, manifest: Mapping[str, Any]) -> tuple[Run, ...]:
    """Return the runs that a manifest lists."""
    return tuple(
        Run(
            store / run["folder"],
            run["start"],
            run["end"],
            None if run["codes"] is None else store / run["codes"],
        )
        for run in manifest[RUNS]
    )


def listed_runs(store: Path, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the manifest's entry for runs."""
    return [
        {
            "folder": run.folder.relative_to(store).as_posix(),
            "start": run.start,
            "end": run.end,
            "codes": None if run.codes is None else run.codes.relative_to(store).as_posix(),
        }
        for run in runs
    ]
