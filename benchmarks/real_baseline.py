"""The baseline on the real accounts: LightGBM on 27 plain aggregates of each history.

What a data scientist would try first: counts, sums, means, deviations, extremes and medians of the
amounts in each direction, distinct counterparties, gaps, lifetime, active days and two ratios. No
absolute dates; amounts are already multiples of the history's median.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from features.history import DAY, MICROSECONDS, Histories, History
from models.metrics import METRICS, Outcomes, measure
from models.training import PARAMETERS

AGGREGATES = (
    *(f"{what}_{side}" for side in ("in", "out")
      for what in ("n", "sum", "mean", "sd", "max", "min", "median", "counterparties", "mean_gap")),
    "span", "mean_gap", "median_gap", "sd_gap", "max_gap", "net", "active_days", "in_per_out",
    "out_share",
)  # fmt: skip


def plain_aggregates(histories: Histories) -> pl.DataFrame:
    """Return the 27 aggregates, one row per history, null where not defined."""
    rows = [_of(histories[i]) for i in range(len(histories))]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(AGGREGATES, pl.Float64), orient="row")
    return frame.fill_nan(None)


CANDIDATES: tuple[tuple[dict[str, Any], int], ...] = (
    ({"objective": "binary"}, 100),
    (PARAMETERS, 400),
    ({**PARAMETERS, "max_depth": 6, "num_leaves": 31, "feature_fraction": 0.6}, 400),
)
"""Parameters and trees the baseline may choose from, on validation: LightGBM's own defaults, the
project's, and a deeper variant."""


def scores(
    frame: pl.DataFrame, label: np.ndarray, part: np.ndarray, seeds: range
) -> list[np.ndarray]:
    """Train on the train part, one model a seed, and score every row (raw log-odds).

    The candidate with the best mean ROC-AUC on validation is taken.
    """
    inputs = frame.select(AGGREGATES).to_numpy()
    here = part == "validation"
    found = []
    for parameters, rounds in CANDIDATES:
        scored = [_fit(inputs, label, part == "train", parameters, rounds, s) for s in seeds]
        aucs = [measure(METRICS["roc_auc"], Outcomes(label[here], x[here])) for x in scored]
        found.append((float(np.mean(aucs)), scored))
    return max(found, key=lambda pair: pair[0])[1]


def _fit(
    inputs: np.ndarray,
    label: np.ndarray,
    train: np.ndarray,
    parameters: dict[str, Any],
    rounds: int,
    seed: int,
) -> np.ndarray:
    import lightgbm

    settings = {**parameters, "seed": seed, "deterministic": True, "force_row_wise": True}
    settings |= {"verbosity": -1, "num_threads": 1}
    data = lightgbm.Dataset(inputs[train], label[train].astype(float))
    booster = lightgbm.train(settings, data, num_boost_round=rounds)
    return np.asarray(booster.predict(inputs, raw_score=True))


def _of(h: History) -> list[float]:
    value, time = h.value / h.scale, h.time / MICROSECONDS
    sides = [_side(value[w], time[w], h.counterparty[w]) for w in (h.incoming, ~h.incoming)]
    gaps = np.diff(time)
    several = [gaps.mean(), np.median(gaps), gaps.std(), gaps.max()] if len(gaps) else [np.nan] * 4
    into, out = sides[0][1], sides[1][1]
    return [
        *sides[0],
        *sides[1],
        time[-1] - time[0] if len(time) else np.nan,
        *several,
        into - out,
        len(np.unique(h.time // DAY)),
        sides[0][0] / max(1, sides[1][0]),
        out / into if into else np.nan,
    ]


def _side(value: np.ndarray, time: np.ndarray, other: np.ndarray) -> list[float]:
    if not len(value):
        return [0.0, 0.0, *[np.nan] * 5, 0.0, np.nan]
    gaps = np.diff(time)
    return [
        len(value), value.sum(), value.mean(), value.std(), value.max(), value.min(),
        float(np.median(value)), len(np.unique(other)), gaps.mean() if len(gaps) else np.nan,
    ]  # fmt: skip
