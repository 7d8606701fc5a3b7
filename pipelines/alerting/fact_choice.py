"""Which dated facts an alert tells: by one rule, so that nobody picks what looks worst.

What chance hardly makes, such as one odd amount from several senders, comes before sums of a day:
every busy address has days that hold much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from features.signal import Signal
from models.happenings import Happening

MOST, ENOUGH = 5, 3
"""Facts that are told, and how many are few."""

FOR, AGAINST, NEUTRAL = "for", "against", "neutral"

EXIT = "exit"
RARE = ("paid_back_then_more", "same_amount", "same_second", "taking_turns", "kept_the_same")
"""Kinds that chance hardly makes, the most telling first."""

_OTHERS = ("spread", "passed_on", "gathered", "stepped_up", "rested")
_FILLERS = ("largest_receipt", "largest_payment")
_PASSED = ("passed_on", "kept_the_same")
_VICTIMS = ("paid_back_then_more", "stepped_up", "same_amount", "gathered")
_OF_FAMILY = {"cash_out": (EXIT,), "cross_chain": (EXIT,), "victim_inflow": _VICTIMS}
_OF_NEEDS = {"in": ("same_second", "gathered"), "out": ("taking_turns", "spread")}

RULE = (
    "First one that chance hardly makes: a payer that was paid a little back and paid more, one "
    "odd amount from several, receipts of one second, receivers by turns, the same part kept. Then "
    "the day that holds at least half of all that came or went, in a history of a week or more; "
    "events of the kinds that the strongest reasons are about, until there are three; one that "
    "speaks against; and the largest exit of the trace. Then, up to five: the others that chance "
    "hardly makes, payments to many within a day, a large receipt paid out soonest in its coin, "
    "receipts from many within a day, a sender whose payments grew, a large receipt that rested; "
    "the largest receipt or payment only where fewer than three are told. Legs of a swap are no "
    "payment, and a service that pays for many is no single payer. Shown by date."
)


def choose(
    told: Mapping[str, Mapping[str, Any]],
    found: Mapping[str, Happening | None],
    signals: Sequence[Signal],
) -> list[str]:
    """Choose at most `MOST` kinds by `RULE`.

    Parameters
    ----------
    told
        The facts that could be told, by kind, each with its ``direction``.
    found
        The happenings behind them; an exit has none.
    signals
        Of the reasons, strongest first.
    """
    chosen: list[str] = []

    def take(kinds: Iterable[str], most: int) -> None:
        for kind in kinds:
            is_open = most > 0 and kind in told and kind not in chosen
            if is_open and not any(_repeats(kind, other, found) for other in chosen):
                chosen.append(kind)
                most -= 1

    take(RARE, 1)
    take(["concentrated"], 1)
    for signal in signals:
        if len(chosen) < ENOUGH:
            take(kinds_of(signal), 1)
    if not any(told[kind]["direction"] == AGAINST for kind in chosen):
        take([kind for kind in told if told[kind]["direction"] == AGAINST], 1)
    take([EXIT], 1)
    take([*RARE, *_OTHERS], MOST - len(chosen))
    take(_FILLERS, ENOUGH - len(chosen))
    return chosen


def kinds_of(signal: Signal) -> tuple[str, ...]:
    """Return the kinds of facts that a signal is about, the likeliest first."""
    return _OF_FAMILY.get(signal.family) or _OF_NEEDS.get(signal.needs) or _PASSED


def _repeats(kind: str, other: str, found: Mapping[str, Happening | None]) -> bool:
    """Say whether one fact tells nothing that another, which is told, does not.

    A sum that holds the transfers of what chance hardly makes says something else than that.
    """
    one, told = found.get(kind), found.get(other)
    if one is None or told is None:
        return False
    within = bool(np.isin(one.rows, told.rows).all())
    around = bool(np.isin(told.rows, one.rows).all())
    if other in RARE:
        return within
    return (within and around) if kind in RARE else (within or around)
