"""Reach: how few payments lie between an address and known parties, for several kinds in a number.

Of each kind an address has its **hops**: 1 where it paid (or was paid by) such a party itself, 2
where it paid somebody who had done so before, and so on, up to a limit. Each kind has some bits of
one `uint16`, which hold by how much the hops fall short of the limit: the nearer, the greater, and
0 for "not within the limit". So of two routes the greater is kept, and one hop more is one less.

    to an exchange, limit 5:  hops  1  2  3  4  5  further
                              held  -  4  3  2  1  0

What an address dealt with itself stands in its history, and is never held: hops of one count to the
next as two. A party that the registry names holds nothing, since what leaves an exchange or a
bridge is not what came in.

References
----------
The limit for exchanges is the "up to 5 hops" from a victim to an exchange of Griffin and Mei, "How
Do Crypto Flows Finance Slavery?" (SSRN 4742235), as others tell it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.compilation import kernel
from features.history import LISTED, party_of


class Reached(NamedTuple):
    """A kind of party, which way payments go, and where its hops are held.

    Attributes
    ----------
    place
        Its position in `REACHED`.
    limit
        The most hops.
    shift, mask
        Of its bits.
    """

    place: int
    limit: int
    shift: int
    mask: int


TO_EXCHANGE = Reached(0, 5, 0, 7)
TO_LISTED = Reached(1, 4, 3, 3)
TO_MARKETPLACE = Reached(2, 4, 5, 3)
TO_BLOCKED = Reached(3, 4, 7, 3)
FROM_LISTED = Reached(4, 4, 9, 3)
FROM_MARKETPLACE = Reached(5, 4, 11, 3)
FROM_BLOCKED = Reached(6, 4, 13, 3)

REACHED = (
    TO_EXCHANGE,
    TO_LISTED,
    TO_MARKETPLACE,
    TO_BLOCKED,
    FROM_LISTED,
    FROM_MARKETPLACE,
    FROM_BLOCKED,
)
_SHIFTS, _MASKS, _LIMITS = (
    tuple(getattr(r, k) for r in REACHED) for k in ("shift", "mask", "limit")
)
_ONWARD = tuple(range(4))
"""Places of the kinds that payments lead to; the others are those they come from."""

_ONWARD_BITS = sum(REACHED[k].mask << REACHED[k].shift for k in _ONWARD)


def _is(party: int, place: int) -> bool:
    """Say whether what a registry says of a party makes it one of a kind (``party`` as held)."""
    what, listed = party & (LISTED - 1), bool(party & LISTED)
    if place == TO_EXCHANGE.place:
        return not listed and what in (party_of("exchange_hot"), party_of("exchange_deposit"))
    if place in (TO_LISTED.place, FROM_LISTED.place):
        return listed
    if place in (TO_MARKETPLACE.place, FROM_MARKETPLACE.place):
        return what == party_of("guarantee_marketplace")
    return what == party_of("issuer_blocked")


IS_ONE = np.array([[_is(party, k) for k in range(len(REACHED))] for party in range(256)])
"""By party (`features.history.Columns.party`) and place: whether it is of that kind."""

_DEALT = np.array(
    [
        sum((r.limit - 1) << r.shift for r in REACHED if IS_ONE[party, r.place])
        for party in range(256)
    ],
    dtype=np.uint16,
)
"""What an address holds that dealt with a party itself, for whoever deals with it next."""


@kernel
def hops(held: int, party: int, place: int) -> int:  # pragma: no cover (compiled)
    """Return over how many payments a transfer leads to (from) a kind of party; 0: not so far.

    Parameters
    ----------
    held
        What its other side held before it.
    party
        What the registry says of that side.
    place
        Of the kind, in `REACHED`.
    """
    if IS_ONE[party, place]:
        return 1
    near = (held >> _SHIFTS[place]) & _MASKS[place]
    return _LIMITS[place] + 1 - near if near > 0 else 0


@kernel
def joined(own: int, others: int, party: int, onward: bool) -> int:  # pragma: no cover (compiled)
    """Return what an address holds after a transfer.

    Parameters
    ----------
    own, others
        What it, and the other side, held before.
    party
        What the registry says of the other side.
    onward
        It was paid by the address; else it paid it.
    """
    if others == 0 and party == 0:
        return own
    dealt = np.int64(_DEALT[party])
    for place in range(len(_SHIFTS)):
        if (place in _ONWARD) != onward:
            continue
        shift, mask = _SHIFTS[place], _MASKS[place]
        mine, theirs = (own >> shift) & mask, (others >> shift) & mask
        nearest = max(mine, theirs - 1, (dealt >> shift) & mask)
        own += (nearest - mine) << shift
    return own
