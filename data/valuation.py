"""Exact dollar values: base units in, whole micro-dollars out, no float in between.

An amount is a uint256 written as text, up to 78 digits; a value is floor(amount x price), rounded
down to a whole micro-dollar, and fits an int64. Between the two no Python integer is made and no
float is used:

- a stablecoin counts at par, so its value is its amount with the point moved. Six decimals are
  micro-dollars as they stand; with eighteen, the last twelve digits are cut off (the floor).
- any other coin, and a stablecoin on a day the price table prices it, is multiplied in limbs of
  nine digits, as on paper, in int64 arrays; then the point is moved the same way.

>>> micro_dollars(pl.Series(["1999999", "0"]), pl.Series([6, 6])).to_list()
[1999999, 0]
>>> micro_dollars(pl.Series(["1" + "0" * 18, "999999999999"]), pl.Series([18, 18])).to_list()
[1000000, 0]
"""

from __future__ import annotations

import numpy as np
import polars as pl

from data.assets import asset_lookup
from data.schema import LARGEST_USD_MICROS

TOO_LARGE = LARGEST_USD_MICROS + 1
"""What a value above 2^53 micro-dollars is written as; `validate_transfers` quarantines it."""

_USD_DECIMALS = 6
_LIMB = 9
_BASE = 10**_LIMB
_PRICE_LIMBS = 3
_SAFE_DIGITS = 16  # every number of 16 digits fits an int64, and 2^53 has 16


def value_transfers(transfers: pl.DataFrame, prices: pl.DataFrame | None = None) -> pl.DataFrame:
    """Fill `usd_micros` wherever a trusted value exists.

    Parameters
    ----------
    transfers
        Canonical transfers. A value that is already there stays.
    prices
        The daily price table of `prices.read_prices`. A price given for a stablecoin's day is
        used instead of par; prices of assets the registry does not list have no effect, because
        their decimals are not known.

    Returns
    -------
    pl.DataFrame
        The same rows in the same order. `usd_micros` is null where there is no trusted value (an
        unlisted asset, a coin without a price that day, an amount that is no whole number), and
        `TOO_LARGE` where it would be above 2^53.
    """
    lookup = asset_lookup().select(
        "chain",
        "asset",
        pl.col("decimals").alias("_decimals"),
        (pl.col("asset_class") == "stablecoin").alias("_par"),
    )
    rows = transfers.join(lookup, on=["chain", "asset"], how="left", maintain_order="left")
    par = pl.when("_par").then("_decimals")
    rows = rows.with_columns(
        micro_dollars(rows["amount_raw"], rows.select(par).to_series()).alias("_value")
    )
    if prices is not None and prices.height:
        rows = _priced(rows, prices)
    present = pl.col("usd_micros") if "usd_micros" in transfers.columns else pl.lit(None)
    filled = rows.with_columns(pl.coalesce(present, "_value").cast(pl.Int64).alias("usd_micros"))
    extra = [] if "usd_micros" in transfers.columns else ["usd_micros"]
    return filled.select(transfers.columns + extra)


def micro_dollars(amounts: pl.Series, decimals: pl.Series) -> pl.Series:
    """Value amounts of dollar stablecoins at par, rounded down.

    Parameters
    ----------
    amounts
        Whole base units as text, up to 78 digits.
    decimals
        Decimals of each amount's coin; null: not a stablecoin.

    Returns
    -------
    pl.Series
        Int64 micro-dollars, at most `TOO_LARGE`; null where an input is null or no whole number.
    """
    digits = pl.col("amount").str.strip_chars_start("0")
    cut = pl.col("decimals") - _USD_DECIMALS
    length = digits.str.len_bytes().cast(pl.Int64) - pl.max_horizontal(cut, 0)
    kept = digits.str.slice(0, pl.max_horizontal(length, 0))
    factor = pl.lit(10, dtype=pl.Int64).pow(pl.max_horizontal(-cut, 0))
    value = (
        pl.when(kept.str.len_bytes() == 0)
        .then(pl.lit(0, dtype=pl.Int64))
        .when(length - pl.min_horizontal(cut, 0) > _SAFE_DIGITS)
        .then(pl.lit(TOO_LARGE, dtype=pl.Int64))
        # Only short numbers reach the cast: the longer ones are cut to what fits, then not used.
        .otherwise(
            pl.min_horizontal(
                kept.str.slice(0, _SAFE_DIGITS).cast(pl.Int64, strict=False) * factor, TOO_LARGE
            )
        )
    )
    usable = _whole_number("amount") & pl.col("decimals").is_not_null()
    frame = pl.DataFrame({"amount": amounts.cast(pl.String), "decimals": decimals.cast(pl.Int64)})
    return frame.select(pl.when(usable).then(value)).to_series().alias(amounts.name)


def priced_micro_dollars(
    amounts: pl.Series, decimals: pl.Series, price_digits: pl.Series, price_decimals: pl.Series
) -> pl.Series:
    """Value amounts at a price: floor(amount x price), in whole micro-dollars.

    Parameters
    ----------
    amounts
        Whole base units as text, up to 78 digits.
    decimals
        Decimals of each amount's coin.
    price_digits, price_decimals
        Dollars per whole coin as in `prices.PRICES`: at most 27 digits, at least six decimals.

    Returns
    -------
    pl.Series
        Int64 micro-dollars, at most `TOO_LARGE`; null where an input is null or no whole number.

    Examples
    --------
    >>> half_an_ether, price = pl.Series(["5" + "0" * 17]), pl.Series(["3012450000"])
    >>> priced_micro_dollars(half_an_ether, pl.Series([18]), price, pl.Series([6])).to_list()
    [1506225000]
    """
    frame = pl.DataFrame(
        {
            "amount": amounts.cast(pl.String),
            "decimals": decimals.cast(pl.Int64),
            "price": price_digits.cast(pl.String),
            "price_decimals": price_decimals.cast(pl.Int64),
        }
    )
    usable = frame.select(
        pl.all_horizontal(pl.all().is_not_null()) & _whole_number("amount").fill_null(False)
    ).to_series()
    frame = frame.filter(usable)
    product = _product(_limbs(frame["amount"]), _limbs(frame["price"], _PRICE_LIMBS))
    cut = (frame["decimals"] + frame["price_decimals"] - _USD_DECIMALS).to_numpy()
    values = np.zeros(len(usable), dtype=np.int64)
    values[usable.to_numpy()] = _cut_digits(product, cut)
    result = pl.Series(amounts.name, values)
    return pl.select(pl.when(usable).then(result)).to_series().alias(amounts.name)


def _priced(rows: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Put the priced value over `_value` where the table has the coin's UTC day."""
    day = pl.col("block_time").dt.convert_time_zone("UTC").dt.date().alias("date")
    rows = rows.with_columns(day).join(
        prices, on=["chain", "asset", "date"], how="left", maintain_order="left"
    )
    value = priced_micro_dollars(
        rows["amount_raw"], rows["_decimals"], rows["price_digits"], rows["price_decimals"]
    )
    return rows.with_columns(pl.coalesce(value.alias("_priced"), "_value").alias("_value"))


def _whole_number(column: str) -> pl.Expr:
    return pl.col(column).str.contains(r"^[0-9]{1,78}$")


def _limbs(digits: pl.Series, count: int | None = None) -> np.ndarray:
    """Split decimal text into limbs of nine digits, least significant first: (count, n) int64."""
    if count is None:
        lengths = digits.str.len_bytes().to_numpy()
        count = max(1, -(-int(lengths.max(initial=1)) // _LIMB))
    padded = digits.str.pad_start(count * _LIMB, "0")
    return np.stack(
        [
            padded.str.slice((count - 1 - i) * _LIMB, _LIMB).cast(pl.Int64).to_numpy()
            for i in range(count)
        ]
    )


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply limb arrays. Three products of nine digits and a carry stay below 2^63."""
    limbs = np.zeros((len(a) + len(b), a.shape[1]), dtype=np.int64)
    carry = np.zeros(a.shape[1], dtype=np.int64)
    for k in range(len(limbs)):
        total = carry
        for j in range(max(0, k - len(a) + 1), min(len(b), k + 1)):
            total = total + a[k - j] * b[j]
        carry, limbs[k] = np.divmod(total, _BASE)
    return limbs


def _cut_digits(limbs: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Drop each number's last `cut` digits; what is left above 2^53 becomes `TOO_LARGE`."""
    whole, part = np.divmod(cut, _LIMB)
    rows_needed = max(len(limbs), int(whole.max(initial=0))) + 4
    padded = np.zeros((rows_needed, limbs.shape[1]), dtype=np.int64)
    padded[: len(limbs)] = limbs
    at = np.arange(limbs.shape[1])
    low, middle, high = (padded[whole + i, at] for i in range(3))
    # A limb above these three means at least 10^18 micro-dollars.
    reaches = np.maximum.accumulate(padded[::-1], axis=0)[::-1][whole + 3, at] > 0
    tens = 10 ** np.arange(2 * _LIMB + 1, dtype=np.int64)
    reaches |= high > LARGEST_USD_MICROS // tens[2 * _LIMB - part]
    high = np.where(reaches, 0, high)
    value = low // tens[part] + middle * tens[_LIMB - part] + high * tens[2 * _LIMB - part]
    return np.where(reaches, TOO_LARGE, np.minimum(value, TOO_LARGE))
