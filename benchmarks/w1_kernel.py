"""W1 as a family of Unrinse: the same 22 columns as the peers, in one kernel over histories."""

from __future__ import annotations

import numpy as np

from features.compilation import kernel
from features.evidence import Evidence, evidence
from features.history import DAY, HOUR, MICROSECONDS, STABLECOIN, Columns, History
from features.numeric import (
    distinct,
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
    met = np.empty(len(per_asset) + 1, dtype=np.int32)
    longest = longest_history(columns.offsets, first, last) + 1
    times, values, received, waits = np.empty((4, longest), dtype=np.int64)
    receivers, senders = np.empty((2, longest), dtype=np.int32)
    for i in range(first, last):
        a, b = columns.offsets[i], columns.offsets[i + 1]
        row = out[i]
        row[:] = np.nan
        n = b - a
        n_out, n_in, n_met, total, stable, rounds = 0, 0, 0, 0, 0, 0
        for j in range(a, b):  # written to both sides, kept on one: no branch to mispredict
            value, into = columns.value[j], columns.incoming[j]
            times[n_out], values[n_out] = columns.time[j], value
            receivers[n_out] = columns.counterparty[j]
            received[n_in], senders[n_in] = value, columns.counterparty[j]
            n_out += not into
            n_in += into
            asset = columns.asset[j]
            met[n_met] = asset
            n_met += per_asset[asset] == 0
            per_asset[asset] += 1
            total += value
            stable += value * (columns.asset_kind[asset] & STABLECOIN)
            rounds += (not into) & (value % HUNDRED_DOLLARS == 0)
        row[0], row[1] = n_out, n_in
        row[10] = distinct(receivers[:n_out], columns.room)
        row[11] = distinct(senders[:n_in], columns.room)
        if n == 0:
            continue
        if n_out > 0:
            row[2], row[4], row[6], row[8] = _moments(values[:n_out])
            row[16], row[17] = _largest_windows(times[:n_out], values[:n_out])
            row[21] = rounds / n_out
        else:
            row[2] = 0
        if n_in > 0:
            row[3], row[5], row[7], row[9] = _moments(received[:n_in])
        else:
            row[3] = 0
        row[12], row[13] = columns.time[a], columns.time[b - 1]
        row[14], row[19] = _active_days(columns.time[a:b]), stable / total
        for j in range(a + 1, b):
            waits[j - a - 1] = columns.time[j] - columns.time[j - 1]
        if n > 1:
            row[15] = median_in_place(waits[: n - 1]) / MICROSECONDS
        m, following = 0, np.int64(-1)
        for j in range(b - 1, a - 1, -1):
            into = columns.incoming[j]
            waits[m] = following - columns.time[j]
            m += into & (following >= 0)
            following = following if into else columns.time[j]
        if m:
            row[18] = median_in_place(waits[:m]) / MICROSECONDS
        row[20] = _entropy(per_asset, met[:n_met], n)


@kernel
def _moments(values: np.ndarray) -> tuple[float, float, float, float]:  # pragma: no cover
    """Return sum, mean, standard deviation and maximum."""
    total, largest = np.int64(0), np.int64(0)
    for value in values:
        total += value
        largest = max(largest, value)
    mean, squares = total / len(values), 0.0
    for value in values:
        squares += (value - mean) * (value - mean)
    return float(total), mean, np.sqrt(squares / len(values)), float(largest)


@kernel
def _largest_windows(time: np.ndarray, value: np.ndarray) -> tuple[int, int]:  # pragma: no cover
    """Return the greatest sums of `value` within an hour and within a day, in one pass."""
    hour, day, in_hour, in_day, since_hour, since_day = 0, 0, 0, 0, 0, 0
    for end in range(len(time)):
        in_hour += value[end]
        in_day += value[end]
        while time[end] - time[since_hour] >= HOUR:
            in_hour -= value[since_hour]
            since_hour += 1
        while time[end] - time[since_day] >= DAY:
            in_day -= value[since_day]
            since_day += 1
        hour, day = max(hour, in_hour), max(day, in_day)
    return hour, day


@kernel
def _active_days(time: np.ndarray) -> int:  # pragma: no cover (compiled)
    """Count the calendar days of ascending moments, none before 1970."""
    days, before = 0, np.uint64(0)
    for moment in time:
        day = np.uint64(moment) // np.uint64(DAY) + np.uint64(1)
        days += day != before
        before = day
    return days


@kernel
def _entropy(
    per_asset: np.ndarray, met: np.ndarray, transfers: int
) -> float:  # pragma: no cover (compiled)
    """Return the entropy of the counts of the assets met, in bits, and clear them."""
    entropy = 0.0
    for asset in met:
        share = per_asset[asset] / transfers
        entropy -= share * np.log2(share)
        per_asset[asset] = 0
    return entropy


FAMILY = Family("w1", w1_kernel, cost="linear (a few passes, medians by selection)")


def _declare(name: str) -> None:
    def definition(history: History) -> Evidence:
        return evidence(len(history), np.arange(len(history)))

    definition.__name__, definition.__doc__ = name, f"W1 column {name}."
    FAMILY.signal(unit="value", needs="any", evidence="distribution", formula="W1", says="{value}")(
        definition
    )


for _name in NAMES:
    _declare(_name)
