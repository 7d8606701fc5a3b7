"""The CSV download "Token Transfers (ERC-20)" of an Etherscan account page.

Amounts are decimal numbers with thousands separators, so base units need the token's decimals.
Listed tokens take them from the asset registry. Of an unlisted token the page does not show them:
its amount is then written in 10^-18 units and marked as not exact, which keeps the row visible (it
is screened as unlisted and never valued) and lets an exact copy from `tokentx` replace it.
"""

from __future__ import annotations

import polars as pl

from data.assets import asset_lookup
from data.importers.amounts import scaled_by
from data.importers.etherscan_page import DATE, HASH, POSITION_FAULTS, page_chain, positions
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

LEGS = ("token_in", "token_out")

UNKNOWN_DECIMALS = 18
"""The finest unit in use, so that no shown digit is lost."""


class EtherscanPageErc20(Importer):
    """ERC-20 transfers of one account."""

    name = "etherscan_page_erc20"
    description = "CSV download 'Token Transfers (ERC-20)' of an Etherscan-like account page"
    columns = tuple(
        (h, d, "Blockno", "From", "To", v, "ContractAddress", "TokenSymbol")
        for h in HASH
        for d in DATE
        for v in ("TokenValue", "Quantity")
    )
    forbidden = ("TokenId", "Token ID", "ParentTxFrom")

    def read(self, source: Source, context: Context) -> Imported:
        """Read token transfers."""
        self.require(source)
        chain = page_chain(source, context)
        rows, unreadable = set_aside(_columns(source, chain), POSITION_FAULTS)
        rows, misaddressed = canonical_columns(rows, chain, ["sender", "receiver", "asset"])
        rows, inexact = set_aside(_with_amounts(rows), _AMOUNT_FAULTS)
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
            faults_of(source, unreadable, misaddressed, inexact),
            source.rows,
        )


_AMOUNT_FAULTS = [("TokenValue is not an exact amount", pl.col("amount_raw").is_null())]


def _columns(source: Source, chain: str) -> pl.DataFrame:
    text = source.text
    return positions(source, chain).hstack(
        source.frame.select(
            text("From").alias("sender"),
            text("To").alias("receiver"),
            text("ContractAddress").alias("asset"),
            text("TokenValue", "Quantity").alias("shown"),
            text("TokenSymbol").alias("token_symbol"),
            pl.lit("token").alias("kind"),
        )
    )


def _with_amounts(rows: pl.DataFrame) -> pl.DataFrame:
    """Bring shown amounts into base units by the registry's decimals."""
    known = rows.select("chain", "asset").join(
        asset_lookup().select("chain", "asset", "decimals"),
        on=["chain", "asset"],
        how="left",
        maintain_order="left",
    )["decimals"]
    decimals = known.fill_null(UNKNOWN_DECIMALS)
    return rows.with_columns(
        scaled_by(rows["shown"], decimals, grouped=True).alias("amount_raw"),
        known.is_not_null().alias("exact"),
    )
