"""What validation shows of addresses that scored about like this one.

A band says one thing of all that reach it, and a score just below the next band is not one just
above the last. So the validation rows are put in order of their score and cut, from the highest,
into pieces of at least `FEWEST` rows; equal scores keep together. Two things are kept:

* **cuts**: the share of the addresses labelled as something else that score at least as high as
  each piece begins. Between the cut a score reaches and the next, the share is known.
* **steps**: the share of the rows of a piece that are positive. A higher score may not show a
  smaller share: neighbours that do are put together until none is left (isotonic regression), so a
  step may be many pieces.

A share of few rows is uncertain in two ways: by their number (Wilson's interval, unequal weights
counted as Kish does) and because rows of one case are not independent (bootstrap over groups). Each
can be the wider one, so the interval kept holds both. Shares are those at the prevalence of
validation, which is richer in positives than life.

>>> score = np.arange(100.0)
>>> found = by_score(score, (score >= 70).astype(float), score.astype(int), np.ones(100), seed=1)
>>> [(step.least, step.n, step.n_positive) for step in found.steps]
[(0.0, 50, 0), (50.0, 25, 5), (75.0, 25, 25)]
>>> step = found.step(60.0)
>>> step.share, step.low < 0.2 < step.high
(0.2, True)
>>> [round(cut.share, 2) for cut in found.cuts]
[1.0, 0.64, 0.29, 0.0]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.bootstrap import RESAMPLES, interval, resampled
from models.intervals import weighed
from models.metrics import Outcomes

FEWEST = 25
"""Rows of a piece, at least."""

_EQUAL = 1e-9  # shares nearer than this are equal: their sums are rounded


@dataclass(frozen=True)
class Step:
    """Validation rows of neighbouring scores.

    Attributes
    ----------
    least : float
        Log-odds from which on it holds; the first holds for anything below too.
    n, n_positive : int
        Rows, and those labelled positive.
    share, low, high : float
        The positives' share (by weight), with its 95 % interval.
    """

    least: float
    n: int
    n_positive: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Cut:
    """The share of negatives whose log-odds are at least `least`, with its 95 % interval."""

    least: float
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class ByScore:
    """Validation by score.

    Attributes
    ----------
    n, n_positive : int
        All rows, and those labelled positive.
    steps : tuple of Step
        From the lowest score; shares rise strictly.
    cuts : tuple of Cut
        From the lowest score.
    """

    n: int
    n_positive: int
    steps: tuple[Step, ...]
    cuts: tuple[Cut, ...]

    @property
    def _shares(self) -> tuple[Step | Cut, ...]:
        return (*self.steps, *self.cuts)

    def step(self, log_odds: float) -> Step:
        """Return the step that a score belongs to."""
        return self.steps[_place(self.steps, log_odds)]

    def after(self, step: Step) -> float | None:
        """Return the log-odds at which the next step begins; None for the highest."""
        following = [other.least for other in self.steps if other.least > step.least]
        return following[0] if following else None

    def reached(self, log_odds: float) -> tuple[Cut, Cut]:
        """Return the cut that a score does not quite reach, and the one it does, by share.

        The share of negatives that score at least as high lies between those of the two.
        """
        nobody, everybody = Cut(math.inf, 0.0, 0.0, 0.0), Cut(-math.inf, 1.0, 1.0, 1.0)
        if log_odds < self.cuts[0].least:
            return self.cuts[0], everybody
        place = _place(self.cuts, log_odds)
        return (*self.cuts, nobody)[place + 1], self.cuts[place]

    def rises(self) -> bool:
        """Say whether scores and shares of the steps rise, and the shares of the cuts fall."""
        return (
            min(len(self.steps), len(self.cuts)) > 0
            and all(a.least < b.least and a.share < b.share for a, b in pairwise(self.steps))
            and all(a.least < b.least and a.share >= b.share for a, b in pairwise(self.cuts))
            and all(0 <= s.low <= s.share <= s.high <= 1 for s in self._shares)
        )


def by_score(
    log_odds: np.ndarray,
    label: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> ByScore | None:
    """Read validation by score; None where it has fewer than `FEWEST` rows, or one class.

    Parameters
    ----------
    log_odds, label
        Calibrated, and 1 or 0.
    groups
        What is resampled together.
    weights
        What each row counts.
    seed
        Of the resamples.
    """
    counted = weights > 0
    if counted.sum() < FEWEST or len(np.unique(label[counted])) < 2:
        return None
    rows = Outcomes(label[counted], log_odds[counted], groups[counted], weights=weights[counted])
    ends = _cut(rows.scores)
    whole, positive = (_sums(rows.weights * of, ends) for of in (1, rows.labels))
    drawn = [
        (_sums(block, ends), _sums(block * rows.labels, ends))
        for block in resampled(rows, resamples, seed)
    ]
    drawn_whole, drawn_positive = (np.concatenate(sums) for sums in zip(*drawn, strict=True))
    steps, start = [], 0
    for end in _risen(positive, whole):
        some = slice(start, end)
        at = slice(0 if start == 0 else ends[start - 1], ends[end - 1])
        also = _spread(drawn_positive[:, some].sum(axis=1), drawn_whole[:, some].sum(axis=1))
        steps.append(
            Step(
                float(rows.scores[at.stop - 1]),
                at.stop - at.start,
                int(rows.labels[at].sum()),
                *_united(rows.labels[at] == 1, rows.weights[at], also),
            )
        )
        start = end
    cuts = _cuts(rows, ends, drawn_whole - drawn_positive)
    return ByScore(rows.n, int(rows.labels.sum()), tuple(steps[::-1]), cuts)


def _cuts(rows: Outcomes, ends: list[int], drawn: np.ndarray) -> tuple[Cut, ...]:
    """Say of each piece which share of the negatives scores at least as high as it begins."""
    negative = rows.labels == 0
    among, total = np.cumsum(drawn, axis=1), drawn.sum(axis=1)
    found = []
    for k, end in enumerate(ends):
        at_least = np.arange(len(negative))[negative] < end
        also = _spread(among[:, k], total)
        shares = _united(at_least, rows.weights[negative], also)
        found.append(Cut(float(rows.scores[end - 1]), *shares))
    return tuple(found[::-1])


def _cut(falling: np.ndarray) -> list[int]:
    """Return where pieces of at least `FEWEST` rows end; the last takes what is left over.

    >>> _cut(np.array([9.0] * 30 + [8.0] * 24 + [7.0] * 3 + [6.0] * 30))
    [30, 57, 87]
    """
    ends: list[int] = []
    start = 0
    for end in [*np.flatnonzero(np.diff(falling)) + 1, len(falling)]:
        if end - start >= FEWEST:
            ends.append(int(end))
            start = int(end)
    ends[-1:] = [len(falling)] if start < len(falling) else ends[-1:]
    return ends


def _sums(values: np.ndarray, ends: list[int]) -> np.ndarray:
    """Add up the last axis by piece."""
    return np.add.reduceat(values, [0, *ends[:-1]], axis=-1)


def _risen(positive: np.ndarray, whole: np.ndarray) -> list[int]:
    """Return after which pieces steps end, so that shares fall strictly from the highest.

    >>> _risen(np.array([4.0, 5.0, 1.0, 0.0, 0.0]), np.full(5, 5.0))  # 0.9, 0.2, 0
    [2, 3, 5]
    """
    kept: list[tuple[float, float, int]] = []
    for k, (hits, n) in enumerate(zip(positive.tolist(), whole.tolist(), strict=True), 1):
        while kept and kept[-1][0] * n <= hits * kept[-1][1] * (1 + _EQUAL):
            hits, n = hits + kept[-1][0], n + kept[-1][1]
            kept.pop()
        kept.append((hits, n, k))
    return [end for _, _, end in kept]


def _united(
    hits: np.ndarray, weights: np.ndarray, also: tuple[float, float]
) -> tuple[float, float, float]:
    """Return the share of hits with an interval that holds Wilson's and another one."""
    share, low, high = weighed(hits, weights)
    return share, max(0.0, min(low, share, also[0])), min(1.0, max(high, share, also[1]))


def _spread(hits: np.ndarray, n: np.ndarray) -> tuple[float, float]:
    """Return the bootstrap interval of a share; resamples without any of the rows tell nothing."""
    low, high = interval(hits[n > 0] / n[n > 0])
    return (1.0, 0.0) if math.isnan(low) else (low, high)


def _place(begins: Sequence[Step] | Sequence[Cut], log_odds: float) -> int:
    """Return the last that begins at or below a score, the first for anything lower."""
    return max((k for k in range(len(begins)) if begins[k].least <= log_odds), default=0)
