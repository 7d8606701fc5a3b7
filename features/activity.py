"""Activity: how much an address does, how steadily, and whether it stopped.

Laundering wallets are used and thrown away: a short life, a burst that carries most of the value,
then silence (FATF 2020). But many real ones are slow and quiet: bursts are measured, not assumed.
Days and windows roll from the first transfer or from each transfer; no calendar day or time zone
enters, and shifting a whole history changes nothing.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from features.compilation import kernel
from features.evidence import Evidence, evidence
from features.history import DAY, MICROSECONDS, Columns, History
from features.numeric import (
    distinct,
    largest_window,
    longest_history,
    median_in_place,
    middle_of,
    of_direction,
    steps,
    variation,
    window_of_largest,
)
from features.signal import Family
from features.working import carved


@kernel
def activity_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; a few passes over each history."""
    longest = longest_history(columns.offsets, first, last)
    work, room = carved(columns.room, longest, np.int64)
    more, room = carved(room, longest, np.int64)
    for i in range(first, last):
        a, b = columns.offsets[i], columns.offsets[i + 1]
        time, value = columns.time[a:b], columns.value[a:b]
        incoming, other = columns.incoming[a:b], columns.counterparty[a:b]
        n = b - a
        row = out[i]
        row[:] = np.nan
        n_in = 0
        value_in, value_out, largest_in, largest_out = 0, 0, 0, 0
        for j in range(n):
            if incoming[j]:
                n_in += 1
                value_in += value[j]
                largest_in = max(largest_in, value[j])
            else:
                value_out += value[j]
                largest_out = max(largest_out, value[j])
        n_out = n - n_in
        row[0], row[1] = n_in, n_out
        row[2] = distinct(of_direction(other, incoming, True, work), room)
        row[3] = distinct(of_direction(other, incoming, False, work), room)
        row[4], row[5] = value_in / columns.scale[i], value_out / columns.scale[i]
        if n_in > 0:
            row[6] = largest_in / value_in
        if n_out > 0:
            row[7] = largest_out / value_out
        if n_in > 1:
            row[8] = variation(of_direction(value, incoming, True, work))
        sent = of_direction(value, incoming, False, more)
        if n_out > 1:
            row[9] = variation(sent)
        if n == 0:
            continue
        span = time[n - 1] - time[0]
        row[10] = span / DAY
        days, previous = 0, -1
        for j in range(n):
            day = (time[j] - time[0]) // DAY
            days += day != previous
            previous = day
        row[11] = days
        row[12] = days / (span // DAY + 1)
        if n > 1:
            gaps, silence = steps(time, work)
            row[14] = silence / span if span > 0 else np.nan
            if n > 2:
                deviation, mean = gaps.std(), gaps.mean()
                row[15] = (deviation - mean) / (deviation + mean) if mean > 0 else np.nan
            row[13] = median_in_place(gaps) / MICROSECONDS
        if n_out > 0:
            moments = of_direction(time, incoming, False, work)
            row[16] = largest_window(moments, sent, DAY) / value_out
        row[17] = (columns.as_of[i] - time[n - 1]) / DAY


FAMILY = Family(
    "activity",
    activity_kernel,
    cost="linear (a few passes, a hash table of the counterparties, the median gap by selection)",
    refreshed={"days_silent": lambda as_of, last: (as_of - last) / DAY},
)


@FAMILY.signal(
    unit="transfers",
    needs="in",
    evidence="members",
    formula="number of incoming transfers",
    says="received {value}",
)
def transfers_in(history: History) -> Evidence:
    """Number of transfers received."""
    rows = history.inflows
    return evidence(len(rows), rows)


@FAMILY.signal(
    unit="transfers",
    needs="out",
    evidence="members",
    formula="number of outgoing transfers",
    says="sent {value}",
)
def transfers_out(history: History) -> Evidence:
    """Number of transfers sent."""
    rows = history.outflows
    return evidence(len(rows), rows)


@FAMILY.signal(
    unit="addresses",
    needs="in",
    evidence="members",
    formula="number of distinct senders",
    says="was paid by {value}",
    red_flags=("many_unrelated_senders",),
)
def senders(history: History) -> Evidence:
    """Number of distinct addresses that paid it."""
    rows = _first_with_each(history, history.inflows)
    return evidence(len(rows), rows)


@FAMILY.signal(
    unit="addresses",
    needs="out",
    evidence="members",
    formula="number of distinct receivers",
    says="paid {value}",
)
def receivers(history: History) -> Evidence:
    """Number of distinct addresses it paid."""
    rows = _first_with_each(history, history.outflows)
    return evidence(len(rows), rows)


@FAMILY.signal(
    unit="value",
    needs="in",
    evidence="members",
    formula="sum of incoming values",
    says="received {value} in all",
)
def value_in(history: History) -> Evidence:
    """Value received in all."""
    rows = history.inflows
    return evidence(int(history.value[rows].sum()) / history.scale, rows)


@FAMILY.signal(
    unit="value",
    needs="out",
    evidence="members",
    formula="sum of outgoing values",
    says="sent {value} in all",
)
def value_out(history: History) -> Evidence:
    """Value sent in all."""
    rows = history.outflows
    return evidence(int(history.value[rows].sum()) / history.scale, rows)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="largest incoming value ÷ sum of incoming values",
    says="received {value} of its incoming value in one transfer",
    says_low="received at most {value} of its incoming value in any one transfer",
    null="nothing came in",
    bounds=(0, 1),
    fewest={"transfers_in": 3},
)
def largest_in_share(history: History) -> Evidence | None:
    """Share of the value received that came in the largest single transfer."""
    return _largest_share(history, history.inflows)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="largest outgoing value ÷ sum of outgoing values",
    says="sent {value} of its outgoing value in one transfer",
    says_low="sent at most {value} of its outgoing value in any one transfer",
    null="nothing went out",
    bounds=(0, 1),
    fewest={"transfers_out": 3},
)
def largest_out_share(history: History) -> Evidence | None:
    """Share of the value sent that left in the largest single transfer."""
    return _largest_share(history, history.outflows)


@FAMILY.signal(
    unit="ratio",
    needs="in",
    evidence="distribution",
    formula="standard deviation ÷ mean of incoming values",
    says="received amounts whose standard deviation is {value} their mean ({n:receipts})",
    null="fewer than two transfers came in",
    fewest={"transfers_in": 5},
)
def variation_in(history: History) -> Evidence | None:
    """How much the amounts received vary (coefficient of variation)."""
    return _variation(history, history.inflows)


@FAMILY.signal(
    unit="ratio",
    needs="out",
    evidence="distribution",
    formula="standard deviation ÷ mean of outgoing values",
    says="sent amounts whose standard deviation is {value} their mean ({n:payments})",
    null="fewer than two transfers went out",
    fewest={"transfers_out": 5},
)
def variation_out(history: History) -> Evidence | None:
    """How much the amounts sent vary (coefficient of variation)."""
    return _variation(history, history.outflows)


@FAMILY.signal(
    unit="days",
    needs="any",
    evidence="extremal",
    formula="last transfer - first transfer",
    says="was in use for {value}, from its first to its last transfer",
    null="no transfer",
    red_flags=("burst_then_dormancy",),
    flags_when_low=("burst_then_dormancy",),
)
def days_in_use(history: History) -> Evidence | None:
    """Time from the first to the last transfer."""
    if not len(history):
        return None
    return evidence((history.time[-1] - history.time[0]) / DAY, [0, len(history) - 1])


@FAMILY.signal(
    unit="days",
    needs="any",
    evidence="members",
    formula="distinct 24-hour periods, counted from the first transfer, with a transfer",
    says="had transfers on {value} (24-hour periods from its first transfer on)",
    null="no transfer",
    bounds=(1, float("inf")),
)
def active_days(history: History) -> Evidence | None:
    """Number of 24-hour periods, counted from the first transfer, in which it was active."""
    if not len(history):
        return None
    _, rows = np.unique((history.time - history.time[0]) // DAY, return_index=True)
    return evidence(len(rows), rows)


@FAMILY.signal(
    unit="share",
    needs="any",
    evidence="distribution",
    formula="active_days ÷ 24-hour periods from the first to the last transfer",
    says="had transfers on {value} of the days from its first to its last transfer ({counts})",
    null="no transfer",
    bounds=(0, 1),
    fewest={"days_in_use": 5},
)
def active_day_share(history: History) -> Evidence | None:
    """Share of its days in use on which it was active."""
    days = active_days(history)
    if days is None:
        return None
    periods = int(history.time[-1] - history.time[0]) // DAY + 1
    rows = np.union1d(days.rows, [len(history) - 1])
    return evidence(days.value / periods, rows, numerator=days.value, denominator=periods)


@FAMILY.signal(
    unit="seconds",
    needs="any",
    evidence="distribution",
    formula="median time between successive transfers",
    says="had half of its transfers within {value} of the one before ({count:gaps})",
    null="fewer than two transfers",
    fewest={"n_transfers": 5},
)
def median_gap(history: History) -> Evidence | None:
    """Typical (median) time between one transfer and the next."""
    if len(history) < 2:
        return None
    gaps = np.diff(history.time)
    middle = [gap / MICROSECONDS for gap in middle_of(gaps)]
    typical = int(np.argsort(gaps, kind="stable")[(len(gaps) - 1) // 2])
    rows, telling = np.arange(len(history)), [typical, typical + 1]
    return evidence(sum(middle) / len(middle), rows, telling, middle=middle, count=len(gaps))


@FAMILY.signal(
    unit="share",
    needs="any",
    evidence="distribution",
    formula="longest time between successive transfers ÷ days_in_use",
    says="was silent for {value} of its time in use at a stretch",
    says_low="was silent for at most {value} of its time in use at a stretch",
    null="fewer than two transfers, or all at one moment",
    bounds=(0, 1),
    fewest={"n_transfers": 5},
)
def longest_silence_share(history: History) -> Evidence | None:
    """Longest silence as a share of its time in use."""
    if len(history) < 2 or history.time[-1] == history.time[0]:
        return None
    gaps = np.diff(history.time)
    at = int(gaps.argmax())
    longest, span = int(gaps[at]), int(history.time[-1] - history.time[0])
    rows = [0, at, at + 1, len(history) - 1]
    return evidence(longest / span, rows, [at, at + 1], numerator=longest, denominator=span)


@FAMILY.signal(
    unit="score",
    needs="any",
    evidence="distribution",
    formula="(s - m) ÷ (s + m), with m and s the mean and standard deviation of the gaps",
    says="spaced its transfers with a burstiness of {value} (-1 is clockwork, 0 chance, 1 "
    "one burst)",
    null="fewer than three transfers, or all at one moment",
    bounds=(-1, 1),
    fewest={"n_transfers": 10},
)
def burstiness(history: History) -> Evidence | None:
    """Burstiness of its activity: -1 clockwork, 0 chance, 1 one burst.

    References
    ----------
    Goh and Barabási, "Burstiness and memory in complex systems", EPL 81 (2008) 48002.
    """
    if len(history) < 3 or history.time[-1] == history.time[0]:
        return None
    gaps = np.diff(history.time)
    mean, sd = float(gaps.mean()), float(gaps.std())
    return evidence((sd - mean) / (sd + mean), np.arange(len(history)), mean=mean, sd=sd)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="greatest value sent within any 24 hours ÷ value sent",
    says="sent {value} of its outgoing value within its busiest 24 hours",
    says_low="sent at most {value} of its outgoing value within any 24 hours",
    null="nothing went out",
    window=timedelta(hours=24),
    bounds=(0, 1),
    red_flags=("burst_then_dormancy",),
    fewest={"transfers_out": 3},
)
def value_out_24h_share(history: History) -> Evidence | None:
    """Share of the value sent that left within the busiest 24 hours."""
    rows = history.outflows
    if not len(rows):
        return None
    start, end, largest = window_of_largest(history.time[rows], history.value[rows], DAY)
    total = int(history.value[rows].sum())
    return evidence(largest / total, rows, rows[start:end], numerator=largest, denominator=total)


@FAMILY.signal(
    unit="days",
    needs="any",
    evidence="members",
    formula="as_of - last transfer",
    says="had been silent for {value} when it was scored",
    null="no transfer",
    depends_on_as_of=True,
    model_input=False,  # it says when somebody looked as much as when the address stopped
    red_flags=("burst_then_dormancy",),
)
def days_silent(history: History) -> Evidence | None:
    """Time since the last transfer, at the moment of scoring."""
    if not len(history):
        return None
    return evidence((history.as_of - history.time[-1]) / DAY, [len(history) - 1])


def _first_with_each(history: History, rows: np.ndarray) -> np.ndarray:
    _, first = np.unique(history.counterparty[rows], return_index=True)
    return rows[first]


def _largest_share(history: History, rows: np.ndarray) -> Evidence | None:
    if not len(rows):
        return None
    at = rows[int(history.value[rows].argmax())]
    largest, total = int(history.value[at]), int(history.value[rows].sum())
    return evidence(largest / total, rows, [at], numerator=largest, denominator=total)


def _variation(history: History, rows: np.ndarray) -> Evidence | None:
    if len(rows) < 2:
        return None
    values = [int(v) for v in history.value[rows]]
    n, total, squares = len(values), sum(values), sum(v * v for v in values)
    sd_times_n = max(0, n * squares - total * total) ** 0.5
    telling = history.largest_first(rows)
    return evidence(sd_times_n / total, rows, telling, n=n, total=total, squares=squares)
