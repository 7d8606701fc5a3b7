"""The longest relay ("motorcade") and peel chain: money driven on from address to address.

A relay begins with a transfer of the node. Each next hop leaves the address that the hop before
paid, later but less than the window after it, and passes on 80 to 100 % of its value (the rest is
a fee or a peel). It goes neither straight back nor to the node; it may otherwise pass an address
twice. Its length is its number of hops, up to `depth`; its value is the greatest that the last hop
of a longest relay moved.

    v ──1: 1000──▶ a ──5: 990──▶ b ──9: 880──▶ c      3 hops, 880; the rest went elsewhere

A peel chain is a relay in which each next hop passes on at most 98 %, and its sender also makes a
*peel*: a payment of at most a fifth of what the hop before moved, later but less than the window
after it (before or after the hop), to an address that is neither the hop's receiver, nor who paid
the sender, nor the node. Where peels go is otherwise free: many chains feed one address. A peel
need not be what the hop leaves behind, or fees and changing prices would hide it.

    v ──1: 1000──▶ a ──5: 930──▶ b ──9: 850──▶ c      3 hops, as a ──6: 60──▶ p, b ──9: 80──▶ p

All relays of the node are followed together, hop by hop, as sets of transfers, so that a transfer
that many relays reach is looked at once per hop. Cost: at most `cap` steps (twice as many where
peels are looked for) for each transfer in a set. Hubs are the addresses on the way, by what they
pay after a receipt, peels included; sets of more than `width` are not followed further (a refusal
too).

References
----------
UNODC's report of January 2024 on casinos, money laundering, underground banking and organized crime
in East and Southeast Asia is where the word "motorcade" comes from, as others tell it; it was not
read here. The bounds of 80 to 100 % are ours. Paths that pass on 80 to 98 % with a peel at each hop
are told of beside the Elliptic2 data (arXiv 2404.19109), which was not read either.
"""

from __future__ import annotations

import numpy as np

from features.compilation import kernel
from features.graph import LINK_BITS, OTHER, Graph
from features.motif_walks import NEVER, Limits, Request, ahead


@kernel
def longest_relay(
    graph: Graph, request: Request, limits: Limits, peeled: bool, reached: np.ndarray, stamp: int
) -> tuple[int, int, int]:  # pragma: no cover (compiled)
    """Return hops, value and refusals of the longest relay, or of the longest peel chain.

    `reached` holds, per transfer, the stamp of the last set it was in; each hop takes a new stamp,
    from `stamp` on. A member of a set is its place and its sender, packed into one number.
    """
    sent, n = graph.sent, request.out_end - request.out_start
    if n == 0:
        return 0, 0, 0
    hop, following = np.empty(n, np.int64), np.empty(n, np.int64)
    for j in range(n):
        hop[j] = (np.int64(request.out_start + j) << LINK_BITS) | np.int64(request.node)
    hops, refused = 1, 0
    while hops < limits.depth:
        if hops > 1 and n > limits.width:
            refused += 1
            break
        found = 0
        for j in range(n):
            o, sender = hop[j] >> LINK_BITS, hop[j] & OTHER
            receiver, value = sent[o, 1] & OTHER, graph.value[o]
            before = min(sent[o, 0] + limits.window, request.as_of)
            start, run_end = sent[o, 1] >> LINK_BITS, graph.out_offsets[receiver + 1]
            end, cut = ahead(sent, start, run_end, before, limits.cap)
            refused += cut < NEVER
            least, one, other = 0, -1, -1
            if peeled:
                least = -(-value // 50)
                one, other = _peeled_to(graph, start, end, value // 5, sender, request.node)
                if one < 0:
                    continue
            for e in range(start, end):
                to, lost = sent[e, 1] & OTHER, value - graph.value[e]
                if least <= lost <= value // 5 and sender != to != request.node:
                    if reached[e] == stamp + hops or (to == one and other < 0):
                        continue
                    reached[e] = stamp + hops
                    if found == len(following):
                        following = np.concatenate((following, np.empty(found, np.int64)))
                    following[found] = (np.int64(e) << LINK_BITS) | receiver
                    found += 1
        if found == 0:
            break
        hop, following, n = following, hop, found
        hops += 1
    most = 0
    for j in range(n):
        most = max(most, graph.value[hop[j] >> LINK_BITS])
    return hops, most, refused


@kernel
def _peeled_to(
    graph: Graph, start: int, end: int, most: int, sender: int, node: int
) -> tuple[int, int]:  # pragma: no cover (compiled)
    """Return two addresses that got peels among some payments; -1 for each that there is not."""
    one = -1
    for p in range(start, end):
        to = graph.sent[p, 1] & OTHER
        if graph.value[p] <= most and sender != to != node:
            if one < 0:
                one = to
            elif to != one:
                return one, to
    return one, -1
