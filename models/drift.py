"""Drift: whether two windows of addresses differ by more than chance and by enough to matter.

Addresses of the reference and of the current window are **paired at equal age** (the time since an
address's first transfer), because every count grows with age and a year-old wallet says nothing
about a new one. Each address stands in one pair only. Had nothing changed, either member of a pair
could as well have stood on the other side, so the sign of each difference would be a coin toss.
The chance of a sum of such coin tosses is bounded whatever the values: heavy tails, ties, nulls
and dependence between signals change nothing about the guarantee. It rests on one assumption: that
pairs are independent. Wallets of one owner that enter a window together are not; where they are
many, the chance is understated.

Three things are asked of each value: its **place** (ranks), its **spread** (squared distance of the
rank from the middle), and of each yes or no its **share**. An effect is the mean difference of a
pair in standard deviations of the pooled ranks, or of the yes and no; for bell-shaped values a
shift of the mean by d standard deviations is an effect of 0.98 d in place.

>>> random = np.random.default_rng(1)
>>> told = compared(random.normal(0.5, 1, 900), random.normal(size=900), "place")
>>> 0.4 < told.effect < 0.6, told.p < 1e-9
(True, True)
>>> nothing = compared(random.normal(size=900), random.normal(size=900), "place")
>>> abs(nothing.effect) < 0.15, nothing.p > 0.01
(True, True)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import bdtr, ndtr, ndtri

FALSE_ALARMS = 0.001
"""At most this share of window pairs between which nothing changed raises any alarm at all."""

LEAST_EFFECT = 0.1
"""Smaller effects never alarm, however many rows show them, in standard deviations."""

POWER = 0.95
"""The chance with which a shift of the stated size would have been found."""

STEPS_PER_DOUBLING = 4
"""Ages within a quarter of a doubling (19 %) count as equal."""

PLACE, SPREAD, SHARE = "place", "spread", "share"

_TAIL = 1 / (4 * float(ndtr(-math.sqrt(2))))
"""A weighted sum of coin tosses with variance 1 exceeds any x at most so many times as often as a
standard normal: 3.178 (Bentkus and Dzindzalieta, Bernoulli 21 (2015) 1205-1237)."""

_YOUNGEST = 1 / 24


@dataclass(frozen=True)
class Side:
    """The addresses of one window.

    Attributes
    ----------
    age : numpy.ndarray
        Days since the first transfer; NaN for an address without one.
    order : numpy.ndarray
        A number per address that has nothing to do with what it does, such as a hash: it decides
        which addresses are paired where one side has more of an age.
    """

    age: np.ndarray
    order: np.ndarray

    def __len__(self) -> int:
        return len(self.age)


class Pairing:
    """Pairs of addresses of equal age, one of each window.

    Parameters
    ----------
    current, reference : Side
        No address may stand on both sides.
    by_age : bool
        False pairs without regard to age, to compare the ages themselves.

    Examples
    --------
    >>> young, old, none = 3.0, 320.0, math.nan
    >>> current = Side(np.array([old, young, none]), np.array([1, 2, 3]))
    >>> reference = Side(np.array([young, 310.0, young]), np.array([9, 8, 7]))
    >>> [rows.tolist() for rows in Pairing(current, reference).pairs()]
    [[1, 0], [2, 1]]
    """

    def __init__(self, current: Side, reference: Side, *, by_age: bool = True) -> None:
        levels = [
            _level(side.age) if by_age else np.zeros(len(side)) for side in (current, reference)
        ]
        codes = np.unique(np.concatenate(levels), return_inverse=True)[1]
        self._n_levels = int(codes.max(initial=-1)) + 1
        self._level = codes[: len(current)], codes[len(current) :]
        self._drawn = [
            np.lexsort((side.order, level))
            for side, level in zip((current, reference), self._level, strict=True)
        ]

    def pairs(
        self, current: np.ndarray | None = None, reference: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the row numbers of pairs, current beside reference.

        Within a level of age it is the `order` alone that pairs. Pairing the youngest with the
        youngest would be closer, and wrong: the signs of neighbouring differences would then hang
        together, and what grows with age would alarm where nothing changed.

        Parameters
        ----------
        current, reference
            Which rows may be paired; default: all. Rows are drawn anew among them, so that a value
            that half of the addresses lack still has as many pairs as it can.
        """
        drawn = [self._among(0, current), self._among(1, reference)]
        counts = [
            np.bincount(level[rows], minlength=self._n_levels)
            for rows, level in zip(drawn, self._level, strict=True)
        ]
        quota = np.minimum(*counts)
        chosen = []
        for rows, level, count in zip(drawn, self._level, counts, strict=True):
            of_row = level[rows]
            nth = np.arange(len(rows)) - (np.cumsum(count) - count)[of_row]
            chosen.append(rows[nth < quota[of_row]])
        return chosen[0], chosen[1]

    def _among(self, side: int, allowed: np.ndarray | None) -> np.ndarray:
        rows = self._drawn[side]
        return rows if allowed is None else rows[allowed[rows]]


@dataclass(frozen=True)
class Compared:
    """One comparison of two windows.

    Attributes
    ----------
    n : int
        Pairs.
    effect : float
        Current minus reference, in standard deviations; 0 where all values are equal.
    p : float
        At least the chance of an effect so far from 0 where nothing changed.
    least_p : float
        The smallest `p` that these values could have given, whichever side they stood on.
    """

    n: int
    effect: float
    p: float
    least_p: float


@dataclass(frozen=True)
class Finding:
    """A comparison with its name and what came of it.

    Attributes
    ----------
    about : str
        ``signal``, ``score``, ``status``, ``coverage``, ``age`` or ``performance``.
    name : str
        The signal, band, status, leg.
    what : str
        `PLACE`, `SPREAD` or `SHARE`.
    reference, current : float or None
        The median, the distance between the quartiles, or the share; None without any value.
    compared : Compared
        The comparison.
    p_adjusted : float
        `p` times what it takes to ask so many questions at once (Holm); 1 where it was not
        counted, because it could not have alarmed.
    counted : bool
        Whether it is one of the questions.
    alarm : bool
        Whether it is unlikely enough, and large enough.
    """

    about: str
    name: str
    what: str
    reference: float | None
    current: float | None
    compared: Compared
    p_adjusted: float = 1.0
    counted: bool = False
    alarm: bool = False


def compared(current: np.ndarray, reference: np.ndarray, what: str) -> Compared:
    """Compare paired values.

    Parameters
    ----------
    current, reference
        One value per pair, none of them NaN; for `SHARE` 0 or 1.
    what
        `PLACE`, `SPREAD` or `SHARE`.

    Raises
    ------
    ValueError
        `what` is none of the three, or the sides differ in length.
    """
    if what not in (PLACE, SPREAD, SHARE) or len(current) != len(reference):
        raise ValueError(
            f"Expected {PLACE}, {SPREAD} or {SHARE} and as many current as reference values. Got "
            f"{what!r}, {len(current)} and {len(reference)}."
        )
    pooled = _pooled(current, reference)
    if what == SHARE:
        return _compared(pooled, SHARE)
    ranks = _ranks(pooled)
    return _compared(ranks if what == PLACE else _off_middle(ranks), what)


def placed(current: np.ndarray, reference: np.ndarray) -> tuple[Compared, Compared]:
    """Compare `PLACE` and `SPREAD` of paired values; as two calls of `compared`, in half the time.

    >>> one, other = np.array([1.0, 5.0, 2.0]), np.array([4.0, 3.0, 9.0])
    >>> placed(one, other) == (compared(one, other, PLACE), compared(one, other, SPREAD))
    True
    """
    ranks = _ranks(_pooled(current, reference))
    return _compared(ranks, PLACE), _compared(_off_middle(ranks), SPREAD)


def judged(
    findings: Iterable[Finding],
    *,
    false_alarms: float = FALSE_ALARMS,
    least_effect: float = LEAST_EFFECT,
) -> list[Finding]:
    """Say which findings are alarms, so that all of them together keep the rate of false alarms.

    Holm's procedure over all questions that could have alarmed. Which those are does not depend on
    which side anything stood on, so leaving the others out costs nothing of the guarantee.

    >>> small, sure = Compared(9_000, 0.04, 1e-9, 0.0), Compared(900, 0.4, 1e-9, 0.0)
    >>> told = [Finding("signal", "a", PLACE, 0.0, 1.0, c) for c in (small, sure)]
    >>> [(finding.p_adjusted < 0.001, finding.alarm) for finding in judged(told)]
    [(True, False), (True, True)]
    """
    found = list(findings)
    counted = [i for i, f in enumerate(found) if f.compared.least_p <= false_alarms]
    counted.sort(key=lambda i: found[i].compared.p)
    highest = 0.0
    for place, i in enumerate(counted):
        highest = max(highest, min(1.0, found[i].compared.p * (len(counted) - place)))
        large = abs(found[i].compared.effect) >= least_effect
        alarm = highest <= false_alarms and large
        found[i] = replace(found[i], p_adjusted=highest, counted=True, alarm=alarm)
    return found


def detectable(
    pairs: int,
    questions: int,
    *,
    false_alarms: float = FALSE_ALARMS,
    least_effect: float = LEAST_EFFECT,
) -> float | None:
    """Return the least effect that would have alarmed with the chance `POWER`; None without pairs.

    Parameters
    ----------
    pairs
        Pairs that have the value.
    questions
        Questions asked at once.

    Examples
    --------
    >>> [round(detectable(n, 250), 2) for n in (500, 1000, 4000)]
    [0.41, 0.29, 0.15]
    """
    if pairs == 0:
        return None
    error = math.sqrt(2 / pairs)
    far = -float(ndtri(false_alarms / max(questions, 1) / (2 * _TAIL)))
    return max(far * error, least_effect) + float(ndtri(POWER)) * error


def pairs_needed(effect: float, questions: int, **limits: float) -> int | None:
    """Return how many pairs it takes to find an effect; None where it is too small to alarm.

    >>> pairs_needed(0.3, 250), pairs_needed(0.05, 250)
    (937, None)
    """
    if effect <= limits.get("least_effect", LEAST_EFFECT):
        return None
    low, high = 0, 1
    while (detectable(high, questions, **limits) or math.inf) > effect:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        found = detectable(middle, questions, **limits)
        low, high = (low, middle) if found is not None and found <= effect else (middle, high)
    return high


def _level(age: np.ndarray) -> np.ndarray:
    """Return which ages count as equal; those without one are a level of their own."""
    steps = np.floor(STEPS_PER_DOUBLING * np.log2(np.maximum(age, _YOUNGEST)))
    return np.where(np.isnan(age), -np.inf, steps)


def _pooled(current: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.concatenate([current, reference]).astype(np.float64)


def _off_middle(ranks: np.ndarray) -> np.ndarray:
    return (ranks - 0.5) ** 2


def _compared(pooled: np.ndarray, what: str) -> Compared:
    """Compare the first half of some numbers with the second, pair by pair."""
    n = len(pooled) // 2
    difference = pooled[:n] - pooled[n:]
    if not difference.any():
        return Compared(n, 0.0, 1.0, 1.0)
    effect = float(difference.mean() / pooled.std())
    if what == SHARE:
        more, less = int((difference > 0).sum()), int((difference < 0).sum())
        return Compared(n, effect, _coin(min(more, less), more + less), _coin(0, more + less))
    size = math.sqrt(float((difference**2).sum()))
    return Compared(
        n,
        effect,
        _tosses(abs(float(difference.sum())) / size),
        _tosses(float(np.abs(difference).sum()) / size),
    )


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return mid-ranks between 0 and 1: equal values share one."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return ((np.cumsum(counts) - counts / 2) / len(values))[which]


def _coin(rarer: int, tosses: int) -> float:
    """Return the chance that a fair coin falls so unevenly, or more."""
    return min(1.0, 2 * float(bdtr(rarer, tosses, 0.5)))


def _tosses(far: float) -> float:
    """Return a bound on the chance of a weighted sum of coin tosses, in its own deviations."""
    return min(1.0, 2 * _TAIL * float(ndtr(-far)))
