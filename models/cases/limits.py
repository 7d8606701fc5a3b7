"""What may tie two alerts, and what never does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from models.tracing.limits import SERVICE_ENDS

SERVICES = frozenset(SERVICE_ENDS)
"""Categories of listed parties that serve everybody, licit or not: they never tie anybody.

A sanctioned, blocked or reported party is one party, and may tie like anybody else."""


class Kind(StrEnum):
    """How alerts are tied. All but the first three run through a third address, the *via*."""

    DIRECT_FLOW = "direct_flow"
    SAME_ADDRESS = "same_address"
    BRIDGE_CROSSING = "bridge_crossing"
    SHARED_EXIT = "shared_exit"
    SHARED_PAYER = "shared_payer"
    RELAY = "relay"
    GAS_FUNDER = "gas_funder"


class Reason(StrEnum):
    """Why a third address ties nobody, though several alerts dealt with it."""

    BUSY = "busy"
    NOT_SUPPLIED = "not_supplied"
    POSSIBLE_VICTIM = "possible_victim"


@dataclass(frozen=True)
class Limits:
    """How much it takes.

    Attributes
    ----------
    max_degree
        An alerted address with more counterparties is tied to nobody.
    max_shared
        A third address with more counterparties ties nobody: a shop, a desk or an exchange that no
        list knows also deals with everybody. Where its own transfers were not supplied nobody can
        count them, and it ties nobody either.
    least_share
        What two sides exchanged must be at least this share of all that the one paid and of all
        that the other got, so that a stray payment, or one made to incriminate, ties nobody.
    relay
        A third address that passes on within this time what it got is a relay.
    least_passed
        The share of a receipt that a relay passes on in one payment, at least.
    least_chance
        Of a deposit into a bridge and a release from one to belong together, at least
        (`features.crossings`): a tie makes one case of two, which a coin's throw must not.
    """

    max_degree: int = 500
    max_shared: int = 25
    least_share: float = 0.01
    relay: timedelta = timedelta(minutes=10)
    least_passed: float = 0.8
    least_chance: float = 0.9
