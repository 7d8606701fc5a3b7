"""Baselines: what one threshold on one signal can do.

A labelled set that a single signal separates teaches nothing about a model, and a model that is not
clearly better than its best signal is not worth its explanation.

>>> frame = pl.DataFrame({"a": [1.0, 2.0, 3.0, None], "b": [5.0, 5.0, 5.0, 5.0]})
>>> single_signal_auc(frame, np.array([0, 0, 1, 1]), ["a", "b"]).rows()
[('a', 1.0, 'up', 3), ('b', 0.5, 'up', 4)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.metrics import METRICS, Outcomes, measure


@dataclass(frozen=True)
class Ranking:
    """One signal as a score: larger is riskier, and no row is without one.

    Attributes
    ----------
    score : numpy.ndarray
        float64, shape (rows,).
    roc_auc : float
        At least 0.5.
    direction : str
        ``up`` (more of the signal is riskier) or ``down``.
    """

    score: np.ndarray
    roc_auc: float
    direction: str


def best_ranking(values: pl.Series, label: np.ndarray) -> Ranking:
    """Turn a signal into the score that separates the labels best.

    Rows where it is null are ranked all below or all above the others.
    """
    numbers = values.cast(pl.Float64)
    known = numbers.drop_nulls()
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    found = []
    for fill in (_number(low) - 1, _number(high) + 1):
        for sign, direction in ((1, "up"), (-1, "down")):
            score = sign * numbers.fill_null(fill).to_numpy()
            found.append(Ranking(score, _auc(label, score), direction))
    return max(found, key=lambda ranking: ranking.roc_auc)


def single_signal_auc(
    frame: pl.DataFrame, label: np.ndarray, signals: Sequence[str]
) -> pl.DataFrame:
    """Measure each signal as if it were the score.

    Parameters
    ----------
    frame
        One row per labelled address, one column per signal.
    label
        1 or 0 per row.
    signals
        Names of the columns.

    Returns
    -------
    polars.DataFrame
        ``signal``, ``roc_auc`` (in the better direction, at least 0.5; rows where the signal is
        null are ranked all below or all above the others, whichever separates better),
        ``direction`` (``up``: more is riskier), ``n`` (rows that have it); best first.
    """
    rows = []
    for name in signals:
        ranking = best_ranking(frame[name], label)
        n = len(frame) - frame[name].null_count()
        rows.append((name, ranking.roc_auc, ranking.direction, n))
    table = pl.DataFrame(
        rows,
        schema={
            "signal": pl.String(),
            "roc_auc": pl.Float64(),
            "direction": pl.String(),
            "n": pl.Int64(),
        },
        orient="row",
    )
    return table.sort("roc_auc", "signal", descending=[True, False])


def _auc(label: np.ndarray, score: np.ndarray) -> float:
    return measure(METRICS["roc_auc"], Outcomes(label, score))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
