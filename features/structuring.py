"""Structuring: how the amounts going out are shaped, against those coming in.

Money that must not be noticed is cut to size: just below a threshold (FATF 2020), into many small
payments before cash-out (the "Black U" desks of Chainalysis 2026), or into the same sum again and
again. Desks that consolidate do the reverse and pay out in round sums. Dollars are needed for
thresholds and round sums; sizes relative to the typical receipt, and amounts that recur to the last
unit, tell as much without a price. What recurs is the value: of a coin whose price moves, equal
amounts at different prices do not.

Worked example: $10,000 came in and left as nine payments of $950 and one of $1,450. Nine of ten
lie in the tenth below $1,000 (`sub_threshold_share` 0.9), recur exactly, and are under a tenth of
the typical receipt.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from features.compilation import kernel
from features.counterparties import numbering, renumber
from features.evidence import Evidence, evidence
from features.history import DAY, STABLECOIN, Columns, History
from features.numeric import (
    largest_window,
    longest_history,
    median_in_place,
    middle_of,
    window_of_largest,
)
from features.signal import Family
from features.working import carved_rows

THRESHOLDS = (1_000, 3_000, 10_000)
"""Reporting thresholds in dollars that amounts are kept below (travel rules and cash reports)."""

FEWEST = 3
"""Payments from which a share of round or near-threshold sums says something of habit."""

SMALL = 100
"""Dollars below which a transfer counts as small."""


@kernel
def structuring_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; working arrays are made once and shared by all histories."""
    longest = longest_history(columns.offsets, first, last)
    table, seen, code, room = numbering(columns.room, longest)
    work, _ = carved_rows(room, 2, longest)
    for i in range(first, last):
        a, b = columns.offsets[i], columns.offsets[i + 1]
        value, incoming, asset = columns.value[a:b], columns.incoming[a:b], columns.asset[a:b]
        row = out[i]
        row[:] = np.nan
        dollar = np.int64(columns.scale[i])
        n_out, n_below, stable, tens, hundreds, thousands = 0, 0, 0, 0, 0, 0
        for j in range(b - a):
            if incoming[j]:
                continue
            n_out += 1
            if _below_threshold(value[j], dollar):
                work[0, n_below], work[1, n_below] = columns.time[a + j], 1
                n_below += 1
            if columns.asset_kind[asset[j]] & STABLECOIN:
                stable += 1
                tens += value[j] % (10 * dollar) == 0
                hundreds += value[j] % (100 * dollar) == 0
                thousands += value[j] % (1_000 * dollar) == 0
        if stable >= FEWEST:
            row[0], row[1], row[2] = tens / stable, hundreds / stable, thousands / stable
        if n_out >= FEWEST:
            row[3] = n_below / n_out
        row[4] = largest_window(work[0, :n_below], work[1, :n_below], DAY)
        _fill_tickets(value, incoming, columns.two_sided[a:b], SMALL * dollar, work, row)
        group = columns.asset_group[asset]
        row[11] = stable
        n_in = b - a - n_out
        if n_in > 0:
            row[9] = _repeated(value, incoming, group, True, table, seen, code, work) / n_in
        if n_out > 0:
            row[10] = _repeated(value, incoming, group, False, table, seen, code, work) / n_out


@kernel
def _below_threshold(value: int, dollar: int) -> bool:  # pragma: no cover (compiled)
    for threshold in THRESHOLDS:
        if threshold * 9 // 10 * dollar <= value < threshold * dollar:
            return True
    return False


@kernel
def _fill_tickets(
    value: np.ndarray,
    incoming: np.ndarray,
    two_sided: np.ndarray,
    small: int,
    work: np.ndarray,
    row: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    n_in, n_out, small_in, small_out = 0, 0, 0, 0
    for j in range(len(value)):
        if two_sided[j] and incoming[j]:
            work[0, n_in] = value[j]
            n_in += 1
            small_in += value[j] < small
        elif two_sided[j]:
            work[1, n_out] = value[j]
            n_out += 1
            small_out += value[j] < small
    if n_in == 0 or n_out == 0:
        return
    row[5] = small_out / n_out - small_in / n_in
    typical = median_in_place(work[0, :n_in])
    row[6] = median_in_place(work[1, :n_out]) / typical
    tenths, tenfolds = 0, 0
    for k in range(n_out):
        tenths += work[1, k] * 10.0 < typical
        tenfolds += work[1, k] > typical * 10.0
    row[7], row[8] = tenths / n_out, tenfolds / n_out


@kernel
def _repeated(
    value: np.ndarray,
    incoming: np.ndarray,
    group: np.ndarray,
    direction: bool,
    table: np.ndarray,
    seen: np.ndarray,
    code: np.ndarray,
    work: np.ndarray,
) -> int:  # pragma: no cover (compiled)
    """Count transfers of one direction whose amount, in the same coin, occurs more than once."""
    n = 0
    for j in range(len(value)):
        if incoming[j] == direction:
            work[0, n], work[1, n] = value[j], group[j]
            n += 1
    renumber(work[0, :n], table, seen, code)
    for k in range(n):  # amount and coin as one number: both are counted from 0, below 2^31
        work[0, k] = code[k] * 2**31 + work[1, k]
    kinds = renumber(work[0, :n], table, seen, code)
    seen[:kinds] = 0
    for k in range(n):
        seen[code[k]] += 1
    repeated = 0
    for c in range(kinds):
        repeated += seen[c] if seen[c] > 1 else 0
    return repeated


FAMILY = Family(
    "structuring",
    structuring_kernel,
    cost="linear (hash tables of amounts, medians by selection, one window slides once)",
)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="outgoing stablecoin transfers of a whole multiple of $10 ÷ "
    "outgoing stablecoin transfers",
    says="made {value} of its stablecoin payments ({counts}) in whole multiples of $10",
    null="fewer than three stablecoin payments",
    bounds=(0, 1),
    dollars=True,
    red_flags=("otc_like_flows",),
    fewest={"stablecoin_payments": 5},
)
def round_10_share(history: History) -> Evidence | None:
    """Share of its stablecoin payments that are whole multiples of $10."""
    return _round_share(history, 10)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="outgoing stablecoin transfers of a whole multiple of $100 ÷ "
    "outgoing stablecoin transfers",
    says="made {value} of its stablecoin payments ({counts}) in whole multiples of $100",
    null="fewer than three stablecoin payments",
    bounds=(0, 1),
    dollars=True,
    red_flags=("otc_like_flows",),
    fewest={"stablecoin_payments": 5},
)
def round_100_share(history: History) -> Evidence | None:
    """Share of its stablecoin payments that are whole multiples of $100."""
    return _round_share(history, 100)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="outgoing stablecoin transfers of a whole multiple of $1,000 ÷ "
    "outgoing stablecoin transfers",
    says="made {value} of its stablecoin payments ({counts}) in whole multiples of $1,000",
    null="fewer than three stablecoin payments",
    bounds=(0, 1),
    dollars=True,
    red_flags=("otc_like_flows",),
    fewest={"stablecoin_payments": 5},
)
def round_1000_share(history: History) -> Evidence | None:
    """Share of its stablecoin payments that are whole multiples of $1,000."""
    return _round_share(history, 1_000)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="outgoing transfers in [0.9 T, T) for T of $1,000, $3,000 or $10,000 ÷ "
    "outgoing transfers",
    says="made {value} of its payments ({counts}) in the tenth below $1,000, $3,000 or $10,000",
    null="fewer than three payments",
    bounds=(0, 1),
    dollars=True,
    red_flags=("sub_threshold_structuring",),
    fewest={"transfers_out": 10},
)
def sub_threshold_share(history: History) -> Evidence | None:
    """Share of its payments in the tenth below $1,000, $3,000 or $10,000."""
    rows = history.outflows
    return _part(rows, _below(history, rows)) if len(rows) >= FEWEST else None


@FAMILY.signal(
    unit="transfers",
    needs="out",
    evidence="extremal",
    formula="greatest number of outgoing transfers in [0.9 T, T) for T of $1,000, $3,000 or "
    "$10,000 within any 24 hours",
    says="made {value} in the tenth below $1,000, $3,000 or $10,000 within 24 hours",
    says_low="made at most {value} in the tenth below $1,000, $3,000 or $10,000 within any 24 "
    "hours",
    window=timedelta(hours=24),
    dollars=True,
)
def sub_threshold_24h(history: History) -> Evidence:
    """Number of payments just below a threshold in the 24 hours that hold most of them."""
    rows = _below(history, history.outflows)
    start, end, most = window_of_largest(history.time[rows], np.ones(len(rows), np.int64), DAY)
    return evidence(most, rows[start:end])


@FAMILY.signal(
    unit="score",
    needs="both",
    evidence="distribution",
    formula="share of outgoing transfers below $100 - share of incoming transfers below $100",
    says="made {paid:share} of its payments, and got {received:share} of its receipts, in "
    "amounts below $100",
    null="nothing came in, or nothing went out",
    bounds=(-1, 1),
    dollars=True,
    red_flags=("fragmentation_before_cash_out",),
    fewest={"transfers_in": 5, "transfers_out": 5},
)
def fragmentation(history: History) -> Evidence | None:
    """How much more often its payments are small (below $100) than its receipts."""
    rows_in, rows_out = _two_sided(history)
    if not len(rows_in) or not len(rows_out):
        return None
    small_in = rows_in[history.value[rows_in] < SMALL * int(history.scale)]
    small_out = rows_out[history.value[rows_out] < SMALL * int(history.scale)]
    more = len(small_out) * len(rows_in) - len(small_in) * len(rows_out)
    total = len(rows_in) * len(rows_out)
    rows = np.union1d(rows_in, rows_out)
    return evidence(
        more / total,
        rows,
        small_out,
        numerator=more,
        denominator=total,
        paid=len(small_out) / len(rows_out),
        received=len(small_in) / len(rows_in),
    )


@FAMILY.signal(
    unit="ratio",
    needs="both",
    evidence="distribution",
    formula="median outgoing value ÷ median incoming value",
    says="paid out typically {value} what it typically received at once (medians)",
    null="nothing came in, or nothing went out",
    red_flags=("fragmentation_before_cash_out", "small_to_large_consolidation"),
    flags_when_low=("fragmentation_before_cash_out",),
    fewest={"transfers_in": 5, "transfers_out": 5},
)
def ticket_ratio(history: History) -> Evidence | None:
    """Size of its typical (median) payment against its typical receipt."""
    rows_in, rows_out = _two_sided(history)
    if not len(rows_in) or not len(rows_out):
        return None
    paid, received = _median(history, rows_out), _median(history, rows_in)
    rows = np.union1d(rows_in, rows_out)
    return evidence(paid / received, rows, numerator=paid, denominator=received)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="outgoing transfers below a tenth of the median incoming value ÷ outgoing transfers",
    says="made {value} of its payments ({counts}) in amounts below a tenth of its typical receipt",
    null="nothing came in, or nothing went out",
    bounds=(0, 1),
    red_flags=("fragmentation_before_cash_out",),
    fewest={"transfers_in": 5, "transfers_out": 5},
)
def small_tickets_share(history: History) -> Evidence | None:
    """Share of its payments smaller than a tenth of its typical receipt."""
    rows_in, rows_out = _two_sided(history)
    if not len(rows_in):
        return None
    small = history.value[rows_out] * 10.0 < _median(history, rows_in)
    return _part(rows_out, rows_out[small], rows_in)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="outgoing transfers above ten times the median incoming value ÷ outgoing transfers",
    says="made {value} of its payments ({counts}) in amounts above ten times its typical receipt",
    null="nothing came in, or nothing went out",
    bounds=(0, 1),
    red_flags=("small_to_large_consolidation",),
    fewest={"transfers_in": 5, "transfers_out": 5},
)
def large_tickets_share(history: History) -> Evidence | None:
    """Share of its payments larger than ten typical receipts."""
    rows_in, rows_out = _two_sided(history)
    if not len(rows_in):
        return None
    large = history.value[rows_out] > _median(history, rows_in) * 10.0
    return _part(rows_out, rows_out[large], rows_in)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="incoming transfers whose value, of the same coin, came in more than once to the "
    "last unit (a coin without a fixed price: at its price of the moment) ÷ incoming "
    "transfers",
    says="received {value} of its transfers ({counts}) at a value that recurs exactly in the same "
    "coin (equal amounts of a coin whose price moved are different values)",
    null="nothing came in",
    bounds=(0, 1),
    fewest={"transfers_in": 5},
)
def repeated_in_share(history: History) -> Evidence | None:
    """Share of its receipts whose exact amount came in more than once."""
    return _part(history.inflows, _recurring(history, history.inflows))


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="outgoing transfers whose value, of the same coin, went out more than once to "
    "the last unit (a coin without a fixed price: at its price of the moment) ÷ "
    "outgoing transfers",
    says="sent {value} of its transfers ({counts}) at a value that recurs exactly in the same coin "
    "(equal amounts of a coin whose price moved are different values)",
    null="nothing went out",
    bounds=(0, 1),
    fewest={"transfers_out": 5},
)
def repeated_out_share(history: History) -> Evidence | None:
    """Share of its payments whose exact amount went out more than once."""
    return _part(history.outflows, _recurring(history, history.outflows))


@FAMILY.signal(
    unit="transfers",
    needs="out",
    evidence="members",
    formula="number of outgoing stablecoin transfers",
    says="made {value} in stablecoins",
    model_input=False,  # it says how much the shares of round sums rest on
)
def stablecoin_payments(history: History) -> Evidence:
    """Number of stablecoin payments: what the shares of round sums are counted from."""
    rows = _in_stablecoins(history)
    return evidence(len(rows), rows)


def _round_share(history: History, dollars: int) -> Evidence | None:
    rows = _in_stablecoins(history)
    part = rows[history.value[rows] % (dollars * int(history.scale)) == 0]
    return _part(rows, part) if len(rows) >= FEWEST else None


def _in_stablecoins(history: History) -> np.ndarray:
    rows = history.outflows
    return rows[(history.kind_of(rows) & STABLECOIN) != 0]


def _below(history: History, rows: np.ndarray) -> np.ndarray:
    dollars = history.value[rows] / history.scale
    return rows[np.any([(0.9 * t <= dollars) & (dollars < t) for t in THRESHOLDS], axis=0)]


def _two_sided(history: History) -> tuple[np.ndarray, np.ndarray]:
    into, out = history.incoming & history.two_sided, ~history.incoming & history.two_sided
    return np.flatnonzero(into), np.flatnonzero(out)


def _median(history: History, rows: np.ndarray) -> float:
    middle = middle_of(history.value[rows])
    return sum(middle) / len(middle)


def _recurring(history: History, rows: np.ndarray) -> np.ndarray:
    coins = history.asset_group[history.asset[rows]]
    amounts = np.stack([history.value[rows], coins], axis=1)
    _, kind, count = np.unique(amounts, axis=0, return_inverse=True, return_counts=True)
    return rows[count[kind.reshape(-1)] > 1]


def _part(rows: np.ndarray, part: np.ndarray, beside: np.ndarray | None = None) -> Evidence | None:
    """Return the share of `rows` that `part` is; `beside` are rows that the choice rests on."""
    if not len(rows):
        return None
    used = rows if beside is None else np.union1d(rows, beside)
    return evidence(len(part) / len(rows), used, part, numerator=len(part), denominator=len(rows))
