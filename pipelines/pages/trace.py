"""The page of a trace: `trace.json` for people, both conventions side by side throughout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.explorers import NO_EXPLORERS, Explorers
from pipelines.pages.flow_picture import flow_picture
from pipelines.pages.pages import render
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
from pipelines.tracing.end_names import END_NAMES, SHORT_NAMES

MOST_ROWS, MOST_NODES, MOST_HOLDERS, MOST_CROSSINGS = 40, 15, 25, 30


def trace_page(report: Mapping[str, Any], explorers: Explorers = NO_EXPLORERS) -> str:
    """Render a trace.

    Parameters
    ----------
    report
        An object that obeys ``pipelines/schemas/trace.v1.schema.json``.
    explorers
        Where its addresses and transactions can be looked up.

    Returns
    -------
    str
        A whole HTML document.
    """
    forward, backward = (report["directions"][way] for way in ("forward", "backward"))
    return render(
        "trace.html.jinja",
        report=report,
        explorers=explorers,
        notices=report["notices"],
        headline=headline(report),
        kinds=side_by_side(forward, "kinds", ("end",)),
        source_kinds=side_by_side(backward, "kinds", ("end",)),
        ends=told_of(side_by_side(forward, "ends", END_KEY)),
        sources=told_of(side_by_side(backward, "ends", END_KEY)),
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
        alike=alike,
        columns=columns,
        money=money,
        share=share,
        span=span,
        lasting=lasting,
        whole="trace.json",
        whole_small="flows.csv",
        most_rows=MOST_ROWS,
        most=(MOST_NODES, MOST_HOLDERS, MOST_CROSSINGS),
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
