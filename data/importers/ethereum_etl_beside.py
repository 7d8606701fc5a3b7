"""What the tables of one ethereum-etl dump tell each other.

| fact | from | for |
|---|---|---|
| blocks: block_number, block_time | blocks, transactions, token transfers that have times | when |
| transactions: tx_id, tx_index, initiator, tx_to, method | transactions | who called what |
| receipts: tx_id, receipt, gas_used, paid_price, created | receipts | what failed, what it cost |
| parties: tx_id, party | transactions, token transfers | which rows concern an account |

Only what can be read becomes a fact; the row that cannot is set aside when its own file is read.
"""

from __future__ import annotations

import polars as pl

from data.addresses import canonical_addresses
from data.errors import Refused
from data.importers import calldata
from data.importers.importer import Context
from data.importers.source import Source
from data.importers.text import ROW
from data.importers.times import from_number, from_text
from data.schema import TIME

TX_ID = r"^0x[0-9a-f]{64}$"

RECEIPT_FAULTS = [
    ("the transaction hash is not one", ~pl.col("tx_id").str.contains(TX_ID)),
    ("status is neither 0 nor 1", ~pl.col("receipt").is_in(["0", "1", ""])),
    ("gas_used is not a whole number", ~pl.col("gas_used").str.contains(r"^[0-9]+$")),
    ("another receipt of this transaction differs", pl.col("receipt_disputed")),
]

_RECEIPT = ("receipt", "gas_used", "paid_price", "created")


def moments(source: Source, *names: str) -> pl.Expr:
    """Return a time column: seconds, as ethereum-etl writes, or a date, as the public data sets do.

    The two cannot be mistaken for each other.
    """
    shown = column(source, *names)
    read = pl.select(pl.coalesce(from_number(shown, "s"), from_text(shown))).to_series()
    unreadable = (shown != "") & read.is_null()
    return pl.struct(
        pl.lit(read).alias("block_time"), pl.lit(unreadable).alias("unreadable")
    ).alias("_moment")


def column(source: Source, *names: str) -> pl.Series:
    """Return a column as text, empty in every row where the table has no such column."""
    return source.frame.select(ROW, source.text(*names).alias("text"))["text"]


def facts_of(source: Source, chain: str) -> dict[str, pl.DataFrame]:
    """Return the facts of one table, by name."""
    text = source.text
    if source.has("token_address", "log_index"):
        return {"blocks": _times(source), "parties": _parties(source, chain, "transaction_hash")}
    if source.has("hash", "input"):
        called = source.frame.select(
            text("hash").str.to_lowercase().alias("tx_id"),
            text("transaction_index").cast(pl.Int32, strict=False).alias("tx_index"),
            _address(source, chain, "from_address").alias("initiator"),
            _address(source, chain, "to_address").alias("tx_to"),
            calldata.selector(column(source, "input")).alias("method"),
        )
        return {
            "blocks": _times(source),
            "transactions": _undisputed(called, "tx_id"),
            "parties": _parties(source, chain, "hash"),
        }
    if source.has("transaction_hash", "gas_used"):
        rows = receipt_rows(source).filter(pl.col("tx_id").str.contains(TX_ID))
        return {"receipts": _undisputed(rows.select("tx_id", *_RECEIPT), "tx_id")}
    rows = block_rows(source).select("block_number", "block_time")
    return {"blocks": rows.drop_nulls().unique()}


def block_rows(source: Source) -> pl.DataFrame:
    """Return the rows of blocks.csv."""
    return source.frame.select(
        ROW,
        source.text("number").cast(pl.Int64, strict=False).alias("block_number"),
        moments(source, "timestamp").struct.field("block_time"),
    )


def receipt_rows(source: Source) -> pl.DataFrame:
    """Return the rows of receipts.csv."""
    text = source.text
    rows = source.frame.select(
        ROW,
        text("transaction_hash").str.to_lowercase().alias("tx_id"),
        text("status").alias("receipt"),
        text("gas_used").alias("gas_used"),
        text("effective_gas_price").alias("paid_price"),
        text("contract_address").alias("created"),
    )
    differing = pl.struct(_RECEIPT).n_unique().over("tx_id") > 1
    return rows.with_columns(differing.alias("receipt_disputed"))


def with_block_time(rows: pl.DataFrame, source: Source, context: Context) -> pl.DataFrame:
    """Give rows their moment: their own column's, else their block's in another table.

    Raises
    ------
    Refused
        The table has no times, and no other file of the call has any.
    """
    blocks = context.beside.get("blocks")
    if (
        source.find("block_timestamp") is None
        and source.rows
        and (blocks is None or not len(blocks))
    ):
        raise Refused(
            f"{str(source.path)!r} has no times.",
            expected="in the same call the transactions.csv (with block_timestamp) or the "
            "blocks.csv of the same blocks",
            hint="unrinse ingest ethereum_etl token_transfers.csv transactions.csv --out STORE",
        )
    if blocks is None:
        blocks = pl.DataFrame(schema={"block_number": pl.Int64, "block_time": TIME})
    known = blocks.group_by("block_number").agg(
        pl.col("block_time").first().alias("_elsewhere"),
        (pl.col("block_time").n_unique() > 1).alias("block_disputed"),
    )
    own = pl.col("_moment").struct.field("block_time")
    joined = rows.join(known, on="block_number", how="left", maintain_order="left")
    return joined.with_columns(
        pl.coalesce(own, "_elsewhere").alias("block_time"),
        pl.col("_moment").struct.field("unreadable").alias("stamp_unreadable"),
        # A row that has its own time is believed; the dispute is about rows that have none.
        (pl.col("block_disputed") & own.is_null()).fill_null(False).alias("block_disputed"),
    ).drop("_moment", "_elsewhere")


def with_receipt(rows: pl.DataFrame, source: Source, context: Context) -> pl.DataFrame:
    """Tell transactions what became of them; empty text where no receipt says."""
    own = source.frame.select(
        ROW,
        source.text("receipt_status").alias("receipt"),
        source.text("receipt_gas_used").alias("gas_used"),
        source.text("receipt_effective_gas_price").alias("paid_price"),
        source.text("receipt_contract_address").alias("created"),
    )
    rows = rows.join(own, on=ROW, how="left", maintain_order="left")
    receipts = context.beside.get("receipts")
    if receipts is None:
        return rows
    receipts = _undisputed(receipts, "tx_id")
    joined = rows.join(receipts, on="tx_id", how="left", suffix="_beside", maintain_order="left")
    filled = [
        pl.when(pl.col(c) != "").then(c).otherwise(pl.col(f"{c}_beside").fill_null("")).alias(c)
        for c in _RECEIPT
    ]
    return joined.with_columns(filled).drop(f"{c}_beside" for c in _RECEIPT)


def with_transaction(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Tell events who sent their transaction, what it called and where in the block it stood."""
    known = context.beside.get("transactions")
    if known is None:
        return rows
    known = _undisputed(known, "tx_id")
    return rows.join(known, on="tx_id", how="left", maintain_order="left")


def _times(source: Source) -> pl.DataFrame:
    rows = source.frame.select(
        source.text("block_number").cast(pl.Int64, strict=False).alias("block_number"),
        moments(source, "block_timestamp").struct.field("block_time"),
    )
    return rows.drop_nulls().unique()


def _parties(source: Source, chain: str, tx: str) -> pl.DataFrame:
    rows = source.frame.select(
        source.text(tx).str.to_lowercase().alias("tx_id"),
        _address(source, chain, "from_address").alias("sender"),
        _address(source, chain, "to_address").alias("receiver"),
    )
    sides = [rows.select("tx_id", party=side) for side in ("sender", "receiver")]
    return pl.concat(sides).drop_nulls().unique()


def _address(source: Source, chain: str, name: str) -> pl.Expr:
    return pl.lit(canonical_addresses(chain, column(source, name)))


def _undisputed(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Keep what is said once, however often; what is said differently is not known."""
    once = rows.unique()
    return once.filter(pl.col(key).is_unique())
