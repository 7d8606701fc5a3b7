"""Who stands on the other side of a transfer, as far as lists and the transaction itself say.

A swap's legs go to a venue and come back: nobody was paid. An exchange's hot wallet, a bridge or a
payment service pays for many: it is no single sender, whoever its customers are.
"""

from __future__ import annotations

import numpy as np

from data.service_table import CATEGORIES
from features.history import WHAT, History
from features.swaps import PLAIN, Swapping

VENUES = ("bridge", "dex_router", "token_issuer")
"""Contracts that change or carry coins: nobody asks them for an invoice."""

SHARED = (
    *VENUES,
    "exchange_hot",
    "payment_processor",
    "custodian",
    "mixer",
    "guarantee_marketplace",
)
"""Categories whose one address pays, and is paid, for many."""

SIDE_WORDS = {
    "exchange_hot": "an exchange’s hot wallet",
    "exchange_deposit": "an exchange’s deposit address",
    "bridge": "a bridge",
    "dex_router": "a swap venue",
    "payment_processor": "a payment service",
    "custodian": "a custodian",
    "mixer": "a mixer",
    "guarantee_marketplace": "a guarantee marketplace",
    "sanctioned": "a sanctioned address",
    "otc_desk": "an OTC desk",
    "token_issuer": "a token’s issuer",
    "issuer_blocked": "an address that a token’s issuer has frozen",
    "reported_abuse": "an address reported for abuse",
}
"""How a party stands in a sentence, by its category."""


def category(history: History, position: int) -> str | None:
    """Return what the lists call the other side of one transfer; None where they do not."""
    what = int(history.party[position]) & WHAT
    return CATEGORIES[what - 1] if what else None


def swap_legs(history: History) -> np.ndarray:
    """Mark the transfers that belong to a swap within one transaction."""
    found = np.zeros(len(history), dtype=np.bool_)
    swapping = Swapping(history)
    found[swapping.original] = swapping.role != PLAIN
    return found


def paid(history: History) -> np.ndarray:
    """Return the positions of what was received or paid: all but swaps' legs and venues."""
    return np.flatnonzero(~swap_legs(history) & ~_among(history, VENUES))


def third_parties(history: History) -> np.ndarray:
    """Return the positions of transfers with one party alone, as far as is known."""
    return np.flatnonzero(~swap_legs(history) & ~_among(history, SHARED))


def _among(history: History, categories: tuple[str, ...]) -> np.ndarray:
    numbers = [1 + CATEGORIES.index(name) for name in categories]
    return np.isin(history.party & WHAT, numbers)
