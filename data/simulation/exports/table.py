"""A table of one's own: the canonical columns as CSV, and the mapping that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from data.schema import LEGS, leg_text
from data.simulation.exports.account_view import Account, rows_of
from data.simulation.exports.files import Row, text, write_csv
from data.simulation.exports.tokens import with_names

FAMILY = None

COLUMNS = (
    "chain,block_time,block_number,tx_index,tx_id,log_index,kind,sender,receiver,asset,amount_raw,"
    "initiator,tx_to,method,token_symbol,failed,account"
).split(",")

MAPPING: dict[str, Any] = {
    **{c: c for c in COLUMNS},
    "time_unit": "us",
    "amount_unit": "base",
    "legs": leg_text(LEGS),
    "complete": True,
}
"""Every column under its own name; a whole history, with all legs."""


def write(account: Account, transfers: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the table, and ``mapping.toml``."""
    mine = (pl.col("sender") == account.address) | (pl.col("receiver") == account.address)
    rows = with_names(rows_of(account, transfers).filter(mine)).to_dicts()
    path = write_csv(
        folder / f"table_{account.address}.csv", COLUMNS, [_row(r, account) for r in rows]
    )
    lines = [f"{k} = {str(v).lower() if v is True else repr(v)}\n" for k, v in MAPPING.items()]
    (folder / "mapping.toml").write_text("".join(lines), encoding="utf-8")
    return [path]


def _row(r: Row, account: Account) -> Row:
    token = r["asset"] != "native"
    numbered = token and r["log_index"] >= 0
    return {
        **{c: text(r.get(c)) for c in COLUMNS},
        "block_time": int(r["block_time"].timestamp()) * 1_000_000 + r["block_time"].microsecond,
        "log_index": r["log_index"] if numbered else "",
        "token_symbol": r["symbol"] if token else "",
        "failed": "true" if r["screened"] == "failed" else "false",
        "account": account.address,
    }
