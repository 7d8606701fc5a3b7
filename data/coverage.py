"""What the loaded exports can and cannot have seen of an address.

An export speaks for the account it was asked for, for some kinds of transfer (its *legs*), and for
a stretch of time. Everybody else in it is a counterparty, seen only through that account, and is
never scored. This file decides whose export a file is, whether it is the whole of it, and joins
what several files say about one address.

Completeness is doubted, never assumed from silence:

- services hand out pages of 20, 200, 1,000, 5,000 or 10,000 records, so an export of exactly that
  many is taken for one page of a longer list;
- the nonces of an account's own transactions count up from 0, so a gap in them proves that some
  are missing;
- a service may say that there is another page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from data.errors import Refused
from data.schema import COVERAGE, LEGS, empty, leg_set, leg_text

PAGE_SIZES = (20, 200, 1_000, 5_000, 10_000)
"""Record counts at which the known services and pages stop."""

_ADDRESS_IN_NAME = re.compile(
    r"(?<![0-9A-Za-z])(0x[0-9a-fA-F]{40}|T[1-9A-HJ-NP-Za-km-z]{33})(?![0-9A-Za-z])"
)


def account_of(parties: pl.DataFrame, path: Path, declared: str | None = None) -> str | None:
    """Return the account that an export was made for.

    The account occurs in every row. Where more than one address does (a wallet that only ever
    dealt with one other), the file name decides; where that is silent too, nobody knows, and the
    export covers no address.

    Parameters
    ----------
    parties
        Canonical addresses of each row, one column per role (sender, receiver, …).
    path
        An address in its name counts when the rows agree with it, and decides for an export
        without rows.
    declared
        The account the user named; canonical.

    Raises
    ------
    Refused
        The declared account occurs in no row of an export that has rows.
    """
    named = address_in_name(path)
    if parties.is_empty():
        return declared or named
    everywhere = [a for a in _of_first_row(parties) if _in_every_row(parties, a)]
    if declared:
        if not _in_any_row(parties, declared):
            raise Refused(
                f"The account {declared} occurs in no row of {str(path)!r}.",
                hint="Check --account, or leave it out to have the account recognised.",
            )
        return declared
    for address in everywhere:
        if named and address.casefold() == named.casefold():
            return address
    return everywhere[0] if len(everywhere) == 1 else None


def address_in_name(path: Path) -> str | None:
    """Return the one address in a file's name, as it is written there."""
    found = {m.group(1) for m in _ADDRESS_IN_NAME.finditer(path.name)}
    return found.pop() if len(found) == 1 else None


def coverage_rows(
    accounts: pl.DataFrame,
    *,
    legs: Sequence[str],
    source: str,
    fetched: datetime | None,
) -> pl.DataFrame:
    """Make coverage rows.

    Parameters
    ----------
    accounts
        ``chain``, ``address``, ``first``, ``last`` (moments of the account's first and last row,
        null for none) and ``complete``.
    legs
        What the export shows.
    source
        The format's name.
    fetched
        When the export was made, if known.

    Returns
    -------
    pl.DataFrame
        `schema.COVERAGE`. ``from`` is null (since the chain began) for a complete export, which
        shows that nothing came before its first row; else it is the first row's time. ``to`` is
        the moment of the export if known, else its last row's time; without rows it is null.
    """
    return accounts.select(
        "chain",
        "address",
        pl.when(~pl.col("complete")).then("first").alias("from"),
        pl.coalesce(pl.lit(fetched, dtype=COVERAGE["to"]), "last").alias("to"),
        "complete",
        pl.lit(leg_text(frozenset(legs))).alias("legs"),
        pl.lit(source).alias("source"),
        pl.lit(fetched, dtype=COVERAGE["fetched_as_of"]).alias("fetched_as_of"),
    ).cast(pl.Schema(COVERAGE))


def is_page(rows: int) -> bool:
    """Say whether a number of rows looks like one page of a longer list."""
    return rows in PAGE_SIZES


def nonces_have_gaps(nonces: pl.Series) -> bool:
    """Say whether an account's own transactions are not all there.

    Parameters
    ----------
    nonces
        Those of the transactions it sent, as whole numbers.

    Examples
    --------
    >>> nonces_have_gaps(pl.Series([0, 2, 1])), nonces_have_gaps(pl.Series([1, 2]))
    (False, True)
    """
    seen = nonces.drop_nulls().unique()
    return bool(len(seen)) and (seen.min(), seen.max()) != (0, len(seen) - 1)


def merge_coverage(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Join what several exports say of the same addresses.

    Per address and leg: where exports overlap in time they count as one; a complete export makes
    the leg complete; the earliest ``from`` and the latest ``to`` stand. Legs that agree in all of
    that share a row. The result depends neither on the order of the tables nor on which of them
    were merged before.
    """
    rows = pl.concat([empty(COVERAGE), *tables])
    if rows.is_empty():
        return rows
    each_leg = (
        rows.with_columns(leg=pl.col("legs").str.split(",")).drop("legs").explode("leg").unique()
    )
    by_leg = each_leg.group_by("chain", "address", "leg").agg(
        pl.when(pl.col("from").is_null().any())
        .then(None)
        .otherwise(pl.col("from").min())
        .alias("from"),
        pl.col("to").max(),
        pl.col("complete").any(),
        pl.col("source").str.split(",").list.explode().unique().sort().str.join(","),
        pl.col("fetched_as_of").max(),
    )
    key = ["chain", "address", "from", "to", "complete", "source", "fetched_as_of"]
    merged = by_leg.group_by(key).agg(pl.col("leg"))
    order = {leg: i for i, leg in enumerate(LEGS)}
    ranked = pl.col("leg").list.eval(
        pl.element().sort_by(pl.element().replace_strict(order, return_dtype=pl.Int8))
    )
    return (
        merged.with_columns(ranked.list.join(",").alias("legs"))
        .select(list(COVERAGE))
        .sort("chain", "address", "legs")
    )


def legs_text(legs: str) -> str:
    """Return a list of legs in canonical order; refuses unknown ones.

    Raises
    ------
    Refused
        A name that is no leg.
    """
    try:
        return leg_text(leg_set(legs))
    except ValueError as error:
        raise Refused(str(error)) from error


def _of_first_row(parties: pl.DataFrame) -> list[str]:
    return list(dict.fromkeys(a for a in parties.row(0) if a))


def _in_every_row(parties: pl.DataFrame, address: str) -> bool:
    return bool(
        parties.select(pl.any_horizontal(pl.all() == address).fill_null(False).all()).item()
    )


def _in_any_row(parties: pl.DataFrame, address: str) -> bool:
    return bool(parties.select(pl.any_horizontal(pl.all() == address).any()).item())
