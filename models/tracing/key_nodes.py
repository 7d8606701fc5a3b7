"""Key nodes: the addresses through which most of the traced value passes.

An authority that wants to stop a flow asks where it is narrow. For each address: the traced value
that came to it, as a share of all that was traced, whether it ended there or went on. Value that
comes to an address twice counts twice, so that a share may exceed one where money goes in circles.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.tracing.limits import End
from models.tracing.moves import Kind
from models.tracing.tracing import Trace
from models.tracing.worth import Worth

_NOT_THERE = (End.RETURNED, End.SWAP_PARTY)


@dataclass
class KeyNode:
    """An address on the way of traced value.

    Attributes
    ----------
    holder
        Its code.
    usd
        Micro-dollars that came to it (going back: that it gave).
    ended_usd
        Of these, what ended or still rests there.
    unpriced
        Arrivals without a dollar value.
    n
        Arrivals.
    first, last
        Microseconds.
    nearest
        Payments from or to the address, at least.
    """

    holder: int
    usd: int = 0
    ended_usd: int = 0
    unpriced: int = 0
    n: int = 0
    first: int = 0
    last: int = 0
    nearest: int = 0


def key_nodes_of(
    trace: Trace, direction: str, convention: str, worth: Worth
) -> tuple[list[KeyNode], int]:
    """Return the addresses by value, and all the micro-dollars that left the traced address."""
    forward = direction == "forward"
    nodes: dict[int, KeyNode] = {}
    traced = 0
    for flow in trace.results[direction, convention].flows:
        move = trace.books.moves[flow.move]
        pot = worth.far_pot(flow, forward=forward)
        near = move.source if forward else move.target
        holder = trace.laid.holder[pot]
        usd = worth.of_flow(flow)
        if trace.laid.holder[near] in trace.origins:
            traced += usd or 0
        if holder < 0 or flow.end in _NOT_THERE or move.kind is Kind.SWAP:
            continue
        at = worth.moment(flow, forward=forward)
        node = nodes.setdefault(holder, KeyNode(holder, first=at, last=at, nearest=flow.hops))
        node.usd += usd or 0
        node.ended_usd += (usd or 0) if flow.end else 0
        node.unpriced += usd is None
        node.n += 1
        node.first, node.last = min(node.first, at), max(node.last, at)
        node.nearest = min(node.nearest, flow.hops)
    for rest in trace.results[direction, convention].rests:
        held = nodes.get(trace.laid.holder[rest.pot])
        if held is not None:  # at the rate of the end, which may have risen since it came
            held.ended_usd = min(held.usd, held.ended_usd + (worth.of_rest(rest) or 0))
    ranked = sorted(nodes.values(), key=lambda n: (-n.usd, -n.n, n.first, n.holder))
    return ranked, traced
