"""What the three CSV downloads of an Etherscan account page have in common.

Etherscan and its sister sites (BscScan, PolygonScan, …) write the same columns with small
differences: ``Txhash`` or ``Transaction Hash``, ``DateTime`` or ``DateTime (UTC)``, the coin's unit
in the header (``Value_IN(ETH)``, ``Value_IN(BNB)``), the day's price in another
(``CurrentValue @ $2264.04/Eth``), and rows with one empty field more than the header.

Moments come from ``UnixTimestamp``; the date beside it may have been rewritten by a spreadsheet,
and a date that contradicts the timestamp sends the row to quarantine. Amounts are decimal numbers
of whole coins.
"""

from __future__ import annotations

import re

import polars as pl

from data.errors import Refused
from data.importers.importer import Context, chain_of
from data.importers.source import Source, Unusable
from data.importers.text import ROW, tidy
from data.importers.times import DATE_FORMATS, disagree, from_number, from_text

NATIVE_DECIMALS = 18
"""Every chain of the Etherscan family counts its coin in 10^18 base units."""

CHAIN_OF_UNIT = {
    "ETH": "ethereum",
    "BNB": "bsc",
    "MATIC": "polygon",
    "POL": "polygon",
    "AVAX": "avalanche",
}
"""The coin in the header and the chain it is the coin of, unless the user names another chain
with the same coin (``ETH`` on Arbitrum, Base, Optimism)."""

_ETHER_CHAINS = ("ethereum", "arbitrum", "base", "optimism")
_UNIT = re.compile(r"^Value_IN\((\w+)\)$", re.IGNORECASE)
_TX_ID = r"^0x[0-9a-f]{64}$"

HASH = ("Txhash", "Transaction Hash")
DATE = ("DateTime (UTC)", "DateTime", "Date Time (UTC)", "DateTime(UTC)")

POSITION_FAULTS: Unusable = [
    ("the transaction hash is not one", ~pl.col("tx_id").str.contains(_TX_ID)),
    ("no moment can be read", pl.col("block_time").is_null()),
    ("the date contradicts the timestamp", pl.col("contradicted")),
]


def unit_of(source: Source) -> str | None:
    """Return the coin named in the header, as ``ETH``."""
    for column in source.columns:
        if match := _UNIT.match(tidy(column).replace(" ", "")):
            return match.group(1).upper()
    return None


def page_chain(source: Source, context: Context) -> str:
    """Return the chain of a page: the coin in its header and the user must agree.

    Raises
    ------
    Refused
        The coin is not known, or is not the coin of the chain the user named.
    """
    unit = unit_of(source)
    if unit is None:
        return chain_of(context, "ethereum", "evm")
    if unit not in CHAIN_OF_UNIT:
        raise Refused(
            f"{str(source.path)!r} counts in {unit}.", expected=f"one of {', '.join(CHAIN_OF_UNIT)}"
        )
    chain = chain_of(context, CHAIN_OF_UNIT[unit], "evm")
    fitting = _ETHER_CHAINS if unit == "ETH" else (CHAIN_OF_UNIT[unit],)
    if chain not in fitting:
        raise Refused(
            f"{str(source.path)!r} counts in {unit}, which is not the coin of {chain}.",
            expected=f"--chain {' or '.join(fitting)}, or none",
        )
    return chain


def positions(source: Source, chain: str) -> pl.DataFrame:
    """Return chain, transaction and moment of every row; ``contradicted`` where dates clash."""
    text = source.text
    rows = source.frame.select(
        ROW,
        pl.lit(chain).alias("chain"),
        text(*HASH).str.to_lowercase().alias("tx_id"),
        text("Blockno").str.replace_all(",", "").cast(pl.Int64, strict=False).alias("block_number"),
        text("UnixTimestamp").alias("stamp"),
        text(*DATE).alias("date"),
    )
    has_stamp = source.find("UnixTimestamp") is not None
    if has_stamp:
        moment = from_number(rows["stamp"], "s")
        wrong = disagree(moment, rows["date"])
    else:
        moment = from_text(rows["date"], DATE_FORMATS)
        wrong = pl.Series([False] * rows.height, dtype=pl.Boolean)
    return rows.drop("stamp", "date").with_columns(
        moment.alias("block_time"), wrong.alias("contradicted")
    )


def value_column(source: Source, prefix: str) -> pl.Expr:
    """Return the column ``Value_IN(…)``, ``Value_OUT(…)`` or ``TxnFee(…)`` in coins as text.

    ``TxnFee(USD)`` is never meant.
    """
    unit = unit_of(source)
    names = [f"{prefix}({unit})"] if unit else []
    return source.text(*names)


def own_side(rows: pl.DataFrame) -> pl.DataFrame:
    """Return who can be the page's account in each row.

    A page shows an amount in the column of the account's own side: whoever receives a
    ``Value_IN``, or sends a ``Value_OUT``. Where both are zero it may be either.
    """
    inward, outward = pl.col("value_in") != "0", pl.col("value_out") != "0"
    return rows.select(
        pl.when(outward | ~inward).then("sender").alias("sender"),
        pl.when(inward | ~outward).then("receiver").alias("receiver"),
    )
