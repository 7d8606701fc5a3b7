"""The CSV download "Transactions" of an Etherscan account page: native transfers and fees.

Every transaction makes a value row, if it moved coins, and a fee row. The page shows no calldata,
so tokens it paid are not visible (export "Token Transfers (ERC-20)" as well), and the fee is
rounded for display: an exact copy from the API replaces it.
"""

from __future__ import annotations

import polars as pl

from data.importers.amounts import scaled
from data.importers.etherscan_page import (
    DATE,
    HASH,
    NATIVE_DECIMALS,
    POSITION_FAULTS,
    own_side,
    page_chain,
    positions,
    unit_of,
    value_column,
)
from data.importers.importer import (
    FEE_RECEIVER,
    Context,
    Imported,
    Importer,
    canonical_columns,
    faults_of,
    made,
    one_account,
)
from data.importers.source import Source, set_aside

LEGS = ("native_in", "native_out")


class EtherscanPageNormal(Importer):
    """Native transfers of one account."""

    name = "etherscan_page_normal"
    description = "CSV download 'Transactions' of an Etherscan-like account page"
    columns = tuple(
        (h, d, "Blockno", "From", "To", "Status", "ErrCode") for h in HASH for d in DATE
    )
    forbidden = ("ParentTxFrom", "TokenSymbol", "TokenId", "Token ID")

    def recognises(self, source: Source) -> bool:
        """Recognise the columns, one of which carries the coin's name."""
        return super().recognises(source) and unit_of(source) is not None

    def read(self, source: Source, context: Context) -> Imported:
        """Read native values and fees."""
        self.require(source)
        chain = page_chain(source, context)
        rows, unreadable = set_aside(_columns(source, chain), _FAULTS)
        rows, misaddressed = canonical_columns(
            rows, chain, ["sender", "receiver"], ["tx_to", "created"]
        )
        transfers = pl.concat([_native(rows), _fees(rows)])
        coverage, account = one_account(
            source,
            context,
            transfers,
            own_side(rows),
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
    *POSITION_FAULTS,
    (
        "Value_IN or Value_OUT is not an exact amount",
        pl.col("value_in").is_null() | pl.col("value_out").is_null(),
    ),
    (
        "Value_IN and Value_OUT are two different amounts",
        (pl.col("value_in") != "0")
        & (pl.col("value_out") != "0")
        & (pl.col("value_in") != pl.col("value_out")),
    ),
    ("TxnFee is not an exact amount", pl.col("fee").is_null() & (pl.col("fee_text") != "")),
]


def _columns(source: Source, chain: str) -> pl.DataFrame:
    text = source.text
    rows = positions(source, chain).hstack(
        source.frame.select(
            text("From").alias("sender"),
            text("To").alias("tx_to"),
            text("ContractAddress").alias("created"),
            value_column(source, "Value_IN").alias("value_in"),
            value_column(source, "Value_OUT").alias("value_out"),
            value_column(source, "TxnFee").alias("fee_text"),
            text("Status").alias("shown_status"),
            text("ErrCode").alias("error"),
        )
    )
    value_in, value_out, fee = (
        scaled(rows[c], NATIVE_DECIMALS, grouped=True)
        for c in ("value_in", "value_out", "fee_text")
    )
    failed = pl.col("shown_status").str.starts_with("Error") | (pl.col("error") != "")
    return rows.with_columns(
        value_in.alias("value_in"),
        value_out.alias("value_out"),
        fee.alias("fee"),
        receiver=pl.when(pl.col("tx_to") != "").then("tx_to").otherwise("created"),
        status=pl.when(failed).then(pl.lit("failed")),
    )


def _native(rows: pl.DataFrame) -> pl.DataFrame:
    """Make the value rows; a call that moved nothing has none when its fee stands for it."""
    amount = pl.when(pl.col("value_in") != "0").then("value_in").otherwise("value_out")
    return made(
        rows.with_columns(amount.alias("amount_raw"))
        .filter((pl.col("amount_raw") != "0") | pl.col("fee").is_null())
        .with_columns(
            pl.lit("native").alias("kind"),
            pl.lit("native").alias("asset"),
            pl.lit(-1).alias("log_index"),
            pl.col("sender").alias("initiator"),
            pl.lit(True).alias("exact"),
        )
    )


def _fees(rows: pl.DataFrame) -> pl.DataFrame:
    return made(
        rows.filter(pl.col("fee").is_not_null()).with_columns(
            pl.lit("fee").alias("kind"),
            pl.lit("native").alias("asset"),
            pl.lit(-2).alias("log_index"),
            pl.lit(FEE_RECEIVER).alias("receiver"),
            pl.col("fee").alias("amount_raw"),
            pl.col("sender").alias("initiator"),
            pl.lit(None, dtype=pl.String).alias("status"),
            pl.lit(False).alias("exact"),
        )
    )
