"""Prefix statistics: what both sides of every transfer had done before it, in one pass.

The transfers are read in their one order; each address carries a few running counts. Transfers of
one moment are read together before any of them is counted, so "before" is strictly before and their
order plays no part. The cost is linear in the transfers, but for a sort that finds the first
transfer between two addresses.

Worked example: M receives 100 at noon and pays 60 to K an hour later, then 40 to L after two days.
Before the second payment M had one payer, one payee, and all of its payments (one) were quick.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.compilation import keep_compiled, kernel
from features.events import Events
from features.history import DAY, MICROSECONDS
from features.neighbours import (
    BEHAVIOUR,
    DRAINED,
    KNOWN,
    MOST,
    NONE,
    SUMMED,
    WHOLE,
    YOUNG,
    BothSides,
    passes_on,
)

QUICK = DAY
"""A payment within so long of the latest receipt is quick."""

TAKEN = 0.99
"""A transfer drains its sender if it takes this share of what the sender had left."""


class Carried(NamedTuple):
    """Per address code: its running counts. `earliest` and `latest` in microseconds, -1 for none.

    `held`: value received less value sent; `given`: it has had coins of its chain.
    """

    earliest: np.ndarray
    latest_receipt: np.ndarray
    held: np.ndarray
    given: np.ndarray
    counts: np.ndarray


_PAYERS, _PAYEES, _PAYMENTS, _QUICK, _YOUNG, _FROM, _FEEDS, _TO, _FUNDED = range(9)
_COUNTS = 9


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

    time: np.ndarray
    sender: np.ndarray
    receiver: np.ndarray
    amount: np.ndarray
    leg_kind: np.ndarray
    new_payee: np.ndarray
    new_payer: np.ndarray


def prefixes(events: Events, counted: Counted, *, summable: bool) -> BothSides:
    """Return the fields `BEHAVIOUR` of `Neighbours`, for both sides of every transfer.

    Parameters
    ----------
    summable
        Amounts of different assets can be added; else nobody is said to be `DRAINED`.
    """
    keep_compiled(_pass)
    n = events.addresses.height
    carried = Carried(
        np.full(n, -1, np.int64),
        np.full(n, -1, np.int64),
        np.zeros(n, np.float64),
        np.zeros(n, np.bool_),
        np.zeros((n, _COUNTS), np.int64),
    )
    found = BothSides.empty(len(events.time), BEHAVIOUR)
    pays, receives = (_counts(events, counted, who) for who in (events.sender, events.receiver))
    new_payee = _first_of_pair(events, pays)
    new_payer = new_payee if (pays == receives).all() else _first_of_pair(events, receives)
    seen = Seen(
        events.time, events.sender, events.receiver, events.amount, events.leg_kind,
        new_payee, new_payer,
    )  # fmt: skip
    _pass(seen, counted, summable, carried, found.sender, found.receiver)
    return found


def _counts(events: Events, counted: Counted, who: np.ndarray) -> np.ndarray:
    """Say of each transfer whether it counts for one of its sides."""
    return (events.amount > 0) & ((counted.kinds[who] >> events.leg_kind) & 1 > 0)


def _first_of_pair(events: Events, counts: np.ndarray) -> np.ndarray:
    """Say of each transfer whether it is the first that counts from its sender to its receiver."""
    rows = np.flatnonzero(counts)
    pairs = (events.sender[rows].astype(np.int64) << 32) | events.receiver[rows]
    _, first = np.unique(pairs, return_index=True)
    found = np.zeros(len(counts), dtype=np.bool_)
    found[rows[first]] = True
    return found


@kernel
def _pass(
    seen: Seen,
    counted: Counted,
    summable: bool,
    carried: Carried,
    of_sender: tuple[np.ndarray, ...],
    of_receiver: tuple[np.ndarray, ...],
) -> None:  # pragma: no cover (compiled)
    """Read a moment's transfers, then count its receipts, then its payments."""
    start, n = 0, len(seen.time)
    while start < n:
        end, now = start, seen.time[start]
        while end < n and seen.time[end] == now:
            s, r = seen.sender[end], seen.receiver[end]
            _describe(carried, s, now, counted.known[s], of_sender, end)
            _describe(carried, r, now, counted.known[r], of_receiver, end)
            if summable:
                of_sender[0][end] |= SUMMED
                if carried.held[s] > 0 and seen.amount[end] >= TAKEN * carried.held[s]:
                    of_sender[0][end] |= DRAINED
            end += 1
        for j in range(start, end):
            if seen.amount[j] > 0 and (counted.kinds[seen.receiver[j]] >> seen.leg_kind[j]) & 1:
                _count_receipt(carried, seen, j, counted.known, of_sender)
        for j in range(start, end):
            if seen.amount[j] > 0 and (counted.kinds[seen.sender[j]] >> seen.leg_kind[j]) & 1:
                _count_payment(carried, seen, j, counted.known, of_receiver)
        start = end


@kernel
def _describe(
    carried: Carried, who: int, now: int, known: bool, fields: tuple[np.ndarray, ...], j: int
) -> None:  # pragma: no cover (compiled)
    """Write what an address had done before now."""
    counts = carried.counts[who]
    fields[0][j] = KNOWN if known else 0
    since = carried.earliest[who]
    fields[1][j] = 0 if since < 0 else min((now - since) // MICROSECONDS, 2**31 - 1)
    fields[2][j] = min(counts[_PAYERS], MOST)
    fields[3][j] = min(counts[_PAYEES], MOST)
    fields[4][j] = min(counts[_PAYMENTS], MOST)
    fields[5][j] = _share(counts[_QUICK], counts[_PAYMENTS])
    fields[6][j] = _share(counts[_YOUNG], counts[_FROM])
    fields[7][j] = _share(counts[_FEEDS], counts[_TO])
    fields[8][j] = min(counts[_FUNDED], MOST)


@kernel
def _share(part: int, whole: int) -> int:  # pragma: no cover (compiled)
    return NONE if whole == 0 else (part * WHOLE) // whole


@kernel
def _count_receipt(
    carried: Carried, seen: Seen, j: int, known: np.ndarray, of_sender: tuple[np.ndarray, ...]
) -> None:  # pragma: no cover (compiled)
    s, r, now = seen.sender[j], seen.receiver[j], seen.time[j]
    counts = carried.counts[r]
    if carried.earliest[r] < 0:
        carried.earliest[r] = now
    carried.held[r] += seen.amount[j]
    carried.latest_receipt[r] = now
    counts[_PAYERS] += seen.new_payer[j]
    if known[s]:
        counts[_FROM] += 1
        counts[_YOUNG] += of_sender[1][j] < YOUNG
    if seen.leg_kind[j] < 2 and not carried.given[r]:
        carried.given[r] = True
        carried.counts[s, _FUNDED] += 1


@kernel
def _count_payment(
    carried: Carried, seen: Seen, j: int, known: np.ndarray, of_receiver: tuple[np.ndarray, ...]
) -> None:  # pragma: no cover (compiled)
    s, r, now = seen.sender[j], seen.receiver[j], seen.time[j]
    counts = carried.counts[s]
    if carried.earliest[s] < 0:
        carried.earliest[s] = now
    carried.held[s] -= seen.amount[j]
    counts[_PAYMENTS] += 1
    counts[_PAYEES] += seen.new_payee[j]
    latest = carried.latest_receipt[s]
    counts[_QUICK] += latest >= 0 and now - latest < QUICK
    if known[r]:
        counts[_TO] += 1
        counts[_FEEDS] += passes_on(of_receiver[5][j], of_receiver[4][j])
