"""Hubs: the history of one address that memory has no room for, laid on disk slice after slice.

Each slice of its transfers is laid as any other history is, found out about as any other, and put
behind the slices before it, in arrays that need not lie in memory (`features.mapped`). A slice ends
where the time moves on, because transfers of one moment may have to be put in order. What takes a
whole history follows at the end, from the whole: its values, where they are shares of a median; and
whether they fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import polars as pl

from features.building import Beyond, beyond_limit, valued
from features.history import NO_CROSSINGS, Columns, Crossings, Histories
from features.mapped import Mapped
from features.neighbours import TYPES, Neighbours

SLICE = 1 << 18
"""Transfers to a slice: some 50 MB, with all that is found of them."""

_EVENT_FIELDS = (
    "time", "value", "incoming", "counterparty", "asset", "tx", "two_sided", "party",
)  # fmt: skip

_EVENT_BYTES = 8 + 8 + 1 + 4 + 4 + 4 + 1 + 1 + sum(np.dtype(kind).itemsize for kind in TYPES)
_BESIDE_BYTES = 4 + 4 + 8
"""Where each transfer comes from, its row, and its value beside its amount."""

_ROOM_BYTES = 152
"""Of a kernel's working arrays, at most (`victim_inflow`); a test holds every kernel to it."""

_FEW = 1 << 14
"""Beginnings of arrays are aligned."""


def mapped_bytes(transfers: int) -> int:
    """Return the bytes that a hub of so many transfers takes on disk while it is computed."""
    return transfers * (_EVENT_BYTES + _BESIDE_BYTES) + room_bytes(transfers) + _FEW


def room_bytes(transfers: int) -> int:
    """Return the bytes of working memory for a history of so many transfers (`Columns.room`)."""
    return transfers * _ROOM_BYTES + _FEW


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
    arrays: dict[str, np.ndarray] = {}
    crossings, elsewhere = [NO_CROSSINGS], [NO_CROSSINGS.at]
    laid, read, unvalued, last = 0, 0, 0, None
    for last in slices:
        columns = last.columns
        for name, entries in _arrays(last).items():
            if name not in arrays:
                arrays[name] = memory.array(transfers, entries.dtype)
            at = read if name == "row" else laid
            arrays[name][at : at + len(entries)] = entries
        arrays["source"][laid : laid + len(columns.time)] += read
        crossings.append(columns.crossings._replace(at=columns.crossings.at + laid))
        elsewhere.append(last.elsewhere)
        laid, read = laid + len(columns.time), read + len(last.row)
        unvalued += int(last.keys["n_unvalued"][0])
    assert last is not None
    columns = last.columns._replace(
        **{name: arrays[name][:laid] for name in _EVENT_FIELDS},
        offsets=np.array([0, laid]),
        neighbours=Neighbours(
            *(
                arrays[name][:laid] if name in arrays else empty
                for name, empty in last.columns.neighbours._asdict().items()
            )
        ),
        crossings=Crossings(*(np.concatenate(some) for some in zip(*crossings, strict=True))),
    )
    return replace(
        last,
        columns=columns,
        source=arrays["source"][:laid],
        row=arrays["row"][:read],
        keys=last.keys.with_columns(n_unvalued=pl.lit(unvalued, pl.Int64)),
        elsewhere=np.concatenate(elsewhere),
    )


def _arrays(histories: Histories) -> dict[str, np.ndarray]:
    """Return all that has an entry for each transfer, by name; what was not looked at is out."""
    columns: Columns = histories.columns
    own = {name: getattr(columns, name) for name in _EVENT_FIELDS}
    near = {name: array for name, array in columns.neighbours._asdict().items() if len(array)}
    return {**own, **near, "source": histories.source, "row": histories.row}
