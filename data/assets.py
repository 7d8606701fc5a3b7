r"""Which contract is which asset: the registry that everything about value rests on.

A token's symbol is chosen by whoever deploys it, so a symbol identifies nothing: thousands of
contracts call themselves USDT. An asset is therefore a chain and a contract, looked up in
`registry/assets.csv`, and its decimals come from there too, never from an export. A symbol is
used in one direction only: a contract that is *not* listed but carries a listed coin's symbol
(or one that looks the same) is a counterfeit.

>>> asset_lookup().filter(pl.col("asset_group") == "USDT").height >= 6
True
>>> fold_symbol("USD\u0422") == fold_symbol("usdt")  # the first ends in a Cyrillic letter
True

Columns of the registry
-----------------------
chain, address (canonical, or `native`), symbol, name, issuer (who can mint and freeze), decimals,
asset_group (the same coin on every chain), class (`stablecoin`, `native`, `wrapped_native`),
freezable (`true`, `false`, `unknown`: can the issuer freeze an address's balance), source, verified
(`yes`: the contract was read in the named source; `no`: it stands in several public repositories,
but the named page itself was not read), date (of that check). What `verified` speaks of is that the
contract carries this coin; issuer and freezable are what is publicly known of the coin.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

import polars as pl

REGISTRY = Path(__file__).parent / "registry"
NATIVE = "native"
ASSET_CLASSES = ("stablecoin", "native", "wrapped_native")

# Letters of other scripts and digits that pass for a Latin capital in common fonts, after NFKC
# and upper-casing. Both sides of a comparison are folded, so an over-eager pair only matters
# where two listed symbols would fall together; a test forbids that.
_LOOKALIKES = str.maketrans(
    {
        # Cyrillic
        **dict(
            zip(
                "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e"
                "\u0420\u0421\u0422\u0423\u0425\u0500\u050c\u051a\u051c\u0474",
                "ABESIJKMHOPCTYXDGQWV",
                strict=True,
            )
        ),
        # Greek
        **dict(
            zip(
                "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f"
                "\u03a1\u03a4\u03a5\u03a7\u03f9",
                "ABEZHIKMNOPTYXC",
                strict=True,
            )
        ),
        # barred letters, currency signs, digits
        **dict(
            zip(
                "\u00d0\u0110\u0166\u0189\u01ac\u20ae\u20b8\u20a1\u20bf\u023a$015",
                "DDTDTTTCBASOIS",
                strict=True,
            )
        ),
    }
)


@lru_cache(maxsize=1)
def asset_registry() -> pl.DataFrame:
    """Return `registry/assets.csv` as it stands, all columns text but `decimals` (int64)."""
    return pl.read_csv(
        REGISTRY / "assets.csv",
        schema_overrides={"decimals": pl.Int64, "date": pl.String},
        infer_schema_length=0,
        comment_prefix="#",
    )


@lru_cache(maxsize=1)
def asset_lookup() -> pl.DataFrame:
    """Return the registry for joins on (chain, asset).

    Returns
    -------
    pl.DataFrame
        chain, asset, symbol, asset_group, asset_class (text), decimals (int64), freezable
        (boolean, null where unknown).
    """
    return asset_registry().select(
        "chain",
        pl.col("address").alias("asset"),
        "symbol",
        "asset_group",
        pl.col("class").alias("asset_class"),
        "decimals",
        pl.col("freezable")
        .replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
        .alias("freezable"),
    )


@lru_cache(maxsize=1)
def stablecoins() -> pl.DataFrame:
    """Return the listed dollar stablecoins: chain, asset, symbol, asset_group, decimals."""
    lookup = asset_lookup().filter(pl.col("asset_class") == "stablecoin")
    return lookup.select("chain", "asset", "symbol", "asset_group", "decimals")


def fold_symbol(symbol: str) -> str:
    r"""Return a symbol with everything removed that the eye overlooks.

    Compatibility forms (NFKC), case, accents, invisible and bidirectional marks, spaces and
    punctuation are dropped, and letters that look alike become one.

    Examples
    --------
    >>> [fold_symbol(s) for s in ("USDT", "U\u200bSD\u20ae", "\uff35SDT", "USD-T", "U5DT")]
    ['USDT', 'USDT', 'USDT', 'USDT', 'USDT']
    """
    upper = unicodedata.normalize("NFKC", symbol).upper()
    latin = unicodedata.normalize("NFD", upper.translate(_LOOKALIKES))
    return "".join(character for character in latin if character.isalnum())


def impostors(
    assets: pl.DataFrame | pl.LazyFrame, symbol_column: str = "token_symbol"
) -> pl.DataFrame:
    """Say of every distinct token contract that is not listed what it is.

    Parameters
    ----------
    assets
        Rows with chain, asset and, where the export shows it, a symbol. Rows of native coins and
        of the chain `generic` (whose assets no registry can know) are left out.
    symbol_column
        The column with the export's symbol; it may be absent.

    Returns
    -------
    pl.DataFrame
        chain, asset, `{symbol_column}`, reason: `counterfeit_asset` where the folded symbol is a
        listed coin's, else `unlisted_asset`.
    """
    lazy = assets.lazy()
    if symbol_column not in lazy.collect_schema().names():
        lazy = lazy.with_columns(pl.lit(None, dtype=pl.String).alias(symbol_column))
    unlisted = (
        lazy.select("chain", "asset", pl.col(symbol_column).cast(pl.String))
        .filter(pl.col("asset") != NATIVE, pl.col("chain") != "generic")
        .unique()
        .join(asset_lookup().lazy(), on=["chain", "asset"], how="anti")
        .collect()
        .sort("chain", "asset", symbol_column)
    )
    listed = _listed_folded_symbols()
    reasons = [
        "counterfeit_asset" if s is not None and fold_symbol(s) in listed else "unlisted_asset"
        for s in unlisted[symbol_column].to_list()
    ]
    return unlisted.with_columns(pl.Series("reason", reasons, dtype=pl.String))


@lru_cache(maxsize=1)
def _listed_folded_symbols() -> frozenset[str]:
    return frozenset(fold_symbol(s) for s in asset_registry()["symbol"].to_list())
