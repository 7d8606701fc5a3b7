"""Matching what left to what came in: first in, first out.

Each outgoing transfer spends the oldest value still held, over all assets together, in the run's
value basis. Where more leaves than came in (the history starts late, or a price moved), the excess
is matched to nothing. A swap leaves in one coin and returns in another, so it forwards and refills.

The compiled functions serve the kernel of `features.pass_through`; the plain ones below say the
same, slowly, and serve its definitions. Only kinds of transfer seen in both directions belong here.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from features.compilation import kernel
from features.history import DAY, HOUR, MICROSECONDS, MINUTE, History
from features.numeric import median_in_place, weighted_median_in_place


class Pieces(NamedTuple):
    """Working arrays for the pieces of a matching: as many as the history has transfers."""

    inflow: np.ndarray
    outflow: np.ndarray
    value: np.ndarray


class Piece(NamedTuple):
    """Some value that came in with one transfer and left with another (positions in a history)."""

    inflow: int
    outflow: int
    value: int


@kernel
def match(
    value: np.ndarray, incoming: np.ndarray, left: np.ndarray, held: np.ndarray, pieces: Pieces
) -> int:  # pragma: no cover (compiled)
    """Match outflows to inflows; return the number of pieces.

    Fills `pieces`, `left` (what remains of each inflow) and `held` (the balance after each
    transfer). Each piece finishes an inflow or an outflow, so there are at most as many as those.
    """
    count, head, balance = 0, 0, 0
    for j in range(len(value)):
        if incoming[j]:
            left[j] = value[j]
            balance += value[j]
        else:
            left[j] = 0
            wanted = value[j]
            while wanted > 0 and balance > 0:
                if left[head] == 0:
                    head += 1
                    continue
                moved = min(wanted, left[head])
                pieces.inflow[count], pieces.outflow[count] = head, j
                pieces.value[count] = moved
                count += 1
                left[head] -= moved
                wanted -= moved
                balance -= moved
        held[j] = balance
    return count


@kernel
def value_returned(
    time: np.ndarray,
    value: np.ndarray,
    incoming: np.ndarray,
    code: np.ndarray,
    width: int,
    left: np.ndarray,
    order: np.ndarray,
    ends: np.ndarray,
) -> int:  # pragma: no cover (compiled)
    """Return the value sent back to its own sender within `width`, matched within each pair.

    `code` numbers the counterparties and `ends` has a cell for each; `left` and `order` are
    working arrays. Transfers are laid out by counterparty, in time order, by counting.
    """
    ends[:] = 0
    for j in range(len(code)):
        ends[code[j]] += 1
    total = 0
    for c in range(len(ends)):
        total += ends[c]
        ends[c] = total - ends[c]
    for j in range(len(code)):
        order[ends[code[j]]] = j
        ends[code[j]] += 1
    returned, start = 0, 0
    for c in range(len(ends)):
        head = start
        for p in range(start, ends[c]):
            j = order[p]
            left[j] = value[j] if incoming[j] else 0
            wanted = value[j] - left[j]
            while wanted > 0 and head < p:
                source = order[head]
                if left[source] == 0 or time[j] - time[source] >= width:
                    head += 1
                    continue
                moved = min(wanted, left[source])
                left[source] -= moved
                wanted -= moved
                returned += moved
        start = ends[c]
    return returned


@kernel
def forwarded_shares(
    time: np.ndarray, pieces: Pieces, count: int, came: int
) -> tuple[float, float, float, float]:  # pragma: no cover (compiled)
    """Return the shares of what came that went on within 10 minutes, an hour, a day and a week."""
    widths = (10 * MINUTE, HOUR, DAY, 7 * DAY)
    total = np.zeros(4, np.int64)
    for p in range(count):
        dwell = time[pieces.outflow[p]] - time[pieces.inflow[p]]
        for w in range(4):
            if dwell < widths[w]:
                total[w] += pieces.value[p]
    return total[0] / came, total[1] / came, total[2] / came, total[3] / came


@kernel
def middle_dwell(
    time: np.ndarray, pieces: Pieces, count: int
) -> int:  # pragma: no cover (compiled)
    """Return the least dwell that half of the forwarded value does not exceed.

    Of at least one piece. Uses the pieces up: dwells take the place of their inflows.
    """
    for p in range(count):
        pieces.inflow[p] = time[pieces.outflow[p]] - time[pieces.inflow[p]]
    return weighted_median_in_place(pieces.inflow[:count], pieces.value[:count])


@kernel
def near_empty(
    time: np.ndarray, incoming: np.ndarray, held: np.ndarray
) -> tuple[float, int]:  # pragma: no cover (compiled)
    """Return the share of time near empty from the first inflow on, and how often it got there."""
    # Integers: held < peak / 50 exactly where held <= (peak - 1) // 50.
    little = (held.max() - 1) // 50
    start = 0
    while not incoming[start]:
        start += 1
    near, drains = 0, 0
    for j in range(start + 1, len(time)):
        if held[j - 1] <= little:
            near += time[j] - time[j - 1]
        drains += held[j] <= little and held[j - 1] > little
    span = time[-1] - time[start]
    return near / span if span > 0 else np.nan, drains


@kernel
def share_gone(
    time: np.ndarray,
    value: np.ndarray,
    incoming: np.ndarray,
    pieces: Pieces,
    count: int,
    start: int,
) -> float:  # pragma: no cover (compiled)
    """Return the share, forwarded within 72 hours, of what came in within 30 days from `start`."""
    came, gone, end = 0, 0, start
    while end < len(time) and time[end] - time[start] < 30 * DAY:
        if incoming[end]:
            came += value[end]
        end += 1
    for p in range(count):
        source = pieces.inflow[p]
        if start <= source < end and time[pieces.outflow[p]] - time[source] < 3 * DAY:
            gone += pieces.value[p]
    return gone / came


@kernel
def balance_steps(
    value: np.ndarray,
    incoming: np.ndarray,
    code: np.ndarray,
    held: np.ndarray,
    paid: np.ndarray,
) -> tuple[float, float]:  # pragma: no cover (compiled)
    """Return the shares of outflows that empty the balance, and that peel it to a new receiver."""
    paid[:] = 0
    n_out, sweeps, peels = 0, 0, 0
    for j in range(len(value)):
        if incoming[j]:
            continue
        n_out += 1
        before = held[j - 1] if j > 0 else 0
        rest = before - value[j]
        if before > 0 and rest <= before // 50:
            sweeps += 1
        elif before > 0 and rest <= before // 5:
            peels += paid[code[j]] == 0
        paid[code[j]] = 1
    return sweeps / n_out, peels / n_out


@kernel
def in_out_steps(
    time: np.ndarray, value: np.ndarray, incoming: np.ndarray, waits: np.ndarray
) -> tuple[float, float, float]:  # pragma: no cover (compiled)
    """Return the median wait, the share of one-in-one-out outflows, and of inflows passed on."""
    n, n_in, n_out, answered, echoes, unanswered = len(time), 0, 0, 0, 0, 0
    gathered, newest, followed = 0, 0, 0
    for j in range(n):
        if incoming[j]:
            n_in += 1
            gathered += value[j]
            newest = value[j]
            waits[answered + unanswered] = time[j]
            unanswered += 1
            followed += j + 1 < n and not incoming[j + 1]
            continue
        n_out += 1
        for w in range(answered, answered + unanswered):
            waits[w] = time[j] - waits[w]
        answered += unanswered
        unanswered = 0
        if _echoes(value[j], newest) or _echoes(value[j], gathered):
            echoes += 1
        gathered, newest = 0, 0
    return (
        median_in_place(waits[:answered]) / MICROSECONDS if answered > 0 else np.nan,
        echoes / n_out if n_out > 0 else np.nan,
        followed / n_in if n_in > 0 else np.nan,
    )


@kernel
def _echoes(out: int, into: int) -> bool:  # pragma: no cover (compiled)
    """Say whether out is 95 to 100 % of into, in integers that cannot overflow."""
    return out <= into and into - out <= into // 20


def matched(history: History) -> list[Piece]:
    """Return the pieces, in the order in which they left."""
    waiting: deque[tuple[int, int]] = deque()
    pieces = []
    for row in range(len(history)):
        amount = int(history.value[row])
        if history.incoming[row]:
            waiting.append((row, amount))
            continue
        while amount and waiting:
            source, available = waiting.popleft()
            moved = min(amount, available)
            pieces.append(Piece(source, row, moved))
            amount -= moved
            if available > moved:
                waiting.appendleft((source, available - moved))
    return pieces


def balances(history: History) -> list[int]:
    """Return what is held after each transfer; never below zero, whatever came in unseen."""
    held, balance = [], 0
    for row in range(len(history)):
        amount = int(history.value[row])
        balance = balance + amount if history.incoming[row] else max(0, balance - amount)
        held.append(balance)
    return held


def near_empty_after(flows: History) -> list[bool]:
    """Say after which transfers the balance is below 2 % of its peak."""
    held = balances(flows)
    peak = max(held)
    return [50 * balance < peak for balance in held]


def outflows_and_balance(flows: History) -> list[tuple[int, tuple[int, int]]]:
    """Return each outflow from a balance: its row, its value and the balance before it."""
    held = [0, *balances(flows)]
    return [(int(row), (int(flows.value[row]), held[row])) for row in flows.outflows if held[row]]


def returned(history: History, width: int) -> list[Piece]:
    """Return the pieces that went back to their own sender within `width` microseconds."""
    by_counterparty: dict[int, list[int]] = defaultdict(list)
    for row, counterparty in enumerate(history.counterparty):
        by_counterparty[int(counterparty)].append(row)
    pieces = []
    for rows in by_counterparty.values():
        waiting: deque[list[int]] = deque()
        for row in rows:
            amount = int(history.value[row])
            if history.incoming[row]:
                waiting.append([row, amount])
                continue
            while waiting and history.time[row] - history.time[waiting[0][0]] >= width:
                waiting.popleft()
            while amount and waiting:
                moved = min(amount, waiting[0][1])
                pieces.append(Piece(waiting[0][0], row, moved))
                amount -= moved
                waiting[0][1] -= moved
                if not waiting[0][1]:
                    waiting.popleft()
    return pieces


def largest_first(pieces: Iterable[Piece]) -> np.ndarray:
    """Return the transfers of the pieces, largest piece first, each once."""
    ordered = sorted(pieces, key=lambda piece: -piece.value)
    rows = dict.fromkeys(row for piece in ordered for row in (piece.inflow, piece.outflow))
    return np.array(list(rows), dtype=np.int64)
