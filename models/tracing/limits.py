"""How far a trace goes, and the names of the ways in which it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MICROS = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What is followed. Whatever a limit stops is reported with its value.

    Attributes
    ----------
    max_hops
        Payments in a row; a swap is none, a bridge is one.
    min_usd_micros
        A payment whose traced part is worth less is not followed. Where no dollar value is known
        this limit does not apply.
    max_degree
        An address with more counterparties in the supplied transfers is not followed: what comes
        out of it says little about what went in.
    swaps, bridges
        Whether value is followed through swaps and through matched bridges.
    ambiguous
        Whether a crossing is followed to its likeliest release where that is not likelier than not.
    """

    max_hops: int = 6
    min_usd_micros: int = MICROS
    max_degree: int = 500
    swaps: bool = True
    bridges: bool = True
    ambiguous: bool = False


class End(StrEnum):
    """Where traced value ends."""

    EXCHANGE_DEPOSIT = "exchange_deposit"
    EXCHANGE_HOT = "exchange_hot"
    BRIDGE = "bridge"
    OTC = "otc"
    MIXER = "mixer"
    MARKETPLACE = "guarantee_marketplace"
    OTHER_SERVICE = "other_service"
    UNSPENT = "unspent"
    RETURNED = "returned"
    NOT_SUPPLIED = "not_supplied"
    UNSEEN = "unseen"
    SWAP_PARTY = "swap_party"
    BEYOND_HOPS = "beyond_hops"
    BEYOND_DEGREE = "beyond_degree"
    BELOW_VALUE = "below_value"


CAPS = (End.BEYOND_HOPS, End.BEYOND_DEGREE, End.BELOW_VALUE)
"""Ends that a limit makes: beyond them value may go anywhere."""

CUSTODIAL = (End.EXCHANGE_DEPOSIT, End.EXCHANGE_HOT, End.OTC, End.MARKETPLACE, End.OTHER_SERVICE)
"""Ends at somebody who holds the value for others and may be asked."""

SERVICE_ENDS = {
    "exchange_deposit": End.EXCHANGE_DEPOSIT,
    "exchange_hot": End.EXCHANGE_HOT,
    "bridge": End.BRIDGE,
    "otc_desk": End.OTC,
    "mixer": End.MIXER,
    "guarantee_marketplace": End.MARKETPLACE,
    "dex_router": End.OTHER_SERVICE,
    "payment_processor": End.OTHER_SERVICE,
    "custodian": End.OTHER_SERVICE,
    "token_issuer": End.OTHER_SERVICE,
}
"""The end at a service, by its category. Other categories (sanctioned, issuer-blocked, reported)
name parties that are followed like anybody, and shown."""
