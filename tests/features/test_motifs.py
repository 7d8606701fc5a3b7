"""The motifs against a brute force that tries every combination of transfers of a small graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.graph import Graph, build_graph, unpacked
from features.motif_counts import MOTIF_COLUMNS, SHAPES, count_motifs
from features.motif_walks import Limits

CAPPED = "motifs_capped"
NODES, LATEST = 6, 12
LIMITS = Limits(window=5, cap=1_000, depth=4)


class Edge(NamedTuple):
    sender: int
    receiver: int
    time: int
    value: int


nodes_ = st.integers(0, NODES - 1)
edges_ = st.lists(
    st.builds(
        Edge,
        nodes_,
        nodes_,
        st.integers(0, LATEST - 1),
        st.integers(70, 100) | st.integers(10, 22),
    ),
    max_size=26,
)
windows = st.integers(1, LATEST)


def graph_of(edges: Iterable[Edge], nodes: int = NODES) -> Graph:
    table = np.array([*edges], dtype=np.int64).reshape(-1, 4)
    return build_graph(table[:, 0], table[:, 1], table[:, 2], table[:, 3], nodes=nodes)


def every_request(nodes: int = NODES) -> tuple[np.ndarray, np.ndarray]:
    """Each node at several moments, in no order of time."""
    pairs = np.array([*product(range(nodes), (LATEST, 3, 8, 0))])
    return pairs[:, 0], pairs[:, 1]


def counted(edges: Iterable[Edge], limits: Limits = LIMITS, nodes: int = NODES) -> np.ndarray:
    return count_motifs(graph_of(edges, nodes), *every_request(nodes), limits)


def column(table: np.ndarray, name: str) -> np.ndarray:
    return table[..., MOTIF_COLUMNS.index(name)]


def one(edges: list[Edge], node: int = 0, limits: Limits = LIMITS) -> dict[str, int]:
    """What is not zero for one node, after all transfers."""
    row = count_motifs(graph_of(edges), np.array([node]), np.array([LATEST]), limits)[0]
    return {k: v for k, v in zip(MOTIF_COLUMNS, row.tolist(), strict=True) if v}


def within(window: int, *edges: Edge) -> bool:
    times = [edge.time for edge in edges]
    return max(times) - min(times) < window


def by_hand(edges: list[Edge], node: int, as_of: int, limits: Limits) -> list[int]:
    """All columns from the definitions, by trying everything."""
    seen = [e for e in edges if e.time < as_of and e.sender != e.receiver]
    ids = range(len(seen))  # equal transfers are still two
    sent = [i for i in ids if seen[i].sender == node]

    def value(own: Iterable[int]) -> int:
        return sum(seen[i].value for i in set(own))

    def meeting(routes: list[tuple[int, int, int]]) -> list[int]:
        """Count far ends with two middles in a window; the value of what takes part."""
        ends, own = set(), set()
        for (i, j, end), (k, m, other) in combinations(routes, 2):
            middles_differ = seen[i].receiver != seen[k].receiver
            if (
                end == other
                and middles_differ
                and within(limits.window, *(seen[n] for n in (i, j, k, m)))
            ):
                ends.add(end)
                own |= {i, k}
        return [len(ends), value(own)]

    scatters, wedges = [], []
    for i, j in product(sent, ids):
        a, b = seen[i], seen[j]
        if b.sender == a.receiver and b.time > a.time and b.receiver != node:
            scatters.append((i, j, b.receiver))
        if b.receiver == a.receiver and b.sender != node:
            wedges.append((i, j, b.sender))
    through, through_own = set(), set()
    for i, o, c, d in quadruples(seen, node):
        if within(limits.window, seen[i], seen[o], seen[c], seen[d]):
            through.add((seen[i].sender, seen[o].receiver))
            through_own.add(o)
    scattered = by_hand_scattered(seen, node, limits.window)
    beginnings = {
        hops: [i for i in sent if returns(seen, i, hops, limits)] for hops in (2, 3, 4, 5)
    }
    relays = [walk for i in sent for walk in relays_from(seen, [i], limits)]
    hops = max(map(len, relays), default=0)
    chains = [walk for i in sent for walk in relays_from(seen, [i], limits, peeled=True)]
    return [
        *meeting(scatters),
        len(through),
        value(through_own),
        *meeting(wedges),
        len(scattered),
        value(scattered),
        *(len(own) for own in beginnings.values()),
        value(i for own in beginnings.values() for i in own),
        hops,
        max((seen[walk[-1]].value for walk in relays if len(walk) == hops), default=0),
        max(map(len, chains), default=0),
        0,
    ]


def quadruples(seen: list[Edge], node: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield u → node, node → w, u → m, m → w, all different, second legs later."""
    ids = range(len(seen))
    for i, o in product(ids, ids):
        into, out = seen[i], seen[o]
        if into.receiver != node or out.sender != node or out.time <= into.time:
            continue
        if into.sender == out.receiver:
            continue
        for c, d in product(ids, ids):
            first, second = seen[c], seen[d]
            if first.sender == into.sender and second.receiver == out.receiver:
                middle = first.receiver
                if middle == second.sender and first.time < second.time and middle != node:
                    yield i, o, c, d


def by_hand_scattered(seen: list[Edge], node: int, window: int) -> set[int]:
    """Find payments that, with one to somebody else, follow receipts from two senders."""
    received = [e for e in seen if e.receiver == node]
    found = set()
    for (i, a), (j, b) in combinations([x for x in enumerate(seen) if x[1].sender == node], 2):
        if a.receiver == b.receiver:
            continue
        first = min(a.time, b.time)
        for c, d in combinations(received, 2):
            follows = max(c.time, d.time) < first
            if c.sender != d.sender and follows and within(window, a, b, c, d):
                found |= {i, j}
    return found


def returns(seen: list[Edge], start: int, hops: int, limits: Limits) -> bool:
    node = seen[start].sender

    def search(path: list[Edge]) -> bool:
        if len(path) == hops:
            return path[-1].receiver == node
        been = {node, *(e.receiver for e in path)}
        return path[-1].receiver != node and any(
            search([*path, e])
            for e in seen
            if e.sender == path[-1].receiver
            and e.time > path[-1].time
            and within(limits.window, path[0], e)
            and (e.receiver not in been or e.receiver == node)
        )

    return search([seen[start]])


def relays_from(
    seen: list[Edge], walk: list[int], limits: Limits, *, peeled: bool = False
) -> Iterator[list[int]]:
    yield walk
    last, node = seen[walk[-1]], seen[walk[0]].sender
    if len(walk) == limits.depth:
        return
    for i, e in enumerate(seen):
        keeps = 4 * last.value <= 5 * e.value <= 5 * last.value
        on = e.sender == last.receiver and e.receiver not in (last.sender, node)
        if peeled:
            keeps = keeps and 100 * e.value <= 98 * last.value
            on = on and any(is_peel(p, e, last, node, limits.window) for p in seen)
        if keeps and on and last.time < e.time < last.time + limits.window:
            yield from relays_from(seen, [*walk, i], limits, peeled=peeled)


def is_peel(p: Edge, onward: Edge, receipt: Edge, node: int, window: int) -> bool:
    soon = receipt.time < p.time < receipt.time + window
    elsewhere = p.receiver not in (onward.receiver, receipt.sender, node)
    return soon and elsewhere and p.sender == onward.sender and 5 * p.value <= receipt.value


@given(edges_, windows)
def test_every_motif_is_what_brute_force_finds(edges, window):
    limits = LIMITS._replace(window=window)
    requests = zip(*(part.tolist() for part in every_request()), strict=True)
    expected = [by_hand(edges, node, as_of, limits) for node, as_of in requests]
    found = counted(edges, limits)
    for k, name in enumerate(MOTIF_COLUMNS):
        assert found[:, k].tolist() == [row[k] for row in expected], name


steps = st.tuples(
    st.integers(0, NODES - 1),  # whom the hop pays
    st.integers(0, NODES - 1),  # whom the peel pays
    st.sampled_from([79, 80, 81, 90, 97, 98, 99, 100]),  # per cent passed on
    st.sampled_from([0, 1, 19, 20, 21]),  # per cent peeled off; 0: no peel
    st.tuples(st.integers(0, 2), st.integers(0, 3)),  # when, after the hop before
)


@given(edges_, st.lists(steps, min_size=1, max_size=6), windows, st.integers(1, 3))
def test_peel_chains_at_their_bounds_are_what_brute_force_finds(edges, chain, window, cap):
    """Domain: chains of which every step is near a bound, among other transfers."""
    at, time, value, laid = 0, 0, 10_000, []
    for receiver, peel_to, kept, peeled, (gap, peel_gap) in chain:
        laid.append(Edge(at, peel_to, time + peel_gap, value * peeled // 100))
        value, time = value * kept // 100, time + gap
        laid.append(Edge(at, receiver, time, value))
        at = receiver
    every = [e for e in [*edges[:6], *laid] if e.value]
    limits = LIMITS._replace(window=window, depth=7)
    found = column(counted(every, limits), "peel_hops").tolist()
    requests = zip(*(part.tolist() for part in every_request()), strict=True)
    place = MOTIF_COLUMNS.index("peel_hops")
    assert found == [by_hand(every, node, as_of, limits)[place] for node, as_of in requests]
    capped = counted(every, limits._replace(cap=cap))
    assert (column(capped, "peel_hops") <= found).all()
    whole = column(capped, CAPPED) == 0
    assert (column(capped, "peel_hops") == found)[whole].all()


@pytest.mark.slow
@given(st.integers(0, 2**32), windows)
def test_dense_graphs_too(seed, window):
    edges = some_edges(np.random.default_rng(seed), 40, 7, LATEST)
    limits = LIMITS._replace(window=window)
    for node in range(7):
        row = count_motifs(graph_of(edges, 7), np.array([node]), np.array([LATEST]), limits)[0]
        assert row.tolist() == by_hand(edges, node, LATEST, limits)


def some_edges(rng: np.random.Generator, n: int, nodes: int, latest: int) -> list[Edge]:
    parts = [rng.integers(0, top, n) for top in (nodes, nodes, latest)]
    values = np.where(rng.random(n) < 0.6, rng.integers(70, 101, n), rng.integers(10, 23, n))
    return [Edge(*map(int, e)) for e in zip(*parts, values, strict=True)]


@given(edges_, st.permutations(range(NODES)), st.randoms(use_true_random=False), st.integers(-9, 9))
def test_names_row_order_and_the_hour_do_not_matter(edges, names, random, shift):
    moved = [Edge(names[e.sender], names[e.receiver], e.time + shift, e.value) for e in edges]
    random.shuffle(moved)
    nodes, as_of = every_request()
    for cap in (1_000, 1):  # with hubs and without
        limits = LIMITS._replace(cap=cap)
        found = count_motifs(graph_of(moved), np.array(names)[nodes], as_of + shift, limits)
        assert found.tolist() == counted(edges, limits).tolist()


@given(edges_, edges_, st.integers(0, LATEST))
def test_the_future_does_not_exist(edges, poison, as_of):
    """Transfers at the moment or later may be deleted, or any number added."""
    past = [e for e in edges if e.time < as_of]
    later = [e._replace(time=as_of + e.time, value=10**12) for e in poison]
    nodes, moments = np.arange(NODES), np.full(NODES, as_of)
    for cap in (1_000, 1):
        limits = LIMITS._replace(cap=cap)
        tables = [
            count_motifs(graph_of(some), nodes, moments, limits).tolist()
            for some in (past, edges, past + later, edges + later)
        ]
        assert tables.count(tables[0]) == 4


@given(edges_, st.integers(1, 5), windows)
def test_a_cap_is_reported_and_exact_where_nothing_was_capped(edges, cap, window):
    limits = LIMITS._replace(window=window)
    exact, capped = counted(edges, limits), counted(edges, limits._replace(cap=cap))
    whole = column(capped, "motifs_capped") == 0
    assert capped[whole].tolist() == exact[whole].tolist()
    assert (column(exact, "motifs_capped") == 0).all()
    kept = [k for k, name in enumerate(MOTIF_COLUMNS) if name not in ("relay_value", CAPPED)]
    assert (capped[:, kept] <= exact[:, kept]).all()


@given(edges_, st.integers(1, NODES * 4 - 1))
def test_requests_may_be_split_anywhere(edges, cut):
    graph, (nodes, as_of) = graph_of(edges), every_request()
    for cap in (1_000, 2, 1):
        limits = LIMITS._replace(cap=cap)
        parts = [
            count_motifs(graph, nodes[part], as_of[part], limits)
            for part in (slice(cut), slice(cut, None))
        ]
        together = count_motifs(graph, nodes, as_of, limits)
        assert np.concatenate(parts).tolist() == together.tolist()


@given(edges_)
def test_shapes_can_be_counted_apart(edges):
    graph, requests = graph_of(edges), every_request()
    limits = LIMITS._replace(cap=2)
    parts = [count_motifs(graph, *requests, limits, [shape]) for shape in SHAPES]
    assert np.sum(parts, axis=0).tolist() == counted(edges, limits).tolist()
    with pytest.raises(ValueError, match="A shape is one of scatter_gather"):
        count_motifs(graph, *requests, limits, ["stars"])


def test_threads_share_a_graph():
    rng = np.random.default_rng(5)
    graph = graph_of(some_edges(rng, 3_000, 300, 500), 300)
    nodes, as_of = np.arange(300), rng.integers(0, 500, 300)
    limits = Limits(window=40, cap=2)
    whole = count_motifs(graph, nodes, as_of, limits)
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(
            lambda k: count_motifs(graph, nodes[k : k + 25], as_of[k : k + 25], limits),
            range(0, 300, 25),
        )
        assert np.concatenate([*parts]).tolist() == whole.tolist()
    assert column(whole, "motifs_capped").any()


def test_each_shape_by_its_name():
    star = [Edge(0, 1, 1, 90), Edge(0, 2, 1, 80), Edge(1, 3, 3, 9), Edge(2, 3, 4, 9)]
    assert one(star) == {
        "scatter_gather_targets": 1,
        "scatter_gather_value": 170,
        "relay_hops": 1,
        "relay_value": 90,
        "peel_hops": 1,
    }
    assert one(star, 1)["scatter_gather_pairs"] == 1
    assert one(star, 1)["scatter_gather_carried_value"] == 9
    apart = one(star, limits=LIMITS._replace(window=3))
    assert apart == {"relay_hops": 1, "relay_value": 90, "peel_hops": 1}
    funnel = [Edge(1, 0, 1, 9), Edge(2, 0, 2, 9), Edge(0, 3, 4, 7), Edge(0, 4, 5, 8)]
    assert one(funnel)["gather_scatter_count"] == 2
    assert one(funnel)["gather_scatter_value"] == 15
    assert "gather_scatter_count" not in one(funnel, limits=LIMITS._replace(window=3))
    stack = [Edge(0, 1, 4, 5), Edge(5, 1, 3, 2), Edge(5, 2, 1, 2), Edge(0, 2, 2, 6)]
    assert one(stack)["bipartite_senders"] == one(stack, 5)["bipartite_senders"] == 1
    assert one(stack)["bipartite_value"] == 11
    for hops in (2, 3, 4, 5):
        ring = [Edge(k, (k + 1) % hops, k, 10 - k) for k in range(hops)]
        assert one(ring)[f"cycle_{hops}_count"] == 1
        assert one(ring)["cycle_value"] == 10
        assert not any("cycle" in name for name in one(ring, 1))  # not in order from there


def test_a_relay_keeps_its_value_and_does_not_turn_back():
    chain = [Edge(0, 1, 1, 1000), Edge(1, 2, 5, 990), Edge(2, 3, 9, 792), Edge(3, 4, 10, 633)]
    assert one(chain)["relay_hops"] == 3  # 792 is 80 % of 990; 633 is less of 792
    assert one(chain)["relay_value"] == 792
    assert one(chain, limits=LIMITS._replace(depth=2))["relay_hops"] == 2
    assert one([*chain[:1], Edge(1, 0, 2, 1000)])["relay_hops"] == 1


def test_a_relay_that_spreads_beyond_the_width_stops_and_says_so():
    fan = [Edge(0, 1, 1, 90)] + [Edge(1, k, 2, 90) for k in (2, 3, 4)] + [Edge(2, 5, 3, 90)]
    assert one(fan)["relay_hops"] == 3
    assert one(fan, limits=LIMITS._replace(width=2)) == {
        "relay_hops": 2,
        "relay_value": 90,
        "peel_hops": 1,
        "motifs_capped": 1,
    }


HOPS = [Edge(0, 1, 0, 10_000), Edge(1, 2, 2, 9_000), Edge(2, 3, 4, 8_500), Edge(3, 4, 6, 7_000)]
PEELS = [Edge(1, 5, 1, 900), Edge(2, 5, 5, 500), Edge(3, 5, 8, 1_400)]


def peel_hops(*edges: Edge, **limits: int) -> int:
    return one([*edges], limits=LIMITS._replace(**limits))["peel_hops"]


def test_a_peel_chain_loses_a_part_to_others_at_each_hop():
    assert peel_hops(*HOPS, *PEELS) == 4
    assert peel_hops(*HOPS, *PEELS[:2]) == 3
    assert peel_hops(*HOPS, *PEELS[1:]) == peel_hops(*HOPS) == 1
    assert one(HOPS)["relay_hops"] == 4  # which asks for no peel
    assert peel_hops(*HOPS, *PEELS, depth=3) == 3
    assert peel_hops(*HOPS, *PEELS, window=4) == 3  # the last peel comes 4 after its receipt


@pytest.mark.parametrize(
    "passed, found", [(8_000, 2), (7_999, 1), (9_800, 2), (9_801, 1), (9_900, 1), (10_000, 1)]
)
def test_a_hop_of_a_peel_chain_passes_on_80_to_98_percent(passed, found):
    assert peel_hops(HOPS[0], HOPS[1]._replace(value=passed), PEELS[0]) == found


@pytest.mark.parametrize(
    "peel, found",
    [
        (Edge(1, 5, 1, 2_000), 2),
        (Edge(1, 5, 1, 2_001), 1),  # more than a fifth of 10,000
        (Edge(1, 5, 4, 1), 2),  # after the hop
        (Edge(1, 5, 0, 900), 1),  # not later than the receipt
        (Edge(1, 5, 5, 900), 1),  # not within the window
        (Edge(1, 2, 1, 900), 1),  # to the next hop itself
        (Edge(1, 0, 1, 900), 1),  # back
        (Edge(4, 5, 1, 900), 1),  # another's
    ],
)
def test_what_is_a_peel(peel, found):
    assert peel_hops(*HOPS[:2], peel) == found


@pytest.mark.parametrize("receiver, found", [(5, 3), (3, 2), (1, 2), (0, 2)])
def test_a_peel_goes_neither_on_nor_back_nor_to_the_address_itself(receiver, found):
    assert peel_hops(*HOPS[:3], PEELS[0], Edge(2, receiver, 5, 500)) == found


def test_a_peel_beyond_the_cap_is_not_seen_and_that_is_said():
    """The hop is the first of three payments of the hub, the peel the last."""
    busy = [HOPS[0], HOPS[1], Edge(1, 3, 3, 3_000), Edge(1, 5, 4, 900)]
    assert peel_hops(*busy, cap=3) == 2
    capped = one(busy, limits=LIMITS._replace(cap=2))
    assert capped["peel_hops"] == 1
    graph, at = graph_of(busy), (np.array([0]), np.array([LATEST]))
    alone = count_motifs(graph, *at, LIMITS._replace(cap=2), ["peel"])
    assert column(alone, CAPPED).tolist() == [1]


def test_peel_chains_that_spread_beyond_the_width_stop_and_say_so():
    fan = [Edge(0, 1, 1, 90)] + [Edge(1, k, 2, 80) for k in (2, 3, 4)] + [Edge(1, 5, 2, 9)]
    fan += [Edge(2, 3, 3, 75), Edge(2, 5, 3, 4)]
    assert peel_hops(*fan) == 3
    graph, at = graph_of(fan), (np.array([0]), np.array([LATEST]))
    narrow = count_motifs(graph, *at, LIMITS._replace(width=2), ["peel"])
    assert column(narrow, "peel_hops").tolist() == [2]
    assert column(narrow, CAPPED).tolist() == [1]


def test_a_hub_is_not_looked_through():
    through_hub = [Edge(0, 1, 1, 90)] + [Edge(1, 2, 2, 90) for _ in range(4)]
    through_hub += [Edge(2, 0, 3, 90)]
    assert one(through_hub, limits=LIMITS._replace(cap=4))["cycle_3_count"] == 1
    capped = one(through_hub, limits=LIMITS._replace(cap=3))
    assert "cycle_3_count" not in capped and capped["motifs_capped"] > 0


def test_a_graph_of_nothing():
    empty = counted([])
    assert not empty.any()
    graph = graph_of([Edge(0, 1, 1, 1)])
    none = np.array([], dtype=np.int64)
    assert count_motifs(graph, none, none).shape == (0, len(MOTIF_COLUMNS))


@given(edges_)
def test_the_graph_holds_every_transfer_twice_in_order(edges):
    graph = graph_of(edges)
    kept = sorted((e for e in edges if e.sender != e.receiver), key=lambda e: e.time)
    to, follow = unpacked(graph.sent[:, 1])
    source, precede = unpacked(graph.got[:, 1])
    for node in range(NODES):
        a, b = graph.out_offsets[node], graph.out_offsets[node + 1]
        sent = zip(to[a:b], graph.sent[a:b, 0], graph.value[a:b], strict=True)
        assert [*sent] == [tuple(e[1:]) for e in kept if e.sender == node]
        for receiver, time, link in zip(to[a:b], graph.sent[a:b, 0], follow[a:b], strict=True):
            run = graph.sent[graph.out_offsets[receiver] : graph.out_offsets[receiver + 1], 0]
            after = np.searchsorted(run, time, side="right")
            assert link - graph.out_offsets[receiver] == after
        a, b = graph.in_offsets[node], graph.in_offsets[node + 1]
        got = zip(source[a:b], graph.got[a:b, 0], strict=True)
        assert [*got] == [(e.sender, e.time) for e in kept if e.receiver == node]
        for sender, time, link in zip(source[a:b], graph.got[a:b, 0], precede[a:b], strict=True):
            run = graph.got[graph.in_offsets[sender] : graph.in_offsets[sender + 1], 0]
            assert link - graph.in_offsets[sender] == np.searchsorted(run, time)


@pytest.mark.parametrize(
    "columns, message",
    [
        (([0], [1], [5], [0]), "above 0"),
        (([0], [9], [5], [1]), "below 3. Got 9"),
        (([0, 1], [1], [5], [1]), "equally long"),
        (([0, 0], [1, 1], [5, 5], [2**62, 2**62]), "would not fit"),
    ],
)
def test_a_graph_refuses_what_it_cannot_hold(columns, message):
    with pytest.raises(ValueError, match=message):
        build_graph(*(np.array(part) for part in columns), nodes=3)


def test_requests_are_checked():
    graph = graph_of([Edge(0, 1, 1, 1)])
    with pytest.raises(ValueError, match="Each node needs a moment"):
        count_motifs(graph, np.array([0]), np.array([1, 2]))
    with pytest.raises(ValueError, match="from 0 below 6"):
        count_motifs(graph, np.array([6]), np.array([1]))
    with pytest.raises(ValueError, match="Limits must be above 0"):
        count_motifs(graph, np.array([0]), np.array([1]), Limits(cap=0))
