"""Intervals of a share that was counted, or weighed."""

from __future__ import annotations

import math

import numpy as np


def weighed(hits: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Return the weighted share of rows that are hits, with its 95 % Wilson interval.

    Unequal weights tell less than as many equal ones. The interval counts them as Kish does, as
    (sum w)^2 / sum w^2 rows: the number of rows where all weigh the same.

    >>> hits = np.array([True] * 3 + [False] * 7)
    >>> weighed(hits, np.ones(10)) == (0.3, *wilson(3, 10))
    True
    """
    total, squares = float(weights.sum()), float((weights**2).sum())
    share = float(weights[hits].sum()) / total
    n = total * total / squares
    low, high = wilson(share * n, n)
    return share, min(low, share), max(high, share)


def wilson(hits: float, n: float) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share.

    >>> [round(limit, 3) for limit in wilson(0, 10)]
    [0.0, 0.278]
    """
    if n == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    share, spread = hits / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # With no hit, or nothing else, one limit is exact; rounding would leave it beside 0 or 1.
    return 0.0 if hits == 0 else max(0.0, centre - half), 1.0 if hits == n else centre + half
