"""The temporal multigraph: every transfer between two addresses, from both sides, in time order.

What an address sent lies in one run of memory, and what it received in another (compressed sparse
rows); within a run time ascends, and transfers of one moment keep the order of the table. Each
transfer also knows what its receiver sends after it, and what its sender received before it, so
that following money one hop costs no search.

What a walk needs of a transfer lies side by side, because a walk jumps from run to run, and most
runs are short: it pays for memory fetched, not for steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.compilation import keep_compiled, kernel

_MOST_TRANSFERS = 1 << 31
MOST_VALUE = 1 << 62
"""More than this may no address move in all, or sums would not fit."""

LINK_BITS = 32
OTHER = (1 << LINK_BITS) - 1
"""The lower bits of a packed pair hold the other address, the upper ones the link."""


class Graph(NamedTuple):
    """Transfers as flat arrays: 40 bytes for each, and 16 for each node.

    Laying them down takes up to 45 bytes per transfer more for a while.

    Attributes
    ----------
    out_offsets, in_offsets
        int64; node ``v`` sent ``out_offsets[v]:out_offsets[v + 1]``, received likewise.
    sent
        int64, two for each transfer sent: its time in microseconds, ascending within a node; and,
        packed, the receiver with the link: the first place of what the receiver sent at a later
        time (which may be the end of the receiver's run).
    value
        int64 above zero per transfer sent, in the fixed-point unit of the basis.
    got
        int64, two for each transfer received: its time; and, packed, the sender with the link: the
        place after the last that the sender received at an earlier time (which may be the start of
        the sender's run).
    """

    out_offsets: np.ndarray
    sent: np.ndarray
    value: np.ndarray
    in_offsets: np.ndarray
    got: np.ndarray


def build_graph(
    sender: np.ndarray, receiver: np.ndarray, time: np.ndarray, value: np.ndarray, *, nodes: int
) -> Graph:
    """Lay the transfers down; what an address sent to itself is no edge and is left out.

    Parameters
    ----------
    sender, receiver
        Node codes from 0 below `nodes`.
    time
        Microseconds, in any order; equal times keep the order given.
    value
        Fixed-point units above zero: leave out transfers that have no value in the basis.
    nodes
        How many codes there are.

    Examples
    --------
    0 pays 1, which pays 2; then 0 pays 1 again.

    >>> sender, receiver = np.array([0, 1, 0]), np.array([1, 2, 1])
    >>> time, value = np.array([10, 20, 30]), np.array([500, 490, 70])
    >>> graph = build_graph(sender, receiver, time, value, nodes=3)
    >>> graph.sent[graph.out_offsets[0] : graph.out_offsets[1], 0].tolist()
    [10, 30]
    >>> to, link = unpacked(graph.sent[:, 1])
    >>> to[link[0]].item()  # where the first payment goes on to
    2
    """
    sides = [np.ascontiguousarray(side, dtype=np.int32) for side in (sender, receiver)]
    numbers = [np.ascontiguousarray(part, dtype=np.int64) for part in (time, value)]
    _check(sides, numbers, nodes)
    kept = _in_order(sides[0], sides[1], numbers[0])
    if kept is not None:
        sides, numbers = [s[kept] for s in sides], [n[kept] for n in numbers]
    for compiled in (_count, _lay):
        keep_compiled(compiled)
    offsets, moved = np.zeros((2, nodes + 1), np.int64), np.zeros((2, nodes))
    _count(sides[0], sides[1], numbers[1], offsets, moved)
    if moved.max(initial=0) > MOST_VALUE:
        raise ValueError("One address moved more than 2^62 units: its sums would not fit.")
    n = len(sides[0])
    sent, got, laid = np.empty((n, 2), np.int64), np.empty((n, 2), np.int64), np.empty(n, np.int64)
    graph = Graph(offsets[0], sent, laid, offsets[1], got)
    _lay(sides[0], sides[1], numbers[0], numbers[1], graph)
    return graph


def _in_order(sender: np.ndarray, receiver: np.ndarray, time: np.ndarray) -> np.ndarray | None:
    """Return the positions of the transfers between two addresses, in time order; None: all."""
    kept = np.flatnonzero(sender != receiver)
    if np.any(time[1:] < time[:-1]):
        return kept[np.argsort(time[kept], kind="stable")]
    return kept if len(kept) < len(sender) else None


def unpacked(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take packed pairs apart: the other address, and the link."""
    return pair & OTHER, pair >> LINK_BITS


def _check(sides: list[np.ndarray], numbers: list[np.ndarray], nodes: int) -> None:
    lengths = {len(part) for part in (*sides, *numbers)}
    if len(lengths) > 1:
        raise ValueError(f"The four columns must be equally long. Got {sorted(lengths)}.")
    if len(sides[0]) >= _MOST_TRANSFERS:
        raise ValueError(f"A graph holds fewer than 2^31 transfers. Got {len(sides[0]):,}.")
    for side in sides:
        if len(side) and not 0 <= side.min() <= side.max() < nodes:
            raise ValueError(
                f"Node codes must be from 0 below {nodes}. Got {side.min()} to {side.max()}."
            )
    if len(numbers[1]) and numbers[1].min() <= 0:
        raise ValueError(
            f"Values must be above 0. Got {numbers[1].min()}; leave out what has no value."
        )


@kernel
def _count(
    sender: np.ndarray,
    receiver: np.ndarray,
    value: np.ndarray,
    offsets: np.ndarray,
    moved: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Count each node's transfers, add up what it moved (one side each), and set the offsets."""
    for j in range(len(sender)):
        offsets[0, sender[j] + 1] += 1
        offsets[1, receiver[j] + 1] += 1
        moved[0, sender[j]] += value[j]
        moved[1, receiver[j]] += value[j]
    for side in range(2):
        for v in range(moved.shape[1]):
            offsets[side, v + 1] += offsets[side, v]


@kernel
def _lay(
    sender: np.ndarray, receiver: np.ndarray, time: np.ndarray, value: np.ndarray, graph: Graph
) -> None:  # pragma: no cover (compiled)
    """Place the transfers moment by moment: those of one moment are neither before nor after."""
    n = len(sender)
    out_at, in_at = graph.out_offsets[:-1].copy(), graph.in_offsets[:-1].copy()
    place, before = np.empty(n, np.int32), np.empty(n, np.int32)
    start = 0
    while start < n:
        end = start
        while end < n and time[end] == time[start]:
            before[end] = in_at[sender[end]]
            end += 1
        for j in range(start, end):
            o, i = out_at[sender[j]], in_at[receiver[j]]
            out_at[sender[j]] += 1
            in_at[receiver[j]] += 1
            graph.sent[o, 0] = graph.got[i, 0] = time[j]
            graph.value[o] = value[j]
            graph.got[i, 1] = (np.int64(before[j]) << LINK_BITS) | np.int64(sender[j])
            place[j] = o
        for j in range(start, end):
            link = np.int64(out_at[receiver[j]])
            graph.sent[place[j], 1] = (link << LINK_BITS) | np.int64(receiver[j])
        start = end
