"""A further delivery becomes the next commit of a store, as if all had come at once.

Only the transactions that the delivery touches are merged anew, from their source rows
(`data.origins`). Where that changes any of their transfers, the stretch of the table from the first
change to the last, chain by chain, is written as a new run; a delivery of a new day, with nothing
before it, is a run of that day. All other rows stay in the files they are in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from data.commits import commit, folder_of, tidy
from data.content import content_sha256, day_hashes
from data.coverage import merge_coverage
from data.derived import with_derived_columns
from data.merging import Merged
from data.origins import ORIGINS, STAGED, origins_of, staged_again
from data.runs import (
    ADDRESSES,
    ORIGINS_FILE,
    TRANSFERS_FILE,
    Run,
    codes_in,
    scan_runs,
    shared_dictionary,
    stretch_of,
)
from data.schema import COVERAGE, QUARANTINE, TRANSFERS, empty, sort_transfers
from data.storage import ROW_GROUP_ROWS, FileHashes, hashes_of, whole_directory, write_parquet
from data.store_files import (
    COVERAGE_FILE,
    DAYS_FILE,
    DICTIONARY_FILE,
    QUARANTINE_FILE,
    RUNS,
    SET_ASIDE_FILE,
    StoreState,
    listed_runs,
)

_SEALED = ("kind", "files", "blake3", "checksum")
"""What a manifest is made of besides its facts."""

_TX = ["chain", "tx_id"]
_CANONICAL = list(TRANSFERS)


_KINDS = {COVERAGE_FILE: COVERAGE, QUARANTINE_FILE: QUARANTINE, SET_ASIDE_FILE: STAGED}


@dataclass(frozen=True)
class Earlier:
    """What a store holds of the transactions that a delivery touches.

    Attributes
    ----------
    transfers
        Beside their origins.
    staged
        Their source rows (`data.origins.STAGED`).
    """

    transfers: pl.DataFrame
    staged: pl.DataFrame


@dataclass(frozen=True)
class Delivery:
    """What a delivery brings, besides the rows.

    Attributes
    ----------
    staged
        Its usable source rows (`data.origins.STAGED`).
    coverage, quarantine
        Tables of its own.
    facts
        Entries of the manifest.
    """

    staged: pl.DataFrame
    coverage: pl.DataFrame
    quarantine: pl.DataFrame
    facts: Mapping[str, Any]


class Stretch(NamedTuple):
    """Rows of the table, all of one chain."""

    chain: str
    start: int
    end: int


@dataclass(frozen=True)
class _Change:
    """What is replaced in the table: rows of some transactions, in stretches of its rows."""

    transactions: pl.DataFrame
    old: pl.DataFrame
    new: pl.DataFrame
    origins: pl.DataFrame
    stretches: tuple[Stretch, ...]


def earlier_rows(state: StoreState, rows: pl.DataFrame) -> Earlier:
    """Find what a store holds of the transactions of some rows."""
    touched = rows.select(_TX).unique().lazy()
    parts = [
        run.with_origins().join(touched, on=_TX, how="semi").collect(engine="streaming")
        for run in state.runs
    ]
    aside = _table(state, SET_ASIDE_FILE).join(touched.collect(), on=_TX, how="semi")
    staged = pl.concat([aside, *(staged_again(part) for part in parts)])
    return Earlier(pl.concat([part.select(_CANONICAL) for part in parts]), staged)


def add_commit(state: StoreState, earlier: Earlier, merged: Merged, new: Delivery) -> int:
    """Write what a delivery changes, and let it take effect; returns the rows of the store.

    Parameters
    ----------
    merged
        The rows of `earlier` and of `new` together.
    """
    change = _change(state, earlier, merged)
    target = folder_of(state.store, state.commit + 1)
    with whole_directory(target) as folder:
        new_runs, carried_aside = _write_run(state, change, folder)
        runs = _write_dictionary(_laid(state, change.stretches, new_runs), folder)
        days = _days(state, change, runs)
        write_parquet(days, folder / DAYS_FILE)
        coverage = merge_coverage([_table(state, COVERAGE_FILE), new.coverage])
        write_parquet(coverage, folder / COVERAGE_FILE)
        quarantine = pl.concat([_table(state, QUARANTINE_FILE), new.quarantine])
        write_parquet(quarantine, folder / QUARANTINE_FILE)
        aside = pl.concat([_set_aside(state, change, merged, new), carried_aside])
        write_parquet(aside, folder / SET_ASIDE_FILE)
        made = {p.name: hashes_of(p) for p in sorted(folder.iterdir())}
    rows = sum(len(run) for run in runs)
    facts = {
        **new.facts,
        "inputs": {**state.manifest.get("inputs", {}), **new.facts.get("inputs", {})},
        "rows": {"transfers": rows, "coverage": coverage.height, "quarantine": quarantine.height},
        "content_sha256": content_sha256(days),
        "dictionary": f"{target.name}/{DICTIONARY_FILE}",
    }
    take_effect(state, [_moved(run, folder, target) for run in runs], facts, made)
    return rows


def take_effect(
    state: StoreState, runs: Sequence[Run], facts: Mapping[str, Any], made: Mapping[str, FileHashes]
) -> None:
    """Let the next commit of a store take effect, whose new files are in its folder.

    Parameters
    ----------
    facts
        What its manifest says differently from the last.
    made
        The hashes of the new files by name.
    """
    number = state.commit + 1
    folder = folder_of(state.store, number).name
    former = {k: v for k, v in state.manifest.items() if k not in _SEALED}
    of_runs = {RUNS: listed_runs(state.store, runs), "commit": number, "folder": folder}
    files = {**state.carried(runs), **{f"{folder}/{name}": hashes for name, hashes in made.items()}}
    commit(state.store, {**former, **facts, **of_runs}, dict(sorted(files.items())))
    tidy(state.store)


def _change(state: StoreState, earlier: Earlier, merged: Merged) -> _Change:
    """Compare what the touched transactions were with what they are now."""
    was, now = earlier.transfers, merged.transfers
    gone = was.join(now, on=_CANONICAL, how="anti", nulls_equal=True)
    come = now.join(was, on=_CANONICAL, how="anti", nulls_equal=True)
    transactions = pl.concat([gone.select(_TX), come.select(_TX)]).unique()
    kept = now.with_row_index("_row").join(transactions, on=_TX, how="semi").sort("_row")
    old = was.join(transactions, on=_TX, how="semi")
    new = kept.drop("_row")
    moments = (
        pl.concat([old, new])
        .group_by("chain")
        .agg(pl.col("block_time").min().alias("first"), pl.col("block_time").max().alias("last"))
    )
    stretches = tuple(
        _stretch(state, chain, first, last)
        for chain, first, last in moments.sort("chain").iter_rows()
    )
    return _Change(transactions, old, new, merged.origins[kept["_row"]], stretches)


def _stretch(state: StoreState, chain: str, first: Any, last: Any) -> Stretch:
    """Return the rows of a chain's moments, and of the transactions that reach into them."""
    scan = scan_runs(state.runs, coded=True)
    time, same = pl.col("block_time"), pl.col("chain") == chain
    before = (pl.col("chain") < chain) | (same & (time < first))
    until = (pl.col("chain") < chain) | (same & (time <= last))
    counted = scan.select(a=before.sum(), b=until.sum()).collect(engine="streaming")
    start, end = counted.row(0)
    numbered = scan.select("transaction").with_row_index("row")
    while True:
        least = numbered.slice(start).select(pl.col("transaction").min()).collect().item()
        if least is None or least >= start:
            break
        start = least
    while True:
        reaching = pl.col("transaction").is_between(start, end - 1)
        furthest = numbered.slice(end).filter(reaching).select(pl.col("row").max()).collect().item()
        if furthest is None:
            return Stretch(chain, start, end)
        end = furthest + 1


def _write_run(state: StoreState, change: _Change, folder: Path) -> tuple[list[Run], pl.DataFrame]:
    """Write what takes the place of the stretches.

    Returns
    -------
    runs, set_aside
        The part of the new file for each stretch; source rows that its origins do not tell.
    """
    columns = [*TRANSFERS, *ORIGINS]
    parts = [pl.concat([change.new, change.origins], how="horizontal")]
    set_aside = [empty(STAGED)]
    for stretch in change.stretches:
        for run in stretch_of(state.runs, stretch.start, stretch.end):
            held = run.with_origins().collect()
            held = held.join(change.transactions, on=_TX, how="anti", maintain_order="left")
            if "whole" not in held.columns:
                held, aside = with_origins(held)
                set_aside.append(aside)
            parts.append(held.select(columns))
    rows = sort_transfers(pl.concat(parts))
    runs, used = [], 0
    for stretch in change.stretches:
        height = int((rows["chain"] == stretch.chain).sum())
        runs.append(Run(folder, used, used + height))
        used += height
    if used:
        transfers, addresses = with_derived_columns(rows.select(list(TRANSFERS)))
        write_parquet(transfers, folder / TRANSFERS_FILE)
        write_parquet(addresses, folder / ADDRESSES)
        write_parquet(rows.select(list(ORIGINS)), folder / ORIGINS_FILE)
    return runs, pl.concat(set_aside)


def with_origins(held: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give origins to rows of a store that was made without."""
    at = pl.int_range(pl.len(), dtype=pl.UInt32)
    origins, set_aside = origins_of(staged_again(held), held.with_columns(_at=at))
    return pl.concat([held, origins], how="horizontal"), set_aside


def _laid(state: StoreState, stretches: tuple[Stretch, ...], new: list[Run]) -> list[Run]:
    """Return the runs of the table once new ones have taken the place of some stretches."""
    laid: list[Run] = []
    at = 0
    for stretch, run in zip(stretches, new, strict=True):
        laid += stretch_of(state.runs, at, stretch.start)
        laid.append(run)
        at = stretch.end
    laid += stretch_of(state.runs, at, sum(len(run) for run in state.runs))
    return [run for run in laid if len(run)] or [state.runs[0].part(0, 0)]  # a store has a run


def _write_dictionary(runs: list[Run], folder: Path) -> list[Run]:
    """Write the dictionary of all runs; returns them with the lists that lead to it."""
    dictionary = shared_dictionary(runs)
    write_parquet(dictionary, folder / DICTIONARY_FILE)
    lists: dict[Path, Path] = {}
    for run in runs:
        if run.folder not in lists:
            lists[run.folder] = folder / f"codes-{len(lists)}.parquet"
            own = pl.read_parquet(run.folder / ADDRESSES, columns=["id"])
            write_parquet(codes_in(dictionary, own), lists[run.folder])
    return [replace(run, codes=lists[run.folder]) for run in runs]


def _days(state: StoreState, change: _Change, runs: list[Run]) -> pl.DataFrame:
    """Return the hashes of all days, of those that changed anew."""
    known = state.table(DAYS_FILE)
    scan = scan_runs(runs, coded=False)
    if known is None:
        return day_hashes(scan.collect_batches(chunk_size=ROW_GROUP_ROWS, maintain_order=True))
    day = pl.col("block_time").dt.date().alias("day")
    changed = pl.concat([change.old, change.new]).select("chain", day).unique()
    parts = [known.join(changed, on=["chain", "day"], how="anti")]
    if changed.height:
        between = day.is_between(changed["day"].min(), changed["day"].max())
        rows = scan.filter(between).with_columns(day).join(
            changed.lazy(), on=["chain", "day"], how="semi", maintain_order="left"
        )  # fmt: skip
        parts.append(day_hashes([rows.collect()]))
    return pl.concat(parts).sort("chain", "day")


def _set_aside(state: StoreState, change: _Change, merged: Merged, new: Delivery) -> pl.DataFrame:
    """Return the source rows that origins do not tell.

    Of transactions whose transfers stay as they are, the origins stay too, and the new rows join
    those that were set aside.
    """
    changed = change.transactions
    return pl.concat(
        [
            _table(state, SET_ASIDE_FILE).join(changed, on=_TX, how="anti"),
            merged.set_aside.join(changed, on=_TX, how="semi"),
            new.staged.join(changed, on=_TX, how="anti"),
        ]
    )


def _moved(run: Run, made: Path, target: Path) -> Run:
    """Return a run whose files were made in one folder as it is when that has its final name."""
    folder = target if run.folder == made else run.folder
    return replace(run, folder=folder, codes=None if run.codes is None else target / run.codes.name)


def _table(state: StoreState, name: str) -> pl.DataFrame:
    """Read one of a store's tables; an empty one where a store was made without."""
    table = state.table(name)
    return empty(_KINDS[name]) if table is None else table
