"""Indirect exposure: how much of its money had been with listed parties or exchanges, hops away.

`cash_out` looks at counterparties that a registry names. Here their counterparties are looked at:
what share of a sender's own receipts had come from listed parties before it paid, and what share of
a receiver's own payments had gone to exchanges before it was paid (as of a deposit address, which
stands on no list and passes everything on to one that does). What reaches further back than two
hops is added up as a haircut: each payment carries its sender's share.

Exposure is **no guilt**: it is what others are said to be, and innocents deal with the same people.
It stops at every service that the registry names, because what leaves an exchange or a bridge is
not what came in. What is not on a list, or was not loaded, counts as nothing, so each share means
"at least". A model that learns from exposures is held to a cap (`models.association`).
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from features.by_value import mean_by_value, share_by_value
from features.compilation import kernel
from features.evidence import Evidence
from features.history import EXCHANGES, ILLICIT, Columns, History
from features.neighbours import DRAINED, KNOWN, WHOLE, YOUNG
from features.signal import Family

_MOSTLY = WHOLE // 2
_NOBODY = "no dated row of the services registry named such a party on its chain, or nothing "


@kernel
def indirect_exposure_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; one pass over each history."""
    near = columns.neighbours
    looked_at = len(near.listed_in) == len(columns.time)
    for i in range(first, last):
        row = out[i]
        row[:] = np.nan
        if not looked_at or not columns.registry[i]:
            continue
        value_in, value_out, known_in, fresh = 0, 0, 0, 0
        listed_in, further_in, listed_out, exchange_out = 0.0, 0.0, 0.0, 0.0
        for j in range(columns.offsets[i], columns.offsets[i + 1]):
            value = columns.value[j]
            if columns.incoming[j]:
                value_in += value
                listed_in += float(value) * near.listed_in[j]
                further_in += float(value) * near.listed_in_further[j]
                if near.flags[j] & KNOWN:
                    known_in += value
                    drained = near.flags[j] & DRAINED and near.age[j] < YOUNG
                    fresh += value if drained and near.exchange_in[j] >= _MOSTLY else 0
            else:
                value_out += value
                listed_out += float(value) * near.listed_out[j]
                exchange_out += float(value) * near.exchange_out[j]
        illicit, exchanges = columns.registry[i] & ILLICIT, columns.registry[i] & EXCHANGES
        came, went = float(value_in) * WHOLE, float(value_out) * WHOLE
        if illicit and value_in > 0:
            row[0], row[1] = min(1.0, listed_in / came), min(1.0, further_in / came)
        if illicit and value_out > 0:
            row[2] = min(1.0, listed_out / went)
        if exchanges and value_out > 0:
            row[3] = min(1.0, exchange_out / went)
        if exchanges and known_in > 0:
            row[4] = fresh / known_in


FAMILY = Family(
    "indirect_exposure",
    indirect_exposure_kernel,
    cost="linear (one pass), after the neighbours were looked at",
    reads_neighbours=True,
)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="neighbourhood",
    formula="mean, by value received, of the share of each sender's own receipts, before it paid, "
    "that came from listed parties",
    says="received at least {value} of its value, two hops away, from addresses that a list calls "
    "illicit",
    null=_NOBODY + "came in",
    bounds=(0, 1),
    risk="up",
    exposure=True,
    lower_bound=True,
)
def listed_in_2_hops(history: History) -> Evidence | None:
    """Share of its value that its senders had from listed parties: two hops back."""
    return _mean(history, history.inflows, ILLICIT, history.neighbours.listed_in)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="neighbourhood",
    formula="mean, by value received, of the share of each sender's own receipts, before it paid, "
    "that stems from listed parties through others (haircut)",
    says="received at least {value} of its value, three hops away or further, from addresses that "
    "a list calls illicit",
    null=_NOBODY + "came in",
    bounds=(0, 1),
    risk="up",
    exposure=True,
    lower_bound=True,
)
def listed_in_3_hops(history: History) -> Evidence | None:
    """Share of its value that stems from listed parties three hops back or further."""
    return _mean(history, history.inflows, ILLICIT, history.neighbours.listed_in_further)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="neighbourhood",
    formula="mean, by value sent, of the share of each receiver's own payments, before it was "
    "paid, that went to listed parties",
    says="paid addresses that had sent at least {value} of their own value to addresses that a "
    "list calls illicit",
    null=_NOBODY + "went out",
    bounds=(0, 1),
    exposure=True,
    lower_bound=True,
)
def listed_out_2_hops(history: History) -> Evidence | None:
    """Share of its receivers' own earlier payments that went to listed parties."""
    return _mean(history, history.outflows, ILLICIT, history.neighbours.listed_out)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="neighbourhood",
    formula="mean, by value sent, of the share of each receiver's own payments, before it was "
    "paid, that went to known addresses of exchanges",
    says="paid addresses that had sent at least {value} of their own value to known addresses of "
    "exchanges, as deposit addresses do",
    null=_NOBODY + "went out",
    bounds=(0, 1),
    red_flags=("cash_out",),
    exposure=True,
    lower_bound=True,
)
def exchange_out_2_hops(history: History) -> Evidence | None:
    """Share of its receivers' own earlier payments that went to exchanges (deposit addresses)."""
    return _mean(history, history.outflows, EXCHANGES, history.neighbours.exchange_out)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="neighbourhood",
    formula="value from known senders younger than 30 days, with half or more of their receipts "
    "from known exchanges, that took 99 % or more of what the sender held ÷ value from known "
    "senders",
    says="received {value} of its value, so far as the senders are known, from fresh "
    "exchange-funded wallets that the payment emptied",
    null="no dated row of the services registry named an exchange on its chain, or the history of "
    "none of its senders is known",
    window=timedelta(days=30),
    bounds=(0, 1),
    red_flags=("drained_fresh_wallets",),
    exposure=True,
    fewest={"senders": 3},
)
def drained_exchange_funded_share(history: History) -> Evidence | None:
    """Share of the value received that emptied a young wallet funded from an exchange."""
    near = history.neighbours
    if not history.registry & EXCHANGES or not len(near.listed_in):
        return None
    rows = near.known(history.inflows)
    part = rows[near.emptied(rows) & (near.exchange_in[rows] >= _MOSTLY)]
    return share_by_value(history, part, rows)


def _mean(history: History, rows: np.ndarray, needed: int, field: np.ndarray) -> Evidence | None:
    """Return the mean by value of the neighbours' shares, where some such party was known."""
    known = history.registry & needed and len(field)
    return mean_by_value(history, rows, field) if known else None
