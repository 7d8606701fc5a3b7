"""What the three CSV downloads of an Etherscan page have in common."""

from __future__ import annotations

from data.importers.etherscan_page import CHAIN_OF_UNIT, NATIVE_DECIMALS
from data.simulation.exports.account_view import Account
from data.simulation.exports.files import Row, coins, seconds, shown, text

FAMILY = "evm"

POSITION = ("Transaction Hash", "Blockno", "UnixTimestamp", "DateTime (UTC)")


def coin(chain: str) -> str:
    """Return the coin in the headers of a chain's page: a page counts in ETH unless it has its own.

    >>> coin("bsc"), coin("arbitrum")
    ('BNB', 'ETH')
    """
    own = [unit for unit, named in CHAIN_OF_UNIT.items() if named == chain]
    return own[-1] if own else "ETH"


def position(row: Row) -> Row:
    """Return the fields every page begins with."""
    values = (row["tx_id"], text(row["block_number"]), seconds(row["block_time"]))
    return dict(zip(POSITION, (*values, shown(row["block_time"])), strict=True))


def in_and_out(account: Account, sender: str, amount: str) -> tuple[str, str]:
    """Return an amount in whole coins in the column of the account's own side."""
    value = coins(amount, NATIVE_DECIMALS)
    return ("0", value) if sender == account.address else (value, "0")
