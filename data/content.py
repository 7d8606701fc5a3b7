"""What a table of transfers holds, in one hash, however many files it came in.

Each day of each chain is hashed by itself, and the store's hash is made of those. So whoever adds a
day hashes that day, and a store that grew day by day has the hash of one that was made at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise

import polars as pl

from data.content_hash import ContentHash, laid_out
from data.schema import TRANSFERS
from data.storage import ROW_GROUP_ROWS

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
        for piece in part.iter_slices(ROW_GROUP_ROWS):
            laid = laid_out(piece.select(list(TRANSFERS)))
            keys = piece.select("chain", pl.col("block_time").dt.date())
            # Laid out once: a store of some years has thousands of days with few rows each.
            first = keys.to_struct().rle_id().is_first_distinct().arg_true()
            for start, end in pairwise([*first, piece.height]):
                key = keys.row(start)
                hashes.setdefault(key, ContentHash()).add_rows(laid, start, end)
                rows[key] = rows.get(key, 0) + end - start
    return pl.DataFrame(
        [(*key, rows[key], whole.hexdigest()) for key, whole in hashes.items()],
        schema=DAYS,
        orient="row",
    ).sort("chain", "day")


def content_sha256(days: pl.DataFrame) -> str:
    """Return the hash of a whole table of transfers from those of its days."""
    lines = (f"{chain} {day} {rows} {sha}\n" for chain, day, rows, sha in days.iter_rows())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
