"""Tronscan: TRC-20 rows of its API saved as a table, and the two CSV downloads of its pages.

| variant | told by | amounts |
|---|---|---|
| rows | ``quant``, ``token_id``, ``contract_return`` | base units, times in milliseconds |
| page, current | ``tokenAddress``, ``isConfirm`` | decimal, times in UTC |
| page, older | ``Txn Hash``, ``Time(UTC)``, ``Amount/TokenID`` or ``Amount`` | the same |

The rows carry a ``wallet`` column where several accounts stand in one file. The header of such
files is known to occur with the line of column numbers glued to it, which `text` undoes.
Decimal amounts need the token's decimals, which only the asset registry may say; an unlisted
token's amount is written in 10^-18 units and marked as not exact. A page that names a token
without its contract does not say which token it is, and the row is quarantined.
"""

from __future__ import annotations

import polars as pl

from data.assets import asset_lookup
from data.coverage import coverage_rows, is_page
from data.importers.amounts import base_units, scaled_by
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
from data.importers.times import from_number, from_text

LEGS = ("token_in", "token_out")

UNKNOWN_DECIMALS = 18

_TX_ID = r"^[0-9a-f]{64}$"
_AMOUNTS = ("Amount/TokenID", "Amount")


class Tronscan(Importer):
    """TRC-20 transfers of one or several Tron accounts."""

    name = "tronscan"
    description = "Tronscan TRC-20 rows (quant, token_id) or the CSV download of its page"
    columns = (
        (
            "timestamp",
            "tx_id",
            "from_address",
            "to_address",
            "quant",
            "token_id",
            "contract_return",
        ),
        ("Tx Hash", "blockTime(UTC)", "from", "to", "value", "tokenAddress", "isConfirm"),
        *(("Txn Hash", "Time(UTC)", "From", "To", "Token", a, "Result") for a in _AMOUNTS),
    )

    def read(self, source: Source, context: Context) -> Imported:
        """Read token transfers."""
        self.require(source)
        chain = chain_of(context, "tron", "tron")
        columns = _api_rows if source.has("quant") else _page_rows
        rows, unreadable = set_aside(columns(source, chain), _FAULTS)
        rows, misaddressed = canonical_columns(
            rows, chain, ["sender", "receiver", "asset"], ["account"]
        )
        transfers = made(rows)
        faults = faults_of(source, unreadable, misaddressed)
        if source.has("wallet"):
            coverage = _coverage_by_wallet(transfers, context)
            return Imported(transfers, coverage, faults, source.rows)
        coverage, account = one_account(
            source,
            context,
            transfers,
            rows.select("sender", "receiver"),
            chain=chain,
            name=self.name,
            legs=LEGS,
        )
        transfers = transfers.with_columns(account=pl.lit(account, dtype=pl.String))
        return Imported(transfers, coverage, faults, source.rows)


_FAULTS = [
    ("the transaction id is not one", ~pl.col("tx_id").str.contains(_TX_ID)),
    ("no moment can be read", pl.col("block_time").is_null()),
    ("the amount is not exact", pl.col("amount_raw").is_null()),
    ("the result of the call is not shown", pl.col("result") == ""),
]


def _api_rows(source: Source, chain: str) -> pl.DataFrame:
    """Read the rows variant."""
    text = source.text
    succeeded = text("contract_return").str.to_uppercase() == "SUCCESS"
    if source.has("result"):
        succeeded = succeeded & text("result").str.to_uppercase().is_in(["SUCCESS", ""])
    rows = source.frame.select(
        ROW,
        pl.lit(chain).alias("chain"),
        text("tx_id").str.to_lowercase().alias("tx_id"),
        text("from_address").alias("sender"),
        text("to_address").alias("receiver"),
        text("token_id").alias("asset"),
        text("token_abbr").alias("token_symbol"),
        text("token_type").alias("token_type"),
        text("wallet").alias("account"),
        text("quant").alias("amount_raw"),
        text("timestamp").alias("block_time"),
        text("contract_return").alias("result"),
        pl.when(~succeeded).then(pl.lit("failed")).alias("status"),
        _yes(source, "confirmed").alias("confirmed"),
        pl.lit("token").alias("kind"),
        pl.lit(True).alias("exact"),
    )
    return rows.with_columns(
        from_number(rows["block_time"], "ms").alias("block_time"),
        base_units(rows["amount_raw"]).alias("amount_raw"),
    )


def _page_rows(source: Source, chain: str) -> pl.DataFrame:
    """Read either page download."""
    text = source.text
    result = text("Result").str.to_uppercase() if source.has("Result") else pl.lit("SUCCESS")
    confirmed = _yes(source, "isConfirm", "Status")
    rows = source.frame.select(
        ROW,
        pl.lit(chain).alias("chain"),
        text("Txn Hash", "Tx Hash").str.to_lowercase().alias("tx_id"),
        text("Block", "blockHeight").cast(pl.Int64, strict=False).alias("block_number"),
        text("From").alias("sender"),
        text("To").alias("receiver"),
        text("Token", "tokenAddress").alias("asset"),
        text("Token Symbol", "symbol").alias("token_symbol"),
        text(*_AMOUNTS, "value").alias("shown"),
        text("Time(UTC)", "blockTime(UTC)").alias("shown_time"),
        result.alias("result"),
        pl.when(result != "SUCCESS").then(pl.lit("failed")).alias("status"),
        confirmed.alias("confirmed"),
        pl.lit("").alias("account"),
        pl.lit("token").alias("kind"),
    )
    decimals = rows.select("chain", "asset").join(
        asset_lookup().select("chain", "asset", "decimals"),
        on=["chain", "asset"],
        how="left",
        maintain_order="left",
    )["decimals"]
    return rows.with_columns(
        from_text(rows["shown_time"]).alias("block_time"),
        scaled_by(rows["shown"], decimals.fill_null(UNKNOWN_DECIMALS), grouped=True).alias(
            "amount_raw"
        ),
        decimals.is_not_null().alias("exact"),
    )


def _yes(source: Source, *names: str) -> pl.Expr:
    """Read a column that says whether a row is final; null where it says nothing known."""
    words = source.text(*names).str.to_lowercase()
    return (
        pl.when(words.is_in(["true", "1", "yes", "confirmed"]))
        .then(True)
        .when(words.is_in(["false", "0", "no", "unconfirmed"]))
        .then(False)
    )


def _coverage_by_wallet(transfers: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Cover every wallet of a file that holds several exports."""
    accounts = (
        transfers.filter(pl.col("account").is_not_null())
        .group_by("chain", pl.col("account").alias("address"))
        .agg(
            pl.col("block_time").min().alias("first"),
            pl.col("block_time").max().alias("last"),
            pl.len().alias("rows"),
        )
        .sort("chain", "address")
    )
    complete = [not is_page(rows) for rows in accounts["rows"].to_list()]
    accounts = accounts.with_columns(pl.Series("complete", complete, dtype=pl.Boolean))
    return coverage_rows(accounts, legs=LEGS, source=Tronscan.name, fetched=context.fetched)
