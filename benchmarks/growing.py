"""A world that comes in day by day: a store of its first days, and each further day a commit.

As `unrinse ingest` and `unrinse ingest --append` would have it from the exports of each day.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from data.appending import Delivery, Earlier, add_commit, with_origins
from data.content import content_sha256, day_hashes
from data.deduplication import Deduplicated
from data.merging import Merged
from data.origins import ORIGINS, STAGED
from data.schema import COVERAGE, QUARANTINE, TRANSFERS, empty
from data.storage import write_store
from data.store_files import DAYS_FILE, next_commit


def begun(world: Path, out: Path, until: datetime) -> Path:
    """Write a store of what a world had come to before a moment, as one ingest does."""
    rows = _rows(world, pl.col("block_time") < until)
    coverage = pl.read_parquet(world / "coverage.parquet").select(list(COVERAGE))
    days = day_hashes([rows])
    hashed = {"content_sha256": content_sha256(days)}
    facts = {"as_of": until.isoformat(), "synthetic": True}
    write_store(out, rows, coverage, empty(QUARANTINE), facts | hashed, {DAYS_FILE: days})
    return out


def grown(world: Path, store: Path, since: datetime, until: datetime) -> None:
    """Add what came between two moments, as a commit."""
    rows = _rows(world, pl.col("block_time").is_between(since, until, closed="left"))
    deliver(store, rows, until)


def deliver(store: Path, rows: pl.DataFrame, as_of: datetime) -> None:
    """Add transfers of transactions that the store does not know, as a commit."""
    origins = with_origins(rows)[0].select(list(ORIGINS))
    nothing = rows.clear()
    merged = Merged(rows, origins, empty(STAGED), nothing, Deduplicated(nothing, nothing, nothing))
    facts = {"as_of": as_of.isoformat()}
    new = Delivery(empty(STAGED), empty(COVERAGE), empty(QUARANTINE), facts)
    with next_commit(store) as state:
        add_commit(state, Earlier(empty(TRANSFERS), empty(STAGED)), merged, new)


def _rows(world: Path, which: pl.Expr) -> pl.DataFrame:
    rows = pl.scan_parquet(world / "transfers.parquet").select(list(TRANSFERS))
    return rows.filter(which).collect()
