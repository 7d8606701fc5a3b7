"""Taint: what share of a neighbour's money had to do with listed parties and exchanges, before.

A wallet that was paid by a mixer is one hop from it; one that was paid by that wallet is two hops
away, and so on. What is carried on is a haircut: of each payment the share that its sender's own
receipts had at that moment. It stops at every service that the registry knows: what leaves an
exchange or a bridge is not what came in, and they touch everybody's money.

Like all prefix statistics these are read strictly before the shared transfer. What the registry
calls a party is what was known at the history's cut, also of earlier transfers; so the pass is made
once for each state of the registry that some history of the run was cut in (usually one).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.compilation import keep_compiled, kernel
from features.events import Events
from features.history import LISTED, party_of
from features.neighbours import EXPOSURE, WHOLE, BothSides

_HOT, _DEPOSIT = party_of("exchange_hot"), party_of("exchange_deposit")
_LISTED_IN, _FURTHER_IN, _LISTED_OUT, _EXCHANGE_IN, _EXCHANGE_OUT, _IN, _OUT = range(7)
_SUMS = 7


class Moved(NamedTuple):
    """The transfers, as `Events` holds them; those with an amount above zero count."""

    time: np.ndarray
    sender: np.ndarray
    receiver: np.ndarray
    amount: np.ndarray


def taint(events: Events, party: np.ndarray) -> BothSides:
    """Return the fields `EXPOSURE` of `Neighbours`, for both sides of every transfer.

    Parameters
    ----------
    party
        uint8 per address code, as `Columns.party`: what the registry says of it.
    """
    keep_compiled(_pass)
    found = BothSides.empty(len(events.time), EXPOSURE)
    moved = Moved(events.time, events.sender, events.receiver, events.amount)
    sums = np.zeros((events.addresses.height, _SUMS))
    carried = np.zeros(_longest_moment(events.time))
    _pass(moved, party, sums, carried, found.sender, found.receiver)
    return found


def _longest_moment(time: np.ndarray) -> int:
    """Return the most transfers that share a moment."""
    starts = np.flatnonzero(np.diff(time, prepend=-1))
    return int(np.diff(starts, append=len(time)).max(initial=0))


@kernel
def _pass(
    moved: Moved,
    party: np.ndarray,
    sums: np.ndarray,
    carried: np.ndarray,
    of_sender: tuple[np.ndarray, ...],
    of_receiver: tuple[np.ndarray, ...],
) -> None:  # pragma: no cover (compiled)
    """Read a moment's transfers, with what each carries, then add them up."""
    start, n = 0, len(moved.time)
    while start < n:
        end = start
        while end < n and moved.time[end] == moved.time[start]:
            s, r = moved.sender[end], moved.receiver[end]
            _describe(sums[s], party[s], of_sender, end)
            _describe(sums[r], party[r], of_receiver, end)
            whole = sums[s, _IN] if party[s] == 0 else 0.0
            tainted = sums[s, _LISTED_IN] + sums[s, _FURTHER_IN]
            carried[end - start] = tainted / whole if whole else 0.0
            end += 1
        for j in range(start, end):
            s, r, amount = moved.sender[j], moved.receiver[j], moved.amount[j]
            if amount > 0:
                _add(sums, party, s, r, amount, carried[j - start])
        start = end


@kernel
def _describe(
    sums: np.ndarray, party: int, fields: tuple[np.ndarray, ...], j: int
) -> None:  # pragma: no cover (compiled)
    """Write the shares of one address before now; a known service has none."""
    if party == 0:
        for k in range(5):
            whole = sums[_OUT] if k in (_LISTED_OUT, _EXCHANGE_OUT) else sums[_IN]
            fields[k][j] = np.uint16(np.rint(WHOLE * sums[k] / whole)) if whole else 0


@kernel
def _add(
    sums: np.ndarray, party: np.ndarray, s: int, r: int, amount: float, carries: float
) -> None:  # pragma: no cover (compiled)
    """Add a transfer to what its two sides had received and sent."""
    from_what, to_what = party[s] & (LISTED - 1), party[r] & (LISTED - 1)
    sums[r, _IN] += amount
    sums[s, _OUT] += amount
    if party[s] & LISTED:
        sums[r, _LISTED_IN] += amount
    elif from_what in (_HOT, _DEPOSIT):
        sums[r, _EXCHANGE_IN] += amount
    else:
        sums[r, _FURTHER_IN] += amount * carries
    if party[r] & LISTED:
        sums[s, _LISTED_OUT] += amount
    elif to_what in (_HOT, _DEPOSIT):
        sums[s, _EXCHANGE_OUT] += amount
