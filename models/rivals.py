"""Rivals: simpler models on the same rows, and whether boosting is worth its price.

A boosted model has to be explained, approved and watched. If a rule, a line or a forest ranks as
well, it should not be used. So four rivals are always trained beside it, on the same inputs and the
same train rows, and measured on the same rows of test:

* ``logistic_regression`` – one weight a signal, on the hyperbolic arcsine of its value, medians in
  place of nulls, and a weight for being null;
* ``random_forest`` – trees that each see a sample, grown deep;
* ``isolation_forest`` – knows no label: how unusual a row is among all;
* ``red_flags`` – no learning but thresholds: how many red flags the row raises, where a signal
  raises its flags with a value above that of 95 % of the negatives of train (or below, for those
  that a low value raises) where all parts of the flag hold (`models.flagging`), as on an alert.

None of them is calibrated; only the order of rows is compared, in pairs over resampled groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from features.signal import Signal
from models.bootstrap import paired_bootstrap
from models.flagging import stand
from models.material import ROW_KEY, matrix, row_weights
from models.metrics import METRICS, Outcomes

COMPARED = ("pr_auc", "roc_auc")
RESAMPLES = 500
UNUSUAL = 0.95

MOST_ROWS = 100_000
"""Rivals learn from at most so many rows, spread evenly over the train rows in their order."""

TREES = 100

Scorer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Lesson:
    """What a rival learns from.

    Attributes
    ----------
    signals : sequence of Signal
        The columns of `inputs`.
    inputs : numpy.ndarray
        float64, NaN for null.
    label, weight : numpy.ndarray
        Per row.
    seed, threads : int
        Of everything random; for forests, which are the same on any number of threads.
    """

    signals: Sequence[Signal]
    inputs: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    seed: int
    threads: int


def logistic_regression(lesson: Lesson) -> Scorer:
    """Fit a line through the log-odds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    medians = _medians(lesson.inputs)
    scale = StandardScaler().fit(_filled(lesson.inputs, medians))
    model = LogisticRegression(C=0.1, max_iter=2000)
    model.fit(scale.transform(_filled(lesson.inputs, medians)), lesson.label, lesson.weight)
    return lambda rows: _floats(model.decision_function(scale.transform(_filled(rows, medians))))


def random_forest(lesson: Lesson) -> Scorer:
    """Grow a forest of deep trees."""
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(
        n_estimators=TREES, min_samples_leaf=3, random_state=lesson.seed, n_jobs=lesson.threads
    )
    model.fit(lesson.inputs, lesson.label, lesson.weight)
    model.n_jobs = 1  # threads would add up the trees in any order
    return lambda rows: _floats(model.predict_proba(rows)[:, 1])


def isolation_forest(lesson: Lesson) -> Scorer:
    """Grow a forest that knows no labels; what is cut off early is unusual."""
    from sklearn.ensemble import IsolationForest

    medians = _medians(lesson.inputs)
    model = IsolationForest(n_estimators=TREES, random_state=lesson.seed, n_jobs=lesson.threads)
    model.fit(_filled(lesson.inputs, medians))
    model.n_jobs = 1
    return lambda rows: _floats(-model.score_samples(_filled(rows, medians)))


def red_flags(lesson: Lesson) -> Scorer:
    """Count the red flags that stand, raised by values beyond those of 95 % of the negatives."""
    negatives = lesson.inputs[lesson.label == 0]
    rules: dict[str, list[tuple[int, float, float]]] = {}
    for column, signal in enumerate(lesson.signals):
        known = negatives[:, column]
        known = known[~np.isnan(known)]
        for flag in signal.red_flags if len(known) else ():
            sign = -1.0 if flag in signal.flags_when_low else 1.0
            limit = float(np.quantile(sign * known, UNUSUAL))
            rules.setdefault(flag, []).append((column, sign, limit))

    def raised(rows: np.ndarray) -> np.ndarray:
        columns = {signal.name: rows[:, k] for k, signal in enumerate(lesson.signals)}
        count = np.zeros(len(rows))
        for flag, signals in rules.items():
            hit = np.zeros(len(rows), dtype=bool)
            for column, sign, limit in signals:
                hit |= sign * rows[:, column] > limit  # NaN is beyond nothing
            count += hit & stand(flag, columns, len(rows))
        return count

    return raised


RIVALS: dict[str, Callable[[Lesson], Scorer]] = {
    rival.__name__: rival
    for rival in (logistic_regression, random_forest, isolation_forest, red_flags)
}
"""All rivals, by name."""


def against_rivals(
    train: pl.DataFrame,
    judged: pl.DataFrame,
    signals: Sequence[Signal],
    *,
    seed: int = 1,
    threads: int = 1,
) -> dict[str, Any] | None:
    """Train the rivals and compare each with the model.

    Parameters
    ----------
    train
        The rows the model learned from: its inputs, ``label``, the key of a row, and where known
        ``weight`` and ``selection_probability``.
    judged
        Rows it has not seen: inputs, ``label``, ``group`` and the model's own ``log_odds``.
    signals
        The inputs, in order.

    Returns
    -------
    dict or None
        ``trained_on`` (rows), ``n``, ``n_positive``, per rival the value of each of `COMPARED`
        and how much better the model is, with its interval, and the ``verdict``. None where
        `judged` lacks a class.
    """
    if judged["label"].n_unique() < 2:
        return None
    rows = train.sort(*ROW_KEY, "label")
    rows = rows.gather_every(-(-rows.height // MOST_ROWS))
    names = [signal.name for signal in signals]
    label = rows["label"].to_numpy().astype(np.float64)
    lesson = Lesson(signals, matrix(rows, names), label, row_weights(rows), seed, threads)
    seen = judged.sort(*ROW_KEY, "label")
    inputs = matrix(seen, names)
    told = {name: _compared(seen, fit(lesson)(inputs), seed) for name, fit in RIVALS.items()}
    return {
        "trained_on": rows.height,
        "n": seen.height,
        "n_positive": int(seen["label"].sum()),
        "rivals": told,
        "verdict": verdict(told),
    }


def verdict(told: dict[str, dict[str, Any]]) -> str:
    """Say whether boosting is worth it, from the comparison with the best of the rivals.

    >>> def rival(low, high):
    ...     told = {"model": 0.6, "rival": 0.5, "difference": 0.1, "low": low, "high": high}
    ...     return {"red_flags": {"pr_auc": told}}
    >>> verdict(rival(0.02, 0.2)).partition(":")[0]
    'Boosting is worth it'
    >>> verdict(rival(-0.1, 0.2)).partition(":")[0]
    'That boosting is worth it is not shown'
    """
    best = max(told, key=lambda name: float(told[name]["pr_auc"]["rival"]))
    found = told[best]["pr_auc"]
    head = "That boosting is worth it is not shown"
    if found["low"] > 0:
        head = "Boosting is worth it"
    elif found["high"] < 0:
        head = "Boosting is not worth it"
    return (
        f"{head}: its PR-AUC is {found['model']:.3f}, that of the best of the simpler models "
        f"({best.replace('_', ' ')}) {found['rival']:.3f}; the difference is "
        f"{found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]."
    )


def _compared(seen: pl.DataFrame, score: np.ndarray, seed: int) -> dict[str, Any]:
    label, group, weights = seen["label"].to_numpy(), seen["group"].to_numpy(), row_weights(seen)
    ours = seen["log_odds"].to_numpy()
    found: dict[str, Any] = {}
    for name in COMPARED:
        if not METRICS[name].resolvable(Outcomes(label, score, group, weights=weights)):
            continue
        paired = paired_bootstrap(
            label, ours, score, group, METRICS[name],
            weights=weights, resamples=RESAMPLES, seed=seed,
        )  # fmt: skip
        found[name] = {
            "model": paired.a,
            "rival": paired.b,
            "difference": paired.difference,
            "low": paired.low,
            "high": paired.high,
        }
    return found


def _medians(inputs: np.ndarray) -> np.ndarray:
    held = np.where(np.isnan(inputs), np.nan, np.arcsinh(inputs))
    some = ~np.isnan(held).all(axis=0)
    medians = np.zeros(held.shape[1])
    medians[some] = np.nanmedian(held[:, some], axis=0)
    return medians


def _filled(inputs: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Return bounded values without gaps, and beside them which were gaps."""
    gaps = np.isnan(inputs)
    return np.hstack([np.where(gaps, medians, np.arcsinh(inputs)), gaps.astype(np.float64)])


def _floats(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)
