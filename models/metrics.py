"""How good a score is: ranking and probability metrics, each as a function of row weights.

With the weights of the rows themselves a metric is itself; with those times how often each row was
drawn it is one bootstrap resample. So one vectorised pass over a (resamples x rows) matrix gives a
whole interval (`models.bootstrap`), and a metric is written down once.

A row weighs 1 unless it was chosen with a known probability p: then it stands for 1 / p rows, and
the weighted metric is that of everybody the rows were chosen from.

>>> labels = np.array([1, 1, 0, 1, 0, 0])
>>> scores = np.array([3.0, 2.0, 1.5, 1.0, 0.5, 0.1])
>>> round(measure(METRICS["roc_auc"], Outcomes(labels, scores)), 3)
0.889

A false-positive rate below what the negatives can show is not a measurement: with 296 negatives,
1 % are three addresses. Such a metric is NaN here and null in `evaluation.json`. Of weighted rows
it takes as many in the highest `rate` of the negatives' weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

RESOLUTION = 10
"""A false-positive rate f is resolved by at least `RESOLUTION` / f negatives of equal weight."""

_BINS = 10
_SMALLEST = 1e-15


class Outcomes:
    """Labels beside scores, in one canonical order: results do not depend on the order given.

    Parameters
    ----------
    labels : numpy.ndarray
        1 for positive, 0 for negative.
    scores : numpy.ndarray
        Log-odds, higher for more suspicious. Ties count as ties.
    groups : numpy.ndarray, optional
        What is resampled together (case, or address); absent, each row by itself.
    probabilities : numpy.ndarray, optional
        What `f1`, `accuracy`, `brier`, `log_loss` and the calibration error look at; absent, the
        logistic function of `scores`.
    weights : numpy.ndarray, optional
        What each row counts; absent, 1.

    Attributes
    ----------
    labels, scores, groups, probabilities, weights : numpy.ndarray
        As given, highest score first.
    group_of : numpy.ndarray
        Number of each row's group.
    tie_ends : numpy.ndarray
        Index of the last row of each run of equal scores.

    Raises
    ------
    ValueError
        A label is neither 0 nor 1, a score is not finite, or a weight is not finite or below 0.
    """

    def __init__(
        self,
        labels: np.ndarray,
        scores: np.ndarray,
        groups: np.ndarray | None = None,
        probabilities: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        labels = np.asarray(labels, dtype=np.float64)
        scores = np.asarray(scores, dtype=np.float64)
        if not np.isin(labels, (0.0, 1.0)).all() or not np.isfinite(scores).all():
            raise ValueError("Metrics need labels of 0 and 1 and finite scores.")
        counted = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
        if not (np.isfinite(counted) & (counted >= 0)).all():
            raise ValueError("Metrics need finite weights of 0 or more.")
        given = np.arange(len(labels)) if groups is None else np.asarray(groups)
        group_of = np.unique(given, return_inverse=True)[1]
        chance = logistic(scores) if probabilities is None else np.asarray(probabilities)
        order = np.lexsort((group_of, counted, labels, -scores))
        self.labels = labels[order]
        self.scores = scores[order]
        self.groups = given[order]
        self.probabilities = chance[order].astype(np.float64)
        self.group_of = group_of[order]
        self.weights = counted[order]
        last_of_tie = np.append(np.diff(self.scores) != 0, True)[: len(scores)]
        self.tie_ends = np.flatnonzero(last_of_tie)

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.labels)

    @property
    def n_positive(self) -> int:
        """Rows with label 1."""
        return int(self.labels.sum())

    @property
    def n_negative(self) -> int:
        """Rows with label 0."""
        return self.n - self.n_positive

    @property
    def size(self) -> float:
        """How many rows the rows stand for."""
        return float(self.weights.sum())

    @property
    def prevalence(self) -> float | None:
        """Share of positives among those the rows stand for; None without any."""
        return float(self.weights @ self.labels) / self.size if self.size else None

    @property
    def both_classes(self) -> bool:
        """Whether there are positives and negatives that count."""
        return 0.0 < float(self.weights @ self.labels) < self.size

    def show_rate(self, rate: float) -> bool:
        """Return whether `RESOLUTION` negatives lie in the highest `rate` of their weight."""
        reached = np.cumsum(self.weights[(self.labels == 0) & (self.weights > 0)])
        return int((reached <= rate * reached[-1:] + 1e-9).sum()) >= RESOLUTION


@dataclass(frozen=True)
class Metric:
    """A metric over many weightings at once.

    Attributes
    ----------
    name : str
        As in `evaluation.json`.
    compute : callable
        (outcomes, weights of shape (k, n)) -> array of k values; NaN where undefined.
    rate : float, optional
        The false-positive rate that the negatives have to show, else the metric is null.
    min_rows : int
        With fewer, it is null too.
    """

    name: str
    compute: Callable[[Outcomes, np.ndarray], np.ndarray]
    rate: float | None = None
    min_rows: int = 2

    @property
    def min_negatives(self) -> int:
        """How many negatives it takes, where all weigh the same."""
        return 1 if self.rate is None else negatives_for(self.rate)

    def resolvable(self, outcomes: Outcomes) -> bool:
        """Return whether these rows can resolve the metric: enough of them, and both classes."""
        return (
            outcomes.n >= self.min_rows
            and outcomes.both_classes
            and (self.rate is None or outcomes.show_rate(self.rate))
        )


def logistic(log_odds: np.ndarray) -> np.ndarray:
    """Turn log-odds into probabilities without overflow.

    >>> logistic(np.array([-800.0, 0.0, 800.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    smaller = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, smaller) / (1.0 + smaller)


def measure(metric: Metric, outcomes: Outcomes) -> float:
    """Return one metric on the rows as they are; NaN where they cannot resolve it."""
    if not metric.resolvable(outcomes):
        return float("nan")
    return float(metric.compute(outcomes, outcomes.weights[None, :])[0])


def negatives_for(false_positive_rate: float) -> int:
    """Return how many negatives it takes to resolve a false-positive rate.

    >>> negatives_for(0.01)
    1000
    """
    return round(RESOLUTION / false_positive_rate)


# --- ranking: cumulative true and false positives, read at the ends of ties -----------------------


def counts_at_ties(outcomes: Outcomes, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return true and false positives with everything down to each distinct score flagged."""
    flagged = np.cumsum(weights, axis=1)[:, outcomes.tie_ends]
    true = np.cumsum(weights * outcomes.labels, axis=1)[:, outcomes.tie_ends]
    return true, flagged - true


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide, with NaN for a whole of zero."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def steps(cumulative: np.ndarray) -> np.ndarray:
    """Return what each tie adds to cumulative counts."""
    return np.diff(cumulative, axis=1, prepend=0.0)


def _roc_auc(outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
    """Chance that a positive outranks a negative; ties count half."""
    true, false = counts_at_ties(outcomes, weights)
    area = (steps(false) * (true - steps(true) / 2)).sum(axis=1)
    return ratio(area, true[:, -1] * false[:, -1])


def _pr_auc(outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
    """Average precision: precision at each distinct score, weighted by the recall it adds."""
    true, false = counts_at_ties(outcomes, weights)
    flagged = true + false
    precision = np.divide(true, flagged, out=np.zeros_like(true), where=flagged > 0)
    return ratio((steps(true) * precision).sum(axis=1), true[:, -1])


def _recall_at_fpr(outcomes: Outcomes, weights: np.ndarray, *, rate: float) -> np.ndarray:
    """Largest recall of any threshold whose false-positive rate is at most `rate`."""
    true, false = counts_at_ties(outcomes, weights)
    allowed = false <= rate * false[:, -1:] + 1e-9
    return ratio(np.where(allowed, true, 0.0).max(axis=1), true[:, -1])


def _precision_at_k(outcomes: Outcomes, weights: np.ndarray, *, k: int) -> np.ndarray:
    """Share of positives among the k highest; a tie at the border counts in proportion.

    Of weighted rows, the k highest of those the rows stand for.
    """
    hits, taken = among_highest(*counts_at_ties(outcomes, weights), k)
    return ratio(hits, taken)


def among_highest(
    true: np.ndarray, false: np.ndarray, most: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many of the highest are positive, and how many there are; ties in proportion.

    Parameters
    ----------
    true, false
        Cumulative counts, as `counts_at_ties` returns them.
    most
        How many are taken, or an array of shape (k, 1).
    """
    share = share_taken(true, false, most)
    hits = (share * steps(true)).sum(axis=1)
    return hits, hits + (share * steps(false)).sum(axis=1)


def share_taken(true: np.ndarray, false: np.ndarray, most: np.ndarray | float) -> np.ndarray:
    """Return which share of each tie is among the highest; parameters as in `among_highest`."""
    of_tie = steps(true + false)
    taken = np.clip(most - (true + false - of_tie), 0.0, of_tie)
    return np.divide(taken, of_tie, out=np.zeros_like(of_tie), where=of_tie > 0)


# --- decisions and probabilities ------------------------------------------------------------------


def _f1(outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
    """F1 of the positives when a probability of one half or more is a yes."""
    yes = outcomes.probabilities >= 0.5
    hits = weights @ (yes * outcomes.labels)
    return ratio(2 * hits, weights @ yes.astype(np.float64) + weights @ outcomes.labels)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return ratio((weights * values).sum(axis=1), weights.sum(axis=1))


def _accuracy(outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
    right = (outcomes.probabilities >= 0.5) == (outcomes.labels == 1)
    return _mean(right.astype(np.float64), weights)


def _brier(outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
    return _mean((outcomes.probabilities - outcomes.labels) ** 2, weights)


def _log_loss(outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
    chance = np.clip(outcomes.probabilities, _SMALLEST, 1 - _SMALLEST)
    return _mean(-np.where(outcomes.labels == 1, np.log(chance), np.log1p(-chance)), weights)


def _calibration_error(outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
    """Return the expected calibration error over ten probability bins of equal width."""
    bins = np.minimum((outcomes.probabilities * _BINS).astype(np.int64), _BINS - 1)
    member = (bins[:, None] == np.arange(_BINS)).astype(np.float64)
    gaps = weights @ (member * (outcomes.probabilities - outcomes.labels)[:, None])
    return ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", _roc_auc),
        Metric("pr_auc", _pr_auc),
        Metric("recall_at_fpr_0.001", partial(_recall_at_fpr, rate=0.001), 0.001),
        Metric("recall_at_fpr_0.01", partial(_recall_at_fpr, rate=0.01), 0.01),
        Metric("precision_at_100", partial(_precision_at_k, k=100), min_rows=100),
        Metric("f1", _f1),
        Metric("accuracy", _accuracy),
        Metric("brier", _brier),
        Metric("log_loss", _log_loss),
        Metric("expected_calibration_error", _calibration_error),
    )
}
"""Every metric of `evaluation.json`, in its order."""


def recall_at_fpr(rate: float) -> Metric:
    """Return the recall metric at any false-positive rate, with its own need of negatives."""
    return Metric(f"recall_at_fpr_{rate:g}", partial(_recall_at_fpr, rate=rate), rate)


MOST_POINTS = 200


def precision_recall(outcomes: Outcomes, base_rate: float) -> list[dict[str, float | None]]:
    """Return the precision-recall curve, thinned to `MOST_POINTS`.

    Returns
    -------
    list of dict
        From the highest score down: ``log_odds`` (flagged from here on), ``recall``, ``precision``
        on these rows, and ``precision_at_base_rate``: null above fewer than `RESOLUTION` negatives,
        which show no false-positive rate. Empty without a positive or a negative.
    """
    if not outcomes.both_classes:
        return []
    true, false = (counts[0] for counts in counts_at_ties(outcomes, outcomes.weights[None, :]))
    rows = counts_at_ties(outcomes, np.ones((1, outcomes.n)))[1][0]
    recall, fpr = true / true[-1], false / false[-1]
    right = base_rate * recall
    restated = ratio(right, right + (1 - base_rate) * fpr)
    precision = ratio(true, true + false)
    kept = np.unique(np.linspace(0, len(true) - 1, min(MOST_POINTS, len(true))).astype(np.int64))
    kept = kept[true[kept] + false[kept] > 0]
    return [
        {
            "log_odds": float(outcomes.scores[outcomes.tie_ends[k]]),
            "recall": float(recall[k]),
            "precision": float(precision[k]),
            "precision_at_base_rate": float(restated[k]) if rows[k] >= RESOLUTION else None,
        }
        for k in kept
    ]
