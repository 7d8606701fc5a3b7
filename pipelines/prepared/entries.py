"""Entries: each transfer as it stands in the history of one address.

A transfer has two, its sender's and its receiver's, each with what the passes found of the *other*
side before it. Entries are sorted by address, and within an address in the order of transfers; so
whoever wants some addresses reads theirs, puts them into the one order again, and has the transfers
of a bucket (`features.buckets`) as the passes would have shared them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from features.buckets import Buckets, cut
from features.events import Events, empty_table
from features.neighbours import BEHAVIOUR, EXPOSURE, both_sides
from features.spill import Spill

KEY = "address"

_BEHAVIOUR, _EXPOSURE = both_sides(0, BEHAVIOUR).dtype, both_sides(0, EXPOSURE).dtype
_ENTRY = np.dtype(
    [
        (KEY, np.int32),
        ("row", np.uint32),
        ("other", np.int32),
        ("incoming", np.bool_),
        ("time", np.int64),
        ("amount", np.int64),
        ("within", np.int32),
        ("detail", np.int32),
        *((name, _BEHAVIOUR[name]) for name in _BEHAVIOUR.names or ()),
    ]
)
_SHARED = ("time", "amount", "detail")

ENTRY_BYTES = _ENTRY.itemsize + _EXPOSURE.itemsize
"""On disk, of one entry on its way into order."""

_PART_ENTRIES = 1 << 21
"""Entries that are put into order at once, about."""


class AddressFiles:
    """Takes what passes find, and yields it as entries, address after address.

    It stands where the files of buckets do (`features.passes.Files`), though nobody is asked for.

    Parameters
    ----------
    addresses
        How many codes there are.
    transfers
        How many there are, about.

    Attributes
    ----------
    entries
        How many there are so far.
    """

    def __init__(self, spilled: Spill, addresses: int, transfers: int) -> None:
        self.entries = 0
        self.buckets: Buckets = cut(np.empty(0, np.int64), 1)
        self._spilled = spilled
        self._parts = 1 + 2 * transfers // _PART_ENTRIES
        self._each = addresses // self._parts + 1
        self._exposed = False

    def add(self, events: Events, behaviour: np.ndarray | None) -> None:
        """Add further transfers, with what both sides of each had done before it."""
        assert behaviour is not None
        entries = np.empty(2 * len(events.table), _ENTRY)
        for incoming, mine in enumerate((entries[0::2], entries[1::2])):
            sides = ("receiver", "sender") if incoming else ("sender", "receiver")
            mine[KEY], mine["other"] = (events.table[side] for side in sides)
            mine["row"], mine["incoming"] = events.row, incoming
            mine["within"] = events.row - events.table["tx"]  # mostly 0, which takes no room
            for name in _SHARED:
                mine[name] = events.table[name]
            for name in _BEHAVIOUR.names or ():
                mine[name] = behaviour[name][1 - incoming :: 2]
        self.entries += len(entries)
        self._share_out("entries", entries, entries[KEY])

    def add_exposure(
        self, events: Events, exposure: np.ndarray, epoch: int, wanted: np.ndarray
    ) -> None:
        """Add the exposures of the same transfers."""
        self._exposed = True
        owners = np.stack([events.table["sender"], events.table["receiver"]], 1).reshape(-1)
        of_others = exposure.reshape(-1, 2)[:, ::-1].reshape(-1)
        self._share_out("exposure", of_others, owners)

    def parts(self) -> Iterator[pl.DataFrame]:
        """Yield all entries in order, some addresses at a time; can be gone through once."""
        for part in range(self._parts):
            entries = self._spilled.read(f"entries.{part}", _ENTRY)
            exposure = self._spilled.read(f"exposure.{part}", _EXPOSURE)
            order = np.lexsort((entries["incoming"], entries["row"], entries[KEY]))
            tables = [entries, exposure] if self._exposed else [entries]
            yield pl.DataFrame(
                {name: table[name][order] for table in tables for name in table.dtype.names or ()}
            )
            self._spilled.drop(f"entries.{part}")
            self._spilled.drop(f"exposure.{part}")

    def _share_out(self, name: str, records: np.ndarray, owners: np.ndarray) -> None:
        part = (owners // self._each).astype(np.uint16)
        order = np.argsort(part, kind="stable")
        starts = np.searchsorted(part[order], np.arange(self._parts + 1))
        for k in np.flatnonzero(np.diff(starts)).tolist():
            self._spilled.append(f"{name}.{k}", records[order[starts[k] : starts[k + 1]]])


class Picked(NamedTuple):
    """The transfers of some addresses, in their order, as a bucket has them.

    `behaviour` and `exposure` as `features.neighbours.both_sides` lays them out; of a side that is
    not among the addresses' counterparties, zeros, which nobody looks at.
    """

    table: np.ndarray
    rows: np.ndarray
    behaviour: np.ndarray
    exposure: np.ndarray


def picked(entries: pl.DataFrame) -> Picked:
    """Put the entries of some addresses together."""
    column = {name: entries[name].to_numpy() for name in entries.columns}
    rows, first, place = np.unique(column["row"], return_index=True, return_inverse=True)
    incoming = column["incoming"]
    table = empty_table(len(rows))
    own, other = column[KEY][first], column["other"][first]
    table["sender"] = np.where(incoming[first], other, own)
    table["receiver"] = np.where(incoming[first], own, other)
    table["tx"] = rows - column["within"][first]
    for name in _SHARED:
        table[name] = column[name][first]
    found = [both_sides(len(rows), fields) for fields in (BEHAVIOUR, EXPOSURE)]
    at = 2 * place + np.where(incoming, 0, 1)  # where the other side is described
    for records in found:
        for name in records.dtype.names or ():
            if name in column:
                records[name][at] = column[name]
    return Picked(table, rows, *found)
