"""Etherscan v2 `tokentx`: an account's ERC-20 transfers, in and out, as JSON or CSV.

The samples have no log index, so two equal payments in one transaction look like one row twice:
both are kept, and numbered only when all files have been read (`data/deduplication.py`). Token
names, symbols and decimals are what the contract claims; only its address is believed.
"""

from __future__ import annotations

import polars as pl

from data.importers import calldata
from data.importers.amounts import base_units
from data.importers.importer import (
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

LEGS = ("token_in", "token_out")

_TX_ID = r"^0x[0-9a-f]{64}$"


class EtherscanTokentx(Importer):
    """ERC-20 transfers of one account."""

    name = "etherscan_tokentx"
    description = "Etherscan v2 API tokentx, JSON or CSV, value in base units"
    columns = (
        (
            "hash",
            "timeStamp",
            "blockNumber",
            "from",
            "to",
            "value",
            "contractAddress",
            "tokenSymbol",
        ),
    )
    forbidden = ("tokenID", "isError")
    call = "tokentx"

    def read(self, source: Source, context: Context) -> Imported:
        """Read token transfers."""
        self.require(source)
        chain = chain_of(context, "ethereum", "evm")
        rows, unreadable = set_aside(_columns(source, chain), _FAULTS)
        rows, misaddressed = canonical_columns(rows, chain, ["sender", "receiver", "asset"])
        transfers = made(rows)
        coverage, account = one_account(
            source,
            context,
            transfers,
            rows.select("sender", "receiver"),
            chain=chain,
            name=self.name,
            legs=LEGS,
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
    ("value is not a whole number of base units", pl.col("amount_raw").is_null()),
]


def _columns(source: Source, chain: str) -> pl.DataFrame:
    text = source.text
    rows = source.frame.select(
        ROW,
        pl.lit(chain).alias("chain"),
        text("hash").str.to_lowercase().alias("tx_id"),
        text("blockNumber").cast(pl.Int64, strict=False).alias("block_number"),
        text("transactionIndex").cast(pl.Int32, strict=False).alias("tx_index"),
        text("logIndex").cast(pl.Int32, strict=False).alias("log_index"),
        text("from").alias("sender"),
        text("to").alias("receiver"),
        text("contractAddress").alias("asset"),
        text("tokenSymbol").alias("token_symbol"),
        text("value").alias("amount_raw"),
        text("timeStamp").alias("block_time"),
        text("methodId").alias("method_id"),
        text("input").alias("input"),
    )
    return rows.with_columns(
        from_number(rows["block_time"], "s").alias("block_time"),
        base_units(rows["amount_raw"]).alias("amount_raw"),
        pl.coalesce(calldata.selector(rows["method_id"]), calldata.selector(rows["input"])).alias(
            "method"
        ),
        kind=pl.lit("token"),
        exact=pl.lit(True),
    )
