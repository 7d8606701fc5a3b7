"""What no signal measures and an innocent explanation asks.

The rhythm of wages; and what went to exchanges by the lists as they stand when the alert is made.
Signals know of a list only what was known at the cut, so that a model may learn from them; whether
an address is a customer's deposit address is better answered with all that is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.history import DAY, History

RHYTHMS = ((7.0, 1.0), (14.0, 1.0), (30.4, 2.5))
"""Days between one pay day and the next, and by how many days one may miss: weekends, and months
of unequal length."""

FEWEST_AGAIN = 3
"""Payments to somebody paid before, from which a rhythm can be told."""


@dataclass(frozen=True)
class Measure:
    """A number of one history, beside the signals.

    Attributes
    ----------
    meaning
        One sentence for an analyst.
    unit
        As a signal's.
    null_meaning
        When there is no value.
    of
        Its function of a history; itself None for what is taken from the address's trace.
    """

    meaning: str
    unit: str
    null_meaning: str
    of: Callable[[History], float | None] | None


def rhythm_share(history: History) -> float | None:
    """Return the share of payments to known receivers that come a week, two or a month later.

    Each payment is compared with the one before to the same receiver; two within a day are one pay
    day.
    """
    out = history.outflows
    order = np.argsort(history.counterparty[out], kind="stable")
    who, time = history.counterparty[out][order], history.time[out][order]
    gaps = (np.diff(time) / DAY)[np.diff(who) == 0]
    gaps = gaps[gaps >= 1]
    if len(gaps) < FEWEST_AGAIN:
        return None
    in_step = np.logical_or.reduce([np.abs(gaps - every) <= miss for every, miss in RHYTHMS])
    return float(in_step.mean())


MEASURES: dict[str, Measure] = {
    "rhythm_share": Measure(
        "Share of its payments to a receiver paid before that come a week, two weeks or a month "
        "after the last, give or take a day or two.",
        "share",
        f"fewer than {FEWEST_AGAIN} payments, a day or more apart, to a receiver paid before",
        rhythm_share,
    ),
    "paid_exchanges_share": Measure(
        "Share of the value sent that went straight to known addresses of exchanges, by the lists "
        "as they stand now.",
        "share",
        "nothing with a dollar value was traced from it",
        None,
    ),
}
"""By name; no name is a signal's."""
