"""The page of a trace: `trace.json` for people, both conventions side by side throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models import sentences
from pipelines.end_names import END_NAMES, SHORT_NAMES
from pipelines.pages.flow_picture import flow_picture
from pipelines.pages.pages import render

MOST_ROWS, MOST_NODES, MOST_HOLDERS, MOST_CROSSINGS = 40, 15, 25, 30
CONVENTION_NAMES = {"fifo": "FIFO", "haircut": "haircut"}


def trace_page(report: Mapping[str, Any]) -> str:
    """Render a trace.

    Parameters
    ----------
    report
        An object that obeys ``pipelines/schemas/trace.v1.schema.json``.

    Returns
    -------
    str
        A whole HTML document.
    """
    forward, backward = (report["directions"][way] for way in ("forward", "backward"))
    return render(
        "trace.html.jinja",
        report=report,
        notices=report["notices"],
        headline=headline(report),
        kinds=side_by_side(forward, "kinds", ("end",)),
        source_kinds=side_by_side(backward, "kinds", ("end",)),
        ends=told_of(side_by_side(forward, "ends", _END_KEY)),
        sources=told_of(side_by_side(backward, "ends", _END_KEY)),
        holders=[
            one
            for one in report["freezability"]["holders"]
            if one["traced_usd_most"] is None or one["traced_usd_most"] >= 1
        ],
        nodes=side_by_side(report["key_nodes"]["forward"], "nodes", ("chain", "address")),
        pictures={name: flow_picture(report, name) for name in CONVENTION_NAMES},
        names=CONVENTION_NAMES,
        end_names=END_NAMES,
        short_names=SHORT_NAMES,
        money=money,
        share=share,
        span=span,
        lasting=lasting,
        most=(MOST_ROWS, MOST_NODES, MOST_HOLDERS, MOST_CROSSINGS),
    )


def headline(report: Mapping[str, Any]) -> str:
    """Say in one sentence where most of the value went, by each convention.

    Nothing is said of shares where nothing has a price.
    """
    told = {}
    for name, words in CONVENTION_NAMES.items():
        side = report["directions"]["forward"][name]
        top = [kind for kind in side["kinds"] if kind["usd"]][:2]
        parts = [f"{share(kind['share'])} to {END_NAMES[kind['end']]}" for kind in top]
        if parts:
            told[f"under {words}"] = " and ".join(parts)
    if not told:
        return "Nothing that this address paid out in the supplied transfers has a dollar value."
    opening = f"Of {money(report['directions']['forward']['fifo']['usd'])} traced forward"
    if len(told) > 1 and len(set(told.values())) == 1:
        return f"{opening}, under FIFO as under haircut {told.popitem()[1]}."
    return f"{opening}, {'; '.join(f'{by} {parts}' for by, parts in told.items())}."


def side_by_side(sides: Mapping[str, Any], rows: str, key: Sequence[str]) -> list[dict[str, Any]]:
    """Join the rows of both conventions that speak of the same thing, most dollars first.

    Returns
    -------
    list
        Each with the facts that do not depend on the convention, and under ``fifo`` and
        ``haircut`` its row, None where that convention has none.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name in CONVENTION_NAMES:
        for row in sides[name][rows]:
            at = tuple(row[part] for part in key)
            pair = found.setdefault(at, {**row, "fifo": None, "haircut": None})
            pair[name] = row
    worth = [max(row["usd"] or 0 for row in _both(pair)) for pair in found.values()]
    ranked = sorted(zip(worth, found.values(), strict=True), key=lambda item: -item[0])
    return [pair for _, pair in ranked]


def told_of(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Return the rows to show, and how many are worth less than a dollar by both conventions."""
    worth = [[row["usd"] for row in _both(pair)] for pair in rows]
    kept = [
        pair
        for pair, values in zip(rows, worth, strict=True)
        if any(usd is None or usd >= 1 for usd in values)
    ]
    return kept, len(rows) - len(kept)


def money(usd: float | None) -> str:
    """Write dollars, with cents where they matter.

    >>> money(212400.4), money(12.5), money(None)
    ('$212,400', '$12.50', 'no price')
    """
    if usd is None:
        return "no price"
    return f"${usd:,.0f}" if abs(usd) >= 1000 else f"${usd:,.2f}"


def share(value: float | None) -> str:
    """Write a share; a dash where there is none."""
    return "–" if value is None else sentences.shown(value, "share")


def span(row: Mapping[str, Any]) -> str:
    """Write the days from first to last."""
    days = list(dict.fromkeys(at[:10] for at in (row["first"], row["last"]) if at))
    return " to ".join(days)


def lasting(seconds: float | None) -> str:
    """Write how long something took; a dash where it never happened."""
    return "–" if seconds is None else sentences.shown(seconds, "seconds")


_END_KEY = ("end", "chain", "address", "asset_chain", "asset")


def _both(pair: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [pair[name] for name in CONVENTION_NAMES if pair[name] is not None]
