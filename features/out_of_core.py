"""Histories of more transfers than memory holds, bucket after bucket.

What the passes over all transfers (`features.passes`) leave in the files of a bucket is a small set
of transfers like any other. So each history is laid by the same code from the same transfers in the
same order as in memory, and its signals are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import polars as pl

from data.transfers import Transfers
from features.bucket_files import BucketFiles, Part
from features.bucket_histories import (
    Bucket,
    Told,
    bucket_histories,
    slice_histories,
    told_notes,
    with_neighbours,
)
from features.budget import SPARE
from features.history import Histories
from features.hubs import SLICE, emptied_beyond, hub_history, mapped_bytes
from features.loading import readable
from features.mapped import Mapped, mapped
from features.passes import Means, Passed, Passes, Question


def spilled_histories(
    transfers: Transfers, requests: pl.DataFrame | None, question: Question, means: Means
) -> SpilledHistories:
    """Make all passes, and return the histories.

    Parameters
    ----------
    requests
        As in `features.building.build_histories`.

    Raises
    ------
    Refused
        The transfers are no store, the memory or the disk is too small, or as `build_histories`.
    """
    with readable():
        passed = Passes(transfers, requests, question, means, BucketFiles).make()
    return SpilledHistories(passed, question, means)


class SpilledHistories:
    """Histories of a run, bucket after bucket; can be gone through once.

    Attributes
    ----------
    part_rows
        Histories to a part of the result: several parts wait to be written.
    """

    part_rows = 1 << 13

    def __init__(self, passed: Passed[BucketFiles], question: Question, means: Means) -> None:
        self._passed, self._question = passed, question
        self._spilled, self._memory = means.spilled, means.memory
        self._told: list[Told] = []

    def __len__(self) -> int:
        return len(self._passed.roll)

    def __iter__(self) -> Iterator[Histories]:
        for bucket in range(len(self._passed.files.buckets)):
            if self._is_hub(bucket):
                with self._mapped(bucket) as memory:
                    yield self._done(bucket, self._hub(bucket, memory))
            else:  # no name: it must be gone before the next is read
                yield self._done(bucket, self._whole(self._passed.files.part(bucket)))

    @property
    def transfers(self) -> int:
        """Of the histories so far."""
        return sum(told.transfers for told in self._told)

    @property
    def spilled_bytes(self) -> int:
        """Bytes that went to disk, in all."""
        return self._spilled.written

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the histories so far; as `Histories.notes`."""
        return (*told_notes(self._told), *self._passed.measured.notes)

    def _done(self, bucket: int, found: tuple[Histories, Told]) -> Histories:
        """Add what was measured before, and remove the files of the bucket."""
        passed, (histories, told) = self._passed, found
        passed.files.drop(bucket, passed.epochs)
        self._told.append(told)
        measured = passed.measured.of(*passed.files.buckets.requests(bucket))
        return replace(histories, found=measured)

    def _whole(self, part: Part) -> tuple[Histories, Told]:
        histories, told = bucket_histories(self._read(part))
        return self._met(part, histories), told

    def _is_hub(self, bucket: int) -> bool:
        """Say whether memory has no room for a bucket; it is that of one address then."""
        buckets = self._passed.files.buckets
        first, end = buckets.requests(bucket)
        return end - first == 1 and int(buckets.transfers[bucket]) > self._passed.limits.whole

    def _mapped(self, bucket: int) -> AbstractContextManager[Mapped]:
        size = mapped_bytes(int(self._passed.files.buckets.transfers[bucket]))
        return mapped(self._spilled, size, self._memory - SPARE)

    def _hub(self, bucket: int, memory: Mapped) -> tuple[Histories, Told]:
        crowd = np.zeros(2, dtype=np.int64)

        def slices() -> Iterator[Histories]:
            for part in self._passed.files.parts(bucket, SLICE):
                histories, crowded = slice_histories(self._read(part))
                crowd[:] += crowded
                yield self._met(part, histories)

        most = int(self._passed.files.buckets.transfers[bucket])
        histories, beyond = emptied_beyond(hub_history(slices(), most, memory))
        if beyond.histories:
            crowd[:] = 0
        counted = int(histories.counts.sum())
        return histories, Told(beyond, (int(crowd[0]), int(crowd[1])), counted)

    def _read(self, part: Part) -> Bucket:
        passed = self._passed
        keys = passed.roll.keys(*passed.files.buckets.requests(part.bucket))
        events = passed.shared.of(*part.transfers())
        return Bucket(events, keys, self._question.basis, passed.parties, passed.over_bridges)

    def _met(self, part: Part, histories: Histories) -> Histories:
        """Add what the passes found of the other sides of transfers."""
        passed = self._passed
        if not self._question.neighbours:
            return histories
        parties = passed.parties if passed.epochs else None
        return with_neighbours(histories, part.behaviour(), parties, part.exposure)
