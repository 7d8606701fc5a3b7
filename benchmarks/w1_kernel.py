"""W1 as a family of Unrinse: the same 22 columns as the peers, in one kernel over histories."""

from __future__ import annotations

import numpy as np

from features.compilation import kernel
from features.evidence import Evidence, evidence
from features.history import DAY, HOUR, MICROSECONDS, STABLECOIN, Columns, History
from features.numeric import (
    distinct_in_place,
    largest_window,
    longest_history,
    median_in_place,
)
from features.signal import Family

NAMES = (
    "n_out", "n_in", "sum_out", "sum_in", "mean_out", "mean_in", "sd_out", "sd_in", "max_out",
    "max_in", "receivers", "senders", "first", "last", "active_days", "median_gap", "max_out_1h",
    "max_out_24h", "median_dwell", "stable_share", "entropy", "round_share",
)  # fmt: skip
HUNDRED_DOLLARS = 100_000_000


@kernel
def w1_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the W1 columns of histories `first` to `last`."""
    per_asset = np.zeros(len(columns.asset_kind), dtype=np.int64)
    longest = longest_history(columns.offsets, first, last)
    times, values, waits = np.empty((3, longest), dtype=np.int64)
    parties = np.empty(longest, dtype=np.int32)
    for i in range(first, last):
        a, b = columns.offsets[i], columns.offsets[i + 1]
        row = out[i]
        row[:] = np.nan
        n = b - a
        if n == 0:
            continue
        for side in range(2):
            m, total, largest = 0, 0, 0
            for j in range(a, b):
                if columns.incoming[j] == (side == 1):
                    times[m], values[m] = columns.time[j], columns.value[j]
                    parties[m] = columns.counterparty[j]
                    total += values[m]
                    largest = max(largest, values[m])
                    m += 1
            row[side], row[2 + side] = m, total
            row[10 + side] = distinct_in_place(parties[:m])
            if m == 0:
                continue
            mean = total / m
            squares = 0.0
            for k in range(m):
                squares += (values[k] - mean) * (values[k] - mean)
            row[4 + side], row[6 + side] = mean, np.sqrt(squares / m)
            row[8 + side] = largest
            if side == 0:
                row[16] = largest_window(times[:m], values[:m], HOUR)
                row[17] = largest_window(times[:m], values[:m], DAY)
        row[12], row[13] = columns.time[a], columns.time[b - 1]
        days, previous, stable, total, rounds = 0, -1, 0, 0, 0
        for j in range(a, b):
            day = columns.time[j] // DAY
            days += day != previous
            previous = day
            value, asset = columns.value[j], columns.asset[j]
            per_asset[asset] += 1
            total += value
            if columns.asset_kind[asset] & STABLECOIN:
                stable += value
            if not columns.incoming[j] and value % HUNDRED_DOLLARS == 0:
                rounds += 1
        row[14], row[19] = days, stable / total
        if row[0] > 0:
            row[21] = rounds / row[0]
        for j in range(a + 1, b):
            waits[j - a - 1] = columns.time[j] - columns.time[j - 1]
        if n > 1:
            row[15] = median_in_place(waits[: n - 1]) / MICROSECONDS
        m, following = 0, -1
        for j in range(b - 1, a - 1, -1):
            if not columns.incoming[j]:
                following = columns.time[j]
            elif following >= 0:
                waits[m] = following - columns.time[j]
                m += 1
        if m:
            row[18] = median_in_place(waits[:m]) / MICROSECONDS
        entropy = 0.0
        for j in range(a, b):
            asset = columns.asset[j]
            if per_asset[asset]:
                share = per_asset[asset] / n
                entropy -= share * np.log2(share)
                per_asset[asset] = 0
        row[20] = entropy


FAMILY = Family("w1", w1_kernel)


def _declare(name: str) -> None:
    def definition(history: History) -> Evidence:
        return evidence(len(history), np.arange(len(history)))

    definition.__name__, definition.__doc__ = name, f"W1 column {name}."
    FAMILY.signal(unit="value", needs="any", evidence="distribution", formula="W1", says="{value}")(
        definition
    )


for _name in NAMES:
    _declare(_name)
