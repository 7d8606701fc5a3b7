"""What happened in one history that an analyst would tell first: dated, with amounts.

Each finder looks at one `History` and returns the transfers of its happening, or None where there
is none large enough to tell. They say what was paid when, to how many; not why. Legs of a swap
are nobody's payment. Where a finder speaks of addresses that pay or are paid, it means such as are
one party, as far as is known: no exchange's hot wallet, no bridge (`models.other_side`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from features.history import DAY, History
from features.swaps import groups_of
from models.habits import kept_the_same, paid_back_then_more, taking_turns
from models.happening import Happening, by_party, happening, seconds_between
from models.other_side import paid, third_parties

__all__ = ["FINDERS", "Happening", "seconds_between"]

WINDOW = DAY
FEWEST = 3
"""Counterparties from which paying, or being paid by, several within a day is worth telling; and
senders from which receipts of one second are."""

LARGE = 0.05
"""Share of all that came in from which one receipt is large; the five largest always are."""

AS_MUCH = 0.95
"""Of a receipt: payments after it in the same coin that reach this, and not more than it, paid out
about as much."""

GREW = 10.0
"""Times its first payment that a sender paid in all, from which the payments stepped up."""

MOST_OF_IT, LONG = 0.5, 7 * DAY
"""Share of all that came, or went, from which one day holds most of it, in a history this long."""

RESTED, LESS_THAN_HALF = 30 * DAY, 0.5
"""How long a large receipt lay while less than half as much left, from which it rested."""


def concentrated(history: History) -> Happening | None:
    """Return the 24 hours that hold most of all that came, or of all that went: the larger share.

    None below `MOST_OF_IT`, or in a history shorter than `LONG`.
    """
    own = paid(history)
    if len(own) < 2 or history.time[own[-1]] - history.time[own[0]] < LONG:
        return None
    best, found = MOST_OF_IT, None
    for side in (own[history.incoming[own]], own[~history.incoming[own]]):
        sums = np.concatenate([[0.0], np.cumsum(history.value[side].astype(np.float64))])
        if not len(side) or not sums[-1]:
            continue
        first = np.searchsorted(history.time[side], history.time[side] - WINDOW, side="right")
        shares = (sums[1:] - sums[first]) / sums[-1]
        end = int(np.argmax(shares))
        if shares[end] > best or (found is None and shares[end] >= best):
            best, found = float(shares[end]), side[first[end] : end + 1]
    return None if found is None else happening(history, "concentrated", found, found)


def same_second(history: History) -> Happening | None:
    """Return the receipts of one second from most addresses, in as many transactions."""
    own = history.take(positions := third_parties(history))
    into, best, found = own.inflows, (0, 0), None
    for rows in np.split(into, np.flatnonzero(np.diff(own.time[into])) + 1):
        many = min(len(np.unique(own.counterparty[rows])), len(np.unique(own.tx[rows])))
        rank = (many, sum(own.value[rows].tolist()))
        if many >= FEWEST and rank > best:
            best, found = rank, positions[rows]
    return None if found is None else happening(history, "same_second", found, found)


def spread(history: History) -> Happening | None:
    """Return the 24 hours in which most addresses were paid."""
    return _busiest(history, "spread", incoming=False)


def gathered(history: History) -> Happening | None:
    """Return the 24 hours in which most addresses paid it."""
    return _busiest(history, "gathered", incoming=True)


def passed_on(history: History) -> Happening | None:
    """Return the large receipt after which about as much of its coin was paid out soonest.

    Within 24 hours, and not more than had come: what goes beyond was other money.
    """
    own, coin = paid(history), groups_of(history)
    out = own[~history.incoming[own]]
    best: tuple[float, float, np.ndarray] | None = None
    for receipt in large_receipts(history).tolist():
        came = int(history.value[receipt])
        after = out[(out > receipt) & (coin[out] == coin[receipt])]
        sums = np.cumsum(history.value[after].astype(np.float64))
        last = int(np.searchsorted(sums, AS_MUCH * came, side="left"))
        if last >= len(after) or sums[last] > came:
            continue
        wait = float(history.time[after[last]] - history.time[receipt])
        if wait <= WINDOW and (best is None or (wait, -came) < best[:2]):
            best = (wait, -came, np.concatenate([[receipt], after[: last + 1]]))
    return None if best is None else happening(history, "passed_on", best[2], best[2][1:])


def rested(history: History) -> Happening | None:
    """Return the largest of the large receipts after which little left for `RESTED`.

    Only where the exports show what leaves in that kind of transfer; up to the last transfer.
    """
    own = paid(history)
    out = own[~history.incoming[own]]
    found = None
    for receipt in large_receipts(history).tolist():
        larger = found is None or history.value[receipt] > history.value[found]
        if larger and history.two_sided[receipt] and rest_after(history, out, receipt) >= RESTED:
            found = receipt
    return None if found is None else happening(history, "rested", [found], [found])


def rest_after(history: History, out: np.ndarray, receipt: int) -> int:
    """Return how long (microseconds) less than half of a receipt had left, as far as seen."""
    after = out[out > receipt]
    sums = np.cumsum(history.value[after].astype(np.float64))
    at = int(np.searchsorted(sums, LESS_THAN_HALF * int(history.value[receipt]), side="left"))
    end = history.time[after[at]] if at < len(after) else history.time[-1]
    return int(end - history.time[receipt])


def stepped_up(history: History) -> Happening | None:
    """Return the payments of the sender that paid most beyond a small first payment."""
    own = third_parties(history)
    best, most = None, 0.0
    for rows in by_party(history, own[history.incoming[own]]):
        values = history.value[rows].astype(np.float64)
        if len(rows) < 2 or values[0] <= 0 or values.sum() < GREW * values[0]:
            continue
        if values.sum() - values[0] > most:
            best, most = rows, values.sum() - values[0]
    return None if best is None else happening(history, "stepped_up", best, best)


def largest_receipt(history: History) -> Happening | None:
    """Return the largest transfer in."""
    return _largest(history, "largest_receipt", incoming=True)


def largest_payment(history: History) -> Happening | None:
    """Return the largest transfer out."""
    return _largest(history, "largest_payment", incoming=False)


FINDERS: dict[str, Callable[[History], Happening | None]] = {
    "concentrated": concentrated,
    "paid_back_then_more": paid_back_then_more,
    "same_second": same_second,
    "taking_turns": taking_turns,
    "kept_the_same": kept_the_same,
    "spread": spread,
    "passed_on": passed_on,
    "gathered": gathered,
    "stepped_up": stepped_up,
    "rested": rested,
    "largest_receipt": largest_receipt,
    "largest_payment": largest_payment,
}
"""All finders, in the order in which they are told where nothing else decides."""


def large_receipts(history: History) -> np.ndarray:
    """Return the positions of receipts that are large (`LARGE`) or among the five largest."""
    own = paid(history)
    into = own[history.incoming[own]]
    values = history.value[into]
    if not len(into):
        return into
    fifth = np.sort(values)[-min(5, len(values))]
    return into[(values >= min(fifth, LARGE * values.sum())) & (values > 0)]


def _busiest(history: History, kind: str, *, incoming: bool) -> Happening | None:
    """Return the window with most counterparties; of these the one of most value, the first."""
    own = third_parties(history)
    side = own[history.incoming[own] == incoming]
    who, time = history.counterparty[side].tolist(), history.time[side].tolist()
    value = history.value[side].tolist()
    best, found, start, total = (0, 0.0), (0, 0), 0, 0
    inside: Counter[int] = Counter()
    for end, party in enumerate(who):
        inside[party] += 1
        total += value[end]
        while time[end] - time[start] >= WINDOW:
            inside[who[start]] -= 1
            if not inside[who[start]]:
                del inside[who[start]]
            total -= value[start]
            start += 1
        if (len(inside), total) > best:
            best, found = (len(inside), total), (start, end + 1)
    if best[0] < FEWEST:
        return None
    rows = side[found[0] : found[1]]
    return happening(history, kind, rows, rows)


def _largest(history: History, kind: str, *, incoming: bool) -> Happening | None:
    own = paid(history)
    side = own[history.incoming[own] == incoming]
    if not len(side):
        return None
    row = side[np.argmax(history.value[side])]
    return happening(history, kind, [row], [row])
