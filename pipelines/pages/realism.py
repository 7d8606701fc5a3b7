"""The page of a realism report: `realism.json` as sentences, tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models import sentences
from models.wallet_measures import DOLLARS, MULTIPLE
from pipelines.charts import HOW_TO_GET_THEM, available, realism_chart
from pipelines.pages.distributions import distribution
from pipelines.pages.pages import render

NOTICE = (
    "Everything in the world is invented. No address, payment or person in it is real; this page "
    "says how far its histories resemble real ones, and where they do not."
)


def realism_page(report: Mapping[str, Any]) -> str:
    """Render a realism report.

    Parameters
    ----------
    report
        The content of `realism.json`.

    Returns
    -------
    str
        A whole HTML document. The chart of classifiers needs the plotting library; the small
        distributions do not.
    """
    return render(
        "realism.html.jinja",
        notices=[NOTICE],
        report=report,
        headline=_headline(report),
        sources=dict.fromkeys(figure["source"] for figure in report["published"]),
        chart=realism_chart(report),
        measured=shown_value,
        enough=path_sentence,
        say=giveaway_sentence,
        draw=distribution,
        charts_note=None if available() else HOW_TO_GET_THEM,
    )


def _headline(report: Mapping[str, Any]) -> str:
    """Say the one thing that matters: how well the first view of each side is told apart."""
    said = [
        f"{one['side']} accounts from real ones with {auc_text(one['views'][0]['two_sample'])}"
        for one in report["comparisons"]
        if one["views"][0]["two_sample"] is not None
    ]
    if not said:
        return "The world's criminals beside published figures of scam wallets."
    return f"A classifier tells the world's {', and its '.join(said)}."


def auc_text(test: Mapping[str, Any] | None) -> str:
    """Write the result of a two-sample test: that of the better classifier."""
    if test is None:
        return "too few histories"
    best = max((test["trees"], test["linear"]), key=lambda auc: float(auc["value"]))
    return f"ROC-AUC {best['value']:.3f} [{best['low']:.3f}, {best['high']:.3f}]"


def path_sentence(path: Sequence[Sequence[Any]]) -> str:
    """Say which few signals are enough to tell the two apart.

    >>> path_sentence([("senders", 0.81), ("median_gap", 0.934)])
    'Enough to tell: senders (ROC-AUC 0.81), then median_gap (0.93).'
    """
    if not path:
        return "No few signals tell them apart."
    (first, auc), *more = path
    rest = "".join(f", then {name} ({value:.2f})" for name, value in more)
    return f"Enough to tell: {first} (ROC-AUC {auc:.2f}){rest}."


def giveaway_sentence(one: Mapping[str, Any]) -> str:
    """Say by what a signal gives the world away.

    >>> giveaway_sentence({
    ...     "meaning": "Number of distinct addresses that paid it.", "unit": "addresses",
    ...     "auc": 0.8, "strength": 0.3, "gain": 0.2, "world": 9.0, "reference": 3.0,
    ...     "world_defined": 1.0, "reference_defined": 1.0,
    ... })
    'Number of distinct addresses that paid it: higher in the world (median 9 against 3); \
alone it tells them apart with ROC-AUC 0.80.'
    """
    meaning = one["meaning"].rstrip(".")
    said = []
    if None not in (one["world"], one["reference"]):
        medians = [shown_value(one[side], one["unit"]) for side in ("world", "reference")]
        way = "higher" if one["auc"] >= 0.5 else "lower"
        if medians[0] == medians[1]:
            said.append(f"more often {way} in the world (median {medians[0]} in both)")
        else:
            said.append(f"{way} in the world (median {medians[0]} against {medians[1]})")
    if abs(one["world_defined"] - one["reference_defined"]) > 0.02:
        shares = [f"{100 * one[s]:.0f} %" for s in ("world_defined", "reference_defined")]
        said.append(f"defined for {shares[0]} of the world's histories and {shares[1]} of the real")
    alone = f"alone it tells them apart with ROC-AUC {0.5 + one['strength']:.2f}"
    return f"{meaning}: {'; '.join([*said, alone])}."


def shown_value(value: float | None, unit: str) -> str:
    """Write a value for a table, the unit only where the number alone would mislead.

    >>> shown_value(14.5, "transfers"), shown_value(0.72, "share"), shown_value(None, "share")
    ('14.5', '72 %', '–')
    >>> shown_value(2.44, "multiple"), shown_value(2700, "usd"), shown_value(30960, "seconds")
    ('×2.4', '$2,700', '8.6 hours')
    """
    if value is None:
        return "–"
    if unit == DOLLARS:
        return f"${value:,.0f}"
    if unit == MULTIPLE:
        return f"×{value:.2g}" if value < 100 else f"×{value:,.0f}"
    if unit in ("seconds", "share"):
        return sentences.shown(value, unit)
    return f"{value:,.1f}".removesuffix(".0") if abs(value) >= 1 or not value else f"{value:.2g}"
