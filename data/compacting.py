"""The runs of a store become one file again, as one ingest would have written it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from data.appending import take_effect, with_origins
from data.commits import folder_of
from data.origins import ORIGINS, STAGED
from data.parquet_parts import ParquetParts
from data.runs import ADDRESSES, ORIGINS_FILE, TRANSFERS_FILE, Run, scan_runs
from data.schema import DERIVED_COLUMNS, TRANSFERS, empty
from data.storage import ROW_GROUP_ROWS, hashes_of, whole_directory, write_parquet
from data.store_files import SET_ASIDE_FILE, TABLES, StoreState


def is_compact(state: StoreState) -> bool:
    """Say whether a store is one file, all of which counts."""
    return len(state.runs) == 1 and state.runs[0].codes is None


def write_compact(state: StoreState) -> None:
    """Write all runs of a store into one file, and let it take effect."""
    target = folder_of(state.store, state.commit + 1)
    rows = sum(len(run) for run in state.runs)
    with whole_directory(target) as folder:
        _write_transfers(state, folder)
        dictionary = pl.read_parquet(state.store / state.manifest["dictionary"])
        write_parquet(dictionary, folder / ADDRESSES)
        set_aside = _write_origins(state, folder)
        for name in TABLES:
            if (table := state.table(name)) is not None:
                if name == SET_ASIDE_FILE:
                    table = pl.concat([table, set_aside])
                write_parquet(table, folder / name)
        made = {p.name: hashes_of(p) for p in sorted(folder.iterdir())}
    take_effect(state, [Run(target, 0, rows)], {"dictionary": f"{target.name}/{ADDRESSES}"}, made)


def _write_transfers(state: StoreState, folder: Path) -> None:
    columns = {**TRANSFERS, **DERIVED_COLUMNS}
    scan = scan_runs(state.runs, coded=True).select(list(columns))
    with ParquetParts(folder / TRANSFERS_FILE, pl.Schema(columns)) as file:
        for part in _parts(scan):
            file.write(part)


def _write_origins(state: StoreState, folder: Path) -> pl.DataFrame:
    """Write the origins; returns the source rows that they do not tell, of runs without any."""
    if not any((run.folder / ORIGINS_FILE).exists() for run in state.runs):
        return empty(STAGED)
    set_aside = [empty(STAGED)]
    with ParquetParts(folder / ORIGINS_FILE, pl.Schema(ORIGINS)) as file:
        for run in state.runs:
            for part in _parts(run.with_origins()):
                if "whole" not in part.columns:
                    part, aside = with_origins(part)
                    set_aside.append(aside)
                file.write(part.select(list(ORIGINS)))
    return pl.concat(set_aside)


def _parts(scan: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    yield from scan.collect_batches(chunk_size=ROW_GROUP_ROWS, maintain_order=True)
