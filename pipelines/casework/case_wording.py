"""The words for what ties alerts, and for what does not: no more than the transfers show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from models import sentences
from models.cases.limits import Kind, Limits, Reason

_MEANINGS = {
    Kind.DIRECT_FLOW: "had direct payments between them",
    Kind.SAME_ADDRESS: "the same address on several chains",
    Kind.BRIDGE_CROSSING: "what one paid into a bridge probably came out for the other on another "
    "chain",
    Kind.SHARED_EXIT: "paid the same address",
    Kind.SHARED_PAYER: "were paid by the same address",
    Kind.RELAY: "a third address passed on within minutes what one paid it",
    Kind.GAS_FUNDER: "got their first coins for fees from the same address",
}

WITHHELD = {
    Reason.BUSY: "It deals with so many that having dealt with it ties nobody.",
    Reason.NOT_SUPPLIED: "Its own transfers were not supplied whole, so it may be a service that "
    "no list names. Export and ingest them to settle it.",
    Reason.POSSIBLE_VICTIM: "It may be a victim's address; whoever paid a victim, or was paid "
    "what a victim passed on, is not tied by that.",
}
"""Why a third address ties nobody."""


def meaning_of(kind: str) -> str:
    """Say what a kind of link is, after "they".

    >>> meaning_of("direct_flow")
    'had direct payments between them'
    """
    return _MEANINGS[Kind(kind)]


def link_sentence(
    kind: Kind, n: int, total: Mapping[str, Any], limits: Limits, *, victim: bool
) -> str:
    """Say in one or two sentences what ties some alerts.

    Parameters
    ----------
    n
        How many alerts.
    total
        The transfers that it rests on, as in ``cases.json``.
    victim
        Whether the third may be a victim.

    Examples
    --------
    >>> total = {"n": 2, "usd": 1500.0, "first": "2024-03-03T09:00:00Z",
    ...     "last": "2024-03-04T09:00:00Z"}
    >>> link_sentence(Kind.SHARED_EXIT, 3, total, Limits(), victim=False)
    'The 3 addresses paid the same address: 2 transfers, $1,500.00, 3 March 2024 to 4 March 2024.'
    """
    who = f"The {n} addresses"
    if kind is Kind.SAME_ADDRESS:
        return (
            f"It is the same address on {n} chains of the Ethereum family, where one key signs "
            "for it on all of them. A contract's address may have different owners, so check that "
            "it is none."
        )
    if kind is Kind.BRIDGE_CROSSING:
        least = sentences.shown(limits.least_chance, "share")
        return (
            "What one of them paid into a bridge probably came out for the other on another chain "
            f"(matched by coin, amount and time, each with a chance of at least {least}); both "
            f"sides together: {transfers_told(total)}."
        )
    if kind is Kind.RELAY:
        minutes = int(limits.relay.total_seconds() // 60)
        least = sentences.shown(limits.least_passed, "share")
        said = (
            f"What one of them paid to a third address, the third passed on to the other within "
            f"{minutes} minutes, at least {least} of it"
        )
    elif kind is Kind.SHARED_PAYER:
        said = f"{who} were paid by {'one possible victim' if victim else 'the same address'}"
    else:
        said = f"{who} {_MEANINGS[kind]}"
    caution = ""
    if kind is Kind.SHARED_PAYER and not victim:
        caution = " Whoever paid may have been defrauded by them, or be somebody of theirs."
    return f"{said}: {transfers_told(total)}.{caution}"


def transfers_told(total: Mapping[str, Any]) -> str:
    """Say how many transfers, worth what, and when.

    >>> transfers_told({"n": 1, "usd": None, "first": "2024-03-03T09:00:00Z",
    ...     "last": "2024-03-03T09:00:00Z"})
    '1 transfer, no price known, 3 March 2024'
    """
    if not total["n"]:
        return "no transfers"
    n = f"{total['n']:,} {'transfer' if total['n'] == 1 else 'transfers'}"
    worth = "no price known" if total["usd"] is None else f"${total['usd']:,.2f}"
    return f"{n}, {worth}, {days_told(total)}"


def days_told(total: Mapping[str, Any]) -> str:
    """Say from when to when, in days.

    >>> days_told({"first": None, "last": None})
    'no transfers'
    """
    if total["first"] is None:
        return "no transfers"
    days = [sentences.day(datetime.fromisoformat(total[end])) for end in ("first", "last")]
    return " to ".join(dict.fromkeys(days))
