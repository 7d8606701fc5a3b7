"""What a trace says that a reader must not miss: own addresses, mixers, deposits, what to fetch.

An exit some payments away is no cash-out of this address. Value that came to the same address on
another chain was paid to nobody. And a trace that ends after one payment ends for want of data, so
it says whose transfers to fetch. Sentences hold no address; the addresses stand beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from models.saying import count, on, share, tell, worth
from models.sentences import Number, Sentence
from pipelines.tracing.spoken import spoken
from pipelines.tracing.trace_said import CONVENTIONS

MOST_NAMED = 3
DARK = {
    "mixer": ("a mixer", "mixers"),
    "guarantee_marketplace": ("a guarantee marketplace", "guarantee marketplaces"),
    "otc": ("an OTC desk", "OTC desks"),
}
"""Ends at which value goes out of sight, as sentences name one and several."""

LEAST_SHARE = 0.05
"""Of what was traced forward, from which what ended for want of data is worth telling."""

NOTEWORTHY = 0.005
"""Share by which more was traced than received, from which a reader would wonder."""

Row = Mapping[str, Any]
Shares = Mapping[str, float]


def trace_leads(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what must not be missed, from the whole report of a trace.

    Parameters
    ----------
    report
        As `trace_report` makes it.

    Returns
    -------
    list of dict
        ``kind`` (``own``, ``dark``, ``dark_source``, ``deposit``, ``fetch``; ``more`` is told by
        `more_than_received`), ``sentence``, ``numbers``, and ``parties``: chain, address and name
        of those it is about, the largest first; ``n_parties``, how many there are.
    """
    if not any(report["directions"]["forward"][name]["usd"] for name in CONVENTIONS):
        return []
    dark = [*_dark(report, "forward"), *_dark(report, "backward")]
    told = [*_own(report), *dark, _deposit(report), _fetch(report)]
    return [lead for lead in told if lead is not None]


def more_than_received(block: Mapping[str, Any], received: float) -> list[dict[str, Any]]:
    """Explain that more dollars were traced than were received, where that is so.

    Parameters
    ----------
    block
        The trace of an alert.
    received
        Dollars that its history shows to have come in.
    """
    if not block["made"]:
        return []
    traced = max(block["directions"]["forward"][name]["usd"] or 0.0 for name in CONVENTIONS)
    if traced <= (1 + NOTEWORTHY) * received:
        return []
    said = tell(
        "{traced} were traced forward, more than the {received} received: each transfer counts at "
        "the price of its own moment, and what came unseen or without a price is paid out too.",
        traced=worth(traced), received=worth(received),
    )  # fmt: skip
    return [_lead("more", said, [])]


def _own(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say what came to the same address on other chains, and whether it was still there."""
    nodes = {
        name: [node for node in side["nodes"] if _is_own(report, node)]
        for name, side in report["key_nodes"]["forward"].items()
    }
    leads = []
    for chain in sorted({node["chain"] for of in nodes.values() for node in of}):
        came = {
            name: _sum(node for node in nodes[name] if node["chain"] == chain) for name in nodes
        }
        kept, unseen = (
            {
                name: _sum(e for e in ends if _is_own(report, e) and e["chain"] == chain)
                for name, ends in _ends(report, kind).items()
            }
            for kind in ("unspent", "not_supplied")
        )
        opening, numbers = _part(came)
        where = chain if re.fullmatch(r"[a-z_]+", chain) else "another chain"
        said = f"{opening} came to the same address on {where}{_fate(came, kept, unseen)} {_OWN}"
        numbers |= {
            "at": on(datetime.fromisoformat(report["as_of"])),
            "kept": share(max(kept.values())),
        }
        used = {name: number for name, number in numbers.items() if f"{{{name}}}" in said}
        parties = [_party(chain, report["address"], [])]
        leads.append(_lead("own", tell(said, **used), parties))
    return leads


_OWN = "If one person holds both, that is neither a payment nor an exit."


def _fate(came: Shares, kept: Shares, unseen: Shares) -> str:
    """Say what became of value at the same address on another chain."""
    if any(unseen[name] > kept[name] for name in came):
        return ", whose transfers there were not supplied."
    if all(share(kept[name]).shown == share(came[name]).shown for name in came):
        return " and was still there at {at}, as far as supplied."
    if any(kept.values()):
        return "; {kept} of it all was still there at {at}, as far as supplied."
    return " and went on from there."


def _dark(report: Mapping[str, Any], way: str) -> list[dict[str, Any]]:
    """Name the mixers, marketplaces and desks where value ended, or began."""
    leads = []
    came = "came to" if way == "forward" else "came from"
    for kind, (one, several) in DARK.items():
        found = _holders(report, kind, way)
        if not found:
            continue
        ends = _ends(report, kind, way)
        opening, numbers = _part({name: _sum(of) for name, of in ends.items()}, way)
        nearest = count(_nearest(ends), "payment")
        if len(found) == 1:
            said = tell(f"{opening} {came} {one}, {{hops}} away.", hops=nearest, **numbers)
        else:
            said = tell(
                f"{opening} {came} {{n}} of {several}, the nearest {{hops}} away.",
                n=count(len(found), "address", "addresses"), hops=nearest, **numbers,
            )  # fmt: skip
        leads.append(_lead("dark" if way == "forward" else "dark_source", said, found))
    return leads


def _deposit(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Say how far away exchange deposit addresses are, and so whose cash-out they may be."""
    ends = _ends(report, "exchange_deposit")
    found = _holders(report, "exchange_deposit")
    if not found:
        return None
    n = len(found)
    paid = len({(e["chain"], e["address"]) for of in ends.values() for e in of if _is_near(e)})
    which, them = "the exchange deposit address", {}
    if n > 1:
        which, them = (
            "{n}",
            {"n": count(n, "exchange deposit address", "exchange deposit addresses")},
        )
    if not paid:
        opening = "It did not itself pay" if n == 1 else "It paid none of"
        near = "it is {hops} away" if n == 1 else "the nearest is {hops} away"
        said = tell(
            f"{opening} {which}{' itself' if n > 1 else ''}: {near}, and the account there may be "
            "that of somebody on the way.",
            hops=count(_nearest(ends), "payment"), **them,
        )  # fmt: skip
    elif n == 1:
        said = tell(f"It paid {which} itself; the account there may be its own or a payee’s.")
    else:
        said = tell(
            f"Of {which} it paid {{own}} itself; an account there may be its own or a payee’s.",
            own=Number(f"{paid:,}", paid, "count"), **them,
        )  # fmt: skip
    return _lead("deposit", said, found)


def _fetch(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Say where the trace ends for want of data, and whose transfers to fetch next."""
    ends = _ends(report, "not_supplied")
    part = {name: _sum(of) for name, of in ends.items()}
    if max(part.values()) < LEAST_SHARE:
        return None
    farthest = max(end["hops_most"] for of in ends.values() for end in of)
    soon = " after one payment" if farthest == 1 else ""
    first = _holders(report, "not_supplied")[0]
    said = tell(
        f"Of what was traced forward, {{part}} is lost{soon} for want of data: fetch next the "
        "transfers of the address that took most there, {usd}.",
        part=share(min(1.0, max(part.values()))), usd=worth(first["usd"]),
    )  # fmt: skip
    return _lead("fetch", said, [first])


def _is_own(report: Mapping[str, Any], row: Row) -> bool:
    return bool(row["address"] == report["address"] and row["chain"] != report["chain"])


def _is_near(end: Row) -> bool:
    return bool(end["hops_least"] == 1)


def _ends(report: Mapping[str, Any], kind: str, way: str = "forward") -> dict[str, list[Row]]:
    """Return the ends of one kind by convention."""
    return {
        name: [end for end in report["directions"][way][name]["ends"] if end["end"] == kind]
        for name in CONVENTIONS
    }


def _sum(rows: Any) -> float:
    return float(sum(row["share"] or 0.0 for row in rows))


def _part(shares: Shares, way: str = "forward") -> tuple[str, dict[str, Number]]:
    """Write a share of what was traced by both conventions, once where they agree."""
    fifo, haircut = (share(shares[name]) for name in CONVENTIONS)
    what = "what was traced forward" if way == "forward" else "what was traced back"
    if fifo.shown == haircut.shown:
        return f"{{part}} of {what}", {"part": fifo}
    opening = f"{{part}} of {what} under FIFO, {{other}} under haircut,"
    return opening, {"part": fifo, "other": haircut}


def _holders(report: Mapping[str, Any], kind: str, way: str = "forward") -> list[dict[str, Any]]:
    """Return the addresses of one kind of end, most dollars by either convention first."""
    sums: dict[tuple[str, str], dict[str, float]] = {}
    tags: dict[tuple[str, str], Sequence[Row]] = {}
    for name, ends in _ends(report, kind, way).items():
        for end in ends:
            pair = (end["chain"], end["address"])
            tags[pair] = end["tags"]
            per = sums.setdefault(pair, dict.fromkeys(CONVENTIONS, 0.0))
            per[name] += end["usd"] or 0.0
    found = [{**_party(*pair, tags[pair]), "usd": max(sums[pair].values())} for pair in sums]
    return sorted(found, key=lambda one: (-one["usd"], one["chain"], one["address"]))


def _nearest(ends: Mapping[str, Sequence[Row]]) -> int:
    return min(int(end["hops_least"]) for of in ends.values() for end in of)


def _party(chain: str, address: str, tags: Sequence[Row]) -> dict[str, Any]:
    return {"chain": chain, "address": address, "name": tags[0]["name"] if tags else None}


def _lead(kind: str, said: Sentence, parties: Sequence[Row]) -> dict[str, Any]:
    named = [{k: one[k] for k in ("chain", "address", "name")} for one in parties[:MOST_NAMED]]
    return {"kind": kind, **spoken(said), "parties": named, "n_parties": len(parties)}
