"""What the motif kernels share: the limits, the requests, and the rule of the hub.

A kernel follows money hop by hop. An address with more transfers than the cap in the stretch of
time that would have to be looked through is a *hub* there (an exchange, a router): only the `cap`
nearest of them are looked at, and the kernel counts one refusal. Where the cap falls among several
transfers of one moment, none of that moment are looked at, so that no order of rows decides.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.compilation import kernel
from features.graph import Graph
from features.history import DAY

NEVER = 1 << 62
"""A moment that does not come."""


class Limits(NamedTuple):
    """How far a motif may stretch, and how much is looked through for it.

    Attributes
    ----------
    window
        Microseconds: all transfers of an instance lie in one ``[t, t + window)``; in a relay, each
        hop follows the one before it in less than this.
    cap
        So many transfers of one address are looked at in one stretch, the nearest.
    depth
        The most hops of a relay that are followed.
    width
        A relay is followed no further from a hop for which more transfers than this qualify.
    """

    window: int = DAY
    cap: int = 200
    depth: int = 10
    width: int = 10_000


class Asked(NamedTuple):
    """The requests: a node and its moment each, and which requests each node has.

    Attributes
    ----------
    node, as_of
        int64 per request.
    first
        int32 per node of the graph: its first request, or -1.
    following
        int32 per request: the next of the same node, or -1.
    latest
        The latest of the moments.
    """

    node: np.ndarray
    as_of: np.ndarray
    first: np.ndarray
    following: np.ndarray
    latest: int


class Request(NamedTuple):
    """One node at one moment: its transfers before `as_of` as places in the graph's arrays."""

    node: int
    as_of: int
    out_start: int
    out_end: int
    in_start: int
    in_end: int


@kernel
def request_of(graph: Graph, node: int, as_of: int) -> Request:  # pragma: no cover (compiled)
    """Find the node's transfers strictly before the moment."""
    a, c = graph.out_offsets[node], graph.in_offsets[node]
    b = first_at(graph.sent, a, graph.out_offsets[node + 1], as_of)
    d = first_at(graph.got, c, graph.in_offsets[node + 1], as_of)
    return Request(node, as_of, a, b, c, d)


@kernel
def first_at(
    table: np.ndarray, start: int, end: int, time: int
) -> int:  # pragma: no cover (compiled)
    """Return the first place of ``start:end`` whose time is not below `time`."""
    while start < end:
        middle = (start + end) >> 1
        if table[middle, 0] < time:
            start = middle + 1
        else:
            end = middle
    return start


@kernel
def ahead(
    table: np.ndarray, start: int, end: int, before: int, cap: int
) -> tuple[int, int]:  # pragma: no cover (compiled)
    """Return where to stop looking from `start` on, and when that was refused (`NEVER`)."""
    if start + cap < end and table[start + cap, 0] < before:
        cut = table[start + cap, 0]
        return first_at(table, start, start + cap, cut), cut
    return first_at(table, start, end, before), NEVER


@kernel
def behind(
    table: np.ndarray, start: int, end: int, after: int, cap: int
) -> tuple[int, bool]:  # pragma: no cover (compiled)
    """Return where looking back from `end` stops, and whether more would have qualified."""
    if end - 1 - cap >= start and table[end - 1 - cap, 0] > after:
        return first_at(table, end - cap, end, table[end - 1 - cap, 0] + 1), True
    return first_at(table, start, end, after + 1), False
