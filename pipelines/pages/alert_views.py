"""What the page of an alert needs beside the alert: drawings, tables, and the words of outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.bands import LOWEST
from pipelines.alerting.alert_traces import MOST_ENDS, MOST_NODES
from pipelines.pages.alert_rows import reasons_once, sources, tail_of
from pipelines.pages.flow_picture import flow_picture
from pipelines.pages.party_words import KINDS, SIDES, in_this_run, in_words, supplied_words, who_is
from pipelines.pages.tables import (
    CONVENTION_NAMES,
    END_KEY,
    alike,
    columns,
    lasting,
    money,
    share,
    side_by_side,
    span,
    told_of,
)
from pipelines.pages.timeline import balance
from pipelines.tracing.end_names import END_NAMES, SHORT_NAMES
from pipelines.tracing.trace_report import CONVENTION_WORDS

_SETTLED = {
    "is_alert": False,
    "overturn": "What else would settle it",
    "nothing": "No single reason carries this score; a reviewed label of the address would settle "
    "it.",
}
WORDS = {
    "alert": {
        "is_alert": True,
        "kind": "alert",
        "why": "Why",
        "overturn": "What would overturn this alert",
        "nothing": "No single reason carries this score, so no single document would overturn it; "
        "a reviewed label of the address would.",
    },
    LOWEST: _SETTLED | {"kind": "no alert", "why": "What raised the score, short of review"},
    None: _SETTLED | {"kind": "score without a band", "why": "What raised the score"},
}
"""Words of a page by its band; of all that call for review under ``alert``."""

OUTCOMES = ("fits", "borderline", "not_testable", "does_not_fit")
"""Of innocent explanations, in the order of the page."""

DIRECTION_MARKS = {"for": "▲ for", "against": "▼ against", "neutral": "○ neutral"}
"""Which way a dated fact points: a mark and a word."""

QUIET = 0.05
"""Log-odds nearer to nothing than this change the odds by less than a twentieth."""

_STYLE = Path(__file__).parent / "alert.css"


def alert_views(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the template beyond the alert itself."""
    block = alert["trace"]
    reasons = reasons_once(alert)
    said = {kind: [s["sentence"] for s in block["said"] if s["kind"] == kind] for kind in _SAID}
    return {
        "alert_style": _STYLE.read_text(encoding="utf-8"),
        "balance": balance(alert),
        "steps": steps(alert),
        "score_words": _by_kind_of(alert["standing"]["said"], STANDING),
        "said": said,
        "leads": {k: [lead for lead in block["leads"] if lead["kind"] == k] for k in _LEADS},
        "top": {"gaps": _top_gaps(alert)},
        "words": WORDS.get(alert["band"], WORDS["alert"]),
        "reasons": reasons,
        "tail": tail_of([one["reason"]["sentence"] for one in reasons]),
        "sources": sources(alert),
        **_signals(alert["contributions"]),
        "who_is": who_is(alert),
        "sides": SIDES,
        "in_this_run": in_this_run(alert),
        "in_words": in_words,
        "supplied_words": supplied_words,
        "party_kinds": KINDS,
        "alike": alike,
        "columns": columns,
        "tried": _tried(alert["innocent_explanations"]),
        "marks": DIRECTION_MARKS,
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


_LEADS = ("own", "dark", "dark_source", "deposit", "fetch", "more")
_SAID = ("exits", "sources", "crossings", "speed", "held")


STANDING = ("reference", "alike", "interval", "band", "made_of")
"""What is said of where a score stands, one sentence of each at most."""


def _by_kind_of(said: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> dict[str, str | None]:
    """Return the one sentence of each kind; None where there is none."""
    return dict.fromkeys(kinds) | {one["kind"]: one["sentence"] for one in said}


def _top_gaps(alert: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the widest gap that the trace's own line on what to fetch does not tell."""
    fetch = any(lead["kind"] == "fetch" for lead in alert["trace"]["leads"])
    told = ("counterparties", "elsewhere") if fetch else ()
    return [gap for gap in alert["gaps"] if gap["kind"] not in told][:1]


def _signals(contributions: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Put apart what changes the odds noticeably, what raises first."""
    ranked = sorted(contributions, key=lambda part: -part["contribution"])
    is_loud = {part["signal"]: abs(part["contribution"]) >= QUIET for part in ranked}
    return {
        "loud": [part for part in ranked if is_loud[part["signal"]]],
        "quiet": [part for part in ranked if not is_loud[part["signal"]]],
    }


def _holders(holders: Sequence[Mapping[str, Any]]) -> tuple[list[Any], int]:
    """Return the holders of whom anything is known, and how many others there are."""
    known = [
        one
        for one in holders
        if one["net_of_supplied"] is not None or one["upper"] is not None or one["lower"] != "0"
    ]
    return known, len(holders) - len(known)


def _tried(explanations: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Put explanations of one outcome together, what fits first."""
    groups = {
        outcome: [one for one in explanations if one["outcome"] == outcome] for outcome in OUTCOMES
    }
    return [(outcome, some) for outcome, some in groups.items() if some]


def _trace_tables(block: Mapping[str, Any]) -> dict[str, Any]:
    if not block["made"]:
        return {
            "picture": "",
            **dict.fromkeys(("kinds", "source_kinds", "nodes"), ()),
            **dict.fromkeys(("ends", "came_from", "holders"), ((), 0)),
            "circles": False,
        }
    forward, backward = (block["directions"][way] for way in ("forward", "backward"))
    nodes = side_by_side(block["key_nodes"], "nodes", ("chain", "address"))
    return {
        "holders": _holders(block["freezability"]["holders"]),
        "circles": any((node["share"] or 0) > 1 for node in nodes[:MOST_NODES]),
        "picture": flow_picture(block, "fifo"),
        "kinds": side_by_side(forward, "kinds", ("end",)),
        "source_kinds": side_by_side(backward, "kinds", ("end",)),
        "ends": told_of(side_by_side(forward, "ends", END_KEY)),
        "came_from": told_of(side_by_side(backward, "ends", END_KEY)),
        "nodes": nodes,
    }
