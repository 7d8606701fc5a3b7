"""The page download "Token Transfers (ERC-20)": amounts in whole coins, with thousands commas."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.simulation.exports.account_view import Account, events_of
from data.simulation.exports.etherscan_page import FAMILY, POSITION, position
from data.simulation.exports.files import Row, coins, write_csv
from data.simulation.exports.tokens import with_names

__all__ = ["FAMILY", "write"]

COLUMNS = (
    *POSITION,
    "From",
    "To",
    "TokenValue",
    "USDValueDayOfTx",
    "ContractAddress",
    "TokenName",
    "TokenSymbol",
)


def write(account: Account, transfers: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the download."""
    rows = [_row(e) for e in with_names(events_of(account, transfers)).to_dicts()]
    path = folder / f"export-tokens-{account.address}.csv"
    return [write_csv(path, COLUMNS, rows, quoted=True)]


def _row(e: Row) -> Row:
    usd = e["usd_micros"]
    return {
        **position(e),
        "From": e["sender"],
        "To": e["receiver"],
        "TokenValue": coins(e["amount_raw"], e["decimals"], grouped=True),
        "USDValueDayOfTx": "N/A" if usd is None else f"${usd / 1e6:,.2f}",
        "ContractAddress": e["asset"],
        "TokenName": e["token_name"],
        "TokenSymbol": e["symbol"],
    }
