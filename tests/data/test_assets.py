"""The asset registry: every row well-formed, every fact in its place, impostors recognised."""

from __future__ import annotations

import polars as pl
import pytest

from data.addresses import CHAINS, canonical_address
from data.assets import (
    ASSET_CLASSES,
    asset_lookup,
    asset_registry,
    fold_symbol,
    impostors,
    stablecoins,
)


def test_every_row_is_canonical_and_complete():
    registry = asset_registry()
    for row in registry.iter_rows(named=True):
        assert row["chain"] in CHAINS
        if row["address"] != "native":
            assert canonical_address(row["chain"], row["address"]) == row["address"]
        assert row["class"] in ASSET_CLASSES
        assert (row["class"] == "native") == (row["address"] == "native")
        assert row["freezable"] in ("true", "false", "unknown")
        assert row["verified"] in ("yes", "no")
        assert 0 < row["decimals"] <= 18
        assert row["source"].startswith("https://") or row["source"] == "protocol constant"
    assert registry.select(pl.struct("chain", "address").is_duplicated().any()).item() is False
    assert registry.null_count().sum_horizontal().item() == 0


def test_the_coins_that_matter_are_listed():
    listed = set(stablecoins().select("asset_group", "chain").rows())
    for coin in ("USDT", "USDC"):
        for chain in ("ethereum", "tron", "bsc", "polygon", "arbitrum", "base"):
            assert (coin, chain) in listed
    for coin, chain in [
        ("DAI", "ethereum"),
        ("TUSD", "tron"),
        ("FDUSD", "bsc"),
        ("USDD", "tron"),
        ("PYUSD", "ethereum"),
        ("BUSD", "bsc"),
    ]:
        assert (coin, chain) in listed
    natives = set(asset_registry().filter(pl.col("address") == "native")["chain"])
    assert natives == set(CHAINS) - {"generic"}


def test_known_decimals():
    decimals = {(c, a): d for c, a, d in asset_lookup().select("chain", "asset", "decimals").rows()}
    assert decimals["ethereum", "0xdac17f958d2ee523a2206206994597c13d831ec7"] == 6
    assert decimals["bsc", "0x55d398326f99059ff775485246999027b3197955"] == 18
    assert decimals["tron", "native"] == 6
    assert decimals["bitcoin", "native"] == 8


def test_no_two_listed_symbols_fold_together():
    symbols = asset_registry()["symbol"].unique().to_list()
    assert len({fold_symbol(s) for s in symbols}) == len(symbols)


@pytest.mark.parametrize(
    "disguise",
    [
        "USDT",
        "usdt",
        " USDT ",
        "USD\u0422",  # Cyrillic Te
        "\u0405DT",  # not USDT: folds to SDT
        "U\u200bS\u202eDT",
        "\uff35\uff33\uff24\uff34",
        "USD\u20ae",
        "U$DT",
        "U\u015aDT",  # acute accent
    ],
)
def test_disguised_symbols(disguise):
    row = {"chain": "ethereum", "asset": "0x" + "9" * 40, "token_symbol": disguise}
    expected = "unlisted_asset" if fold_symbol(disguise) == "SDT" else "counterfeit_asset"
    assert impostors(pl.DataFrame([row]))["reason"].to_list() == [expected]


def test_listed_native_and_generic_assets_are_no_impostors():
    frame = pl.DataFrame(
        {
            "chain": ["ethereum", "ethereum", "generic", "tron"],
            "asset": ["0xdac17f958d2ee523a2206206994597c13d831ec7", "native", "USDT", "Tx"],
        }
    )
    assert impostors(frame).select("asset", "reason").rows() == [("Tx", "unlisted_asset")]
