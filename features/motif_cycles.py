"""Temporal cycles: money that comes back to the node over 2, 3, 4 or 5 hops.

A cycle of k hops is v → x1 → … → v over k transfers at strictly ascending times, all within one
window ``[t, t + W)`` that starts with the first of them; v and the k - 1 addresses between are all
different. An instance is a transfer of the node that begins at least one such cycle of k hops; the
value is that of these transfers. (Counting every way to go round instead would count ten payments
each way between two addresses as dozens of cycles.)

    v ──1──▶ a ──3──▶ b ──7──▶ v       with W = 7: the transfer at 1 is a 3-hop instance

The search meets in the middle. While the window slides over the node's transfers, each x holds the
latest time at which it paid v, and, for three different d, the latest time at which it paid d
before d paid v. A walk of one, two or three hops from the node then needs one look at where it
stands: three ways home are enough, as at most two d's can already be on the walk.

Cost: at most `cap`² steps per transfer sent, `cap` per transfer received. Hubs are x1 and x2, by
what they pay from a receipt on until the node's last receipt in the window, and d, by what it
received in a window before it paid; where x1 is a hub, 2 hops still count in full.

References
----------
The Graph Feature Preprocessor (arXiv 2402.08593) looks for temporal cycles, per transfer. That
cycles are enumerated in graphs of transfers, under a window, an order in time and a limit of hops:
Blanuša et al., arXiv 2301.01068 (abstract read, November 2026); here none is enumerated.
"""

from __future__ import annotations

import numpy as np

from features.compilation import kernel
from features.graph import LINK_BITS, OTHER, Graph
from features.motif_walks import NEVER, Limits, Request, ahead, behind

CYCLE_HOPS = (2, 3, 4, 5)

# The eight numbers per node in `back`:
_STAMP, _HOME, _TIMES, _VIA = 0, 1, 2, 5
_WAYS = 3


@kernel
def cycles(
    graph: Graph, request: Request, limits: Limits, back: np.ndarray, stamp: int, found: np.ndarray
) -> int:  # pragma: no cover (compiled)
    """Fill counts ``found[:4]``, by hops, and ``found[4]``, the value; return the refusals.

    `back` has eight int64 per node; what they hold counts only beside the stamp.
    """
    refused, entered = 0, request.in_start
    for o in range(request.out_start, request.out_end):
        begun = graph.sent[o, 0]
        before = min(begun + limits.window, request.as_of)
        while entered < request.in_end and graph.got[entered, 0] < before:
            if graph.got[entered, 0] > begun:
                refused += _lead_home(graph, entered, limits, back, stamp)
            entered += 1
        if entered == request.in_start or graph.got[entered - 1, 0] <= begun:
            continue
        home = graph.got[entered - 1, 0]
        two, three, four, five, more = _returns(graph, request, limits, back, stamp, o, home)
        refused += more
        found[0] += two
        found[1] += three
        found[2] += four
        found[3] += five
        if two or three or four or five:
            found[4] += graph.value[o]
    return refused


@kernel
def _lead_home(
    graph: Graph, i: int, limits: Limits, back: np.ndarray, stamp: int
) -> bool:  # pragma: no cover (compiled)
    """Note the last hop home, receipt `i`, and the hops before it; say whether some were not."""
    time, last, end = graph.got[i, 0], graph.got[i, 1] & OTHER, graph.got[i, 1] >> LINK_BITS
    _fresh(back, last, stamp)
    back[last, _HOME] = time
    # The link of a receipt is a place among what its sender received.
    run, after = graph.in_offsets[last], time - limits.window
    start, crowded = behind(graph.got, run, end, after, limits.cap)
    for j in range(start, end):
        source = graph.got[j, 1] & OTHER
        _fresh(back, source, stamp)
        _add_way(back, source, graph.got[j, 0], last)
    return crowded


@kernel
def _fresh(back: np.ndarray, node: int, stamp: int) -> None:  # pragma: no cover (compiled)
    if back[node, _STAMP] != stamp:
        back[node, _STAMP] = stamp
        back[node, _HOME] = -NEVER
        for k in range(_WAYS):
            back[node, _TIMES + k], back[node, _VIA + k] = -NEVER, -1


@kernel
def _add_way(
    back: np.ndarray, node: int, time: int, via: int
) -> None:  # pragma: no cover (compiled)
    """Keep the latest time of each via, and the three vias with the latest."""
    slot = 0
    for k in range(_WAYS):
        if back[node, _VIA + k] == via:
            back[node, _TIMES + k] = max(back[node, _TIMES + k], time)
            return
        if back[node, _TIMES + k] < back[node, _TIMES + slot]:
            slot = k
    if time > back[node, _TIMES + slot]:
        back[node, _TIMES + slot], back[node, _VIA + slot] = time, via


@kernel
def _way_home(
    back: np.ndarray, node: int, time: int, one: int, two: int
) -> bool:  # pragma: no cover (compiled)
    """Say whether two hops lead home after a time, not over `one` or `two`."""
    for k in range(_WAYS):
        via = back[node, _VIA + k]
        if back[node, _TIMES + k] > time and via not in (one, two):
            return True
    return False


@kernel
def _returns(
    graph: Graph,
    request: Request,
    limits: Limits,
    back: np.ndarray,
    stamp: int,
    o: int,
    home: int,
) -> tuple[bool, bool, bool, bool, int]:  # pragma: no cover (compiled)
    """Say which cycles transfer `o` begins, of 2 to 5 hops, and how often a hub refused."""
    sent, one = graph.sent, graph.sent[o, 1] & OTHER
    two = back[one, _STAMP] == stamp and back[one, _HOME] > sent[o, 0]
    three, four, five, refused = False, False, False, 0
    start, run_end = sent[o, 1] >> LINK_BITS, graph.out_offsets[one + 1]
    end, cut = ahead(sent, start, run_end, home, limits.cap)
    refused += cut < NEVER
    for e in range(start, end):
        time, second, link = sent[e, 0], sent[e, 1] & OTHER, sent[e, 1] >> LINK_BITS
        if second == request.node:
            continue
        if back[second, _STAMP] == stamp:
            three |= back[second, _HOME] > time
            four |= _way_home(back, second, time, one, one)
        stop, cut = ahead(sent, link, graph.out_offsets[second + 1], home, limits.cap)
        refused += cut < NEVER
        if five:
            continue
        for f in range(link, stop):
            third = sent[f, 1] & OTHER
            if third not in (request.node, one) and back[third, _STAMP] == stamp:
                five |= _way_home(back, third, sent[f, 0], one, second)
    return two, three, four, five, refused
