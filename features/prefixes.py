"""Prefix statistics: what both sides of every transfer had done before it, in one pass.

The transfers are read in their one order; each address carries a few running counts. Transfers of
one moment are read together before any of them is counted, so "before" is strictly before and their
order plays no part. The cost is linear in the transfers.

Worked example: M receives 100 at noon and pays 60 to K an hour later, then 40 to L after two days.
Before the second payment M had one payer, one payee, and all of its payments (one) were quick.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from data.memory import address_of, aligned_zeros, fetch
from features.compilation import keep_compiled, kernel
from features.events import ASKED, LEG_KIND, PULLED, Events
from features.first_meetings import first_of_pair
from features.history import DAY, MICROSECONDS
from features.neighbours import (
    ASKED_FOR,
    BEHAVIOUR,
    DRAINED,
    KNOWN,
    MOST,
    NONE,
    SUMMED,
    TAKEN_BY_OTHERS,
    WHOLE,
    YOUNG,
    both_sides,
    passes_on,
)

QUICK = DAY
"""A payment within so long of the latest receipt is quick."""

TAKEN = 0.99
"""A transfer drains its sender if it takes this share of what the sender had left."""

_TOKEN = 2
"""The kind of leg that others can ask for: a coin of the chain leaves at its owner's word, and what
a contract passes on (internal) always at somebody else's."""

_AHEAD = 16
"""Steps between asking for memory and using it."""


CARRIED = np.dtype(
    [
        ("earliest", np.int64),
        ("latest_receipt", np.int64),
        ("held", np.float64),
        ("payers", np.int32),
        ("payees", np.int32),
        ("payments", np.int32),
        ("quick", np.int32),
        ("young", np.int32),
        ("known_receipts", np.int32),
        ("feeds", np.int32),
        ("known_payments", np.int32),
        ("funded", np.int32),
        ("funded_itself", np.uint8),
        ("known", np.uint8),
        ("kinds", np.uint8),
        ("_", np.uint8),
    ]
)
"""The running counts of one address, together one line of the cache.

earliest, latest_receipt
    Microseconds; -1 for none.
held
    Value received less value sent.
payers, payees, payments, quick, funded
    As in `Neighbours`, `quick` as a count.
young, known_receipts
    Receipts from known senders that were young, and all from known ones.
feeds, known_payments
    Payments to known receivers that pass money on, and all to known ones.
funded_itself
    It has had coins of its chain.
known, kinds
    As in `Counted`.
"""

_CARRIED_BYTES = np.uint64(CARRIED.itemsize)


class Counted(NamedTuple):
    """What counts for whom, per address code.

    `kinds`: bits of the kinds of transfer (as `Events.leg_kind`) that count; `known`: see
    `KNOWN`.
    """

    kinds: np.ndarray
    known: np.ndarray


class Seen(NamedTuple):
    """The transfers, as `Events` holds them.

    `new_payee`, `new_payer`: the first from its sender to its receiver that counts for the sender,
    for the receiver.
    """

    table: np.ndarray
    amount: np.ndarray
    new_payee: np.ndarray
    new_payer: np.ndarray


def prefixes(events: Events, counted: Counted, *, summable: bool) -> np.ndarray:
    """Return what both sides of every transfer had done before it (`both_sides` of `BEHAVIOUR`).

    Parameters
    ----------
    summable
        Amounts of different assets can be added; else nobody is said to be `DRAINED`.
    """
    pays, receives = counts(events, counted)
    new_payee = first_of_pair(events.table, pays)
    new_payer = new_payee if (pays == receives).all() else first_of_pair(events.table, receives)
    seen = Seen(events.table, events.amount, new_payee, new_payer)
    return Prefixes(counted, summable=summable).read(seen)


class Prefixes:
    """The running counts of all addresses, which read the transfers in order, piece after piece.

    A moment must not be cut in two: a piece ends where the time moves on.
    """

    def __init__(self, counted: Counted, *, summable: bool) -> None:
        keep_compiled(_pass)
        self._summable = summable
        self._carried = aligned_zeros(len(counted.kinds), CARRIED)
        self._carried["earliest"] = self._carried["latest_receipt"] = -1
        self._carried["known"], self._carried["kinds"] = counted.known, counted.kinds

    def read(self, seen: Seen) -> np.ndarray:
        """Return what both sides of each further transfer had done before it (`both_sides`)."""
        found = both_sides(len(seen.table), BEHAVIOUR)
        _pass(seen, self._summable, self._carried, address_of(self._carried), found)
        return found


def counts(events: Events, counted: Counted) -> tuple[np.ndarray, np.ndarray]:
    """Say of each transfer whether it counts for its sender, and for its receiver."""
    for_sender, for_receiver = (
        (events.amount > 0) & ((counted.kinds[who] >> events.leg_kind) & 1 > 0)
        for who in (events.sender, events.receiver)
    )
    return for_sender, for_receiver


@kernel
def _pass(
    seen: Seen, summable: bool, carried: np.ndarray, carried_at: np.uint64, found: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Read a moment's transfers, then count its receipts, then its payments."""
    table = seen.table
    start, last = 0, len(table) - 1
    while start <= last:
        end, now = start, table[start].time
        while end <= last and table[end].time == now:
            later = table[min(end + _AHEAD, last)]
            fetch(carried_at + np.uint64(later.sender) * _CARRIED_BYTES)
            fetch(carried_at + np.uint64(later.receiver) * _CARRIED_BYTES)
            sender, receiver = carried[table[end].sender], carried[table[end].receiver]
            told = found[2 * end]
            _describe(sender, now, told)
            _describe(receiver, now, found[2 * end + 1])
            detail = table[end].detail
            if detail & ASKED and detail & LEG_KIND == _TOKEN:
                told.flags |= ASKED_FOR | (TAKEN_BY_OTHERS if detail & PULLED else 0)
            if summable:
                told.flags |= SUMMED
                if sender.held > 0 and seen.amount[end] >= TAKEN * sender.held:
                    told.flags |= DRAINED
            end += 1
        for j in range(start, end):
            receiver = carried[table[j].receiver]
            if seen.amount[j] > 0 and (receiver.kinds >> (table[j].detail & LEG_KIND)) & 1:
                _count_receipt(carried, seen, j, found[2 * j])
        for j in range(start, end):
            sender = carried[table[j].sender]
            if seen.amount[j] > 0 and (sender.kinds >> (table[j].detail & LEG_KIND)) & 1:
                _count_payment(carried, seen, j, found[2 * j + 1])
        start = end


@kernel
def _describe(who: Any, now: int, told: Any) -> None:  # pragma: no cover (compiled)
    """Write what an address had done before now."""
    told.flags = KNOWN if who.known else 0
    since = who.earliest
    told.age = 0 if since < 0 else min((now - since) // MICROSECONDS, 2**31 - 1)
    told.payers = min(who.payers, MOST)
    told.payees = min(who.payees, MOST)
    told.payments = min(who.payments, MOST)
    told.quick = _share(who.quick, who.payments)
    told.fed = _share(who.young, who.known_receipts)
    told.feeding = _share(who.feeds, who.known_payments)
    told.funded = min(who.funded, MOST)


@kernel
def _share(part: int, whole: int) -> int:  # pragma: no cover (compiled)
    return NONE if whole == 0 else part * WHOLE // whole  # of int64: WHOLE is one


@kernel
def _count_receipt(
    carried: np.ndarray, seen: Seen, j: int, of_sender: Any
) -> None:  # pragma: no cover (compiled)
    event = seen.table[j]
    sender, receiver = carried[event.sender], carried[event.receiver]
    if receiver.earliest < 0:
        receiver.earliest = event.time
    receiver.held += seen.amount[j]
    receiver.latest_receipt = event.time
    receiver.payers += seen.new_payer[j]
    if sender.known:
        receiver.known_receipts += 1
        receiver.young += of_sender.age < YOUNG
    if event.detail & LEG_KIND < 2 and not receiver.funded_itself:
        receiver.funded_itself = 1
        sender.funded += 1


@kernel
def _count_payment(
    carried: np.ndarray, seen: Seen, j: int, of_receiver: Any
) -> None:  # pragma: no cover (compiled)
    event = seen.table[j]
    sender, receiver = carried[event.sender], carried[event.receiver]
    if sender.earliest < 0:
        sender.earliest = event.time
    sender.held -= seen.amount[j]
    sender.payments += 1
    sender.payees += seen.new_payee[j]
    latest = sender.latest_receipt
    sender.quick += latest >= 0 and event.time - latest < QUICK
    if receiver.known:
        sender.known_payments += 1
        sender.feeds += passes_on(of_receiver.quick, of_receiver.payments)
