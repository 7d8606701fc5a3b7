"""Reliability: of those that were told some chance, how many were positive.

Rows are put in order of their stated probability and cut into bins of equally many rows; a bin says
what was stated on average, and what share was positive, with its Wilson interval. A calibrated
score has the stated share inside the interval nearly everywhere. The probabilities are those at the
prevalence of calibration: at a base rate of one in ten thousand every bin would hold "too many".

>>> chance = np.linspace(0.05, 0.95, 1000)
>>> label = (np.arange(1000) * 0.618 % 1 < chance).astype(float)
>>> bins = reliability(label, chance)
>>> len(bins), all(b["low"] < b["stated"] < b["high"] for b in bins)
(10, True)
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from models.intervals import weighed

BINS = 10
FEWEST = 20
"""A bin of fewer rows is put together with its neighbour."""


def reliability(
    label: np.ndarray, chance: np.ndarray, weights: np.ndarray | None = None
) -> list[dict[str, Any]]:
    """Compare stated probabilities with what was so.

    Parameters
    ----------
    label
        1 or 0.
    chance
        Stated probabilities.
    weights
        What each row counts, above 0; absent, 1.

    Returns
    -------
    list of dict
        Per bin, from the least likely: ``n``, ``n_positive``, ``stated`` (mean), ``least`` and
        ``most`` (its limits), ``observed`` with ``low`` and ``high``. Equal probabilities stay
        together, so that bins may differ in size; fewer than `FEWEST` rows give none.
    """
    label, chance = np.asarray(label), np.asarray(chance)
    counted = np.ones(len(label)) if weights is None else np.asarray(weights)
    order = np.argsort(chance, kind="stable")
    label, chance, counted = label[order], chance[order], counted[order]
    n = len(label)
    if n < FEWEST:
        return []
    bins = min(BINS, n // FEWEST)
    wanted = [round(n * k / bins) for k in range(1, bins)]
    inner = {int(np.searchsorted(chance, chance[at], side="left")) for at in wanted}
    edges = [0, *sorted(inner - {0}), n]
    found = []
    for start, end in pairwise(edges):
        here = slice(start, end)
        observed, low, high = weighed(label[here] == 1, counted[here])
        found.append(
            {
                "n": end - start,
                "n_positive": int(label[here].sum()),
                "stated": float(np.average(chance[here], weights=counted[here])),
                "least": float(chance[start]),
                "most": float(chance[end - 1]),
                "observed": observed,
                "low": low,
                "high": high,
            }
        )
    return found
