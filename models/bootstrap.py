"""Intervals by resampling groups: how far a metric would move on other cases of the same kind.

Addresses of one case are drawn together. Resampling single rows would count a hundred wallets of
one gang as a hundred independent observations, and give intervals that are far too narrow.

>>> random = np.random.default_rng(7)
>>> labels = random.integers(0, 2, 300)
>>> outcomes = Outcomes(labels, labels + random.normal(size=300))
>>> auc = estimates(outcomes, [METRICS["roc_auc"]])["roc_auc"]
>>> auc.low < auc.value < auc.high
True
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.metrics import METRICS, Metric, Outcomes, measure

RESAMPLES = 1000
CONFIDENCE = 0.95

MOST_DRAWN = 100_000_000
"""Rows drawn in all resamples together: of more than 100,000 rows fewer than 1,000 resamples are
taken, because of a million rows they would take an hour. `FEWEST` are taken of any number."""

FEWEST = 100

_CELLS = 4_000_000  # weights held at once, so that memory stays flat whatever the number of rows


@dataclass(frozen=True)
class Estimate:
    """A value with the limits of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """How much better score `a` is than score `b` on the same rows.

    Attributes
    ----------
    a, b : float
        The metric of each.
    difference, low, high : float
        a - b, with its 95 % interval over resampled groups.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float


def estimates(
    outcomes: Outcomes,
    metrics: Sequence[Metric] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> dict[str, Estimate | None]:
    """Measure metrics with bootstrap-over-groups intervals.

    Parameters
    ----------
    metrics
        Default: all of `METRICS`.
    resamples
        Draws of as many groups as there are, with replacement.
    seed
        Same seed, same groups: same intervals.

    Returns
    -------
    dict
        By metric name; None where the rows cannot resolve the metric.
    """
    chosen = list(METRICS.values()) if metrics is None else list(metrics)
    usable = [metric for metric in chosen if metric.resolvable(outcomes)]
    result: dict[str, Estimate | None] = {metric.name: None for metric in chosen}
    if not usable:
        return result
    drawn: dict[str, list[np.ndarray]] = {metric.name: [] for metric in usable}
    for weights in resampled(outcomes, resamples, seed):
        for metric in usable:
            drawn[metric.name].append(metric.compute(outcomes, weights))
    for metric in usable:
        low, high = interval(np.concatenate(drawn[metric.name]))
        result[metric.name] = Estimate(measure(metric, outcomes), low, high)
    return result


def affordable(resamples: int, n: int) -> int:
    """Return how many resamples are taken of `n` rows where so many are asked for.

    >>> affordable(1000, 50_000), affordable(1000, 500_000), affordable(1000, 10_000_000)
    (1000, 200, 100)
    """
    return min(resamples, max(FEWEST, MOST_DRAWN // max(1, n)))


def paired_bootstrap(
    labels: np.ndarray,
    score_a: np.ndarray,
    score_b: np.ndarray,
    groups: np.ndarray | None = None,
    metric: Metric | str = "pr_auc",
    *,
    weights: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> PairedDifference:
    """Compare two scores of the same rows: each resample measures both, and the difference counts.

    Parameters
    ----------
    labels, score_a, score_b
        One entry per row; scores on the log-odds scale.
    groups
        What is resampled together; absent, each row by itself.
    metric
        A metric, or its name in `METRICS`.
    weights
        What each row counts; absent, 1.

    Raises
    ------
    ValueError
        The metric is unknown, or the rows cannot resolve it.
    """
    chosen = _metric(metric)
    a, b = (Outcomes(labels, score, groups, weights=weights) for score in (score_a, score_b))
    if not (chosen.resolvable(a) and chosen.resolvable(b)):
        raise ValueError(
            f"{a.n_negative} negatives of {a.n} rows cannot resolve {chosen.name}; "
            f"it needs {chosen.min_negatives} negatives, {chosen.min_rows} rows, both classes."
        )
    # A group has the same number in both, so one seed draws the same groups in both.
    of_a, of_b = (
        np.concatenate([chosen.compute(x, w) for w in resampled(x, resamples, seed)])
        for x in (a, b)
    )
    low, high = interval(of_a - of_b)
    value_a, value_b = measure(chosen, a), measure(chosen, b)
    return PairedDifference(value_a, value_b, value_a - value_b, low, high)


def _metric(metric: Metric | str) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if metric not in METRICS:
        raise ValueError(f"Unknown metric {metric!r}. Expected one of: {', '.join(METRICS)}.")
    return METRICS[metric]


def resampled(outcomes: Outcomes, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks of weights (k, n): each row's own times how often its group was drawn.

    Of very many rows fewer are taken (`affordable`).
    """
    group_of = outcomes.group_of
    resamples = affordable(resamples, len(group_of))
    n_groups = int(group_of.max(initial=-1)) + 1
    random = np.random.default_rng(seed)
    # Drawn one resample at a time: the block size must not change which groups are drawn.
    block = max(1, _CELLS // max(1, len(group_of)))
    for start in range(0, resamples, block):
        draws = [
            np.bincount(random.integers(0, n_groups, n_groups), minlength=n_groups)
            for _ in range(min(block, resamples - start))
        ]
        yield np.stack(draws)[:, group_of] * outcomes.weights


def interval(drawn: np.ndarray) -> tuple[float, float]:
    """Return the central interval of resampled values, leaving out resamples without one class."""
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        return float("nan"), float("nan")
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)
