"""Writing a world to disk piece by piece, in several processes, with bounded memory.

First all units are played, a few hundred at a time, and their transfers put aside by stretch of
time (`slicing`); then every address is numbered (`address_book`); then each stretch becomes its
part of the table.
The result is the same to the byte whatever the number of units at a time and of processes.
"""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.schema import QUARANTINE, empty
from data.simulation import canonical, slicing
from data.simulation.address_book import Each, write_address_book
from data.simulation.plan import draw_plan
from data.simulation.playing import Played, UnitPlan, play, stage_of, units_of
from data.simulation.tables import Tables
from data.simulation.unit import Stage
from data.simulation.world import UNITS_AT_ONCE, Size, tables_of
from data.storage import parquet_options, write_parquet

FEWEST_FOR_PROCESSES = 8 * UNITS_AT_ONCE
"""With fewer units, starting further processes takes longer than they save."""


_NODES_WAITING = 1_000_000
_IDS = "ids.npy"


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
    writing: Callable[[int], Callable[[int], None]] | None = None,
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
    writing
        Called with the number of transfers when all units are played; what it returns is called
        with the number of further ones that are written.
    """
    plan = draw_plan(size.seed, size.addresses, size.prevalence)
    units = units_of(plan)
    batches = [units[at : at + units_at_once] for at in range(0, len(units), units_at_once)]
    slices = slicing.cut(size.addresses, size.days)
    workers = workers if len(units) >= FEWEST_FOR_PROCESSES else 1
    with (
        tempfile.TemporaryDirectory(dir=directory, prefix=".aside-") as aside,
        _each(workers, Path(aside)) as each,
    ):
        folder = Path(aside)
        job = partial(_play, stage_of(plan, size.seed, size.days), slices, folder)
        parts: list[Played] = []
        seen = _Seen(slices.count)
        for units_played, (part, nodes, counts) in zip(
            batches, each(job, list(enumerate(batches))), strict=True
        ):
            parts.append(part)
            seen.add(nodes, counts)
            if progress:
                progress(sum(unit.accounts for unit in units_played))
        made = tables_of(size, parts)
        del plan, units, batches, parts  # a large world's are large, and what follows is too
        write_parquet(made.coverage, directory / "coverage.parquet")
        write_parquet(empty(QUARANTINE), directory / "quarantine.parquet")
        book, ids = write_address_book(seen.nodes(), size.seed, folder / "book", each)
        _join(book, directory / "addresses.parquet")
        np.save(folder / _IDS, ids)
        written = writing(int(seen.counts.sum())) if writing else None
        _finish(directory, folder, size, seen.counts, each, written)
    return Written(made, int(seen.counts.sum()))


class _Seen:
    """Who occurs in the transfers that were put aside, and how many those are.

    Parameters
    ----------
    slices
        How many stretches there are.
    """

    def __init__(self, slices: int) -> None:
        self.counts = np.zeros(slices, dtype=np.int64)
        self._known = np.empty(0, dtype=np.int64)
        self._new: list[np.ndarray] = []
        self._waiting = 0

    def add(self, nodes: np.ndarray, counts: np.ndarray) -> None:
        """Note the nodes of a batch, each once, and its transfers in each stretch."""
        self.counts += counts
        self._new.append(nodes)
        self._waiting += len(nodes)
        if self._waiting > max(len(self._known), _NODES_WAITING):
            self.nodes()

    def nodes(self) -> np.ndarray:
        """Return every node so far, once, ascending."""
        self._known = np.unique(np.concatenate([self._known, *self._new]))
        self._new, self._waiting = [], 0
        return self._known


def _play(
    stage: Stage, slices: slicing.Slices, folder: Path, batch: tuple[int, Sequence[UnitPlan]]
) -> tuple[Played, np.ndarray, np.ndarray]:
    """Play some units and put their transfers aside; return the rest, nodes and counts."""
    number, units = batch
    part = play(stage, units)
    slicing.put_aside(part.rows, slices, folder, f"{number:08d}.npz")
    nodes = np.unique(np.concatenate([part.rows["sender"], part.rows["receiver"]]))
    counts = np.bincount(slices.of(part.rows), minlength=slices.count)
    return Played({}, part.accounts, part.told, part.spans), nodes, counts


def _finish(
    directory: Path,
    folder: Path,
    size: Size,
    counts: np.ndarray,
    each: Each,
    written: Callable[[int], None] | None,
) -> None:
    """Write ``transfers.parquet``, stretch by stretch."""
    starts = np.cumsum(counts) - counts
    stretches = np.flatnonzero(counts).tolist()
    job = partial(_finish_one, folder, size)
    files = []
    for n, file in zip(stretches, each(job, [(n, int(starts[n])) for n in stretches]), strict=True):
        files.append(file)
        if written:
            written(int(counts[n]))
    _join(files, directory / "transfers.parquet")


def _finish_one(folder: Path, size: Size, stretch: tuple[int, int]) -> Path:
    """Write one stretch as its part of the table, with derived columns."""
    from data.derived import derived_part

    number, start = stretch
    rows = slicing.taken_up(folder, number)
    frame = canonical.transfers_frame(rows, size.seed, size.days)
    target = folder / f"{number:05d}.parquet"
    ids = pl.DataFrame({"id": np.load(folder / _IDS)})
    write_parquet(derived_part(frame, ids, start), target)
    shutil.rmtree(folder / f"{number:05d}")  # the disk need not hold it twice
    return target


def _join(parts: list[Path], target: Path) -> None:
    """Put the parts of a table one below the other."""
    whole = pl.scan_parquet(parts, glob=False)
    options = parquet_options(len(whole.collect_schema()))
    whole.sink_parquet(target, maintain_order=True, **options)
    for part in parts:
        part.unlink()


@contextmanager
def _each(workers: int, folder: Path) -> Iterator[Each]:
    """Yield a `map` that keeps the order, in this process or in several.

    Where the work ends early (Ctrl-C, a full disk), what waits is not begun and what is under way
    is waited for: it is seconds, and a process that is killed in the middle can hang the others.
    """
    if workers <= 1:
        yield map
        return
    ended = folder / "ended"
    # Forking a process whose libraries hold threads can hang; fresh ones do not.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_deaf) as pool:

        def each(job: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
            with _children_deaf():
                return pool.map(partial(_unless_ended, ended, job), items)

        try:
            yield each
        except BaseException:
            with suppress(OSError):
                ended.touch()
            pool.shutdown(cancel_futures=True)
            raise


def _unless_ended(ended: Path, job: Callable[[Any], Any], item: Any) -> Any:
    return None if ended.exists() else job(item)


def _deaf() -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the one that started them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _children_deaf() -> Iterator[None]:
    """Let processes that are started now be deaf from their first moment."""
    if threading.current_thread() is not threading.main_thread():  # others may not change signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
