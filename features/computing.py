"""Filling the columns of signals: all histories, part after part, on all threads.

The result does not depend on the parts or the threads: each history is computed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import polars as pl

from features.catalogue import catalogue
from features.compilation import keep_compiled
from features.evidence import Evidence
from features.found import Found
from features.history import Columns, Histories
from features.network import surroundings_of
from features.signal import Family, GraphFamily, Signal

PART_ROWS = 1 << 15
"""Histories to a part: of all signals some 35 MB, and several parts wait to be written."""

_EVENTS_PER_TASK = 1 << 18
"""So few that a family's table is still in the cache when its columns are put in place."""


def compute_signals(
    histories: Histories,
    families: Sequence[Family] | None = None,
    *,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> pl.DataFrame:
    """Compute signals for every history.

    Parameters
    ----------
    families
        The families wanted; None for the whole catalogue. Those that read neighbours, or all
        transfers as a graph, are null where the histories were built without.
    threads
        Worker threads. The result does not depend on them.
    progress
        Called with the number of histories done in each step.

    Returns
    -------
    polars.DataFrame
        The histories' keys, ``n_transfers``, ``first_seen``, ``last_seen``; for each family of
        scope ``graph`` a column ``{family}_capped`` (how often it refused to look further); then
        one float64 column per signal, null where it is not defined.
    """
    [whole] = signal_parts(
        histories, families, threads=threads, progress=progress, rows=max(1, len(histories))
    )
    return whole


def signal_parts(
    histories: Histories,
    families: Sequence[Family] | None = None,
    *,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
    rows: int = PART_ROWS,
    after: int = 0,
) -> Iterator[pl.DataFrame]:
    """Compute signals as `compute_signals` does, and yield the table in parts of so many rows.

    Who writes each part away needs no memory for the whole. There is one part at least, unless the
    first rows, up to `after`, are left out.
    """
    every = catalogue().families if families is None else tuple(families)
    graphs = {
        family.name: _measured(histories, family, threads)
        for family in every
        if isinstance(family, GraphFamily)
    }
    for family in every:
        if family.name not in graphs:
            keep_compiled(family.kernel)
    usable, spans = _usable(histories), histories.spans()
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        for first in range(after, max(1, len(histories)), rows):
            part = slice(first, min(first + rows, len(histories)))
            found = {name: graph.part(part) for name, graph in graphs.items()}
            values = {name: graph.values.T for name, graph in found.items()}
            values |= _computed(histories, every, part, pool, progress)
            reached = {need: reach[part] for need, reach in usable.items()}
            yield pl.concat(
                [
                    histories.keys[part],
                    spans[part],
                    pl.DataFrame(
                        {f"{name}_capped": _refusals(graph) for name, graph in found.items()}
                    ),
                    pl.DataFrame(
                        {
                            signal.name: _column(
                                values[family.name][k], signal, histories.basis, reached
                            )
                            for family in every
                            for k, signal in enumerate(family.signals)
                        }
                    ),
                ],
                how="horizontal",
            )


def _computed(
    histories: Histories,
    families: Sequence[Family],
    part: slice,
    pool: ThreadPoolExecutor,
    progress: Callable[[int], None] | None,
) -> dict[str, np.ndarray]:
    """Run the kernels over some histories: by family, a row for each signal."""
    wanted = [family for family in families if not isinstance(family, GraphFamily)]
    size = part.stop - part.start
    tables = {family.name: np.empty((len(family.signals), size)) for family in wanted}

    def fill(task: tuple[int, int]) -> int:
        first, last = task
        columns = _part(histories.columns, part.start + first, part.start + last)
        for family in wanted:
            block = np.empty((last - first, len(family.signals)))
            family.kernel(columns, 0, last - first, block)
            tables[family.name][:, first:last] = block.T  # while it is in the cache
        return last - first

    for done in pool.map(fill, _tasks(histories.counts[part])):
        if progress is not None:
            progress(done)
    return tables


def _refusals(graph: Found) -> pl.Series:
    return pl.Series(graph.capped).set(pl.Series(graph.capped < 0), None)


def explain_signal(histories: Histories, i: int, signal: Signal) -> Evidence | None:
    """Return the evidence of one signal of one history; None where the signal is null."""
    if not _usable(histories)[signal.needs][i] or (signal.dollars and histories.basis != "usd"):
        return None
    if signal.scope == "graph":
        around = surroundings_of(histories, i)
        return None if around is None else signal.definition(around)
    return signal.definition(histories[i])


def _measured(histories: Histories, family: GraphFamily, threads: int) -> Found:
    """Measure a family of scope ``graph``; unknown where the histories have no network."""
    if family.name in histories.found:
        return histories.found[family.name]
    columns = histories.columns
    values = np.full((len(histories), len(family.signals)), math.nan)
    capped = np.full(len(histories), -1)
    for network in histories.networks:
        of = network.of
        found = family.measure(network, columns.as_of[of], columns.scale[of], threads)
        values[of], capped[of] = found.values, found.capped
    return Found(values, capped)


def _tasks(counts: np.ndarray) -> list[tuple[int, int]]:
    """Cut the histories into runs of about so many transfers each."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    marks = np.searchsorted(ends, np.arange(_EVENTS_PER_TASK, total, _EVENTS_PER_TASK))
    cuts = sorted({0, *(int(m) + 1 for m in marks), len(counts)})
    return [(a, b) for a, b in pairwise(cuts) if a < b]


def _part(columns: Columns, first: int, last: int) -> Columns:
    """Return the histories from `first` up to `last`; the arrays of transfers stay whole."""
    return columns._replace(
        offsets=columns.offsets[first : last + 1],
        as_of=columns.as_of[first:last],
        scale=columns.scale[first:last],
        registry=columns.registry[first:last],
    )


def _usable(histories: Histories) -> dict[str, np.ndarray]:
    """Say, per need, for which histories the legs in force reach it."""
    texts = histories.keys["legs"]
    table = {text: _reach(text) for text in texts.unique().to_list()}
    reached = [table[text] for text in texts.to_list()] if len(table) > 1 else None
    only = next(iter(table.values()), {})
    names = ("in", "out", "any", "both", "token_both")
    if reached is None:
        return {name: np.full(len(texts), only.get(name, False)) for name in names}
    return {name: np.array([r[name] for r in reached], dtype=bool) for name in names}


def _reach(legs: str) -> dict[str, bool]:
    present = set(legs.split(","))
    both = {k for k in ("native", "internal", "token") if {f"{k}_in", f"{k}_out"} <= present}
    into, out = (any(leg.endswith(end) for leg in present) for end in ("_in", "_out"))
    return {
        "in": into,
        "out": out,
        "any": into or out,
        "both": bool(both),
        "token_both": "token" in both,
    }


def _column(
    values: np.ndarray, signal: Signal, basis: str, usable: dict[str, np.ndarray]
) -> pl.Series:
    if signal.dollars and basis != "usd":
        return pl.Series(signal.name, [None] * len(values), dtype=pl.Float64)
    reached = usable[signal.needs]
    kept = values if reached.all() else np.where(reached, values, math.nan)
    return pl.Series(signal.name, kept, nan_to_null=True)
