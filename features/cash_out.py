"""Cash-out: what it had to do with known exchanges, bridges, mixers and marketplaces.

Stolen money ends at an exchange: at its deposit addresses, several of them when somebody is careful
(Griffin and Mei). On the way it may pass a bridge, a mixer or a guarantee marketplace (FinCEN's
section 311 rule on Huione Group). These signals look at counterparties that a services registry
names, and at nothing else. Most deposit addresses stand on no list: a low share says little.

They are **exposure**: what others are said to be, not what the address does. Innocent people deal
with the same exchanges, bridges and mixers, and a list may be wrong. Guilt by association must not
convict: a model that learns from them is held to a cap (`models.association`), and can do without.

Where the registry knew no exchange (bridge, …) on its chain at the cut, all about them are null.
"""

from __future__ import annotations

import numpy as np

from features.by_value import share_by_value
from features.compilation import kernel
from features.counterparties import numbering, renumber
from features.evidence import Evidence, evidence
from features.history import (
    BRIDGES,
    EXCHANGES,
    ILLICIT,
    LISTED,
    MARKETPLACES,
    WHAT,
    Columns,
    History,
    party_of,
)
from features.numeric import longest_history
from features.signal import Family
from features.working import carved

_HOT, _DEPOSIT = party_of("exchange_hot"), party_of("exchange_deposit")
_BRIDGE, _MARKETPLACE = party_of("bridge"), party_of("guarantee_marketplace")

_NO_EXCHANGE = "no dated row of the services registry named an exchange on its chain"
_NOBODY = "no dated row of the services registry named such a party on its chain, or nothing "


@kernel
def cash_out_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; one pass over each history, and one over what exchanges got."""
    longest = longest_history(columns.offsets, first, last)
    table, seen, code, room = numbering(columns.room, longest)
    paid, room = carved(room, longest, np.int64)
    amount, _ = carved(room, longest, np.int64)
    for i in range(first, last):
        row = out[i]
        row[:] = np.nan
        if not columns.registry[i]:
            continue
        value_in, value_out, n_in, n_out, n = 0, 0, 0, 0, 0
        exchange_in, exchange_out, listed_in, listed_out = 0, 0, 0, 0
        bridge_in, bridge_out, marketplace = 0, 0, 0
        for j in range(columns.offsets[i], columns.offsets[i + 1]):
            value, party = columns.value[j], columns.party[j]
            what = party & WHAT
            marketplace += value if what == _MARKETPLACE else 0
            if columns.incoming[j]:
                n_in += 1
                value_in += value
                exchange_in += value if what in (_HOT, _DEPOSIT) else 0
                listed_in += value if party & LISTED else 0
                bridge_in += value if what == _BRIDGE else 0
            else:
                n_out += 1
                value_out += value
                listed_out += value if party & LISTED else 0
                bridge_out += value if what == _BRIDGE else 0
                if what in (_HOT, _DEPOSIT):
                    exchange_out += value
                    paid[n], amount[n] = columns.counterparty[j], value
                    n += 1
        known = columns.registry[i]
        if known & EXCHANGES:
            row[1] = renumber(paid[:n], table, seen, code) if n > 0 else 0
            if n > 0:
                row[2] = _concentration(code[:n], amount[:n], seen[: int(row[1])])
            row[0] = exchange_out / value_out if n_out > 0 else np.nan
            row[3] = exchange_in / value_in if n_in > 0 else np.nan
        if known & ILLICIT:
            row[4] = listed_out / value_out if n_out > 0 else np.nan
            row[5] = listed_in / value_in if n_in > 0 else np.nan
        if known & MARKETPLACES and n_in + n_out > 0:
            row[6] = marketplace / (value_in + value_out)
        if known & BRIDGES:
            row[7] = bridge_out / value_out if n_out > 0 else np.nan
            row[8] = bridge_in / value_in if n_in > 0 else np.nan


@kernel
def _concentration(
    code: np.ndarray, amount: np.ndarray, sums: np.ndarray
) -> float:  # pragma: no cover (compiled)
    """Return the sum of the squared shares of the value by code."""
    sums[:] = 0
    total = 0
    for k in range(len(code)):
        sums[code[k]] += amount[k]
        total += amount[k]
    squares = 0.0
    for c in range(len(sums)):
        squares += (sums[c] / total) ** 2
    return squares


FAMILY = Family(
    "cash_out",
    cash_out_kernel,
    cost="linear (one pass, and a hash table of the addresses of exchanges that were paid)",
)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="value sent to known addresses of exchanges ÷ value sent",
    says="sent {value} of its outgoing value to known addresses of exchanges",
    null=_NOBODY + "went out",
    bounds=(0, 1),
    red_flags=("cash_out",),
    exposure=True,
)
def exchange_out_share(history: History) -> Evidence | None:
    """Share of the value sent that went to known addresses of exchanges."""
    return _share(history, history.outflows, EXCHANGES, (_HOT, _DEPOSIT))


@FAMILY.signal(
    unit="addresses",
    needs="out",
    evidence="members",
    formula="distinct known addresses of exchanges among the receivers of outgoing transfers",
    says="paid {value} that known exchanges own",
    null=_NO_EXCHANGE,
    red_flags=("cash_out",),
    exposure=True,
)
def exchange_addresses_paid(history: History) -> Evidence | None:
    """Number of known addresses of exchanges that it paid."""
    if not history.registry & EXCHANGES:
        return None
    rows = _met(history, history.outflows, (_HOT, _DEPOSIT))
    _, each = np.unique(history.counterparty[rows], return_index=True)
    return evidence(len(each), rows[each])


@FAMILY.signal(
    unit="score",
    needs="out",
    evidence="distribution",
    formula="sum of squared shares of the value sent to known addresses of exchanges, by address",
    says="divided what it sent to exchanges over their addresses with a concentration of "
    "{value} (1 is: all to one)",
    null=_NO_EXCHANGE + ", or it paid no exchange",
    bounds=(0, 1 + 1e-9),
    red_flags=("cash_out",),
    flags_when_low=("cash_out",),
    exposure=True,
    fewest={"exchange_addresses_paid": 3},
)
def exchange_concentration(history: History) -> Evidence | None:
    """Concentration (Herfindahl-Hirschman) of what it sent to exchanges over their addresses."""
    rows = _met(history, history.outflows, (_HOT, _DEPOSIT))
    if not history.registry & EXCHANGES or not len(rows):
        return None
    _, who = np.unique(history.counterparty[rows], return_inverse=True)
    sums = [int(history.value[rows[who == k]].sum()) for k in range(int(who.max()) + 1)]
    total = sum(sums)
    return evidence(sum((s / total) ** 2 for s in sums), rows, rows, shares_of=sums)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="value received from known addresses of exchanges ÷ value received",
    says="received {value} of its incoming value from known addresses of exchanges",
    null=_NOBODY + "came in",
    bounds=(0, 1),
    exposure=True,
)
def exchange_in_share(history: History) -> Evidence | None:
    """Share of the value received that came from known addresses of exchanges."""
    return _share(history, history.inflows, EXCHANGES, (_HOT, _DEPOSIT))


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="value sent to addresses listed as illicit ÷ value sent",
    says="sent {value} of its outgoing value to addresses that a list calls illicit",
    null=_NOBODY + "went out",
    bounds=(0, 1),
    red_flags=("guarantee_marketplace_exposure",),
    exposure=True,
)
def listed_out_share(history: History) -> Evidence | None:
    """Share of the value sent that went to mixers, marketplaces and other listed parties."""
    return _share(history, history.outflows, ILLICIT)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="value received from addresses listed as illicit ÷ value received",
    says="received {value} of its incoming value from addresses that a list calls illicit",
    null=_NOBODY + "came in",
    bounds=(0, 1),
    red_flags=("guarantee_marketplace_exposure",),
    risk="up",
    exposure=True,
)
def listed_in_share(history: History) -> Evidence | None:
    """Share of the value received that came from mixers, marketplaces and other listed parties."""
    return _share(history, history.inflows, ILLICIT)


@FAMILY.signal(
    unit="share",
    needs="any",
    evidence="distribution",
    formula="value exchanged with known guarantee marketplaces ÷ value sent and received",
    says="exchanged {value} of all its value with known guarantee marketplaces",
    null=_NOBODY + "was transferred",
    bounds=(0, 1),
    red_flags=("guarantee_marketplace_exposure",),
    risk="up",
    exposure=True,
)
def marketplace_share(history: History) -> Evidence | None:
    """Share of all its value, in and out, that it exchanged with guarantee marketplaces."""
    return _share(history, np.arange(len(history)), MARKETPLACES, (_MARKETPLACE,))


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="distribution",
    formula="value sent to known bridges ÷ value sent",
    says="sent {value} of its outgoing value over known bridges",
    null=_NOBODY + "went out",
    bounds=(0, 1),
    red_flags=("cross_chain_hop",),
    exposure=True,
)
def bridge_out_share(history: History) -> Evidence | None:
    """Share of the value sent that went into known bridges to other chains."""
    return _share(history, history.outflows, BRIDGES, (_BRIDGE,))


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="value received from known bridges ÷ value received",
    says="received {value} of its incoming value over known bridges",
    null=_NOBODY + "came in",
    bounds=(0, 1),
    red_flags=("cross_chain_hop",),
    exposure=True,
)
def bridge_in_share(history: History) -> Evidence | None:
    """Share of the value received that came out of known bridges from other chains."""
    return _share(history, history.inflows, BRIDGES, (_BRIDGE,))


def _met(history: History, rows: np.ndarray, kinds: tuple[int, ...]) -> np.ndarray:
    """Return those of some rows whose other side is of these kinds; of no kind: is listed."""
    party = history.party[rows]
    return rows[np.isin(party & WHAT, kinds) if kinds else (party & LISTED) > 0]


def _share(
    history: History, rows: np.ndarray, needed: int, kinds: tuple[int, ...] = ()
) -> Evidence | None:
    """Return the share of value with parties of some kinds, where some such were known."""
    known = history.registry & needed
    return share_by_value(history, _met(history, rows, kinds), rows) if known else None
