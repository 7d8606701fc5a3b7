"""`evaluation.json`: how good a model is on each split, with intervals and without excuses.

Per split: counts, the metrics of `models.metrics` with 95 % intervals over groups, how many
addresses had no score and why, how each band splits positives from negatives, and, where the rows
name their population (a role, a kind of benign look-alike), the share of each population that is
flagged.

Two things are kept apart. *Ranking* metrics look at the score as it is. *Probability* metrics (F1,
accuracy, Brier, log loss, calibration error) look at the score taken back to the prevalence it was
calibrated at, because at a stated base rate of one in ten thousand every probability on a
half-positive test set would be "wrong". The prevalence of the split stands beside PR-AUC, which
means nothing without it.

Rows that were chosen with a known probability (alerts, and the random addresses beside them) count
weight / selection_probability, as in training and calibration: every figure then speaks of all the
addresses they were chosen from. Counts (`n`, bands) are of rows, and `weighted` says what the rows
stand for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.bands import BANDS, Thresholds, bands
from models.bootstrap import CONFIDENCE, RESAMPLES, affordable, estimates
from models.calibration import Calibration
from models.intervals import weighed
from models.label_quarters import by_quarter
from models.material import row_weights
from models.metrics import METRICS, Outcomes, logistic, precision_recall
from models.queue import MILLION, MOST_RESAMPLES, budgets
from models.reliability import reliability
from models.slices import sliced
from models.status import SCORED


@dataclass(frozen=True)
class Judge:
    """What turns log-odds into probabilities and bands."""

    calibration: Calibration
    thresholds: Thresholds


def evaluate_splits(
    table: pl.DataFrame, judge: Judge, *, resamples: int = RESAMPLES, seed: int = 1
) -> dict[str, Any]:
    """Build the content of `evaluation.json`.

    Parameters
    ----------
    table
        One row per labelled address: `part` (name of its split), `label`, `status`, `log_odds`
        (null unless scored), `group`, and where known `as_of`, `available_at`, `population`,
        `weight` and `selection_probability`.
    judge
        The calibration and thresholds of the model.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    dict
        ``label_maturity`` (`models.label_quarters`), ``splits`` by name, each as `evaluate_split`,
        and how they were measured.
    """
    parts = table["part"].drop_nulls().unique().sort().to_list()
    order = {name: at for at, name in enumerate(("train", "validation", "test"))}
    parts.sort(key=lambda name: (order.get(name, len(order)), name))
    return {
        "label_maturity": _maturity(table, parts[-1:], seed),
        "splits": {
            part: evaluate_split(
                table.filter(pl.col("part") == part),
                judge,
                resamples,
                seed,
                in_sample=part == "train",
            )
            for part in parts
        },
        "interval": {"confidence": CONFIDENCE, "method": "percentile bootstrap over groups",
                     "resamples": resamples, "seed": seed},
        "base_rate": judge.calibration.base_rate,
        "probabilities_at_prevalence": judge.calibration.prevalence,
        "notes": [
            "train is in-sample: the model has seen it",
            "validation chose the calibration and the bands",
            "null: the rows cannot resolve the metric (fewer negatives than 10 / FPR, fewer than "
            "100 rows, or one class only)",
            "weighted, where it is not null: a row counts weight / selection_probability, so rates "
            "are those of all the rows were chosen from; counts are of rows",
        ],
    }  # fmt: skip


def evaluate_split(
    rows: pl.DataFrame,
    judge: Judge,
    resamples: int = RESAMPLES,
    seed: int = 1,
    *,
    in_sample: bool = False,
) -> dict[str, Any]:
    """Measure one split; `rows` as in `evaluate_splits`.

    Where the model has seen the rows, budgets, reliability, the curve and slices are left out: they
    would be read as promises.
    """
    # A row of weight 0 is there to count for nothing.
    scored = rows.filter(pl.col("status") == SCORED, row_weights(rows) > 0)
    log_odds = scored["log_odds"].to_numpy().astype(np.float64)
    outcomes = Outcomes(
        scored["label"].to_numpy(),
        log_odds,
        scored["group"].to_numpy(),
        logistic(judge.calibration.at_prevalence(log_odds)),
        row_weights(scored),
    )
    measured = estimates(outcomes, resamples=resamples, seed=seed)
    return {
        "n": outcomes.n,
        "n_positive": outcomes.n_positive,
        "n_groups": scored["group"].n_unique(),
        "n_groups_positive": scored.filter(pl.col("label") == 1)["group"].n_unique(),
        "n_groups_negative": scored.filter(pl.col("label") == 0)["group"].n_unique(),
        "prevalence": outcomes.prevalence,
        "weighted": _weighted(outcomes),
        "resamples": affordable(resamples, outcomes.n),
        **{
            name: None if found is None else
            {"value": found.value, "low": _number(found.low), "high": _number(found.high)}
            for name, found in measured.items()
        },
        "bands": _by_band(scored, judge),
        "false_alarms": _false_alarms(scored, judge),
        **({} if in_sample else _in_detail(outcomes, scored, judge, resamples, seed)),
        "not_scored": _not_scored(rows),
        "populations": _populations(scored, judge),
    }  # fmt: skip


def metric_values(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """Flatten the metrics that have a value to ``split.metric``, for a tracking server."""
    return {
        f"{split}.{name}": measured[name]["value"]
        for split, measured in evaluation["splits"].items()
        for name in METRICS
        if measured[name] is not None
    }


def _maturity(table: pl.DataFrame, parts: list[str], seed: int) -> dict[str, Any] | None:
    """Say how mature the labels are, those of the last part by themselves too."""
    if "as_of" not in table.columns:
        return None
    return by_quarter(table, [part for part in parts if part != "all"], seed=seed)


def _by_band(scored: pl.DataFrame, judge: Judge) -> dict[str, Any]:
    """Count positives and negatives in each band that the model gives out."""
    named = _named(scored, judge)
    return {
        band: {
            "positives": named.filter((pl.col("band") == band) & (pl.col("label") == 1)).height,
            "negatives": named.filter((pl.col("band") == band) & (pl.col("label") == 0)).height,
        }
        for band in BANDS
        if judge.thresholds["medium"] is not None and judge.thresholds.get(band, 0.0) is not None
    }


def _named(scored: pl.DataFrame, judge: Judge) -> pl.DataFrame:
    log_odds = scored["log_odds"].to_numpy().astype(np.float64)
    return scored.with_columns(
        pl.Series("band", bands(log_odds, judge.thresholds), dtype=pl.String)
    )


def _in_detail(
    outcomes: Outcomes, scored: pl.DataFrame, judge: Judge, resamples: int, seed: int
) -> dict[str, Any]:
    base_rate = judge.calibration.base_rate
    return {
        "budgets": budgets(
            outcomes, base_rate=base_rate, resamples=min(resamples, MOST_RESAMPLES), seed=seed
        ),
        "reliability": reliability(outcomes.labels, outcomes.probabilities, outcomes.weights),
        "precision_recall": precision_recall(outcomes, base_rate),
        "slices": _slices(scored, judge, seed),
    }


def _false_alarms(scored: pl.DataFrame, judge: Judge) -> dict[str, Any]:
    """Say, per band, which share of the negatives reaches it, and how many in a million that is."""
    rows = scored.filter(pl.col("label") == 0)
    negatives, weights = rows["log_odds"].to_numpy(), row_weights(rows)
    found = {}
    for band, least in judge.thresholds.items():
        if least is None or not len(negatives):
            continue
        share = _share(negatives >= least, weights)
        found[band] = {**share, "per_million": {k: MILLION * v for k, v in share.items()}}
    return found


def _slices(scored: pl.DataFrame, judge: Judge, seed: int) -> list[dict[str, Any]]:
    """Measure slices, where the rows say enough of themselves to be cut."""
    if not {"chain", "n_transfers", "first_seen", "last_seen"} <= set(scored.columns):
        return []
    return sliced(scored, judge.thresholds["medium"], seed=seed)


def _not_scored(rows: pl.DataFrame) -> dict[str, Any]:
    missing = rows.filter(pl.col("status") != SCORED)
    counts = missing.group_by("status").agg(n=pl.len(), n_positive=pl.col("label").sum())
    return {
        status: {"n": n, "n_positive": int(positive)}
        for status, n, positive in counts.sort("status").iter_rows()
    }


def _populations(scored: pl.DataFrame, judge: Judge) -> dict[str, Any]:
    """Say, per population, which share reaches each band: where the false alarms would fall."""
    if "population" not in scored.columns:
        return {}
    found = {}
    for name in scored["population"].drop_nulls().unique().sort().to_list():
        members = scored.filter(pl.col("population") == name)
        log_odds, weights = members["log_odds"].to_numpy(), row_weights(members)
        found[name] = {
            "n": members.height,
            "n_positive": int(members["label"].sum()),
            "median_log_odds": float(np.median(log_odds)),
            "flagged": {
                band: _share(log_odds >= least, weights)
                for band, least in judge.thresholds.items()
                if least is not None
            },
        }
    return found


def _weighted(outcomes: Outcomes) -> dict[str, float] | None:
    """Say how many rows the rows stand for, and as how many of equal weight they tell."""
    if not outcomes.n or (outcomes.weights == 1).all():
        return None
    return {
        "stands_for": outcomes.size,
        "tells_as_many_as": outcomes.size**2 / float((outcomes.weights**2).sum()),
        "least": float(outcomes.weights.min()),
        "most": float(outcomes.weights.max()),
    }


def _share(hits: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    share, low, high = weighed(hits, weights)
    return {"value": share, "low": low, "high": high}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
