"""The moment at which each route to one far end was first part of an instance.

A route is a payment of a source with a transfer that joins its receiver to the far end
(`features.motif_routes`). Two of them over different middles are an instance where their transfers
lie within one window.

    over a: 10 to 12, over b: 11 to 15     with a window of 8, both have their moment at 15
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.compilation import kernel
from features.graph import OTHER
from features.motif_walks import NEVER


class Routes(NamedTuple):
    """Routes to far ends.

    Attributes
    ----------
    first, last
        Time of the earlier and of the later of the two transfers.
    own
        The source's payment, counted from its first.
    other
        Place of the other transfer.
    done
        When it was first part of an instance.
    """

    first: np.ndarray
    last: np.ndarray
    own: np.ndarray
    other: np.ndarray
    done: np.ndarray


@kernel
def sort_by_last(routes: Routes, x: int, y: int) -> None:  # pragma: no cover (compiled)
    """Sort in place (Shell's way: they are nearly sorted, and often only two)."""
    gap = 1
    while 9 * gap < y - x:
        gap = 4 * gap + 1
    while gap > 0:
        for j in range(x + gap, y):
            first, last, own, other = (
                routes.first[j],
                routes.last[j],
                routes.own[j],
                routes.other[j],
            )
            k = j
            while k >= x + gap and routes.last[k - gap] > last:
                routes.first[k], routes.last[k] = routes.first[k - gap], routes.last[k - gap]
                routes.own[k], routes.other[k] = routes.own[k - gap], routes.other[k - gap]
                k -= gap
            routes.first[k], routes.last[k], routes.own[k], routes.other[k] = (
                first,
                last,
                own,
                other,
            )
        gap //= 4


@kernel
def find_moments(
    sent: np.ndarray, a: int, routes: Routes, x: int, y: int, window: int
) -> int:  # pragma: no cover (compiled)
    """Find when each route was first in a window with one over another middle; the earliest.

    That is its own last time, if some route that ended by then, over another middle, began within
    a window of it; else the end of the next route over another middle, if that is within a window
    of its own beginning.
    """
    best, latest, second = -1, -NEVER, -NEVER  # latest beginning so far; of another middle
    for j in range(x, y):
        middle = sent[a + routes.own[j], 1] & OTHER
        partner = latest if middle != best else second
        routes.done[j] = routes.last[j] if partner > routes.last[j] - window else NEVER
        if middle == best:
            latest = max(latest, routes.first[j])
        elif routes.first[j] > latest:
            best, latest, second = middle, routes.first[j], latest
        else:
            second = max(second, routes.first[j])
    earliest, following, end, other_end = NEVER, -1, NEVER, NEVER
    for j in range(y - 1, x - 1, -1):
        middle = sent[a + routes.own[j], 1] & OTHER
        partner = end if middle != following else other_end
        if routes.done[j] == NEVER and partner < routes.first[j] + window:
            routes.done[j] = partner
        earliest = min(earliest, routes.done[j])
        if middle != following:
            following, other_end = middle, end
        end = routes.last[j]
    return earliest
