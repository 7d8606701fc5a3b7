"""Hops: crossings between chains and swaps, one taking up what the other brought.

A **step** is a one-to-one crossing or a swap. It takes a coin and brings one: a release brings a
coin out of a bridge, a deposit takes one into it, a swap does both. A step follows the last step
before it that brought its coin, and a release follows the last deposit, whatever the coins, if that
was at most two hours earlier. So steps form sequences: a release, then a swap of what came, then a
deposit of what was bought. A swap that has a one-to-one crossing for one of its legs is no step of
its own.

Only transfers of kinds seen in both directions belong here. The compiled function serves the
kernel of `features.cross_chain`, the plain one its definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from features.compilation import kernel
from features.crossings import WINDOW
from features.history import Columns, History
from features.swaps import SOLD, Swapping, mark_swaps

LIKELY = np.float32(0.5)
"""Above this a match is taken for one."""


class Step(NamedTuple):
    """A crossing or a swap.

    Attributes
    ----------
    rows
        Its transfers.
    time
        When.
    takes, gives
        Codes of coins; None: takes what left over a bridge, gives into a bridge.
    crosses
        Whether it is a crossing.
    """

    rows: tuple[int, ...]
    time: int
    takes: int | None
    gives: int | None
    crosses: bool


def longest_sequence(history: History) -> tuple[Step, ...]:
    """Return the longest sequence with a crossing in it, the first of equals; empty: none."""
    longest: tuple[Step, ...] = ()
    away: tuple[Step, ...] = ()
    brought: dict[int, tuple[Step, ...]] = {}
    for step in _steps(history):
        before = away if step.takes is None else brought.get(step.takes, ())
        near = bool(before) and step.time - before[-1].time <= WINDOW
        sequence = (*before, step) if near else (step,)
        if step.gives is None:
            away = sequence
        else:
            brought[step.gives] = sequence
        if any(part.crosses for part in sequence):
            longest = max(longest, sequence, key=len)
    return longest


def _steps(history: History) -> Iterator[Step]:
    """Yield the steps of a history, each where it takes its coin."""
    found = Swapping(history)
    crosses = history.crossing.best > LIKELY
    swaps = {int(found.original[s.sold]): int(found.original[s.bought]) for s in found.swaps}
    coin = history.asset_group[history.asset]
    for row in found.original.tolist():
        time, own = int(history.time[row]), int(coin[row])
        if crosses[row]:
            into, out = (None, own) if history.incoming[row] else (own, None)
            yield Step((row,), time, into, out, True)
        elif row in swaps and not crosses[swaps[row]]:
            bought = swaps[row]
            yield Step((row, bought), time, own, int(coin[bought]), False)


class Bench(NamedTuple):
    """Working arrays: two with a cell per transfer, three with a cell per coin, all of them 0."""

    role: np.ndarray
    partner: np.ndarray
    brought_at: np.ndarray
    length: np.ndarray
    crossed: np.ndarray


@kernel
def length_of_longest(
    columns: Columns, a: int, b: int, best: np.ndarray, group: np.ndarray, bench: Bench
) -> int:  # pragma: no cover (compiled)
    """Return the length of the longest sequence with a crossing in it.

    `best` and `group` are the probabilities of the likeliest other legs (0: none) and the coins of
    the history at ``a:b``.
    """
    role, partner = bench.role, bench.partner
    mark_swaps(
        columns.time[a:b],
        columns.value[a:b],
        columns.incoming[a:b],
        group,
        columns.tx[a:b],
        columns.two_sided[a:b],
        role,
        partner,
    )
    away_at, away, longest = np.int64(0), 0, 0
    for j in range(b - a):
        if not columns.two_sided[a + j]:
            continue
        time, coin = columns.time[a + j], group[j]
        crosses = best[j] > LIKELY
        if crosses and columns.incoming[a + j]:
            near = away > 0 and time - away_at <= WINDOW
            bench.length[coin] = away + 1 if near else 1
            bench.brought_at[coin], bench.crossed[coin] = time, 1
            longest = max(longest, bench.length[coin])
            continue
        swaps = role[j] == SOLD and not crosses and best[partner[j]] <= LIKELY
        if not crosses and not swaps:
            continue
        near = bench.length[coin] > 0 and time - bench.brought_at[coin] <= WINDOW
        length = bench.length[coin] + 1 if near else 1
        crossed = crosses or (near and bench.crossed[coin] > 0)
        if crosses:
            away_at, away = time, length
        else:
            bought = group[partner[j]]
            bench.length[bought], bench.brought_at[bought] = length, time
            bench.crossed[bought] = crossed
        if crossed:
            longest = max(longest, length)
    bench.length[group] = 0
    return longest
