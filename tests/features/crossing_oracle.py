"""A second opinion on crossings: every pair of legs looked at, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.crossings import Legs

HOUR = 3_600_000_000
TWO_HOURS = 2 * HOUR
RIVALS = 256


@dataclass(frozen=True)
class Leg:
    """A transfer into (`deposit`) or out of a bridge; time in microseconds, amount in coins."""

    time: int
    amount: float
    deposit: bool
    chain: int = 0
    who: int = 0
    coin: int = 0
    evm: bool = True


@dataclass(frozen=True)
class Opinion:
    """What is expected of a leg; `pairs` gives the probability of each possible other leg."""

    matched: float
    best: float
    pairs: dict[int, float]
    crowded: bool
    undecided: bool


def legs_of(some: Sequence[Leg]) -> Legs:
    return Legs(
        time=np.array([leg.time for leg in some], np.int64),
        amount=np.array([leg.amount for leg in some], np.float64),
        deposit=np.array([leg.deposit for leg in some], np.bool_),
        coin=np.array([leg.coin for leg in some], np.int64),
        chain=np.array([leg.chain for leg in some], np.int64),
        who=np.array([leg.who for leg in some], np.int64),
        evm=np.array([leg.evm for leg in some], np.bool_),
    )


def weight(one: Leg, other: Leg) -> float:
    """Return the weight of two legs, 0 where they cannot belong together."""
    if one.deposit == other.deposit:
        return 0.0
    deposit, release = (one, other) if one.deposit else (other, one)
    minutes = (release.time - deposit.time) / 60_000_000
    kept = 1 - release.amount / deposit.amount
    if deposit.coin != release.coin or deposit.chain == release.chain:
        return 0.0
    if not 0 <= minutes < 120 or not -1e-9 <= kept <= 0.03 + 1e-9:
        return 0.0
    of_fee = 11 / (1 + max(kept, 0) / 0.003) ** 2
    of_delay = 9 / (1 + minutes / 15) ** 2
    of_address = 1.0
    if deposit.evm and release.evm:
        of_address = 10_000 if deposit.who == release.who else 0.1
    return of_fee * of_delay * of_address


def near(some: Sequence[Leg], i: int) -> list[int]:
    """Return the legs of the other direction and the same coin in a leg's window, by time."""
    own = some[i]
    found = []
    for j, leg in enumerate(some):
        delay = leg.time - own.time if own.deposit else own.time - leg.time
        if leg.deposit != own.deposit and leg.coin == own.coin and 0 <= delay < TWO_HOURS:
            found.append(j)
    return sorted(found, key=lambda j: abs(some[j].time - own.time))


def amount_class(leg: Leg) -> int:
    return math.floor(math.log(leg.amount) / (-math.log(0.97) * (1 + 1e-6)))


def compared(some: Sequence[Leg], i: int) -> tuple[list[int], float]:
    """Return the legs that one is compared with, and the weight of those left out."""
    own, close = some[i], near(some, i)
    classes = {amount_class(own), amount_class(own) + (-1 if own.deposit else 1)}
    possible = [j for j in close if amount_class(some[j]) in classes]
    if len(possible) <= RIVALS:
        return possible, 0.0
    same = [j for j in range(len(some)) if _elsewhere_in_time(some, i, j)]
    same.sort(key=lambda j: abs(some[j].time - own.time))
    left = len(same) - len(same[:RIVALS])
    return same[:RIVALS], 99.0 * (len(possible) + left * 10_000)


def _elsewhere_in_time(some: Sequence[Leg], i: int, j: int) -> bool:
    """Say whether leg `j` is the other direction's, of the same address, in the window of `i`."""
    own, leg = some[i], some[j]
    delay = leg.time - own.time if own.deposit else own.time - leg.time
    return leg.deposit != own.deposit and leg.who == own.who and 0 <= delay < TWO_HOURS


def second_opinion(some: Sequence[Leg]) -> list[Opinion]:
    """Return what is expected of each leg."""
    rivals = [compared(some, i) for i in range(len(some))]
    totals = [
        left + sum(weight(some[i], some[j]) for j in others)
        for i, (others, left) in enumerate(rivals)
    ]
    opinions = []
    for i, (others, left) in enumerate(rivals):
        pairs = {
            j: weight(some[i], some[j]) / (1 + max(totals[i], totals[j]))
            for j in others
            if weight(some[i], some[j]) > 0
        }
        matched, best = sum(pairs.values()), max(pairs.values(), default=0.0)
        in_crowd = left > 0 or any(rivals[j][1] > 0 for j in pairs)
        undecided = in_crowd and matched <= 0.5
        visible = any(
            leg.deposit != some[i].deposit
            and leg.chain != some[i].chain
            and 0
            <= (leg.time - some[i].time if some[i].deposit else some[i].time - leg.time)
            < TWO_HOURS
            for leg in some
        )
        if undecided or not visible:
            matched = best = math.nan
        opinions.append(Opinion(matched, best, pairs, left > 0, undecided))
    return opinions
