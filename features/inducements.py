"""Inducements: small paybacks that were answered by much more, as definitions see them.

The kernel of `features.victim_inflow` does the same in one pass.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from features.history import DAY, History
from features.lines import by_line, by_moment

INDUCED = 10
"""How many times a payback must fit into what had come, and into what came then, to induce."""

ANSWER = 90 * DAY
"""Within what time the money must follow a payback."""


@dataclass(frozen=True)
class Inducement:
    """A payback that was answered: all transfers it rests on; the payback and the answer."""

    rows: list[int]
    telling: list[int]


def inducements(history: History) -> dict[int, Inducement]:
    """Return each induced sender's first inducement."""
    found: dict[int, Inducement] = {}
    for (sender, _), rows in by_line(history, np.flatnonzero(history.two_sided)).items():
        shown = None if sender in found else _first(history, rows)
        if shown is not None:
            found[sender] = shown
    return found


def _first(history: History, rows: list[int]) -> Inducement | None:
    """Return the first payback of a line that was small and was answered."""
    receipts = by_moment(history, [row for row in rows if history.incoming[row]])
    paybacks = by_moment(history, [row for row in rows if not history.incoming[row]])
    moments, sums = list(receipts), [0, *accumulate(receipts.values())]
    returned = 0
    for moment, paid in paybacks.items():
        returned += paid
        sent = sums[bisect_left(moments, moment)]
        answer = sums[bisect_left(moments, moment + ANSWER)] - sums[bisect_right(moments, moment)]
        if returned * INDUCED <= sent and paid * INDUCED <= answer:
            until = [row for row in rows if history.time[row] < moment + ANSWER]
            back = [r for r in until if history.time[r] == moment and not history.incoming[r]]
            then = [r for r in until if history.time[r] > moment and history.incoming[r]]
            return Inducement(until, [*back, *then])
    return None
