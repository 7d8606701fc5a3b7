"""What the page of an alert needs beside the alert: drawings, tables, and the words of outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.alert_traces import MOST_ENDS
from pipelines.end_names import END_NAMES, SHORT_NAMES
from pipelines.pages.flow_picture import flow_picture
from pipelines.pages.tables import (
    CONVENTION_NAMES,
    END_KEY,
    lasting,
    money,
    share,
    side_by_side,
    span,
    told_of,
)
from pipelines.pages.timeline import balance
from pipelines.trace_report import CONVENTION_WORDS

OUTCOMES = ("supported", "not_testable", "not_supported")
"""Of innocent explanations, in the order of the page."""

_STYLE = Path(__file__).parent / "alert.css"


def alert_views(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the template beyond the alert itself."""
    block = alert["trace"]
    said = {kind: [s["sentence"] for s in block["said"] if s["kind"] == kind] for kind in _SAID}
    return {
        "alert_style": _STYLE.read_text(encoding="utf-8"),
        "balance": balance(alert),
        "steps": steps(alert),
        "said": said,
        "tried": _tried(alert["innocent_explanations"]),
        "conventions": CONVENTION_WORDS,
        **_trace_tables(block),
        "names": CONVENTION_NAMES,
        "end_names": END_NAMES,
        "short_names": SHORT_NAMES,
        "money": money,
        "share": share,
        "span": span,
        "lasting": lasting,
        "most_rows": MOST_ENDS,
        "whole": "the full trace (unrinse trace)",
        "whole_small": "the full trace (unrinse trace)",
    }


def steps(alert: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lay the families out as a waterfall from the starting point to the log-odds.

    Returns
    -------
    list of dict
        ``family``, ``contribution``, ``odds_multiplier``, and ``left`` and ``width`` of its bar in
        per cent: what raises first, then what lowers.
    """
    ordered = sorted(alert["families"], key=lambda f: -f["contribution"])
    at, marks = alert["base"], [alert["base"]]
    for family in ordered:
        at += family["contribution"]
        marks.append(at)
    low, span_ = min(marks), (max(marks) - min(marks)) or 1.0

    def place(value: float) -> float:
        return 100 * (value - low) / span_

    return [
        {
            **family,
            "left": min(place(start), place(end)),
            "width": abs(place(end) - place(start)),
        }
        for family, start, end in zip(ordered, marks[:-1], marks[1:], strict=True)
    ]


_SAID = ("exits", "sources", "speed", "held")


def _tried(explanations: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Put explanations of one outcome together, what is supported first."""
    groups = {
        outcome: [one for one in explanations if one["outcome"] == outcome] for outcome in OUTCOMES
    }
    return [(outcome, some) for outcome, some in groups.items() if some]


def _trace_tables(block: Mapping[str, Any]) -> dict[str, Any]:
    if not block["made"]:
        return {
            "picture": "",
            **dict.fromkeys(("kinds", "source_kinds", "nodes"), ()),
            **dict.fromkeys(("ends", "sources"), ((), 0)),
        }
    forward, backward = (block["directions"][way] for way in ("forward", "backward"))
    return {
        "picture": flow_picture(block, "fifo"),
        "kinds": side_by_side(forward, "kinds", ("end",)),
        "source_kinds": side_by_side(backward, "kinds", ("end",)),
        "ends": told_of(side_by_side(forward, "ends", END_KEY)),
        "sources": told_of(side_by_side(backward, "ends", END_KEY)),
        "nodes": side_by_side(block["key_nodes"], "nodes", ("chain", "address")),
    }
