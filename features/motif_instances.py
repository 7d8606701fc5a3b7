"""Motifs one by one, for the few addresses that are explained: plain Python, and which transfers.

The kernels count; here each figure's instances are found again, from the same definitions, with
the transfers of each. Every function returns, by instance, the places in the graph of one set of
transfers that make it one, own transfers first. The rule of the hub is the kernels' (see
`features.motif_walks`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from features.graph import LINK_BITS, OTHER, Graph
from features.motif_walks import Limits
from features.network import Surroundings

Instances = dict[int, tuple[int, ...]]
"""By far end or own payment: the places of the transfers that make an instance."""


class Transfer(NamedTuple):
    """One transfer in one of the graph's runs."""

    place: int
    time: int
    other: int
    link: int


class Route(NamedTuple):
    """From the source over a middle to a far end (or, alike, another sender)."""

    own: int
    other: int
    middle: int
    far: int
    first: int
    last: int


@dataclass(frozen=True)
class Sight:
    """What can be seen of the graph before the moment, window and cap considered."""

    around: Surroundings
    limits: Limits

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.around.graph

    def sent(self, node: int) -> list[Transfer]:
        """Return what a node sent before the moment."""
        return self._run(self.graph.sent, self.graph.out_offsets, node)

    def got(self, node: int) -> list[Transfer]:
        """Return what a node received before the moment."""
        return self._run(self.graph.got, self.graph.in_offsets, node)

    def onward(self, paid: Transfer, before: int) -> list[Transfer]:
        """Return what the receiver of a payment paid after it and before a moment, to the cap."""
        end = int(self.graph.out_offsets[paid.other + 1])
        return self._ahead(self.graph.sent, paid.link, end, before)

    def alike(self, paid: Transfer) -> list[Transfer]:
        """Return what the receiver of a payment received within a window of it, to the cap."""
        table, offsets = self.graph.got, self.graph.in_offsets
        a, b = int(offsets[paid.other]), int(offsets[paid.other + 1])
        now = a + int(np.searchsorted(table[a:b, 0], paid.time))
        before = min(paid.time + self.limits.window, self.around.as_of)
        earlier = self._back(table, a, now, paid.time - self.limits.window)
        return earlier + self._ahead(table, now, b, before)

    def fed(self, receipt: Transfer) -> list[Transfer]:
        """Return what the sender of a receipt received within a window before it, to the cap."""
        a = int(self.graph.in_offsets[receipt.other])
        after = receipt.time - self.limits.window
        return self._back(self.graph.got, a, receipt.link, after)

    def place_of(self, receiver: int, i: int) -> int:
        """Return the place among transfers sent of one that stands at `i` among those received.

        Transfers of one moment between the same two keep their order on both sides.
        """
        time, pair = int(self.graph.got[i, 0]), int(self.graph.got[i, 1])
        sender, start = pair & OTHER, int(self.graph.in_offsets[receiver])
        rank = sum(t.time == time and t.other == sender for t in _read(self.graph.got, start, i))
        a, b = (int(self.graph.out_offsets[sender + k]) for k in (0, 1))
        a += int(np.searchsorted(self.graph.sent[a:b, 0], time))
        alike = (t.place for t in _read(self.graph.sent, a, b) if t.other == receiver)
        return next(place for k, place in enumerate(alike) if k == rank)

    def _run(self, table: np.ndarray, offsets: np.ndarray, node: int) -> list[Transfer]:
        if node < 0:
            return []
        a, b = int(offsets[node]), int(offsets[node + 1])
        end = a + int(np.searchsorted(table[a:b, 0], self.around.as_of))
        return [*_read(table, a, end)]

    def _ahead(self, table: np.ndarray, start: int, end: int, before: int) -> list[Transfer]:
        cap = self.limits.cap
        some = [t for t in _read(table, start, min(end, start + cap + 1)) if t.time < before]
        return [t for t in some if t.time < some[-1].time] if len(some) > cap else some

    def _back(self, table: np.ndarray, start: int, end: int, after: int) -> list[Transfer]:
        cap = self.limits.cap
        some = [t for t in _read(table, max(start, end - cap - 1), end) if t.time > after]
        return [t for t in some if t.time > some[0].time] if len(some) > cap else some


def _read(table: np.ndarray, start: int, end: int) -> Iterator[Transfer]:
    for place, (time, pair) in enumerate(table[start:end].tolist(), start):
        yield Transfer(place, time, pair & OTHER, pair >> LINK_BITS)


# --- Scatter-gather and bipartite ---


def targets(sight: Sight) -> Instances:
    """Find the targets that the node's money reached over two middles."""
    return _far_ends(sight, _onward_routes(sight, sight.around.node))


def scattered(sight: Sight) -> Instances:
    """Find the node's payments that take part in that."""
    return _own_parts(sight, _onward_routes(sight, sight.around.node))


def co_senders(sight: Sight) -> Instances:
    """Find the other senders with whom the node shares two receivers."""
    return _far_ends(sight, _alike_routes(sight))


def shared(sight: Sight) -> Instances:
    """Find the node's payments to receivers that it so shares."""
    return _own_parts(sight, _alike_routes(sight))


def carried(sight: Sight) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Find payer, payee and own payment of each route that the node carried beside another.

    Yields the payer and the payee as one number, the own payment's place, and all places.
    """
    node, window = sight.around.node, sight.limits.window
    receipts = defaultdict(list)
    for receipt in sight.got(node):
        receipts[receipt.other].append(receipt.time)
    payees = {paid.other for paid in sight.sent(node)}
    for payer, times in receipts.items():
        if not payees - {payer}:
            continue
        routes = [
            route
            for route in _onward_routes(sight, payer, near=np.array(times))
            if route.far in payees
        ]
        for group in _grouped(routes).values():
            for route in group:
                if route.middle == node and (partner := _partner(route, group, window)):
                    pair = route.far | payer << LINK_BITS
                    yield pair, route.other, (*_places(sight, route), *_places(sight, partner))


def _onward_routes(sight: Sight, source: int, near: np.ndarray | None = None) -> list[Route]:
    """List the routes from a source (with times, only near them)."""
    window = sight.limits.window
    payments = sight.sent(source)
    if near is not None:
        apart = [_distance(near, paid.time) for paid in payments]
        payments = [p for p, gap in zip(payments, apart, strict=True) if gap < window]
    return [
        Route(paid.place, on.place, paid.other, on.other, paid.time, on.time)
        for paid in payments
        for on in sight.onward(paid, min(paid.time + window, sight.around.as_of))
        if on.other != source
    ]


def _alike_routes(sight: Sight) -> list[Route]:
    routes = []
    for paid in sight.sent(sight.around.node):
        for other in sight.alike(paid):
            if other.other != sight.around.node:
                first, last = sorted((paid.time, other.time))
                place = ~other.place  # among those received, until it is wanted
                routes.append(Route(paid.place, place, paid.other, other.other, first, last))
    return routes


def _distance(times: np.ndarray, time: int) -> int:
    at = int(np.searchsorted(times, time))
    return min(abs(int(t) - time) for t in times[max(0, at - 1) : at + 1])


def _grouped(routes: list[Route]) -> dict[int, list[Route]]:
    groups: dict[int, list[Route]] = defaultdict(list)
    for route in routes:
        groups[route.far].append(route)
    return {far: group for far, group in groups.items() if len({r.middle for r in group}) > 1}


def _partner(route: Route, group: list[Route], window: int) -> Route | None:
    """Return the first to complete an instance with a route: over another middle, in one window."""
    fits = [
        other
        for other in group
        if other.middle != route.middle
        and max(route.last, other.last) - min(route.first, other.first) < window
    ]
    return min(fits, key=lambda r: (max(r.last, route.last), r), default=None)


def _places(sight: Sight, route: Route) -> tuple[int, int]:
    if route.other >= 0:
        return route.own, route.other
    return route.own, sight.place_of(route.middle, ~route.other)


def _far_ends(sight: Sight, routes: list[Route]) -> Instances:
    found: Instances = {}
    for far, group in _grouped(routes).items():
        for route in sorted(group, key=lambda r: r.last):
            if partner := _partner(route, group, sight.limits.window):
                found[far] = (*_places(sight, route), *_places(sight, partner))
                break
    return found


def _own_parts(sight: Sight, routes: list[Route]) -> Instances:
    found: Instances = {}
    for group in _grouped(routes).values():
        for route in group:
            if route.own in found:
                continue
            if partner := _partner(route, group, sight.limits.window):
                found[route.own] = (*_places(sight, route), *_places(sight, partner))
    return found


# --- Gather-scatter ---


def gathered(sight: Sight) -> Instances:
    """Find the payments to several that follow receipts from several."""
    payments, receipts = sight.sent(sight.around.node), sight.got(sight.around.node)
    found = {}
    for k, paid in enumerate(payments):
        others = [
            next((p for p in side if p.other != paid.other), None)
            for side in (payments[k + 1 :], payments[:k][::-1])
        ]
        for other in filter(None, others):
            first, last = sorted((paid.time, other.time))
            after = last - sight.limits.window
            before = [r for r in receipts if after < r.time < first]
            pair = next((r for r in before[::-1] if r.other != before[-1].other), None)
            if pair is not None:
                ends = (sight.place_of(sight.around.node, r.place) for r in (pair, before[-1]))
                found[paid.place] = (paid.place, other.place, *ends)
                break
    return found


# --- Cycles ---


def returning(sight: Sight, hops: int) -> Instances:
    """Find the payments that begin a cycle of so many hops."""
    receipts = sight.got(sight.around.node)
    found = {}
    for paid in sight.sent(sight.around.node):
        before = min(paid.time + sight.limits.window, sight.around.as_of)
        home = [r for r in receipts if paid.time < r.time < before]
        way = next(_ways_home(sight, paid, home, hops), None) if home else None
        if way is not None:
            found[paid.place] = way
    return found


def _ways_home(
    sight: Sight, paid: Transfer, home: list[Transfer], hops: int
) -> Iterator[tuple[int, ...]]:
    """Yield the transfers of cycles that a payment begins and one of some receipts ends."""
    node, last = sight.around.node, home[-1].time
    # Each way: where it starts and when, whom it passes, the transfers received, last hop last.
    ways: dict[int, list[tuple[int, tuple[int, ...], tuple[tuple[int, int], ...]]]] = {}
    for r in home:
        if hops < 4:
            ways.setdefault(r.other, []).append((r.time, (), ((node, r.place),)))
            continue
        for fed in sight.fed(r):
            end = ((r.other, fed.place), (node, r.place))
            ways.setdefault(fed.other, []).append((fed.time, (r.other,), end))
    walked: list[tuple[Transfer, ...]] = [(paid,)]
    for _ in range({2: 0, 3: 1, 4: 1, 5: 2}[hops]):
        walked = [
            (*walk, on)
            for walk in walked
            for on in sight.onward(walk[-1], last)
            if on.other not in {node, *(w.other for w in walk)}
        ]
    for walk in walked:
        been = {node, *(w.other for w in walk)}
        for time, passed, ends in ways.get(walk[-1].other, ()):
            if time > walk[-1].time and not been & {*passed}:
                places = (sight.place_of(receiver, i) for receiver, i in ends)
                yield (*(w.place for w in walk), *places)


# --- Relay and peel chain ---


class Hop(NamedTuple):
    """A hop of a relay: who paid, what, the place of the hop before, and of the sender's peel."""

    sender: int
    paid: Transfer
    before: int | None = None
    peel: int | None = None


def longest_relay(sight: Sight, *, peeled: bool = False) -> Instances:
    """Find a longest relay or peel chain, of those the one whose last hop moved the most.

    Returns each hop by its number from 0: its place, and that of the peel beside it.
    """
    node, value = sight.around.node, sight.graph.value
    hop = {paid.place: Hop(node, paid) for paid in sight.sent(node)}
    hops = [hop]
    while hop and len(hops) < sight.limits.depth:
        if len(hops) > 1 and len(hop) > sight.limits.width:
            break
        following: dict[int, Hop] = {}
        for sender, paid, *_ in hop.values():
            moved, end = int(value[paid.place]), paid.time + sight.limits.window
            onward = sight.onward(paid, min(end, sight.around.as_of))
            apart = [on for on in onward if on.other not in (sender, node)]
            small = [on for on in apart if 5 * int(value[on.place]) <= moved]
            for on in apart:
                lost = moved - int(value[on.place])
                peel = next((p.place for p in small if p.other != on.other), None)
                if peeled and (50 * lost < moved or peel is None):
                    continue
                if 0 <= 5 * lost <= moved:
                    kept = peel if peeled else None
                    following.setdefault(on.place, Hop(paid.other, on, paid.place, kept))
        hop = following
        hops.append(hop)
    while hops and not hops[-1]:
        hops.pop()
    walk: Instances = {}
    at = max(hops[-1], key=lambda e: (int(value[e]), -e)) if hops else None
    for number in reversed(range(len(hops))):
        assert at is not None
        peel = hops[number][at].peel
        walk[number] = (at,) if peel is None else (at, peel)
        at = hops[number][at].before
    return walk
