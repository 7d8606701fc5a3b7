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
from features.building import Beyond, assemble, beyond_notes, with_crossings
from features.events import Events
from features.history import Histories
from features.meeting import Epochs, exposures
from features.neighbours import NO_EXPOSURE, Neighbours, met
from features.parties import Parties


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
    events = bucket.events
    histories, beyond = assemble(events, bucket.keys, bucket.basis, bucket.parties)
    columns, rows = histories.columns, events.row[histories.source]
    crossed = crossings_of(bucket.over_bridges, rows, columns)
    told = Told(beyond, (crossed.crowded, crossed.undecided), int(histories.counts.sum()))
    return with_crossings(histories, crossed), told


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
