"""Taint: what share of a neighbour's money had to do with listed parties and exchanges, before.

A wallet that was paid by a mixer is one hop from it; one that was paid by that wallet is two hops
away, and so on. What is carried on is a haircut: of each payment the share that its sender's own
receipts had at that moment. It stops at every service that the registry knows: what leaves an
exchange or a bridge is not what came in, and they touch everybody's money. Beside the shares, the
same pass finds over how few payments an address had reached such parties (`features.reach`).

Like all prefix statistics these are read strictly before the shared transfer. What the registry
calls a party is what was known at the history's cut, also of earlier transfers; so the pass is made
once for each state of the registry that some history of the run was cut in (usually one).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from data.memory import address_of, aligned_zeros, fetch
from features.compilation import keep_compiled, kernel
from features.events import Events
from features.history import LISTED, WHAT, party_of
from features.neighbours import EXPOSURE, WHOLE, both_sides
from features.reach import joined

_HOT, _DEPOSIT = party_of("exchange_hot"), party_of("exchange_deposit")

SUMS = np.dtype(
    [
        ("listed_in", np.float64),
        ("further_in", np.float64),
        ("listed_out", np.float64),
        ("exchange_in", np.float64),
        ("exchange_out", np.float64),
        ("received", np.float64),
        ("sent", np.float64),
        ("party", np.int32),
        ("reach", np.int32),
    ]
)
"""What one address had received and sent, from and to whom; together one line of the cache.

Those that nobody listed and no exchange ever reached have six zeros, which is nearly all.
"""

_CARRIED = np.dtype([("share", np.float64), ("of_sender", np.int32), ("of_receiver", np.int32)])
"""What a transfer carries on: the tainted share of its sender's money, and what both sides reached
before it."""

_AHEAD = 16
"""Steps between asking for memory and using it."""

_SUMS_BYTES = np.uint64(SUMS.itemsize)


class Taint:
    """The sums of all addresses, which read the transfers in order, piece after piece.

    A moment must not be cut in two: a piece ends where the time moves on.

    Parameters
    ----------
    party
        uint8 per address code, as `Columns.party`: what the registry says of it.
    """

    def __init__(self, party: np.ndarray) -> None:
        keep_compiled(_pass)
        self._sums = aligned_zeros(len(party), SUMS)
        self._sums["party"] = party

    def read(self, events: Events) -> np.ndarray:
        """Return the exposures of both sides of each further transfer before it (`both_sides`)."""
        carried = np.zeros(_longest_moment(events.time), _CARRIED)
        found = both_sides(len(events.table), EXPOSURE)
        _pass(events.table, events.amount, self._sums, address_of(self._sums), carried, found)
        return found


def _longest_moment(time: np.ndarray) -> int:
    """Return the most transfers that share a moment."""
    starts = np.flatnonzero(np.diff(time, prepend=-1))
    return int(np.diff(starts, append=len(time)).max(initial=0))


@kernel
def _pass(
    table: np.ndarray,
    amount: np.ndarray,
    sums: np.ndarray,
    sums_at: np.uint64,
    carried: np.ndarray,
    found: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Read a moment's transfers, with what each carries, then add them up."""
    start, last = 0, len(table) - 1
    while start <= last:
        end, now = start, table[start].time
        while end <= last and table[end].time == now:
            later = table[min(end + _AHEAD, last)]
            fetch(sums_at + np.uint64(later.sender) * _SUMS_BYTES)
            fetch(sums_at + np.uint64(later.receiver) * _SUMS_BYTES)
            sender, receiver = sums[table[end].sender], sums[table[end].receiver]
            _describe(sender, found[2 * end])
            _describe(receiver, found[2 * end + 1])
            _take_along(sender, receiver, carried[end - start])
            end += 1
        for j in range(start, end):
            if amount[j] > 0:
                sender, receiver = sums[table[j].sender], sums[table[j].receiver]
                _add(sender, receiver, amount[j], carried[j - start])
        start = end


@kernel
def _take_along(sender: Any, receiver: Any, carried: Any) -> None:  # pragma: no cover (compiled)
    tainted = sender.listed_in + sender.further_in
    passes = tainted != 0 and sender.party == 0
    carried.share = tainted / sender.received if passes else 0.0
    carried.of_sender = sender.reach if sender.party == 0 else 0
    carried.of_receiver = receiver.reach if receiver.party == 0 else 0


@kernel
def _describe(who: Any, told: Any) -> None:  # pragma: no cover (compiled)
    """Write the shares of one address before now; a known service has none.

    Zeros are not written: most of the records then take no memory.
    """
    if who.party != 0:
        return
    if who.reach != 0:
        told.reach = who.reach
    if who.listed_in != 0 or who.further_in != 0 or who.exchange_in != 0:
        told.listed_in = _share(who.listed_in, who.received)
        told.listed_in_further = _share(who.further_in, who.received)
        told.exchange_in = _share(who.exchange_in, who.received)
    if who.listed_out != 0 or who.exchange_out != 0:
        told.listed_out = _share(who.listed_out, who.sent)
        told.exchange_out = _share(who.exchange_out, who.sent)


@kernel
def _share(part: float, whole: float) -> int:  # pragma: no cover (compiled)
    return int(np.rint(WHOLE * part / whole))


@kernel
def _add(
    sender: Any, receiver: Any, amount: float, carried: Any
) -> None:  # pragma: no cover (compiled)
    """Add a transfer to what its two sides had received, sent and reached."""
    from_what, to_what = sender.party & WHAT, receiver.party & WHAT
    receiver.received += amount
    sender.sent += amount
    sender.reach = joined(sender.reach, carried.of_receiver, receiver.party, True)
    receiver.reach = joined(receiver.reach, carried.of_sender, sender.party, False)
    if sender.party & LISTED:
        receiver.listed_in += amount
    elif from_what in (_HOT, _DEPOSIT):
        receiver.exchange_in += amount
    else:
        receiver.further_in += amount * carried.share
    if receiver.party & LISTED:
        sender.listed_out += amount
    elif to_what in (_HOT, _DEPOSIT):
        sender.exchange_out += amount
