"""The passes over all transfers of a store, for histories that memory holds bucket after bucket.

1. The store is read once, piece by piece, into a file of numbers (`features.event_file`).
2. The requests' transfers are counted, and the requests cut into **buckets**, runs of them in their
   order whose transfers fit into memory (`features.buckets`).
3. What both sides of each transfer had done before it is found in passes over the file, whose state
   is a fixed number of bytes for each address: which transfers are the first of their pair
   (`features.pair_file`), behaviour (`features.prefixes`), and exposure (`features.taint`), the
   latter once for each state of the registry. Each pass shares what it finds out to the buckets'
   files. Transfers over bridges are few, and kept in memory.

Every pass sees the transfers in the one order, so what it finds does not depend on the sizes of
pieces or buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import numpy as np
import polars as pl

from data.errors import Refused
from data.services import Services
from data.transfers import Transfers
from features.bridge_file import OverBridges
from features.bridges import BridgeTransfers
from features.bucket_files import record_bytes
from features.buckets import Buckets, cut
from features.budget import (
    Following,
    Size,
    Sizes,
    divided,
    followed,
    refuse_large_history,
)
from features.building import latest_cut
from features.event_file import EVENT_BYTES, EventFile
from features.events import Events
from features.graph_file import MeasuredGraphs
from features.hubs import mapped_bytes
from features.laying import Asked, asked_for, count
from features.loading import Loading
from features.meeting import Counting, Epochs
from features.network import Wanted, networks_of
from features.pair_file import PAIR_BYTES, FirstMeetings, PairFile
from features.parties import Parties, parties_in_parts
from features.prefixes import Counted, Prefixes, Seen
from features.reading import Source
from features.requests import Legs, Occurring, in_slices, requested
from features.roll import Roll, called
from features.signal import GraphFamily
from features.spill import Spill, refuse_small_disk
from features.taint import Taint

Step = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Follows a long step: what it is and how many units it has; is told of units that are done."""


@dataclass(frozen=True)
class Question:
    """What is asked of the transfers; as in `features.building.build_histories`.

    Attributes
    ----------
    graphs
        Families of scope ``graph`` to be measured.
    """

    as_of: datetime
    basis: str = "usd"
    legs: tuple[str, ...] | None = None
    services: Services | None = None
    neighbours: bool = False
    graphs: tuple[GraphFamily, ...] = ()

    @property
    def summable(self) -> bool:
        """Whether amounts of different assets add up."""
        return self.basis != "relative"


@dataclass(frozen=True)
class Means:
    """What there is to answer it with.

    Attributes
    ----------
    memory
        Bytes that the process may take.
    spilled
        Where the rest goes.
    step
        Follows the passes.
    sizes
        Taken instead of those that follow from `memory`.
    kept
        Bytes that whoever asks keeps of each request until the end.
    fitted
        Changes the sizes that follow from `memory`, where not all of the work is done in it.
    threads
        That may follow money through all transfers at once.
    following
        Taken instead of what follows from `memory` and `threads`.
    """

    memory: int
    spilled: Spill
    step: Step
    sizes: Sizes | None = None
    kept: int = 0
    fitted: Callable[[Sizes, Size], Sizes] | None = None
    threads: int = 1
    following: Following | None = None

    def followed(self, size: Size) -> Following:
        """Say how money is followed through all transfers in a run of some size."""
        return self.following or followed(self.memory, size, self.threads)

    def divided(self, size: Size) -> Sizes:
        """Divide the memory for a run of some size."""
        sizes = self.sizes or divided(self.memory, size)
        return sizes if self.fitted is None else self.fitted(sizes, size)


class Files(Protocol):
    """Where the passes put the transfers of buckets, and what they find of them."""

    @property
    def buckets(self) -> Buckets:
        """The cut of the requests."""
        ...

    def add(self, events: Events, behaviour: np.ndarray | None) -> None:
        """Add further transfers, with what both sides of each had done before it."""
        ...

    def add_exposure(
        self, events: Events, exposure: np.ndarray, epoch: int, wanted: np.ndarray
    ) -> None:
        """Add the exposures of the same transfers, in one epoch, to some of the buckets."""
        ...


F = TypeVar("F", bound=Files)


@dataclass(frozen=True)
class Passed(Generic[F]):
    """What the passes leave behind for the buckets.

    Attributes
    ----------
    roll, parties, files
        Who is asked for, who is known, and the buckets' files.
    shared
        Makes `Events` of a bucket's transfers.
    over_bridges
        The legs of bridges among all transfers; events are numbered by their rows.
    epochs
        The states of the registry for which there are exposures.
    measured
        What the families of scope ``graph`` found.
    limits
        How the memory was divided.
    """

    roll: Roll
    parties: Parties
    files: F
    shared: EventFile
    over_bridges: BridgeTransfers | None
    epochs: list[int]
    measured: MeasuredGraphs
    limits: Sizes


class Passes(Generic[F]):
    """The passes of one run.

    Parameters
    ----------
    files
        Makes the files, of the spill folder, the requests and their buckets.

    Raises
    ------
    Refused
        The transfers are no store, or the memory or the disk is too small.
    """

    def __init__(
        self,
        transfers: Transfers,
        requests: pl.DataFrame | None,
        question: Question,
        means: Means,
        files: Callable[[Spill, Asked, Buckets], F],
    ) -> None:
        self._made = files
        asked = requested(transfers, requests, question.as_of)
        self._asked = None if requests is None and transfers.assume_complete else asked
        self._transfers, self._question, self._means = transfers, question, means
        names = transfers.scan_addresses()
        self._source = Source(transfers, latest_cut(asked, question.as_of))
        if names is None or not self._source.coded:
            raise Refused(
                "memory can be capped for a store only, and these transfers are none.",
                expected="a store, as `unrinse ingest` writes it",
                hint="Ingest them, or leave --memory out.",
            )
        self._names = names
        size = self._size()
        self._limits = means.divided(size)
        self._following = means.followed(size) if question.graphs else None
        least = self._source.height * (EVENT_BYTES + PAIR_BYTES * question.neighbours)
        refuse_small_disk(means.spilled.folder, least)

    def _size(self) -> Size:
        known, listed = self._source.known, 0 if self._asked is None else self._asked.height
        covered = 0
        if not self._transfers.assume_complete and self._transfers.coverage is not None:
            covered = self._transfers.coverage.height
        return Size(
            addresses=known,
            requests=known if self._asked is None else listed,
            kept=self._means.kept,
            named=listed + covered,
            transfers=self._source.height,
            neighbours=self._question.neighbours,
        )

    def make(self) -> Passed[F]:
        """Make them."""
        question, transfers = self._question, self._transfers
        occurring = Occurring(self._source.known)
        with self._means.step("Reading transfers", self._source.height) as done:
            self._file = EventFile(
                Loading(self._source, question.basis, initiators=question.neighbours),
                self._means.spilled,
                size=self._limits.piece,
                occurring=occurring,
                progress=done,
            )
        roll = called(transfers, self._asked, occurring, question.legs, question.as_of)
        del occurring
        parties = parties_in_parts((part for _, part in in_slices(self._names)), question.services)
        files = self._files(roll)
        wanted = self._exposed(roll, parties, files)
        self._refuse_small_disk(files, len(wanted))
        over_bridges = OverBridges(parties)
        self._share_out(files, over_bridges)
        for epoch, buckets in wanted.items():
            self._expose(files, parties.at(epoch), epoch, buckets)
        measured = self._measured(roll, parties)
        self._file.drop()
        found = over_bridges.found(transfers, self._file.shared)
        return Passed(roll, parties, files, self._file, found, list(wanted), measured, self._limits)

    def _files(self, roll: Roll) -> F:
        """Count the transfers of each request, and cut the requests into buckets."""
        asked = asked_for(roll.code, roll.cut, roll.masks, known=self._source.known)
        counts = np.zeros((2, len(roll)), dtype=np.int64)
        with self._means.step("Counting transfers", len(self._file)) as done:
            for _, events in self._file.pieces():
                count(events.table, asked, *counts)
                done(len(events.table))
        held = counts.sum(axis=0)
        if len(held):
            largest = int(held.argmax())
            address = roll.keys(largest, largest + 1)["address"][0]
            refuse_large_history(self._means.memory, self._limits, int(held[largest]), address)
        return self._made(self._means.spilled, asked, cut(held, self._limits.bucket))

    def _exposed(self, roll: Roll, parties: Parties, files: F) -> dict[int, np.ndarray]:
        """Return for each epoch that some request is cut in, which buckets hold such requests."""
        question, buckets = self._question, files.buckets
        if not (question.neighbours and question.summable and any(parties.begins.values())):
            return {}
        ends = zip(buckets.starts[:-1].tolist(), buckets.starts[1:].tolist(), strict=True)
        registry = [
            parties.in_force(roll.keys(first, end)["chain"], roll.cut[first:end])
            for first, end in ends
        ]
        epochs = Epochs(parties, roll.cut, np.concatenate(registry))
        return {
            epoch: np.isin(np.arange(len(buckets)), buckets.of_request[epochs.where(epoch)])
            for epoch in epochs.needed
        }

    def _refuse_small_disk(self, files: F, epochs: int) -> None:
        each = record_bytes(neighbours=self._question.neighbours, epochs=epochs)
        pairs = len(self._file) * PAIR_BYTES * self._question.neighbours
        held, largest = files.buckets.transfers, int(files.buckets.transfers.max())
        hub = mapped_bytes(largest) if largest > self._limits.whole else 0
        # The file of all transfers and that of pairs are gone before a hub is laid on disk.
        besides = max(pairs, hub - len(self._file) * EVENT_BYTES)
        needed = int(held.sum()) * each + besides
        refuse_small_disk(self._means.spilled.folder, needed)

    def _share_out(self, files: F, over_bridges: OverBridges) -> None:
        """Share the transfers out, with what both sides of each had done before it."""
        prefixes, meetings = None, None
        if self._question.neighbours:
            counted = self._counted()
            meetings = self._first_meetings(counted)
            prefixes = Prefixes(counted, summable=self._question.summable)
            del counted
        with self._means.step("Sharing out transfers", len(self._file)) as done:
            for start, events in self._file.pieces():
                behaviour = None
                if prefixes is not None and meetings is not None:
                    new = meetings.of(start, start + len(events.table))
                    behaviour = prefixes.read(Seen(events.table, events.amount, *new))
                files.add(events, behaviour)
                over_bridges.see(events)
                done(len(events.table))

    def _counted(self) -> Counted:
        counting = Counting(self._transfers, self._question.legs)
        nobody = Counted(np.empty(0, np.uint8), np.empty(0, np.bool_))
        parts = [nobody, *(counting.of(part) for _, part in in_slices(self._names))]
        return Counted(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))

    def _first_meetings(self, counted: Counted) -> FirstMeetings:
        files = 1 + len(self._file) // self._limits.pairs
        pairs = PairFile(self._means.spilled, len(self._file), files)
        with self._means.step("Finding first meetings", len(self._file)) as done:
            for start, events in self._file.pieces():
                pairs.add(start, events, counted)
                done(len(events.table))
            return pairs.look()

    def _measured(self, roll: Roll, parties: Parties) -> MeasuredGraphs:
        """Follow money through all transfers, for the families that do."""
        question = self._question
        measured = MeasuredGraphs(self._means.spilled, question.graphs, question.basis)
        if self._following is None:
            return measured
        legs = Legs(self._transfers, question.legs)
        shown = [legs.of_everybody(part) for _, part in in_slices(self._names)]
        masks = np.concatenate([np.empty(0, np.uint8), *shown])
        wanted = Wanted(roll.code, roll.cut, masks, question.basis, evidence=False)

        def pieces() -> Iterator[Events]:
            return (events for _, events in self._file.pieces())

        for network in networks_of(pieces, len(self._file), wanted, parties):
            with self._means.step("Following money", len(network.of)) as done:
                measured.measure(network, roll, self._following, done)
            del network  # it must be gone before the next is laid down
        return measured

    def _expose(self, files: F, party: np.ndarray, epoch: int, buckets: np.ndarray) -> None:
        """Share out what the money of both sides had to do with known parties before."""
        taint = Taint(party)
        with self._means.step("Following exposure", len(self._file)) as done:
            for _, events in self._file.pieces():
                files.add_exposure(events, taint.read(events), epoch, buckets)
                done(len(events.table))
