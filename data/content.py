"""What a table of transfers holds, in one hash, however many files it came in.

Each day of each chain is hashed by itself, and the store's hash is made of those. So whoever adds a
day hashes that day, and a store that grew day by day has the hash of one that was made at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import polars as pl

from data.schema import TRANSFERS
from data.storage import ContentHash

DAYS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "day": pl.Date(),
    "rows": pl.Int64(),
    "sha256": pl.String(),
}
"""One row for each day of each chain that has transfers, in their order."""


def day_hashes(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Hash transfers, which come in order, day by day; returns `DAYS`.

    Examples
    --------
    >>> from data.schema import empty
    >>> day_hashes([empty(TRANSFERS)]).height
    0
    """
    hashes: dict[tuple[object, ...], ContentHash] = {}
    rows: dict[tuple[object, ...], int] = {}
    for part in parts:
        canonical = part.select(list(TRANSFERS)).with_columns(_day=pl.col("block_time").dt.date())
        days = canonical.partition_by(
            "chain", "_day", as_dict=True, maintain_order=True, include_key=True
        )
        for key, day in days.items():
            hashes.setdefault(key, ContentHash()).add(day.drop("_day"))
            rows[key] = rows.get(key, 0) + day.height
    return pl.DataFrame(
        [(*key, rows[key], whole.hexdigest()) for key, whole in hashes.items()],
        schema=DAYS,
        orient="row",
    ).sort("chain", "day")


def content_sha256(days: pl.DataFrame) -> str:
    """Return the hash of a whole table of transfers from those of its days."""
    lines = (f"{chain} {day} {rows} {sha}\n" for chain, day, rows, sha in days.iter_rows())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
