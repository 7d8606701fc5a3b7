"""Putting transfers into one order: by time over all chains, and within one moment as money flows.

Where the place in the block is unknown, what an address receives in a moment comes before what it
pays in it; circles are broken by the order of the table.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict

import numpy as np


def in_order(
    time: np.ndarray, placed: np.ndarray, sender: np.ndarray, receiver: np.ndarray
) -> np.ndarray:
    """Return the positions of transfers in the order in which they are taken.

    Parameters
    ----------
    time, placed, sender, receiver
        Of transfers in the order of the table, which settles what these leave open.

    Examples
    --------
    In one second 7 pays 8 and 6 pays 7: nobody knows the order, so 6 pays first.

    >>> in_order(np.array([3, 3]), np.zeros(2, bool), np.array([7, 6]), np.array([8, 7])).tolist()
    [1, 0]
    """
    order = np.argsort(time, kind="stable")
    edges = np.flatnonzero(np.diff(time[order])) + 1
    for start, end in zip([0, *edges.tolist()], [*edges.tolist(), len(order)], strict=True):
        some = order[start:end]
        if end - start > 1 and not placed[some].all():
            ranks = _downstream(sender[some].tolist(), receiver[some].tolist())
            order[start:end] = some[ranks]
    return order


def _downstream(senders: list[int], receivers: list[int]) -> list[int]:
    """Order the transfers of one moment: each after those that its sender receives."""
    to_come = Counter(receivers)
    by_sender: dict[int, list[int]] = defaultdict(list)
    for at, sender in enumerate(senders):
        by_sender[sender].append(at)
    ready = [at for at, sender in enumerate(senders) if not to_come[sender]]
    heapq.heapify(ready)
    done, oldest = [False] * len(senders), 0
    out: list[int] = []
    while len(out) < len(senders):
        if ready:
            at = heapq.heappop(ready)
        else:  # a circle
            while done[oldest]:
                oldest += 1
            at = oldest
        if done[at]:
            continue
        done[at] = True
        out.append(at)
        receiver = receivers[at]
        to_come[receiver] -= 1
        if not to_come[receiver]:
            for waiting in by_sender[receiver]:
                if not done[waiting]:
                    heapq.heappush(ready, waiting)
    return out
