"""The page download "Transactions": values and fees in whole coins, no calldata."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.importers.etherscan_page import NATIVE_DECIMALS
from data.simulation.exports.account_view import Account, transactions_of
from data.simulation.exports.etherscan_page import FAMILY, POSITION, coin, in_and_out, position
from data.simulation.exports.files import Row, coins, text, write_csv

__all__ = ["FAMILY", "write"]


def write(account: Account, transfers: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the download."""
    unit = coin(account.chain)
    columns = (
        *POSITION,
        "From",
        "To",
        "ContractAddress",
        f"Value_IN({unit})",
        f"Value_OUT({unit})",
        f"CurrentValue @ $1/{unit.title()}",
        f"TxnFee({unit})",
        "TxnFee(USD)",
        f"Historical $Price/{unit.title()}",
        "Status",
        "ErrCode",
        "Method",
    )
    rows = [_row(t, account, unit) for t in transactions_of(account, transfers).to_dicts()]
    path = folder / f"export-{account.address}.csv"
    return [write_csv(path, columns, rows, quoted=True)]


def _row(t: Row, account: Account, unit: str) -> Row:
    inward, outward = in_and_out(account, t["sender"], t["value"])
    return {
        **position(t),
        "From": t["sender"],
        "To": text(t["to"]),
        f"Value_IN({unit})": inward,
        f"Value_OUT({unit})": outward,
        f"TxnFee({unit})": coins(t["fee"], NATIVE_DECIMALS),
        "Status": "Error(0)" if t["failed"] else "",
        "ErrCode": "Reverted" if t["failed"] else "",
        "Method": t["method"] or "Transfer",
    }
