"""How transfers of one direction are divided over counterparties, as definitions see it.

The kernel of `features.fan_out` does the same in `features.counterparties.per_counterparty`.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from features.counterparties import value_by_counterparty
from features.evidence import Evidence, evidence
from features.history import History


def evenness(history: History, rows: np.ndarray) -> Evidence | None:
    """Return how evenly the value is split over counterparties; None of fewer than two."""
    totals = sorted(value_by_counterparty(history, rows).values())
    if len(totals) < 2:
        return None
    shares = [total / sum(totals) for total in totals]
    greatest = float(np.log2(len(totals)))
    entropy = min(greatest, -sum(share * float(np.log2(share)) for share in shares))
    return evidence(
        entropy / greatest,
        rows,
        history.largest_first(rows),
        numerator=entropy,
        denominator=greatest,
        weights=totals,
        count=len(totals),
    )


def top_share(history: History, rows: np.ndarray) -> Evidence | None:
    """Return the share of the value that passed with the largest counterparty."""
    totals = value_by_counterparty(history, rows)
    if not totals:
        return None
    top = max(totals, key=lambda counterparty: totals[counterparty])
    everything = sum(totals.values())
    return evidence(
        totals[top] / everything,
        rows,
        history.largest_first(rows[history.counterparty[rows] == top]),
        numerator=totals[top],
        denominator=everything,
    )


def once_only(history: History, rows: np.ndarray) -> Evidence | None:
    """Return the share of counterparties that occur once."""
    times = Counter(history.counterparty[rows].tolist())
    if not times:
        return None
    telling = [row for row in rows if times[int(history.counterparty[row])] == 1]
    return evidence(
        len(telling) / len(times), rows, telling, numerator=len(telling), denominator=len(times)
    )
