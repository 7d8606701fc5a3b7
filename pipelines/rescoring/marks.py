"""Marks: what a run knew, short enough to be compared with what the next one knows.

Four tables, each made to be compared row by row:

* **days**: the hash that a store has of each of its days (`data.days`); of other transfers none.
* **hours**: of every hour, how many transfers signals follow and one number over all that they say,
  whatever their order and however the store is cut into files.
* **coverage**: of every covered address, whether its export is whole and which legs it shows.
* **parties**: whom the services in force at the run's moment name, and as what.

Where days are known, only the rows of those that changed are read: the hours of all others are what
the earlier run found. The numbers are sums of 64-bit hashes of rows: they notice what an export, a
chain's reorganisation or a hand has changed. They hold within one version of the libraries, which
the run records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from data.content import DAYS
from data.days import changed_days, days_of, rows_of
from data.schema import TIME, TRANSFERS, leg_set, leg_text
from data.services import Services
from data.transfers import Transfers, followed
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
    days, hours, coverage, parties
        `data.content.DAYS`, `HOURS`, `COVERED` and `PARTIES`.
    """

    days: pl.DataFrame
    hours: pl.DataFrame
    coverage: pl.DataFrame
    parties: pl.DataFrame

    def tables(self) -> Mapping[str, pl.DataFrame]:
        """Return the tables by name."""
        return {name: getattr(self, name) for name in Marks.__annotations__}


@dataclass(frozen=True)
class Before:
    """What an earlier run with the same program and libraries knew, so far as it still holds.

    Attributes
    ----------
    marks
        Its marks.
    same_transfers, same_coverage
        Whether it had the same transfers, and the same coverage of them.
    """

    marks: Marks
    same_transfers: bool
    same_coverage: bool


def marks(
    transfers: Transfers, services: Services, as_of: datetime, before: Before | None = None
) -> Marks:
    """Mark what a run knows.

    Parameters
    ----------
    transfers, services
        Of the run.
    as_of
        Its moment.
    before
        What need not be found again; the marks are the same without it.
    """
    days = days_of(transfers)
    known = pl.DataFrame(schema=DAYS) if days is None else days
    return Marks(
        days=known,
        hours=_hours(transfers, known, before),
        coverage=before.marks.coverage
        if before is not None and before.same_coverage
        else _coverage(transfers),
        parties=in_force(services, as_of),
    )


def in_force(services: Services, as_of: datetime) -> pl.DataFrame:
    """Return whom services name that signals know of at a moment, and as what."""
    named = services.table.select("chain", "address").unique().sort("chain", "address")
    known = known_parties(named, services)
    now = (known.party > 0) & (known.since <= microseconds(as_of))
    return named.with_columns(party=pl.Series(known.party, dtype=pl.UInt8)).filter(pl.Series(now))


def _hours(transfers: Transfers, days: pl.DataFrame, before: Before | None) -> pl.DataFrame:
    """Mark the hours; those of days that are as they were by what was found of them before."""
    if before is not None and before.same_transfers:
        return before.marks.hours
    with progress("Looking for new transfers"):
        if before is None or not days.height or not before.marks.days.height:
            return _marked(transfers.scan())
        changed = changed_days(days, before.marks.days)
        kept = before.marks.hours.filter(~pl.col("hour").dt.date().is_in(changed))
        return pl.concat([kept, _marked(rows_of(transfers, days, changed))]).sort("hour")


def _marked(rows: pl.LazyFrame) -> pl.DataFrame:
    columns = [pl.col(name).hash(seed) for seed, name in enumerate(TRANSFERS)]
    # Hashed once more: equal cells that change places between rows must not cancel out.
    said = pl.sum_horizontal(columns).hash(len(columns))
    hours = (
        followed(rows)
        .select(hour=pl.col("block_time").dt.truncate("1h"), said=said)
        .group_by("hour")
        .agg(rows=pl.len(), said=pl.col("said").sum())
    )
    table = hours.select(pl.col(name).cast(kind) for name, kind in HOURS.items())
    return table.collect(engine="streaming").sort("hour")


def _coverage(transfers: Transfers) -> pl.DataFrame:
    coverage = None if transfers.assume_complete else transfers.coverage
    if coverage is None:
        return pl.DataFrame(schema=COVERED)
    rows = coverage.select(list(COVERED))
    twice = rows.select(pl.struct("chain", "address").is_duplicated()).to_series()
    merged = (
        rows.filter(twice)
        .group_by("chain", "address")
        .agg(pl.col("complete").all(), pl.col("legs").sort().str.join(","))
    )
    each = pl.concat([rows.filter(~twice), merged])
    legs = {text: leg_text(leg_set(text)) for text in each["legs"].unique().to_list()}
    return each.with_columns(
        pl.col("legs").replace_strict(legs, return_dtype=pl.String) if legs else pl.col("legs")
    ).sort("chain", "address")
