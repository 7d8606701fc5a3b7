"""Moments: from the ways exports write them to microseconds in UTC.

The unit is declared by the format, never guessed from the size of the number: a millisecond stamp
read as seconds is the year 56000, and then the row is quarantined rather than quietly rescaled.
"""

from __future__ import annotations

import polars as pl

from data.schema import TIME

UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Declared units of whole-number timestamps, in microseconds."""

_YEAR_2100_US = 4_102_444_800_000_000

DATE_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
)
"""Date spellings that are unambiguous to the second, or documented by the site (US order)."""

MINUTE_FORMATS = ("%m/%d/%y %H:%M", "%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M")
"""Spellings that a spreadsheet makes of a date when it drops the seconds."""

_EARLIEST_YEAR = 1970  # %Y would read 24 as the year 24, where another format reads 2024
_ZONE = r"(?i)\s*(utc|z|\+00:?00)$"
_FRACTION = r"(:\d\d)\.\d+$"


def from_number(text: pl.Series, unit: str) -> pl.Series:
    """Read whole-number timestamps of a declared unit; null where it is not one.

    Examples
    --------
    >>> from_number(pl.Series(["0", "1700000000", "x", "1700000000000"]), "s").to_list()[2:]
    [None, None]
    """
    if text.dtype.is_integer():
        number = text.cast(pl.Int64)
    else:
        number = text.cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "")
        number = number.cast(pl.Int64, strict=False)
    factor = UNITS[unit]
    sane = (number >= 0) & (number <= _YEAR_2100_US // factor)
    return pl.select(
        pl.when(sane).then(number * factor).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    ).to_series()


def from_text(text: pl.Series, formats: tuple[str, ...] = DATE_FORMATS) -> pl.Series:
    """Read date and time texts in UTC; the first format that fits a row decides.

    A trailing ``UTC``, ``Z`` or ``+00:00`` is allowed, another zone is not.
    """
    clean = text.cast(pl.String).str.strip_chars().str.replace(_ZONE, "")
    clean = clean.str.replace(_FRACTION, "${1}")
    out = pl.Series("time", [None] * len(text), dtype=TIME)
    for form in formats:
        left = out.is_null() & clean.is_not_null()
        if not left.any():
            break
        read = clean.str.strptime(pl.Datetime("us"), form, strict=False, exact=True)
        read = pl.select(pl.when(read.dt.year() >= _EARLIEST_YEAR).then(read)).to_series()
        out = pl.select(pl.coalesce(out, read.dt.replace_time_zone("UTC"))).to_series()
    return out


def disagree(moment: pl.Series, shown: pl.Series) -> pl.Series:
    """Say where a date text contradicts the timestamp beside it.

    A text that cannot be read contradicts nothing: the timestamp is the better witness. A text
    without seconds is compared to the minute.

    Returns
    -------
    pl.Series
        Boolean, never null.
    """
    exact = from_text(shown)
    minute = from_text(shown, MINUTE_FORMATS)
    wrong = (exact != moment).fill_null(False)
    wrong_minute = (minute != moment.dt.truncate("1m")).fill_null(False)
    return pl.select(pl.when(exact.is_not_null()).then(wrong).otherwise(wrong_minute)).to_series()
