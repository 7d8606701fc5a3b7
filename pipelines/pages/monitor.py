"""The page of a monitoring run: `monitor.json` in short, the alarms first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.pages.effects import effects
from pipelines.pages.evaluation import METRIC_NAMES
from pipelines.pages.pages import render
from pipelines.pages.scale import BAND_NAMES

MOST_SHOWN = 14
"""Signals and scores on the page; alarms beyond that many are all listed too."""


def monitor_page(report: Mapping[str, Any], *, notices: Sequence[str] = ()) -> str:
    """Render a monitoring run.

    Parameters
    ----------
    report
        The content of `monitor.json`.
    notices
        Sentences to stand on top; the first sentence of each is shown in bold.

    Returns
    -------
    str
        A whole HTML document.
    """
    shown = _shown(report["findings"])
    return render(
        "monitor.html.jinja",
        notices=list(notices),
        report=report,
        headline=headline(report),
        shown=shown,
        drawing=effects(shown, [name(one) for one in shown], report["design"]["least_effect"]),
        others=[f for f in report["findings"] if f["about"] in ("status", "coverage", "age")],
        rates=(report["performance"] or {}).get("rates", []),
        metric_names=METRIC_NAMES,
        named=name,
        number=number,
        bands=BAND_NAMES,
    )


def headline(report: Mapping[str, Any]) -> str:
    """Say what came out in one sentence, and never more than the addresses can show."""
    design = report["design"]
    alarms, least = len(report["alarms"]), design["detectable"]
    if alarms:
        of = "1 of" if alarms == 1 else f"{alarms:,} of"
        verb = "differs" if alarms == 1 else "differ"
        return (
            f"Alarm: {of} {design['questions']:,} comparisons {verb} by more than chance and by "
            f"{design['least_effect']:g} sd or more."
        )
    if least is None:
        return "Nothing could be compared: no scored address has one of equal age beside it."
    text = (
        f"No alarm: a shift of {least:.2f} sd in a signal that every scored address has would "
        f"have been found with {100 * design['power']:.0f} %"
    )
    if least > design["size_asked"] and design["pairs_needed"] is not None:
        return (
            f"{text}; a smaller one may have passed unseen, since there are only "
            f"{design['pairs']:,} pairs ({design['size_asked']:g} sd takes "
            f"{design['pairs_needed']:,})."
        )
    return f"{text}."


def name(finding: Mapping[str, Any]) -> str:
    """Name a finding in a few words.

    >>> name({"about": "signal", "name": "senders", "what": "share"})
    'senders, share that has it'
    >>> name({"about": "status", "name": "scored", "what": "share"})
    'status scored'
    """
    about, what = finding["about"], finding["what"]
    if about == "signal":
        return f"{finding['name']}, {'share that has it' if what == 'share' else what}"
    if about == "score":
        if what != "share":
            return f"log-odds, {what}"
        upper = "" if finding["name"] == "severe" else " or above"
        return f"band {BAND_NAMES[finding['name']]}{upper}"
    if about == "age":
        return f"age, {what}"
    return str(finding["name"]) if about == "performance" else f"{about} {finding['name']}"


def number(value: float | None, what: str) -> str:
    """Write a value as short as it can be read.

    >>> number(0.1234, "share"), number(1234567.0, "place"), number(None, "place")
    ('12.3 %', '1,234,567', 'none')
    """
    if value is None:
        return "none"
    if what == "share":
        return f"{100 * value:.3g} %"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _shown(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choose alarms, then the largest effects of signals and score among them."""
    alarms = [f for f in findings if f["alarm"]]
    rest = [
        f for f in findings
        if not f["alarm"] and f["counted"] and f["about"] in ("signal", "score")
    ]  # fmt: skip
    alarms.sort(key=lambda f: -abs(f["effect"]))
    rest.sort(key=lambda f: -abs(f["effect"]))
    return [*alarms, *rest[: max(0, MOST_SHOWN - len(alarms))]]
