"""The tables of `across_seeds`: the drop on fresh worlds, who is found, who is wrongly flagged.

PR-AUC means nothing without the prevalence, so it stands beside it, and restated at 1 %: positives
are weighted down (or up) until they are 1 % of the weight. In the tables by the truth every account
counts: one without a score is neither found nor flagged.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from models.bootstrap import Estimate, estimates
from models.markdown import counted_share
from models.metrics import METRICS, Metric, Outcomes, recall_at_fpr
from models.status import SCORED

OPERATING = 0.001
STATED = 0.01
"""The prevalence at which PR-AUC is restated."""

STATED_PR = Metric(
    "pr_auc_stated",
    lambda outcomes, weights: METRICS["pr_auc"].compute(outcomes, _at(outcomes, weights)),
)
MEASURED = (METRICS["pr_auc"], STATED_PR, METRICS["roc_auc"], recall_at_fpr(OPERATING))


def _at(outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
    """Weight the positives so that they are the stated share of each resample."""
    positive = (weights * outcomes.labels).sum(axis=1, keepdims=True)
    negative = weights.sum(axis=1, keepdims=True) - positive
    factor = np.divide(
        STATED / (1 - STATED) * negative, positive, out=np.ones_like(positive), where=positive > 0
    )
    return weights * np.where(outcomes.labels == 1, factor, 1.0)


def drop(own: pl.DataFrame, other: pl.DataFrame) -> str:
    """Compare the model's own worlds with fresh ones; frames as `across_seeds.judged` makes."""
    test = (pl.col("split") == "test") & pl.col("raw").is_not_null()
    by_label = {
        "training seeds, test part, labels": own.filter(test).with_columns(score="raw"),
        "fresh seeds, test part, labels": other.filter(test).with_columns(score="raw"),
    }
    lines = [
        "### The pooled model on its own worlds and on fresh ones\n",
        "| accounts | n | positive | prevalence | PR-AUC [95 %] | at 1 % prevalence | ROC-AUC "
        "| recall at 0.1 % FPR |\n|" + "---|" * 8,
    ]
    found = {}
    for name, rows in by_label.items():
        found[name] = _measured(rows.with_columns(positive=pl.col("label") == 1))
        lines.append(_row(name, rows["label"].cast(pl.Int64), found[name]))
    scored = other.filter(pl.col("status") == SCORED).with_columns(
        score="log_odds", positive="criminal"
    )
    everyone = "fresh seeds, all accounts with a score, truth"
    lines.append(_row(everyone, scored["positive"].cast(pl.Int64), _measured(scored)))
    for metric, told in (("pr_auc", "its own prevalence"), ("pr_auc_stated", "1 %")):
        before, after = (measured[metric] for measured in found.values())
        if before and after:
            lines.append(f"\nDrop in PR-AUC at {told}: {before.value - after.value:.3f}.")
    lines.append("\nBy fresh seed (truth): " + "; ".join(_by_world(scored)) + ".\n")
    return "\n".join(lines) + "\n"


def _measured(rows: pl.DataFrame) -> dict[str, Estimate | None]:
    label = rows["positive"].cast(pl.Int8).to_numpy()
    outcomes = Outcomes(label, rows["score"].to_numpy(), rows["group"].to_numpy())
    return estimates(outcomes, MEASURED, resamples=300)


def _row(name: str, positive: pl.Series, found: Mapping[str, Estimate | None]) -> str:
    n, hits = len(positive), int(positive.sum())
    cells = " | ".join(_interval(found[metric.name]) for metric in MEASURED)
    return f"| {name} | {n:,} | {hits:,} | {hits / max(1, n):.2%} | {cells} |"


def _interval(found: Estimate | None) -> str:
    if found is None:
        return "too few"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _by_world(scored: pl.DataFrame) -> list[str]:
    told = []
    for (world,), rows in scored.sort("world").group_by("world", maintain_order=True):
        outcomes = Outcomes(rows["positive"].cast(pl.Int8).to_numpy(), rows["score"].to_numpy())
        m = {k: v for k, v in estimates(outcomes, MEASURED[:2], resamples=1).items() if v}
        values = ", ".join(f"{estimate.value:.3f}" for estimate in m.values())
        told.append(f"{world} {values} at {outcomes.n_positive / max(1, outcomes.n):.2%} and 1 %")
    return told


def found_and_flagged(rows: pl.DataFrame, thresholds: Mapping[str, float | None]) -> str:
    """Say who is found and who is wrongly flagged, by the truth.

    Parameters
    ----------
    rows
        Fresh worlds, as `across_seeds.judged` makes.
    thresholds
        The model's bands.

    Notes
    -----
    The operating point is the score that 0.1 % of the scored accounts exceed that are no criminals.
    """
    innocent = rows.filter(~pl.col("criminal"), pl.col("status") == SCORED)["log_odds"]
    falling = innocent.sort(descending=True)
    limits = {"0.1 % FPR": float(falling[int(OPERATING * len(falling))])}
    limits |= {band: limit for band, limit in thresholds.items() if limit is not None}
    columns = " | ".join(limits)
    text = f"### Found at 0.1 % false positives of {len(falling):,} scored others\n\n"
    for key in ("role", "typology"):
        text += f"| {key} | accounts | with a score | {columns} |\n|" + "---|" * (3 + len(limits))
        text += "\n" + _shares(rows.filter("criminal"), key, limits) + "\n"
    text += "### Wrongly flagged\n\n"
    text += f"| population | accounts | with a score | {columns} |\n|" + "---|" * (3 + len(limits))
    others = rows.filter(~pl.col("criminal")).with_columns(
        who=pl.when("benign").then("population").otherwise("role")
    )
    return text + "\n" + _shares(others, "who", limits)


def _shares(rows: pl.DataFrame, key: str, limits: Mapping[str, float]) -> str:
    """Return table rows: of each value of `key`, the share above each limit."""
    lines = []
    named = rows.with_columns(pl.col(key).fill_null("–"))
    for (name,), some in named.sort(key).group_by(key, maintain_order=True):
        scored = some.filter(pl.col("status") == SCORED)
        cells = []
        for limit in limits.values():
            hits = scored.filter(pl.col("log_odds") > limit).height
            cells.append(counted_share(hits, some.height, digits=1))
        lines.append(f"| {name} | {some.height:,} | {scored.height:,} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
