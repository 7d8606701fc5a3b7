"""All transfers of a store as numbers, in a file: what several passes read, piece after piece.

A piece ends where the time moves on, because what an address had done *before* a transfer is asked
of a whole moment at once (`features.prefixes`, `features.taint`). A moment with more transfers
than a piece is one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from features.events import EVENT, Events
from features.loading import Loading, translate
from features.requests import Occurring
from features.spill import Spill

_EVENTS, _ROWS = "events", "rows"
_ROW = np.dtype(np.uint32)

EVENT_BYTES = EVENT.itemsize + _ROW.itemsize
"""On disk, of one transfer."""


class EventFile:
    """The transfers of a store, read once and kept in a spill folder.

    Parameters
    ----------
    size
        Transfers to a piece, about.
    occurring
        Is shown every transfer.
    progress
        Called with the transfers read in each step.
    """

    def __init__(
        self,
        loading: Loading,
        spilled: Spill,
        *,
        size: int,
        occurring: Occurring,
        progress: Callable[[int], None],
    ) -> None:
        self._spilled = spilled
        cuts = Cuts(size)
        for table, rows in loading.pieces():
            occurring.see(table)
            cuts.see(table["time"])
            spilled.append(_EVENTS, table)
            spilled.append(_ROWS, rows)
            progress(len(table))
        self._cuts = cuts.all()
        self._shared, self._ranks = loading.of_pieces()

    @property
    def shared(self) -> Events:
        """What all transfers share, without any of them."""
        return self._shared

    def __len__(self) -> int:
        return int(self._cuts[-1])

    @property
    def longest_piece(self) -> int:
        """The most transfers in a piece."""
        return max((end - start for start, end in pairwise(self._cuts)), default=0)

    def pieces(self) -> Iterator[tuple[int, Events]]:
        """Yield the position of the first transfer of each piece, and the piece."""
        for start, end in pairwise(self._cuts):
            table = self._spilled.read(_EVENTS, EVENT, start, end)
            translate(table, self._ranks, None)
            yield start, self.of(table, self._spilled.read(_ROWS, _ROW, start, end))

    def of(self, table: np.ndarray, rows: np.ndarray) -> Events:
        """Return some transfers with what all of them share; the addresses stay in the store."""
        return replace(self._shared, table=table, row=rows)

    def drop(self) -> None:
        """Remove the file: no further pass will be made."""
        self._spilled.drop(_EVENTS)
        self._spilled.drop(_ROWS)


class Cuts:
    """Where to cut transfers into pieces, between two moments.

    Examples
    --------
    >>> cuts = Cuts(3)
    >>> cuts.see(np.array([5, 5, 6, 6]))
    >>> cuts.see(np.array([6, 6, 7, 8]))
    >>> cuts.all()
    [0, 2, 6, 8]
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._cuts, self._seen, self._last = [0], 0, -1
        self._candidate = 0

    def see(self, time: np.ndarray) -> None:
        """Look at the times of further transfers, which ascend."""
        if not len(time):
            return
        begins = self._seen + np.flatnonzero(np.diff(time, prepend=self._last))
        self._seen, self._last = self._seen + len(time), int(time[-1])
        while len(begins):
            fitting = int(np.searchsorted(begins, self._cuts[-1] + self._size, side="right"))
            if fitting:
                self._candidate = int(begins[fitting - 1])
            begins = begins[fitting:]
            if not len(begins):  # perhaps a later one fits as well
                return
            if self._candidate <= self._cuts[-1]:  # a moment longer than a piece
                self._candidate = int(begins[0])
            self._cuts.append(self._candidate)

    def all(self) -> list[int]:
        """Return the first position of each piece, and the end of the last."""
        cuts, last = self._cuts, self._cuts[-1]
        if self._seen - last > self._size and self._candidate > last:
            cuts = [*cuts, self._candidate]
        return [*cuts, self._seen] if self._seen else cuts
