"""Intervals of a share that was counted, or weighed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

_HALVINGS = 60


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


def upper_limit(hits: int, n: int, alpha: float = 0.05) -> float:
    """Return the upper Clopper-Pearson limit of a share: `hits` or fewer have a chance of alpha.

    >>> round(upper_limit(0, 2995), 5), round(upper_limit(0, 1000), 4)
    (0.001, 0.003)
    """
    if hits >= n:
        return 1.0
    return _root(lambda share: _at_most(hits, n, share) - alpha)


def lower_limit(hits: int, n: int, alpha: float = 0.05) -> float:
    """Return the lower Clopper-Pearson limit of a share: `hits` or more have a chance of alpha."""
    if hits == 0:
        return 0.0
    return _root(lambda share: alpha - (1 - _at_most(hits - 1, n, share)))


def _at_most(hits: int, n: int, share: float) -> float:
    """Return the chance of `hits` or fewer of n, at that share."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    log, other = math.log(share), math.log1p(-share)
    terms = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * log + (n - k) * other
        for k in range(hits + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))


def _root(falling: Callable[[float], float]) -> float:
    """Return where a falling function of a share crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2
