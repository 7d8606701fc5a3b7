"""Small numbers work shared by the families: medians, distinct counts, sliding windows.

Compiled functions serve kernels; the plain ones beside them serve definitions.
"""

from __future__ import annotations

import numpy as np

from features.compilation import kernel
from features.working import carved

_SHORT = 32
"""Among so many numbers, comparing all with all is fastest, because it needs no branches; most
histories are that short."""


@kernel
def distinct(ids: np.ndarray, room: np.ndarray) -> int:  # pragma: no cover (compiled)
    """Count distinct whole numbers; `room` as in `features.working`."""
    n = len(ids)
    if n > _SHORT:
        return _distinct_many(ids, room)
    count = 0
    for j in range(n):
        before = np.int32(0)
        for k in range(j):
            before |= np.int32(ids[k] == ids[j])
        count += before == 0
    return count


@kernel
def _distinct_many(ids: np.ndarray, room: np.ndarray) -> int:  # pragma: no cover (compiled)
    """Count with a hash table of at least twice the size, which holds where a number stands."""
    bits = 7
    while (1 << bits) < 2 * len(ids):
        bits += 1
    table, _ = carved(room, 1 << bits, np.int32)
    table[:] = -1
    mask, shift = (1 << bits) - 1, np.uint64(64 - bits)
    count = 0
    for j in range(len(ids)):
        slot = np.int64((np.uint64(ids[j]) * np.uint64(0x9E3779B97F4A7C15)) >> shift)
        while table[slot] >= 0 and ids[table[slot]] != ids[j]:
            slot = (slot + 1) & mask
        count += table[slot] < 0
        table[slot] = j
    return count


@kernel
def median_in_place(values: np.ndarray) -> float:  # pragma: no cover (compiled)
    """Return the median of at least one number; may reorder them."""
    n = len(values)
    middle = n // 2
    if n <= _SHORT:
        return _median_of_few(values)
    _select(values, middle)
    if n % 2:
        return float(values[middle])
    below = values[0]  # the greatest of the lower half
    for j in range(1, middle):
        below = max(below, values[j])
    return (below + values[middle]) / 2


@kernel
def _median_of_few(values: np.ndarray) -> float:  # pragma: no cover (compiled)
    """Find the one or two numbers whose places in the order are in the middle."""
    n = len(values)
    low, high = (n - 1) // 2, n // 2
    below, above = values[0], values[0]
    for j in range(n):
        value = values[j]
        less, up_to = 0, 0
        for k in range(n):
            less += values[k] < value
            up_to += values[k] <= value
        if less <= low < up_to:
            below = value
        if less <= high < up_to:
            above = value
    return float(above) if n % 2 else (below + above) / 2


@kernel
def sort_few(values: np.ndarray) -> None:  # pragma: no cover (compiled)
    """Sort a few numbers in place, by insertion."""
    for j in range(1, len(values)):
        moved = values[j]
        k = j - 1
        while k >= 0 and values[k] > moved:
            values[k + 1] = values[k]
            k -= 1
        values[k + 1] = moved


@kernel
def _select(values: np.ndarray, k: int) -> None:  # pragma: no cover (compiled)
    """Reorder so that the k-th smallest stands at `k`, none above it before, none below it after.

    Numbers are swapped whether they must or not, for a branch on unforeseeable numbers costs more.
    """
    low, high = 0, len(values) - 1
    while high - low >= _SHORT:
        pivot = _pivot(values, low, high)
        start = _below_first(values, low, high, pivot, 0)
        if k < start:
            high = start - 1
            continue
        low = _below_first(values, start, high, pivot, 1)  # those that equal the pivot first
        if k < low:
            return
    sort_few(values[low : high + 1])


@kernel
def _pivot(values: np.ndarray, low: int, high: int) -> float:  # pragma: no cover (compiled)
    """Return the median of three of some numbers, from places that look random.

    Places that follow from the ends alone suit some order badly: numbers that rise and fall, as
    dwells do where a backlog grows and shrinks, would lose two of their number in each pass.
    """
    size = np.uint64(high - low + 1)
    state = size + np.uint64(low)
    a, b, c = values[low], values[low], values[low]
    for _ in range(3):  # Knuth's linear congruential generator (MMIX); its high bits are the good
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        a, b, c = b, c, values[low + np.int64((state >> np.uint64(33)) % size)]
    return max(min(a, b), min(max(a, b), c))


@kernel
def weighted_median_in_place(
    values: np.ndarray, weights: np.ndarray
) -> int:  # pragma: no cover (compiled)
    """Return the least of at least one value that half of the positive weight does not exceed.

    Reorders both. Selection as in `_select`: the side that the weight points to is looked at again.
    """
    low, high, total, below = 0, len(values) - 1, 0, 0
    for weight in weights:
        total += weight
    while low < high:
        pivot = _pivot(values, low, high)
        for alike in range(2):
            start, weight = _lighter_first(values, weights, low, high, pivot, alike)
            if below + weight >= total - below - weight:
                if alike:
                    return pivot
                high = start - 1
                break
            low, below = start, below + weight
    return values[low]


@kernel
def _lighter_first(
    values: np.ndarray, weights: np.ndarray, low: int, high: int, pivot: int, alike: int
) -> tuple[int, int]:  # pragma: no cover (compiled)
    """Do as `_below_first` with weighted values; also return the weight of what was put first."""
    start, weight = low, 0
    for j in range(low, high + 1):
        value, heavy = values[j], weights[j]
        values[j], weights[j] = values[start], weights[start]
        values[start], weights[start] = value, heavy
        first = (value < pivot) | (alike & (value == pivot))
        start += first
        weight += heavy if first else 0
    return start, weight


@kernel
def _below_first(
    values: np.ndarray, low: int, high: int, pivot: float, alike: int
) -> int:  # pragma: no cover (compiled)
    """Put what is below the pivot (or, with 1, not above) first, and return where the rest starts.

    Of a run of places, `low` to `high`.
    """
    start = low
    for j in range(low, high + 1):
        value = values[j]
        values[j] = values[start]
        values[start] = value
        start += (value < pivot) | (alike & (value == pivot))
    return start


@kernel
def variation(values: np.ndarray) -> float:  # pragma: no cover (compiled)
    """Return standard deviation ÷ mean of positive numbers."""
    mean = values.mean()
    total = 0.0
    for value in values:
        total += (value - mean) * (value - mean)
    return np.sqrt(total / len(values)) / mean


@kernel
def of_direction(
    values: np.ndarray, incoming: np.ndarray, direction: bool, work: np.ndarray
) -> np.ndarray:  # pragma: no cover (compiled)
    """Lay the values of one direction (`direction`: incoming) side by side, and return them."""
    n = 0
    for j in range(len(values)):
        if incoming[j] == direction:
            work[n] = values[j]
            n += 1
    return work[:n]


@kernel
def steps(
    ascending: np.ndarray, work: np.ndarray
) -> tuple[np.ndarray, int]:  # pragma: no cover (compiled)
    """Return the differences of neighbouring numbers, laid into `work`, and the greatest."""
    found, greatest = work[: len(ascending) - 1], 0
    for j in range(len(found)):
        found[j] = ascending[j + 1] - ascending[j]
        greatest = max(greatest, found[j])
    return found, greatest


@kernel
def largest_window(
    time: np.ndarray, value: np.ndarray, width: int
) -> int:  # pragma: no cover (compiled)
    """Return the greatest sum of `value` within a window ``[t, t + width)``."""
    best, inside, start = 0, 0, 0
    for end in range(len(time)):
        inside += value[end]
        while time[end] - time[start] >= width:
            inside -= value[start]
            start += 1
        best = max(best, inside)
    return best


def middle_of(values: np.ndarray) -> list[int]:
    """Return the one or two middle numbers, whose mean is the median.

    >>> middle_of(np.array([5, 1, 9, 7]))
    [5, 7]
    """
    ordered = np.sort(values)
    n = len(ordered)
    return [int(v) for v in ordered[(n - 1) // 2 : n // 2 + 1]]


def window_of_largest(time: np.ndarray, value: np.ndarray, width: int) -> tuple[int, int, int]:
    """Return start, end (exclusive) and sum of the first window ``[t, t + width)`` with the most.

    >>> window_of_largest(np.array([0, 5, 20]), np.array([1, 2, 4]), 10)
    (2, 3, 4)
    """
    best = (0, 0, 0)
    for start in range(len(time)):
        end = int(np.searchsorted(time, time[start] + width, side="left"))
        inside = int(value[start:end].sum())
        if inside > best[2]:
            best = (start, end, inside)
    return best


@kernel
def longest_history(
    offsets: np.ndarray, first: int, last: int
) -> int:  # pragma: no cover (compiled)
    """Return the number of transfers of the longest history, to size working arrays once."""
    longest = 0
    for i in range(first, last):
        longest = max(longest, offsets[i + 1] - offsets[i])
    return longest
