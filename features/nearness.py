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

import numpy as np

from features.compilation import kernel
from features.evidence import Evidence, evidence
from features.history import BLOCKED, EXCHANGES, ILLICIT, MARKETPLACES, Columns, History
from features.reach import (
    FROM_BLOCKED,
    FROM_LISTED,
    FROM_MARKETPLACE,
    TO_BLOCKED,
    TO_EXCHANGE,
    TO_LISTED,
    TO_MARKETPLACE,
    Reached,
    hops,
)
from features.signal import Family

_NEEDED = (EXCHANGES, ILLICIT, MARKETPLACES, BLOCKED, ILLICIT, MARKETPLACES, BLOCKED)
"""By place in `REACHED`: of what the registry must know one on the chain."""

_ONWARD = (True, True, True, True, False, False, False)
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
            for place in range(len(_ONWARD)):
                if columns.incoming[j] != _ONWARD[place]:
                    far = hops(held, party, place)
                    row[place] = min(row[place], far) if far > 0 else row[place]
        for place in range(len(_ONWARD)):
            known = columns.registry[i] & _NEEDED[place]
            row[place] = row[place] if known and row[place] < _FURTHER else np.nan


FAMILY = Family(
    "nearness",
    nearness_kernel,
    cost="linear (one pass), after the neighbours were looked at",
    reads_neighbours=True,
)


def _null(what: str, most: str, way: str) -> str:
    return (
        f"no dated row of the services registry named {what} on its chain, or no chain of "
        f"{most} payments or fewer {way} one"
    )


@FAMILY.signal(
    unit="hops",
    needs="out",
    evidence="neighbourhood",
    formula="fewest payments from it to a known address of an exchange, each receiver having paid "
    "the next before it was paid, up to 5",
    says="led to a known address of an exchange over {value}: of those in between, each had paid "
    "the next before it was paid itself",
    null=_null("an exchange", "five", "led to"),
    bounds=(1, 5),
    red_flags=("cash_out",),
    flags_when_low=("cash_out",),
    model_input=False,
    exposure=True,
)
def hops_to_exchange(history: History) -> Evidence | None:
    """Fewest payments that lead from it to a known address of an exchange."""
    return _fewest(history, TO_EXCHANGE)


@FAMILY.signal(
    unit="hops",
    needs="out",
    evidence="neighbourhood",
    formula="fewest payments from it to an address that a registry names as not licit, each "
    "receiver having paid the next before it was paid, up to 4",
    says="led to an address that a list calls illicit over {value}: of those in between, each had "
    "paid the next before it was paid itself",
    null=_null("a listed party", "four", "led to"),
    bounds=(1, 4),
    model_input=False,
    exposure=True,
)
def hops_to_listed(history: History) -> Evidence | None:
    """Fewest payments that lead from it to a listed address."""
    return _fewest(history, TO_LISTED)


@FAMILY.signal(
    unit="hops",
    needs="out",
    evidence="neighbourhood",
    formula="fewest payments from it to a guarantee marketplace, each receiver having paid the "
    "next before it was paid, up to 4",
    says="led to a guarantee marketplace over {value}: of those in between, each had paid the next "
    "before it was paid itself",
    null=_null("a guarantee marketplace", "four", "led to"),
    bounds=(1, 4),
    red_flags=("guarantee_marketplace_exposure",),
    flags_when_low=("guarantee_marketplace_exposure",),
    model_input=False,
    exposure=True,
)
def hops_to_marketplace(history: History) -> Evidence | None:
    """Fewest payments that lead from it to a guarantee marketplace."""
    return _fewest(history, TO_MARKETPLACE)


@FAMILY.signal(
    unit="hops",
    needs="out",
    evidence="neighbourhood",
    formula="fewest payments from it to an address that a token's issuer has frozen, each receiver "
    "having paid the next before it was paid, up to 4",
    says="led to an address that a token's issuer has frozen over {value}: of those in between, "
    "each had paid the next before it was paid itself",
    null=_null("a frozen address", "four", "led to"),
    bounds=(1, 4),
    red_flags=("freezable_to_unfreezable",),
    flags_when_low=("freezable_to_unfreezable",),
    model_input=False,
    exposure=True,
)
def hops_to_frozen(history: History) -> Evidence | None:
    """Fewest payments that lead from it to an address that a token's issuer has frozen.

    Frozen as the registry knew it at the moment of scoring, not when it was paid.
    """
    return _fewest(history, TO_BLOCKED)


@FAMILY.signal(
    unit="hops",
    needs="in",
    evidence="neighbourhood",
    formula="fewest payments to it from an address that a registry names as not licit, each made "
    "before the next, up to 4",
    says="was reached from an address that a list calls illicit over {value}, each made before the "
    "next",
    null=_null("a listed party", "four", "came from"),
    bounds=(1, 4),
    model_input=False,
    exposure=True,
)
def hops_from_listed(history: History) -> Evidence | None:
    """Fewest payments that lead from a listed address to it."""
    return _fewest(history, FROM_LISTED)


@FAMILY.signal(
    unit="hops",
    needs="in",
    evidence="neighbourhood",
    formula="fewest payments to it from a guarantee marketplace, each made before the next, up to "
    "4",
    says="was reached from a guarantee marketplace over {value}, each made before the next",
    null=_null("a guarantee marketplace", "four", "came from"),
    bounds=(1, 4),
    red_flags=("guarantee_marketplace_exposure",),
    flags_when_low=("guarantee_marketplace_exposure",),
    model_input=False,
    exposure=True,
)
def hops_from_marketplace(history: History) -> Evidence | None:
    """Fewest payments that lead from a guarantee marketplace to it."""
    return _fewest(history, FROM_MARKETPLACE)


@FAMILY.signal(
    unit="hops",
    needs="in",
    evidence="neighbourhood",
    formula="fewest payments to it from an address that a token's issuer has frozen, each made "
    "before the next, up to 4",
    says="was reached from an address that a token's issuer has frozen over {value}, each made "
    "before the next",
    null=_null("a frozen address", "four", "came from"),
    bounds=(1, 4),
    red_flags=("freezable_to_unfreezable",),
    flags_when_low=("freezable_to_unfreezable",),
    model_input=False,
    exposure=True,
)
def hops_from_frozen(history: History) -> Evidence | None:
    """Fewest payments that lead from an address that a token's issuer has frozen to it.

    Frozen as the registry knew it at the moment of scoring, not when it paid.
    """
    return _fewest(history, FROM_BLOCKED)


def _fewest(history: History, kind: Reached) -> Evidence | None:
    """Return the fewest hops, and the transfers that begin (or end) so short a chain."""
    reach = history.neighbours.reach
    if not history.registry & _NEEDED[kind.place] or not len(reach):
        return None
    rows = history.outflows if _ONWARD[kind.place] else history.inflows
    far = np.array([hops(reach[r], history.party[r], kind.place) for r in rows], dtype=np.int64)
    if not (far > 0).any():
        return None
    fewest = int(far[far > 0].min())
    nearest = rows[far == fewest]
    largest = nearest[np.argsort(-history.value[nearest], kind="stable")]
    return evidence(fewest, nearest, largest)
