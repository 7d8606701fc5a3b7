"""Victim inflow: how each sender's payments grow, and what it was paid back before it sent more.

A victim tries the platform with a small sum, sees it arrive, and sends more, step by step, as the
grooming succeeds (FinCEN FIN-2023-Alert005). Now and then it may withdraw a little: a payment that
wins trust, answered by one many times as large (Griffin and Mei, inducement payments). Customers of
an exchange test an address too, and shops refund; one ladder says little, and many are a pattern.

What one sender paid in one coin (its contracts on all chains together) is compared with itself, so
that fees sent along in another coin do not enter. Payments at one moment count as one of their sum:
nobody waits for the outcome of a test that stands in the same block, and the order within a moment
plays no part. A **returning sender** paid in one coin at two moments or more; if in several coins,
the one it used most often stands for it, of those used equally often the one seen first.

Worked example: a sender pays 100, gets 10 back, and pays 2,000 a week later. It tested (100 is at
most a fifth of 2,000), grew twentyfold, and was induced: 10 is at most a tenth of the 100 it had
sent, and 2,000 at least ten times 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import numpy as np

from features.compilation import kernel
from features.counterparties import numbering, renumber
from features.evidence import Evidence, evidence
from features.history import DAY, Columns, History
from features.inducements import ANSWER, INDUCED, inducements
from features.lines import (
    Ladder,
    Lines,
    choose_usual,
    lay,
)
from features.lines import returning_senders as ladders_of
from features.numeric import longest_history, median_in_place, middle_of
from features.signal import Family
from features.working import carved, carved_rows

TEST = 5
"""How many times a first payment must fit into the next to be a test."""

RISES = 3
"""Payments from which a sender's payments can rise step by step."""


@kernel
def victim_inflow_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; counterparties and lines are numbered once per history."""
    longest = longest_history(columns.offsets, first, last)
    table, seen, parties, room = numbering(columns.room, longest)
    lines, room = carved(room, longest, np.int32)
    cells, room = carved_rows(room, 11, longest)
    keys, usual, total = cells[0], cells[1], cells[2]
    receipts = Lines(cells[3], cells[4], cells[5], cells[6])
    paybacks = Lines(cells[7], cells[8], cells[9], cells[10])
    floats, _ = carved(room, 3 * longest, np.float64)
    work = floats.reshape((3, longest))
    for i in range(first, last):
        a, b = columns.offsets[i], columns.offsets[i + 1]
        n = b - a
        time, value, asset = columns.time[a:b], columns.value[a:b], columns.asset[a:b]
        party, line, row = parties[:n], lines[:n], out[i]
        row[:] = np.nan
        k = renumber(columns.counterparty[a:b], table, seen, party)
        for j in range(n):  # counterparty and coin as one number
            keys[j] = party[j] * 2**31 + columns.asset_group[asset[j]]
        m = renumber(keys[:n], table, seen, line)
        senders = usual[:k]
        into = columns.incoming[a:b]
        lay(time, value, line, into, m, receipts)
        choose_usual(party, line, value, into, receipts, senders, total)
        _fill_ladders(receipts, senders, total, work, row)

        seen_both, back = columns.two_sided[a:b], ~into
        into, back = into & seen_both, back & seen_both
        lay(time, value, line, into, m, receipts)
        lay(time, value, line, back, m, paybacks)
        choose_usual(party, line, value, into, receipts, senders, total)
        induced = keys[:k]
        induced[:] = 0
        for j in range(n):
            if back[j] and not induced[party[j]]:
                induced[party[j]] = _induced(receipts, paybacks, line[j])
                paybacks.end[line[j]] = paybacks.begin[line[j]]  # looked at once
        _fill_induced(receipts, senders, total, induced, row)


@kernel
def _fill_ladders(
    receipts: Lines, usual: np.ndarray, total: np.ndarray, work: np.ndarray, row: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill what follows from each returning sender's payments; `work` has a cell for each."""
    growth, wait, gaps = work[0], work[1], work[2]
    returning, tested, rising = 0, 0, 0
    firsts, lasts, from_tested, received = 0, 0, 0, 0
    for c in range(len(usual)):
        if usual[c] < 0:
            continue
        received += total[c]
        start, end = receipts.begin[usual[c]], receipts.end[usual[c]]
        if end - start < 2:
            continue
        steps = 0
        for k in range(start + 1, end):
            gaps[k - start - 1] = receipts.moment[k] - receipts.moment[k - 1]
            steps += receipts.amount[k] > receipts.amount[k - 1]
            steps -= receipts.amount[k] < receipts.amount[k - 1]
        opening, closing = receipts.amount[start], receipts.amount[end - 1]
        if opening <= receipts.amount[start + 1] // TEST:
            tested += 1
            from_tested += total[c]
        rising += end - start >= RISES and steps > 0 and closing - opening > opening
        growth[returning] = closing / opening
        wait[returning] = median_in_place(gaps[: end - start - 1])
        firsts += opening
        lasts += closing
        returning += 1
    row[9] = returning
    if received > 0:
        row[5] = from_tested / received
    if returning > 0:
        row[0], row[1] = tested / returning, rising / returning
        row[2], row[3] = median_in_place(growth[:returning]), lasts / firsts
        row[4] = median_in_place(wait[:returning]) / DAY


@kernel
def _induced(receipts: Lines, paybacks: Lines, p: int) -> bool:  # pragma: no cover (compiled)
    """Say whether some payback of line `p` was small and was answered; see `_answered`."""
    start, end = receipts.begin[p], receipts.end[p]
    before, after, sent, returned, answer = start, start, 0, 0, 0
    for k in range(paybacks.begin[p], paybacks.end[p]):
        moment, paid = paybacks.moment[k], paybacks.amount[k]
        returned += paid
        while after < end and receipts.moment[after] < moment + ANSWER:
            answer += receipts.amount[after]
            after += 1
        while before < end and receipts.moment[before] < moment:
            sent += receipts.amount[before]
            answer -= receipts.amount[before]
            before += 1
        within = answer
        if before < after and receipts.moment[before] == moment:
            within -= receipts.amount[before]
        if returned <= sent // INDUCED and paid <= within // INDUCED:
            return True
    return False


@kernel
def _fill_induced(
    receipts: Lines, usual: np.ndarray, total: np.ndarray, induced: np.ndarray, row: np.ndarray
) -> None:  # pragma: no cover (compiled)
    found, returning, from_induced, received = 0, 0, 0, 0
    for c in range(len(usual)):
        if usual[c] >= 0:
            received += total[c]
            returning += receipts.end[usual[c]] - receipts.begin[usual[c]] > 1
        if induced[c]:
            found += 1
            from_induced += total[c]
    row[6] = found
    if returning > 0:
        row[7] = found / returning
    if received > 0:
        row[8] = from_induced / received


FAMILY = Family(
    "victim_inflow",
    victim_inflow_kernel,
    cost="linear (hash tables of counterparties and coins, payments laid side by side by counting)",
)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="returning senders whose first payment is at most a fifth of their next ÷ "
    "returning senders",
    says="got a first payment of at most a fifth of the next from {value} of the senders "
    "that paid it again in the same coin ({counts})",
    null="no sender paid it twice in one coin at different moments",
    bounds=(0, 1),
    red_flags=("grooming_ladder",),
    fewest={"returning_senders": 10},
)
def trial_sender_share(history: History) -> Evidence | None:
    """Share of its returning senders that tested: a small first payment, then five times as much.

    A returning sender paid it in one coin at two moments or more.
    """
    ladders = ladders_of(history)
    return _share_of_senders(ladders, [ladder for ladder in ladders if _tested(ladder)])


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="returning senders of three payments or more, more rises than falls, and a last above "
    "twice the first ÷ returning senders",
    says="got three payments or more, with more rises than falls and the last above twice the "
    "first, from {value} of the senders that paid it again in the same coin ({counts})",
    null="no sender paid it twice in one coin at different moments",
    bounds=(0, 1),
    red_flags=("grooming_ladder",),
    fewest={"returning_senders": 10},
)
def rising_sender_share(history: History) -> Evidence | None:
    """Share of its returning senders whose payments rose more than fell, to over twice the first.

    A rise or fall is from one payment of a sender to its next, in one coin.
    """
    ladders = ladders_of(history)
    return _share_of_senders(ladders, [ladder for ladder in ladders if _rising(ladder)])


@FAMILY.signal(
    unit="ratio",
    needs="in",
    evidence="distribution",
    formula="median over returning senders of last ÷ first payment",
    says="got a last payment of typically {value} the first from a sender that paid it "
    "again in the same coin (median of {count:senders})",
    null="no sender paid it twice in one coin at different moments",
    red_flags=("grooming_ladder",),
    fewest={"returning_senders": 5},
)
def sender_growth(history: History) -> Evidence | None:
    """Typical (median) growth of a returning sender's payments, from its first to its last."""
    ladders = ladders_of(history)
    return _median_over(ladders, [ladder.amounts[-1] / ladder.amounts[0] for ladder in ladders])


@FAMILY.signal(
    unit="ratio",
    needs="in",
    evidence="distribution",
    formula="sum of the returning senders' last payments ÷ sum of their first",
    says="got last payments that sum to {value} the first ones, from the senders that "
    "paid it again in the same coin ({count:senders})",
    null="no sender paid it twice in one coin at different moments",
    red_flags=("grooming_ladder",),
    fewest={"returning_senders": 5},
)
def sender_growth_by_value(history: History) -> Evidence | None:
    """Growth of its returning senders' payments, first to last, each sender weighing by value."""
    ladders = ladders_of(history)
    if not ladders:
        return None
    lasts = sum(ladder.amounts[-1] for ladder in ladders)
    firsts = sum(ladder.amounts[0] for ladder in ladders)
    ends = [row for ladder in ladders for row in (ladder.rows[0], ladder.rows[-1])]
    counts = {"numerator": lasts, "denominator": firsts, "count": len(ladders)}
    return evidence(lasts / firsts, _rows(ladders), ends, **counts)


@FAMILY.signal(
    unit="days",
    needs="in",
    evidence="distribution",
    formula="median over returning senders of the median time between their successive payments",
    says="typically got a sender's next payment {value} after the one before, from those "
    "that paid it again in the same coin (median of {count:senders})",
    null="no sender paid it twice in one coin at different moments",
    fewest={"returning_senders": 5},
)
def sender_interval(history: History) -> Evidence | None:
    """Typical (median) time until a returning sender pays again."""
    ladders = ladders_of(history)
    gaps = [middle_of(np.diff(np.array(ladder.moments))) for ladder in ladders]
    return _median_over(ladders, [sum(middle) / len(middle) / DAY for middle in gaps])


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="value received, in any coin, from senders whose first payment is at most a fifth of "
    "their next (see trial_sender_share) ÷ value received",
    says="got {value} of its incoming value from senders whose first payment in a coin was at most "
    "a fifth of their next",
    null="nothing came in",
    bounds=(0, 1),
    red_flags=("grooming_ladder",),
    fewest={"returning_senders": 5},
)
def trial_value_share(history: History) -> Evidence | None:
    """Share of the value received that came from senders that had tested with a small payment."""
    tested = {ladder.sender for ladder in ladders_of(history) if _tested(ladder)}
    return _value_from(history, history.inflows, tested)


@FAMILY.signal(
    unit="addresses",
    needs="both",
    evidence="absence",
    formula="senders with a payback of at most a tenth of what they then sent within 90 days, when "
    "all paybacks up to it were at most a tenth of all they had sent before it; coin by coin",
    says="paid a little back to {value}, at most a tenth of what had come from there, and then "
    "got at least ten times the payback from there within 90 days",
    window=timedelta(days=90),
    red_flags=("inducement_payments",),
)
def induced_senders(history: History) -> Evidence:
    """Number of senders that sent ten times as much after a small payment back.

    Only what it sent in the coin of the payback counts, in one transfer or several: before the
    payback's moment, and after it within 90 days. What came in at that very moment is neither.
    """
    found = inducements(history)
    rows = [row for inducement in found.values() for row in inducement.rows]
    telling = [row for inducement in found.values() for row in inducement.telling]
    return evidence(len(found), rows, telling)


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="induced_senders ÷ returning senders",
    says="paid a little back, at most a tenth of what had come from there, to {value} of the "
    "senders that paid it again in the same coin ({counts}), and then got at least ten times "
    "the payback within 90 days",
    null="no sender paid it twice in one coin at different moments",
    window=timedelta(days=90),
    bounds=(0, 1),
    red_flags=("inducement_payments",),
    fewest={"returning_senders": 10},
)
def induced_sender_share(history: History) -> Evidence | None:
    """Share of its returning senders that sent ten times as much after a small payment back."""
    found = inducements(history)
    flows, positions = history.two_sided_part()
    ladders = ladders_of(flows)
    telling = [row for inducement in found.values() for row in inducement.telling]
    rows = [*positions[_rows(ladders)].tolist(), *telling] if ladders else []
    return _share(rows, telling, len(found), len(ladders))


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="value received, in any coin, from induced senders (see induced_senders) ÷ value "
    "received",
    says="got {value} of its incoming value from senders that it paid a little back, at most a "
    "tenth of what had come, and that then sent at least ten times the payback within 90 days",
    null="nothing came in",
    window=timedelta(days=90),
    bounds=(0, 1),
    red_flags=("inducement_payments",),
)
def induced_value_share(history: History) -> Evidence | None:
    """Share of the value received that came from senders induced by a small payment back."""
    receipts = np.flatnonzero(history.incoming & history.two_sided)
    return _value_from(history, receipts, set(inducements(history)))


@FAMILY.signal(
    unit="addresses",
    needs="in",
    evidence="members",
    formula="distinct senders of transfers in one coin at two moments or more",
    says="was paid again in the same coin by {value}",
    model_input=False,  # it says how much the shares of returning senders rest on
)
def returning_senders(history: History) -> Evidence:
    """Number of senders that paid it again in the same coin: what ladders are counted from."""
    found = ladders_of(history)
    rows = []
    for ladder in found:
        first = ladder.rows[0]
        later = [row for row in ladder.rows if history.time[row] > history.time[first]]
        rows += [first, later[0]]
    return evidence(len(found), rows)


def _tested(ladder: Ladder) -> bool:
    return ladder.amounts[0] * TEST <= ladder.amounts[1]


def _rising(ladder: Ladder) -> bool:
    steps = [b - a for a, b in pairwise(ladder.amounts)]
    more = sum(step > 0 for step in steps) > sum(step < 0 for step in steps)
    return len(ladder.amounts) >= RISES and more and ladder.amounts[-1] > 2 * ladder.amounts[0]


def _rows(ladders: Sequence[Ladder]) -> list[int]:
    return [row for ladder in ladders for row in ladder.rows]


def _share_of_senders(ladders: list[Ladder], chosen: list[Ladder]) -> Evidence | None:
    return _share(_rows(ladders), _rows(chosen), len(chosen), len(ladders))


def _median_over(ladders: list[Ladder], values: list[float]) -> Evidence | None:
    """Return the median of one number per sender, those around the middle first."""
    if not ladders:
        return None
    order = sorted(range(len(values)), key=lambda k: values[k])
    order = order[(len(order) - 1) // 2 : len(order) // 2 + 1]
    middle, telling = [values[k] for k in order], _rows([ladders[k] for k in order])
    value = sum(middle) / len(middle)
    return evidence(value, _rows(ladders), telling, middle=middle, count=len(ladders))


def _value_from(history: History, receipts: np.ndarray, senders: set[int]) -> Evidence | None:
    """Return the share of some receipts' value that came from some senders."""
    part = [row for row in receipts.tolist() if int(history.counterparty[row]) in senders]
    value = int(history.value[part].sum()) if part else 0
    return _share(receipts.tolist(), part, value, int(history.value[receipts].sum()))


def _share(rows: list[int], telling: list[int], part: int, whole: int) -> Evidence | None:
    if not whole:
        return None
    return evidence(part / whole, rows, telling, numerator=part, denominator=whole)
