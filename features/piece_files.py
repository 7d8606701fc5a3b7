"""The files of each piece of the transfers, for processes that share them out to buckets.

What the passes leave behind here is not yet in buckets: each transfer lies in the files of its
piece once, with what was found of both its sides. Other processes, which need not be on the same
machine but must see the folder, take a piece each, find out which buckets its transfers belong to
and hand them on in **blocks**: some transfers of one bucket, with all there is to know of them.
A bucket whose blocks are put end to end, piece after piece, holds the same records in the same
order as one of `features.bucket_files`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.bucket_files import of_both
from features.buckets import Buckets, share_out
from features.events import EVENT, Events
from features.laying import Asked
from features.neighbours import BEHAVIOUR, EXPOSURE, both_sides
from features.records import taken
from features.spill import Spill

BLOCK_TRANSFERS = 1 << 14
"""To a block, at most: whoever moves blocks holds several at once."""

_ROW = np.dtype(np.uint32)
_BEHAVIOUR, _EXPOSURE = both_sides(0, BEHAVIOUR).dtype, both_sides(0, EXPOSURE).dtype
_FIELDS = ("first", "following", "masks", "cut")


class PieceFiles:
    """Transfers in pieces, on their way to other processes.

    Attributes
    ----------
    buckets
        The cut of the requests.
    wanted
        For each epoch, which buckets hold requests that are cut in it.
    pieces
        How many there are so far.
    """

    def __init__(self, spilled: Spill, asked: Asked, buckets: Buckets) -> None:
        self._spilled, self._asked, self.buckets = spilled, asked, buckets
        self.wanted: dict[int, np.ndarray] = {}
        self.pieces = 0
        self._exposed = 0
        for name in _FIELDS:
            spilled.append(f"asked.{name}", getattr(asked, name))
        spilled.append("asked.bucket", buckets.of_request)

    def add(self, events: Events, behaviour: np.ndarray | None) -> None:
        """Add a further piece, with what both sides of each transfer had done before it."""
        self._spilled.append(f"events.{self.pieces}", events.table)
        self._spilled.append(f"rows.{self.pieces}", events.row)
        if behaviour is not None:
            self._spilled.append(f"behaviour.{self.pieces}", behaviour)
        self.pieces += 1

    def add_exposure(
        self, events: Events, exposure: np.ndarray, epoch: int, wanted: np.ndarray
    ) -> None:
        """Add the exposures of the same pieces, in one epoch, for some of the buckets."""
        if epoch not in self.wanted:
            self.wanted[epoch], self._exposed = wanted, 0
        self._spilled.append(f"exposure.{epoch}.{self._exposed}", exposure)
        self._exposed += 1

    def shared(self, *, neighbours: bool) -> SharedPieces:
        """Return what another process needs to know of the pieces, without any of them."""
        return SharedPieces(
            folder=self._spilled.folder,
            pieces=self.pieces,
            neighbours=neighbours,
            wanted=self.wanted,
            starts=self.buckets.starts,
            held=self.buckets.transfers,
            flags=(self._asked.alone, self._asked.alike, self._asked.same),
        )


@dataclass(frozen=True)
class Block:
    """Some transfers of one bucket.

    Attributes
    ----------
    bucket, piece, part
        The bucket, the piece they come from, and how many blocks of both there are before.
    events, rows
        `EVENT` of each, and its row in the transfers table.
    behaviour
        Of both sides of each (`both_sides`); None where neighbours are not looked at.
    exposures
        Of both sides of each, epoch after epoch of those that the bucket wants.
    """

    bucket: int
    piece: int
    part: int
    events: np.ndarray
    rows: np.ndarray
    behaviour: np.ndarray | None
    exposures: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class SharedPieces:
    """Pieces in a folder, as another process finds them.

    Attributes
    ----------
    starts, held
        Of the buckets, as in `Buckets`.
    flags
        The last fields of `Asked`.
    """

    folder: Path
    pieces: int
    neighbours: bool
    wanted: dict[int, np.ndarray]
    starts: np.ndarray
    held: np.ndarray
    flags: tuple[bool, bool, bool]

    def epochs(self, bucket: int) -> list[int]:
        """Return the epochs whose exposures a bucket wants, ascending."""
        return [epoch for epoch in sorted(self.wanted) if self.wanted[epoch][bucket]]

    def blocks(self, piece: int) -> Iterator[Block]:
        """Share the transfers of a piece out."""
        spilled = Spill(self.folder)
        table = spilled.read(f"events.{piece}", EVENT)
        rows = spilled.read(f"rows.{piece}", _ROW)
        behaviour = spilled.read(f"behaviour.{piece}", _BEHAVIOUR) if self.neighbours else None
        exposures = {
            epoch: spilled.read(f"exposure.{epoch}.{piece}", _EXPOSURE) for epoch in self.wanted
        }
        order, starts = share_out(table, self._asked(), self._buckets())
        for bucket in np.flatnonzero(np.diff(starts)).tolist():
            first, end = starts[bucket : bucket + 2].tolist()
            for part, at in enumerate(range(first, end, BLOCK_TRANSFERS)):
                here = order[at : min(end, at + BLOCK_TRANSFERS)]
                yield Block(
                    bucket,
                    piece,
                    part,
                    taken(table, here),
                    rows[here],
                    None if behaviour is None else of_both(behaviour, here),
                    tuple(of_both(exposures[epoch], here) for epoch in self.epochs(bucket)),
                )

    def whole(self, blocks: Iterable[Block], bucket: int) -> Block:
        """Put the blocks of a bucket, in whatever order they come, end to end."""
        some = sorted(blocks, key=lambda block: (block.piece, block.part))
        met = (block.behaviour for block in some if block.behaviour is not None)
        return Block(
            bucket,
            0,
            0,
            _joined((block.events for block in some), EVENT),
            _joined((block.rows for block in some), _ROW),
            _joined(met, _BEHAVIOUR) if self.neighbours else None,
            tuple(
                _joined((block.exposures[k] for block in some), _EXPOSURE)
                for k in range(len(self.epochs(bucket)))
            ),
        )

    def _asked(self) -> Asked:
        alone, alike, same = self.flags
        return Asked(
            first=self._mapped("first", np.int32),
            following=self._mapped("following", np.int32),
            masks=self._mapped("masks", np.uint8),
            cut=self._mapped("cut", np.int64),
            alone=alone,
            alike=alike,
            same=same,
        )

    def _buckets(self) -> Buckets:
        return Buckets(self.starts, self._mapped("bucket", np.int32), self.held)

    def _mapped(self, name: str, kind: type[np.generic]) -> np.ndarray:
        """Look at a file as memory, which all processes of a machine share."""
        path = self.folder / f"asked.{name}"
        if not path.exists():  # nobody is asked for
            return np.empty(0, kind)
        return np.memmap(path, kind, mode="c").view(np.ndarray)


def packed(block: Block) -> dict[str, Any]:
    """Write a block as three numbers and four runs of bytes, for whatever moves it."""
    return {
        "bucket": block.bucket,
        "piece": block.piece,
        "part": block.part,
        "events": block.events.tobytes(),
        "rows": block.rows.tobytes(),
        "behaviour": b"" if block.behaviour is None else block.behaviour.tobytes(),
        "exposures": b"".join(exposure.tobytes() for exposure in block.exposures),
    }


def unpacked(record: Mapping[str, Any], pieces: SharedPieces) -> Block:
    """Read what `packed` wrote."""
    events = np.frombuffer(record["events"], EVENT)
    exposures = np.frombuffer(record["exposures"], _EXPOSURE)
    each, epochs = 2 * len(events), len(pieces.epochs(record["bucket"]))
    return Block(
        record["bucket"],
        record["piece"],
        record["part"],
        events,
        np.frombuffer(record["rows"], _ROW),
        np.frombuffer(record["behaviour"], _BEHAVIOUR) if pieces.neighbours else None,
        tuple(exposures[k * each : (k + 1) * each] for k in range(epochs)),
    )


def _joined(arrays: Iterable[np.ndarray], kind: np.dtype) -> np.ndarray:
    return np.concatenate([np.empty(0, kind), *arrays])
