"""ethereum-etl: the tables of a block range, as CSV or as the Parquet of the public data sets.

| file | told by | gives |
|---|---|---|
| transactions.csv | ``hash``, ``from_address``, ``input`` | native values; times for the others |
| token_transfers.csv | ``token_address``, ``log_index`` | token transfers, from their events |
| blocks.csv | ``number``, ``timestamp`` | times only |
| receipts.csv | ``transaction_hash``, ``gas_used`` | what failed, and the fees |

They belong into one ``ingest`` call, because they know things of each other. token_transfers.csv
has no time, so it needs transactions.csv or blocks.csv; a row whose block has no time is
quarantined. transactions.csv does not say what failed: without receipts.csv (or the column
``receipt_status``) a reverted payment counts as made, and there are no fees. Tokens are read
from their events alone, never from calldata, which would show what was asked for, not what was
done. Internal transfers are in none of these files. ``value`` of an NFT is its token id; its
contract is not listed, so it is screened.

A dump is nobody's export, so it covers an address only where the user names one, by ``--account``
or in the file's name. If every row concerns that address, the file is the answer to a query for it
and counts as whole like any account's export (a gap in its nonces disproves that). If not, it is a
range of blocks: covered is the time between its first and last row, and what came before is not
known, so the coverage is marked as possibly truncated. To score many addresses of a dump that
reaches back to their beginnings, say so with ``--assume-complete``.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from data.addresses import canonical_addresses
from data.coverage import address_in_name, coverage_rows, is_page, nonces_have_gaps
from data.errors import Refused
from data.importers import calldata
from data.importers.amounts import base_units, product
from data.importers.ethereum_etl_beside import (
    RECEIPT_FAULTS,
    TX_ID,
    block_rows,
    column,
    facts_of,
    moments,
    receipt_rows,
    with_block_time,
    with_receipt,
    with_transaction,
)
from data.importers.importer import (
    FEE_RECEIVER,
    Context,
    Imported,
    Importer,
    canonical_columns,
    chain_of,
    declared_account,
    faults_of,
    made,
)
from data.importers.source import Source, set_aside
from data.importers.text import ROW
from data.schema import COVERAGE, empty

TRANSACTIONS = ("hash", "nonce", "block_number", "from_address", "to_address", "value", "input")
TOKEN_TRANSFERS = (
    "token_address",
    "from_address",
    "to_address",
    "value",
    "transaction_hash",
    "log_index",
    "block_number",
)
BLOCKS = ("number", "timestamp")
RECEIPTS = ("transaction_hash", "gas_used", "status")

NATIVE_LEGS = ("native_in", "native_out")
TOKEN_LEGS = ("token_in", "token_out")

_MONEY = ("value", "amount", "from", "to", "from_address", "to_address")


class EthereumEtl(Importer):
    """Native and token transfers of a block range."""

    name = "ethereum_etl"
    description = (
        "ethereum-etl transactions.csv, token_transfers.csv, blocks.csv, receipts.csv, together"
    )
    columns = (TRANSACTIONS, TOKEN_TRANSFERS, BLOCKS, RECEIPTS)

    def recognises(self, source: Source) -> bool:
        """Recognise one of the four tables; a table of payments is never a list of blocks."""
        if source.has(*TRANSACTIONS) or source.has(*TOKEN_TRANSFERS):
            return True
        paid = any(source.has(c) for c in _MONEY)
        return (source.has(*BLOCKS) or source.has(*RECEIPTS)) and not paid

    def facts(self, source: Source, context: Context) -> dict[str, pl.DataFrame]:
        """Return what this table tells the others."""
        self.require(source)
        return facts_of(source, chain_of(context, "ethereum", "evm"))

    def read(self, source: Source, context: Context) -> Imported:
        """Read native values and fees, or token transfers; the other tables have none."""
        self.require(source)
        chain = chain_of(context, "ethereum", "evm")
        if source.has(*TOKEN_TRANSFERS):
            return self._tokens(source, context, chain)
        if source.has(*TRANSACTIONS):
            return self._transactions(source, context, chain)
        if source.has(*RECEIPTS):
            return _aside(source, receipt_rows(source), RECEIPT_FAULTS, "receipt")
        return _aside(source, block_rows(source), _BLOCK_FAULTS, "block")

    def _transactions(self, source: Source, context: Context, chain: str) -> Imported:
        rows = with_block_time(_transaction_columns(source, chain), source, context)
        rows = _with_fee(with_receipt(rows, source, context))
        nothing = (pl.col("tx_to") == "") & (pl.col("receiver") == "") & (pl.col("value") == "0")
        creations = nothing & pl.col("fee").is_null()
        ignored = rows.filter(creations).height
        rows, unreadable = set_aside(rows.filter(~creations.fill_null(False)), _TRANSACTION_FAULTS)
        rows, misaddressed = canonical_columns(
            rows,
            chain,
            ["sender"],
            ["receiver", "tx_to"],  # a creation that only cost its fee
        )
        transfers = pl.concat([_native(rows), _fees(rows)])
        coverage, account = _coverage(source, context, rows, chain, NATIVE_LEGS)
        return Imported(
            transfers.with_columns(account=pl.lit(account, dtype=pl.String)),
            coverage,
            faults_of(source, unreadable, misaddressed),
            source.rows,
            {"contract creation": ignored} if ignored else {},
        )

    def _tokens(self, source: Source, context: Context, chain: str) -> Imported:
        rows = with_block_time(_token_columns(source, chain), source, context)
        rows, unreadable = set_aside(rows, _TOKEN_FAULTS)
        rows, misaddressed = canonical_columns(rows, chain, ["sender", "receiver", "asset"])
        rows = with_transaction(rows, context)
        coverage, account = _coverage(source, context, rows, chain, TOKEN_LEGS)
        return Imported(
            made(rows).with_columns(account=pl.lit(account, dtype=pl.String)),
            coverage,
            faults_of(source, unreadable, misaddressed),
            source.rows,
        )


_POSITION_FAULTS = [
    ("the transaction hash is not one", ~pl.col("tx_id").str.contains(TX_ID)),
    ("block_number is not a whole number", pl.col("block_number").is_null()),
    ("block_timestamp is not a moment in seconds", pl.col("stamp_unreadable")),
    ("its block has two different times", pl.col("block_disputed")),
    ("no file says when its block was", pl.col("block_time").is_null()),
    ("value is not a whole number of base units", pl.col("amount_raw").is_null()),
]
_TOKEN_FAULTS = [
    *_POSITION_FAULTS,
    ("log_index is not a whole number", pl.col("log_index").is_null()),
]
_TRANSACTION_FAULTS = [
    *_POSITION_FAULTS,
    ("receipt status is neither 0 nor 1", ~pl.col("receipt").is_in(["0", "1", ""])),
    (
        "gas used or its price is not a whole number",
        pl.col("fee").is_null() & pl.col("fee_stated"),
    ),
    (
        "the contract it creates is not shown (receipts.csv names it)",
        (pl.col("receiver") == "") & (pl.col("value") != "0"),
    ),
]
_BLOCK_FAULTS = [
    ("number is not a whole number", pl.col("block_number").is_null()),
    ("timestamp is not a moment in seconds", pl.col("block_time").is_null()),
]


def _aside(
    source: Source, rows: pl.DataFrame, faults: list[tuple[str, pl.Expr]], what: str
) -> Imported:
    """Account for the rows of a table without transfers."""
    usable, unreadable = set_aside(rows, faults)
    return Imported(
        made(usable.clear()),
        empty(COVERAGE),
        faults_of(source, unreadable),
        source.rows,
        {what: usable.height} if usable.height else {},
    )


def _transaction_columns(source: Source, chain: str) -> pl.DataFrame:
    text = source.text
    rows = source.frame.select(
        ROW,
        pl.lit(chain).alias("chain"),
        text("hash").str.to_lowercase().alias("tx_id"),
        text("block_number").cast(pl.Int64, strict=False).alias("block_number"),
        text("transaction_index").cast(pl.Int32, strict=False).alias("tx_index"),
        text("nonce").cast(pl.Int64, strict=False).alias("nonce"),
        text("from_address").alias("sender"),
        text("to_address").alias("tx_to"),
        text("value").alias("value"),
        text("gas_price").alias("gas_price"),
        calldata.selector(column(source, "input")).alias("method"),
        moments(source, "block_timestamp"),
    )
    amount = base_units(rows["value"])
    return rows.with_columns(
        amount.alias("value"),
        amount.alias("amount_raw"),
        initiator=pl.col("sender"),
    )


def _with_fee(rows: pl.DataFrame) -> pl.DataFrame:
    """Work out fee, status and receiver from the receipt."""
    price = rows.select(
        pl.when(pl.col("paid_price") != "").then("paid_price").otherwise("gas_price")
    ).to_series()
    return rows.with_columns(
        product(rows["gas_used"], price).alias("fee"),
        fee_stated=pl.col("gas_used") != "",
        status=pl.when(pl.col("receipt") == "0").then(pl.lit("failed")),
        exact=pl.col("receipt") != "",  # an export that knows the outcome is believed before this
        receiver=pl.when(pl.col("tx_to") != "").then("tx_to").otherwise("created"),
    )


def _native(rows: pl.DataFrame) -> pl.DataFrame:
    """Make the value rows; a call that moved nothing has one only where no fee stands for it."""
    moved = (pl.col("value") != "0") | pl.col("fee").is_null()
    return made(
        rows.filter(moved).with_columns(
            pl.lit("native").alias("kind"),
            pl.lit("native").alias("asset"),
            pl.lit(-1).alias("log_index"),
            pl.col("sender").alias("initiator"),
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
        )
    )


def _token_columns(source: Source, chain: str) -> pl.DataFrame:
    text = source.text
    rows = source.frame.select(
        ROW,
        pl.lit(chain).alias("chain"),
        text("transaction_hash").str.to_lowercase().alias("tx_id"),
        text("block_number").cast(pl.Int64, strict=False).alias("block_number"),
        text("log_index").cast(pl.Int32, strict=False).alias("log_index"),
        text("from_address").alias("sender"),
        text("to_address").alias("receiver"),
        text("token_address").alias("asset"),
        text("value").alias("amount_raw"),
        moments(source, "block_timestamp"),
        pl.lit("token").alias("kind"),
        pl.lit(True).alias("exact"),
    )
    return rows.with_columns(base_units(rows["amount_raw"]).alias("amount_raw"))


def _coverage(
    source: Source, context: Context, rows: pl.DataFrame, chain: str, legs: Sequence[str]
) -> tuple[pl.DataFrame, str | None]:
    """Cover the address that the user named, as far as the rows reach.

    Raises
    ------
    Refused
        None of the files of this call knows the account.
    """
    named = declared_account(context, chain) or address_in_name(source.path)
    account = canonical_addresses(chain, pl.Series([named], dtype=pl.String))[0]
    if account is None:
        return empty(COVERAGE), None
    parties = context.beside.get("parties")
    inside = (pl.col("sender") == account) | (pl.col("receiver") == account)
    if parties is not None:
        its = parties.filter(party=account)["tx_id"]
        inside = inside | pl.col("tx_id").is_in(its.implode())
    concerned = rows.select(inside.fill_null(False)).to_series()
    elsewhere = parties is not None and bool((parties["party"] == account).any())
    if context.account and rows.height and not concerned.any() and not elsewhere:
        raise Refused(
            f"The account {account} occurs in no row of {str(source.path)!r}.",
            hint="Check --account, or leave it out: a dump then covers no address by itself.",
        )
    sent = rows.filter(sender=account)
    gaps = "nonce" in rows.columns and nonces_have_gaps(sent["nonce"])
    accounts = pl.DataFrame(
        {
            "chain": [chain],
            "address": [account],
            "first": [rows["block_time"].min()],
            "last": [rows["block_time"].max()],
            "complete": [bool(concerned.all()) and not gaps and not is_page(source.rows)],
        },
        schema_overrides={"first": COVERAGE["from"], "last": COVERAGE["to"]},
    )
    name = EthereumEtl.name
    return coverage_rows(accounts, legs=legs, source=name, fetched=context.fetched), account
