"""The alert budget: what a team finds that can work so many alerts, and what it costs the innocent.

A team reviews the highest scores first, as many as it can. The budget sets where its queue ends and
nothing else: bands keep their false-positive rates, whatever the team's size. For each budget the
table says how many of the positives are among the alerts, how many alerts are right, and, because
labelled rows are far richer in positives than real life, both restated at the base rate:

    recall    = positives among the alerts / all positives
    fpr       = negatives among the alerts / all negatives
    precision = b recall / (b recall + (1 - b) fpr)       at base rate b

Of rows that were chosen with a known probability each counts for those it stands for, and so do the
alerts: one in a hundred of a weighted thousand is ten.

An fpr of 0.1 % is a thousand innocent people in a million, which is how it is told too. Budgets are
in alerts per thousand addresses scored, so that they carry over to lists of another length.

>>> labels, scores = np.array([1, 0, 1, 0] * 500), np.arange(2000.0)[::-1]
>>> table = budgets(Outcomes(labels, scores), base_rate=0.01, resamples=50)
>>> table[0]["alerts_per_1000"], table[0]["alerts"], round(table[0]["recall"]["value"], 3)
(1, 2, 0.001)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.bootstrap import RESAMPLES, interval, resampled
from models.metrics import (
    RESOLUTION,
    Outcomes,
    among_highest,
    counts_at_ties,
    ratio,
    share_taken,
    steps,
)

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
        Per budget ``alerts_per_1000``, ``alerts`` (among those the rows stand for), and
        ``recall``, ``precision``, ``fpr``, ``precision_at_base_rate`` and ``innocent_per_million``
        with intervals; the last two are null where fewer than ten negative rows would be among the
        alerts, which shows no rate. Budgets
        of less than one alert are left out.
    """
    if not outcomes.both_classes:
        return []
    size = outcomes.size
    counts = {budget: round(budget * size / 1000) for budget in PER_THOUSAND}
    counts = {budget: alerts for budget, alerts in counts.items() if 1 <= alerts < size}
    drawn: dict[int, list[np.ndarray]] = {alerts: [] for alerts in counts.values()}
    for weights in resampled(outcomes, resamples, seed):
        true, false = counts_at_ties(outcomes, weights)
        for alerts, of_budget in drawn.items():
            of_budget.append(rates(true, false, alerts / size, base_rate))
    true, false = counts_at_ties(outcomes, outcomes.weights[None, :])
    return [
        _row(
            budget,
            alerts,
            rates(true, false, alerts / size, base_rate)[:, 0],
            np.concatenate(drawn[alerts], axis=1),
            shown=negatives_among(outcomes, alerts) >= RESOLUTION,
        )
        for budget, alerts in counts.items()
    ]


def _row(
    budget: int, alerts: int, rates: np.ndarray, drawn: np.ndarray, *, shown: bool
) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value, of_resamples in zip(MEASURED, rates, drawn, strict=True):
        low, high = interval(of_resamples)
        told[name] = {"value": float(value), "low": low, "high": high}
    if not shown:
        told["precision_at_base_rate"] = None
    innocent = {k: MILLION * v for k, v in told["fpr"].items()} if shown else None
    return {
        "alerts_per_1000": budget,
        "alerts": alerts,
        **told,
        "innocent_per_million": innocent,
    }


def negatives_among(outcomes: Outcomes, alerts: float) -> float:
    """Return how many negative rows are among the highest; ties count in proportion.

    Parameters
    ----------
    alerts
        How many of those the rows stand for are taken.
    """
    _, rows = counts_at_ties(outcomes, np.ones((1, outcomes.n)))
    share = share_taken(*counts_at_ties(outcomes, outcomes.weights[None, :]), alerts)
    return float((share * steps(rows)).sum())


def rates(true: np.ndarray, false: np.ndarray, share: float, base_rate: float) -> np.ndarray:
    """Return `MEASURED` of the highest rows, a share of all, for each weighting: shape (4, k)."""
    positives, negatives = true[:, -1], false[:, -1]
    hits, alerts = among_highest(true, false, share * (positives + negatives)[:, None])
    recall, fpr = ratio(hits, positives), ratio(alerts - hits, negatives)
    right = base_rate * recall
    return np.stack([recall, ratio(hits, alerts), fpr, ratio(right, right + (1 - base_rate) * fpr)])
