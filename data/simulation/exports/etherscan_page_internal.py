"""The page download "Internal Transactions"; its rows have one empty field more than its header."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.simulation.exports.account_view import Account, rows_of
from data.simulation.exports.etherscan_page import FAMILY, POSITION, coin, in_and_out, position
from data.simulation.exports.files import Row, text, write_csv

__all__ = ["FAMILY", "write"]


def write(account: Account, transfers: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the download."""
    unit = coin(account.chain)
    columns = (
        *POSITION,
        "ParentTxFrom",
        "ParentTxTo",
        "ParentTxETH_Value",
        "From",
        "TxTo",
        "ContractAddress",
        f"Value_IN({unit})",
        f"Value_OUT({unit})",
        f"CurrentValue @ $1/{unit.title()}",
        f"Historical $Price/{unit.title()}",
        "Status",
        "ErrCode",
        "Type",
    )
    mine = (pl.col("sender") == account.address) | (pl.col("receiver") == account.address)
    inner = rows_of(account, transfers).filter((pl.col("kind") == "internal") & mine)
    rows = [_row(i, account, unit) for i in inner.to_dicts()]
    path = folder / f"export-internal-{account.address}.csv"
    return [write_csv(path, columns, rows, quoted=True, extra=1)]


def _row(i: Row, account: Account, unit: str) -> Row:
    inward, outward = in_and_out(account, i["sender"], i["amount_raw"])
    failed = i["screened"] == "failed"
    return {
        **position(i),
        "ParentTxFrom": text(i["initiator"]),
        "ParentTxTo": text(i["tx_to"]),
        "ParentTxETH_Value": "0",
        "From": i["sender"],
        "TxTo": i["receiver"],
        f"Value_IN({unit})": inward,
        f"Value_OUT({unit})": outward,
        "Status": "1" if failed else "0",
        "ErrCode": "Reverted" if failed else "",
        "Type": "call",
    }
