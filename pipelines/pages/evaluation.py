"""The page of an evaluation: `evaluation.json` as tables, with charts where they can be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.metrics import METRICS
from models.sentences import shown
from models.slices import FEWEST
from pipelines.charts import HOW_TO_GET_THEM, RANKING, available, evaluation_charts
from pipelines.pages.pages import render

METRIC_NAMES = {
    **RANKING,
    "f1": "F1",
    "accuracy": "accuracy",
    "brier": "Brier score",
    "log_loss": "log loss",
    "expected_calibration_error": "expected calibration error",
}


COMPARED = {
    "recall": "positives found",
    "precision": "alerts that are right, here",
    "precision_at_base_rate": "alerts that are right, at the base rate",
    "fpr": "share of the negatives alerted on",
    "pr_auc": "PR-AUC, at any budget",
    "roc_auc": "ROC-AUC, at any budget",
}
"""What two models are compared by, with its name on the page."""

HARDLY_ANY = 0.05
"""A quarter that lacks a smaller share of its labels is called whole."""


def evaluation_page(
    evaluation: Mapping[str, Any],
    *,
    bundle_sha256: str,
    training_basis: str,
    notices: Sequence[str] = (),
) -> str:
    """Render an evaluation.

    Parameters
    ----------
    evaluation
        The content of `evaluation.json`.
    bundle_sha256, training_basis
        The model it is about.
    notices
        Sentences to stand on top; the first sentence of each is shown in bold.

    Returns
    -------
    str
        A whole HTML document. Where the plotting library is absent it has tables only, and says
        how to get the charts.
    """
    splits = evaluation["splits"]
    return render(
        "evaluation.html.jinja",
        notices=list(notices),
        evaluation=evaluation,
        audit=evaluation.get("audit"),
        origin=evaluation.get("labels_from"),
        maturity=evaluation.get("label_maturity"),
        maturity_line=_maturity_line(evaluation.get("label_maturity")),
        against=evaluation.get("against"),
        fewest=FEWEST,
        ablation=evaluation.get("ablation"),
        roles=evaluation.get("roles"),
        roles_said=_said(evaluation.get("roles")),
        rivals=evaluation.get("rivals"),
        compared=list(COMPARED.items()),
        headline=_headline(splits),
        weighted=any(split.get("weighted") for split in splits.values()),
        metrics=[(METRIC_NAMES.get(name, name), name) for name in METRICS],
        charts=evaluation_charts(evaluation),
        charts_note=None if available() else HOW_TO_GET_THEM,
        bundle_sha256=bundle_sha256,
        training_basis=training_basis,
    )


def _said(roles: Mapping[str, Any] | None) -> list[str]:
    """Return every role that was said of anybody."""
    return sorted({role for said in (roles or {}).get("confusion", {}).values() for role in said})


def _maturity_line(maturity: Mapping[str, Any] | None) -> str:
    """Say what the newest quarter lacks.

    >>> newest = {"quarter": "2025-Q4", "n": 40, "n_positive": 3,
    ...     "shortfall": {"labels": None, "positives": None}}
    >>> _maturity_line({"quarters": {"all": [newest]}}).partition("; ")[2]
    'too few older labels say how many are still to come.'
    """
    if not maturity:
        return ""
    newest = maturity["quarters"]["all"][-1]
    count = "1 label" if newest["n"] == 1 else f"{newest['n']:,} labels"
    head = (
        f"The newest quarter, {newest['quarter']}, has {count}, {newest['n_positive']:,} positive"
    )
    missing = newest["shortfall"]
    of = "positives" if missing["positives"] else "labels"
    if not missing[of]:
        return f"{head}; too few older labels say how many are still to come."
    told = {k: shown(v, "share") for k, v in missing[of].items()}
    share = f"{told['value']} [{told['low']}, {told['high']}]"
    fast = missing[of]["value"] >= HARDLY_ANY
    more = " What is measured on it is measured on those found fast." if fast else ""
    return (
        f"{head}. Going by how long older labels took, {share} of its {of} are still to come.{more}"
    )


def _headline(splits: Mapping[str, Any]) -> str:
    """Say the one thing that matters: ranking on rows that nothing was chosen on."""
    name = next((n for n in ("test", "all") if n in splits), None)
    if name is None or splits[name]["roc_auc"] is None:
        return "How good the model is, on the labels supplied."
    test = splits[name]
    kind = "test" if name == "test" else "labelled"
    auc = test["roc_auc"]
    interval = (
        "" if None in (auc["low"], auc["high"]) else f" [{auc['low']:.3f}, {auc['high']:.3f}]"
    )
    return (
        f"On {test['n']:,} {kind} addresses, {test['n_positive']:,} of them positive, "
        f"the model ranks with a ROC-AUC of {auc['value']:.3f}{interval}."
    )
