"""Hubs: the history of one address that memory has no room for, laid on disk slice after slice.

Each slice of its transfers is laid as any other history is, found out about as any other, and put
behind the slices before it, in arrays that need not lie in memory (`features.mapped`). A slice ends
where the time moves on, because transfers of one moment may have to be put in order. What takes a
whole history follows at the end, from the whole: its values, where they are shares of a median; and
whether they fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from features.building import Beyond, beyond_limit, valued
from features.history import NO_CROSSINGS, Crossings, Histories
from features.mapped import Mapped
from features.neighbours import TYPES, Neighbours

SLICE = 1 << 18
"""Transfers to a slice: some 50 MB, with all that is found of them; two are held at once."""

_EVENT_FIELDS = (
    "time", "value", "incoming", "counterparty", "asset", "tx", "two_sided", "party",
)  # fmt: skip

_EVENT_BYTES = 8 + 8 + 1 + 4 + 4 + 4 + 1 + 1 + sum(np.dtype(kind).itemsize for kind in TYPES)
_BESIDE_BYTES = 4 + 4 + 8 + 8 + (4 + 4 + 1 + 8)
"""Where each transfer comes from, its row, its value beside its amount, and a crossing."""

_ROOM_BYTES = 152
"""Of a kernel's working arrays, at most (`victim_inflow`); a test holds every kernel to it."""

_ALIGNING_BYTES = 1 << 14
"""For arrays that begin at a multiple of `features.working.ALIGNED`."""


def mapped_bytes(transfers: int) -> int:
    """Return the bytes that a hub of so many transfers takes on disk while it is computed."""
    return transfers * (_EVENT_BYTES + _BESIDE_BYTES) + room_bytes(transfers) + _ALIGNING_BYTES


def room_bytes(transfers: int) -> int:
    """Return the bytes of working memory for a history of so many transfers (`Columns.room`)."""
    return transfers * _ROOM_BYTES + _ALIGNING_BYTES


def hub_history(slices: Iterable[Histories], transfers: int, memory: Mapped) -> Histories:
    """Put the slices of one history end to end.

    Parameters
    ----------
    slices
        At least one; each the one history of some transfers, in their order, not yet `valued`.
    transfers
        How many there are in all, at most.
    memory
        Of at least `mapped_bytes`.
    """
    laid = _joined(slices, transfers, memory)
    room = memory.array(room_bytes(transfers), np.uint8)
    laid = replace(laid, columns=laid.columns._replace(room=room))
    relative = laid.basis == "relative"
    return valued(laid, memory.array(len(laid.columns.time), np.int64) if relative else None)


def emptied_beyond(histories: Histories) -> tuple[Histories, Beyond]:
    """Leave a hub's history empty where its values do not fit, as `assemble` does with others."""
    if not len(beyond_limit(histories.columns)):
        return histories, Beyond(0, "")
    columns = histories.columns
    nothing = {name: getattr(columns, name)[:0] for name in _EVENT_FIELDS}
    empty = columns._replace(
        **nothing,
        offsets=np.zeros_like(columns.offsets),
        neighbours=columns.neighbours.take(slice(0, 0)),
        crossings=NO_CROSSINGS,
    )
    keys = histories.keys.with_columns(n_unvalued=pl.col("n_unvalued") + len(columns.time))
    found = replace(
        histories,
        columns=empty,
        keys=keys,
        source=histories.source[:0],
        elsewhere=NO_CROSSINGS.at,
    )
    return found, Beyond(1, keys["address"][0])


def _joined(slices: Iterable[Histories], transfers: int, memory: Mapped) -> Histories:
    laid, read, crossed = (_Growing(memory, transfers) for _ in range(3))
    unvalued, last = 0, None
    for last in slices:
        crossings = last.columns.crossings
        found = crossings._replace(at=crossings.at + laid.length)._asdict()
        crossed.add(found | {"elsewhere": last.elsewhere})
        laid.add(_of_each(last) | {"source": last.source + read.length})
        read.add({"row": last.row})
        unvalued += int(last.keys["n_unvalued"][0])
    assert last is not None
    columns = last.columns._replace(
        **laid.all(_EVENT_FIELDS),
        offsets=np.array([0, laid.length]),
        neighbours=last.columns.neighbours._replace(**laid.all(Neighbours._fields)),
        crossings=Crossings(**crossed.all(Crossings._fields)),
    )
    return replace(
        last,
        columns=columns,
        keys=last.keys.with_columns(n_unvalued=pl.lit(unvalued, pl.Int64)),
        **laid.all(["source"]),
        **read.all(["row"]),
        **crossed.all(["elsewhere"]),
    )


def _of_each(histories: Histories) -> dict[str, np.ndarray]:
    """Return what is known of each transfer, by name; of neighbours what was looked at."""
    columns = histories.columns
    near = {name: array for name, array in columns.neighbours._asdict().items() if len(array)}
    return {name: getattr(columns, name) for name in _EVENT_FIELDS} | near


class _Growing:
    """Arrays that grow together, by name; each has room for so many entries."""

    def __init__(self, memory: Mapped, most: int) -> None:
        self._memory, self._most, self.length = memory, most, 0
        self._arrays: dict[str, np.ndarray] = {}

    def add(self, fields: Mapping[str, np.ndarray]) -> None:
        """Add as many entries to each of some arrays."""
        end = self.length
        for name, entries in fields.items():
            if name not in self._arrays:
                self._arrays[name] = self._memory.array(self._most, entries.dtype)
            end = self.length + len(entries)
            self._arrays[name][self.length : end] = entries
        self.length = end

    def all(self, names: Iterable[str]) -> dict[str, Any]:
        """Return those of some arrays that there are."""
        there = [name for name in names if name in self._arrays]
        return {name: self._arrays[name][: self.length] for name in there}
