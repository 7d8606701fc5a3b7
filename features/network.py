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

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from features.events import Events
from features.evidence import Elsewhere, Evidence
from features.graph import MOST_VALUE, Graph, build_graph, unpacked
from features.history import LISTED, Histories, party_of
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
        uint32 per transfer, in time order: its row in the transfers table.
    sender
        int32 per transfer, in time order.
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
        """Table row of each transfer, by its place in the graph."""
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


def networks_of(
    events: Events,
    node: np.ndarray,
    as_of: np.ndarray,
    masks: np.ndarray,
    parties: Parties,
    *,
    basis: str,
) -> tuple[Network, ...]:
    """Lay down the networks of a run: one for each state of the registry that it was cut in.

    Parameters
    ----------
    node, as_of
        Per history: the code of its address, -1 for none; its cut.
    masks
        Per address code: its legs in force as bits, in the order of `data.schema.LEGS`.
    """
    since = np.where(np.isin(parties.party & (LISTED - 1), _POOLS), parties.since, NEVER)
    dates = np.unique(since[since < NEVER])
    state = np.searchsorted(dates, as_of, side="right")
    return tuple(
        _network(
            events, since < (dates[known] if known < len(dates) else NEVER),
            np.flatnonzero(state == known), node, masks, basis,
        )
        for known in np.unique(state).tolist()
    )  # fmt: skip


def _network(
    events: Events,
    pools: np.ndarray,
    of: np.ndarray,
    node: np.ndarray,
    masks: np.ndarray,
    basis: str,
) -> Network:
    """Lay down the network of some histories, to whom some addresses are pools."""
    leg = 2 * events.leg_kind.astype(np.uint8)
    shown = (masks[events.sender] >> (leg + 1)) | (masks[events.receiver] >> leg)
    valued = events.amount > 0
    kept = ((shown & 1) > 0) & valued & (events.sender != events.receiver)
    if pools.any():
        kept &= ~(pools[events.sender] | pools[events.receiver])
    comparable = basis != "relative"
    value = events.amount if comparable else np.ones(len(kept), np.int64)
    beyond = _beyond(events, value, kept)
    notes: tuple[str, ...] = ()
    if beyond.any():
        kept &= ~(beyond[events.sender] | beyond[events.receiver])
        notes = (
            f"Transfers of {beyond.sum():,} addresses are left out of motifs: their values add up "
            "to more than 62 bits hold.",
        )
    places = np.flatnonzero(kept)
    sender = events.sender[places]
    graph = build_graph(
        sender, events.receiver[places], events.time[places], value[places], nodes=len(masks)
    )
    bits = OUT_LOADED * ((masks & 0b101010) > 0) | IN_LOADED * ((masks & 0b010101) > 0)
    return Network(
        of, graph, node[of].astype(np.int64), bits.astype(np.uint8), comparable,
        events.row[places], sender, notes,
    )  # fmt: skip


def _beyond(events: Events, value: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Say which addresses moved more than sums can hold."""
    beyond = np.zeros(events.addresses.height, dtype=np.bool_)
    if len(value) and float(value.max()) * len(value) > MOST_VALUE:
        weights = np.where(kept, value, 0).astype(np.float64)
        for side in (events.sender, events.receiver):
            beyond |= np.bincount(side, weights, minlength=len(beyond)) > MOST_VALUE
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
