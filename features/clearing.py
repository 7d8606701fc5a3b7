"""Receipts passed on one by one, and how long it takes to pay out as much: as definitions see it.

The kernel of `features.otc` does the same in one pass.
"""

from __future__ import annotations

import numpy as np

from features.evidence import Evidence, evidence
from features.history import DAY, MICROSECONDS, STABLECOIN, History
from features.numeric import middle_of

LOOK_BACK = 10
"""How many receipts back a payment may be paired; it bounds the work, and chance matches."""

LEAST_PAIRED = 0.97
"""Paid ÷ received from which a payment pairs."""


def pairs_of(history: History) -> list[tuple[int, int]]:
    """Return (receipt, payment) positions of receipts passed on one by one, nearly whole."""
    flows, _ = history.two_sided_part()
    position = np.flatnonzero(history.two_sided)
    coin, stable = flows.asset_group[flows.asset], flows.asset_kind[flows.asset] & STABLECOIN
    pairs: list[tuple[int, int]] = []
    used: set[int] = set()
    for paid in flows.outflows.tolist():
        receipts = flows.inflows[flows.inflows < paid][-LOOK_BACK:]
        for got in receipts[::-1].tolist():
            ratio = float(flows.value[paid] / flows.value[got])
            recent = flows.time[paid] - flows.time[got] <= DAY
            same = coin[paid] == coin[got] or (stable[paid] and stable[got])
            if recent and same and got not in used and LEAST_PAIRED <= ratio <= 1:
                used.add(got)
                pairs.append((int(position[got]), int(position[paid])))
                break
    return pairs


def clearing(history: History, receipts: np.ndarray) -> Evidence | None:
    """Return the median time until the payments after each receipt reach its value."""
    payments = np.flatnonzero(~history.incoming & history.two_sided)
    waits, rows = [], []
    for got in receipts.tolist():
        after = payments[payments > got]
        reached = np.flatnonzero(np.cumsum(history.value[after]) >= history.value[got])
        if len(reached):
            waits.append(history.time[after[reached[0]]] - history.time[got])
            rows += [got, *after[: reached[0] + 1].tolist()]
    if not waits:
        return None
    middle = [wait / MICROSECONDS for wait in middle_of(np.array(waits))]
    telling = [row for row in rows if history.incoming[row]]
    return evidence(sum(middle) / len(middle), rows, telling, middle=middle, count=len(waits))
