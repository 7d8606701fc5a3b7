"""The traces of all alerts of a run: the transfers loaded once, the amounts read in a few passes.

The block of an alert is the report of `unrinse trace` for the same address and moment, cut to its
first rows: nothing in it is computed anew. One limit more holds here: a trace that would look at
more than `MOST_TRANSFERS` is made with fewer hops, and where one hop is already too many there is
none; the block says either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from data.services import Services
from data.transfers import Transfers
from models.tracing.limits import Limits
from models.tracing.parties import Parties
from models.tracing.tracing import Plan, Trace, Tracer, read_amounts
from pipelines.tracing.trace_leads import trace_leads
from pipelines.tracing.trace_report import Asked, limits_told, trace_report

MOST_TRANSFERS = 20_000
FEWER_HOPS = (6, 4, 3, 2, 1)
TOGETHER = 10
"""Traces that share one pass over the transfers: enough to make it cheap, few enough to hold."""

MOST_ENDS, MOST_NODES, MOST_HOLDERS = 12, 5, 5


@dataclass(frozen=True)
class Followed:
    """The trace of one alert.

    Attributes
    ----------
    block
        As the alert holds it.
    trace
        The trace itself; None where it would have been too large.
    parties
        Who everybody is at its moment.
    """

    block: dict[str, Any]
    trace: Trace | None
    parties: Parties


def alert_traces(
    transfers: Transfers, services: Services, asked: Sequence[Mapping[str, Any]]
) -> Iterator[Followed]:
    """Trace some addresses, each up to its own moment.

    Parameters
    ----------
    asked
        ``chain``, ``address`` and ``as_of`` of each.

    Yields
    ------
    Followed
        In the order asked.
    """
    if not asked:
        return
    latest = Tracer(transfers, services, before=max(row["as_of"] for row in asked))
    for start in range(0, len(asked), TOGETHER):
        some = asked[start : start + TOGETHER]
        views: dict[datetime, Tracer] = {}
        for row in some:
            views.setdefault(row["as_of"], latest.earlier(row["as_of"]))
        plans = [_plan(views[row["as_of"]], row) for row in some]
        rows = [plan.rows for plan in plans if isinstance(plan, Plan)]
        amounts = read_amounts(transfers, np.concatenate([np.empty(0, np.uint32), *rows]))
        for row, plan in zip(some, plans, strict=True):
            if not isinstance(plan, Plan):
                yield Followed(_nothing(plan), None, views[row["as_of"]].parties)
                continue
            trace = views[row["as_of"]].follow(plan, amounts)
            at = Asked(
                row["chain"], row["address"], row["as_of"], transfers.sha256, transfers.synthetic
            )
            block = _block(trace_report(trace, at), plan.limits)
            yield Followed(block, trace, views[row["as_of"]].parties)


def _plan(tracer: Tracer, row: Mapping[str, Any]) -> Plan | int:
    """Plan the longest trace that is not too large; else return how many transfers one hop has."""
    origins = tracer.codes_of([(row["chain"], row["address"])])
    for hops in FEWER_HOPS:
        plan = tracer.plan(origins, replace(Limits(), max_hops=hops))
        if len(plan.chosen) <= MOST_TRANSFERS:
            return plan
    return len(plan.chosen)


def _limits(limits: Limits) -> dict[str, Any]:
    return {
        **limits_told(limits),
        "max_transfers": MOST_TRANSFERS,
        "fewer_hops": limits.max_hops < FEWER_HOPS[0],
    }


def _nothing(n_transfers: int) -> dict[str, Any]:
    """Return the block of a trace that is too large even at one hop."""
    return {
        "made": False,
        "n_transfers": n_transfers,
        "limits": _limits(replace(Limits(), max_hops=FEWER_HOPS[-1])),
        "coverage": None,
        "directions": None,
        "crossings": {},
        "least_sure": None,
        "freezability": None,
        "key_nodes": None,
        "leads": [],
    }


def _block(report: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Cut a report to what an alert holds."""
    outcomes = [crossing["outcome"] for crossing in report["crossings"]]
    freezability = report["freezability"]
    return {
        "made": True,
        "n_transfers": report["n_transfers"],
        "limits": _limits(limits),
        "coverage": report["coverage"],
        "directions": {
            way: {name: _side(side) for name, side in sides.items()}
            for way, sides in report["directions"].items()
        },
        "crossings": {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
        "least_sure": _least_sure(report["crossings"]),
        "freezability": {
            "holders": freezability["holders"][:MOST_HOLDERS],
            "n": freezability["n"],
            "own_speed": freezability["own_speed"],
        },
        "key_nodes": {
            name: {**side, "nodes": side["nodes"][:MOST_NODES]}
            for name, side in report["key_nodes"]["forward"].items()
        },
        "leads": trace_leads(report),
    }


def _least_sure(crossings: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the chance of the least likely match that value was followed over."""
    followed = [c for c in crossings if c["outcome"] in ("followed", "ambiguous_followed")]
    if not followed:
        return None
    least = min(followed, key=lambda crossing: float(crossing["probability"]))
    return {key: least[key] for key in ("probability", "proven")}


def _side(side: dict[str, Any]) -> dict[str, Any]:
    n = len(side["ends"]) + side["ends_left_out"]["n"]
    return {
        "usd": side["usd"],
        "kinds": side["kinds"],
        "ends": side["ends"][:MOST_ENDS],
        "n_ends": n,
    }
