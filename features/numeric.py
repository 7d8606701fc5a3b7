"""Small numbers work shared by the families: medians, distinct counts, sliding windows.

Compiled functions serve kernels; the plain ones beside them serve definitions.
"""

from __future__ import annotations

import numpy as np

from features.compilation import kernel

_SHORT = 40


@kernel
def sort_in_place(values: np.ndarray) -> None:  # pragma: no cover (compiled)
    """Sort ascending; most histories are short, and insertion is fastest for them."""
    n = len(values)
    if n > _SHORT:
        values.sort()
        return
    for j in range(1, n):
        moved = values[j]
        k = j - 1
        while k >= 0 and values[k] > moved:
            values[k + 1] = values[k]
            k -= 1
        values[k + 1] = moved


@kernel
def distinct_in_place(ids: np.ndarray) -> int:  # pragma: no cover (compiled)
    """Count distinct numbers; leaves them sorted."""
    n = len(ids)
    sort_in_place(ids)
    count = min(n, 1)
    for j in range(1, n):
        count += ids[j] != ids[j - 1]
    return count


@kernel
def median_in_place(values: np.ndarray) -> float:  # pragma: no cover (compiled)
    """Return the median of at least one number; leaves them sorted."""
    sort_in_place(values)
    n = len(values)
    if n % 2:
        return float(values[n // 2])
    return (values[n // 2 - 1] + values[n // 2]) / 2


@kernel
def distinct(ids: np.ndarray) -> int:  # pragma: no cover (compiled)
    """Count distinct numbers."""
    return distinct_in_place(ids.copy())


@kernel
def median(values: np.ndarray) -> float:  # pragma: no cover (compiled)
    """Return the median of at least one number."""
    return median_in_place(values.copy())


@kernel
def variation(values: np.ndarray) -> float:  # pragma: no cover (compiled)
    """Return standard deviation ÷ mean of positive numbers."""
    mean = values.mean()
    total = 0.0
    for value in values:
        total += (value - mean) * (value - mean)
    return np.sqrt(total / len(values)) / mean


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
