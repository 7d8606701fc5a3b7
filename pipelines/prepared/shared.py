"""The few facts that all prepared transfers share: assets, known parties, legs of bridges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.storage import write_parquet
from features.bridges import BridgeTransfers
from features.crossings import Legs
from features.events import Events, empty_table
from features.own_codes import KnownParties
from features.parties import Parties
from features.passes import Passed
from pipelines.prepared.entries import AddressFiles

ASSETS, PARTIES, BRIDGES = "assets.parquet", "parties.parquet", "bridges.parquet"

_OF_LEGS = ("event", "row", "since", "until")


@dataclass(frozen=True)
class Shared:
    """What they share.

    Attributes
    ----------
    events
        Without any transfer, and without addresses.
    known
        The addresses of whom something is known.
    over_bridges
        The legs of bridges among all transfers, by their rows.
    """

    events: Events
    known: KnownParties
    over_bridges: BridgeTransfers | None


def write(folder: Path, passed: Passed[AddressFiles]) -> dict[str, Any]:
    """Write it; returns what goes into the manifest."""
    events, known = passed.shared.shared, KnownParties.among(passed.parties)
    assets = {
        "kind": events.asset_kind, "group": events.asset_group, "unit": events.asset_unit,
    }  # fmt: skip
    write_parquet(pl.DataFrame(assets), folder / ASSETS)
    parties = {
        "code": known.codes, "party": known.parties.party, "since": known.parties.since,
    }  # fmt: skip
    write_parquet(pl.DataFrame(parties), folder / PARTIES)
    bridges = passed.over_bridges
    if bridges is not None:
        arrays = {name: getattr(bridges, name) for name in _OF_LEGS}
        write_parquet(
            pl.DataFrame(
                {**arrays, **bridges.legs._asdict()},
            ),
            folder / BRIDGES,
        )
    return {
        "placed": events.placed,
        "basis": events.basis,
        "begins": {str(kind): begins for kind, begins in known.parties.begins.items()},
        "bridged_chains": None if bridges is None else list(bridges.chains),
    }


def read(folder: Path, facts: Mapping[str, Any]) -> Shared:
    """Read it again."""
    assets = _arrays(folder / ASSETS)
    events = Events(
        table=empty_table(0),
        row=np.empty(0, np.uint32),
        placed=facts["placed"],
        basis=facts["basis"],
        asset_kind=assets["kind"],
        asset_group=assets["group"],
        asset_unit=assets["unit"],
        addresses=pl.DataFrame(schema={"chain": pl.String, "address": pl.String}),
    )
    parties = _arrays(folder / PARTIES)
    begins = {int(kind): dict(begins) for kind, begins in facts["begins"].items()}
    known = KnownParties(
        parties["code"], Parties(parties["party"], parties["since"], begins)
    )  # fmt: skip
    chains = facts["bridged_chains"]
    if chains is None:
        return Shared(events, known, None)
    legs = _arrays(folder / BRIDGES)
    bridges = BridgeTransfers(
        event=legs["event"],
        row=legs["row"],
        legs=Legs(*(legs[name] for name in Legs._fields)),
        since=legs["since"],
        until=legs["until"],
        chains=tuple(chains),
    )
    return Shared(events, known, bridges)


def _arrays(file: Path) -> dict[str, np.ndarray]:
    """Return writable arrays, of the types in which they were written."""
    table = pl.read_parquet(file)
    return {name: table[name].to_numpy().copy() for name in table.columns}
