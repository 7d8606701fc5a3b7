"""Neighbourhood: what its payers and payees were like when they dealt with it.

A collector is paid by wallets that were opened for the purpose, bought their first coins at an
exchange and are emptied by that one payment; a relay pays wallets as young as itself, which pass
the money on within a day; and the wallets of one operator often had their first coins for fees from
one funder. Each counterparty enters with what it had done **before** the shared transfer, nothing
later; shares are by value.

Only counterparties whose own history is **known** (a complete export was loaded) count in shares.
Whose exports are loaded is the loader's choice and says nothing of the address; it can say a lot
about the case, though: where the members of a case are loaded together, that a payee is known at
all tells them apart. So these signals are context for an analyst and no default inputs. They are
worth learning from where everybody's history is known, as on a whole chain.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np

from features.by_value import mean_by_value, share_by_value
from features.compilation import kernel
from features.evidence import Evidence, evidence
from features.history import NATIVE, Columns, History
from features.neighbours import (
    ASKED_FOR,
    DRAINED,
    FEWEST,
    KNOWN,
    NONE,
    SUMMED,
    TAKEN_BY_OTHERS,
    USUAL,
    WHOLE,
    YOUNG,
    passes_on,
)
from features.signal import Family

_MANY = 10
"""So many distinct payees (or payers) make a sender that spreads (a receiver that gathers)."""


@kernel
def neighbourhood_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; one pass over each history."""
    near = columns.neighbours
    looked_at = len(near.flags) == len(columns.time)
    for i in range(first, last):
        row = out[i]
        row[:] = np.nan
        if not looked_at:
            continue
        known_in, known_out, summed_in = 0, 0, 0
        young_in, young_out, quick_in, quick_out = 0, 0, 0, 0
        spreading, gathering, drained, fed_whole, fed = 0, 0, 0, 0, 0.0
        feeding_whole, feeding, coins = 0, 0.0, False
        asked_in, taken = 0, 0
        for j in range(columns.offsets[i], columns.offsets[i + 1]):
            value = columns.value[j]
            if columns.incoming[j] and not coins and columns.asset_kind[columns.asset[j]] & NATIVE:
                coins, row[9] = True, near.funded[j]
            if not near.flags[j] & KNOWN:
                continue
            young = near.age[j] < YOUNG
            quick = passes_on(near.quick[j], near.payments[j])
            if columns.incoming[j]:
                known_in += value
                young_in += value if young else 0
                quick_in += value if quick else 0
                spreading += value if near.payees[j] >= _MANY else 0
                summed_in += value if near.flags[j] & SUMMED else 0
                emptied = young and near.flags[j] & DRAINED
                drained += value if emptied else 0
                if near.flags[j] & SUMMED and near.flags[j] & ASKED_FOR:
                    asked_in += value
                    taken += value if emptied and near.flags[j] & TAKEN_BY_OTHERS else 0
                if near.fed[j] != NONE:
                    fed_whole += value
                    fed += float(value) * near.fed[j]
            else:
                known_out += value
                young_out += value if young else 0
                quick_out += value if quick else 0
                gathering += value if near.payers[j] >= _MANY else 0
                if near.feeding[j] != NONE:
                    feeding_whole += value
                    feeding += float(value) * near.feeding[j]
        if known_in > 0:
            row[0], row[1] = young_in / known_in, quick_in / known_in
            row[2] = spreading / known_in
        if summed_in > 0:
            row[3] = drained / summed_in
        if fed_whole > 0:
            row[4] = min(1.0, fed / (float(fed_whole) * WHOLE))
        if known_out > 0:
            row[5], row[6] = young_out / known_out, quick_out / known_out
            row[7] = gathering / known_out
        if feeding_whole > 0:
            row[8] = min(1.0, feeding / (float(feeding_whole) * WHOLE))
        if asked_in > 0:
            row[10] = taken / asked_in


FAMILY = Family(
    "neighbourhood",
    neighbourhood_kernel,
    cost="linear (one pass), after the neighbours were looked at",
    reads_neighbours=True,
)

_NO_SENDER = "the history of none of its senders is known"
_NO_RECEIVER = "the history of none of its receivers is known"


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="neighbourhood",
    formula="value from known senders whose first transfer was less than 30 days before ÷ value "
    "from known senders",
    says="received {value} of its value, so far as the senders are known, from wallets younger "
    "than 30 days",
    null=_NO_SENDER,
    window=timedelta(days=30),
    bounds=(0, 1),
    model_input=False,
    exposure=True,
    fewest={"senders": 3},
)
def young_sender_share(history: History) -> Evidence | None:
    """Share of the value received that came from wallets in their first 30 days."""
    return _share(history, history.inflows, _young)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="neighbourhood",
    formula="value from known senders that had made 3 payments or more, 80 % of them within 24 "
    "hours of a receipt ÷ value from known senders",
    says="received {value} of its value, so far as the senders are known, from wallets that "
    "usually pass money on within a day",
    null=_NO_SENDER,
    window=timedelta(days=1),
    bounds=(0, 1),
    model_input=False,
    exposure=True,
    fewest={"senders": 3},
)
def quick_sender_share(history: History) -> Evidence | None:
    """Share of the value received that came from wallets that pass money on within a day."""
    return _share(history, history.inflows, _quick)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="neighbourhood",
    formula="value from known senders that had paid 10 addresses or more ÷ value from known "
    "senders",
    says="received {value} of its value, so far as the senders are known, from wallets that had "
    "paid ten addresses or more",
    null=_NO_SENDER,
    bounds=(0, 1),
    model_input=False,
    exposure=True,
    fewest={"senders": 3},
)
def spreading_sender_share(history: History) -> Evidence | None:
    """Share of the value received that came from wallets that pay many."""
    return _share(history, history.inflows, lambda h, rows: h.neighbours.payees[rows] >= _MANY)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="neighbourhood",
    formula="value from known senders younger than 30 days that took 99 % or more of what the "
    "sender held ÷ value from known senders",
    says="received {value} of its value, so far as the senders are known, from wallets younger "
    "than 30 days that the payment emptied",
    null=_NO_SENDER + ", or amounts do not add up in the basis ``relative``",
    window=timedelta(days=30),
    bounds=(0, 1),
    red_flags=("drained_fresh_wallets",),
    model_input=False,
    exposure=True,
    fewest={"senders": 3},
)
def drained_sender_share(history: History) -> Evidence | None:
    """Share of the value received that emptied a young sender.

    What a wallet held is what it had received less what it had sent, in the run's basis.
    """
    summed = (history.neighbours.flags[history.inflows] & SUMMED) > 0
    return _share(history, history.inflows[summed], _emptied)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="neighbourhood",
    formula="mean, by value, of each known sender's share of receipts that came from known wallets "
    "younger than 30 days",
    says="was paid by wallets that had {value} of their own receipts from wallets younger than 30 "
    "days (two hops)",
    null="no known sender had received from a known wallet",
    window=timedelta(days=30),
    bounds=(0, 1),
    model_input=False,
    exposure=True,
    fewest={"senders": 3},
)
def senders_fed_by_young(history: History) -> Evidence | None:
    """Share of its senders' own receipts that came from young wallets, two hops back."""
    return _mean(history, history.inflows, history.neighbours.fed)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="neighbourhood",
    formula="value to known receivers whose first transfer was less than 30 days before ÷ value to "
    "known receivers",
    says="sent {value} of its value, so far as the receivers are known, to wallets younger than "
    "30 days",
    null=_NO_RECEIVER,
    window=timedelta(days=30),
    bounds=(0, 1),
    model_input=False,
    exposure=True,
    fewest={"receivers": 3},
)
def young_receiver_share(history: History) -> Evidence | None:
    """Share of the value sent that went to wallets in their first 30 days."""
    return _share(history, history.outflows, _young)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="neighbourhood",
    formula="value to known receivers that had made 3 payments or more, 80 % of them within 24 "
    "hours of a receipt ÷ value to known receivers",
    says="sent {value} of its value, so far as the receivers are known, to wallets that usually "
    "pass money on within a day",
    null=_NO_RECEIVER,
    window=timedelta(days=1),
    bounds=(0, 1),
    model_input=False,
    exposure=True,
    fewest={"receivers": 3},
)
def quick_receiver_share(history: History) -> Evidence | None:
    """Share of the value sent that went to wallets that pass money on within a day."""
    return _share(history, history.outflows, _quick)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="neighbourhood",
    formula="value to known receivers that 10 addresses or more had paid ÷ value to known "
    "receivers",
    says="sent {value} of its value, so far as the receivers are known, to wallets that ten "
    "addresses or more had paid",
    null=_NO_RECEIVER,
    bounds=(0, 1),
    model_input=False,
    exposure=True,
    fewest={"receivers": 3},
)
def gathering_receiver_share(history: History) -> Evidence | None:
    """Share of the value sent that went to wallets that gather from many."""
    return _share(history, history.outflows, lambda h, rows: h.neighbours.payers[rows] >= _MANY)


@FAMILY.signal(
    unit="share",
    needs="out",
    evidence="neighbourhood",
    formula="mean, by value, of each known receiver's share of payments to known wallets that "
    "usually pass money on within 24 hours",
    says="paid wallets that had made {value} of their own payments to wallets that pass money on "
    "within a day (two hops)",
    null="no known receiver had paid a known wallet",
    window=timedelta(days=1),
    bounds=(0, 1),
    model_input=False,
    exposure=True,
    fewest={"receivers": 3},
)
def receivers_feeding_quick(history: History) -> Evidence | None:
    """Share of its receivers' own payments that went to wallets that pass on, two hops on."""
    return _mean(history, history.outflows, history.neighbours.feeding)


@FAMILY.signal(
    unit="addresses",
    needs="in",
    evidence="neighbourhood",
    formula="addresses that had their first coins of the chain from the sender of its own first "
    "coins, before it",
    says="had its first coins from an address that had given {value}, so far as was loaded, "
    "theirs before",
    null="no coin of the chain came in",
    bounds=(0, 65_535),
    red_flags=("shared_gas_funder",),
    model_input=False,
    exposure=True,
)
def gas_funder_children(history: History) -> Evidence | None:
    """Number of addresses that its funder had given their first coins before.

    Coins pay the fees, so whoever opens many wallets funds them first. Exchanges do so for
    strangers. At least so many: who was not loaded is not counted. 65,535 stands for more.
    """
    rows = history.inflows[(history.kind_of(history.inflows) & NATIVE) > 0][:1]
    if not len(rows):
        return None
    return evidence(int(history.neighbours.funded[rows[0]]), rows, rows)


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="neighbourhood",
    formula="value of tokens from known senders younger than 30 days that took 99 % or more of "
    "what the sender held and that another than the sender had asked for ÷ value of tokens from "
    "known senders of which it is known who asked for them",
    says="received {value} of its tokens, so far as it is known who asked for them, by transfers "
    "that emptied wallets younger than 30 days and that their owners had not sent",
    null=_NO_SENDER + ", or of no token from them it is known who sent the transaction, or amounts "
    "do not add up in the basis ``relative``",
    window=timedelta(days=30),
    bounds=(0, 1),
    red_flags=("drained_fresh_wallets",),
    model_input=False,
    exposure=True,
    fewest={"senders": 3},
)
def taken_from_young_share(history: History) -> Evidence | None:
    """Share of the tokens received by which a third party emptied a young sender.

    Whoever signed an approval (as approval phishing gets victims to) can be emptied by others. So
    can, by consent, the deposit contract of an exchange and a wallet whose fees a relay pays.
    """
    flags = history.neighbours.flags[history.inflows]
    asked = history.inflows[((flags & SUMMED) > 0) & ((flags & ASKED_FOR) > 0)]
    return _share(history, asked, _taken)


Chosen = Callable[[History, np.ndarray], np.ndarray]


def _young(history: History, rows: np.ndarray) -> np.ndarray:
    return history.neighbours.young(rows)


def _quick(history: History, rows: np.ndarray) -> np.ndarray:
    quick, payments = history.neighbours.quick[rows], history.neighbours.payments[rows]
    return (quick >= USUAL) & (quick <= WHOLE) & (payments >= FEWEST)


def _emptied(history: History, rows: np.ndarray) -> np.ndarray:
    return history.neighbours.emptied(rows)


def _taken(history: History, rows: np.ndarray) -> np.ndarray:
    by_others = (history.neighbours.flags[rows] & TAKEN_BY_OTHERS) > 0
    return history.neighbours.emptied(rows) & by_others


def _share(history: History, rows: np.ndarray, chosen: Chosen) -> Evidence | None:
    """Return the share by value of the known rows that are chosen."""
    rows = history.neighbours.known(rows)
    return share_by_value(history, rows[chosen(history, rows)], rows)


def _mean(history: History, rows: np.ndarray, field: np.ndarray) -> Evidence | None:
    """Return the mean by value of a share of the known neighbours that have one."""
    rows = history.neighbours.known(rows)
    return mean_by_value(history, rows[field[rows] != NONE], field)
