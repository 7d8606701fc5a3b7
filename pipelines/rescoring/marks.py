"""Marks: what a run knew, short enough to be compared with what the next one knows.

Three tables, each made to be compared row by row:

* **hours**: of every hour, how many transfers signals follow and one number over all that they say,
  whatever their order and however the store is cut into files.
* **coverage**: of every covered address, whether its export is whole and which legs it shows.
* **parties**: whom the services in force at the run's moment name, and as what.

The numbers are sums of 64-bit hashes of rows: they notice what an export, a chain's reorganisation
or a hand has changed. They hold within one version of the libraries, which the run records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from data.schema import TIME, TRANSFERS, leg_set, leg_text
from data.services import Services
from data.transfers import Transfers
from features.history import microseconds
from features.parties import known_parties
from pipelines.console import progress

HOURS = {"hour": TIME, "rows": pl.UInt32(), "said": pl.UInt64()}
COVERED = {
    "chain": pl.String(),
    "address": pl.String(),
    "complete": pl.Boolean(),
    "legs": pl.String(),
}
PARTIES = {"chain": pl.String(), "address": pl.String(), "party": pl.UInt8()}


@dataclass(frozen=True)
class Marks:
    """What a run knew.

    Attributes
    ----------
    hours, coverage, parties
        `HOURS`, `COVERED` and `PARTIES`.
    """

    hours: pl.DataFrame
    coverage: pl.DataFrame
    parties: pl.DataFrame

    def tables(self) -> Mapping[str, pl.DataFrame]:
        """Return the tables by name."""
        return {"hours": self.hours, "coverage": self.coverage, "parties": self.parties}


def marks(
    transfers: Transfers, services: Services, as_of: datetime, *, seen: pl.DataFrame | None = None
) -> Marks:
    """Mark what a run knows.

    Parameters
    ----------
    transfers, services
        Of the run.
    as_of
        Its moment.
    seen
        `Marks.hours` of an earlier run over the same transfers with the same libraries.
    """
    hours = _hours(transfers) if seen is None else seen
    return Marks(hours, _coverage(transfers), in_force(services, as_of))


def in_force(services: Services, as_of: datetime) -> pl.DataFrame:
    """Return whom services name that signals know of at a moment, and as what."""
    named = services.table.select("chain", "address").unique().sort("chain", "address")
    known = known_parties(named, services)
    now = (known.party > 0) & (known.since <= microseconds(as_of))
    return named.with_columns(party=pl.Series(known.party, dtype=pl.UInt8)).filter(pl.Series(now))


def _hours(transfers: Transfers) -> pl.DataFrame:
    columns = [pl.col(name).hash(seed) for seed, name in enumerate(TRANSFERS)]
    # Hashed once more: equal cells that change places between rows must not cancel out.
    said = pl.sum_horizontal(columns).hash(len(columns))
    hours = (
        transfers.followed()
        .select(hour=pl.col("block_time").dt.truncate("1h"), said=said)
        .group_by("hour")
        .agg(rows=pl.len(), said=pl.col("said").sum())
    )
    with progress("Looking for new transfers"):
        table = hours.select(pl.col(name).cast(kind) for name, kind in HOURS.items())
        return table.collect(engine="streaming").sort("hour")


def _coverage(transfers: Transfers) -> pl.DataFrame:
    coverage = None if transfers.assume_complete else transfers.coverage
    if coverage is None:
        return pl.DataFrame(schema=COVERED)
    merged = coverage.group_by("chain", "address").agg(
        pl.col("complete").all(), pl.col("legs").sort().str.join(",")
    )
    legs = {text: leg_text(leg_set(text)) for text in merged["legs"].unique().to_list()}
    return merged.with_columns(
        pl.col("legs").replace_strict(legs, return_dtype=pl.String) if legs else pl.col("legs")
    ).sort("chain", "address")
