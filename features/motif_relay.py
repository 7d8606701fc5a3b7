"""The longest relay ("motorcade"): money driven on from address to address, nearly whole.

A relay begins with a transfer of the node. Each next hop leaves the address that the hop before
paid, later but less than the window after it, and passes on 80 to 100 % of its value (the rest is
a fee or a peel). It goes neither straight back nor to the node; it may otherwise pass an address
twice. Its length is its number of hops, up to `depth`; its value is the greatest that the last hop
of a longest relay moved.

    v ──1: 1000──▶ a ──5: 990──▶ b ──9: 880──▶ c      3 hops, 880; the rest went elsewhere

All relays of the node are followed together, hop by hop, as sets of transfers, so that a transfer
that many relays reach is looked at once per hop. Cost: at most `cap` steps for each transfer in a
set. Hubs are the addresses on the way, by what they pay after a receipt; sets of more than `width`
are not followed further (a refusal too).

References
----------
UNODC's report of January 2024 on casinos, money laundering, underground banking and organized crime
in East and Southeast Asia is where the word "motorcade" comes from, as others tell it; it was not
read here. The bounds of 80 to 100 % are ours, wide enough for a peel chain.
"""

from __future__ import annotations

import numpy as np

from features.compilation import kernel
from features.graph import LINK_BITS, OTHER, Graph
from features.motif_walks import NEVER, Limits, Request, ahead


@kernel
def longest_relay(
    graph: Graph, request: Request, limits: Limits, reached: np.ndarray, stamp: int
) -> tuple[int, int, int]:  # pragma: no cover (compiled)
    """Return hops, value and refusals.

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
            for e in range(start, end):
                to, lost = sent[e, 1] & OTHER, value - graph.value[e]
                if 0 <= lost <= value // 5 and sender != to != request.node:
                    if reached[e] == stamp + hops:
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
