"""The histories of one bucket, from its transfers and what the passes found of them.

A bucket is a small set of transfers like any other (`features.buckets`). So each history is laid by
the same code from the same transfers in the same order as in memory, whichever process does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from features.bridges import BridgeTransfers, crossings_of, crowd_notes
from features.building import Beyond, assemble, beyond_notes, unvalued, with_crossings
from features.events import Events
from features.history import Histories
from features.meeting import Epochs, exposures
from features.neighbours import NO_EXPOSURE, Neighbours, met
from features.parties import Parties
from features.requests import leg_masks


@dataclass(frozen=True)
class Bucket:
    """What is known of one bucket.

    Attributes
    ----------
    events
        Its transfers, in order.
    keys
        Its requests, with codes, as `Roll.keys` returns them.
    parties
        Who is known, by address code.
    over_bridges
        The legs of bridges among all transfers of the run, by their rows.
    """

    events: Events
    keys: pl.DataFrame
    basis: str
    parties: Parties
    over_bridges: BridgeTransfers | None


@dataclass(frozen=True)
class Told:
    """What a reader must know of the histories of one bucket.

    Attributes
    ----------
    beyond
        Those that were left empty.
    crowd
        As in `Crossed`: transfers over bridges that are crowded, and undecided.
    transfers
        Of all of them.
    """

    beyond: Beyond
    crowd: tuple[int, int]
    transfers: int


def told_notes(told: Sequence[Told]) -> tuple[str, ...]:
    """Say what a reader must know of several buckets; as `Histories.notes`."""
    crowded, undecided = (sum(one.crowd[k] for one in told) for k in range(2))
    return (*beyond_notes(one.beyond for one in told), *crowd_notes(crowded, undecided))


def bucket_histories(bucket: Bucket) -> tuple[Histories, Told]:
    """Lay the histories of a bucket, without their neighbours."""
    histories, beyond = assemble(bucket.events, bucket.keys, bucket.basis, bucket.parties)
    histories, crowd = _crossed(bucket, histories)
    return histories, Told(beyond, crowd, int(histories.counts.sum()))


def slice_histories(bucket: Bucket) -> tuple[Histories, tuple[int, int]]:
    """Lay the histories of a slice of a bucket, not yet `valued`; also return `Told.crowd`."""
    masks = leg_masks(bucket.keys["legs"])
    laid = unvalued(bucket.events, bucket.keys, masks, bucket.basis, bucket.parties)
    return _crossed(bucket, laid)


def _crossed(bucket: Bucket, histories: Histories) -> tuple[Histories, tuple[int, int]]:
    rows = bucket.events.row[histories.source]
    crossed = crossings_of(bucket.over_bridges, rows, histories.columns)
    return with_crossings(histories, crossed), (crossed.crowded, crossed.undecided)


def with_neighbours(
    histories: Histories,
    behaviour: np.ndarray,
    parties: Parties | None,
    exposure: Callable[[int], np.ndarray],
) -> Histories:
    """Add what the passes found of the other sides of a bucket's transfers.

    Parameters
    ----------
    behaviour
        What both sides of each transfer had done before it (`features.neighbours.both_sides`).
    parties
        Who is known in the whole run, whose epochs count; None where there are no exposures.
    exposure
        Returns the exposures of both sides of each transfer, in one epoch.
    """
    columns, source = histories.columns, histories.source
    near = met(behaviour, source, columns.incoming)
    far = NO_EXPOSURE
    if parties is not None and columns.registry.any():
        epochs = Epochs(parties, columns.as_of, columns.registry)

        def met_in(epoch: int) -> tuple[np.ndarray, ...]:
            return met(exposure(epoch), source, columns.incoming)

        far = exposures(epochs, histories.counts, met_in)
    return replace(histories, columns=columns._replace(neighbours=Neighbours(*near, *far)))
