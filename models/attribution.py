"""Sharing a change out among its causes, whatever the order in which one thinks of them.

Two results differ because several things changed at once. Changed one after the other, each makes a
step; but how large a step is depends on what was changed before it, so an order must not be chosen.
Each cause gets its mean step over all orders: Shapley's value. The parts sum to the whole change,
and a cause that changes nothing gets exactly nothing.

A combination of old and new may have no result at all (an address is not scored there). An order
that passes through such a combination has no steps to average, so the mean is over the other
orders; of each of them the steps sum to the whole change, so the parts do too. Without any order
left there are no parts, and that is said.

>>> table = np.array([[1.0], [2.0], [4.0], [8.0]])  # nothing new; the first; the second; both
>>> share_out(table).parts[:, 0].tolist()  # the first: mean of 2 - 1 and 8 - 4
[2.5, 4.5]

References
----------
L. S. Shapley, "A Value for n-Person Games", 1953.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Shares:
    """A change, shared out.

    Attributes
    ----------
    parts : numpy.ndarray
        By cause, then in the shape of one combination's values. NaN where no order is left.
    orders : numpy.ndarray
        For each row, how many orders the mean is over; the factorial of the number of causes where
        every combination has a result.
    """

    parts: np.ndarray
    orders: np.ndarray


def share_out(values: np.ndarray, known: np.ndarray | None = None) -> Shares:
    """Share the change from the first combination to the last out among the causes.

    Parameters
    ----------
    values
        float64. By combination: bit i of its number says whether cause i is new. Then by row, and
        perhaps further by signal.
    known
        bool, by combination and row: whether there is a result. Default: everywhere.

    Raises
    ------
    ArithmeticError
        Parts do not sum to the change to `TOLERANCE`: a bug, never to be shown to anybody.
    """
    causes = len(values).bit_length() - 1
    if len(values) != 1 << causes:
        raise ValueError(f"{len(values)} combinations are not a power of two.")
    known = np.ones(values.shape[:2], dtype=bool) if known is None else known
    further = (slice(None), *(np.newaxis,) * (values.ndim - 2))
    parts = np.zeros((causes, *values.shape[1:]))
    orders = np.zeros(values.shape[1], dtype=np.int64)
    for order in permutations(range(causes)):
        path = _path(order)
        passable = np.asarray(known[path].all(axis=0))
        orders += passable
        for cause, before, after in zip(order, path, path[1:], strict=False):
            parts[cause] += np.where(passable[further], values[after] - values[before], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts /= orders[further]
    _assert_whole(parts, values, orders)
    return Shares(parts, orders)


def _path(order: tuple[int, ...]) -> list[int]:
    """Return the combinations that an order of causes passes through, first and last included."""
    at = [0]
    for cause in order:
        at.append(at[-1] | 1 << cause)
    return at


def _assert_whole(parts: np.ndarray, values: np.ndarray, orders: np.ndarray) -> None:
    whole = np.asarray(values[-1] - values[0])
    gap = np.abs(np.asarray(parts.sum(axis=0)) - whole)[orders > 0]
    if not (gap <= TOLERANCE).all():
        raise ArithmeticError(f"Parts miss the change by {gap.max():.3g}.")
