"""Histories of more transfers than memory holds, bucket after bucket.

What the passes over all transfers (`features.passes`) leave in the files of a bucket is a small set
of transfers like any other. So each history is laid by the same code from the same transfers in the
same order as in memory, and its signals are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from data.transfers import Transfers
from features.bucket_files import BucketFiles
from features.bucket_histories import (
    Bucket,
    Told,
    bucket_histories,
    told_notes,
    with_neighbours,
)
from features.history import Histories
from features.loading import readable
from features.passes import Means, Passed, Passes, Question
from features.spill import Spill


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
    return SpilledHistories(passed, question, means.spilled)


class SpilledHistories:
    """Histories of a run, bucket after bucket; can be gone through once.

    Attributes
    ----------
    part_rows
        Histories to a part of the result: several parts wait to be written.
    """

    part_rows = 1 << 13

    def __init__(self, passed: Passed[BucketFiles], question: Question, spilled: Spill) -> None:
        self._passed, self._question, self._spilled = passed, question, spilled
        self._told: list[Told] = []

    def __len__(self) -> int:
        return len(self._passed.roll)

    def __iter__(self) -> Iterator[Histories]:
        for bucket in range(len(self._passed.files.buckets)):
            yield self._bucket(bucket)  # no name: it must be gone before the next is read

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

    def _bucket(self, bucket: int) -> Histories:
        passed, question = self._passed, self._question
        first, end = passed.files.buckets.starts[bucket : bucket + 2].tolist()
        events = passed.shared.of(*passed.files.transfers(bucket))
        keys = passed.roll.keys(first, end)
        histories, told = bucket_histories(
            Bucket(events, keys, question.basis, passed.parties, passed.over_bridges)
        )
        if question.neighbours:
            histories = with_neighbours(
                histories,
                passed.files.behaviour(bucket),
                passed.parties if passed.epochs else None,
                lambda epoch: passed.files.exposure(bucket, epoch),
            )
        histories = replace(histories, found=passed.measured.of(first, end))
        passed.files.drop(bucket, passed.epochs)
        self._told.append(told)
        return histories
