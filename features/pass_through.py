"""Pass-through: how soon, how completely and in which steps value that came in leaves again.

A mule forwards within minutes and keeps next to nothing; a collector lets value gather and empties
itself at once. FinCEN's alert on pig butchering tells of funds moved on immediately, but many real
wallets of that kind wait hours or days, so short and long windows stand side by side.

Outflows are matched to inflows first in, first out, over all assets together (`features.matching`).
Dollars match best; in the ``relative`` basis (each asset divided by its own median) several assets
match only roughly. Every signal looks only at kinds of transfer seen in both directions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np

from features.compilation import kernel
from features.counterparties import most_distinct, numbering, renumber, window_of_most_distinct
from features.evidence import Evidence, evidence
from features.history import DAY, HOUR, MICROSECONDS, MINUTE, Columns, History
from features.matching import (
    Piece,
    Pieces,
    balance_steps,
    balances,
    forwarded_shares,
    in_out_steps,
    largest_first,
    match,
    matched,
    middle_dwell,
    near_empty,
    near_empty_after,
    outflows_and_balance,
    returned,
    share_gone,
    value_returned,
)
from features.numeric import longest_history, middle_of
from features.signal import Family
from features.working import carved, carved_rows


@kernel
def pass_through_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; each history is matched once."""
    longest = longest_history(columns.offsets, first, last)
    table, order, codes, room = numbering(columns.room, longest)
    into, room = carved(room, longest, np.bool_)
    work, _ = carved_rows(room, 9, longest)
    moments, values, parties, lefts, balance = work[0], work[1], work[2], work[3], work[4]
    cells, pieces = work[5], Pieces(work[6], work[7], work[8])
    for i in range(first, last):
        row = out[i]
        row[:] = np.nan
        n = 0
        for j in range(columns.offsets[i], columns.offsets[i + 1]):
            if columns.two_sided[j]:
                moments[n], values[n] = columns.time[j], columns.value[j]
                into[n], parties[n] = columns.incoming[j], columns.counterparty[j]
                n += 1
        time, value, incoming = moments[:n], values[:n], into[:n]
        code, left, held = codes[:n], lefts[:n], balance[:n]
        k = renumber(parties[:n], table, order, code)
        count = match(value, incoming, left, held, pieces)
        came, went, kept = 0, 0, 0
        for j in range(n):
            kept += left[j]
            if incoming[j]:
                came += value[j]
            else:
                went += value[j]
        if came > 0:
            row[0], row[1], row[2], row[3] = forwarded_shares(time, pieces, count, came)
            row[6], row[7] = kept / came, held.max() / came
            row[8], row[9] = near_empty(time, incoming, held)
            most, start = most_distinct(time, code, incoming, True, 30 * DAY, cells[:k])
            row[15] = most * share_gone(time, value, incoming, pieces, count, start)
        if count > 0:
            row[4] = middle_dwell(time, pieces, count) / MICROSECONDS
        row[5], row[11], row[12] = in_out_steps(time, value, incoming, order)
        if went > 0:
            row[10], row[14] = balance_steps(value, incoming, code, held, cells[:k])
            back = value_returned(time, value, incoming, code, 7 * DAY, left, order, cells[:k])
            row[13] = back / went


FAMILY = Family(
    "pass_through",
    pass_through_kernel,
    cost="linear (outflows are matched to inflows in one pass, the median dwell by selection)",
)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="value matched to outflows less than 10 minutes later ÷ value received",
    says="forwarded {value} of what it received within 10 minutes of its arrival",
    null="nothing came in",
    window=timedelta(minutes=10),
    bounds=(0, 1),
    red_flags=("rapid_pass_through",),
)
def forwarded_10min_share(history: History) -> Evidence | None:
    """Share of the value received that left again within 10 minutes."""
    return _forwarded(history, 10 * MINUTE)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="value matched to outflows less than an hour later ÷ value received",
    says="forwarded {value} of what it received within an hour of its arrival",
    null="nothing came in",
    window=timedelta(hours=1),
    bounds=(0, 1),
    red_flags=("rapid_pass_through",),
)
def forwarded_1h_share(history: History) -> Evidence | None:
    """Share of the value received that left again within an hour."""
    return _forwarded(history, HOUR)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="value matched to outflows less than 24 hours later ÷ value received",
    says="forwarded {value} of what it received within 24 hours of its arrival",
    null="nothing came in",
    window=timedelta(hours=24),
    bounds=(0, 1),
    red_flags=("rapid_pass_through",),
)
def forwarded_24h_share(history: History) -> Evidence | None:
    """Share of the value received that left again within 24 hours."""
    return _forwarded(history, DAY)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="value matched to outflows less than 7 days later ÷ value received",
    says="forwarded {value} of what it received within 7 days of its arrival",
    null="nothing came in",
    window=timedelta(days=7),
    bounds=(0, 1),
)
def forwarded_7d_share(history: History) -> Evidence | None:
    """Share of the value received that left again within 7 days."""
    return _forwarded(history, 7 * DAY)


@FAMILY.signal(
    unit="seconds",
    needs="both",
    evidence="distribution",
    formula="least dwell that half of the matched value does not exceed",
    says="kept half of all the value that it ever forwarded for {value} or longer",
    says_low="kept half of all the value that it ever forwarded for {value} or less",
    null="nothing that came in left again",
    red_flags=("rapid_pass_through",),
    flags_when_low=("rapid_pass_through",),
)
def dwell_of_value(history: History) -> Evidence | None:
    """How long it held the value that it forwarded (median by value)."""
    flows, positions = history.two_sided_part()
    dwells = sorted((_dwell(flows, piece), piece) for piece in matched(flows))
    total = sum(piece.value for _, piece in dwells)
    below = 0
    for dwell, piece in dwells:
        below += piece.value
        if 2 * below >= total:
            telling = positions[largest_first([piece])]
            return evidence(dwell / MICROSECONDS, positions, telling, middle=dwell / MICROSECONDS)
    return None


@FAMILY.signal(
    unit="seconds",
    needs="both",
    evidence="distribution",
    formula="median time from an inflow to the next outflow",
    says="typically made its next payment {value} after a receipt (median of {count:receipts})",
    null="no inflow was followed by an outflow",
    red_flags=("rapid_pass_through",),
    flags_when_low=("rapid_pass_through",),
    fewest={"transfers_in": 5},
)
def wait_to_next_outflow(history: History) -> Evidence | None:
    """Typical (median) time from a receipt to its next outgoing transfer."""
    flows, positions = history.two_sided_part()
    after = np.searchsorted(flows.outflows, flows.inflows)
    answered = flows.inflows[after < len(flows.outflows)]
    if not len(answered):
        return None
    answers = flows.outflows[after[: len(answered)]]
    waits = flows.time[answers] - flows.time[answered]
    middle = [wait / MICROSECONDS for wait in middle_of(waits)]
    rows = positions[np.concatenate([answered, answers])]
    return evidence(sum(middle) / len(middle), rows, middle=middle, count=len(waits))


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="value matched to no outflow ÷ value received",
    says="had {value} of what it received left after its last transfer",
    null="nothing came in",
    bounds=(0, 1),
)
def retained_share(history: History) -> Evidence | None:
    """Share of the value received that had not left again by the end."""
    flows, positions = history.two_sided_part()
    received = _total(flows, flows.inflows)
    pieces = matched(flows)
    gone = sum(piece.value for piece in pieces)
    # Little left is told by what left, much left by what came in last.
    telling = largest_first(pieces) if 2 * gone > received else flows.inflows[::-1]
    return _share(positions, received - gone, received, telling)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="greatest balance ÷ value received",
    says="held {value} of all it ever received at one moment",
    says_low="held at most {value} of all it received at any one moment",
    null="nothing came in",
    bounds=(0, 1),
    fewest={"transfers_in": 5},
)
def peak_balance_share(history: History) -> Evidence | None:
    """Most value held at one moment, as a share of all it received."""
    flows, positions = history.two_sided_part()
    held = balances(flows)
    peak = max(held, default=0)
    telling = [held.index(peak)] if peak else []
    return _share(positions, peak, _total(flows, flows.inflows), telling)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="time with a balance below 2 % of its peak ÷ time from the first inflow to the end",
    says="held less than 2 % of its highest balance for {value} of the time",
    null="nothing came in, or nothing followed the first inflow in time",
    bounds=(0, 1),
)
def near_empty_share(history: History) -> Evidence | None:
    """Share of its time in use during which it held next to nothing."""
    flows, positions = history.two_sided_part()
    if not len(flows.inflows):
        return None
    first, near = int(flows.inflows[0]), near_empty_after(flows)
    empty = [row for row in range(first, len(flows) - 1) if near[row]]
    time = sum(int(flows.time[row + 1] - flows.time[row]) for row in empty)
    longest = sorted(empty, key=lambda row: int(flows.time[row] - flows.time[row + 1]))
    telling = [row for start in longest for row in (start, start + 1)]
    whole = int(flows.time[-1] - flows.time[first])
    return _share(positions, time, whole, dict.fromkeys(telling))


@FAMILY.signal(
    unit="transfers",
    needs="both",
    evidence="distribution",
    formula="outflows that bring the balance from at least 2 % of its peak to below",
    says="made {value} that left it with less than 2 % of its highest balance",
    null="nothing came in",
)
def full_drains(history: History) -> Evidence | None:
    """Number of outgoing transfers that all but emptied it."""
    flows, positions = history.two_sided_part()
    if not len(flows.inflows):
        return None
    near = near_empty_after(flows)
    drains = [row for row in flows.outflows if row and near[row] and not near[row - 1]]
    drains.sort(key=lambda row: -int(flows.value[row]))
    return _share(positions, len(drains), 1, drains)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="outflows of at least 98 % of the balance ÷ outflows",
    says="sent 98 % or more of what it held at that moment with {value} of its payments ({counts})",
    null="nothing went out",
    bounds=(0, 1),
    fewest={"transfers_out": 5},
)
def sweep_share(history: History) -> Evidence | None:
    """Share of its outgoing transfers that took all, or nearly all, of what it held."""
    flows, positions = history.two_sided_part()
    sweeps = [row for row, share in outflows_and_balance(flows) if share[0] * 50 >= share[1] * 49]
    return _share(positions, len(sweeps), len(flows.outflows), sweeps)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="outflows of 95 to 100 % of the inflow just before, or of all inflows since the last "
    "outflow ÷ outflows",
    says="passed on 95 to 100 % of what had just come in with {value} of its payments ({counts})",
    null="nothing went out",
    bounds=(0, 1),
    red_flags=("otc_like_flows",),
    fewest={"transfers_out": 5},
)
def one_in_one_out_share(history: History) -> Evidence | None:
    """Share of its outgoing transfers that repeat what just came in, less at most 5 %."""
    flows, positions = history.two_sided_part()
    echoes, since = [], []
    for row in range(len(flows)):
        amount = int(flows.value[row])
        if flows.incoming[row]:
            since.append(amount)
            continue
        sums = (since[-1], sum(since)) if since else ()
        if any(95 * into <= 100 * amount <= 100 * into for into in sums):
            echoes.append(row)
        since = []
    return _share(positions, len(echoes), len(flows.outflows), echoes)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="inflows whose next transfer is an outflow ÷ inflows",
    says="followed {value} of its receipts ({counts}) with a payment before the next receipt",
    null="nothing came in",
    bounds=(0, 1),
    fewest={"transfers_in": 5},
)
def answered_inflow_share(history: History) -> Evidence | None:
    """Share of its receipts that a payment follows before the next receipt."""
    flows, positions = history.two_sided_part()
    answered = np.flatnonzero(flows.incoming[:-1] & ~flows.incoming[1:])
    return _share(positions, len(answered), len(flows.inflows), answered)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="value sent to an address within 7 days of receiving it from there ÷ value sent",
    says="sent {value} of its outgoing value back, within 7 days, to the address it had come from",
    null="nothing went out",
    window=timedelta(days=7),
    bounds=(0, 1),
    red_flags=("u_turn",),
)
def returned_to_sender_share(history: History) -> Evidence | None:
    """Share of the value sent that went back to its own sender within 7 days."""
    flows, positions = history.two_sided_part()
    back = returned(flows, 7 * DAY)
    value = sum(piece.value for piece in back)
    return _share(positions, value, _total(flows, flows.outflows), largest_first(back))


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="outflows of 80 to 98 % of the balance to an address not paid before ÷ outflows",
    says="moved 80 to 98 % of its balance to an address it had not paid before with "
    "{value} of its payments ({counts})",
    null="nothing went out",
    bounds=(0, 1),
    red_flags=("peel_chain",),
    fewest={"transfers_out": 5},
)
def peel_share(history: History) -> Evidence | None:
    """Share of its outgoing transfers that moved 80 to 98 % of its balance to a new address."""
    flows, positions = history.two_sided_part()
    _, index = np.unique(flows.counterparty[flows.outflows], return_index=True)
    first_payments = set(flows.outflows[index].tolist())
    peels = [
        row
        for row, (amount, held) in outflows_and_balance(flows)
        if row in first_payments and 4 * held <= 5 * amount and 50 * amount < 49 * held
    ]
    return _share(positions, len(peels), len(flows.outflows), peels)


@FAMILY.signal(
    unit="addresses",
    needs="both",
    evidence="distribution",
    formula="senders in the busiest 30 days × share of their value matched to outflows less than "
    "72 hours later",
    says="was paid by {count:addresses} in its busiest 30 days, and {gone:share} of what "
    "they paid left again within 72 hours",
    null="nothing came in",
    window=timedelta(days=30),
    red_flags=("many_unrelated_senders",),
    fewest={"senders": 5},
)
def senders_then_exit(history: History) -> Evidence | None:
    """Senders in its busiest 30 days, weighted by the share of their value gone within 72 hours."""
    flows, positions = history.two_sided_part()
    ids, times = flows.counterparty[flows.inflows], flows.time[flows.inflows]
    start, end = window_of_most_distinct(times, ids, 30 * DAY)
    rows, senders = flows.inflows[start:end], len(set(ids[start:end].tolist()))
    inside = set(rows.tolist())
    gone = [p for p in matched(flows) if p.inflow in inside and _dwell(flows, p) < 3 * DAY]
    value = sum(piece.value for piece in gone)
    paid, telling = _total(flows, rows), largest_first(gone)
    said = {"count": senders, "gone": value / max(1, paid)}
    return _share(positions, senders * value, paid, telling, **said)


def _share(
    positions: np.ndarray, part: int, whole: int, telling: Iterable[int], **said: float
) -> Evidence | None:
    """Return the evidence of a quotient of exact numbers; None where the whole is nothing."""
    if not whole:
        return None
    shown = positions[np.asarray(list(telling), dtype=np.int64)]
    return evidence(part / whole, positions, shown, numerator=part, denominator=whole, **said)


def _total(flows: History, rows: np.ndarray) -> int:
    return int(flows.value[rows].sum())


def _dwell(flows: History, piece: Piece) -> int:
    return int(flows.time[piece.outflow] - flows.time[piece.inflow])


def _forwarded(history: History, width: int) -> Evidence | None:
    flows, positions = history.two_sided_part()
    quick = [piece for piece in matched(flows) if _dwell(flows, piece) < width]
    forwarded = sum(piece.value for piece in quick)
    return _share(positions, forwarded, _total(flows, flows.inflows), largest_first(quick))
