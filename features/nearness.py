"""Nearness: over how few payments it leads to exchanges, marketplaces and frozen addresses.

Money from victims is at an exchange within a handful of payments (Griffin and Mei), often over
deposit addresses that stand on no list. `cash_out` sees the first payment, `indirect_exposure` what
share of money had to do with whom; here the payments are counted that lie between the address and
the nearest known party of a kind: 1 hop is a payment to it, 2 hops one to somebody who had paid it
before, and so on (`features.reach`). Each payment of the chain was made before the next one towards
the address, so nothing later than its own transfers is read, and a chain never runs through an
address that a registry names: what leaves an exchange is not what came in.

A chain of payments is **no trace of money**: of what was paid, any part may have gone another way,
however small the payments of the chain are. Nearly everybody is a few payments from an exchange,
and many are from a frozen address. So these are context for an analyst and no inputs of the model,
and `indirect_exposure` beside them says how much of the value it may be about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from features.compilation import kernel
from features.evidence import Evidence, evidence
from features.history import Columns, History
from features.reach import (
    FROM_BLOCKED,
    FROM_LISTED,
    FROM_MARKETPLACE,
    KINDS,
    ONWARD,
    TO_BLOCKED,
    TO_EXCHANGE,
    TO_LISTED,
    TO_MARKETPLACE,
    hops,
)
from features.signal import Definition, Family

_FURTHER = 1 << 30


@kernel
def nearness_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; one pass over each history."""
    reach = columns.neighbours.reach
    looked_at = len(reach) == len(columns.time)
    for i in range(first, last):
        row = out[i]
        row[:] = np.nan
        if not looked_at or not columns.registry[i]:
            continue
        row[:] = _FURTHER
        for j in range(columns.offsets[i], columns.offsets[i + 1]):
            held, party = reach[j], columns.party[j]
            if held == 0 and party == 0:
                continue
            for place in range(len(ONWARD)):
                if columns.incoming[j] != ONWARD[place]:
                    far = hops(held, party, place)
                    row[place] = min(row[place], far) if far > 0 else row[place]
        for place in range(len(ONWARD)):
            known = columns.registry[i] & KINDS[place]
            row[place] = row[place] if known and row[place] < _FURTHER else np.nan


FAMILY = Family(
    "nearness",
    nearness_kernel,
    cost="linear (one pass), after the neighbours were looked at",
    reads_neighbours=True,
)


class _Party(NamedTuple):
    """What one is called in the formula and the sentence, and in short."""

    formula: str
    says: str
    short: str


_EXCHANGE = _Party(
    "a known address of an exchange", "a known address of an exchange", "an exchange"
)
_LISTED = _Party(
    "an address that a registry names as not licit",
    "an address that a list calls illicit",
    "a listed party",
)
_MARKETPLACE = _Party(
    "a guarantee marketplace", "a guarantee marketplace", "a guarantee marketplace"
)
_FROZEN = _Party(
    "an address that a token's issuer has frozen",
    "an address that a token's issuer has frozen",
    "a frozen address",
)


def _leads_to(
    party: _Party, *, most: tuple[int, str] = (4, "four"), flags: tuple[str, ...] = ()
) -> Callable[[Definition], Definition]:
    """Declare the fewest payments to a kind of party; `most` as a number and in words."""
    return FAMILY.signal(
        unit="hops",
        needs="out",
        evidence="neighbourhood",
        formula=f"fewest payments from it to {party.formula}, each receiver having paid the next "
        f"before it was paid, up to {most[0]}",
        says=f"led to {party.says} over {{value}}: of those in between, each had paid the next "
        "before it was paid itself",
        null=f"no dated row of the services registry named {party.short} on its chain, or no "
        f"chain of {most[1]} payments or fewer led to one",
        bounds=(1, most[0]),
        red_flags=flags,
        flags_when_low=flags,
        model_input=False,
        exposure=True,
    )


def _comes_from(
    party: _Party, *, flags: tuple[str, ...] = ()
) -> Callable[[Definition], Definition]:
    """Declare the fewest payments from a kind of party."""
    return FAMILY.signal(
        unit="hops",
        needs="in",
        evidence="neighbourhood",
        formula=f"fewest payments to it from {party.formula}, each made before the next, up to 4",
        says=f"was reached from {party.says} over {{value}}, each made before the next",
        null=f"no dated row of the services registry named {party.short} on its chain, or no "
        "chain of four payments or fewer came from one",
        bounds=(1, 4),
        red_flags=flags,
        flags_when_low=flags,
        model_input=False,
        exposure=True,
    )


@_leads_to(_EXCHANGE, most=(5, "five"), flags=("cash_out",))
def hops_to_exchange(history: History) -> Evidence | None:
    """Fewest payments that lead from it to a known address of an exchange."""
    return _fewest(history, TO_EXCHANGE)


@_leads_to(_LISTED)
def hops_to_listed(history: History) -> Evidence | None:
    """Fewest payments that lead from it to a listed address."""
    return _fewest(history, TO_LISTED)


@_leads_to(_MARKETPLACE, flags=("guarantee_marketplace_exposure",))
def hops_to_marketplace(history: History) -> Evidence | None:
    """Fewest payments that lead from it to a guarantee marketplace."""
    return _fewest(history, TO_MARKETPLACE)


@_leads_to(_FROZEN, flags=("freezable_to_unfreezable",))
def hops_to_frozen(history: History) -> Evidence | None:
    """Fewest payments that lead from it to an address that a token's issuer has frozen.

    Frozen as the registry knew it at the moment of scoring, not when it was paid.
    """
    return _fewest(history, TO_BLOCKED)


@_comes_from(_LISTED)
def hops_from_listed(history: History) -> Evidence | None:
    """Fewest payments that lead from a listed address to it."""
    return _fewest(history, FROM_LISTED)


@_comes_from(_MARKETPLACE, flags=("guarantee_marketplace_exposure",))
def hops_from_marketplace(history: History) -> Evidence | None:
    """Fewest payments that lead from a guarantee marketplace to it."""
    return _fewest(history, FROM_MARKETPLACE)


@_comes_from(_FROZEN, flags=("freezable_to_unfreezable",))
def hops_from_frozen(history: History) -> Evidence | None:
    """Fewest payments that lead from an address that a token's issuer has frozen to it.

    Frozen as the registry knew it at the moment of scoring, not when it paid.
    """
    return _fewest(history, FROM_BLOCKED)


def _fewest(history: History, place: int) -> Evidence | None:
    """Return the fewest hops, and the transfers that begin (or end) so short a chain."""
    reach = history.neighbours.reach
    if not history.registry & KINDS[place] or not len(reach):
        return None
    rows = history.outflows if ONWARD[place] else history.inflows
    far = np.array([hops(reach[r], history.party[r], place) for r in rows], dtype=np.int64)
    if not (far > 0).any():
        return None
    fewest = int(far[far > 0].min())
    nearest = rows[far == fewest]
    return evidence(fewest, nearest, history.largest_first(nearest))
