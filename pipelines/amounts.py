"""Amounts as people read them, exact to the last base unit."""

from __future__ import annotations

import functools

import polars as pl

from data.assets import asset_lookup


def exact_amount(amount_raw: str, decimals: int | None) -> str:
    """Write an integer of base units in whole units, exactly; without decimals as it is.

    >>> exact_amount("1234500000", 6), exact_amount("5", 6), exact_amount("7", None)
    ('1234.5', '0.000005', '7')
    >>> exact_amount(str(2**256 - 1), 18)[-19:]
    '.584007913129639935'
    """
    if not decimals:
        return amount_raw
    padded = amount_raw.rjust(decimals + 1, "0")
    fraction = padded[-decimals:].rstrip("0")
    return padded[:-decimals] + (f".{fraction}" if fraction else "")


@functools.cache
def coin_of(chain: str) -> str:
    """Return the symbol of a chain's own coin, as the registry has it.

    >>> coin_of("arbitrum"), coin_of("a chain that nobody knows")
    ('ETH', 'coins')
    """
    own = asset_lookup().filter((pl.col("chain") == chain) & (pl.col("asset") == "native"))
    return str(own["symbol"][0]) if own.height else "coins"
