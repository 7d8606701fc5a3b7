"""Dated facts with amounts, to stand at the top of an alert.

Chosen by one rule (`pipelines.alerting.fact_choice`). Each says what was paid when, to or by how
many, and names the transactions; none says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from features.evidence import digest
from features.history import History, party_of
from models.habits import same_amount
from models.happenings import FINDERS, Happening
from models.other_side import category
from models.saying import on, share, tell, worth
from models.tracing.limits import CUSTODIAL, End
from models.tracing.tracing import Trace
from models.tracing.worth import Worth
from pipelines.alerting.alert_parts import Scales, Told
from pipelines.alerting.dossier import Dossier
from pipelines.alerting.fact_choice import AGAINST, EXIT, FOR, NEUTRAL, choose
from pipelines.alerting.fact_words import fact_words, moment
from pipelines.moments import iso
from pipelines.tracing.spoken import spoken

MOST_TX_IDS = 8
LEAST_SHARE = 0.05
"""Of what was traced forward, from which an exit is worth telling."""

NEARLY_ALL = 0.95
"""Of what was traced forward, from which what went straight into an exchange's own wallet speaks
against: a customer's deposit address is emptied so."""

DIRECTION_OF = {
    "paid_back_then_more": FOR,
    "taking_turns": FOR,
    "spread": FOR,
    "passed_on": FOR,
    "stepped_up": FOR,
    "rested": AGAINST,
}
"""By kind; all others are neutral, but for exits (`exit_direction`)."""

DIRECTION_RULE = (
    "For the typology: what its red flags describe (many paid within a day, money paid out at "
    "once, payments of one sender that grow, a little paid back before more comes, receivers by "
    "turns, an exit at a mixer or a guarantee marketplace). Against: a large receipt that rested "
    "for a month, and nearly all going straight into an exchange’s own wallet. Neutral: all else."
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

EXIT_KINDS = {
    "exchange_deposit": "exchange_deposit",
    "exchange_hot": "exchange_hot",
    "otc": "otc_desk",
    "mixer": "mixer",
    "guarantee_marketplace": "guarantee_marketplace",
    "bridge": "bridge",
}
"""The category of service that an end is; other services are of several."""

_EXITS = (*CUSTODIAL, End.MIXER, End.BRIDGE)


def dated_facts(
    dossier: Dossier,
    scales: Scales,
    reasons: Sequence[Told],
    block: Mapping[str, Any],
    trace: Trace | None,
) -> list[dict[str, Any]]:
    """Tell the facts that `choose` chooses, by date.

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
    history = with_lists(dossier, trace)
    found = {kind: finder(history) for kind, finder in FINDERS.items()}
    found["same_amount"] = same_amount(history, dossier.amounts())
    told = {k: _told(h, history, dossier, scales) for k, h in found.items() if h is not None}
    leaving = None if trace is None else _exit(block, trace)
    if leaving is not None:
        told[EXIT] = leaving
    chosen = choose(told, found, [reason.signal for reason in reasons])
    return sorted((told[kind] for kind in chosen), key=lambda fact: (fact["date"], fact["kind"]))


def with_lists(dossier: Dossier, trace: Trace | None) -> History:
    """Return the history with what the lists say of its counterparties now, not only at the cut."""
    history = dossier.history
    if trace is None or not len(history):
        return history
    names, party = trace.parties.addresses, history.party.copy()
    rows = {names.row(code): tags[0] for code, tags in trace.parties.tags.items() if tags}
    known = {
        address: party_of(str(tag["category"]))
        for (chain, address), tag in rows.items()
        if chain == dossier.chain
    }
    for position, address in enumerate(dossier.counterparties()):
        if not party[position] and address in known:
            party[position] = known[address]
    return replace(history, party=party)


def exit_direction(end: str, part: float, hops: int) -> str:
    """Say which way an exit points.

    >>> exit_direction("mixer", 0.2, 2), exit_direction("exchange_hot", 0.99, 1)
    ('for', 'against')
    >>> exit_direction("exchange_hot", 0.99, 2), exit_direction("exchange_deposit", 1.0, 1)
    ('neutral', 'neutral')
    """
    if end in (End.MIXER, End.MARKETPLACE):
        return FOR
    straight = end == End.EXCHANGE_HOT and part >= NEARLY_ALL and hops == 1
    return AGAINST if straight else NEUTRAL


def _told(
    happening: Happening, history: History, dossier: Dossier, scales: Scales
) -> dict[str, Any]:
    rows = happening.rows
    tx_ids = dossier.tx_ids(rows)
    chief = int(happening.chief[0])
    sole = dossier.counterparty(chief) if happening.parties == 1 else None
    return {
        "kind": happening.kind,
        "direction": DIRECTION_OF.get(happening.kind, NEUTRAL),
        "date": iso(moment(history, int(rows[0]))),
        **spoken(fact_words(happening, history, scales)),
        "value": happening.value,
        "n_transfers": len(rows),
        "n_counterparties": happening.parties,
        "counterparty": None if sole is None else {"chain": dossier.chain, "address": sole},
        "counterparty_kind": None if sole is None else category(history, chief),
        "tx_ids": list(dict.fromkeys(tx_ids))[:MOST_TX_IDS],
        "n_tx_ids": len(set(tx_ids)),
        "digest": digest(tx_ids),
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
        "kind": EXIT,
        "direction": exit_direction(end, part, max(row["hops_most"] for row in rows)),
        "date": iso(last),
        **spoken(said),
        "value": usd,
        "n_transfers": sum(r["n_transfers"] for r in rows),
        "n_counterparties": 1,
        "counterparty": {"chain": chain, "address": address},
        "counterparty_kind": EXIT_KINDS.get(end),
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
