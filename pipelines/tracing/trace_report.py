"""The report of a trace: everything that `trace.json` and the page say.

It obeys ``pipelines/schemas/trace.v1.schema.json``. Amounts are exact, in whole coins as text;
dollars are those of the transfers' own moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.deposit_address import NOTICE as DEPOSIT_NOTICE
from models.tracing.ends import Ended, by_kind, ends_of
from models.tracing.following import CONVENTIONS, DIRECTIONS
from models.tracing.freezing import Freezable, Speed, freezable_of, own_speeds
from models.tracing.key_nodes import KeyNode, key_nodes_of
from models.tracing.limits import CAPS, CUSTODIAL, End, Limits
from models.tracing.tracing import Trace
from models.tracing.worth import Worth
from pipelines.moments import iso
from pipelines.outputs import program
from pipelines.tracing.trace_crossings import crossings_told
from pipelines.tracing.trace_names import MICROS, Names, dollars, moment_of

SCHEMA_VERSION = 1
MOST_ENDS, MOST_NODES, MOST_HOLDERS = 300, 50, 100

CONVENTION_WORDS = {
    "fifo": "First in, first out: of each asset at each address, the coins that came first leave "
    "first. A convention: which coins left cannot be known.",
    "haircut": "Haircut: each payment takes from everything the address holds of the asset in "
    "proportion, rounded down in base units; what is rounded off stays. A convention too.",
}

NOTICE = (
    "Traced by convention. Coins of one kind at one address cannot be told apart, so an amount "
    "under FIFO or haircut is what the convention gives to a destination, not a finding that the "
    "same money went there. Do not freeze on this page alone."
)


@dataclass(frozen=True)
class Asked:
    """What was traced, and from what.

    Attributes
    ----------
    chain, address
        Of the traced address.
    at
        Only transfers before it counted.
    transfers_sha256, synthetic
        Of the transfers.
    """

    chain: str
    address: str
    at: datetime
    transfers_sha256: str
    synthetic: bool


def trace_report(trace: Trace, asked: Asked) -> dict[str, Any]:
    """Write a trace out as plain values, ready for JSON."""
    names, worth = Names(trace), Worth(trace)
    [origin] = sorted(trace.origins)
    directions, nodes = {}, {}
    for direction in DIRECTIONS:
        directions[direction] = {
            name: _side(trace, direction, name, names, worth) for name in CONVENTIONS
        }
        nodes[direction] = {
            name: _nodes(trace, direction, name, names, worth) for name in CONVENTIONS
        }
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_by": program(),
        "chain": asked.chain,
        "address": asked.address,
        "tags": names.address(origin)["tags"],
        "as_of": iso(asked.at),
        "synthetic": asked.synthetic,
        "transfers_sha256": asked.transfers_sha256,
        "notices": _notices(trace, asked, origin),
        "conventions": dict(CONVENTION_WORDS),
        "limits": limits_told(trace.limits),
        "coverage": _coverage(trace, origin),
        "n_transfers": trace.rows.height,
        "directions": directions,
        "crossings": crossings_told(trace, names),
        "freezability": _freezability(trace, names, worth),
        "key_nodes": nodes,
    }


def limits_told(limits: Limits) -> dict[str, Any]:
    """Write out what was followed."""
    return {
        "max_hops": limits.max_hops,
        "min_usd": limits.min_usd_micros / MICROS,
        "max_degree": limits.max_degree,
        "swaps": limits.swaps,
        "bridges": limits.bridges,
        "ambiguous": limits.ambiguous,
    }


def _notices(trace: Trace, asked: Asked, origin: int) -> list[str]:
    told = [NOTICE]
    if asked.synthetic:
        told.append("Synthetic transfers. The addresses and transactions here are made up.")
    covered = _coverage(trace, origin)
    if not any(covered[side] for side in ("native_out", "token_out")):
        told.append(
            "Outgoing transfers not supplied. The exports do not show what this address paid out; "
            "what is seen of it is what others received."
        )
    if not covered["complete"]:
        told.append(
            "Exports may be incomplete. Those of this address may be cut off or end before the "
            "moment of the trace: it may have received and paid more than is seen."
        )
    if trace.parties.ends[origin] >= 0:
        end = list(End)[trace.parties.ends[origin]]
        if end is End.EXCHANGE_DEPOSIT and not trace.parties.tags.get(origin):
            told.append(DEPOSIT_NOTICE)
        elif end not in CAPS:
            told.append(
                "A known service. Value of many customers is mixed here; what leaves it is not "
                "what any one of them brought."
            )
    return told


def _coverage(trace: Trace, origin: int) -> dict[str, bool]:
    shown = {
        f"{kind}_{side}": bool(seen[origin])
        for (side, kind), seen in trace.parties.supplied.items()
    }
    return {**shown, "complete": bool(trace.parties.complete[origin])}


def _side(
    trace: Trace, direction: str, convention: str, names: Names, worth: Worth
) -> dict[str, Any]:
    ends = ends_of(trace, direction, convention, worth)
    traced = trace.results[direction, convention]
    whole = sum(one.sum.usd for one in ends)
    rest = ends[MOST_ENDS:]
    return {
        "usd": dollars(whole, any(one.sum.has_price for one in ends)),
        "kinds": [
            {
                "end": end.value,
                "is_cap": end in CAPS,
                "usd": dollars(sums.usd, sums.has_price),
                "share": sums.usd / whole if whole and sums.has_price else None,
                "n_transfers": sums.n,
                "n_unpriced": sums.unpriced,
                "n_addresses": len({one.holder for one in ends if one.end is end}),
                "first": moment_of(sums.first),
                "last": moment_of(sums.last),
            }
            for end, sums in by_kind(ends).items()
        ],
        "ends": [_end(one, names, whole) for one in ends[:MOST_ENDS]],
        "ends_left_out": {"n": len(rest), "usd": sum(one.sum.usd for one in rest) / MICROS},
        "accounts": [
            {
                **names.asset(asset),
                **{
                    key: names.amount(asset, sums[asset])
                    for key, sums in (
                        ("traced", traced.traced),
                        ("converted_in", traced.converted_in),
                        ("ended", traced.ended),
                        ("converted_out", traced.converted_out),
                    )
                },
            }
            for asset in traced.assets()
        ],
    }


def _end(one: Ended, names: Names, whole: int) -> dict[str, Any]:
    sums = one.sum
    return {
        "end": one.end.value,
        "is_cap": one.end in CAPS,
        "is_custodial": one.end in CUSTODIAL,
        **names.address(one.holder),
        "by_behaviour": one.end is End.EXCHANGE_DEPOSIT and not names.tags(one.holder),
        **names.asset(one.asset),
        "amount": names.amount(one.asset, sums.amount),
        "over_bridges": names.amount(one.asset, sums.over_bridges),
        "usd": dollars(sums.usd, sums.has_price),
        "share": sums.usd / whole if whole and sums.has_price else None,
        "n_transfers": sums.n,
        "n_unpriced": sums.unpriced,
        "first": moment_of(sums.first),
        "last": moment_of(sums.last),
        "hops_least": sums.nearest,
        "hops_most": sums.farthest,
    }


def _nodes(
    trace: Trace, direction: str, convention: str, names: Names, worth: Worth
) -> dict[str, Any]:
    ranked, traced = key_nodes_of(trace, direction, convention, worth)
    return {
        "usd": traced / MICROS,
        "n": len(ranked),
        "nodes": [_node(node, traced, trace, names) for node in ranked[:MOST_NODES]],
    }


def _node(node: KeyNode, traced: int, trace: Trace, names: Names) -> dict[str, Any]:
    place = int(trace.parties.ends[node.holder])
    return {
        **names.address(node.holder),
        "end": list(End)[place].value if place >= 0 else None,
        "usd": dollars(node.usd, node.n > node.unpriced),
        "share": node.usd / traced if traced else None,
        "ended_share": node.ended_usd / node.usd if node.usd else None,
        "n_transfers": node.n,
        "n_unpriced": node.unpriced,
        "first": moment_of(node.first),
        "last": moment_of(node.last),
        "hops_least": node.nearest,
    }


def _freezability(trace: Trace, names: Names, worth: Worth) -> dict[str, Any]:
    found = freezable_of(trace)
    return {
        "holders": [_holder(one, names, worth) for one in found[:MOST_HOLDERS]],
        "n": len(found),
        "own_speed": [
            {**names.asset(asset), **_speed(speed)} for asset, speed in own_speeds(trace).items()
        ],
    }


def _holder(one: Freezable, names: Names, worth: Worth) -> dict[str, Any]:
    def told(units: int | None) -> str | None:
        return None if units is None else names.amount(one.asset, units)

    most = worth.of_units(one.asset, max(one.traced.values()))
    return {
        **names.address(one.holder),
        **names.asset(one.asset),
        "issuer": one.issuer,
        "traced_fifo": told(one.traced["fifo"]),
        "traced_haircut": told(one.traced["haircut"]),
        "traced_usd_most": None if most is None else most / MICROS,
        "net_of_supplied": told(one.net),
        "lower": told(one.lower),
        "upper": told(one.upper),
        "speed": None if one.speed is None else _speed(one.speed),
    }


def _speed(speed: Speed) -> dict[str, float | None]:
    return {
        "left_share": speed.left_share,
        "median_seconds": speed.median_seconds,
        "within_hour": speed.within_hour,
        "within_day": speed.within_day,
    }
