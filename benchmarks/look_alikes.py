"""Hard but learnable: criminals against the ordinary accounts that analysts confuse with them.

A world that one signal solves proves nothing, and one that nothing solves teaches nothing. On the
same rows, by the truth: how well the best single signal ranks criminals above look-alikes, and how
well the model does.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from data.simulation.ordinary import LOOKALIKES
from features.catalogue import catalogue
from models.baselines import best_ranking
from models.bootstrap import paired_bootstrap
from models.metrics import METRICS, Outcomes, measure
from models.status import VICTIM

SHOWN = 3


def against_look_alikes(judged: pl.DataFrame, signals: pl.DataFrame) -> str:
    """Compare the model with the best single signals on criminals and look-alikes.

    Parameters
    ----------
    judged
        Fresh worlds, as `across_seeds.judged` makes.
    signals
        The signals of the same rows, in the same order.

    Returns
    -------
    str
        Markdown.
    """
    among = pl.col("criminal") | pl.col("population").is_in(LOOKALIKES)
    told = judged.select(among & pl.col("raw").is_not_null()).to_series()
    rows, values = judged.filter(told), signals.filter(told)
    label = rows["criminal"].cast(pl.Int8).to_numpy()
    raw = rows["raw"].to_numpy()
    names = [signal.name for signal in catalogue().signals]
    ranked = {name: best_ranking(values[name], label) for name in names}
    by_roc = sorted(ranked, key=lambda name: -ranked[name].roc_auc)
    by_pr = max(names, key=lambda name: _auc("pr_auc", label, ranked[name].score))
    text = (
        f"### Criminals against look-alikes\n\n{int(label.sum()):,} criminals and "
        f"{int((1 - label).sum()):,} accounts of {len(LOOKALIKES)} populations with enough "
        f"history (prevalence {label.mean():.2%}).\n\n"
        "| score | ROC-AUC | PR-AUC | the model's PR-AUC less this [95 %] |\n|---|---|---|---|\n"
    )
    groups = rows["group"].to_numpy()
    for name in dict.fromkeys([*by_roc[:SHOWN], by_pr]):
        one = ranked[name]
        gap = paired_bootstrap(label, raw, one.score, groups, "pr_auc", resamples=300)
        text += (
            f"| `{name}`, {one.direction} | {one.roc_auc:.3f} | {gap.b:.3f} "
            f"| {gap.difference:.3f} [{gap.low:.3f}, {gap.high:.3f}] |\n"
        )
    text += (
        f"| the model | {_auc('roc_auc', label, raw):.3f} | {_auc('pr_auc', label, raw):.3f} | |\n"
    )
    return text + f"\nBest single signal by ROC-AUC: `{by_roc[0]}`; by PR-AUC: `{by_pr}`.\n\n"


def victim_rule(judged: pl.DataFrame, signals: pl.DataFrame) -> str:
    """Say for whom the rule on possible victims holds, of accounts with enough history."""
    holds = signals.select(pl.all_horizontal([bound.holds for bound in VICTIM])).to_series()
    who = (
        pl.when("criminal").then(pl.lit("criminals"))
        .when("benign").then(pl.lit("ordinary accounts"))
        .when(pl.col("role") == "victim").then(pl.lit("victims"))
    )  # fmt: skip
    rows = judged.with_columns(holds=holds, who=who).filter("long", pl.col("who").is_not_null())
    table = rows.group_by("who").agg(n=pl.len(), share=pl.col("holds").mean()).sort("who")
    text = "### The rule on possible victims\n\n| who | accounts | it holds for |\n|---|---|---|\n"
    for name, n, share in table.iter_rows():
        text += f"| {name} | {n:,} | {share:.1%} |\n"
    return text + "\n"


def _auc(name: str, label: np.ndarray, score: np.ndarray) -> float:
    return measure(METRICS[name], Outcomes(label, score))
