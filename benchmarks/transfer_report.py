"""What models of synthetic worlds are worth on real accounts, as Markdown.

*Ranking*: real phishing accounts above real normals. Every account counts: one without a status
``scored`` is ranked by the log-odds that the model gives its signals all the same, one without any
transfer in the cut below all others.

*Flagging*: DFPI wallets above the score that a share of the **scored** normals of the same part
exceed. A wallet without a score is a miss. The normals were crawled without tokens and predate
stablecoins; with token legs they are declared to have sent none, so a model that merely dislikes
stablecoins looks good there. The native legs are the fair comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from benchmarks.cuts import VARIANTS
from data.services import load_services
from models.bootstrap import estimates
from models.bundle import Bundle
from models.explanation import contributions
from models.intervals import wilson
from models.material import matrix
from models.metrics import METRICS, Outcomes, measure
from models.status import SCORED, Requirements, statuses

RATES = (0.05, 0.01)
LONG_ENOUGH = 10
SHOWN = 15


@dataclass(frozen=True)
class Judged:
    """Real accounts and what one model says of them.

    Attributes
    ----------
    bundle
        The model.
    rows
        The real signals, with ``status`` and ``log_odds`` (null where the cut shows no transfer).
    """

    bundle: Bundle
    rows: pl.DataFrame


def judge(bundle: Bundle, rows: pl.DataFrame) -> Judged:
    """Score real accounts, those included that would get no score."""
    facts = bundle.facts
    needs = Requirements(facts.legs, facts.min_transfers)
    log_odds = pl.Series("log_odds", bundle.log_odds(matrix(rows, facts.signals), threads=2))
    status = statuses(rows, needs, load_services(None))
    known = pl.when(pl.col("n_transfers") > 0).then("log_odds").alias("log_odds")
    return Judged(bundle, rows.with_columns(status, log_odds).with_columns(known))


def ranking(judged: Mapping[tuple[str, str], Judged], name: str) -> list[str]:
    """Return the table rows of ROC-AUC, one a variant and leg profile."""
    lines = []
    for (legs, variant), held in judged.items():
        rows = held.rows.filter(pl.col("set") != "dfpi")
        label = (rows["set"] == "phishing").cast(pl.Int8).to_numpy()
        score = _ranked(rows)
        m = estimates(Outcomes(label, score, rows["group"].to_numpy()), [METRICS["roc_auc"]])
        found = m["roc_auc"]
        assert found is not None
        unscored = rows["status"] != SCORED
        sure = rows.filter(~unscored)
        auc = measure(METRICS["roc_auc"], Outcomes(label[~unscored.to_numpy()], _ranked(sure)))
        shares = " | ".join(_share(held, "phishing", rate) for rate in RATES)
        lines.append(
            f"| {name} | {legs} | {variant} | {found.value:.3f} [{found.low:.3f}, "
            f"{found.high:.3f}] | {label.sum()} / {len(label) - label.sum()} | {unscored.sum()} "
            f"| {rows['log_odds'].null_count()} | {auc:.3f} | {shares} |"
        )
    return lines


RANKING_HEAD = (
    "| models | legs | history | ROC-AUC [95 %] | phishing / normal | abstained on "
    "| without any score | ROC-AUC of the scored | phishing above 5 % of normals | above 1 % |\n|"
    + "---|"
    * 10
)


def flagging(judged: Mapping[tuple[str, str], Judged], name: str) -> list[str]:
    """Return the table rows of flagged DFPI wallets."""
    lines = []
    for (legs, variant), held in judged.items():
        wallets = held.rows.filter(pl.col("set") == "dfpi")
        states = wallets["status"].value_counts().sort("status").iter_rows()
        told = ", ".join(f"{status} {n}" for status, n in states)
        shares = " | ".join(
            _share(held, "dfpi", rate, pl.col(count) >= LONG_ENOUGH)
            for rate in RATES
            for count in ("n_transfers", "n_any")
        )
        lines.append(f"| {name} | {legs} | {variant} | {told} | {shares} |")
    return lines


FLAGGING_HEAD = (
    "| models | legs | history | statuses | 5 % of normals: wallets with 10 transfers on these "
    "legs | on any leg, whole history | 1 %: on these legs | on any leg |\n|" + "---|" * 8
)


def drivers(judged: Mapping[tuple[str, str], Judged], name: str, legs: str = "native") -> str:
    """Return which signals move the scores, and whose, for each variant."""
    text = ""
    for variant in VARIANTS:
        held = judged[legs, variant]
        rows = held.rows.filter(pl.col("log_odds").is_not_null())
        parts, _ = contributions(held.bundle, matrix(rows, held.bundle.facts.signals), threads=2)
        sets = ("phishing", "normal", "dfpi")
        of_set = [parts[(rows["set"] == one).to_numpy()] for one in sets]
        size = np.mean([np.abs(one).mean(axis=0) for one in of_set], axis=0)
        text += f"\n#### {name}: what moves the score, {legs} legs, {variant}\n\n"
        text += "| signal | mean \\|contribution\\| | mean: phishing | normal | DFPI |\n"
        text += "|---|---|---|---|---|\n"
        for k in np.argsort(-size)[:SHOWN]:
            means = " | ".join(f"{one[:, k].mean():+.3f}" for one in of_set)
            text += f"| {held.bundle.facts.signals[k]} | {size[k]:.3f} | {means} |\n"
    return text


def _ranked(rows: pl.DataFrame) -> np.ndarray:
    known = rows["log_odds"].drop_nulls().to_numpy()
    return rows["log_odds"].fill_null(float(known.min()) - 1).to_numpy()


def _share(held: Judged, which: str, rate: float, long: pl.Expr | None = None) -> str:
    """Return the share of a set above the score that `rate` of the scored normals exceed."""
    scored = held.rows.filter(pl.col("status") == SCORED)
    normals = scored.filter(pl.col("set") == "normal")["log_odds"].sort(descending=True)
    limit = normals[int(rate * len(normals))]
    rows = held.rows.filter(pl.col("set") == which)
    rows = rows if long is None else rows.filter(long)
    hits = rows.filter(pl.col("status") == SCORED, pl.col("log_odds") > limit).height
    low, high = wilson(hits, rows.height)
    return f"{hits} of {rows.height} ({hits / max(1, rows.height):.0%} [{low:.0%}, {high:.0%}])"
