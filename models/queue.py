"""The alert budget: what a team finds that can work so many alerts, and what it costs the innocent.

A team reviews the highest scores first, as many as it can. The budget sets where its queue ends and
nothing else: bands keep their false-positive rates, whatever the team's size. For each budget the
table says how many of the positives are among the alerts, how many alerts are right, and, because
labelled rows are far richer in positives than real life, both restated at the base rate:

    recall    = positives among the alerts / all positives
    fpr       = negatives among the alerts / all negatives
    precision = b recall / (b recall + (1 - b) fpr)       at base rate b

An fpr of 0.1 % is a thousand innocent people in a million, which is how it is told too. Budgets are
in alerts per thousand addresses scored, so that they carry over to lists of another length.

>>> labels, scores = np.array([1, 0, 1, 0] * 500), np.arange(2000.0)[::-1]
>>> table = budgets(Outcomes(labels, scores), base_rate=0.01, resamples=50)
>>> table[0]["alerts_per_1000"], table[0]["alerts"], round(table[0]["recall"]["value"], 3)
(1, 2, 0.001)
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from models.bootstrap import RESAMPLES, Estimate, estimates
from models.metrics import RESOLUTION, Metric, Outcomes

PER_THOUSAND = (1, 2, 5, 10, 20, 50, 100)
"""Budgets: alerts per thousand addresses."""

MEASURED = ("recall", "precision", "fpr", "precision_at_base_rate")
MOST_RESAMPLES = 500
MILLION = 1_000_000


def budgets(
    outcomes: Outcomes, *, base_rate: float, resamples: int = RESAMPLES, seed: int = 1
) -> list[dict[str, Any]]:
    """Build the table.

    Parameters
    ----------
    outcomes
        Labels beside scores, with what is resampled together.
    base_rate
        Share of positives that precision is restated at.
    resamples, seed
        Of the bootstrap over groups.

    Returns
    -------
    list of dict
        Per budget ``alerts_per_1000``, ``alerts``, and ``recall``, ``precision``, ``fpr``,
        ``precision_at_base_rate`` and ``innocent_per_million`` with intervals; the last two are
        null where fewer than ten negatives would be among the alerts, which shows no rate. Budgets
        of less than one alert are left out.
    """
    if not 0 < outcomes.n_positive < outcomes.n:
        return []
    counts = {budget: round(budget * outcomes.n / 1000) for budget in PER_THOUSAND}
    counts = {budget: alerts for budget, alerts in counts.items() if 1 <= alerts < outcomes.n}
    metrics = [
        Metric(f"{name} {alerts}", partial(_at, name=name, alerts=alerts, base_rate=base_rate))
        for alerts in counts.values()
        for name in MEASURED
    ]
    found = estimates(outcomes, metrics, resamples=resamples, seed=seed)
    return [
        _row(budget, alerts, {name: found[f"{name} {alerts}"] for name in MEASURED}, outcomes)
        for budget, alerts in counts.items()
    ]


def _row(
    budget: int, alerts: int, found: dict[str, Estimate | None], outcomes: Outcomes
) -> dict[str, Any]:
    told: dict[str, Any] = {
        name: None if m is None else {"value": m.value, "low": m.low, "high": m.high}
        for name, m in found.items()
    }
    shown = told["fpr"] is not None and told["fpr"]["value"] * outcomes.n_negative >= RESOLUTION
    if not shown:
        told["precision_at_base_rate"] = None
    innocent = {k: MILLION * v for k, v in told["fpr"].items()} if shown else None
    return {
        "alerts_per_1000": budget,
        "alerts": alerts,
        **told,
        "innocent_per_million": innocent,
    }


def _at(
    outcomes: Outcomes, weights: np.ndarray, *, name: str, alerts: int, base_rate: float
) -> np.ndarray:
    """Measure the highest rows, weighted, a share of all; a tie at the border in proportion."""
    share = alerts / outcomes.n
    ends = outcomes.tie_ends
    flagged = np.cumsum(weights, axis=1)[:, ends]
    true = np.cumsum(weights * outcomes.labels, axis=1)[:, ends]
    steps = np.diff(flagged, axis=1, prepend=0.0)
    taken = np.clip(share * flagged[:, -1:] - (flagged - steps), 0.0, steps)
    part = np.divide(taken, steps, out=np.zeros_like(steps), where=steps > 0)
    hits = (part * np.diff(true, axis=1, prepend=0.0)).sum(axis=1)
    chosen = taken.sum(axis=1)
    positives, negatives = true[:, -1], flagged[:, -1] - true[:, -1]
    recall = _ratio(hits, positives)
    fpr = _ratio(chosen - hits, negatives)
    if name == "precision":
        return _ratio(hits, chosen)
    if name == "precision_at_base_rate":
        right = base_rate * recall
        return _ratio(right, right + (1 - base_rate) * fpr)
    return recall if name == "recall" else fpr


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
