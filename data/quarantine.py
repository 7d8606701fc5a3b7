"""The quarantine: source rows that could not be used, with the file, the row and the reason.

Nothing is dropped silently. A source row is used whole or not at all: when one of the transfers it
stands for cannot be trusted, none of them is used, and its text goes here once.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from data.schema import QUARANTINE, empty


def quarantine_table(parts: Sequence[tuple[str, pl.DataFrame]], row: str) -> pl.DataFrame:
    """Join the faulty rows of several files.

    Parameters
    ----------
    parts
        A file's name as shown to people, and its faulty rows: the row number in column `row`,
        ``reason``, ``raw``.

    Returns
    -------
    pl.DataFrame
        `schema.QUARANTINE`, one row per source row, by file and row. Where a row has several
        faults the first one named stands.
    """
    tables = [
        faults.select(pl.lit(name).alias("file"), pl.col(row).alias("row"), "reason", "raw").cast(
            pl.Schema(QUARANTINE)
        )
        for name, faults in parts
    ]
    return (
        pl.concat([empty(QUARANTINE), *tables])
        .unique(["file", "row"], keep="first", maintain_order=True)
        .sort("file", "row")
    )


def reasons(quarantine: pl.DataFrame, most: int = 5) -> str:
    """Say in one line how many rows were set aside and why, the commonest reasons first.

    >>> reasons(pl.DataFrame({"reason": ["a is missing", "b", "a is missing"]}))
    '2 x a is missing; 1 x b'
    """
    counts = quarantine.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
    lines = [f"{n} x {reason}" for reason, n in counts.head(most).iter_rows()]
    if counts.height > most:
        lines.append(f"and {counts.height - most} more reasons")
    return "; ".join(lines)
