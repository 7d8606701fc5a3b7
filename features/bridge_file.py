"""Transfers over bridges, collected while all transfers pass by; they are few, and kept in memory.

With the few addresses they name, they are a small set of transfers like any other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from data.transfers import Transfers
from features.bridges import BridgeTransfers, bridge_transfers, is_bridge
from features.events import EVENT, Events
from features.parties import Parties
from features.requests import in_slices


class OverBridges:
    """Collects the transfers that have a known bridge on a side."""

    def __init__(self, parties: Parties) -> None:
        self._parties, self._bridge = parties, is_bridge(parties)
        self._tables = [np.empty(0, EVENT)]
        self._rows = [np.empty(0, np.uint32)]

    def see(self, events: Events) -> None:
        """Look at further transfers."""
        near = np.flatnonzero(self._bridge[events.sender] | self._bridge[events.receiver])
        if len(near):
            self._tables.append(events.table[near])
            self._rows.append(events.row[near])

    def found(self, transfers: Transfers, like: Events) -> BridgeTransfers | None:
        """Return the legs among them, numbered by their rows; None where there is none.

        Parameters
        ----------
        like
            What all transfers share.
        """
        table, rows = np.concatenate(self._tables), np.concatenate(self._rows)
        if not len(table):
            return None
        codes = np.unique(np.concatenate([table["sender"], table["receiver"]]))
        for side in ("sender", "receiver"):
            table[side] = np.searchsorted(codes, table[side])
        named = replace(like, table=table, row=rows, addresses=_names(transfers, codes))
        parties = replace(
            self._parties, party=self._parties.party[codes], since=self._parties.since[codes]
        )
        found = bridge_transfers(transfers, named, parties)
        return None if found is None else replace(found, event=found.row)


def _names(transfers: Transfers, codes: np.ndarray) -> pl.DataFrame:
    """Return ``chain`` and ``address`` of some codes, which ascend."""
    listed = transfers.scan_addresses()
    assert listed is not None
    parts = [pl.DataFrame(schema={"chain": pl.String, "address": pl.String})]
    for first, part in in_slices(listed):
        a, b = np.searchsorted(codes, [first, first + part.height])
        parts.append(part[codes[a:b] - first])
    return pl.concat(parts, rechunk=True)
