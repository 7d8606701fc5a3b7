"""The CSV download "Internal Transactions" of an Etherscan account page: coins moved by contracts.

Each row is a transfer inside the transaction that the ``ParentTx…`` columns describe: the parent's
sender is the initiator, its receiver the contract that was called. Rows have one empty field more
than the header.
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
    Context,
    Imported,
    Importer,
    canonical_columns,
    faults_of,
    made,
    one_account,
)
from data.importers.source import Source, set_aside

LEGS = ("internal_in", "internal_out")


class EtherscanPageInternal(Importer):
    """Internal transfers of one account."""

    name = "etherscan_page_internal"
    description = "CSV download 'Internal Transactions' of an Etherscan-like account page"
    columns = tuple(
        (h, d, "Blockno", "ParentTxFrom", "ParentTxTo", "From", "TxTo") for h in HASH for d in DATE
    )

    def recognises(self, source: Source) -> bool:
        """Recognise the columns, one of which carries the coin's name."""
        return super().recognises(source) and unit_of(source) is not None

    def read(self, source: Source, context: Context) -> Imported:
        """Read internal transfers."""
        self.require(source)
        chain = page_chain(source, context)
        rows, unreadable = set_aside(_columns(source, chain), _FAULTS)
        rows, misaddressed = canonical_columns(
            rows, chain, ["sender", "receiver"], ["initiator", "tx_to"]
        )
        transfers = made(rows)
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
]


def _columns(source: Source, chain: str) -> pl.DataFrame:
    text = source.text
    rows = positions(source, chain).hstack(
        source.frame.select(
            text("From").alias("sender"),
            text("TxTo").alias("called"),
            text("ContractAddress").alias("created"),
            text("ParentTxFrom").alias("initiator"),
            text("ParentTxTo").alias("tx_to"),
            value_column(source, "Value_IN").alias("value_in"),
            value_column(source, "Value_OUT").alias("value_out"),
            text("Status").alias("shown_status"),
            text("ErrCode").alias("error"),
        )
    )
    value_in, value_out = (
        scaled(rows[c], NATIVE_DECIMALS, grouped=True) for c in ("value_in", "value_out")
    )
    failed = ~pl.col("shown_status").is_in(["0", ""]) | (pl.col("error") != "")
    return rows.with_columns(
        value_in.alias("value_in"),
        value_out.alias("value_out"),
        pl.when(value_in != "0").then(value_in).otherwise(value_out).alias("amount_raw"),
        receiver=pl.when(pl.col("called") != "").then("called").otherwise("created"),
        status=pl.when(failed).then(pl.lit("failed")),
        kind=pl.lit("internal"),
        asset=pl.lit("native"),
        exact=pl.lit(True),
    )
