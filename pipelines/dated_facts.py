"""Three dated facts with amounts, to stand at the top of an alert.

Chosen by one rule (`RULE`), so that nobody picks what looks worst. Each says what was paid when,
to or by how many, and names the transactions; none says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from features.evidence import digest
from features.history import History
from features.signal import Signal
from models.happenings import FINDERS, Happening, seconds_between
from models.saying import count, lasting, on, share, tell, worth
from models.sentences import Number, Sentence
from models.tracing.limits import CUSTODIAL, End
from models.tracing.tracing import Trace
from models.tracing.worth import Worth
from pipelines.alert_parts import Scales, Told
from pipelines.dossier import Dossier
from pipelines.moments import iso
from pipelines.spoken import spoken

MOST, MOST_TX_IDS = 3, 8
LEAST_SHARE = 0.05
"""Of what was traced forward, from which an exit is worth telling."""

RULE = (
    "Two events of the kinds that the strongest reasons are about, and the largest exit of the "
    "trace; where one of these is missing, the next of: payments to many within a day, a large "
    "receipt paid out soonest, receipts from many within a day, a sender whose payments grew, the "
    "largest receipt, the largest payment. Shown by date."
)

EXIT_WORDS = {
    "exchange_deposit": "an exchange deposit address",
    "exchange_hot": "a hot wallet of an exchange",
    "otc": "an OTC desk",
    "mixer": "a mixer",
    "guarantee_marketplace": "a guarantee marketplace",
    "other_service": "a known service",
    "bridge": "a bridge, where the trail stops",
}
"""Ends that are exits, as they stand in a sentence."""

_EXITS = (*CUSTODIAL, End.MIXER, End.BRIDGE)
_EXIT, _PASSED, _VICTIMS = "exit", ("passed_on",), ("stepped_up", "gathered")
_OF_FAMILY = {"cash_out": (_EXIT,), "cross_chain": (_EXIT,), "victim_inflow": _VICTIMS}
_OF_NEEDS = {"in": ("gathered", "largest_receipt"), "out": ("spread", "largest_payment")}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dated_facts(
    dossier: Dossier,
    scales: Scales,
    reasons: Sequence[Told],
    block: Mapping[str, Any],
    trace: Trace | None,
) -> list[dict[str, Any]]:
    """Choose at most `MOST` facts by `RULE`.

    Parameters
    ----------
    dossier
        Of the address.
    scales
        How its values are written.
    reasons
        Of the alert, strongest first.
    block, trace
        The alert's trace; None where it was too large.
    """
    found = {kind: finder(dossier.history) for kind, finder in FINDERS.items()}
    told = {k: _told(h, dossier, scales) for k, h in found.items() if h is not None}
    leaving = None if trace is None else _exit(block, trace)
    if leaving is not None:
        told[_EXIT] = leaving
    chosen: list[str] = []

    def new(kinds: Iterable[str]) -> list[str]:
        known = [k for k in kinds if k in told and k not in chosen]
        return [k for k in known if not _repeats(found.get(k), [found.get(c) for c in chosen])]

    for reason in reasons:
        if len(chosen) < MOST - 1:
            chosen += new(kinds_of(reason.signal))[:1]
    for kind in (_EXIT, *FINDERS):
        if len(chosen) < MOST:
            chosen += new([kind])
    return sorted((told[kind] for kind in chosen), key=lambda fact: (fact["date"], fact["kind"]))


def kinds_of(signal: Signal) -> tuple[str, ...]:
    """Return the kinds of facts that a signal is about, the likeliest first."""
    return _OF_FAMILY.get(signal.family) or _OF_NEEDS.get(signal.needs) or _PASSED


def _repeats(one: Happening | None, others: list[Happening | None]) -> bool:
    """Say whether a happening is but a part of another, or another of it."""
    if one is None:
        return False
    pairs = [(one.rows, other.rows) for other in others if other is not None]
    return any(bool(np.isin(a, b).all() or np.isin(b, a).all()) for a, b in pairs)


def _told(happening: Happening, dossier: Dossier, scales: Scales) -> dict[str, Any]:
    history, rows = dossier.history, happening.rows
    tx_ids = dossier.tx_ids(rows)
    parties = np.unique(history.counterparty[happening.chief])
    sole = dossier.counterparty(int(happening.chief[0])) if len(parties) == 1 else None
    return {
        "kind": happening.kind,
        "date": iso(_moment(history, int(rows[0]))),
        **spoken(_WORDS[happening.kind](happening, history, scales)),
        "value": happening.value,
        "n_transfers": len(rows),
        "n_counterparties": happening.parties,
        "counterparty": None if sole is None else {"chain": dossier.chain, "address": sole},
        "tx_ids": list(dict.fromkeys(tx_ids))[:MOST_TX_IDS],
        "n_tx_ids": len(set(tx_ids)),
        "digest": digest(tx_ids),
    }


def _spread(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        "From {day}, it paid {who} {sum} within 24 hours, in {n}.",
        day=_day(history, h.rows[0]), who=count(h.parties, "address", "addresses"),
        sum=scales.worth(h.value), n=count(len(h.chief), "payment"),
    )  # fmt: skip


def _gathered(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        "From {day}, {who} paid it {sum} within 24 hours, in {n}.",
        day=_day(history, h.rows[0]), who=count(h.parties, "address", "addresses"),
        sum=scales.worth(h.value), n=count(len(h.chief), "payment"),
    )  # fmt: skip


def _passed_on(h: Happening, history: History, scales: Scales) -> Sentence:
    receipt, last = int(h.rows[0]), int(h.rows[-1])
    return tell(
        "On {day} it received {sum} in one transfer, and paid {out} to {who} within the next "
        "{wait}.",
        day=_day(history, receipt), sum=scales.worth(int(history.value[receipt]) / history.scale),
        out=scales.worth(h.value), who=count(h.parties, "address", "addresses"),
        wait=lasting(seconds_between(history, receipt, last)),
    )  # fmt: skip


def _stepped_up(h: Happening, history: History, scales: Scales) -> Sentence:
    first, last = int(h.rows[0]), int(h.rows[-1])
    most = int(history.value[h.rows].max()) / history.scale
    return tell(
        "One address paid it {first} on {day}, and {sum} in all by {end}, in {n}, the largest "
        "{most}.",
        first=scales.worth(int(history.value[first]) / history.scale), day=_day(history, first),
        sum=scales.worth(h.value), end=_day(history, last), n=count(len(h.rows), "payment"),
        most=scales.worth(most),
    )  # fmt: skip


def _largest_receipt(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        "On {day} it received its largest sum, {sum}, from one address.",
        day=_day(history, h.rows[0]), sum=scales.worth(h.value),
    )  # fmt: skip


def _largest_payment(h: Happening, history: History, scales: Scales) -> Sentence:
    return tell(
        "On {day} it made its largest payment, {sum}, to one address.",
        day=_day(history, h.rows[0]), sum=scales.worth(h.value),
    )  # fmt: skip


_WORDS = {
    "spread": _spread,
    "passed_on": _passed_on,
    "gathered": _gathered,
    "stepped_up": _stepped_up,
    "largest_receipt": _largest_receipt,
    "largest_payment": _largest_payment,
}


def _exit(block: Mapping[str, Any], trace: Trace) -> dict[str, Any] | None:
    """Return the exit that took most under FIFO."""
    sides = block["directions"]["forward"]
    fifo, haircut = (_by_holder(sides[name]) for name in ("fifo", "haircut"))
    if not fifo or not sides["fifo"]["usd"]:
        return None
    key, usd = max(fifo.items(), key=lambda item: (item[1], item[0]))
    part = usd / sides["fifo"]["usd"]
    if part < LEAST_SHARE:
        return None
    end, chain, address = key
    rows = [e for e in sides["fifo"]["ends"] if (e["end"], e["chain"], e["address"]) == key]
    last = datetime.fromisoformat(max(row["last"] for row in rows))
    where = EXIT_WORDS[end]
    if rows[0]["by_behaviour"]:
        where = "an address that behaves like an exchange deposit address"
    tx_ids = _arrivals(trace, end, chain, address)
    other = haircut.get(key, 0.0)
    how, rest = "under FIFO as under haircut", ""
    if worth(other).shown != worth(usd).shown:
        how, rest = "under FIFO", "; under haircut it is {other}"
    said = tell(
        f"By {{day}}, {{sum}} ({{part}}) of what was traced forward had come, {how}, to "
        f"{{where}}{rest}.",
        day=on(last), sum=worth(usd), part=share(part), where=where, other=worth(other),
    )  # fmt: skip
    return {
        "kind": _EXIT,
        "date": iso(last),
        **spoken(said),
        "value": usd,
        "n_transfers": sum(r["n_transfers"] for r in rows),
        "n_counterparties": 1,
        "counterparty": {"chain": chain, "address": address},
        "tx_ids": list(dict.fromkeys(tx_ids))[:MOST_TX_IDS],
        "n_tx_ids": len(set(tx_ids)),
        "digest": digest(tx_ids),
    }


def _by_holder(side: Mapping[str, Any]) -> dict[tuple[str, str, str], float]:
    """Add the dollars of exits up by holder."""
    sums: dict[tuple[str, str, str], float] = {}
    for end in side["ends"]:
        if end["end"] in _EXITS and end["usd"]:
            key = (end["end"], end["chain"], end["address"])
            sums[key] = sums.get(key, 0.0) + end["usd"]
    return sums


def _arrivals(trace: Trace, end: str, chain: str, address: str) -> list[str]:
    """Return the transactions that brought value to an end under FIFO, in order."""
    worth_of, names = Worth(trace), trace.parties.addresses
    found = []
    for flow in trace.results["forward", "fifo"].flows:
        holder = trace.laid.holder[worth_of.far_pot(flow, forward=True)]
        if flow.end == end and holder >= 0 and names.row(holder) == (chain, address):
            found.append(trace.books.moves[flow.move].received)
    return trace.rows["tx_id"].gather(sorted(set(found))).to_list()


def _moment(history: History, position: int) -> datetime:
    return _EPOCH + timedelta(microseconds=int(history.time[position]))


def _day(history: History, position: int | np.integer[Any]) -> Number:
    return on(_moment(history, int(position)))
