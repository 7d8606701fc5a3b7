"""OTC-like flows: trading by pairs and by habit, as unlicensed over-the-counter desks do.

A desk takes a sum in and pays nearly the same sum out, keeps a commission, and deals with the same
people again, in both directions (AUSTRAC 2025). Its large tickets are cleared in minutes
(Chainalysis 2026). A collector of scam proceeds is the opposite: payers come once and never
return. So the same measures tell both from ordinary trade, and only one of them needs dollars.

Worked example: 1,000 come in and 990 leave to someone else an hour later; then 500 and 495; then
200 and 198. All payments pair with a receipt (`paired_share` 1), within a desk's spread, at a
commission of 1 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from features.clearing import LEAST_PAIRED, LOOK_BACK, clearing, pairs_of
from features.compilation import kernel
from features.counterparties import numbering, renumber
from features.evidence import Evidence, evidence
from features.history import DAY, HOUR, MICROSECONDS, STABLECOIN, Columns, History
from features.numeric import longest_history, median_in_place, sort_few
from features.signal import Family
from features.working import carved, carved_rows

LARGEST_SPREAD_RATIO = 0.999
"""Paid ÷ received up to which a commission, not a network fee, explains the rest of a pair."""

LARGE = 10_000
"""Dollars above which a receipt counts as large."""

FEWEST_PAIRS = 3
"""Pairs from which what is kept of them is called typical; a single pair may be a refund."""

REGULAR = 3
"""Transfers from which a counterparty is a regular one."""


@kernel
def otc_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; working arrays are made once and shared by all histories."""
    longest = longest_history(columns.offsets, first, last)
    table, seen, code, room = numbering(columns.room, longest)
    spread, room = carved(room, longest, np.float64)
    work, _ = carved_rows(room, 4, longest)
    hours = np.empty(24, np.int64)
    for i in range(first, last):
        a, b = columns.offsets[i], columns.offsets[i + 1]
        time, value, incoming = columns.time[a:b], columns.value[a:b], columns.incoming[a:b]
        two_sided, asset = columns.two_sided[a:b], columns.asset[a:b]
        group, kind = columns.asset_group[asset], columns.asset_kind[asset]
        row = out[i]
        row[:] = np.nan
        _fill_pairs(time, value, incoming, two_sided, group, kind, work, spread, row)
        large = LARGE * np.int64(columns.scale[i])
        _fill_clearing(time, value, incoming, two_sided, large, work, row)
        count = renumber(columns.counterparty[a:b], table, seen, code)
        _fill_counterparties(value, incoming, two_sided, code[: b - a], work[:, :count], row)
        if b > a:
            row[9] = _hours_entropy(time, hours)


@kernel
def _fill_pairs(
    time: np.ndarray,
    value: np.ndarray,
    incoming: np.ndarray,
    two_sided: np.ndarray,
    group: np.ndarray,
    kind: np.ndarray,
    work: np.ndarray,
    spread: np.ndarray,
    row: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    receipts, paired = work[0], work[1]
    n_in, n_out, pairs, low = 0, 0, 0, 0
    for j in range(len(time)):
        if not two_sided[j]:
            continue
        if incoming[j]:
            receipts[n_in], paired[n_in] = j, 0
            n_in += 1
            continue
        n_out += 1
        for k in range(n_in - 1, max(-1, n_in - 1 - LOOK_BACK), -1):
            r = receipts[k]
            if time[j] - time[r] > DAY:
                break
            same = group[r] == group[j] or (kind[r] & kind[j] & STABLECOIN) != 0
            ratio = value[j] / value[r]
            if same and not paired[k] and LEAST_PAIRED <= ratio <= 1:
                paired[k] = 1
                spread[pairs] = 1 - ratio
                low += ratio <= LARGEST_SPREAD_RATIO
                pairs += 1
                break
    row[10] = pairs
    if n_out > 0:
        row[0] = pairs / n_out
    if pairs >= FEWEST_PAIRS:
        row[1], row[2] = low / pairs, median_in_place(spread[:pairs])


@kernel
def _fill_clearing(
    time: np.ndarray,
    value: np.ndarray,
    incoming: np.ndarray,
    two_sided: np.ndarray,
    large: int,
    work: np.ndarray,
    row: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Fill the times until as much was paid on as the largest, or each large, receipt."""
    n, total, largest, cleared = len(time), 0, -1, 0
    paid, waits = work[0, :n], work[1]
    for j in range(n):
        if two_sided[j] and not incoming[j]:
            total += value[j]
        elif two_sided[j] and (largest < 0 or value[j] > value[largest]):
            largest = j
        paid[j] = total
    for j in range(n):
        if not two_sided[j] or not incoming[j] or (value[j] <= large and j != largest):
            continue
        at = np.searchsorted(paid, paid[j] + value[j])
        if at == n:
            continue
        if j == largest:
            row[3] = (time[at] - time[j]) / MICROSECONDS
        if value[j] > large:
            waits[cleared] = time[at] - time[j]
            cleared += 1
    row[11] = cleared
    if cleared > 0:
        row[4] = median_in_place(waits[:cleared]) / MICROSECONDS


@kernel
def _fill_counterparties(
    value: np.ndarray,
    incoming: np.ndarray,
    two_sided: np.ndarray,
    code: np.ndarray,
    work: np.ndarray,
    row: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Fill what is counted per counterparty; `work` has a column for each."""
    n_all, n_in, n_out, exchanged = work[0], work[1], work[2], work[3]
    work[:4] = 0
    for j in range(len(code)):
        c = code[j]
        n_all[c] += 1
        if two_sided[j]:
            n_in[c] += incoming[j]
            n_out[c] += not incoming[j]
            exchanged[c] += value[j]
    total, mutual, regular, receipts, payments = 0, 0, 0, 0, 0
    for c in range(work.shape[1]):
        regular += n_all[c] if n_all[c] >= REGULAR else 0
        total += exchanged[c]
        mutual += exchanged[c] if n_in[c] > 0 and n_out[c] > 0 else 0
        receipts += n_in[c]
        payments += n_out[c]
    if total > 0:
        row[5] = mutual / total
    if len(code) > 0:
        row[6], row[7] = len(code) / work.shape[1], regular / len(code)
    if payments > 0:
        row[8] = receipts / payments


@kernel
def _hours_entropy(time: np.ndarray, hours: np.ndarray) -> float:  # pragma: no cover (compiled)
    hours[:] = 0
    for moment in time:
        hours[moment % DAY // HOUR] += 1
    sort_few(hours)  # so that a shift by whole hours adds the same terms in the same order
    entropy = 0.0
    for count in hours:
        if count > 0:
            entropy -= count / len(time) * np.log2(count / len(time))
    return max(0.0, entropy)


FAMILY = Family(
    "otc",
    otc_kernel,
    cost="n log n (ten receipts back for each payment, a search for each large receipt)",
)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="outgoing transfers of 0.97 to 1 times one of the last 10 incoming ones (within 24 "
    "hours, same coin or both stablecoins, each used once) ÷ outgoing transfers",
    says="made {value} of its payments ({counts}) by passing on, nearly whole, one "
    "receipt of the last 24 hours",
    null="nothing went out",
    window=timedelta(hours=24),
    bounds=(0, 1),
    red_flags=("otc_like_flows", "rapid_pass_through"),
    fewest={"transfers_out": 5},
)
def paired_share(history: History) -> Evidence | None:
    """Share of its payments that pass on one receipt of the last 24 hours, nearly whole."""
    paid = np.flatnonzero(~history.incoming & history.two_sided)
    pairs = pairs_of(history)
    legs = np.array(pairs, dtype=np.int64).reshape(-1)
    rows = np.union1d(paid, legs)
    return _share(rows, legs, len(pairs), len(paid))


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="pairs (see paired_share) with paid ÷ received from 0.97 to 0.999 ÷ pairs",
    says="kept a part of 0.1 % to 3 % from {value} of the receipts that it passed on one by one "
    "({counts})",
    null="fewer than three payments pair with a receipt",
    window=timedelta(hours=24),
    bounds=(0, 1),
    red_flags=("otc_like_flows",),
    fewest={"paired_payments": 5},
)
def low_spread_share(history: History) -> Evidence | None:
    """Share of receipts passed on one by one of which it kept a commission (0.1 % to 3 %)."""
    pairs = pairs_of(history)
    if len(pairs) < FEWEST_PAIRS:
        return None
    low = [p for p in pairs if history.value[p[1]] / history.value[p[0]] <= LARGEST_SPREAD_RATIO]
    rows, telling = (np.array(p, dtype=np.int64).reshape(-1) for p in (pairs, low))
    return _share(rows, telling, len(low), len(pairs))


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="median of 1 - paid ÷ received over pairs (see paired_share)",
    says="typically kept {value} of a receipt that it passed on (median of {count:receipts})",
    null="fewer than three payments pair with a receipt",
    window=timedelta(hours=24),
    bounds=(0, 1),
    red_flags=("otc_like_flows",),
    fewest={"paired_payments": 5},
)
def implied_commission(history: History) -> Evidence | None:
    """Typical (median) part it kept of receipts passed on one by one."""
    pairs = pairs_of(history)
    if len(pairs) < FEWEST_PAIRS:
        return None
    kept = sorted(1 - float(history.value[paid] / history.value[got]) for got, paid in pairs)
    middle = kept[(len(kept) - 1) // 2 : len(kept) // 2 + 1]
    rows = np.array(pairs, dtype=np.int64).reshape(-1)
    return evidence(sum(middle) / len(middle), rows, middle=middle, count=len(pairs))


@FAMILY.signal(
    unit="seconds",
    needs="both",
    evidence="distribution",
    formula="time from the largest incoming transfer until the payments after it reach its value",
    says="took {value} to pay out as much as its largest receipt",
    says_low="paid out as much as its largest receipt within {value}",
    null="nothing came in, or less than the largest receipt was paid out after it",
    red_flags=("rapid_pass_through",),
    flags_when_low=("rapid_pass_through",),
)
def largest_clearing_time(history: History) -> Evidence | None:
    """Time until it had paid out as much as its largest receipt."""
    rows = np.flatnonzero(history.incoming & history.two_sided)
    largest = rows[[history.value[rows].argmax()]] if len(rows) else rows
    return clearing(history, largest)


@FAMILY.signal(
    unit="seconds",
    needs="both",
    evidence="distribution",
    formula="median over incoming transfers above $10,000 of the time until the payments after "
    "it reach its value",
    says="typically took {value} to pay out as much as a receipt above $10,000 (median of "
    "{count:receipts})",
    says_low="typically paid out as much as a receipt above $10,000 within {value} (median of "
    "{count:receipts})",
    null="no receipt above $10,000, or none followed by as much in payments",
    dollars=True,
    red_flags=("rapid_pass_through",),
    flags_when_low=("rapid_pass_through",),
    fewest={"large_receipts_cleared": 5},
)
def large_clearing_time(history: History) -> Evidence | None:
    """Typical (median) time until it had paid out as much as a receipt above $10,000."""
    return clearing(history, _large(history))


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="value exchanged with counterparties that both paid it and were paid by it ÷ value "
    "received and sent",
    says="exchanged {value} of its value with counterparties that both paid it and were paid by it",
    null="no transfer of a kind seen in both directions",
    bounds=(0, 1),
    red_flags=("otc_like_flows",),
)
def reciprocal_value_share(history: History) -> Evidence | None:
    """Share of its value exchanged with counterparties that both paid it and were paid by it."""
    rows = np.flatnonzero(history.two_sided)
    others, into = history.counterparty[rows], history.incoming[rows]
    mutual = rows[np.isin(others, np.intersect1d(others[into], others[~into]))]
    part, total = int(history.value[mutual].sum()), int(history.value[rows].sum())
    return _share(rows, mutual, part, total)


@FAMILY.signal(
    unit="ratio",
    needs="any",
    evidence="distribution",
    formula="transfers ÷ distinct counterparties",
    says="had {numerator:transfers} with {denominator:counterparties}",
    null="no transfer",
    bounds=(1, float("inf")),
    red_flags=("otc_like_flows",),
    fewest={"n_transfers": 10},
)
def transfers_per_counterparty(history: History) -> Evidence | None:
    """Mean number of transfers with each counterparty."""
    met = Counter(history.counterparty.tolist())
    return _share(np.arange(len(history)), [], len(history), len(met))


@FAMILY.signal(
    unit="share",
    needs="any",
    evidence="distribution",
    formula="transfers with counterparties met in 3 transfers or more ÷ transfers",
    says="had {value} of its transfers ({counts}) with counterparties it dealt with three "
    "times or more",
    null="no transfer",
    bounds=(0, 1),
    red_flags=("otc_like_flows",),
    fewest={"n_transfers": 10},
)
def regulars_share(history: History) -> Evidence | None:
    """Share of its transfers with counterparties it dealt with at least three times."""
    met = Counter(history.counterparty.tolist())
    regular = [j for j, c in enumerate(history.counterparty.tolist()) if met[c] >= REGULAR]
    return _share(np.arange(len(history)), regular, len(regular), len(history))


@FAMILY.signal(
    unit="ratio",
    needs="both",
    evidence="distribution",
    formula="incoming transfers ÷ outgoing transfers",
    says="received {numerator:transfers} and sent {denominator:transfers}",
    null="nothing went out",
    fewest={"n_transfers": 10},
)
def receipts_per_payment(history: History) -> Evidence | None:
    """How many transfers came in for each that went out: high gathers, low spreads."""
    rows = np.flatnonzero(history.two_sided)
    n_in = int(history.incoming[rows].sum())
    return _share(rows, [], n_in, len(rows) - n_in)


@FAMILY.signal(
    unit="bits",
    needs="any",
    evidence="distribution",
    formula="Shannon entropy of the transfers over the 24 hours of the day",
    says="spread its transfers over the hours of the day by {value} (0 is one hour, 4.58 all "
    "hours equally)",
    null="no transfer",
    bounds=(0, 4.585),
    red_flags=("otc_like_flows",),
    model_input=False,
    fewest={"n_transfers": 20},
    flags_when_low=("otc_like_flows",),
)
def activity_hours_entropy(history: History) -> Evidence | None:
    """How evenly its transfers are spread over the hours of the day: people sleep, programs do not.

    Which hours they are plays no part: a shift by whole hours changes nothing.
    """
    if not len(history):
        return None
    counts = sorted(Counter((history.time % DAY // HOUR).tolist()).values())
    shares = [count / len(history) for count in counts]
    value = max(0.0, -sum(share * math.log2(share) for share in shares))
    return evidence(value, np.arange(len(history)), weights=counts)


@FAMILY.signal(
    unit="transfers",
    needs="both",
    evidence="members",
    formula="number of pairs (see paired_share)",
    says="made {value} that passed on, nearly whole, one receipt of the last 24 hours",
    window=timedelta(hours=24),
    model_input=False,  # it says how much a commission rests on
)
def paired_payments(history: History) -> Evidence:
    """Number of payments that pass on one receipt: what a commission is counted from."""
    pairs = pairs_of(history)
    return evidence(len(pairs), np.array(pairs, dtype=np.int64).reshape(-1))


@FAMILY.signal(
    unit="transfers",
    needs="both",
    evidence="distribution",
    formula="number of incoming transfers above $10,000 whose value the payments after it reach",
    says="paid out as much after {value} of more than $10,000 that came in",
    dollars=True,
    model_input=False,  # it says how much large_clearing_time rests on
)
def large_receipts_cleared(history: History) -> Evidence:
    """Number of receipts above $10,000 after which it paid out as much."""
    found = clearing(history, _large(history))
    if found is None:
        return evidence(0, [], numerator=0, denominator=1)
    cleared = int(found.statistics["count"])  # type: ignore[arg-type]
    return evidence(cleared, found.rows, found.telling, numerator=cleared, denominator=1)


def _large(history: History) -> np.ndarray:
    rows = np.flatnonzero(history.incoming & history.two_sided)
    return rows[history.value[rows] > LARGE * int(history.scale)]


def _share(
    rows: np.ndarray, telling: Sequence[int] | np.ndarray, part: int, whole: int
) -> Evidence | None:
    if not whole:
        return None
    return evidence(part / whole, rows, telling, numerator=part, denominator=whole)
