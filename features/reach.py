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
from features.history import BLOCKED, EXCHANGES, ILLICIT, MARKETPLACES, kinds_of


class Reached(NamedTuple):
    """A kind of party, which way payments go, and where its hops are held.

    Attributes
    ----------
    kind
        As which a registry knows the party (`features.history.EXCHANGES` and so on).
    onward
        Payments lead to it; else they come from it.
    limit
        The most hops.
    shift, mask
        Of its bits.
    """

    kind: int
    onward: bool
    limit: int
    shift: int
    mask: int


REACHED = (
    Reached(EXCHANGES, True, 5, 0, 7),
    Reached(ILLICIT, True, 4, 3, 3),
    Reached(MARKETPLACES, True, 4, 5, 3),
    Reached(BLOCKED, True, 4, 7, 3),
    Reached(ILLICIT, False, 4, 9, 3),
    Reached(MARKETPLACES, False, 4, 11, 3),
    Reached(BLOCKED, False, 4, 13, 3),
)
(
    TO_EXCHANGE,
    TO_LISTED,
    TO_MARKETPLACE,
    TO_BLOCKED,
    FROM_LISTED,
    FROM_MARKETPLACE,
    FROM_BLOCKED,
) = range(len(REACHED))
"""Their places in `REACHED`."""

KINDS, ONWARD, _LIMITS, _SHIFTS, _MASKS = zip(*REACHED, strict=True)
"""Field by field, for compiled functions."""


def _is_one() -> np.ndarray:
    """Say by party (`features.history.Columns.party`) and place whether it is of that kind."""
    known = kinds_of(np.arange(256))
    known[(known & ILLICIT) > 0] &= ~np.uint8(EXCHANGES)  # cash-out is no exchange's that is listed
    return (known[:, None] & np.array(KINDS, dtype=np.uint8)) > 0


_IS_ONE = _is_one()
_DEALT = _IS_ONE @ np.array([(r.limit - 1) << r.shift for r in REACHED], dtype=np.int64)
"""By party: what an address holds that dealt with it itself, for whoever deals with it next."""


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
    if _IS_ONE[party, place]:
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
    dealt = _DEALT[party]
    for place in range(len(ONWARD)):
        if ONWARD[place] != onward:
            continue
        shift, mask = _SHIFTS[place], _MASKS[place]
        mine, theirs = (own >> shift) & mask, (others >> shift) & mask
        nearest = max(mine, theirs - 1, (dealt >> shift) & mask)
        own += (nearest - mine) << shift
    return own
