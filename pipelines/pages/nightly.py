"""The page of a nightly run: `summary.json` and nothing more, what is new first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.pages.nights import nights
from pipelines.pages.pages import render

SHOWN = ("new", "changed", "cleared", "snoozed")
"""The groups whose alerts the page lists; the unchanged ones stand on the index of the alerts."""

HEADINGS = {
    "new": "New",
    "changed": "Changed",
    "cleared": "No longer up for review",
    "snoozed": "Snoozed",
}


def nightly_page(report: Mapping[str, Any]) -> str:
    """Render a nightly run.

    Parameters
    ----------
    report
        The content of `summary.json`.

    Returns
    -------
    str
        A whole HTML document.
    """
    return render(
        "nightly.html.jinja",
        notices=report["notices"],
        report=report,
        headline=headline(report),
        scored={row["name"]: row for row in report["statuses"]}.get("scored"),
        shown=SHOWN,
        headings=HEADINGS,
        drawing=nights(report["nights"]),
    )


def headline(report: Mapping[str, Any]) -> str:
    """Say what came of the night in one sentence.

    >>> alerts = {"up_for_review": 5, "new": 1, "changed": 0, "unchanged": 3, "snoozed": 1,
    ...           "cleared": 2}
    >>> headline({"alerts": alerts, "earlier": {"as_of": "2024-05-01T00:00:00Z"}})
    '1 new alert, none changed, 3 as they were, 1 snoozed; 2 are no longer up for review.'
    >>> headline({"alerts": alerts, "earlier": None})
    '5 alerts, in a first run: nothing to compare them with.'
    """
    n = report["alerts"]
    if report["earlier"] is None:
        alerts = "1 alert" if n["up_for_review"] == 1 else f"{n['up_for_review']:,} alerts"
        return f"{alerts}, in a first run: nothing to compare them with."
    new = {0: "No new alert", 1: "1 new alert"}.get(n["new"], f"{n['new']:,} new alerts")
    changed = f"{n['changed']:,} changed" if n["changed"] else "none changed"
    parts = [new, changed]
    if n["unchanged"]:
        parts.append(f"{n['unchanged']:,} as {'it was' if n['unchanged'] == 1 else 'they were'}")
    if n["snoozed"]:
        parts.append(f"{n['snoozed']:,} snoozed")
    said = ", ".join(parts)
    if n["cleared"]:
        verb = "is" if n["cleared"] == 1 else "are"
        said += f"; {n['cleared']:,} {verb} no longer up for review"
    return f"{said}."
