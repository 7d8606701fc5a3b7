"""Fan-out: how many addresses pay it, how many it pays, how fast, and how evenly.

A collector takes payments from many senders who do not know each other; a splitter pays many
receivers within minutes, often ones it never paid before; a wallet in the middle gathers and then
scatters. Real laundering wallets are quieter than the textbook star (most days see two receivers),
so shares and evenness stand beside the counts. Windows roll from a transfer ``[t, t + width)``.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from features.compilation import kernel
from features.counterparties import (
    gather_scatter,
    mark_first_payments,
    most_after_inflow,
    most_distinct,
    numbering,
    per_counterparty,
    renumber,
    sent_to_unseen,
    window_of_most_distinct,
)
from features.division import evenness, once_only, top_share
from features.evidence import Evidence, evidence
from features.history import DAY, HOUR, MINUTE, Columns, History
from features.numeric import longest_history
from features.scattering import gathered_and_scattered, most_new_receivers, share_to_unseen
from features.signal import Family
from features.working import carved, carved_rows


@kernel
def fan_out_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; counterparties are numbered once per history."""
    longest = longest_history(columns.offsets, first, last)
    table, seen, codes, room = numbering(columns.room, longest)
    # Per counterparty: window counts, transfers and value in either direction.
    cells, room = carved_rows(room, 6, longest)
    fresh, room = carved(room, longest + 1, np.int64)
    # The two-sided rows, laid side by side: moments and values.
    laid, room = carved_rows(room, 2, longest)
    both_in, room = carved(room, longest, np.bool_)
    both_code, _ = carved(room, longest, np.int32)
    for i in range(first, last):
        a, b = columns.offsets[i], columns.offsets[i + 1]
        n = b - a
        time, value, incoming = columns.time[a:b], columns.value[a:b], columns.incoming[a:b]
        row, code = out[i], codes[:n]
        row[:] = np.nan
        k = renumber(columns.counterparty[a:b], table, seen, code)
        inside, ahead = cells[0, :k], cells[1, :k]
        row[0] = most_distinct(time, code, incoming, False, 10 * MINUTE, inside)[0]
        row[1] = most_distinct(time, code, incoming, False, HOUR, inside)[0]
        row[2] = most_distinct(time, code, incoming, False, DAY, inside)[0]
        row[3] = most_distinct(time, code, incoming, True, DAY, inside)[0]
        per_sender = per_counterparty(code, value, incoming, True, cells[2, :k], cells[3, :k])
        per_receiver = per_counterparty(code, value, incoming, False, cells[4, :k], cells[5, :k])
        row[6], row[8], row[10] = per_receiver[1:]
        row[7], row[9], row[11] = per_sender[1:]
        if per_sender[0] > 0:
            row[12] = row[3] / per_sender[0]

        m = 0
        for j in range(n):
            if columns.two_sided[a + j]:
                laid[0, m], laid[1, m] = time[j], value[j]
                both_in[m], both_code[m] = incoming[j], code[j]
                m += 1
        moment, direction, party = laid[0, :m], both_in[:m], both_code[:m]
        senders, receivers, shared = mark_first_payments(party, direction, cells[2:4, :k], fresh)
        row[4] = most_after_inflow(moment, direction, fresh, HOUR)
        row[5] = most_after_inflow(moment, direction, fresh, DAY)
        row[18] = most_after_inflow(moment, direction, fresh, 10 * MINUTE)
        row[13] = gather_scatter(moment, direction, party, DAY, inside, ahead)
        if m > 0:
            row[14] = shared / (senders + receivers - shared)
            row[15] = receivers / (senders + receivers)
        row[16] = most_distinct(time, code, incoming, True, 10 * MINUTE, inside)[0]
        row[17] = most_distinct(time, code, incoming, True, HOUR, inside)[0]
        row[19] = sent_to_unseen(party, laid[1, :m], direction, inside)


FAMILY = Family(
    "fan_out",
    fan_out_kernel,
    cost="linear (the counterparties are numbered by a hash table, each window slides once)",
)


@FAMILY.signal(
    unit="addresses",
    needs="out",
    evidence="extremal",
    formula="most distinct receivers of outgoing transfers within any 10 minutes",
    says="paid {value} within 10 minutes",
    says_low="paid at most {value} within any 10 minutes",
    red_flags=("rapid_fan_out",),
    window=timedelta(minutes=10),
)
def receivers_10min(history: History) -> Evidence:
    """Most addresses it paid within any 10 minutes."""
    return _most(history, history.outflows, 10 * MINUTE)


@FAMILY.signal(
    unit="addresses",
    needs="out",
    evidence="extremal",
    formula="most distinct receivers of outgoing transfers within any hour",
    says="paid {value} within an hour",
    says_low="paid at most {value} within any hour",
    red_flags=("rapid_fan_out",),
    window=timedelta(hours=1),
)
def receivers_1h(history: History) -> Evidence:
    """Most addresses it paid within any hour."""
    return _most(history, history.outflows, HOUR)


@FAMILY.signal(
    unit="addresses",
    needs="out",
    evidence="extremal",
    formula="most distinct receivers of outgoing transfers within any 24 hours",
    says="paid {value} within 24 hours",
    says_low="paid at most {value} within any 24 hours",
    red_flags=("rapid_fan_out",),
    window=timedelta(hours=24),
)
def receivers_24h(history: History) -> Evidence:
    """Most addresses it paid within any 24 hours."""
    return _most(history, history.outflows, DAY)


@FAMILY.signal(
    unit="addresses",
    needs="in",
    evidence="extremal",
    formula="most distinct senders of incoming transfers within any 24 hours",
    says="was paid by {value} within 24 hours",
    says_low="was paid by at most {value} within any 24 hours",
    red_flags=("rapid_fan_in", "many_unrelated_senders"),
    window=timedelta(hours=24),
)
def senders_24h(history: History) -> Evidence:
    """Most addresses that paid it within any 24 hours."""
    return _most(history, history.inflows, DAY)


@FAMILY.signal(
    unit="addresses",
    needs="both",
    evidence="absence",
    formula="most receivers first paid after an inflow and less than an hour after it",
    says="paid {value} that it had not paid before, within an hour of one receipt",
    says_low="paid at most {value} that it had not paid before, within an hour of any receipt",
    red_flags=("rapid_fan_out", "new_receivers"),
    window=timedelta(hours=1),
)
def new_receivers_1h(history: History) -> Evidence:
    """Most addresses, not paid by it before, that it paid within an hour of one receipt."""
    return most_new_receivers(history, HOUR)


@FAMILY.signal(
    unit="addresses",
    needs="both",
    evidence="absence",
    formula="most receivers first paid after an inflow and less than 24 hours after it",
    says="paid {value} that it had not paid before, within 24 hours of one receipt",
    says_low="paid at most {value} that it had not paid before, within 24 hours of any receipt",
    red_flags=("rapid_fan_out", "new_receivers"),
    window=timedelta(hours=24),
)
def new_receivers_24h(history: History) -> Evidence:
    """Most addresses, not paid by it before, that it paid within 24 hours of one receipt."""
    return most_new_receivers(history, DAY)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="entropy of the receivers' shares of outgoing value ÷ log2 of their number",
    says="divided what it paid over {count:receivers} with an evenness of {value} (100 % "
    "is equal parts)",
    null="fewer than two receivers",
    bounds=(0, 1),
    fewest={"receivers": 5},
)
def receiver_evenness(history: History) -> Evidence | None:
    """How evenly the value sent is split over its receivers (1 is perfectly even)."""
    return evenness(history, history.outflows)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="entropy of the senders' shares of incoming value ÷ log2 of their number",
    says="was paid by {count:senders} with an evenness of {value} (100 % is equal parts)",
    null="fewer than two senders",
    bounds=(0, 1),
    fewest={"senders": 5},
)
def sender_evenness(history: History) -> Evidence | None:
    """How evenly the value received is split over its senders (1 is perfectly even)."""
    return evenness(history, history.inflows)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="greatest value sent to one receiver ÷ value sent",
    says="sent {value} of its outgoing value to one address",
    says_low="sent at most {value} of its outgoing value to any one address",
    null="nothing went out",
    bounds=(0, 1),
    fewest={"transfers_out": 5},
)
def top_receiver_share(history: History) -> Evidence | None:
    """Share of the value sent that went to its largest receiver."""
    return top_share(history, history.outflows)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="greatest value received from one sender ÷ value received",
    says="received {value} of its incoming value from one address",
    says_low="received at most {value} of its incoming value from any one address",
    null="nothing came in",
    bounds=(0, 1),
    fewest={"transfers_in": 5},
)
def top_sender_share(history: History) -> Evidence | None:
    """Share of the value received that came from its largest sender."""
    return top_share(history, history.inflows)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="receivers of exactly one outgoing transfer ÷ receivers",
    says="paid {value} of its receivers exactly once ({counts})",
    null="nothing went out",
    bounds=(0, 1),
    fewest={"receivers": 10},
)
def once_only_receiver_share(history: History) -> Evidence | None:
    """Share of its receivers that it paid only once."""
    return once_only(history, history.outflows)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="senders of exactly one incoming transfer ÷ senders",
    says="was paid exactly once by {value} of its senders ({counts})",
    null="nothing came in",
    bounds=(0, 1),
    fewest={"senders": 10},
)
def once_only_sender_share(history: History) -> Evidence | None:
    """Share of its senders that paid it only once."""
    return once_only(history, history.inflows)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="senders_24h ÷ distinct senders",
    says="was paid by {value} of all its senders within its busiest 24 hours ({counts})",
    says_low="was paid by its senders at different times: by at most {value} of them "
    "({counts}) within any 24 hours",
    null="nothing came in",
    window=timedelta(hours=24),
    bounds=(0, 1),
    red_flags=("rapid_fan_in",),
    fewest={"senders": 10},
)
def senders_24h_share(history: History) -> Evidence | None:
    """Share of its senders that paid it within the busiest 24 hours."""
    rows = history.inflows
    if not len(rows):
        return None
    busiest, all_of_them = _most(history, rows, DAY), len(np.unique(history.counterparty[rows]))
    return evidence(
        busiest.value / all_of_them,
        rows,
        busiest.rows,
        numerator=busiest.value,
        denominator=all_of_them,
    )


@FAMILY.signal(
    unit="addresses",
    needs="both",
    evidence="extremal",
    formula="over inflows at t: greatest min(senders in (t - 24 h, t], receivers in [t, t + 24 h))",
    says="gathered from {value} within 24 hours and scattered to as many within the next 24",
    says_low="gathered from at most {value} within any 24 hours before it paid as many within "
    "the next 24",
    red_flags=("gather_scatter",),
    window=timedelta(hours=48),
)
def gathered_then_scattered(history: History) -> Evidence:
    """Addresses it gathered from within 24 hours and then scattered to within the next 24."""
    return gathered_and_scattered(history, DAY)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="counterparties that both paid it and were paid ÷ counterparties",
    says="both paid and was paid by {value} of its counterparties ({counts})",
    null="no transfer of a kind seen in both directions",
    bounds=(0, 1),
    fewest={"senders": 5, "receivers": 5},
)
def two_way_counterparty_share(history: History) -> Evidence | None:
    """Share of its counterparties that both paid it and were paid by it."""
    senders, receivers, rows = _parties(history)
    if not len(rows):
        return None
    shared, everyone = senders & receivers, senders | receivers
    telling = [r for r in rows if int(history.counterparty[r]) in shared]
    return evidence(
        len(shared) / len(everyone),
        rows,
        telling,
        numerator=len(shared),
        denominator=len(everyone),
    )


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="receivers ÷ (receivers + senders)",
    says="had receivers make up {value} of its receivers and senders ({counts})",
    null="no transfer of a kind seen in both directions",
    bounds=(0, 1),
    fewest={"senders": 5, "receivers": 5},
)
def receiver_share(history: History) -> Evidence | None:
    """Receivers as a share of its receivers and senders: low gathers, high spreads."""
    senders, receivers, rows = _parties(history)
    if not len(rows):
        return None
    both = len(receivers) + len(senders)
    return evidence(len(receivers) / both, rows, numerator=len(receivers), denominator=both)


@FAMILY.signal(
    unit="addresses",
    needs="in",
    evidence="extremal",
    formula="most distinct senders of incoming transfers within any 10 minutes",
    says="was paid by {value} within 10 minutes",
    says_low="was paid by at most {value} within any 10 minutes",
    red_flags=("rapid_fan_in",),
    window=timedelta(minutes=10),
    fewest={"senders_10min": 3},
    model_input=False,  # the input is senders_24h, beside which it says how fast
)
def senders_10min(history: History) -> Evidence:
    """Most addresses that paid it within any 10 minutes."""
    return _most(history, history.inflows, 10 * MINUTE)


@FAMILY.signal(
    unit="addresses",
    needs="in",
    evidence="extremal",
    formula="most distinct senders of incoming transfers within any hour",
    says="was paid by {value} within an hour",
    says_low="was paid by at most {value} within any hour",
    red_flags=("rapid_fan_in",),
    window=timedelta(hours=1),
    fewest={"senders_1h": 3},
    model_input=False,
)
def senders_1h(history: History) -> Evidence:
    """Most addresses that paid it within any hour."""
    return _most(history, history.inflows, HOUR)


@FAMILY.signal(
    unit="addresses",
    needs="both",
    evidence="absence",
    formula="most receivers first paid after an inflow and less than 10 minutes after it",
    says="paid {value} that it had not paid before, within 10 minutes of one receipt",
    says_low="paid at most {value} that it had not paid before, within 10 minutes of any receipt",
    red_flags=("rapid_fan_out", "new_receivers"),
    window=timedelta(minutes=10),
    fewest={"new_receivers_10min": 3},
    model_input=False,
)
def new_receivers_10min(history: History) -> Evidence:
    """Most addresses, not paid by it before, that it paid within 10 minutes of one receipt."""
    return most_new_receivers(history, 10 * MINUTE)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="over payments after the first receipt: value to addresses that no earlier transfer "
    "came from or went to ÷ value",
    says="sent {value} of what it paid after its first receipt to addresses new to it",
    null="no payment after a receipt",
    bounds=(0, 1),
    red_flags=("new_receivers",),
    fewest={"transfers_out": 5},
    model_input=False,
)
def unseen_receiver_share(history: History) -> Evidence | None:
    """Share of the value sent after its first receipt that went to addresses new to it."""
    return share_to_unseen(history)


def _most(history: History, rows: np.ndarray, width: int) -> Evidence:
    """Return the most distinct counterparties in a window: the first transfer with each of them."""
    ids = history.counterparty[rows]
    start, end = window_of_most_distinct(history.time[rows], ids, width)
    _, firsts = np.unique(ids[start:end], return_index=True)
    return evidence(len(firsts), rows[start:end][firsts])


def _parties(history: History) -> tuple[set[int], set[int], np.ndarray]:
    """Return senders, receivers and rows, of the kinds seen in both directions."""
    senders = history.counterparty[history.two_sided & history.incoming]
    receivers = history.counterparty[history.two_sided & ~history.incoming]
    return set(senders.tolist()), set(receivers.tolist()), np.flatnonzero(history.two_sided)
