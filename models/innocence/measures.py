"""What no signal measures and an innocent explanation asks.

Who paid and was paid without swap venues, bridges and wallets of services, which are nobody's
customers; money that goes to and fro in like sums, which small payments back to somebody who then
pays far more do not; the rhythm of wages; and what went to exchanges, or came to the owner
elsewhere, by lists and traces as they stand when the alert is made. Signals know of a list only
what was known at the cut, so that a model may learn from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from features.history import DAY, History
from models.other_side import paid, third_parties

RHYTHMS = ((7.0, 1.0), (14.0, 1.0), (30.4, 2.5))
"""Days between one pay day and the next, and by how many days one may miss: weekends, and months
of unequal length."""

FEWEST_AGAIN = 3
"""Payments to somebody paid before, from which a rhythm can be told."""

ALIKE = 0.2
"""Of the larger of two sums between the same two, from which the smaller one answers it."""


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


def measured(history: History) -> dict[str, float | None]:
    """Return all measures that a history alone gives, by name."""
    return {name: one.of(history) for name, one in MEASURES.items() if one.of is not None}


def rhythm_share(history: History) -> float | None:
    """Return the share of payments to known receivers that come a week, two or a month later.

    Each payment is compared with the one before to the same receiver; two within a day are one pay
    day.
    """
    return _rhythm(history, history.outflows)


def income_rhythm_share(history: History) -> float | None:
    """Return the same of receipts from known senders."""
    own = history.take(third_parties(history))
    return _rhythm(own, own.inflows)


def party_senders(history: History) -> float:
    """Return how many addresses paid it, venues and services left out."""
    return float(len(_sums(history)[0]))


def party_receivers(history: History) -> float:
    """Return how many addresses it paid, venues and services left out."""
    return float(len(_sums(history)[1]))


def top_party_share(history: History) -> float | None:
    """Return the largest sender's share of what such addresses paid."""
    into, _ = _sums(history)
    total = sum(into.values())
    return max(into.values()) / total if total else None


def balanced_share(history: History) -> float | None:
    """Return the share of value that the same address paid and was paid, in like measure.

    Of each counterparty the smaller of what came and what went counts twice: a small payment back
    adds little.
    """
    into, out = _sums(history)
    total = sum(into.values()) + sum(out.values())
    both = into.keys() & out.keys()
    return sum(2 * min(into[who], out[who]) for who in both) / total if total else None


def balanced_parties(history: History) -> float:
    """Return with how many addresses what came and what went are alike (`ALIKE`)."""
    into, out = _sums(history)
    pairs = [sorted((into[who], out[who])) for who in into.keys() & out.keys()]
    return float(sum(less >= ALIKE * more for less, more in pairs))


def busiest_day_in_share(history: History) -> float | None:
    """Return the share of what it received, swaps left out, that came in the busiest 24 hours."""
    own = history.take(paid(history))
    into = own.inflows
    sums = np.concatenate([[0.0], np.cumsum(own.value[into].astype(np.float64))])
    if not len(into) or not sums[-1]:
        return None
    first = np.searchsorted(own.time[into], own.time[into] - DAY, side="right")
    return float((sums[1:] - sums[first]).max() / sums[-1])


def back_to_funder_share(history: History) -> float | None:
    """Return the share of what it paid that went to the address that had paid it first."""
    own = history.take(third_parties(history))
    total = sum(own.value[own.outflows].tolist())
    if not len(own.inflows) or not total:
        return None
    back = own.outflows[own.counterparty[own.outflows] == own.counterparty[own.inflows[0]]]
    return sum(own.value[back].tolist()) / total


def _rhythm(history: History, rows: np.ndarray) -> float | None:
    order = np.argsort(history.counterparty[rows], kind="stable")
    who, time = history.counterparty[rows][order], history.time[rows][order]
    gaps = (np.diff(time) / DAY)[np.diff(who) == 0]
    gaps = gaps[gaps >= 1]
    if len(gaps) < FEWEST_AGAIN:
        return None
    in_step = np.logical_or.reduce([np.abs(gaps - every) <= miss for every, miss in RHYTHMS])
    return float(in_step.mean())


def _sums(history: History) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Return what came from, and went to, each address that is nobody's service."""
    own = history.take(third_parties(history))
    into, out = Counter[int](), Counter[int]()
    for who, value, incoming in zip(
        own.counterparty.tolist(), own.value.tolist(), own.incoming.tolist(), strict=True
    ):
        (into if incoming else out)[who] += value
    return into, out


_REGULAR = "that come a week, two weeks or a month after the last, give or take a day or two."
_ASIDE = "swap venues, bridges and wallets of services left out"

MEASURES: dict[str, Measure] = {
    "rhythm_share": Measure(
        f"Share of its payments to a receiver paid before {_REGULAR}",
        "share",
        f"fewer than {FEWEST_AGAIN} payments, a day or more apart, to a receiver paid before",
        rhythm_share,
    ),
    "income_rhythm_share": Measure(
        f"Share of its receipts from a sender that had paid before {_REGULAR}",
        "share",
        f"fewer than {FEWEST_AGAIN} receipts, a day or more apart, from a sender that paid before",
        income_rhythm_share,
    ),
    "party_senders": Measure(
        f"Number of addresses that paid it, {_ASIDE}.", "addresses", "never null", party_senders
    ),
    "party_receivers": Measure(
        f"Number of addresses it paid, {_ASIDE}.", "addresses", "never null", party_receivers
    ),
    "top_party_share": Measure(
        f"Share of what others paid it, {_ASIDE}, that came from the largest sender.",
        "share",
        "nobody paid it but services",
        top_party_share,
    ),
    "balanced_share": Measure(
        "Share of its value that came from and went to the same address in like measure, "
        f"{_ASIDE}: of each, twice the smaller side.",
        "share",
        "all it received and paid was with services",
        balanced_share,
    ),
    "balanced_parties": Measure(
        "Number of addresses that paid it and that it paid, the smaller side at least a fifth of "
        f"the larger, {_ASIDE}.",
        "addresses",
        "never null",
        balanced_parties,
    ),
    "busiest_day_in_share": Measure(
        "Share of the value received, swaps left out, that came within the busiest 24 hours.",
        "share",
        "nothing was received",
        busiest_day_in_share,
    ),
    "own_way_share": Measure(
        "Share of the value it paid that went back to the address that paid it first; or, if that "
        "is more, of what was traced forward that came to the same address on another chain.",
        "share",
        "it was not paid, or paid nobody but services",
        back_to_funder_share,
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
