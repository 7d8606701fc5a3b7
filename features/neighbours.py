"""Neighbours: what the other side of each transfer had done before it.

A history alone does not say whether its payers are old shops or wallets of last week. These arrays
do, with the counterparty's **prefix statistics**: what it had done strictly before the shared
transfer (transfers of the same moment do not count), so nothing later than the transfer is read,
whatever the cut. They come from one pass over all transfers that were loaded, in their one order
(`features.prefixes`, `features.taint`).

A counterparty is **known** where its export is complete and shows all the legs that the history
itself is seen through. Of others only what they did with loaded addresses is seen, which says more
about what was loaded than about them; their statistics are kept out of every share.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data.memory import address_of, fetch
from features.compilation import keep_compiled, kernel

KNOWN, DRAINED, SUMMED, ASKED_FOR, TAKEN_BY_OTHERS = 1, 2, 4, 8, 16
"""Bits of `Neighbours.flags`: its history is known; this transfer took nearly all it held; what it
held could be worked out, because amounts of all assets add up; it is known who asked for this
transfer of a token; and that was not its sender."""

MOST = 65_535
"""Counts stop here: 65,535 stands for so many or more."""

WHOLE = 10_000
"""Shares of neighbours are whole hundredths of a per cent of this."""

NONE = 65_535
"""A share of nothing: the neighbour had made, or received, no such transfer."""

YOUNG = 30 * 86_400
"""Below this age in seconds an address is young."""

USUAL, FEWEST = 8_000, 3
"""An address passes money on if so many parts of `WHOLE` of its payments were quick, of at least so
many payments."""


class Neighbours(NamedTuple):
    """Per event, of the other side, strictly before the transfer.

    Attributes
    ----------
    flags
        uint8: `KNOWN`, `DRAINED`, `SUMMED`, `ASKED_FOR`, `TAKEN_BY_OTHERS`; all but the first only
        of senders.
    age
        int32 seconds since its first transfer; 0 at its first.
    payers, payees
        uint16: distinct addresses that had paid it, that it had paid (at most `MOST`).
    payments
        uint16: transfers it had made (at most `MOST`).
    quick
        uint16: share of them made within 24 hours of its latest receipt; `NONE` of none.
    fed
        uint16: share of its receipts from known senders whose sender was younger than 30 days;
        `NONE` of none.
    feeding
        uint16: share of its payments to known receivers whose receiver usually passes money on
        within a day; `NONE` of none.
    funded
        uint16: addresses that had their first coins from it (at most `MOST`).
    listed_in, listed_in_further, listed_out, exchange_in, exchange_out
        uint16, shares of its value: received from listed parties; received from those who had it
        from listed parties; sent to listed parties; received from and sent to known exchanges.
        0 of nothing, and where it is a known service itself.
    reach
        uint16: over how few payments it had reached known parties, and they it (`features.reach`);
        0 where it is a known service itself.

    Shares are whole parts of `WHOLE`. All arrays are empty where neighbours were not looked at; the
    last six where no registry is in force.
    """

    flags: np.ndarray
    age: np.ndarray
    payers: np.ndarray
    payees: np.ndarray
    payments: np.ndarray
    quick: np.ndarray
    fed: np.ndarray
    feeding: np.ndarray
    funded: np.ndarray
    listed_in: np.ndarray
    listed_in_further: np.ndarray
    listed_out: np.ndarray
    exchange_in: np.ndarray
    exchange_out: np.ndarray
    reach: np.ndarray

    def take(self, rows: np.ndarray | slice) -> Neighbours:
        """Return some events' neighbours; what was not looked at stays empty."""
        return Neighbours(*(array[rows] if len(array) else array for array in self))

    def known(self, rows: np.ndarray) -> np.ndarray:
        """Return those of some events whose other side's history is known."""
        return rows[(self.flags[rows] & KNOWN) > 0]

    def young(self, rows: np.ndarray) -> np.ndarray:
        """Say of some events whether the other side was young."""
        return self.age[rows] < YOUNG

    def emptied(self, rows: np.ndarray) -> np.ndarray:
        """Say of some events whether they took nearly all that a young sender held."""
        return self.young(rows) & ((self.flags[rows] & DRAINED) > 0)


TYPES: tuple[type[np.generic], ...] = (np.uint8, np.int32, *(np.uint16,) * 13)
BEHAVIOUR, EXPOSURE = slice(0, 9), slice(9, 15)
"""The fields that `features.prefixes` fills, and those of `features.taint`."""

NO_EXPOSURE = tuple(np.zeros(0, kind) for kind in TYPES[EXPOSURE])
"""Where no registry is in force."""


_AHEAD = 16
"""Steps between asking for memory and using it."""

_BLOCK_EVENTS = 1 << 13
"""So many records stay in the cache while their fields are taken apart."""


def unknown(n: int) -> Neighbours:
    """Return the neighbours of `n` events of whose other sides nothing is known."""
    return Neighbours(*(np.zeros(n, kind) for kind in TYPES))


def both_sides(transfers: int, fields: slice) -> np.ndarray:
    """Return zeros for what a pass over the transfers finds of each.

    One record for each side, with some of the fields of `Neighbours`: of transfer ``j``'s sender,
    before it, at ``2 * j``, of its receiver at ``2 * j + 1``.
    """
    kinds = zip(Neighbours._fields[fields], TYPES[fields], strict=True)
    return np.zeros(2 * transfers, np.dtype([(name, np.dtype(kind)) for name, kind in kinds]))


def met(found: np.ndarray, source: np.ndarray, incoming: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what was found of the other side of each laid event, one array a field.

    Parameters
    ----------
    found
        As `both_sides` lays it out.
    source, incoming
        Per laid event: its position among the transfers, and whether it came in.
    """
    keep_compiled(_gather)
    names = found.dtype.names
    assert names is not None
    laid = tuple(np.empty(len(source), found.dtype[name]) for name in names)
    block = np.empty(_BLOCK_EVENTS, found.dtype)
    size = np.uint64(found.dtype.itemsize)
    for start in range(0, len(source), _BLOCK_EVENTS):
        part = slice(start, start + _BLOCK_EVENTS)
        records = block[: len(source[part])]
        _gather(found, address_of(found), size, source[part], incoming[part], records)
        for name, field in zip(names, laid, strict=True):
            field[part] = records[name]
    return laid


@kernel
def _gather(
    found: np.ndarray,
    found_at: np.uint64,
    size: np.uint64,
    source: np.ndarray,
    incoming: np.ndarray,
    out: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Fetch the record of the other side of each event."""
    last = len(source) - 1
    for j in range(len(source)):
        fetch(found_at + np.uint64(2 * np.int64(source[min(j + _AHEAD, last)])) * size)
        out[j] = found[2 * np.int64(source[j]) + (0 if incoming[j] else 1)]


@kernel
def passes_on(quick: int, payments: int) -> bool:  # pragma: no cover (compiled)
    """Say whether an address usually passes money on within a day."""
    return USUAL <= quick <= WHOLE and payments >= FEWEST
