"""Who is who, where that is known: a table that says so of addresses, beside any labels.

For measuring alone: on whom false alarms fall, which typologies are found. Nothing learns from it.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.errors import Refused
from data.small_tables import read_small_table

FIELDS = ("population", "role", "typology")
"""What may be known of an address; `role` and `typology` may be absent."""

_WHAT = "populations (CSV or Parquet: chain, address, population, and role and typology)"


def read_populations(path: str | Path) -> pl.DataFrame:
    """Read a table of populations.

    Parameters
    ----------
    path
        CSV or Parquet with ``chain``, ``address``, ``population``, and where known ``role``
        (``benign``, ``victim``, or some part in the laundering) and ``typology``.

    Returns
    -------
    polars.DataFrame
        ``chain``, ``address`` and `FIELDS`, null where nothing is known; the first row of each
        address.

    Raises
    ------
    Refused
        It cannot be read, or lacks a column.
    """
    return with_fields(read_small_table(Path(path), _WHAT), str(path))


def with_fields(table: pl.DataFrame, where: str) -> pl.DataFrame:
    """Return a table of populations with all its columns; otherwise as `read_populations`."""
    if missing := {"chain", "address", "population"} - set(table.columns):
        raise Refused(f"{where} lacks {', '.join(sorted(missing))}", expected=_WHAT)
    absent = [pl.lit(None, pl.String).alias(name) for name in FIELDS if name not in table.columns]
    return (
        table.with_columns(absent)
        .select("chain", "address", *FIELDS)
        .unique(["chain", "address"], keep="first", maintain_order=True)
    )


def beside(labels: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Put beside each label who the address is; where both name a role, the table's counts."""
    return (
        labels.rename({"role": "_labelled_role"})
        .join(told, on=["chain", "address"], how="left", maintain_order="left")
        .with_columns(role=pl.coalesce("role", "_labelled_role"))
        .drop("_labelled_role")
    )
