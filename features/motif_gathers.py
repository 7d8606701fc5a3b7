"""Gather-scatter: payments to several receivers, after receipts from several senders.

A payment of the node is an instance if it and another of the node's payments, to somebody else,
follow two receipts from distinct senders, all four within one window ``[t, t + W)`` (both payments
strictly later than both receipts). The count is that of such payments, the value theirs.

    a ──1──▶ v, b ──2──▶ v, v ──3──▶ c, v ──4──▶ d      two instances, with W = 4

**How.** Of all other payments to somebody else, the nearest before or the nearest after it leaves
the most room for receipts; of all pairs of senders, the latest receipt and the latest of another
sender lie closest together. So each payment takes a few steps. There is no hub, as nothing is
looked through.

References
----------
IBM's AMLSim (wiki, "Alert Model", read November 2026) has gather-scatter among its shapes.
"""

from __future__ import annotations

import numpy as np

from features.compilation import kernel
from features.graph import OTHER, Graph
from features.motif_walks import NEVER, Limits, Request


@kernel
def gather_scatter(
    graph: Graph, request: Request, limits: Limits, later: np.ndarray
) -> tuple[int, int]:  # pragma: no cover (compiled)
    """Return count and value; `later` is working memory as long as the node's payments."""
    sent, got, start, end = graph.sent, graph.got, request.out_start, request.out_end
    other, other_time, same_time = -1, NEVER, NEVER
    for o in range(end - 1, start - 1, -1):
        to = sent[o, 1] & OTHER
        if to != other:
            other_time, other = same_time, to
        same_time = sent[o, 0]
        later[o - start] = other_time
    count, value, i = 0, 0, request.in_start
    sender, sender_time, second_time = -1, -NEVER, -NEVER
    other, other_pair, same_pair = -1, -NEVER, -NEVER
    for o in range(start, end):
        time, to = sent[o, 0], sent[o, 1] & OTHER
        while i < request.in_end and got[i, 0] < time:
            if got[i, 1] & OTHER != sender:
                second_time, sender = sender_time, got[i, 1] & OTHER
            sender_time = got[i, 0]
            i += 1
        if to != other:
            other_pair, other = same_pair, to
        same_pair = second_time
        # With the nearest later payment, the receipts are those before this one; with the nearest
        # earlier one, those before that.
        after = second_time > later[o - start] - limits.window
        if after or other_pair > time - limits.window:
            count += 1
            value += graph.value[o]
    return count, value
