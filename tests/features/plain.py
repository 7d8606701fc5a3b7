"""Transfers as plain tuples, with what several oracles find in them by comparing all with all.

An oracle gives every signal of a family from its formula, in plain Python and however slowly; it is
held against the kernel and against the definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log2, nan
from statistics import median
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

from features.history import DAY, MICROSECONDS, STABLECOIN, History
from features.signal import Family
from tests.features.histories import columns_of


class Transfer(NamedTuple):
    """A transfer of a history; `coin` is one for all contracts of a coin."""

    time: int
    value: int
    incoming: bool
    other: int
    coin: int = 0
    kind: int = 0
    tx: int = 0


def transfers_of(some: History, *, both: bool = False) -> list[Transfer]:
    """Return a history's transfers; with `both` those of kinds seen in both directions."""
    return [
        Transfer(
            time=int(some.time[row]),
            value=int(some.value[row]),
            incoming=bool(some.incoming[row]),
            other=int(some.counterparty[row]),
            coin=int(some.asset_group[some.asset[row]]),
            kind=int(some.asset_kind[some.asset[row]]),
            tx=int(some.tx[row]),
        )
        for row in range(len(some))
        if some.two_sided[row] or not both
    ]


@st.composite
def some_of(draw: st.DrawFn, values: Sequence[float], n: int) -> list[float]:
    """Draw `n` of a few of the values, so that the same and its counterparts come again."""
    few = draw(st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True))
    return draw(st.lists(st.sampled_from(few), min_size=n, max_size=n))


def values_of(family: Family, some: History) -> dict[str, float]:
    """Return a kernel's values by name."""
    out = np.empty((1, len(family.signals)))
    family.kernel(columns_of([some]), 0, 1, out)
    return {one.name: value for one, value in zip(family.signals, out[0].tolist(), strict=True)}


def check(family: Family, some: History, expected: Mapping[str, float]) -> None:
    """Hold a family's kernel and definitions against what an oracle gives for each signal."""
    found = values_of(family, some)
    assert set(found) == set(expected), "each signal has its formula in the oracle"
    for signal in family.signals:
        shown = signal.definition(some)
        wanted = pytest.approx(expected[signal.name], rel=1e-9, abs=1e-12, nan_ok=True)
        assert found[signal.name] == wanted, (signal.name, "kernel")
        assert (nan if shown is None else shown.value) == wanted, (signal.name, "definition")


def share(part: float, whole: float) -> float:
    """Return a quotient; of nothing null."""
    return part / whole if whole else nan


def total_value(flows: Iterable[Transfer]) -> int:
    return sum(one.value for one in flows)


def windows(flows: list[Transfer], width: int) -> list[list[Transfer]]:
    """Return the transfers of every window ``[t, t + width)`` that starts with one of them."""
    return [[one for one in flows if 0 <= one.time - start.time < width] for start in flows]


def entropy(weights: Iterable[int]) -> float:
    """Return Shannon entropy in bits; of nothing null."""
    weights = list(weights)
    total = sum(weights)
    return -sum(w / total * log2(w / total) for w in weights) if weights else nan


def sent(flows: list[Transfer]) -> list[Transfer]:
    return [one for one in flows if not one.incoming]


def received(flows: list[Transfer]) -> list[Transfer]:
    return [one for one in flows if one.incoming]


def pairs_of(flows: list[Transfer]) -> list[tuple[Transfer, Transfer]]:
    """Return (receipt, payment): of 0.97 to 1 times, within 24 hours, in one coin or in dollars.

    Of the last ten receipts before a payment it is the latest that fits and was not used.
    """
    pairs, used = [], set()
    for k, paid in enumerate(flows):
        before = [j for j in range(k) if flows[j].incoming][-10:]
        fitting = [] if paid.incoming else [j for j in before if _fits(flows[j], paid)]
        unused = [j for j in fitting if j not in used]
        if unused:
            used.add(unused[-1])
            pairs.append((flows[unused[-1]], paid))
    return pairs


def _fits(got: Transfer, paid: Transfer) -> bool:
    alike = got.coin == paid.coin or bool(got.kind & paid.kind & STABLECOIN)
    return alike and paid.time - got.time <= DAY and 0.97 <= paid.value / got.value <= 1


def clearing_time(flows: list[Transfer], k: int) -> float | None:
    """Return the seconds from the receipt at `k` until the payments after it reach its value."""
    paid = 0
    for later in flows[k + 1 :]:
        paid += 0 if later.incoming else later.value
        if paid >= flows[k].value:
            return (later.time - flows[k].time) / MICROSECONDS
    return None


def typical(values: list[float]) -> float:
    """Return the median, of nothing null."""
    return median(values) if values else float("nan")


def swaps_of(flows: list[Transfer]) -> list[tuple[int, int]]:
    """Return the places of each swap's sold and bought leg, in the order of the sold legs.

    A swap is a transaction that sends one coin and receives another; its legs are the largest
    transfer sent, and the largest received in another coin.
    """
    found = []
    for moment in sorted({(one.time, one.tx) for one in flows}):
        rows = [k for k, one in enumerate(flows) if (one.time, one.tx) == moment]
        out = [k for k in rows if not flows[k].incoming]
        if not out:
            continue
        sold = min(out, key=lambda k: (-flows[k].value, k))
        back = [k for k in rows if flows[k].incoming and flows[k].coin != flows[sold].coin]
        if back:
            found.append((sold, min(back, key=lambda k: (-flows[k].value, k))))
    return sorted(found)


def beside_swaps(flows: list[Transfer]) -> list[int]:
    """Return the places of the transfers of no transaction that is a swap."""
    swapping = {(flows[sold].time, flows[sold].tx) for sold, _ in swaps_of(flows)}
    return [k for k, one in enumerate(flows) if (one.time, one.tx) not in swapping]
