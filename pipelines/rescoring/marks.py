"""Marks: what a run knew, short enough to be compared with what the next one knows.

Three tables, each made to be compared row by row:

* **hours**: of every file of transfers and every hour in it, how many transfers signals follow and
  one number over all that they say. The numbers of an hour add up over files, so a store may be
  cut into files in any way; a file that the last run has seen is not read again.
* **coverage**: of every covered address, whether its export is whole and which legs it shows.
* **parties**: whom the services in force at the run's moment name, and as what.

The numbers are sums of 64-bit hashes of rows: they notice what an export, a chain's reorganisation
or a hand has changed. They hold within one version of the libraries, which the run records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from data.schema import TIME, TRANSFERS, leg_set, leg_text
from data.services import Services
from data.storage import sha256_file
from data.transfers import Transfers
from features.history import microseconds
from features.parties import known_parties
from pipelines.console import progress

HOURS = {"file": pl.String(), "hour": TIME, "rows": pl.UInt32(), "said": pl.UInt64()}
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
        `Marks.hours` of an earlier run with the same libraries; its files are not read again.
    """
    return Marks(
        _hours(transfers, seen if seen is not None else pl.DataFrame(schema=HOURS)),
        _coverage(transfers),
        in_force(services, as_of),
    )


def in_force(services: Services, as_of: datetime) -> pl.DataFrame:
    """Return whom services name that signals know of at a moment, and as what."""
    named = services.table.select("chain", "address").unique().sort("chain", "address")
    known = known_parties(named, services)
    now = (known.party > 0) & (known.since <= microseconds(as_of))
    return named.with_columns(party=pl.Series(known.party, dtype=pl.UInt8)).filter(pl.Series(now))


def _hours(transfers: Transfers, seen: pl.DataFrame) -> pl.DataFrame:
    parts = [pl.DataFrame(schema=HOURS)]
    with progress("Looking for new transfers", total=len(transfers.files)) as done:
        for file in transfers.files:
            sha256 = transfers.recorded.get(file.name) or sha256_file(file)
            known = seen.filter(pl.col("file") == sha256)
            parts.append(known if known.height else _read(transfers, file, sha256))
            done(1)
    return pl.concat(parts).sort("file", "hour")


def _read(transfers: Transfers, file: Path, sha256: str) -> pl.DataFrame:
    rows = replace(transfers, files=(file,)).followed()
    columns = [pl.col(name).hash(seed) for seed, name in enumerate(TRANSFERS)]
    # Hashed once more: equal cells that change places between rows must not cancel out.
    said = pl.sum_horizontal(columns).hash(len(columns))
    hours = (
        rows.select(hour=pl.col("block_time").dt.truncate("1h"), said=said)
        .group_by("hour")
        .agg(rows=pl.len(), said=pl.col("said").sum())
    )
    table = hours.with_columns(file=pl.lit(sha256)).select(
        pl.col(name).cast(kind) for name, kind in HOURS.items()
    )
    return table.collect(engine="streaming")


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
