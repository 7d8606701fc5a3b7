"""Counterparties: how many, how even, how new, and how many in one rolling window.

Compiled functions serve kernels; the plain ones below them serve definitions.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from features.compilation import kernel
from features.history import History
from features.working import carved


@kernel
def table_size(n: int) -> int:  # pragma: no cover (compiled)
    """Return the least power of two with room for n ids at half load."""
    size = 2
    while size < 2 * n:
        size *= 2
    return size


@kernel
def numbering(
    room: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # pragma: no cover (compiled)
    """Return `table`, `seen` and `code` for `renumber` of up to `n` ids; and what is left."""
    table, room = carved(room, table_size(n), np.int32)
    seen, room = carved(room, n, np.int64)
    code, room = carved(room, n, np.int32)
    return table, seen, code, room


@kernel
def renumber(
    ids: np.ndarray, table: np.ndarray, seen: np.ndarray, code: np.ndarray
) -> int:  # pragma: no cover (compiled)
    """Number distinct ids 0, 1, … as they first appear; fill `code` and return how many there are.

    `table` (int32, `table_size` of the greatest n) is a hash table, `seen[c]` the id numbered c.
    Afterwards anything per counterparty is an array of that many cells: no sort, no dictionary.
    """
    size = table_size(len(ids))
    table[:size] = -1
    count = 0
    for j in range(len(ids)):
        # Multiply by 2^64 ÷ the golden ratio and keep high bits: ids need not be random.
        slot = ((ids[j] * -7046029254386353131) >> 31) & (size - 1)
        while table[slot] >= 0 and seen[table[slot]] != ids[j]:
            slot = (slot + 1) & (size - 1)
        if table[slot] < 0:
            table[slot] = count
            seen[count] = ids[j]
            count += 1
        code[j] = table[slot]
    return count


@kernel
def most_distinct(
    time: np.ndarray,
    code: np.ndarray,
    incoming: np.ndarray,
    direction: bool,
    width: int,
    inside: np.ndarray,
) -> tuple[int, int]:  # pragma: no cover (compiled)
    """Return how many distinct codes the first window ``[t, t + width)`` with the most holds.

    Only transfers of one direction count (`direction`: incoming). `inside` is a working array with
    a cell per code. Also returns the position at which that window starts.
    """
    inside[:] = 0
    now, best, best_start, start = 0, 0, 0, 0
    for end in range(len(time)):
        if incoming[end] != direction:
            continue
        now += inside[code[end]] == 0
        inside[code[end]] += 1
        while incoming[start] != direction or time[end] - time[start] >= width:
            if incoming[start] == direction:
                inside[code[start]] -= 1
                now -= inside[code[start]] == 0
            start += 1
        if now > best:
            best, best_start = now, start
    return best, best_start


@kernel
def per_counterparty(
    code: np.ndarray,
    value: np.ndarray,
    incoming: np.ndarray,
    direction: bool,
    count: np.ndarray,
    total: np.ndarray,
) -> tuple[int, float, float, float]:  # pragma: no cover (compiled)
    """Return one direction's counterparties: number, evenness, top share and once-only share."""
    count[:] = 0
    total[:] = 0
    for j in range(len(code)):
        if incoming[j] == direction:
            count[code[j]] += 1
            total[code[j]] += value[j]
    parties, once, largest, everything = 0, 0, 0, 0
    for c in range(len(count)):
        parties += count[c] > 0
        once += count[c] == 1
        largest = max(largest, total[c])
        everything += total[c]
    if parties == 0:
        return 0, np.nan, np.nan, np.nan
    entropy = 0.0
    for c in range(len(count)):
        if count[c] > 0:
            share = total[c] / everything
            entropy -= share * np.log2(share)
    evenness = min(1.0, entropy / np.log2(parties)) if parties > 1 else np.nan
    return parties, evenness, largest / everything, once / parties


@kernel
def mark_first_payments(
    code: np.ndarray, incoming: np.ndarray, met: np.ndarray, fresh: np.ndarray
) -> tuple[int, int, int]:  # pragma: no cover (compiled)
    """Count senders, receivers and both; ``fresh[j]`` is the number of receivers before row j.

    `met` is a working array: a cell per counterparty for each of the two directions.
    """
    met[:] = 0
    senders, receivers, shared = 0, 0, 0
    for j in range(len(code)):
        fresh[j] = receivers
        c = code[j]
        if incoming[j] and met[0, c] == 0:
            met[0, c] = 1
            senders += 1
            shared += met[1, c]
        elif not incoming[j] and met[1, c] == 0:
            met[1, c] = 1
            receivers += 1
            shared += met[0, c]
    fresh[len(code)] = receivers
    return senders, receivers, shared


@kernel
def most_after_inflow(
    time: np.ndarray, incoming: np.ndarray, fresh: np.ndarray, width: int
) -> int:  # pragma: no cover (compiled)
    """Return the most receivers first paid within `width` after an inflow."""
    best, end = 0, 0
    for j in range(len(time)):
        if incoming[j]:
            while end < len(time) and time[end] < time[j] + width:
                end += 1
            best = max(best, fresh[end] - fresh[j])
    return best


@kernel
def sent_to_unseen(
    code: np.ndarray, value: np.ndarray, incoming: np.ndarray, met: np.ndarray
) -> float:  # pragma: no cover (compiled)
    """Return the share of the value sent after the first inflow that went to codes new by then.

    Null where nothing was sent then. `met` is a working array with a cell per counterparty.
    """
    met[:] = 0
    received, unseen, sent = False, 0, 0
    for j in range(len(code)):
        if incoming[j]:
            received = True
        elif received:
            sent += value[j]
            unseen += 0 if met[code[j]] else value[j]
        met[code[j]] = 1
    return unseen / sent if sent > 0 else np.nan


@kernel
def gather_scatter(
    time: np.ndarray,
    incoming: np.ndarray,
    code: np.ndarray,
    width: int,
    behind: np.ndarray,
    ahead: np.ndarray,
) -> int:  # pragma: no cover (compiled)
    """Return the greatest min(senders within `width` up to an inflow, receivers within it after).

    `behind` and `ahead` are working arrays with a cell per counterparty.
    """
    behind[:] = 0
    ahead[:] = 0
    best, start, end, senders, receivers = 0, 0, 0, 0, 0
    for j in range(len(time)):
        while end < len(time) and time[end] < time[j] + width:
            if not incoming[end]:
                receivers += ahead[code[end]] == 0
                ahead[code[end]] += 1
            end += 1
        if not incoming[j]:
            ahead[code[j]] -= 1
            receivers -= ahead[code[j]] == 0
            continue
        senders += behind[code[j]] == 0
        behind[code[j]] += 1
        while time[j] - time[start] >= width:
            if incoming[start]:
                behind[code[start]] -= 1
                senders -= behind[code[start]] == 0
            start += 1
        best = max(best, min(senders, receivers))
    return best


def window_of_most_distinct(time: np.ndarray, ids: np.ndarray, width: int) -> tuple[int, int]:
    """Return start and end (exclusive) of the first ``[t, t + width)`` with the most distinct ids.

    >>> window_of_most_distinct(np.array([0, 5, 20, 21]), np.array([1, 1, 2, 3]), 10)
    (2, 4)
    """
    inside: Counter[int] = Counter()
    best, most, end = (0, 0), 0, 0
    for start in range(len(time)):
        while end < len(time) and time[end] < time[start] + width:
            inside[int(ids[end])] += 1
            end += 1
        if len(inside) > most:
            best, most = (start, end), len(inside)
        inside[int(ids[start])] -= 1
        if not inside[int(ids[start])]:
            del inside[int(ids[start])]
    return best


def value_by_counterparty(history: History, rows: np.ndarray) -> dict[int, int]:
    """Return the value moved with each counterparty, in the order of their first appearance."""
    totals: dict[int, int] = {}
    for counterparty, value in zip(history.counterparty[rows], history.value[rows], strict=True):
        totals[int(counterparty)] = totals.get(int(counterparty), 0) + int(value)
    return totals


def first_of_each(history: History, rows: np.ndarray) -> list[int]:
    """Return the first row with each counterparty, in the order given."""
    first: dict[int, int] = {}
    for row in rows:
        first.setdefault(int(history.counterparty[row]), int(row))
    return list(first.values())
