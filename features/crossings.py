"""Crossings: which deposit into a bridge and which release on another chain belong together.

A bridge takes coins on one chain and pays the same coin out on another, a little less and a little
later. No table of a ledger says which payment answers which deposit, so legs are matched by what
both show: the coin, the amount, the delay, and on EVM chains the address, because one key opens the
same address on all of them.

A deposit and a release **can** belong together if they are of one coin on two chains, the release
comes less than two hours after the deposit (not before it), and pays between 97 and 100 % of it.
The **weight** of such a pair is a likelihood ratio, of a crossing against a coincidence: it falls
with fee and delay, is large where both addresses are the same, and small where both chains are EVM
and they differ. A weight of 1 stands for a partner that is not among the loaded transfers. The
**probability** of a pair is its weight over 1 and the weights of all the pairs of its deposit, or
of its release: whichever gives less. So it is one number seen from both legs, each leg's add up to
less than 1, and a pair above one half is the only one of its legs: a *one-to-one* match. Legs that
share their probability among several are *ambiguous*.

Whatever a leg's probabilities rest on happens before two hours after it. From then on it is
**settled**: no later transfer changes them.

Worked example: a deposit of 1,000 USDT on Ethereum, and a release of 999 USDT on Arbitrum to the
same address nine minutes later. The fee of 0.1 % weighs 11 ÷ (1 + 1/3)², the delay
9 ÷ (1 + 9/15)², the address 10,000: together 217,529, and the probability is 0.999995. To an
address on Tron, which cannot be compared, the weight is 21.8 and the probability 0.96; with a
second release like it, each has 0.49, and the match is ambiguous.

Where more than `MOST_RIVALS` legs of the other direction lie within two hours and the same few per
cent of the amount, the moment is **crowded**: the leg is compared with those of its own address
alone, and each of the others weighs as much as a pair without fee and delay. Its probabilities are
then too low rather than too high. A leg that this, its own crowd or that of a possible other leg,
leaves at one half or below is **undecided**: nothing is said of it, and it is counted.

Sources
-------
Read as excerpts: Wanchain's documentation of bridge fees, read 2026 (a service fee below 0.2 % on
most routes, and a network fee from parts of a cent to dozens of dollars); second-hand: an article
on five bridges (596885.xyz: cBridge 0 to 0.5 %, Hop 0.04 %, the destination's fee besides); a
review of a study of the bridge between Ethereum and Polygon, which links transactions by address,
amount, token and a tolerance in time. Two hours: FATF's Targeted Report of March 2026, not read.
The typical fee and delay, and the weights of addresses, are assumed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from features.compilation import keep_compiled, kernel
from features.history import HOUR, MINUTE

WINDOW = 2 * HOUR
"""A release comes less than this after its deposit; a leg has settled this long after itself."""

MOST_FEE = 0.03
"""What a bridge keeps at most, as a share of the deposit: percentages of up to 0.5 % and, of small
sums, a flat fee besides."""

MOST_RIVALS = 256
"""Legs that one is compared with, at most; see above."""

_TYPICAL_FEE, _TYPICAL_DELAY = 0.003, 15 * MINUTE
_SAME_ADDRESS, _OTHER_ADDRESS = 10_000.0, 0.1
"""Nine in ten cross to their own address, and hardly anybody to one's own by coincidence."""

_FULL = (1 + MOST_FEE / _TYPICAL_FEE) * (1 + WINDOW / _TYPICAL_DELAY)
"""The weight of a pair without fee and delay: density against an even one, of fee times delay."""

_EQUAL = 1e-9
"""Amounts that differ by less are the same (both are rounded to 53 bits)."""

_STEP = -math.log1p(-MOST_FEE) * (1 + 1e-6)
"""Logarithmic width of the classes of amounts: a pair's legs are in one, or in two neighbours."""

_KEYS_PER_COIN, _MIDDLE = 1 << 20, 1 << 19


class Legs(NamedTuple):
    """Transfers into and out of bridges, in one fixed order.

    Attributes
    ----------
    time
        int64 microseconds.
    amount
        float64 above zero, in whole coins.
    deposit
        bool; True into a bridge, False out of one.
    coin, chain, who
        int64 codes: of the coin, the chain, and the text of the address that is not the bridge's.
    evm
        bool: addresses of this chain can be compared with those of others.
    """

    time: np.ndarray
    amount: np.ndarray
    deposit: np.ndarray
    coin: np.ndarray
    chain: np.ndarray
    who: np.ndarray
    evm: np.ndarray


class Matches(NamedTuple):
    """What is found of each leg.

    Attributes
    ----------
    matched
        float64: the probability that some loaded leg belongs to it; NaN where nothing can be said:
        no leg of the other direction was loaded on another chain in its window, or it is undecided.
    best
        float64: the probability of the likeliest leg; NaN where `matched` is.
    partner
        int64: the likeliest leg (of equals the first), -1 where there is none.
    crowded, undecided
        bool: compared with its own address alone; not decided for that reason.
    steps
        How many pairs were looked at.
    """

    matched: np.ndarray
    best: np.ndarray
    partner: np.ndarray
    crowded: np.ndarray
    undecided: np.ndarray
    steps: int


class _Sorted(NamedTuple):
    """Legs of one direction, by a key and then by time."""

    key: np.ndarray
    time: np.ndarray
    leg: np.ndarray


def match(legs: Legs) -> Matches:
    """Match deposits and releases.

    Examples
    --------
    >>> minutes = np.array([0, 9, 9]) * MINUTE
    >>> same = np.zeros(3, np.int64)
    >>> found = match(
    ...     Legs(
    ...         time=minutes,
    ...         amount=np.array([1000.0, 999.0, 999.0]),
    ...         deposit=np.array([True, False, False]),
    ...         coin=same,
    ...         chain=np.array([0, 1, 1]),
    ...         who=np.array([5, 5, 6]),
    ...         evm=np.array([True, True, True]),
    ...     )
    ... )
    >>> found.matched.round(3).tolist(), found.partner.tolist()
    ([1.0, 1.0, 0.0], [1, 0, 0])
    """
    keep_compiled(_match)
    classes = np.floor(np.log(legs.amount) / _STEP).astype(np.int64)
    keys = legs.coin * _KEYS_PER_COIN + _MIDDLE + classes
    n = len(legs.time)
    matched, best = np.zeros(n), np.zeros(n)
    partner = np.full(n, -1)
    crowded, undecided = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    sides = (np.flatnonzero(~legs.deposit), np.flatnonzero(legs.deposit))
    steps = _match(
        legs,
        keys,
        tuple(_sorted(keys, legs.time, side) for side in sides),
        tuple(_sorted(legs.who, legs.time, side) for side in sides),
        (matched, best, partner, crowded, undecided),
    )
    silent = undecided | ~_something_elsewhere(legs)
    matched[silent] = best[silent] = np.nan
    partner[silent] = -1
    return Matches(matched, best, partner, crowded, undecided, steps)


def _sorted(key: np.ndarray, time: np.ndarray, some: np.ndarray) -> _Sorted:
    order = some[np.lexsort((some, time[some], key[some]))]
    return _Sorted(key[order], time[order], order)


def _something_elsewhere(legs: Legs) -> np.ndarray:
    """Say of each leg whether a leg of the other direction is seen elsewhere in its window.

    Where none is, the other chain may well not be loaded at all, and no match means nothing.
    """
    seen = np.zeros(len(legs.time), dtype=np.int64)
    for deposit, since, until in ((True, 0, WINDOW), (False, 1 - WINDOW, 1)):
        own, others = legs.deposit == deposit, legs.deposit != deposit
        start, end = legs.time[own] + since, legs.time[own] + until
        for chain in np.unique(legs.chain[others]).tolist():
            times = np.sort(legs.time[others & (legs.chain == chain)])
            inside = np.searchsorted(times, end) - np.searchsorted(times, start)
            seen[own] += np.where(legs.chain[own] != chain, inside, 0)
    return seen > 0


@kernel
def _match(
    legs: Legs,
    keys: np.ndarray,
    by_amount: tuple[_Sorted, _Sorted],
    by_address: tuple[_Sorted, _Sorted],
    out: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> int:  # pragma: no cover (compiled)
    """Fill the arrays of `Matches` and return the number of pairs looked at."""
    matched, best, partner, crowded, undecided = out
    found = np.empty(MOST_RIVALS, np.int64)
    totals = np.empty(len(keys))
    steps = 0
    for i in range(len(keys)):
        n, others = _rivals(legs, keys, by_amount, by_address, i, found)
        total = others
        for k in range(n):
            total += _weight(legs, i, found[k])
        totals[i], crowded[i] = total, others > 0
        steps += n
    for i in range(len(keys)):
        n, _ = _rivals(legs, keys, by_amount, by_address, i, found)
        in_crowd = crowded[i]
        for k in range(n):
            j = found[k]
            weight = _weight(legs, i, j)
            if weight == 0:
                continue
            in_crowd |= crowded[j]
            probability = weight / (1 + max(totals[i], totals[j]))
            matched[i] += probability
            if probability > best[i] or (probability == best[i] and j < partner[i]):
                best[i], partner[i] = probability, j
        undecided[i] = in_crowd and matched[i] <= 0.5
        steps += n
    return steps


@kernel
def _rivals(
    legs: Legs,
    keys: np.ndarray,
    by_amount: tuple[_Sorted, _Sorted],
    by_address: tuple[_Sorted, _Sorted],
    i: int,
    found: np.ndarray,
) -> tuple[int, float]:  # pragma: no cover (compiled)
    """Find the legs to compare leg `i` with; return how many, and the weight of those left out."""
    if legs.deposit[i]:
        side, key = 0, keys[i] - 1
        start, end = legs.time[i], legs.time[i] + WINDOW
    else:
        side, key = 1, keys[i]
        start, end = legs.time[i] - WINDOW + 1, legs.time[i] + 1
    amounts, addresses = by_amount[side], by_address[side]
    a, b = _first(amounts, key, start), _first(amounts, key, end)
    c, d = _first(amounts, key + 1, start), _first(amounts, key + 1, end)
    n = (b - a) + (d - c)
    if n <= MOST_RIVALS:
        found[: b - a] = amounts.leg[a:b]
        found[b - a : n] = amounts.leg[c:d]
        return n, 0.0
    a, b = _first(addresses, legs.who[i], start), _first(addresses, legs.who[i], end)
    same = min(b - a, MOST_RIVALS)  # those nearest in time
    if side == 0:
        found[:same] = addresses.leg[a : a + same]
    else:
        found[:same] = addresses.leg[b - same : b]
    return same, _FULL * (n + (b - a - same) * _SAME_ADDRESS)


@kernel
def _first(some: _Sorted, key: int, time: int) -> int:  # pragma: no cover (compiled)
    """Return the first place of a key and a time not before `time`."""
    low, high = 0, len(some.key)
    while low < high:
        middle = (low + high) // 2
        before = some.key[middle] < key or (some.key[middle] == key and some.time[middle] < time)
        if before:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _weight(legs: Legs, i: int, j: int) -> float:  # pragma: no cover (compiled)
    """Return the weight of a deposit and a release; 0 where they cannot belong together."""
    d, r = (i, j) if legs.deposit[i] else (j, i)
    delay = legs.time[r] - legs.time[d]
    fee = 1 - legs.amount[r] / legs.amount[d]
    if (
        legs.coin[d] != legs.coin[r]
        or legs.chain[d] == legs.chain[r]
        or not 0 <= delay < WINDOW
        or not -_EQUAL <= fee <= MOST_FEE + _EQUAL
    ):
        return 0.0
    apart = (1 + max(fee, 0.0) / _TYPICAL_FEE) * (1 + delay / _TYPICAL_DELAY)
    weight = _FULL / (apart * apart)
    if legs.evm[d] and legs.evm[r]:
        weight *= _SAME_ADDRESS if legs.who[d] == legs.who[r] else _OTHER_ADDRESS
    return weight
