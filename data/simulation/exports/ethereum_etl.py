"""ethereum-etl: the four tables of a dump, reduced to the transactions an account takes part in."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.simulation.exports.account_view import EVENT_KINDS, Account, rows_of, transactions
from data.simulation.exports.etherscan_txlist import block_hash
from data.simulation.exports.files import Row, seconds, text, write_csv

FAMILY = "evm"

TRANSACTIONS = (
    "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,"
    "gas_price,input,block_timestamp,max_fee_per_gas,max_priority_fee_per_gas,transaction_type"
).split(",")
TOKEN_TRANSFERS = (
    "token_address,from_address,to_address,value,transaction_hash,log_index,block_number"
).split(",")
BLOCKS = "number,hash,parent_hash,timestamp,transaction_count".split(",")
RECEIPTS = (
    "transaction_hash,transaction_index,block_hash,block_number,cumulative_gas_used,gas_used,"
    "contract_address,root,status,effective_gas_price"
).split(",")


def write(account: Account, transfers: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the four tables."""
    rows = rows_of(account, transfers)
    sent = transactions(rows).to_dicts()
    happened = pl.col("screened").is_null() | (pl.col("screened") != "failed")
    events = rows.filter(pl.col("kind").is_in(EVENT_KINDS) & happened).to_dicts()
    blocks = {t["block_number"]: t for t in sent}
    tables = (
        ("transactions", TRANSACTIONS, [_transaction(t) for t in sent]),
        ("token_transfers", TOKEN_TRANSFERS, [_event(e) for e in events]),
        ("receipts", RECEIPTS, [_receipt(t) for t in sent]),
        ("blocks", BLOCKS, [_block(t) for t in blocks.values()]),
    )
    return [write_csv(folder / f"{n}_{account.address}.csv", c, r) for n, c, r in tables]


def _transaction(t: Row) -> Row:
    return {
        "hash": t["tx_id"],
        "nonce": t["nonce"],
        "block_hash": block_hash(t["block_number"]),
        "block_number": text(t["block_number"]),
        "transaction_index": text(t["tx_index"]),
        "from_address": t["sender"],
        "to_address": text(t["to"]),
        "value": t["value"],
        "gas": t["gas_used"] * 2,
        "gas_price": t["gas_price"],
        "input": t["input"],
        "block_timestamp": seconds(t["block_time"]),
        "transaction_type": "0",
    }


def _event(e: Row) -> Row:
    return {
        "token_address": e["asset"],
        "from_address": e["sender"],
        "to_address": e["receiver"],
        "value": e["amount_raw"],
        "transaction_hash": e["tx_id"],
        "log_index": e["log_index"],
        "block_number": text(e["block_number"]),
    }


def _receipt(t: Row) -> Row:
    return {
        "transaction_hash": t["tx_id"],
        "transaction_index": text(t["tx_index"]),
        "block_hash": block_hash(t["block_number"]),
        "block_number": text(t["block_number"]),
        "cumulative_gas_used": t["gas_used"],
        "gas_used": t["gas_used"],
        "status": "0" if t["failed"] else "1",
        "effective_gas_price": t["gas_price"],
    }


def _block(t: Row) -> Row:
    return {
        "number": t["block_number"],
        "hash": block_hash(t["block_number"]),
        "parent_hash": block_hash(t["block_number"] - 1),
        "timestamp": seconds(t["block_time"]),
        "transaction_count": "1",
    }
