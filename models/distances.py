"""How far apart two samples of one measure are, and how far two halves of one sample would be.

Two distances, because they fail differently: Kolmogorov-Smirnov (the widest gap between the two
cumulative shares, 0 to 1, whatever the scale) and Wasserstein (how far values must move on average,
in the measure's own scale). A small reference differs from itself as well, so beside each distance
stands what two random halves of the reference differ by. Groups are resampled whole.

>>> kolmogorov_smirnov(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
0.5
>>> wasserstein(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
1.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
RESAMPLES = 200
CONFIDENCE = 0.95

Distance = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Sample:
    """Values of one measure, without NaN, beside the group each wallet belongs to."""

    values: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, groups: np.ndarray) -> Sample:
        """Keep what is defined, and number the groups."""
        known = ~np.isnan(values)
        return cls(values[known], np.unique(groups[known], return_inverse=True)[1])

    def __len__(self) -> int:
        return len(self.values)

    def redrawn(self, random: np.random.Generator) -> np.ndarray:
        """Return the values of as many groups as there are, drawn with replacement."""
        n = int(self.groups.max()) + 1
        times = np.bincount(random.integers(0, n, n), minlength=n)[self.groups]
        return np.repeat(self.values, times)

    def halved(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of two random halves of the groups."""
        n = int(self.groups.max()) + 1
        first = np.zeros(n, dtype=bool)
        first[random.permutation(n)[: n // 2]] = True
        return self.values[first[self.groups]], self.values[~first[self.groups]]


@dataclass(frozen=True)
class Distanced:
    """A distance with its interval, and what halves of the reference differ by.

    Attributes
    ----------
    value, low, high
        The distance, with a 95 % bootstrap interval over groups of both samples. Resampling adds
        noise of its own, so the interval of two equal samples does not reach down to 0.
    halves
        Median distance between two random halves of the reference; NaN with fewer than 4 groups.
    """

    value: float
    low: float
    high: float
    halves: float


def kolmogorov_smirnov(one: np.ndarray, other: np.ndarray) -> float:
    """Return the widest gap between two cumulative distributions."""
    one, other = np.sort(one), np.sort(other)
    at = np.concatenate([one, other])
    return float(np.abs(_cumulative(one, at) - _cumulative(other, at)).max())


def wasserstein(one: np.ndarray, other: np.ndarray) -> float:
    """Return the area between two cumulative distributions."""
    one, other = np.sort(one), np.sort(other)
    at = np.sort(np.concatenate([one, other]))
    gaps = np.abs(_cumulative(one, at[:-1]) - _cumulative(other, at[:-1]))
    return float((gaps * np.diff(at)).sum())


def distanced(
    distance: Distance,
    ours: Sample,
    reference: Sample,
    *,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Distanced:
    """Measure a distance with its interval and its baseline; NaN where a sample is empty."""
    if not len(ours) or not len(reference):
        return Distanced(np.nan, np.nan, np.nan, np.nan)
    random = np.random.default_rng(seed)
    drawn = [distance(ours.redrawn(random), reference.redrawn(random)) for _ in range(resamples)]
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(x) for x in np.quantile(drawn, [tail, 1 - tail]))
    halves = np.nan
    if int(reference.groups.max()) + 1 >= 4:
        split = [distance(*reference.halved(random)) for _ in range(resamples)]
        halves = float(np.median(split))
    return Distanced(distance(ours.values, reference.values), low, high, halves)


def _cumulative(ordered: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.searchsorted(ordered, at, side="right") / len(ordered)
