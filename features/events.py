"""Transfers as numbers: one table in order of time, each transfer in one piece of memory.

Whoever lays histories fetches transfers out of order, a hundred nanoseconds a time; so all there
is to know of one lies in 32 bytes, half a line of the cache, rather than in seven arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from data.memory import aligned_zeros

EVENT = np.dtype(
    [
        ("time", np.int64),
        ("amount", np.int64),
        ("sender", np.int32),
        ("receiver", np.int32),
        ("tx", np.int32),
        ("detail", np.int32),
    ]
)
"""One transfer.

time
    Microseconds.
amount
    An int64, or the bits of a float64 (``relative``); not above 0, which is the same in both,
    where the basis gives the transfer no value.
sender, receiver
    Codes: rows of `Events.addresses`.
tx
    Equal for the transfers of one transaction.
detail
    Leg kind (0 native, 1 internal, 2 token; coins made or burnt move as tokens do); `PLACED`, if
    the transfer's place in its block is known (else inflows precede outflows of its moment);
    `ASKED`, if it was read and is known who asked for it (sent the transaction), and `PULLED`, if
    that was not its sender; and, from `ASSET_SHIFT` on, the asset's code.
"""

LEG_KIND, PLACED, ASKED, PULLED, ASSET_SHIFT = 3, 4, 8, 16, 5
MOST_ASSETS = 1 << (31 - ASSET_SHIFT)


@dataclass(frozen=True)
class Events:
    """Transfers in order; screened rows and fees are not among them.

    Attributes
    ----------
    table
        One `EVENT` each.
    row
        uint32: the row in the transfers table.
    placed
        Whether every transfer's place in its block is known.
    basis
        In what `amount` is.
    asset_kind, asset_group
        By asset code, as in `Columns`.
    asset_unit
        By asset code, float64: base units in one whole; NaN where the registry does not know it.
    addresses
        ``chain`` and ``address`` of each code; in order of both.
    """

    table: np.ndarray
    row: np.ndarray
    placed: bool
    basis: str
    asset_kind: np.ndarray
    asset_group: np.ndarray
    asset_unit: np.ndarray
    addresses: pl.DataFrame

    @property
    def time(self) -> np.ndarray:
        """Microseconds, ascending."""
        return self.table["time"]

    @property
    def sender(self) -> np.ndarray:
        """Codes."""
        return self.table["sender"]

    @property
    def receiver(self) -> np.ndarray:
        """Codes."""
        return self.table["receiver"]

    @property
    def amount(self) -> np.ndarray:
        """An int64, or float64 (``relative``); not above 0 where there is none."""
        return self.table["amount"].view(np.float64 if self.basis == "relative" else np.int64)

    @property
    def leg_kind(self) -> np.ndarray:
        """Kinds of leg (int8)."""
        return (self.table["detail"] & LEG_KIND).astype(np.int8)

    def asset_of(self, events: np.ndarray) -> np.ndarray:
        """Return the asset codes of some transfers."""
        return self.table["detail"][events] >> ASSET_SHIFT


def empty_table(rows: int) -> np.ndarray:
    """Return memory for so many transfers, none of which lies across two lines of the cache."""
    return aligned_zeros(rows, EVENT)
