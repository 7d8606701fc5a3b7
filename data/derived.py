"""The derived columns of a store: what every reader would otherwise work out from strings again."""

from __future__ import annotations

import polars as pl

from data.identity import address_dictionary, text_ids, with_address_codes


def with_derived_columns(transfers: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add `schema.DERIVED_COLUMNS` to a canonical transfers table, and list its addresses.

    Returns
    -------
    transfers, addresses
        The table with its derived columns; every address once (``id``, ``chain``, ``address``,
        sorted by chain and address).

    Raises
    ------
    Refused
        Two addresses share an id.
    """
    chain = transfers["chain"]
    addresses = address_dictionary(
        pl.concat([chain, chain]), pl.concat([transfers["sender"], transfers["receiver"]])
    )
    return derived_part(transfers, addresses, 0), addresses


def derived_part(transfers: pl.DataFrame, addresses: pl.DataFrame, first_row: int) -> pl.DataFrame:
    """Add the derived columns to a part of a table that is written piece by piece.

    Parameters
    ----------
    transfers
        The part; no transaction is cut.
    addresses
        The dictionary of the whole table.
    first_row
        Rows of the table before this part.
    """
    transfers = with_address_codes(transfers, addresses)
    place = ["block_number", "tx_index"]
    if transfers.select(place).null_count().sum_horizontal().item():
        keys = transfers.select("chain", tx=pl.Series(text_ids(transfers["tx_id"])))
    else:  # they stand where their transaction does
        keys = transfers.select("chain", *place)
    # A row number made inside the window would begin anew in each transaction.
    rows = keys.with_row_index("_row").select(pl.col("_row").first().over(keys.columns))
    codes = (rows.to_series().cast(pl.Int64) + first_row).cast(pl.Int32)
    return transfers.with_columns(codes.alias("transaction"), leg_kind=leg_kind(), placed=placed())


def leg_kind() -> pl.Expr:
    """Return the kind of leg a transfer belongs to; null where signals ignore it."""
    kind = pl.col("kind")
    followed = pl.col("screened").is_null() & (kind != "fee")
    legs = 2 - 2 * (kind == "native").cast(pl.Int8) - (kind == "internal").cast(pl.Int8)
    return pl.when(followed).then(legs)


def placed() -> pl.Expr:
    """Say whether a transfer's place in its block is known."""
    return pl.all_horizontal(pl.col("block_number", "tx_index").is_not_null())
