"""The page of cases: `cases.json` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.explorers import NO_EXPLORERS, Explorers
from pipelines.casework.case_wording import days_told, meaning_of, transfers_told
from pipelines.pages.pages import render

MOST_NODES, MOST_WITHHELD = 12, 50


def cases_page(report: Mapping[str, Any], explorers: Explorers = NO_EXPLORERS) -> str:
    """Render the cases of a run.

    Parameters
    ----------
    report
        An object that obeys ``pipelines/schemas/cases.v1.schema.json``.
    explorers
        Where its addresses and transactions can be looked up.

    Returns
    -------
    str
        A whole HTML document.
    """
    return render(
        "cases.html.jinja",
        report=report,
        explorers=explorers,
        notices=report["notices"],
        grouped=[case for case in report["cases"] if len(case["members"]) > 1],
        single=[case for case in report["cases"] if len(case["members"]) == 1],
        headline=headline(report),
        meaning_of=meaning_of,
        transfers_told=transfers_told,
        days_told=days_told,
        most_nodes=MOST_NODES,
        most_withheld=MOST_WITHHELD,
    )


def headline(report: Mapping[str, Any]) -> str:
    """Say how many alerts belong together.

    >>> headline({"n_alerts": 1, "n_grouped": 0, "cases": [{"members": [1]}]})
    'The one alert stands alone.'
    >>> headline({"n_alerts": 7, "n_grouped": 5, "cases": [{"members": [1, 2, 3]},
    ...     {"members": [1, 2]}, {"members": [1]}, {"members": [1]}]})
    'Of 7 alerts, 5 belong to 2 cases of two or more; 2 stand alone.'
    """
    n, grouped = report["n_alerts"], report["n_grouped"]
    cases = sum(len(case["members"]) > 1 for case in report["cases"])
    if n == 0:
        return "There are no alerts."
    if not grouped:
        return "The one alert stands alone." if n == 1 else f"All {n:,} alerts stand alone."
    belong = "belong to 1 case" if cases == 1 else f"belong to {cases:,} cases"
    rest = f"; {n - grouped:,} {'stands' if n - grouped == 1 else 'stand'} alone"
    return f"Of {n:,} alerts, {grouped:,} {belong} of two or more{rest if n > grouped else ''}."
