"""The files of each bucket: its transfers, and what the passes found of both sides of each.

All files of a bucket hold the same transfers in the same order, one record each, so that what one
pass wrote is read beside what another did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from features.buckets import Buckets, share_out
from features.event_file import Cuts
from features.events import EVENT, Events
from features.laying import Asked
from features.neighbours import BEHAVIOUR, EXPOSURE, both_sides
from features.records import taken
from features.spill import Spill

_ROW = np.dtype(np.uint32)
_BEHAVIOUR, _EXPOSURE = both_sides(0, BEHAVIOUR).dtype, both_sides(0, EXPOSURE).dtype


def record_bytes(*, neighbours: bool, epochs: int) -> int:
    """Return the bytes on disk of one transfer in one bucket."""
    found = _BEHAVIOUR.itemsize * neighbours + _EXPOSURE.itemsize * epochs
    return EVENT.itemsize + _ROW.itemsize + 2 * found


class BucketFiles:
    """Transfers on their way into buckets."""

    def __init__(self, spilled: Spill, asked: Asked, buckets: Buckets) -> None:
        self._spilled, self._asked, self.buckets = spilled, asked, buckets

    def add(self, events: Events, behaviour: np.ndarray | None) -> None:
        """Add further transfers, with what both sides of each had done before it."""
        order, starts = share_out(events.table, self._asked, self.buckets)
        for k in np.flatnonzero(np.diff(starts)).tolist():
            here = order[starts[k] : starts[k + 1]]
            self._spilled.append(f"events.{k}", taken(events.table, here))
            self._spilled.append(f"rows.{k}", events.row[here])
            if behaviour is not None:
                self._spilled.append(f"behaviour.{k}", of_both(behaviour, here))

    def add_exposure(
        self, events: Events, exposure: np.ndarray, epoch: int, wanted: np.ndarray
    ) -> None:
        """Add the exposures of the same transfers, in one epoch, to some of the buckets."""
        order, starts = share_out(events.table, self._asked, self.buckets)
        for k in np.flatnonzero((np.diff(starts) > 0) & wanted).tolist():
            here = order[starts[k] : starts[k + 1]]
            self._spilled.append(f"exposure.{epoch}.{k}", of_both(exposure, here))

    def part(self, bucket: int) -> Part:
        """Return a bucket, whole."""
        return self._part(bucket, 0, self._spilled.length(f"rows.{bucket}", _ROW))

    def parts(self, bucket: int, size: int) -> Iterator[Part]:
        """Return a bucket in parts of about so many transfers, cut between two moments."""
        cuts, held = Cuts(size), self._spilled.length(f"rows.{bucket}", _ROW)
        for start in range(0, held, size):
            end = min(start + size, held)
            cuts.see(self._spilled.read(f"events.{bucket}", EVENT, start, end)["time"])
        return (self._part(bucket, *ends) for ends in pairwise(cuts.all()))

    def _part(self, bucket: int, start: int, end: int) -> Part:
        return Part(self._spilled, bucket, start, end)

    def drop(self, bucket: int, epochs: list[int]) -> None:
        """Remove the files of a bucket."""
        for name in ("events", "rows", "behaviour", *(f"exposure.{epoch}" for epoch in epochs)):
            self._spilled.drop(f"{name}.{bucket}")


@dataclass(frozen=True)
class Part:
    """Some transfers of a bucket, from `start` up to `end`, all of whose files are at hand."""

    spilled: Spill
    bucket: int
    start: int
    end: int

    def transfers(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the transfers and their rows."""
        table = self.spilled.read(f"events.{self.bucket}", EVENT, self.start, self.end)
        return table, self.spilled.read(f"rows.{self.bucket}", _ROW, self.start, self.end)

    def behaviour(self) -> np.ndarray:
        """Return what both sides had done before each transfer."""
        return self._of_both(f"behaviour.{self.bucket}", _BEHAVIOUR)

    def exposure(self, epoch: int) -> np.ndarray:
        """Return the exposures of both sides of each transfer."""
        return self._of_both(f"exposure.{epoch}.{self.bucket}", _EXPOSURE)

    def _of_both(self, name: str, kind: np.dtype) -> np.ndarray:
        return self.spilled.read(name, kind, 2 * self.start, 2 * self.end)


def of_both(found: np.ndarray, transfers: np.ndarray) -> np.ndarray:
    """Return the records of both sides of some transfers (`both_sides`)."""
    return taken(found, transfers, together=2)
