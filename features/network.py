"""The network: every transfer that somebody's export shows, for signals of scope ``graph``.

A signal of this scope follows money beyond the address that it describes. It sees what the loaded
exports show, through the legs in force, of whomever: a transfer stands in the network if it stands
in the history of its sender or of its receiver. What was not loaded is not seen, so a figure can be
too low; where nothing of those an address dealt with was loaded, nothing found means nothing.

Nor does a transfer stand in it that goes into or out of a pool: what an exchange's hot wallet pays
is not what came in, and everybody meets there. Only pools that the registry knew at the cut are
seen as such, so histories that were cut in different states of the registry have networks of their
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from features.events import Events
from features.evidence import Elsewhere, Evidence
from features.graph import MOST_VALUE, Graph, build_graph, unpacked
from features.history import WHAT, Histories, party_of
from features.parties import NEVER, Parties

OUT_LOADED, IN_LOADED = 1, 2
"""Bits of `Network.loaded`: some of its outgoing, of its incoming legs are in force."""

ONWARD, ALIKE, AROUND = 1, 2, 4
"""Bits of what can be seen around an address: what those it paid pay on; what those it paid receive
from others; what those who paid it pay to others."""

POOLS = (
    "exchange_hot", "bridge", "dex_router", "payment_processor", "custodian", "mixer",
    "guarantee_marketplace", "token_issuer",
)  # fmt: skip
"""Services that hold everybody's money together. A deposit address serves one customer."""

_POOLS = np.array([party_of(category) for category in POOLS])


@dataclass(frozen=True)
class Network:
    """The transfers of a run, as some histories see them, and who is asked about.

    Attributes
    ----------
    of
        int64, ascending: the histories whose network it is.
    graph
        The transfers that have a value in the basis.
    node
        int64 for each of them: its node, -1 where no transfer names it.
    loaded
        uint8 per node: `OUT_LOADED`, `IN_LOADED`.
    comparable
        Amounts of different addresses and assets can be compared; not so on the basis
        ``relative``, where all values are 1.
    row
        uint32 per transfer, in time order: its row in the transfers table; empty where that is not
        wanted (`Wanted.evidence`).
    sender
        int32 per transfer, in time order; likewise.
    notes
        What a reader must know of transfers that had to be left out.
    """

    of: np.ndarray
    graph: Graph
    node: np.ndarray
    loaded: np.ndarray
    comparable: bool
    row: np.ndarray
    sender: np.ndarray
    notes: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> np.ndarray:
        """Table row of each transfer, by its place in the graph.

        Raises
        ------
        ValueError
            The network was laid down without `Wanted.evidence`.
        """
        if len(self.row) < len(self.graph.sent):
            raise ValueError("A network that was laid down without evidence knows no rows.")
        return self.row[np.argsort(self.sender, kind="stable")].astype(np.int64)

    def __contains__(self, history: int) -> bool:
        """Say whether it is the network of a history."""
        at = int(np.searchsorted(self.of, history))
        return at < len(self.of) and bool(self.of[at] == history)

    def seen(self, node: int, as_of: int) -> int:
        """Say what can be seen around a node: `ONWARD`, `ALIKE`, `AROUND`."""
        if node < 0:
            return 0
        paid, payers = (
            self.loaded[unpacked(table[a : a + np.searchsorted(table[a:b, 0], as_of), 1])[0]]
            for table, a, b in _runs(self.graph, node)
        )
        return (
            ONWARD * bool((paid & OUT_LOADED).any())
            | ALIKE * bool((paid & IN_LOADED).any())
            | AROUND * bool((payers & OUT_LOADED).any())
        )


Pieces = Callable[[], Iterable[Events]]
"""Goes through the transfers of a run in order, piece after piece, each time from the first."""


@dataclass(frozen=True)
class Wanted:
    """Whose network is wanted, and how.

    Attributes
    ----------
    node, as_of
        Per history: the code of its address, -1 for none; its cut.
    masks
        Per address code: its legs in force as bits, in the order of `data.schema.LEGS`.
    basis
        The value basis.
    evidence
        Remember which row of the table each transfer is, for explanations.
    """

    node: np.ndarray
    as_of: np.ndarray
    masks: np.ndarray
    basis: str
    evidence: bool = True

    @property
    def comparable(self) -> bool:
        """As in `Network`."""
        return self.basis != "relative"


def networks_of(pieces: Pieces, most: int, wanted: Wanted, parties: Parties) -> Iterator[Network]:
    """Lay down the networks of a run: one for each state of the registry that it was cut in.

    Parameters
    ----------
    pieces, most
        The transfers, and how many there are at most.
    """
    since = np.where(np.isin(parties.party & WHAT, _POOLS), parties.since, NEVER)
    dates = np.unique(since[since < NEVER])
    state = np.searchsorted(dates, wanted.as_of, side="right")
    for known in np.unique(state).tolist():
        pools = since < (dates[known] if known < len(dates) else NEVER)
        yield _network(_edges(pieces, most, wanted, pools), wanted, np.flatnonzero(state == known))


class _Edges(NamedTuple):
    """Transfers between two addresses, in order of time; `row` is empty where nobody asks."""

    sender: np.ndarray
    receiver: np.ndarray
    time: np.ndarray
    value: np.ndarray
    row: np.ndarray


def _edges(pieces: Pieces, most: int, wanted: Wanted, pools: np.ndarray) -> _Edges:
    """Collect the transfers that are seen, to whom some addresses are pools."""
    edges = _Edges(
        np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int64),
        np.empty(most, np.int64), np.empty(most if wanted.evidence else 0, np.uint32),
    )  # fmt: skip
    n, masks, some = 0, wanted.masks, bool(pools.any())
    for events in pieces():
        leg = 2 * events.leg_kind.astype(np.uint8)
        shown = (masks[events.sender] >> (leg + 1)) | (masks[events.receiver] >> leg)
        kept = ((shown & 1) > 0) & (events.amount > 0) & (events.sender != events.receiver)
        if some:
            kept &= ~(pools[events.sender] | pools[events.receiver])
        places = np.flatnonzero(kept)
        here = slice(n, n + len(places))
        edges.sender[here], edges.receiver[here] = events.sender[places], events.receiver[places]
        edges.time[here] = events.time[places]
        edges.value[here] = events.amount[places] if wanted.comparable else 1
        if wanted.evidence:
            edges.row[here] = events.row[places]
        n = here.stop
    return _Edges(*(part[:n] for part in edges))


def _network(edges: _Edges, wanted: Wanted, of: np.ndarray) -> Network:
    """Lay down the network of some histories."""
    nodes = len(wanted.masks)
    notes: tuple[str, ...] = ()
    beyond = _beyond(edges, nodes)
    if beyond.any():
        kept = ~(beyond[edges.sender] | beyond[edges.receiver])
        edges = _Edges(*(part[kept] if len(part) else part for part in edges))
        notes = (
            f"Transfers of {beyond.sum():,} addresses are left out of motifs: their values add up "
            "to more than 62 bits hold.",
        )
    graph = build_graph(edges.sender, edges.receiver, edges.time, edges.value, nodes=nodes)
    masks = wanted.masks
    bits = OUT_LOADED * ((masks & 0b101010) > 0) | IN_LOADED * ((masks & 0b010101) > 0)
    return Network(
        of, graph, wanted.node[of].astype(np.int64), bits.astype(np.uint8), wanted.comparable,
        edges.row, edges.sender if wanted.evidence else edges.sender[:0].copy(), notes,
    )  # fmt: skip


def _beyond(edges: _Edges, nodes: int) -> np.ndarray:
    """Say which addresses moved more than sums can hold."""
    beyond, value = np.zeros(nodes, dtype=np.bool_), edges.value
    if len(value) and float(value.max()) * len(value) > MOST_VALUE:
        weights = value.astype(np.float64)
        for side in (edges.sender, edges.receiver):
            beyond |= np.bincount(side, weights, minlength=nodes) > MOST_VALUE
    return beyond


def _runs(graph: Graph, node: int) -> tuple[tuple[np.ndarray, int, int], ...]:
    sides = ((graph.sent, graph.out_offsets), (graph.got, graph.in_offsets))
    return tuple((table, int(o[node]), int(o[node + 1])) for table, o in sides)


@dataclass(frozen=True)
class Surroundings:
    """One address at one moment, in the network around it: what explains a graph signal.

    Attributes
    ----------
    graph, node
        The network, and the address in it; -1 where it occurs nowhere.
    as_of
        Microseconds; only transfers before it exist.
    scale
        Fixed-point units in one whole of the basis.
    rows
        int64 per transfer of the graph, by place: its row in the transfers table.
    own_rows
        int64 per transfer of the address's history: likewise.
    seen
        What can be seen around it; see `Network.seen`.
    comparable
        As in `Network`.
    """

    graph: Graph
    node: int
    as_of: int
    scale: float
    rows: np.ndarray
    own_rows: np.ndarray
    seen: int
    comparable: bool

    def evidence(self, value: float) -> Evidence:
        """Return a value with all transfers of the graph as its evidence, by whose they are."""
        own = np.isin(self.own_rows, self.rows)
        others = np.setdiff1d(self.rows, self.own_rows)
        return Evidence(
            value=float(value),
            rows=np.flatnonzero(own),
            elsewhere=tuple(Elsewhere(row) for row in others.tolist()),
        )

    def only(self, shown: Evidence) -> Surroundings:
        """Return the surroundings that hold the transfers of some evidence and no other."""
        wanted = np.concatenate([self.own_rows[shown.rows], shown.others])
        return self.at(np.flatnonzero(np.isin(self.rows, wanted)))

    def at(self, places: np.ndarray) -> Surroundings:
        """Return the surroundings that hold some transfers of the graph and no other."""
        places = np.sort(np.asarray(places, dtype=np.int64))
        sender = np.searchsorted(self.graph.out_offsets, places, side="right") - 1
        receiver = unpacked(self.graph.sent[places, 1])[0]
        nodes, codes = np.unique(
            np.concatenate([[self.node], sender, receiver]), return_inverse=True
        )
        sender, receiver = codes[1 : len(places) + 1], codes[len(places) + 1 :]
        time, value = self.graph.sent[places, 0], self.graph.value[places]
        graph = build_graph(sender, receiver, time, value, nodes=len(nodes))
        # Codes ascend as they did, so places keep their order.
        return replace(self, graph=graph, node=int(codes[0]), rows=self.rows[places])


def surroundings_of(histories: Histories, i: int) -> Surroundings | None:
    """Return the surroundings of one history; None where no network was laid down."""
    network = next((one for one in histories.networks if i in one), None)
    if network is None:
        return None
    columns, node = histories.columns, int(network.node[np.searchsorted(network.of, i)])
    return Surroundings(
        graph=network.graph,
        node=node,
        as_of=int(columns.as_of[i]),
        scale=float(columns.scale[i]),
        rows=network.rows,
        own_rows=histories.rows_of(i),
        seen=network.seen(node, int(columns.as_of[i])),
        comparable=network.comparable,
    )
