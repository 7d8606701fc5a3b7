"""Exact amounts: from the ways exports write a number to whole base units, as decimal text.

Nothing here rounds. A text that is not exactly a whole number of base units, or does not fit a
uint256, becomes null, and the importer sends its row to quarantine.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import polars as pl

UINT256_MAX = 2**256 - 1

_DIGITS = r"^[0-9]+$"
_DECIMAL = r"^[0-9]+(\.[0-9]*)?$"
_GROUPED = r"^[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?$"
_SCIENTIFIC = r"^[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]{1,3}$"
_LONGEST = len(str(UINT256_MAX))


def base_units(text: pl.Series) -> pl.Series:
    """Read whole base units.

    Digits are taken as they stand; a spreadsheet's ``1.5e+18`` only when it is exactly whole.

    Examples
    --------
    >>> base_units(pl.Series(["007", "1.5e+18", "1.5", "-1", "", None])).to_list()
    ['7', '1500000000000000000', None, None, None, None]
    """
    return scaled(text, 0)


def scaled(text: pl.Series, decimals: int, *, grouped: bool = False) -> pl.Series:
    """Read decimal numbers of a unit that is 10^`decimals` base units.

    Parameters
    ----------
    text
        Decimal numbers, with a point before the fraction.
    decimals
        How many decimal places the unit has; 18 for ether.
    grouped
        The format writes thousands separators (``1,999,000``); they are accepted only in full
        groups of three.

    Returns
    -------
    pl.Series
        Whole base units as text without leading zeros; null where it cannot be exact.

    Examples
    --------
    >>> scaled(pl.Series(["1.5", "0.0000001"]), 6).to_list()
    ['1500000', None]
    >>> scaled(pl.Series(["1,999,000", "1,99,9000"]), 0, grouped=True).to_list()
    ['1999000', None]
    """
    text = text.cast(pl.String).str.strip_chars(" \t\u00a0")
    if grouped:
        whole_groups = text.str.contains(_GROUPED)
        text = pl.select(
            pl.when(whole_groups).then(text.str.replace_all(",", "", literal=True)).otherwise(text)
        ).to_series()
    if (
        decimals == 0
        and text.str.contains(r"^(0|[1-9][0-9]{0,76})$").all()
        and text.null_count() == 0
    ):
        return text
    plain = text.str.contains(_DECIMAL)
    out = pl.select(pl.when(plain).then(_shifted(text, decimals))).to_series()
    odd = text.str.contains(_SCIENTIFIC).fill_null(False)
    if odd.any():
        spelt = _by_unique(text.filter(odd), lambda t: _exact(t, decimals))
        out = out.scatter(odd.arg_true(), spelt)
    return within_uint256(out)


def scaled_by(text: pl.Series, decimals: pl.Series, *, grouped: bool = False) -> pl.Series:
    """Read decimal numbers whose unit differs from row to row; null decimals give null."""
    out = pl.Series("amount", [None] * len(text), dtype=pl.String)
    for places in decimals.drop_nulls().unique().to_list():
        rows = (decimals == places).fill_null(False).arg_true()
        out = out.scatter(rows, scaled(text.gather(rows), int(places), grouped=grouped))
    return out


def within_uint256(digits: pl.Series) -> pl.Series:
    """Make integers null that no contract can hold; `digits` has no leading zeros."""
    length = digits.str.len_bytes()
    fits = (length < _LONGEST) | ((length == _LONGEST) & (digits <= str(UINT256_MAX)))
    return digits if fits.all() else pl.select(pl.when(fits).then(digits)).to_series()


def shortest_text(values: pl.Series) -> pl.Series:
    """Write floats as the shortest decimal that reads back as the same float.

    A table that stores amounts as floats has lost what lies beyond 15 to 17 digits; the shortest
    decimal is the number its maker most probably wrote. Not a number and infinities become null.
    """
    finite = values.is_finite().fill_null(False)
    return pl.select(pl.when(finite).then(values).cast(pl.String)).to_series()


def product(left: pl.Series, right: pl.Series) -> pl.Series:
    """Multiply two columns of whole numbers exactly; null where either is not one."""
    a, b = (s.cast(pl.Int64, strict=False) for s in (left, right))
    small = (a >= 0) & (b >= 0) & (a < 2**26) & (b < 2**37)  # gas, and up to 137 gwei
    out = pl.select(pl.when(small).then(a * b).cast(pl.String)).to_series()
    rest = (~small.fill_null(False)) & left.str.contains(_DIGITS) & right.str.contains(_DIGITS)
    rest = rest.fill_null(False)
    if rest.any():
        pairs = zip(left.filter(rest).to_list(), right.filter(rest).to_list(), strict=True)
        exact = [str(int(x) * int(y)) if len(x) + len(y) <= _LONGEST else None for x, y in pairs]
        out = out.scatter(rest.arg_true(), pl.Series(exact, dtype=pl.String))
    return within_uint256(out)


def _shifted(text: pl.Series, decimals: int) -> pl.Series:
    """Move the decimal point; null when digits remain behind it."""
    parts = text.str.splitn(".", 2).struct
    whole = parts.field("field_0")
    fraction = parts.field("field_1").fill_null("").str.strip_chars_end("0")
    digits = (whole + fraction.str.pad_end(decimals, "0")).str.strip_chars_start("0")
    fits = fraction.str.len_bytes() <= decimals
    return pl.select(
        pl.when(fits).then(pl.when(digits == "").then(pl.lit("0")).otherwise(digits))
    ).to_series()


def _exact(text: str, decimals: int) -> str | None:
    """Read one number in scientific notation, if it is exactly whole in base units."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    sign, digits, exponent = value.as_tuple()
    if sign or not isinstance(exponent, int):
        return None
    number = int("".join(map(str, digits)))
    places = exponent + decimals
    if number == 0:
        return "0"
    if places >= 0:
        return str(number * 10**places) if places <= _LONGEST else None
    whole, rest = divmod(number, 10**-places)
    return None if rest else str(whole)


def _by_unique(text: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """Apply a function once per distinct text."""
    distinct = text.drop_nulls().unique()
    results = pl.Series([function(t) for t in distinct.to_list()], dtype=pl.String)
    return text.replace_strict(distinct, results, default=None, return_dtype=pl.String)
