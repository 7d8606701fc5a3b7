"""All signals, in one order: the catalogue, its hash, and how their columns are filled."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import polars as pl

from features import (
    activity,
    cash_out,
    cross_chain,
    fan_out,
    indirect_exposure,
    lifecycle,
    motifs,
    neighbourhood,
    otc,
    pass_through,
    stablecoin_hopping,
    structuring,
    victim_inflow,
)
from features.compilation import keep_compiled
from features.evidence import Evidence
from features.history import Columns, Histories
from features.network import surroundings_of
from features.signal import Family, Found, GraphFamily, Signal

_EVENTS_PER_TASK = 1 << 20


@dataclass(frozen=True)
class Catalogue:
    """The families and their signals.

    Examples
    --------
    >>> catalogue().by_name["transfers_in"].unit
    'transfers'
    """

    families: tuple[Family, ...]

    @property
    def signals(self) -> tuple[Signal, ...]:
        """All signals: families in order, signals as declared."""
        return tuple(signal for family in self.families for signal in family.signals)

    @property
    def by_name(self) -> dict[str, Signal]:
        """Signals by name."""
        return {signal.name: signal for signal in self.signals}

    def hash(self) -> str:
        """Return a SHA-256 over every declaration; a changed meaning changes it."""
        facts = [signal.facts() for signal in self.signals]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def families_of(self, names: Iterable[str] = ()) -> tuple[Family, ...]:
        """Return the families that are cheap, and the dear ones that hold one of the names.

        Dear are those that look beyond the history itself.
        """
        wanted = {self.by_name[name].family for name in names if name in self.by_name}
        return tuple(f for f in self.families if not f.is_dear or f.name in wanted)


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """Return the catalogue."""
    return Catalogue(
        (
            activity.FAMILY,
            fan_out.FAMILY,
            pass_through.FAMILY,
            stablecoin_hopping.FAMILY,
            structuring.FAMILY,
            otc.FAMILY,
            lifecycle.FAMILY,
            victim_inflow.FAMILY,
            cash_out.FAMILY,
            neighbourhood.FAMILY,
            indirect_exposure.FAMILY,
            cross_chain.FAMILY,
            motifs.FAMILY,
        )
    )


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
    every = catalogue().families if families is None else tuple(families)
    found = {
        family.name: _measured(histories, family, threads)
        for family in every
        if isinstance(family, GraphFamily)
    }
    wanted = [family for family in every if family.name not in found]
    tables = [np.empty((len(family.signals), len(histories))) for family in wanted]
    for family in wanted:
        keep_compiled(family.kernel)
    bounds = _tasks(histories.counts)

    def fill(task: tuple[int, int]) -> int:
        first, last = task
        columns = _part(histories.columns, first, last)
        for family, table in zip(wanted, tables, strict=True):
            block = np.empty((last - first, len(family.signals)))
            family.kernel(columns, 0, last - first, block)
            table[:, first:last] = block.T  # while it is in the cache
        return last - first

    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        for done in pool.map(fill, bounds):
            if progress is not None:
                progress(done)
    usable = _usable(histories)
    of_family = {family.name: table for family, table in zip(wanted, tables, strict=True)}
    of_family |= {name: graph.values.T for name, graph in found.items()}
    columns = {
        signal.name: _column(of_family[family.name][k], signal, histories.basis, usable)
        for family in every
        for k, signal in enumerate(family.signals)
    }
    refused = {
        f"{name}_capped": pl.Series(graph.capped).set(pl.Series(graph.capped < 0), None)
        for name, graph in found.items()
    }
    parts = [histories.keys, histories.spans(), pl.DataFrame(refused), pl.DataFrame(columns)]
    return pl.concat(parts, how="horizontal")


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
    columns = histories.columns
    if histories.network is None:
        unknown = np.full((len(histories), len(family.signals)), math.nan)
        return Found(unknown, np.full(len(histories), -1))
    return family.measure(histories.network, columns.as_of, columns.scale, threads)


def _tasks(counts: np.ndarray) -> list[tuple[int, int]]:
    """Cut the histories into runs of about a million transfers each."""
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
