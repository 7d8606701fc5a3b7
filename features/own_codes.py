"""Addresses of one bucket numbered anew, so that what it takes does not grow with the store.

In memory and in the passes an address is a row of the store's dictionary, and what is known of
parties is an array over all of them. Who lays one bucket, in a process of its own, needs no more
than the bucket's own addresses; their new numbers keep the order of the old.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from features.events import Events
from features.loading import numbers
from features.parties import Parties


@dataclass(frozen=True)
class KnownParties:
    """The few addresses of a run of whom something is known.

    Attributes
    ----------
    codes
        Theirs, ascending.
    parties
        What is known of each, in that order.
    """

    codes: np.ndarray
    parties: Parties

    @classmethod
    def among(cls, parties: Parties) -> KnownParties:
        """Pick them out of all."""
        codes = np.flatnonzero(parties.party)
        return cls(codes, Parties(parties.party[codes], parties.since[codes], parties.begins))

    def of(self, codes: np.ndarray) -> Parties:
        """Return what is known of some addresses, in their order."""
        party, since = (np.zeros(len(codes), kind) for kind in (np.uint8, np.int64))
        since[:] = np.iinfo(np.int64).max
        if len(self.codes):
            at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
            here = self.codes[at] == codes
            party[here] = self.parties.party[at[here]]
            since[here] = self.parties.since[at[here]]
        return Parties(party, since, self.parties.begins)


def renumbered(
    events: Events, keys: pl.DataFrame, known: KnownParties
) -> tuple[Events, pl.DataFrame, Parties]:
    """Return a bucket's transfers and requests by new codes, and who is known by them."""
    asked, table = numbers(keys["code"]), events.table
    codes = np.unique(np.concatenate([table["sender"], table["receiver"], asked[asked >= 0]]))
    table = table.copy()
    for side in ("sender", "receiver"):
        table[side] = np.searchsorted(codes, table[side])
    own = np.where(asked >= 0, np.searchsorted(codes, asked), -1).astype(np.int32)
    return replace(events, table=table), keys.with_columns(code=pl.Series(own)), known.of(codes)
