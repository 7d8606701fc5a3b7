"""The parts of a table that are looked at one by one, so that an average hides nobody.

A value with too small a share of the rows would only ever be inconclusive, and a gate that is
always open to a signature is none. Such values are looked at together, as ``(others)``; where even
together they are too few, they are left to the overall figure.

>>> rows = pl.DataFrame({"chain": ["tron"] * 90 + ["base"] * 4 + ["bsc"] * 4 + [None] * 2})
>>> [(name, part.height) for name, part in slices(rows, "chain", share=0.05)]
[('tron', 90), ('(others)', 8)]
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

OTHERS = "(others)"


def slices(rows: pl.DataFrame, column: str, *, share: float) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the parts of a table by the values of a column, the largest first.

    Parameters
    ----------
    share
        Least share of the rows for a part of its own. Rows without a value belong to none.
    """
    if column not in rows.columns:
        return
    counts = rows[column].drop_nulls().cast(pl.String).value_counts(name="n")
    large = counts.filter(pl.col("n") >= share * rows.height)
    for name in large.sort(["n", column], descending=[True, False])[column].to_list():
        yield name, rows.filter(pl.col(column) == name)
    rest = rows.filter(~pl.col(column).is_in(large[column].implode()))
    if 0 < share * rows.height <= rest.height:
        yield OTHERS, rest
