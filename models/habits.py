"""Happenings that come again: a payment back before more, receivers in turns, the same commission.

Finders as in `models.happenings`, and `same_amount`, which needs the exact amounts beside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from features.history import DAY, History
from features.swaps import groups_of
from models.happening import Happening, by_party, happening, worth_of
from models.other_side import paid, third_parties

BACK_AT_MOST, MORE = 0.5, 2.0
"""Of what a payer had paid by then, the most that is paid back in all; and how many times that
the payer paid afterwards."""

FEWEST_TURNS, TURNS_SHARE = 3, 0.5
"""Receivers, each paid twice or more, from which taking turns is worth telling; and their share of
what others were paid."""

KEPT_LEAST, KEPT_MOST = 0.001, 0.1
"""Part of a receipt kept by the payment after it, between which it may be a commission."""

SAME_PART, FEWEST_KEPT = 0.002, 3
"""How far apart kept parts may lie to be the same, and from how many receipts on, which must be
half of those passed on so."""

ODD_DIGITS = 5
"""Figures, without zeros before and after them, from which an exact amount is odd."""


def paid_back_then_more(history: History) -> Happening | None:
    """Return all transfers with the payer that paid most after it had been paid a little back.

    The payer had paid; all that was paid back was at most `BACK_AT_MOST` of that; after the first
    payment back the payer paid at least `MORE` times as much as was. The chief ones are those
    payments. Who trades both ways is paid back more.
    """
    best, most = None, 0
    for rows in by_party(history, third_parties(history)):
        found = _more_after_back(history, rows)
        if found is not None and worth_of(history, found[1]) > most:
            best, most = found, worth_of(history, found[1])
    return None if best is None else happening(history, "paid_back_then_more", *best)


def taking_turns(history: History) -> Happening | None:
    """Return the payments to the most receivers in a row each of which was done before the next.

    Receivers paid once are left aside; the others come by their first payment.
    """
    own = third_parties(history)
    out = own[~history.incoming[own]]
    parties = [rows for rows in by_party(history, out) if len(rows) > 1]
    parties.sort(key=lambda rows: int(rows[0]))
    best: list[np.ndarray] = []
    run: list[np.ndarray] = []
    for rows in parties:
        run = [*run, rows] if not run or _done_before(history, run[-1], rows) else [rows]
        if (len(run), _sum(history, run)) > (len(best), _sum(history, best)):
            best = run
    if len(best) < FEWEST_TURNS or _sum(history, best) < TURNS_SHARE * worth_of(history, out):
        return None
    rows = np.sort(np.concatenate(best))
    return happening(history, "taking_turns", rows, rows)


def kept_the_same(history: History) -> Happening | None:
    """Return receipts of which the next payment in that coin, within a day, kept the same part.

    The chief ones are the receipts.
    """
    pairs = commissions(history)
    pairs.sort()
    best: list[tuple[float, int, int]] = []
    start = 0
    for end, (kept, _, _) in enumerate(pairs):
        while kept - pairs[start][0] > SAME_PART:
            start += 1
        if end + 1 - start > len(best):
            best = pairs[start : end + 1]
    if len(best) < FEWEST_KEPT or 2 * len(best) < len(pairs):
        return None
    receipts = sorted(receipt for _, receipt, _ in best)
    rows = sorted({*receipts, *(payment for _, _, payment in best)})
    return happening(history, "kept_the_same", rows, receipts)


def commissions(history: History) -> list[tuple[float, int, int]]:
    """Return (part kept, receipt, payment) of receipts passed on one by one, in time order."""
    own, coin = paid(history), groups_of(history)
    waiting: dict[int, int] = {}
    found = []
    for row in own.tolist():
        if history.incoming[row]:
            waiting[int(coin[row])] = row
            continue
        receipt = waiting.pop(int(coin[row]), None)
        if receipt is None or history.time[row] - history.time[receipt] > DAY:
            continue
        kept = 1 - int(history.value[row]) / int(history.value[receipt])
        if KEPT_LEAST <= kept <= KEPT_MOST:
            found.append((kept, receipt, row))
    return found


def same_amount(history: History, amounts: Sequence[str]) -> Happening | None:
    """Return the receipts of one exact odd amount of a coin from most senders, two at least.

    Parameters
    ----------
    amounts
        Of each transfer of the history, in whole units, written exactly.
    """
    own, coin = third_parties(history), groups_of(history)
    alike: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row in own[history.incoming[own]].tolist():
        if figures(amounts[row]) >= ODD_DIGITS:
            alike[int(coin[row]), amounts[row]].append(row)
    best, most = None, (1, 0)
    for rows in alike.values():
        rank = (len(np.unique(history.counterparty[rows])), worth_of(history, np.array(rows)))
        if rank[0] > 1 and rank > most:
            best, most = rows, rank
    return None if best is None else happening(history, "same_amount", best, best)


def figures(amount: str) -> int:
    """Count the figures of an amount without zeros before and after them.

    >>> [figures(amount) for amount in ("1500", "0.0985", "1237.45", "10", "0")]
    [2, 3, 6, 1, 0]
    """
    return len(amount.replace(".", "").strip("0"))


def _more_after_back(history: History, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a payer's transfers up to its last payment, and those after the first one back."""
    came = np.flatnonzero(history.incoming[rows])
    if not len(came):
        return None
    rows = rows[came[0] : came[-1] + 1]
    back = rows[~history.incoming[rows]]
    if not len(back):
        return None
    into = rows[history.incoming[rows]]
    before, after = into[into < back[0]], into[into > back[0]]
    small = worth_of(history, back) <= BACK_AT_MOST * worth_of(history, before)
    more = worth_of(history, after) >= MORE * worth_of(history, back)
    return (rows, after) if small and more else None


def _done_before(history: History, one: np.ndarray, other: np.ndarray) -> bool:
    return bool(history.time[one[-1]] < history.time[other[0]])


def _sum(history: History, parties: list[np.ndarray]) -> int:
    return sum(worth_of(history, rows) for rows in parties)
