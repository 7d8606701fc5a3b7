"""Source rows become transfers: copies are matched, facts shared, the rest screened and ordered.

What becomes of a row depends on the rows of its own transaction only. So rows that come later are
merged by doing this again for the transactions they touch (`data.appending`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from data.addresses import chain_family
from data.deduplication import (
    Deduplicated,
    conflicting,
    deduplicate,
    number_rows,
    settle_numbers,
    share_transaction_facts,
)
from data.importers.text import ROW
from data.origins import origins_of
from data.schema import TRANSFERS, sort_transfers, validate_transfers
from data.screening import screen
from data.valuation import value_transfers

_CLOCK_SLACK = timedelta(days=1)

_ZERO_ADDRESS = {
    "evm": "0x0000000000000000000000000000000000000000",
    "tron": "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb",
}
"""Tokens come from here when they are made, and go there when they are destroyed."""


@dataclass(frozen=True)
class Merged:
    """What became of source rows.

    Attributes
    ----------
    transfers
        Canonical columns, in order.
    origins
        Beside them: `data.origins.ORIGINS`.
    set_aside
        The other source rows.
    faulty
        Rows that another copy contradicts, with ``reason``.
    result
        Which rows were kept, and why not.
    """

    transfers: pl.DataFrame
    origins: pl.DataFrame
    set_aside: pl.DataFrame
    faulty: pl.DataFrame
    result: Deduplicated


def checked(
    tables: Sequence[pl.DataFrame], prices: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Join the files' rows, value them, and part usable rows from those with a fault.

    Where one transfer of a source row is impossible, no transfer of it is usable.
    """
    rows = [
        table.with_columns(pl.lit(i, dtype=pl.Int32).alias("file"))
        for i, table in enumerate(tables)
    ]
    numbered = number_rows(_minted(pl.concat(rows)))
    valued = value_transfers(numbered, prices).with_columns(
        pl.lit(None, dtype=pl.String).alias("screened")
    )
    usable, faulty = validate_transfers(valued, datetime.now(UTC) + _CLOCK_SLACK)
    return _without(usable, faulty), faulty


def merge(rows: pl.DataFrame, names: Sequence[str]) -> Merged:
    """Merge all source rows of some transactions.

    Parameters
    ----------
    rows
        As `checked` returns them.
    names
        The files, by their numbers.
    """
    rows = rows.with_row_index("_staged")
    faulty = conflicting(rows).drop("_staged")
    result = deduplicate(_without(rows, faulty))
    told = share_transaction_facts(result.kept)
    finished = sort_transfers(screen(settle_numbers(told))).rename({"_staged": "_at"})
    named = rows.drop("_staged").with_columns(
        pl.lit(pl.Series(names, dtype=pl.String)).gather(pl.col("file")).alias("file")
    )
    origins, set_aside = origins_of(named, finished)
    transfers = finished.select(pl.col(c).cast(t) for c, t in TRANSFERS.items())
    return Merged(transfers, origins, set_aside, faulty, result)


def _minted(rows: pl.DataFrame) -> pl.DataFrame:
    """Call token transfers from and to the zero address what they are."""
    zero = {c: _ZERO_ADDRESS.get(chain_family(c)) for c in rows["chain"].unique().to_list()}
    nobody = pl.col("chain").replace_strict(zero, default=None, return_dtype=pl.String)
    token = pl.col("kind") == "token"
    return rows.with_columns(
        pl.when(token & (pl.col("sender") == nobody))
        .then(pl.lit("mint"))
        .when(token & (pl.col("receiver") == nobody))
        .then(pl.lit("burn"))
        .otherwise("kind")
        .alias("kind")
    )


def _without(rows: pl.DataFrame, faulty: pl.DataFrame) -> pl.DataFrame:
    """Drop all transfers of the source rows of which one is faulty."""
    if faulty.is_empty():
        return rows
    return rows.join(faulty.select("file", ROW).unique(), on=["file", ROW], how="anti")
