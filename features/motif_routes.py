"""Several routes from one address to another, within one window: scatter-gather and bipartite.

**Scatter-gather**: the address ``u`` pays m at s, which later pays w, at s' > s: a *route* (u, m
and w all differ). Two routes from u to w over different middles make an instance where all four
times lie in one window ``[t, t + W)``.

    u ──10──▶ a ──12──▶ w        with W = 8: an instance; with W = 5 none, as 10 and 15
    u ──11──▶ b ──15──▶ w        lie in no window [t, t + 5)

Everybody in it takes part: u scatters, to so many *targets* w; a middle carries, for so many
*pairs* (u, w). The value is that of the node's own transfers that take part in an instance, each
once: those to the middles, or those from the middle to w.

**Bipartite** (a layer of a *stack*): u and another sender both pay two receivers within one window,
in whatever order. Here the far end of a route is the other sender; so many of them share receivers
with u.

    u ──▶ a, u ──▶ b, other ──▶ a, other ──▶ b

Several transfers between the same two addresses are several routes, but targets, pairs and
co-senders are counted once each. Transfers of one moment do not follow each other: what happens
inside one transaction (a swap) is no layering.

**How.** All routes of one source are laid out once, for itself and for all its middles. A payment
with no other of the source's within a window, to somebody else, is no part of anything. A far end
that only one middle leads to is dropped before anything is stored. The routes to a far end are
sorted by their last time; then each learns, in one step, the moment at which it was first part of
an instance. A request sees those whose moment came before its `as_of`, so that one pass serves all.

Cost: at most `cap` steps for each transfer of a source. Hubs are middles, by what they pay from a
receipt on; in bipartite, receivers, by what they get before and after a payment.

References
----------
The shapes have these names in IBM's AMLSim (wiki, "Alert Model", read November 2026). The Graph
Feature Preprocessor (arXiv 2402.08593) looks for scatter-gather in a window; there a pattern
belongs to a transfer, here to the addresses; the two orders in time are ours.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.compilation import kernel
from features.graph import LINK_BITS, OTHER, Graph
from features.motif_moments import Routes, find_moments, sort_by_last
from features.motif_walks import NEVER, Asked, Limits, ahead, behind, first_at

ONWARD, ALIKE = 0, 1
"""What a source's routes are: onward (scatter-gather), or to those who paid alike (bipartite)."""

ROUTE_COLUMNS = 5
"""Far ends, their value; pairs carried, their value; refusals."""

_ROOM = 64


class _Own(NamedTuple):
    """A source's payments: each as long as the longest source's.

    Attributes
    ----------
    company
        When it first had another payment within a window, to somebody else; `NEVER` if none.
    refused
        When looking further than the cap was refused.
    done
        When it was first part of an instance.
    start, end
        The stretch looked at.
    """

    company: np.ndarray
    refused: np.ndarray
    done: np.ndarray
    start: np.ndarray
    end: np.ndarray


class _Seen(NamedTuple):
    """Per node: stamp, first middle, routes, group; and when it first carried, for one far end.

    And per transfer: when it was first the second leg of an instance. Moments are kept as
    ``NEVER - moment``, so that fresh zeros mean never.
    """

    cell: np.ndarray
    carried: np.ndarray
    second: np.ndarray


@kernel
def route_motifs(
    graph: Graph,
    asked: Asked,
    sources: np.ndarray,
    kind: int,
    limits: Limits,
    out: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Add to each request's columns what the routes of some sources bring.

    `sources` must hold every node that is asked for and, for `ONWARD`, everybody who paid one.
    """
    nodes = len(graph.out_offsets) - 1
    longest = 0
    for u in sources:
        longest = max(longest, graph.out_offsets[u + 1] - graph.out_offsets[u])
    own = _Own(
        np.empty(longest, np.int64),
        np.empty(longest, np.int64),
        np.empty(longest, np.int64),
        np.empty(longest, np.int32),
        np.empty(longest, np.int32),
    )
    seen = _Seen(
        np.zeros((nodes, 4), np.int32),
        np.zeros(nodes, np.int64),
        np.zeros(len(graph.sent) if kind == ONWARD else 0, np.int64),
    )
    ends = np.empty(_ROOM, np.int32)
    for k in range(len(sources)):
        u = sources[k]
        a = graph.out_offsets[u]
        n = first_at(graph.sent, a, graph.out_offsets[u + 1], asked.latest) - a
        if n < 2 or not _keep_company(graph.sent, a, n, limits.window, own.company):
            continue
        groups, refused, ends = _look(
            graph, kind, u, n, k + 1, limits, asked.latest, own, seen, ends
        )
        if groups > 0:
            _settle(graph, asked, kind, u, n, limits.window, own, seen, ends[:groups], out)
        _take_own(graph, asked, u, n, own, out)
        if refused and kind == ONWARD:
            _pass_on_refusals(graph, asked, u, n, limits.window, own, out)
    if kind == ONWARD:
        for r in range(len(asked.node)):
            v = asked.node[r]
            for e in range(graph.out_offsets[v], graph.out_offsets[v + 1]):
                if NEVER - seen.second[e] < asked.as_of[r]:
                    out[r, 3] += graph.value[e]


@kernel
def _keep_company(
    sent: np.ndarray, a: int, n: int, window: int, company: np.ndarray
) -> bool:  # pragma: no cover (compiled)
    """Say when each payment first had another near it, to another receiver; whether any had."""
    some, newest, newest_time, second_time = False, -1, -NEVER, -NEVER
    for k in range(n):
        time, to = sent[a + k, 0], sent[a + k, 1] & OTHER
        if to != newest:
            second_time, newest = newest_time, to
        newest_time = time
        near = second_time > time - window
        company[k] = time if near else NEVER
        some |= near
    if not some:
        return False
    newest, newest_time, second_time = -1, NEVER, NEVER
    for k in range(n - 1, -1, -1):
        time, to = sent[a + k, 0], sent[a + k, 1] & OTHER
        if to != newest:
            second_time, newest = newest_time, to
        newest_time = time
        if company[k] == NEVER and second_time < time + window:
            company[k] = second_time
    return True


@kernel
def _look(
    graph: Graph,
    kind: int,
    u: int,
    n: int,
    stamp: int,
    limits: Limits,
    latest: int,
    own: _Own,
    seen: _Seen,
    ends: np.ndarray,
) -> tuple[int, bool, np.ndarray]:  # pragma: no cover (compiled)
    """Walk all routes, and list the far ends that two middles lead to; say whether any refused."""
    groups, some_refused, a = 0, False, graph.out_offsets[u]
    table = graph.sent if kind == ONWARD else graph.got
    for k in range(n):
        own.done[k] = own.refused[k] = NEVER
        own.start[k] = own.end[k] = 0
        if own.company[k] == NEVER:
            continue
        start, end, refused = _stretch(graph, kind, a + k, limits, latest)
        own.start[k], own.end[k] = start, end
        if refused < NEVER:
            own.refused[k], some_refused = max(refused, own.company[k]), True
        middle = graph.sent[a + k, 1] & OTHER
        for e in range(start, end):
            far = table[e, 1] & OTHER
            if far == u:
                continue
            if seen.cell[far, 0] != stamp:
                seen.cell[far, 0], seen.cell[far, 1] = stamp, middle
                seen.cell[far, 2], seen.cell[far, 3] = 1, 0
                continue
            seen.cell[far, 2] += 1
            if seen.cell[far, 3] == 0 and seen.cell[far, 1] != middle:
                if groups == len(ends):
                    ends = np.concatenate((ends, np.empty(groups, np.int32)))
                ends[groups] = far
                groups += 1
                seen.cell[far, 3] = groups
    return groups, some_refused, ends


@kernel
def _stretch(
    graph: Graph, kind: int, o: int, limits: Limits, latest: int
) -> tuple[int, int, int]:  # pragma: no cover (compiled)
    """Return the transfers of the middle to look at, and when more of them were refused."""
    time, pair = graph.sent[o, 0], graph.sent[o, 1]
    middle, before = pair & OTHER, min(time + limits.window, latest)
    if kind == ONWARD:
        start = pair >> LINK_BITS
        end, refused = ahead(graph.sent, start, graph.out_offsets[middle + 1], before, limits.cap)
        return start, end, refused
    run = graph.in_offsets[middle], graph.in_offsets[middle + 1]
    now = first_at(graph.got, run[0], run[1], time)
    end, refused = ahead(graph.got, now, run[1], before, limits.cap)
    start, crowded = behind(graph.got, run[0], now, time - limits.window, limits.cap)
    return start, end, time if crowded else refused


@kernel
def _settle(
    graph: Graph,
    asked: Asked,
    kind: int,
    u: int,
    n: int,
    window: int,
    own: _Own,
    seen: _Seen,
    ends: np.ndarray,
    out: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Lay out the routes to each far end that two middles lead to, and count the instances."""
    a, total = graph.out_offsets[u], 0
    table = graph.sent if kind == ONWARD else graph.got
    bounds = np.empty(len(ends) + 1, np.int64)
    for g in range(len(ends)):
        bounds[g] = total
        total += seen.cell[ends[g], 2]
        seen.cell[ends[g], 2] = bounds[g]
    bounds[-1] = total
    routes = Routes(
        np.empty(total, np.int64),
        np.empty(total, np.int64),
        np.empty(total, np.int32),
        np.empty(total, np.int32),
        np.empty(total, np.int64),
    )
    for k in range(n):
        for e in range(own.start[k], own.end[k]):
            far = table[e, 1] & OTHER
            if far == u or seen.cell[far, 3] == 0:
                continue
            j = seen.cell[far, 2]
            seen.cell[far, 2] += 1
            routes.first[j] = min(graph.sent[a + k, 0], table[e, 0])
            routes.last[j] = max(graph.sent[a + k, 0], table[e, 0])
            routes.own[j], routes.other[j] = k, e
    for g in range(len(ends)):
        x, y = bounds[g], bounds[g + 1]
        sort_by_last(routes, x, y)
        earliest = find_moments(graph.sent, a, routes, x, y, window)
        if earliest == NEVER:
            continue
        r = asked.first[u]
        while r >= 0:
            out[r, 0] += earliest < asked.as_of[r]
            r = asked.following[r]
        for j in range(x, y):
            own.done[routes.own[j]] = min(own.done[routes.own[j]], routes.done[j])
        if kind == ONWARD:
            _carry(graph.sent, asked, a, routes, x, y, seen, out)


@kernel
def _carry(
    sent: np.ndarray,
    asked: Asked,
    a: int,
    routes: Routes,
    x: int,
    y: int,
    seen: _Seen,
    out: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Count the pair for each middle that is asked for, and note the second legs."""
    for j in range(x, y):
        middle, since = sent[a + routes.own[j], 1] & OTHER, NEVER - routes.done[j]
        if asked.first[middle] >= 0 and since > 0:
            seen.carried[middle] = max(seen.carried[middle], since)
            seen.second[routes.other[j]] = max(seen.second[routes.other[j]], since)
    for j in range(x, y):
        middle = sent[a + routes.own[j], 1] & OTHER
        if seen.carried[middle] > 0:
            r = asked.first[middle]
            while r >= 0:
                out[r, 2] += NEVER - seen.carried[middle] < asked.as_of[r]
                r = asked.following[r]
            seen.carried[middle] = 0


@kernel
def _take_own(
    graph: Graph, asked: Asked, u: int, n: int, own: _Own, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Add the value of the source's own payments in instances, and its own refusals."""
    r = asked.first[u]
    while r >= 0:
        for k in range(n):
            if own.done[k] < asked.as_of[r]:
                out[r, 1] += graph.value[graph.out_offsets[u] + k]
            out[r, 4] += own.refused[k] < asked.as_of[r]
        r = asked.following[r]


@kernel
def _pass_on_refusals(
    graph: Graph, asked: Asked, u: int, n: int, window: int, own: _Own, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Add a refusal for each payment to a middle near which some route was not looked through.

    What was refused near a payment at t was so before t + 2W: a count over the stretch will do for
    later requests; the others look at each.
    """
    a, low, high, inside = graph.out_offsets[u], 0, 0, 0
    for k in range(n):
        time = graph.sent[a + k, 0]
        while high < n and graph.sent[a + high, 0] < time + window:
            inside += own.refused[high] < NEVER
            high += 1
        while graph.sent[a + low, 0] <= time - window:
            inside -= own.refused[low] < NEVER
            low += 1
        r = asked.first[graph.sent[a + k, 1] & OTHER]
        while r >= 0 and inside > 0:
            found = own.company[k] < asked.as_of[r]
            if found and asked.as_of[r] < time + 2 * window:
                found = False
                for j in range(low, high):
                    found |= own.refused[j] < asked.as_of[r]
            out[r, 4] += found
            r = asked.following[r]
