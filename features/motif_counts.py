"""Motifs in time: how often a node takes part in the shapes of layering, and with what value.

The shapes have a file each, with exact definitions: `features.motif_routes` (scatter-gather and
bipartite), `features.motif_gathers` (gather-scatter), `features.motif_cycles`,
`features.motif_relay` (relays and peel chains). They have in common:

* only transfers strictly before the request's `as_of` exist, and requests do not see each other:
  results do not depend on how they are split into calls;
* only differences of time, and which addresses and values are equal or greater, matter: not codes,
  order of rows, or hours of the day;
* "later" is strictly later; a transfer to oneself is no transfer;
* counts are of instances over the whole history, values of the node's own transfers in them;
* a further transfer never makes a figure smaller, unless a hub turns up.

A hub is looked through only as far as the cap. `motifs_capped` says how often more was refused for
a request, over all shapes: where it is 0 every figure is exact, else counts may be too low (never
too high).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from features.compilation import keep_compiled, kernel
from features.graph import OTHER, Graph
from features.motif_cycles import CYCLE_HOPS, cycles
from features.motif_gathers import gather_scatter
from features.motif_relay import longest_relay
from features.motif_routes import ALIKE, ONWARD, ROUTE_COLUMNS, route_motifs
from features.motif_walks import Asked, Limits, request_of

SHAPES = ("scatter_gather", "bipartite", "gather_scatter", "cycle", "relay", "peel")
"""What can be counted apart from the rest."""

MOTIF_COLUMNS = (
    "scatter_gather_targets",
    "scatter_gather_value",
    "scatter_gather_pairs",
    "scatter_gather_carried_value",
    "bipartite_senders",
    "bipartite_value",
    "gather_scatter_count",
    "gather_scatter_value",
    *(f"cycle_{hops}_count" for hops in CYCLE_HOPS),
    "cycle_value",
    "relay_hops",
    "relay_value",
    "peel_hops",
    "motifs_capped",
)
"""Columns of `count_motifs`; values are in the graph's units."""

_STANDARD = Limits()


def count_motifs(
    graph: Graph,
    nodes: np.ndarray,
    as_of: np.ndarray,
    limits: Limits = _STANDARD,
    shapes: Iterable[str] = SHAPES,
) -> np.ndarray:
    """Count the motifs of some nodes, each before its own moment.

    A call takes working memory of up to 90 bytes for each node of the graph that it comes past,
    and 12 bytes for each transfer.

    Parameters
    ----------
    nodes
        A node code per request; the same node may come at several moments.
    as_of
        Microseconds per request.
    shapes
        Which of `SHAPES` to count; the columns of the others stay 0.

    Returns
    -------
    int64, one row per request and one column per name in `MOTIF_COLUMNS`.

    Examples
    --------
    Node 0 pays 1 and 2, which both pay 3 an hour later.

    >>> from features.graph import build_graph
    >>> from features.history import HOUR
    >>> sender, receiver = np.array([0, 0, 1, 2]), np.array([1, 2, 3, 3])
    >>> time, value = np.array([0, 1, 2, 3]) * HOUR, np.array([50, 60, 49, 59])
    >>> graph = build_graph(sender, receiver, time, value, nodes=4)
    >>> counts = count_motifs(graph, np.array([0]), np.array([9 * HOUR]))
    >>> {k: v for k, v in zip(MOTIF_COLUMNS, counts[0].tolist()) if v}
    {'scatter_gather_targets': 1, 'scatter_gather_value': 110, 'relay_hops': 2, 'relay_value': 59,
     'peel_hops': 1}
    """
    asked = _asked(graph, nodes, as_of)
    if min(limits) < 1:
        raise ValueError(f"Limits must be above 0. Got {limits}.")
    unknown = sorted(set(shapes) - set(SHAPES))
    if unknown:
        raise ValueError(f"A shape is one of {', '.join(SHAPES)}. Got {', '.join(unknown)}.")
    wanted = np.array([shape in set(shapes) for shape in SHAPES])
    out = np.zeros((len(asked.node), len(MOTIF_COLUMNS)), dtype=np.int64)
    if not len(out):
        return out
    for compiled in (route_motifs, _mark_sources, _count_walks):
        keep_compiled(compiled)
    for kind, columns in ((ONWARD, slice(0, 4)), (ALIKE, slice(4, 6))):
        if wanted[kind]:
            found = np.zeros((len(out), ROUTE_COLUMNS), dtype=np.int64)
            marked = np.zeros(len(asked.first), dtype=np.bool_)
            _mark_sources(graph, asked, kind == ONWARD, marked)
            route_motifs(graph, asked, np.flatnonzero(marked), kind, limits, found)
            out[:, columns] = found[:, : columns.stop - columns.start]
            out[:, -1] += found[:, -1]
    if wanted[2:].any():
        _count_walks(graph, asked, limits, wanted, out)
    return out


def _asked(graph: Graph, nodes: np.ndarray, as_of: np.ndarray) -> Asked:
    nodes = np.ascontiguousarray(nodes, dtype=np.int64)
    as_of = np.ascontiguousarray(as_of, dtype=np.int64)
    if nodes.shape != as_of.shape:
        raise ValueError(f"Each node needs a moment. Got {len(nodes)} and {len(as_of)}.")
    known = len(graph.out_offsets) - 1
    if len(nodes) and not 0 <= nodes.min() <= nodes.max() < known:
        raise ValueError(
            f"Node codes must be from 0 below {known}. Got {nodes.min()} to {nodes.max()}."
        )
    first = np.full(known, -1, dtype=np.int32)
    order = np.argsort(nodes, kind="stable")
    same = nodes[order[1:]] == nodes[order[:-1]]
    following = np.full(len(nodes), -1, dtype=np.int32)
    following[order[:-1][same]] = order[1:][same]
    beginnings = order[np.concatenate([[True], ~same])] if len(nodes) else order
    first[nodes[beginnings]] = beginnings
    latest = int(as_of.max()) if len(as_of) else 0
    return Asked(nodes, as_of, first, following, latest)


@kernel
def _mark_sources(
    graph: Graph, asked: Asked, payers: bool, marked: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Mark the nodes that are asked for and, if wanted, everybody who paid one of them."""
    for v in asked.node:
        marked[v] = True
        if payers:
            for i in range(graph.in_offsets[v], graph.in_offsets[v + 1]):
                marked[graph.got[i, 1] & OTHER] = True


@kernel
def _count_walks(
    graph: Graph, asked: Asked, limits: Limits, wanted: np.ndarray, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the columns of the shapes that are looked for request by request."""
    longest = 0
    for v in asked.node:
        longest = max(longest, graph.out_offsets[v + 1] - graph.out_offsets[v])
    later = np.empty(longest, np.int64)
    back = np.zeros((len(asked.first) if wanted[3] else 0, 8), np.int64)
    reached = np.zeros(len(graph.sent) if wanted[4] or wanted[5] else 0, np.int64)
    for r in range(len(asked.node)):
        request, row = request_of(graph, asked.node[r], asked.as_of[r]), out[r]
        if wanted[2]:
            row[6], row[7] = gather_scatter(graph, request, limits, later)
        if wanted[3]:
            row[-1] += cycles(graph, request, limits, back, r + 1, row[8:13])
        if wanted[4]:
            row[13], row[14], refused = longest_relay(
                graph, request, limits, False, reached, 1 + 2 * r * limits.depth
            )
            row[-1] += refused
        if wanted[5]:
            row[15], _, refused = longest_relay(
                graph, request, limits, True, reached, 1 + (2 * r + 1) * limits.depth
            )
            row[-1] += refused
