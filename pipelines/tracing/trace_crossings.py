"""The bridge deposits a trace met: followed with their chance, or told and not followed."""

from __future__ import annotations

import math
from typing import Any

from models.tracing.following import CONVENTIONS, DIRECTIONS
from models.tracing.limits import End
from models.tracing.moves import Kind
from models.tracing.proven import proven
from models.tracing.tracing import Trace
from pipelines.moments import iso
from pipelines.tracing.trace_names import Names

WORDS = {
    "followed": "One release is likelier than not to answer this deposit; value was followed.",
    "ambiguous_followed": "Followed to the likeliest release, which is not likelier than not.",
    "ambiguous": "Several releases may answer this deposit; value was not followed.",
    "unmatched": "No supplied release answers this deposit; value was not followed.",
    "undecided": "Nothing can be said of this deposit; value was not followed.",
    "not_followed": "Bridges were not followed.",
}
"""What became of a deposit."""


def crossings_told(trace: Trace, names: Names) -> list[dict[str, Any]]:
    """Return every bridge deposit or release with traced value, in order of time."""
    met = _met(trace)
    by_deposit = {row["deposit"]: row for row in trace.crossings.iter_rows(named=True)}
    return [_told(trace, names, place, by_deposit.get(place)) for place in sorted(met)]


def _met(trace: Trace) -> set[int]:
    """Return the places of the deposits with traced value, in either direction."""
    met = set()
    for direction in DIRECTIONS:
        for convention in CONVENTIONS:
            for flow in trace.results[direction, convention].flows:
                move = trace.books.moves[flow.move]
                crosses = move.kind in (Kind.DEPOSIT, Kind.RELEASE)
                if crosses or (flow.end is End.BRIDGE and direction == "forward"):
                    met.add(move.sent)
    return met


def _told(trace: Trace, names: Names, place: int, match: dict[str, Any] | None) -> dict[str, Any]:
    outcome = _outcome(trace, match)
    release = None if match is None or match["release"] < 0 else int(match["release"])
    probability = (
        None if match is None or math.isnan(match["probability"]) else match["probability"]
    )
    return {
        "outcome": outcome,
        "meaning": WORDS[outcome],
        "probability": probability,
        "proven": None if probability is None else proven(probability),
        "settled": None if match is None else match["settled"],
        "deposit": _leg(trace, names, place),
        "release": None if release is None else _leg(trace, names, release),
    }


def _outcome(trace: Trace, match: dict[str, Any] | None) -> str:
    if match is None:
        return "undecided" if trace.limits.bridges else "not_followed"
    if match["followed"]:
        return "followed" if match["probability"] > 0.5 else "ambiguous_followed"
    if math.isnan(match["probability"]):
        return "undecided"
    return "ambiguous" if match["probability"] > 0 else "unmatched"


def _leg(trace: Trace, names: Names, place: int) -> dict[str, Any]:
    row = trace.rows.row(place, named=True)
    code = next(c for c, known in trace.assets.items() if known == (row["chain"], row["asset"]))
    return {
        "chain": row["chain"],
        "block_time": iso(row["block_time"]),
        "tx_id": row["tx_id"],
        "log_index": row["log_index"],
        "sender": names.pair(row["sender"])["address"],
        "receiver": names.pair(row["receiver"])["address"],
        "asset": row["asset"],
        "symbol": names.asset(code)["symbol"],
        "amount": names.amount(code, int(row["amount_raw"])),
    }
