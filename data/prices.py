"""The daily price table: what one coin cost on one UTC day.

Stablecoins need no prices (they count at par); for everything else a dollar value exists only
where the user gives a price. A day without a price stays without one: nothing is carried forward
or interpolated, because an invented price is an invented fact.

The table is a CSV or Parquet file with the columns chain, asset (`native` or a contract), date
(`2024-05-01`, the UTC day) and usd (dollars per whole coin, a decimal number). Prices are kept
as whole numbers with a scale, so that a valuation can be exact.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from data.addresses import CHAINS, canonical_address
from data.assets import NATIVE
from data.errors import Refused
from data.small_tables import read_small_table, refuse_unknown_columns

PRICES: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "asset": pl.String(),
    "date": pl.Date(),
    "price_digits": pl.String(),
    "price_decimals": pl.Int64(),
}
"""usd = price_digits x 10^-price_decimals; `price_decimals` is at least 6."""

MOST_DIGITS = 27
"""A price has at most this many digits, its decimals included (and at least six of those)."""

_WHAT = "a price table (CSV or Parquet: chain, asset, date, usd)"
_COLUMNS = ("chain", "asset", "date", "usd")


def read_prices(path: Path) -> pl.DataFrame:
    """Read a daily price table.

    Parameters
    ----------
    path
        CSV or Parquet with the columns chain, asset, date, usd.

    Returns
    -------
    pl.DataFrame
        `PRICES`, one row per chain, asset and day.

    Raises
    ------
    Refused
        A line cannot be read, a price is negative, zero, not finite or too long, or a day stands
        twice for one coin; the message names the line.
    """
    table = read_small_table(Path(path), _WHAT)
    refuse_unknown_columns(path, table.columns, _COLUMNS, _COLUMNS)
    rows = []
    seen: dict[tuple[str, str, date], int] = {}
    for row in table.iter_rows(named=True):
        price = _price(path, row)
        first = seen.setdefault(price[:3], row["line"])
        if first != row["line"]:
            raise Refused(
                f"{path} prices {row['asset']!r} on {row['chain']} twice for {row['date']}, "
                f"on lines {first} and {row['line']}",
                expected="one price per coin and UTC day",
            )
        rows.append(price)
    return pl.DataFrame(rows, schema=PRICES, orient="row").sort("chain", "asset", "date")


def _price(path: Path, row: dict[str, str | None]) -> tuple[str, str, date, str, int]:
    where = f"line {row['line']} of {path}"
    chain = row["chain"]
    if chain not in CHAINS:
        raise Refused(f"{where} has the chain {chain!r}", expected=f"one of {', '.join(CHAINS)}")
    asset = row["asset"] or ""
    if asset != NATIVE:
        try:
            asset = canonical_address(chain, asset)
        except ValueError as error:
            raise Refused(f"{where}: {error}", expected=f"{NATIVE!r} or a contract") from None
    try:
        day = date.fromisoformat((row["date"] or "")[:10])
    except ValueError:
        raise Refused(f"{where} has the date {row['date']!r}", expected="YYYY-MM-DD") from None
    digits, decimals = _whole_number(where, row["usd"])
    return chain, asset, day, digits, decimals


def _whole_number(where: str, usd: str | None) -> tuple[str, int]:
    """Return a price as (digits, decimals) without losing a digit."""
    try:
        price = Decimal(usd or "")
    except InvalidOperation:
        raise Refused(f"{where} has the price {usd!r}", expected="dollars, as 3012.45") from None
    if not price.is_finite() or price <= 0:
        raise Refused(f"{where} has the price {usd!r}", expected="a positive, finite number")
    _, digit_tuple, exponent = price.as_tuple()
    assert isinstance(exponent, int)  # finite
    decimals = max(6, -exponent)
    digits = "".join(map(str, digit_tuple)) + "0" * min(decimals + exponent, MOST_DIGITS + 1)
    digits = digits.lstrip("0")
    if len(digits) > MOST_DIGITS or decimals > MOST_DIGITS:
        raise Refused(
            f"{where} has the price {usd!r}", expected=f"at most {MOST_DIGITS} digits in all"
        )
    return digits, decimals
