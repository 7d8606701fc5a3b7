"""What happened in one history that an analyst would tell first: dated, with amounts.

Each finder looks at one `History` and returns the transfers of its happening, or None where there
is none large enough to tell. They say what was paid when, to how many; not why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.history import DAY, MICROSECONDS, History

WINDOW = DAY
FEWEST = 3
"""Counterparties from which paying, or being paid by, several within a day is worth telling."""

LARGE = 0.05
"""Share of all that came in from which one receipt is large; the five largest always are."""

AS_MUCH, TOO_MUCH = 0.95, 1.25
"""Of a receipt: payments after it that first reach the one and stay within the other paid out about
as much."""

GREW = 10.0
"""Times its first payment that a sender paid in all, from which the payments stepped up."""


@dataclass(frozen=True)
class Happening:
    """Transfers that belong together.

    Attributes
    ----------
    kind
        One of `FINDERS`.
    rows
        Positions in the history, ascending: all of its transfers.
    chief
        Those of them that the sentence counts: the payments out, or in.
    value
        Of the chief ones, in the basis.
    parties
        Different counterparties of the chief ones.
    """

    kind: str
    rows: np.ndarray
    chief: np.ndarray
    value: float
    parties: int


def spread(history: History) -> Happening | None:
    """Return the 24 hours in which most addresses were paid."""
    return _busiest(history, history.outflows, "spread")


def gathered(history: History) -> Happening | None:
    """Return the 24 hours in which most addresses paid it."""
    return _busiest(history, history.inflows, "gathered")


def passed_on(history: History) -> Happening | None:
    """Return the large receipt after which about as much was paid out soonest, within 24 hours."""
    into, out = history.inflows, history.outflows
    if not len(into) or not len(out):
        return None
    values = history.value[into]
    fifth = np.sort(values)[-min(5, len(values))]
    large = into[(values >= min(fifth, LARGE * values.sum())) & (values > 0)]
    paid = np.concatenate([[0], np.cumsum(history.value[out].astype(np.float64))])
    best: tuple[float, float, np.ndarray] | None = None
    for receipt in large.tolist():
        first = int(np.searchsorted(out, receipt))
        enough = paid[first] + AS_MUCH * float(history.value[receipt])
        last = int(np.searchsorted(paid, enough, side="left"))
        if last >= len(paid) or last <= first:
            continue
        rows = out[first:last]
        if paid[last] - paid[first] > TOO_MUCH * float(history.value[receipt]):
            continue
        wait = float(history.time[rows[-1]] - history.time[receipt])
        rank = (wait, -float(history.value[receipt]))
        if wait <= WINDOW and (best is None or rank < best[:2]):
            best = (*rank, np.concatenate([[receipt], rows]))
    return None if best is None else _happening(history, "passed_on", best[2], best[2][1:])


def stepped_up(history: History) -> Happening | None:
    """Return the payments of the sender that paid most beyond a small first payment."""
    into = history.inflows
    best, most = None, 0.0
    order = np.argsort(history.counterparty[into], kind="stable")
    own = into[order]
    for rows in np.split(own, np.flatnonzero(np.diff(history.counterparty[own])) + 1):
        values = history.value[rows].astype(np.float64)
        if len(rows) < 2 or values[0] <= 0 or values.sum() < GREW * values[0]:
            continue
        if values.sum() - values[0] > most:
            best, most = rows, values.sum() - values[0]
    return None if best is None else _happening(history, "stepped_up", best, best)


def largest_receipt(history: History) -> Happening | None:
    """Return the largest transfer in."""
    return _largest(history, history.inflows, "largest_receipt")


def largest_payment(history: History) -> Happening | None:
    """Return the largest transfer out."""
    return _largest(history, history.outflows, "largest_payment")


FINDERS: dict[str, Callable[[History], Happening | None]] = {
    "spread": spread,
    "passed_on": passed_on,
    "gathered": gathered,
    "stepped_up": stepped_up,
    "largest_receipt": largest_receipt,
    "largest_payment": largest_payment,
}
"""All finders, in the order in which they are told where nothing else decides."""


def _busiest(history: History, side: np.ndarray, kind: str) -> Happening | None:
    """Return the window with most counterparties; of these the one of most value, the first."""
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
    return _happening(history, kind, rows, rows)


def _largest(history: History, side: np.ndarray, kind: str) -> Happening | None:
    if not len(side):
        return None
    row = side[np.argmax(history.value[side])]
    rows = np.array([row])
    return _happening(history, kind, rows, rows)


def _happening(history: History, kind: str, rows: np.ndarray, chief: np.ndarray) -> Happening:
    return Happening(
        kind,
        np.asarray(rows, dtype=np.int64),
        np.asarray(chief, dtype=np.int64),
        sum(history.value[chief].tolist()) / history.scale,
        len(np.unique(history.counterparty[chief])),
    )


def seconds_between(history: History, first: int, last: int) -> float:
    """Return the seconds from one transfer of a history to another."""
    return float(history.time[last] - history.time[first]) / MICROSECONDS
