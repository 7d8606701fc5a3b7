"""What token contracts say of themselves: honest names of listed coins, hostile ones of the others.

The names of unlisted contracts are what real ones do: they look like a listed coin's (letters of
another script, invisible marks), lure to a web page, or try to run in a spreadsheet or a browser.
"""

from __future__ import annotations

import hashlib

import polars as pl

from data.assets import asset_registry

COUNTERFEIT_SYMBOLS = ("USDT", "USD\u0422", "U\u200bSDT", "US\u0110T")
UNLISTED_SYMBOLS = (
    "Visit example.org to claim",
    '=HYPERLINK("http://example.org","x")',
    "<img src=x onerror=alert(1)>",
    'air,drop;"1"',
)
UNLISTED_DECIMALS = 6


def with_names(events: pl.DataFrame) -> pl.DataFrame:
    """Add symbol, name and decimals to token rows.

    Parameters
    ----------
    events
        Canonical rows; `screened` says which contract is a counterfeit.

    Returns
    -------
    pl.DataFrame
        With the columns symbol, token_name and decimals.
    """
    listed = asset_registry().select(
        "chain",
        pl.col("address").alias("asset"),
        "symbol",
        pl.col("name").alias("token_name"),
        "decimals",
    )
    named = events.join(listed, on=["chain", "asset"], how="left", maintain_order="left")
    claimed = pl.struct("asset", "screened").map_elements(_claimed, return_dtype=pl.String)
    return named.with_columns(
        pl.coalesce("symbol", claimed).alias("symbol"),
        pl.coalesce("token_name", claimed).alias("token_name"),
        pl.col("decimals").fill_null(UNLISTED_DECIMALS),
    )


def _claimed(row: dict[str, str]) -> str:
    counterfeit = row["screened"] == "counterfeit_asset"
    names = COUNTERFEIT_SYMBOLS if counterfeit else UNLISTED_SYMBOLS
    return names[hashlib.sha256(row["asset"].encode()).digest()[0] % len(names)]
