"""Charts for pages of figures, as inline SVG. The only door to the plotting library.

Charts need the extra ``report`` (altair and vl-convert). Without it everything else works, and the
page says how to get them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pipelines.visible import visible

if TYPE_CHECKING:
    import altair

HOW_TO_GET_THEM = "Charts need the extra 'report': install unrinse[report] and run this again."

RANKING = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "recall_at_fpr_0.01": "recall at FPR 1 %",
    "recall_at_fpr_0.001": "recall at FPR 0.1 %",
    "precision_at_100": "precision at 100",
}
"""Metrics that a chart compares over splits, with their names on the page."""

_COLOURS = {"train": "#b9c4d6", "validation": "#5b7fa8", "test": "#18202e"}
_OTHER_COLOUR = "#1f7a80"
_CLASSIFIERS = {
    "trees": "trees",
    "linear": "linear model",
    "shuffled": "trees, shuffled sides",
}
_CLASSIFIER_COLOURS = ("#28456f", "#b0522f", "#b9c4d6")
_WAIT_COLOURS = ("#b9c4d6", "#5b7fa8", "#18202e")
_BAND_COLOURS = {"medium": "#d9aa2b", "high": "#d9772b", "severe": "#b3322a"}


def available() -> bool:
    """Say whether the plotting library is installed."""
    return find_spec("altair") is not None and find_spec("vl_convert") is not None


def evaluation_charts(evaluation: Mapping[str, Any]) -> list[str]:
    """Draw an evaluation.

    Parameters
    ----------
    evaluation
        The content of `evaluation.json`.

    Returns
    -------
    list of str
        Inline SVG, empty without the plotting library.
    """
    if not available():
        return []
    drawn = [_maturity(evaluation.get("label_maturity")), _metrics(evaluation["splits"])]
    last = list(evaluation["splits"].values())[-1:]
    drawn += [_populations(split["populations"]) for split in last]
    drawn += [_reliability(split.get("reliability", [])) for split in last]
    drawn += [_precision_recall(split.get("precision_recall", [])) for split in last]
    drawn.append(_ablation(evaluation.get("ablation")))
    return [_svg(chart) for chart in drawn if chart is not None]


def realism_chart(report: Mapping[str, Any]) -> str | None:
    """Draw how well invented and real histories are told apart, view by view.

    Parameters
    ----------
    report
        The content of `realism.json`.

    Returns
    -------
    str or None
        Inline SVG; None without the plotting library, or where nothing was tested.
    """
    if not available():
        return None
    rows = [
        {
            "view": visible(f"{one['side']}: {view['name']}"),
            "classifier": name,
            **{k: view["two_sample"][key][k] for k in ("value", "low", "high")},
        }
        for one in report["comparisons"]
        for view in one["views"]
        if view["two_sample"] is not None
        for key, name in _CLASSIFIERS.items()
    ]
    order = list(dict.fromkeys(row["view"] for row in rows))
    title = "Told apart: ROC-AUC by view (0.5 is a coin)"
    colours = dict(zip(_CLASSIFIERS.values(), _CLASSIFIER_COLOURS, strict=True))
    chart = _dots(title, rows, "view", "classifier", order, colours)
    return None if chart is None else _svg(chart)


def _maturity(maturity: Mapping[str, Any] | None) -> altair.LayerChart | None:
    """Share of each quarter's labels that was known within so many days."""
    rows = [
        {"quarter": visible(quarter["quarter"]), "known": f"within {days} days", **share}
        for quarter in (maturity or {"quarters": {"all": []}})["quarters"]["all"]
        for days, share in quarter["within"].items()
        if share is not None
    ]
    quarters = list(dict.fromkeys(row["quarter"] for row in rows))
    names = dict.fromkeys(row["known"] for row in rows)
    colours = dict(zip(names, _WAIT_COLOURS, strict=False))
    return _dots("How fast labels became known", rows, "quarter", "known", quarters, colours)


def _metrics(splits: Mapping[str, Any]) -> altair.LayerChart | None:
    """Ranking metrics with their intervals, one row a metric, one mark a split."""
    rows = [
        {
            "metric": name,
            "split": visible(split),
            **{k: measured[metric][k] for k in ("value", "low", "high")},
        }
        for split, measured in splits.items()
        for metric, name in RANKING.items()
        if measured.get(metric) is not None
    ]
    colours = {visible(split): _COLOURS.get(split, _OTHER_COLOUR) for split in splits}
    title = "Ranking, by split, with 95 % intervals"
    return _dots(title, rows, "metric", "split", list(RANKING.values()), colours)


def _populations(populations: Mapping[str, Any]) -> altair.LayerChart | None:
    """Share of each population that reaches each band: where the alarms fall."""
    rows = [
        {"population": visible(name).replace("_", " "), "band": f"{band} or above", **share}
        for name, measured in populations.items()
        for band, share in measured["flagged"].items()
    ]
    names = sorted({row["population"] for row in rows})
    colours = {f"{band} or above": colour for band, colour in _BAND_COLOURS.items()}
    title = "Share of each population that reaches a band"
    return _dots(title, rows, "population", "band", names, colours)


def _reliability(bins: Sequence[Mapping[str, float]]) -> altair.LayerChart | None:
    """Stated against true chances, with intervals, beside the line on which both are equal."""
    if not bins:
        return None
    import altair as alt

    most = max(max(b["high"], b["stated"]) for b in bins)
    scale = alt.Scale(domain=[0, most])
    base = alt.Chart(alt.Data(values=[dict(b) for b in bins]))
    x = alt.X("stated:Q", scale=scale, title="stated chance")
    line = alt.Chart(alt.Data(values=[{"x": 0.0, "y": 0.0}, {"x": most, "y": most}]))
    return alt.layer(
        line.mark_line(color="#b9c4d6", strokeDash=[4, 4]).encode(x="x:Q", y="y:Q"),
        base.mark_rule(strokeWidth=2, color=_OTHER_COLOUR).encode(
            x=x, y=alt.Y("low:Q", scale=scale, title="true share"), y2="high:Q"
        ),
        base.mark_point(filled=True, size=52, opacity=1, color=_OTHER_COLOUR).encode(
            x=x, y="observed:Q"
        ),
    ).properties(title="Stated and true chances", width=330, height=250)


def _precision_recall(points: Sequence[Mapping[str, float | None]]) -> altair.LayerChart | None:
    """Precision by recall, on these rows and restated at the base rate."""
    if not points:
        return None
    import altair as alt

    names = {"precision": "on these rows", "precision_at_base_rate": "at the base rate"}
    rows = [
        {"recall": p["recall"], "precision": p[key], "of": name}
        for p in points
        for key, name in names.items()
        if p[key] is not None
    ]
    scale = alt.Scale(domain=[0, 1])
    colour = alt.Color(
        "of:N",
        scale=alt.Scale(domain=list(names.values()), range=["#18202e", _OTHER_COLOUR]),
        legend=alt.Legend(title=None, orient="top"),
    )
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(interpolate="step-before", strokeWidth=2)
        .encode(
            x=alt.X("recall:Q", scale=scale, title="share of positives found"),
            y=alt.Y("precision:Q", scale=scale, title="share of alerts that are right"),
            color=colour,
        )
    )
    return alt.layer(chart).properties(title="Precision and recall", width=330, height=250)


def _ablation(told: Mapping[str, Any] | None) -> altair.LayerChart | None:
    """Draw what leaving each family out costs, with its interval, beside the line of no cost."""
    if not told:
        return None
    import altair as alt

    rows = [
        {"family": visible(name).replace("_", " "), **m} for name, m in told["families"].items()
    ]
    y = alt.Y("family:N", sort=[row["family"] for row in rows], title=None)
    axis = alt.Axis(format="+.2f", gridColor="#e3e6ec", tickCount=5)
    base = alt.Chart(alt.Data(values=rows))
    zero = alt.Chart(alt.Data(values=[{"x": 0.0}])).mark_rule(color="#b9c4d6", strokeDash=[4, 4])
    return alt.layer(
        zero.encode(x=alt.X("x:Q", title=None, axis=axis)),
        base.mark_rule(strokeWidth=2, color=_OTHER_COLOUR).encode(y=y, x="low:Q", x2="high:Q"),
        base.mark_point(filled=True, size=52, opacity=1, color=_OTHER_COLOUR).encode(
            y=y, x="cost:Q"
        ),
    ).properties(title="PR-AUC that each family is worth", width=330, height={"step": 18})


def _dots(
    title: str,
    rows: list[dict[str, Any]],
    of: str,
    by: str,
    order: list[str],
    colours: Mapping[str, str],
) -> altair.LayerChart | None:
    """Draw a dot with its interval for each row: `of` down the side, `by` in colours."""
    if not rows:
        return None
    import altair as alt

    present = [name for name in colours if any(row[by] == name for row in rows)]
    y = alt.Y(f"{of}:N", sort=order, title=None)
    x_axis = alt.Axis(format=".1f", gridColor="#e3e6ec", tickCount=5)
    colour = alt.Color(
        f"{by}:N",
        scale=alt.Scale(domain=present, range=[colours[name] for name in present]),
        legend=alt.Legend(title=None, orient="top"),
    )
    offset = alt.YOffset(f"{by}:N", sort=present)
    base = alt.Chart(alt.Data(values=rows))
    scale = alt.Scale(domain=[0, 1])
    rules = base.mark_rule(strokeWidth=2).encode(
        y=y,
        yOffset=offset,
        color=colour,
        x=alt.X("low:Q", scale=scale, title=None, axis=x_axis),
        x2="high:Q",
    )
    points = base.mark_point(filled=True, size=52, opacity=1).encode(
        y=y, yOffset=offset, color=colour, x=alt.X("value:Q", scale=scale, title=None)
    )
    return alt.layer(rules, points).properties(title=title, width=330, height={"step": 13})


def _svg(chart: altair.LayerChart) -> str:
    import vl_convert

    font = "Inter, system-ui, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif"
    spec = (
        chart.configure(font=font)
        .configure_view(stroke=None)
        .configure_axis(labelColor="#566074", labelLimit=320, domain=False, ticks=False)
    )
    drawn: str = vl_convert.vegalite_to_svg(spec.to_dict())
    return drawn
