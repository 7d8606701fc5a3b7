"""Champion against challenger on the same rows, at the alert budget, and whom each would look at.

A team can work so many alerts. What it wants to know of a new model is what it would find with
them, beside what it finds now: how many of the positives, how many alerts that are right. Both
models are measured on the same rows, and each bootstrap resample draws the same cases for both, so
that the interval is one of their difference.

`paired` is what the promotion gate compares with too (`models.gate.comparison`), so that a report
cannot say anything else than the gate. A difference says nothing of who is affected, so the two
queues are laid over each other: two models of equal precision may accuse different people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.bootstrap import PairedDifference, paired_bootstrap
from models.material import row_weights
from models.metrics import METRICS, RESOLUTION, Metric, Outcomes, counts_at_ties
from models.queue import MEASURED, negatives_among, rates

BUDGET: float = 10
"""Alerts per thousand addresses, where nothing else is said."""

RESAMPLES = 1000
MODEL, CHAMPION = "log_odds", "champion"
_RANKED = ("pr_auc", "roc_auc")


@dataclass(frozen=True)
class Champion:
    """The model that another is compared with.

    Attributes
    ----------
    sha256 : str
        Of its bundle.
    log_odds : polars.Series
        Its calibrated log-odds, row by row; null where it gives no score.
    learned_until : str
        ISO date of the last moment it learned from.
    budget : float
        Alerts per thousand addresses that the two are compared at.
    """

    sha256: str
    log_odds: pl.Series
    learned_until: str
    budget: float = BUDGET


def resolvable(rows: pl.DataFrame, metric: Metric) -> bool:
    """Return whether rows can show a metric of both models; `rows` as for `paired`."""
    return all(metric.resolvable(_outcomes(rows, of)) for of in (MODEL, CHAMPION))


def paired(
    rows: pl.DataFrame, metric: Metric | str, *, resamples: int = RESAMPLES, seed: int = 1
) -> PairedDifference:
    """Return model minus champion, with its interval over groups.

    Parameters
    ----------
    rows
        That both models score: ``label``, ``group``, ``log_odds``, ``champion``, and where known
        ``weight`` and ``selection_probability``.
    """
    return paired_bootstrap(
        rows["label"].to_numpy(),
        rows[MODEL].to_numpy(),
        rows[CHAMPION].to_numpy(),
        rows["group"].to_numpy(),
        metric,
        weights=row_weights(rows),
        resamples=resamples,
        seed=seed,
    )


def against(
    rows: pl.DataFrame,
    champion: Champion,
    *,
    base_rate: float,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> dict[str, Any]:
    """Compare a model with its champion at the alert budget.

    Parameters
    ----------
    rows
        Judged rows that the model has not seen, as for `paired`, with ``chain`` and ``address``;
        log-odds are null where a model gives no score.
    champion
        Whose log-odds the column ``champion`` holds.
    base_rate
        Share of positives that precision is restated at.

    Returns
    -------
    dict
        Who the champion is; how many rows both score, and each alone; ``alerts_per_1000`` and
        ``alerts``; ``measured``: by `MEASURED` and the two areas ``model``, ``champion``,
        ``difference``, ``low``, ``high``, or null where the rows cannot show it; ``overlap``: who
        stands in both queues, and in one alone; ``rank_correlation`` (Spearman) of the scores;
        and the ``verdict``.
    """
    both = rows.filter(
        pl.col(MODEL).is_not_null() & pl.col(CHAMPION).is_not_null(), row_weights(rows) > 0
    )
    size = float(row_weights(both).sum())
    alerts = max(1, round(champion.budget * size / 1000))
    measured = _at_budget(both, alerts / size, base_rate, resamples, seed) if both.height else {}
    return {
        "champion_sha256": champion.sha256,
        "champion_learned_until": champion.learned_until,
        "n": both.height,
        "n_positive": int(both["label"].sum()),
        "n_only_model": rows.filter(pl.col(CHAMPION).is_null())[MODEL].count(),
        "n_only_champion": rows.filter(pl.col(MODEL).is_null())[CHAMPION].count(),
        "alerts_per_1000": champion.budget,
        "alerts": alerts,
        "measured": measured,
        "overlap": _overlap(both, alerts),
        "rank_correlation": _rank_correlation(both),
        "verdict": verdict(measured),
    }


def verdict(measured: dict[str, Any]) -> str:
    """Say which of the two finds more with the same alerts.

    >>> found = {"model": 0.5, "champion": 0.4, "difference": 0.1, "low": 0.02, "high": 0.2}
    >>> verdict({"recall": found})
    'With the same alerts it finds more than the champion.'
    >>> verdict({"recall": found | {"low": -0.1}})
    'That it finds more than the champion with the same alerts, or less, is not shown.'
    """
    found = measured.get("recall")
    if found is None:
        return "These rows cannot show which of the two finds more."
    if found["low"] > 0:
        return "With the same alerts it finds more than the champion."
    if found["high"] < 0:
        return "With the same alerts it finds less than the champion."
    return "That it finds more than the champion with the same alerts, or less, is not shown."


def _at_budget(
    both: pl.DataFrame, share: float, base_rate: float, resamples: int, seed: int
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    enough = all(
        negatives_among(_outcomes(both, of), share * float(row_weights(both).sum())) >= RESOLUTION
        for of in (MODEL, CHAMPION)
    )
    metrics = {name: _among_alerts(name, share, base_rate) for name in MEASURED}
    for name, metric in {**metrics, **{name: METRICS[name] for name in _RANKED}}.items():
        shown = resolvable(both, metric) and (enough or name != "precision_at_base_rate")
        if not shown:
            found[name] = None
            continue
        d = paired(both, metric, resamples=resamples, seed=seed)
        found[name] = {
            "model": d.a, "champion": d.b, "difference": d.difference, "low": d.low, "high": d.high
        }  # fmt: skip
    return found


def _among_alerts(name: str, share: float, base_rate: float) -> Metric:
    """Return one of `MEASURED` of the highest share of rows, as a metric."""
    which = MEASURED.index(name)

    def compute(outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
        true, false = counts_at_ties(outcomes, weights)
        found: np.ndarray = rates(true, false, share, base_rate)[which]
        return found

    return Metric(name, compute)


def _overlap(both: pl.DataFrame, alerts: float) -> dict[str, dict[str, int]]:
    """Count who stands in both queues, and in one of them alone."""
    in_model, in_champion = (_queue(both, of, alerts) for of in (MODEL, CHAMPION))
    positive = both["label"].to_numpy() == 1
    places = {
        "both": in_model & in_champion,
        "only_model": in_model & ~in_champion,
        "only_champion": in_champion & ~in_model,
    }
    return {
        name: {"positives": int((at & positive).sum()), "negatives": int((at & ~positive).sum())}
        for name, at in places.items()
    }


def _queue(both: pl.DataFrame, of: str, alerts: float) -> np.ndarray:
    """Mark the rows that a team would look at, in the order of a scores file."""
    ordered = (
        both.select("chain", "address", pl.col(of))
        .with_columns(_weight=pl.Series(row_weights(both)))
        .with_row_index("_row")
        .sort(of, "chain", "address", "_row", descending=[True, False, False, False])
    )
    before = ordered["_weight"].cum_sum() - ordered["_weight"]
    chosen = ordered.filter(before < alerts)["_row"].to_numpy()
    marked = np.zeros(both.height, dtype=bool)
    marked[chosen] = True
    return marked


def _rank_correlation(both: pl.DataFrame) -> float | None:
    ranks = [both[of].rank().to_numpy() for of in (MODEL, CHAMPION)]
    if both.height < 2 or any(rank.std() == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _outcomes(rows: pl.DataFrame, of: str) -> Outcomes:
    return Outcomes(rows["label"].to_numpy(), rows[of].to_numpy(), weights=row_weights(rows))
