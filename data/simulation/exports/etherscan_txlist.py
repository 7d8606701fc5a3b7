"""Etherscan v2 `txlist`: the transactions an account sent or was sent, as JSON and as CSV.

The answer comes in pages, and a block may be replaced by another of its height while they are read:
a few transactions stand in it twice, the first time with the lost block's hash and another place.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.simulation.exports.account_view import Account, transactions_of
from data.simulation.exports.files import Row, seconds, text, write_csv, write_json

FAMILY = "evm"

COLUMNS = (
    "blockNumber,blockHash,timeStamp,hash,nonce,transactionIndex,from,to,value,gas,gasPrice,input,"
    "methodId,functionName,contractAddress,cumulativeGasUsed,txreceipt_status,gasUsed,"
    "confirmations,isError"
).split(",")


REPLACED = 40
"""One transaction in so many stood in a block that was replaced (assumed; real reorganisations are
rarer, and a file without one would test nothing)."""


def write(account: Account, transfers: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the answer, and the same rows as a script would save them."""
    known = transactions_of(account, transfers).to_dicts()
    rows = [row for t in known for row in (*_lost(t), _row(t))]
    answer = {"status": "1", "message": "OK", "result": rows}
    if not rows:
        answer = {"status": "0", "message": "No transactions found", "result": []}
    name = f"txlist_{account.address}"
    return [
        write_json(folder / f"{name}.json", answer),
        write_csv(folder / f"{name}.csv", COLUMNS, rows),
    ]


def _row(t: Row) -> Row:
    failed, called = t["failed"], t["method"] is not None
    return {
        "blockNumber": text(t["block_number"]),
        "blockHash": block_hash(t["block_number"]),
        "timeStamp": seconds(t["block_time"]),
        "hash": t["tx_id"],
        "nonce": str(t["nonce"]),
        "transactionIndex": text(t["tx_index"]),
        "from": t["sender"],
        "to": text(t["to"]),
        "value": t["value"],
        "gas": str(t["gas_used"] * 2),
        "gasPrice": t["gas_price"],
        "input": t["input"],
        "methodId": t["method"] if called else "0x",
        "functionName": "",
        "contractAddress": "",
        "cumulativeGasUsed": str(t["gas_used"]),
        "txreceipt_status": "0" if failed else "1",
        "gasUsed": str(t["gas_used"]),
        "confirmations": "1000",
        "isError": "1" if failed else "0",
    }


def _lost(t: Row) -> list[Row]:
    """Return the transaction as it stood in a block that was replaced, if it did."""
    if int(t["tx_id"][-6:], 16) % REPLACED or not t["tx_index"]:
        return []
    lost = {"blockHash": block_hash(-t["block_number"]), "confirmations": "1"}
    return [{**_row(t), **lost, "transactionIndex": str(t["tx_index"] - 1)}]


def block_hash(number: int | None) -> str:
    """Return a block's invented hash."""
    return f"0x{(number or 0) * 0x9E3779B97F4A7C15 % 2**256:064x}"
