"""How well facts that are no behaviour tell the classes apart, all by themselves.

A small forest of boosted trees learns the label from the facts in question alone and is measured on
groups it has not seen (`FOLDS`-fold cross-validation by group). If even that ranks well, a model
that is given such facts, or anything that moves with them, will learn them instead of behaviour. A
finding rests on the lower limit of the interval, so that few labels do not cry wolf.

>>> label = np.tile([0.0, 1.0], 100)
>>> groups = pl.Series([str(i) for i in range(200)])
>>> told = apart(pl.DataFrame({"fact": label}), label, groups)
>>> told is not None and told.low > 0.99
True
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import polars as pl

from models.bootstrap import Estimate, estimates
from models.leakage.finding import Measured
from models.metrics import METRICS, Outcomes

FOLDS = 4
RESAMPLES = 200
FEWEST = 20
"""Fewer rows of a class are too few to say anything."""

MOST = 50_000
"""Of more rows, about so many are looked at: whole groups, chosen by the hash of their names."""

_ROUNDS = 30
_PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "max_depth": 3,
    "num_leaves": 7,
    "learning_rate": 0.15,
    "min_data_in_leaf": 10,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
    "seed": 1,
}


def apart(facts: pl.DataFrame, label: np.ndarray, groups: pl.Series) -> Estimate | None:
    """Measure how well facts alone rank positives before negatives.

    Parameters
    ----------
    facts
        One column per fact; numbers, truth values or moments, null where unknown.
    label
        1 or 0 per row.
    groups
        What must not stand on two sides.

    Returns
    -------
    Estimate or None
        ROC-AUC of rows whose group took no part in learning, with a 95 % interval over groups;
        None where a class has fewer than `FEWEST` rows, or no fact varies.
    """
    chosen = np.array([_hash(group) for group in groups], dtype=np.uint64)
    if len(chosen) > MOST:
        kept = chosen // FOLDS % 2**20 < 2**20 * MOST // len(chosen)
        facts, label, groups, chosen = (
            facts.filter(kept), label[kept], groups.filter(kept), chosen[kept]
        )  # fmt: skip
    columns = [_numbers(column) for column in facts if column.n_unique() > 1]
    positives = int(label.sum())
    if not columns or min(positives, len(label) - positives) < FEWEST:
        return None
    inputs = np.stack(columns, axis=1)
    fold = chosen % FOLDS
    score = np.zeros(len(label))
    for held in range(FOLDS):
        here = fold == held
        if here.any():
            score[here] = _learned(inputs[~here], label[~here], inputs[here])
    return ranked(score, label, groups.to_numpy())


def ranked(score: np.ndarray, label: np.ndarray, groups: np.ndarray) -> Estimate | None:
    """Return the ROC-AUC of a score with its interval; None where a class is too few."""
    if min(label.sum(), len(label) - label.sum()) < FEWEST:
        return None
    outcomes = Outcomes(label, score, groups)
    return estimates(outcomes, [METRICS["roc_auc"]], resamples=RESAMPLES)["roc_auc"]


def beyond(told: Estimate | None, limit: float) -> Measured | None:
    """Return the number of a finding, or None: nothing was told, or its lower end may pass."""
    if told is None or told.low <= limit:
        return None
    return Measured(told.value, limit, told.low, told.high)


def _learned(inputs: np.ndarray, label: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return log-odds less those of the fold's own prevalence, so that folds can be compared."""
    import lightgbm

    share = label.mean() if len(label) else 0.0
    if not 0 < share < 1:
        return np.zeros(len(held))
    data = lightgbm.Dataset(inputs, label=label)
    booster = lightgbm.train(_PARAMETERS, data, num_boost_round=_ROUNDS)
    raw = np.asarray(booster.predict(held, raw_score=True), dtype=np.float64)
    return raw - np.log(share / (1 - share))


def _numbers(column: pl.Series) -> np.ndarray:
    if column.dtype == pl.String:
        column = column.rank("dense")
    elif column.dtype.is_temporal():
        column = column.dt.timestamp("us")
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _hash(group: str) -> int:
    """Return a number that depends on a group's name alone, whatever the order of rows."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "little")
