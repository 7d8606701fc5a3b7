"""Etherscan v2 `txlist`: an account's plain transactions, as JSON or the same columns as CSV.

Every transaction makes up to three rows: the native value it moved, the fee its sender paid, and
the token payment its calldata asks for, when it calls a token contract itself. Incoming tokens and
internal transfers are not in this export, so it covers the legs ``native_in``, ``native_out`` and
``token_out`` only.

A call that moves no native value has no value row: its fee row carries who called what. A failed
transaction moved nothing but its fee. A contract creation pays the contract it created.
"""

from __future__ import annotations

import polars as pl

from data.coverage import nonces_have_gaps
from data.importers import calldata
from data.importers.amounts import base_units, product
from data.importers.importer import (
    FEE_RECEIVER,
    Context,
    Imported,
    Importer,
    canonical_columns,
    chain_of,
    faults_of,
    made,
    one_account,
)
from data.importers.source import Source, set_aside
from data.importers.text import ROW
from data.importers.times import from_number

LEGS = ("native_in", "native_out", "token_out")

_TX_ID = r"^0x[0-9a-f]{64}$"


class EtherscanTxlist(Importer):
    """Plain transactions of one account."""

    name = "etherscan_txlist"
    description = "Etherscan v2 API txlist, JSON or CSV, value in wei"
    columns = (("hash", "timeStamp", "blockNumber", "from", "to", "value", "input", "isError"),)
    forbidden = ("tokenSymbol", "tokenID")
    call = "txlist"

    def read(self, source: Source, context: Context) -> Imported:
        """Read native values, fees and outgoing token payments."""
        self.require(source)
        chain = chain_of(context, "ethereum", "evm")
        rows, unreadable = set_aside(_columns(source, chain), _FAULTS)
        rows, misaddressed = canonical_columns(
            rows, chain, ["sender", "receiver"], ["tx_to", "created"]
        )
        transfers = pl.concat([_native(rows), _fees(rows), _tokens(rows)])
        coverage, account = one_account(
            source,
            context,
            transfers,
            rows.select("sender", "receiver"),
            chain=chain,
            name=self.name,
            legs=LEGS,
            missing=lambda own: nonces_have_gaps(rows.filter(sender=own)["nonce"]),
        )
        return Imported(
            transfers.with_columns(account=pl.lit(account, dtype=pl.String)),
            coverage,
            faults_of(source, unreadable, misaddressed),
            source.rows,
        )


_FAULTS = [
    ("the transaction hash is not one", ~pl.col("tx_id").str.contains(_TX_ID)),
    ("timeStamp is not a moment in seconds", pl.col("block_time").is_null()),
    ("value is not a whole number of wei", pl.col("value").is_null()),
    (
        "gasUsed or gasPrice is not a whole number",
        pl.col("fee").is_null() & pl.col("fee_stated"),
    ),
    ("isError is neither 0 nor 1", ~pl.col("error").is_in(["0", "1", ""])),
]


def _columns(source: Source, chain: str) -> pl.DataFrame:
    """Name, convert and derive what the three kinds of row need, one row per transaction."""
    text = source.text
    rows = source.frame.select(
        ROW,
        pl.lit(chain).alias("chain"),
        text("hash").str.to_lowercase().alias("tx_id"),
        text("blockNumber").cast(pl.Int64, strict=False).alias("block_number"),
        text("transactionIndex").cast(pl.Int32, strict=False).alias("tx_index"),
        text("nonce").cast(pl.Int64, strict=False).alias("nonce"),
        text("from").alias("sender"),
        text("to").alias("tx_to"),
        text("contractAddress").alias("created"),
        text("isError").alias("error"),
        text("txreceipt_status").alias("receipt"),
        text("input").alias("input"),
        text("value").alias("value"),
        text("timeStamp").alias("block_time"),
        text("gasUsed").alias("gas_used"),
        text("gasPrice").alias("gas_price"),
    )
    return rows.with_columns(
        from_number(rows["block_time"], "s").alias("block_time"),
        base_units(rows["value"]).alias("value"),
        product(rows["gas_used"], rows["gas_price"]).alias("fee"),
        calldata.selector(rows["input"]).alias("method"),
        receiver=pl.when(pl.col("tx_to") != "").then("tx_to").otherwise("created"),
        fee_stated=(pl.col("gas_used") != "") | (pl.col("gas_price") != ""),
        status=pl.when((pl.col("error") == "1") | (pl.col("receipt") == "0")).then(
            pl.lit("failed")
        ),
        initiator=pl.col("sender"),
        exact=pl.lit(True),
    )


def _native(rows: pl.DataFrame) -> pl.DataFrame:
    """Make the native value rows; a mere call has none unless nothing else would stand for it."""
    moved = (pl.col("value") != "0") | pl.col("method").is_null() | pl.col("fee").is_null()
    return made(
        rows.filter(moved).with_columns(
            pl.lit("native").alias("kind"),
            pl.lit("native").alias("asset"),
            pl.lit(-1).alias("log_index"),
            pl.col("value").alias("amount_raw"),
            pl.col("sender").alias("initiator"),
        )
    )


def _fees(rows: pl.DataFrame) -> pl.DataFrame:
    """Make the fee rows; a failed transaction pays its fee all the same."""
    return made(
        rows.filter(pl.col("fee").is_not_null()).with_columns(
            pl.lit("fee").alias("kind"),
            pl.lit("native").alias("asset"),
            pl.lit(-2).alias("log_index"),
            pl.lit(FEE_RECEIVER).alias("receiver"),
            pl.col("fee").alias("amount_raw"),
            pl.col("sender").alias("initiator"),
            pl.lit(None, dtype=pl.String).alias("status"),
        )
    )


def _tokens(rows: pl.DataFrame) -> pl.DataFrame:
    """Make the token rows that the calldata asks for."""
    calls = rows.filter(
        pl.col("method").is_in([calldata.TRANSFER, calldata.TRANSFER_FROM])
        & pl.col("tx_to").is_not_null()
    )
    decoded = calldata.decode(calls["input"])
    return made(
        calls.drop("receiver")
        .hstack(decoded)
        .filter(pl.col("amount_raw").is_not_null())
        .with_columns(
            pl.lit("token").alias("kind"),
            pl.col("tx_to").alias("asset"),
            pl.lit(-3).alias("log_index"),
            pl.col("sender").alias("initiator"),
            pl.coalesce("payer", "sender").alias("sender"),
            pl.col("payee").alias("receiver"),
        )
    )
