"""Etherscan v2 `tokentx`: an account's token events, as JSON. It has no log index, as in life."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.simulation.exports.account_view import Account, events_of
from data.simulation.exports.etherscan_txlist import block_hash
from data.simulation.exports.files import Row, seconds, text, write_json
from data.simulation.exports.tokens import with_names

FAMILY = "evm"


def write(account: Account, transfers: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the answer."""
    rows = [_row(e) for e in with_names(events_of(account, transfers)).to_dicts()]
    answer = {"status": "1", "message": "OK", "result": rows}
    if not rows:
        answer = {"status": "0", "message": "No transactions found", "result": []}
    return [write_json(folder / f"tokentx_{account.address}.json", answer)]


def _row(e: Row) -> Row:
    return {
        "blockNumber": text(e["block_number"]),
        "timeStamp": seconds(e["block_time"]),
        "hash": e["tx_id"],
        "nonce": "0",
        "blockHash": block_hash(e["block_number"]),
        "from": e["sender"],
        "contractAddress": e["asset"],
        "to": e["receiver"],
        "value": e["amount_raw"],
        "tokenName": e["token_name"],
        "tokenSymbol": e["symbol"],
        "tokenDecimal": str(e["decimals"]),
        "transactionIndex": text(e["tx_index"]),
        "gas": "130000",
        "gasPrice": "0",
        "gasUsed": "65000",
        "cumulativeGasUsed": "65000",
        "input": "deprecated",
        "methodId": e["method"] or "0x",
        "functionName": "",
        "confirmations": "1000",
    }
