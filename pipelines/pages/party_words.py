"""Words for who an address is, wherever a page names one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.pages.scale import BAND_NAMES

KINDS = {
    "exchange_hot": ("exchange hot wallet", "exchange hot wallets: unknown customers of exchanges"),
    "exchange_deposit": ("exchange deposit address", "exchange deposit addresses"),
    "deposit_address": (
        "exchange deposit address, by behaviour alone",
        "exchange deposit addresses, by behaviour alone",
    ),
    "bridge": ("bridge", "bridges"),
    "dex_router": ("swap router", "swap routers: coins for coins, no payment"),
    "swap_venue": (
        "swap venue, by behaviour alone",
        "swap venues, by behaviour alone: coins for coins, no payment",
    ),
    "payment_processor": ("payment processor", "payment processors"),
    "custodian": ("custodian", "custodians"),
    "mixer": ("mixer", "mixers"),
    "guarantee_marketplace": ("guarantee marketplace", "guarantee marketplaces"),
    "sanctioned": ("sanctioned party", "sanctioned parties"),
    "otc_desk": ("OTC desk", "OTC desks"),
    "token_issuer": ("token issuer", "token issuers"),
    "issuer_blocked": ("blocked by a token issuer", "blocked by a token issuer"),
    "reported_abuse": ("reported for abuse", "reported for abuse"),
    "possible_victim": (
        "perhaps a victim’s, by this run",
        "perhaps victims’, by this run",
    ),
    "alerted": ("an alert too", "alerts in this run too"),
    "unknown": ("", "nobody knows whose"),
}
"""Kinds of `known_parties`, of one address and of several."""

SIDES = {
    **dict.fromkeys(("spread", "passed_on", "largest_payment", "taking_turns"), "The receiver"),
    "concentrated": "The other side",
}
"""On which side of a dated fact its one counterparty is; on the payer's where nothing is said."""

Who = Callable[[str, str], str]


def who_is(alert: Mapping[str, Any]) -> Who:
    """Return what says of a chain and an address who that is, empty where nobody knows.

    Examples
    --------
    >>> tag = {"name": "Kraken"}
    >>> run = {"status": "scored", "band": "below_review", "score": 0.01}
    >>> party = {"chain": "tron", "address": "T1", "kind": "exchange_hot"}
    >>> known = [party | {"tags": [tag], "in_run": None}]
    >>> who = who_is({"known": known, "counterparties": {"rows": []}})
    >>> who("tron", "T1"), who("tron", "T2")
    ('exchange hot wallet of Kraken', '')
    """
    rows = [*alert["known"], *alert["counterparties"]["rows"]]
    known = {(row["chain"], row["address"]): in_words(row) for row in rows}
    return lambda chain, address: known.get((chain, address), "")


def in_this_run(alert: Mapping[str, Any]) -> Who:
    """Return what says of an address that a trace met whether this run speaks of it too."""
    known = {
        (row["chain"], row["address"]): in_words(row)
        for row in alert["known"]
        if row["kind"] in ("alerted", "possible_victim")
    }
    return lambda chain, address: known.get((chain, address), "")


def in_words(party: Mapping[str, Any]) -> str:
    """Say who an address is, and what this run says of it."""
    words = KINDS[party["kind"]][0]
    name = party["tags"][0]["name"] if party["tags"] else None
    if name and words.lower() in name.lower():
        words = name
    elif name:
        words += f" of {name}" if party["kind"].startswith("exchange") else f" {name}"
    return ", ".join(part for part in (words, band_words(party)) if part)


def band_words(party: Mapping[str, Any]) -> str:
    """Say what this run found of an address that has a score."""
    run = party["in_run"]
    if run is None or run["band"] is None:
        return ""
    words = f"{BAND_NAMES[run['band']]} in this run"
    return f"{words}, which clears nobody" if run["band"] == "below_review" else words


def supplied_words(party: Mapping[str, Any]) -> str:
    """Say what of an address's own transfers was supplied.

    >>> supplied_words({"supplied": {"in": True, "out": False}})
    'what it received'
    """
    into, out = party["supplied"]["in"], party["supplied"]["out"]
    if into and out:
        return "yes"
    if into or out:
        return "what it received" if into else "what it paid"
    return "no"
