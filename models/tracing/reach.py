"""Reach: whose histories a trace needs, found before anything is counted.

From the traced addresses, payment by payment, the moment is kept at which value can first have come
to each address; from there only later payments lead on. Addresses at which a trace stops are
reached and not left. What this finds is never too little: conventions and the smallest value only
narrow it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_NEVER = np.iinfo(np.int64).max


class Edges(NamedTuple):
    """Payments between addresses, in any order.

    Attributes
    ----------
    source, target
        Codes of addresses.
    leaves, arrives
        int64 microseconds; they differ for crossings.
    """

    source: np.ndarray
    target: np.ndarray
    leaves: np.ndarray
    arrives: np.ndarray

    def reversed(self) -> Edges:
        """Return the payments in the mirror, for tracing back."""
        return Edges(self.target, self.source, -self.arrives, -self.leaves)


def reachable(
    edges: Edges,
    origins: np.ndarray,
    nodes: int,
    *,
    hops: int,
    is_closed: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return the addresses whose payments can carry value of the origins, the origins included.

    Parameters
    ----------
    origins
        Codes.
    nodes
        How many codes there are.
    hops
        Payments in a row, at most.
    is_closed
        Says of some codes which of them are not left; asked of each code once.

    Examples
    --------
    0 pays 1, which paid 2 before and pays 3 after.

    >>> edges = Edges(*(np.array(v) for v in ([0, 1, 1], [1, 2, 3], [5, 4, 6], [5, 4, 6])))
    >>> nobody = lambda codes: np.zeros(len(codes), dtype=bool)
    >>> reachable(edges, np.array([0]), 4, hops=3, is_closed=nobody).tolist()
    [0, 1, 3]
    """
    first = np.full(nodes, _NEVER)
    first[origins] = -_NEVER
    is_open, is_known = np.zeros(nodes, dtype=bool), np.zeros(nodes, dtype=bool)
    is_open[origins] = is_known[origins] = True
    for _ in range(hops - 1):
        leads = is_open[edges.source] & (edges.leaves >= first[edges.source])
        target, arrives = edges.target[leads], edges.arrives[leads]
        sooner = arrives < first[target]
        target, arrives = target[sooner], arrives[sooner]
        if not len(target):
            break
        np.minimum.at(first, target, arrives)
        new = np.unique(target[~is_known[target]])
        is_known[new] = True
        is_open[new] = ~is_closed(new)
    return np.flatnonzero(is_open)
