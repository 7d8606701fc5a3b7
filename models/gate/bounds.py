"""What the gate asks for, with the reason for each number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from models.bootstrap import RESAMPLES


@dataclass(frozen=True)
class Bounds:
    """The gate's numbers. They are choices; the comments say why these.

    Attributes
    ----------
    positive_groups, negatives : int
        Fewest held-out cases of positives (not addresses: wallets of one case say one thing), and
        fewest held-out negatives. 30 cases bring the interval of a recall to about +/- 15 points;
        200 negatives are what the band `medium` needs to show its rate of 5 %.
    maturity : timedelta
        A label younger than this is not yet used: victims report weeks later, so a fresh
        "reviewed and fine" is often only "not reported yet".
    pr_auc, roc_auc, recall, coverage : float
        How much worse than the champion is still the same: below what retraining on another seed
        moves these figures by. `coverage` is the share of addresses that get a score at all; a
        model must not win by keeping silent.
    slice_share, population_share : float
        A slice matters if it holds this share of what is looked at; smaller ones are looked at
        together. Ordinary populations are many, so theirs is lower.
    slice_rows : int
        Fewest positives, and negatives, of a slice that say anything.
    slope, intercept : (float, float)
        Of the logistic recalibration on held-out rows. At a slope of 0.7 an odds of 1:1000 is
        stated where 1:125 is true, which is the most a reader should be misled by.
    victims : float
        Upper 95 % limit of the share of victims that are presented as suspects.
    ratio : float
        Most that a false-positive rate may be above the overall one.
    resamples, seed : int
        Of the bootstrap.
    """

    positive_groups: int = 30
    negatives: int = 200
    maturity: timedelta = timedelta(days=30)
    pr_auc: float = 0.02
    roc_auc: float = 0.02
    recall: float = 0.05
    coverage: float = 0.02
    slice_share: float = 0.05
    population_share: float = 0.01
    slice_rows: int = 20
    slope: tuple[float, float] = (0.7, 1.4)
    intercept: tuple[float, float] = (-0.7, 0.7)
    victims: float = 0.001
    ratio: float = 1.25
    resamples: int = RESAMPLES
    seed: int = 1
