"""Tronscan: the rows of its API saved as a table, and the download of its page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from data.simulation.exports.account_view import EVENT_KINDS, Account, events_of, rows_of
from data.simulation.exports.files import Row, coins, milliseconds, shown, text, write_csv
from data.simulation.exports.tokens import with_names

FAMILY = "tron"

ROWS = (
    "wallet,timestamp,tx_id,risk_tx,status,from_address,from_tag,to_address,to_tag,quant,token_id,"
    "token_abbr,token_name,token_decimal,token_type,token_level,contract_return,result"
).split(",")
PAGE = (
    "Tx Hash,blockHeight,blockTime(UTC+8),blockTime(UTC),from,to,value,symbol,tokenAddress,"
    "isConfirm"
).split(",")


def write(account: Account, transfers: pl.DataFrame, folder: Path) -> list[Path]:
    """Write both tables; the rows alone also list what was reverted."""
    mine = (pl.col("sender") == account.address) | (pl.col("receiver") == account.address)
    tokens = rows_of(account, transfers).filter(pl.col("kind").is_in(EVENT_KINDS) & mine)
    listed = [_row(t, account) for t in with_names(tokens).to_dicts()]
    happened = [_page(e) for e in with_names(events_of(account, transfers)).to_dicts()]
    return [
        write_csv(folder / f"rows_{account.address}.csv", ROWS, listed),
        write_csv(folder / f"page_{account.address}.csv", PAGE, happened),
    ]


def _row(t: Row, account: Account) -> Row:
    result = "REVERT" if t["screened"] == "failed" else "SUCCESS"
    return {
        "wallet": account.address,
        "timestamp": milliseconds(t["block_time"]),
        "tx_id": t["tx_id"],
        "risk_tx": "False",
        "status": "0",
        "from_address": t["sender"],
        "to_address": t["receiver"],
        "quant": t["amount_raw"],
        "token_id": t["asset"],
        "token_abbr": t["symbol"],
        "token_name": t["token_name"],
        "token_decimal": t["decimals"],
        "token_type": "trc20",
        "token_level": "2",
        "contract_return": result,
        "result": result,
    }


def _page(e: Row) -> Row:
    return {
        "Tx Hash": e["tx_id"],
        "blockHeight": text(e["block_number"]),
        "blockTime(UTC+8)": shown(e["block_time"] + timedelta(hours=8)),
        "blockTime(UTC)": shown(e["block_time"]),
        "from": e["sender"],
        "to": e["receiver"],
        "value": coins(e["amount_raw"], e["decimals"]),
        "symbol": e["symbol"],
        "tokenAddress": e["asset"],
        "isConfirm": "true",
    }
