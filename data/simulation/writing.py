"""Writing a world to disk piece by piece, in several processes, with bounded memory.

First all units are played, a few hundred at a time, and their transfers put aside by stretch of
time (`slicing`); then every address is numbered; then each stretch becomes its part of the table.
The result is the same to the byte whatever the number of units at a time and of processes.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.schema import QUARANTINE, empty
from data.simulation import canonical, identities, slicing
from data.simulation.plan import draw_plan
from data.simulation.playing import Played, UnitPlan, play, stage_of, units_of
from data.simulation.tables import Tables
from data.simulation.unit import Stage
from data.simulation.world import UNITS_AT_ONCE, Size, tables_of
from data.storage import ROW_GROUP_ROWS, write_parquet

FEWEST_FOR_PROCESSES = 8 * UNITS_AT_ONCE
"""With fewer units, starting further processes takes longer than they save."""


@dataclass(frozen=True)
class Written:
    """A world on disk: its tables in memory, and how many transfers it has."""

    tables: Tables
    transfers: int


def write_transfers(
    directory: Path,
    size: Size,
    *,
    workers: int = 1,
    units_at_once: int = UNITS_AT_ONCE,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Play a world and write a store's tables into a directory, but no manifest.

    Parameters
    ----------
    directory
        Gets ``transfers.parquet``, ``addresses.parquet``, ``coverage.parquet`` and
        ``quarantine.parquet``.
    workers
        Processes to play in, and to finish stretches in.
    units_at_once, progress
        As for `world.build`; progress comes in the order of the units.
    """
    plan = draw_plan(size.seed, size.addresses, size.prevalence)
    units = units_of(plan)
    batches = [units[at : at + units_at_once] for at in range(0, len(units), units_at_once)]
    slices = slicing.cut(size.addresses, size.days)
    workers = workers if len(units) >= FEWEST_FOR_PROCESSES else 1
    with (
        tempfile.TemporaryDirectory(dir=directory, prefix=".aside-") as aside,
        _each(workers) as each,
    ):
        folder = Path(aside)
        job = partial(_play, stage_of(plan, size.seed, size.days), slices, folder)
        parts: list[Played] = []
        for units_played, part in zip(batches, each(job, list(enumerate(batches))), strict=True):
            parts.append(part)
            if progress:
                progress(sum(unit.accounts for unit in units_played))
        made = tables_of(size, parts)
        write_parquet(_address_book(folder, size.seed, slices), directory / "addresses.parquet")
        transfers = _finish(directory, folder, size, slices, each)
    write_parquet(made.coverage, directory / "coverage.parquet")
    write_parquet(empty(QUARANTINE), directory / "quarantine.parquet")
    return Written(made, transfers)


def _play(
    stage: Stage, slices: slicing.Slices, folder: Path, batch: tuple[int, Sequence[UnitPlan]]
) -> Played:
    """Play some units, put their transfers aside, and return the rest."""
    number, units = batch
    part = play(stage, units)
    slicing.put_aside(part.rows, slices, folder, f"{number:08d}.npz")
    return Played({}, part.accounts, part.told, part.spans)


def _address_book(folder: Path, seed: int, slices: slicing.Slices) -> pl.DataFrame:
    """List every address that occurs, as a store's dictionary does."""
    from data.identity import address_dictionary

    nodes = np.empty(0, dtype=np.int64)
    for number in range(slices.count):
        rows = slicing.taken_up(folder, number)
        nodes = np.unique(np.concatenate([nodes, rows["sender"], rows["receiver"]]))
    chains = pl.Series(identities.CHAINS).gather(identities.chains_of(nodes))
    return address_dictionary(chains, pl.Series(identities.addresses(seed, nodes), dtype=pl.String))


def _finish(directory: Path, folder: Path, size: Size, slices: slicing.Slices, each: _Each) -> int:
    """Write ``transfers.parquet``, stretch by stretch; return its number of rows."""
    counts = [len(slicing.taken_up(folder, n)["time"]) for n in range(slices.count)]
    starts = np.concatenate([[0], np.cumsum(counts)])
    job = partial(_finish_one, folder, directory / "addresses.parquet", size)
    files = list(each(job, [(n, int(starts[n])) for n in range(slices.count) if counts[n]]))
    pl.scan_parquet(files, glob=False).sink_parquet(
        directory / "transfers.parquet",
        compression="zstd",
        compression_level=3,
        statistics=True,
        row_group_size=ROW_GROUP_ROWS,
        maintain_order=True,
    )
    return int(starts[-1])


def _finish_one(folder: Path, book: Path, size: Size, stretch: tuple[int, int]) -> Path:
    """Write one stretch as its part of the table, with derived columns."""
    from data.derived import derived_part

    number, start = stretch
    rows = slicing.taken_up(folder, number)
    frame = canonical.transfers_frame(rows, size.seed, size.days)
    target = folder / f"{number:05d}.parquet"
    write_parquet(derived_part(frame, pl.read_parquet(book), start), target)
    return target


_Each = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]


@contextmanager
def _each(workers: int) -> Iterator[_Each]:
    """Yield a `map` that keeps the order, in this process or in several."""
    if workers <= 1:
        yield map
        return
    # Forking a process whose libraries hold threads can hang; fresh ones do not.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
