"""TronGrid v1 `/accounts/{address}/transactions/trc20`: token events, amounts in base units."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from data.simulation.exports.account_view import Account, events_of
from data.simulation.exports.files import Row, milliseconds, write_json
from data.simulation.exports.tokens import with_names

FAMILY = "tron"

ANSWERED_AFTER = timedelta(hours=1)
"""The answer comes when every transfer of the world has long been final."""


def write(account: Account, transfers: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the answer, all pages joined."""
    events = with_names(events_of(account, transfers))
    rows = [_row(e) for e in events.to_dicts()]
    last = transfers["block_time"].max()
    meta: Row = {"page_size": len(rows)}
    if isinstance(last, datetime):
        meta = {"at": milliseconds(last + ANSWERED_AFTER), **meta}
    answer = {"data": rows[::-1], "success": True, "meta": meta}
    return [write_json(folder / f"trc20_{account.address}.json", answer)]


def _row(e: Row) -> Row:
    return {
        "transaction_id": e["tx_id"],
        "token_info": {
            "symbol": e["symbol"],
            "address": e["asset"],
            "decimals": e["decimals"],
            "name": e["token_name"],
        },
        "block_timestamp": milliseconds(e["block_time"]),
        "from": e["sender"],
        "to": e["receiver"],
        "type": "Transfer",
        "value": e["amount_raw"],
    }
