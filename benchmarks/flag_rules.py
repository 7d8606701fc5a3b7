"""When a red flag fires: a signal that cites it is unusual, in the direction that raises it.

Unusual is beyond the value that at most one in twenty of the ordinary accounts that have the signal
pass, so that ties never fire. A flag that many signals cite has many chances: what share of
the ordinary accounts themselves raise it, by the same rule, stands beside every count.

>>> ordinary = pl.Series([float(n) for n in range(100)])
>>> limit(ordinary, low=False), limit(ordinary, low=True)
(95.0, 4.0)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from features.signal import Signal

UNUSUAL = 0.05
FEWEST = 100
"""Ordinary accounts that must have a signal before any value of it is called unusual."""


@dataclass(frozen=True)
class Citation:
    """A signal that cites a red flag, and the end of its values that raises it."""

    flag: str
    signal: str
    low: bool


def citations(signals: Iterable[Signal]) -> list[Citation]:
    """List what signals cite; what changes merely because somebody looks later is left out."""
    return [
        Citation(flag, signal.name, flag in signal.flags_when_low)
        for signal in signals
        if not signal.depends_on_as_of
        for flag in signal.red_flags
    ]


def limit(ordinary: pl.Series, *, low: bool) -> float | None:
    """Return the value beyond which a signal is unusual; None where too few have it."""
    known = ordinary.drop_nulls()
    if known.len() < FEWEST:
        return None
    if low:
        return known.quantile(UNUSUAL, "lower")
    return known.quantile(1 - UNUSUAL, "higher")


def fired(
    accounts: pl.DataFrame, ordinary: pl.DataFrame, cited: Iterable[Citation]
) -> pl.DataFrame:
    """Return every signal of every account that raises a flag.

    Parameters
    ----------
    accounts
        ``address`` and a column per signal.
    ordinary
        The same columns, of the accounts that say what is usual.

    Returns
    -------
    polars.DataFrame
        ``address``, ``flag``, ``signal``, ``value``, ``limit``, ``low``.
    """
    found = [_EMPTY]
    for one in cited:
        bound = limit(ordinary[one.signal], low=one.low)
        if bound is None:
            continue
        value = pl.col(one.signal)
        beyond = value < bound if one.low else value > bound
        found.append(
            accounts.filter(beyond).select(
                "address",
                pl.lit(one.flag).alias("flag"),
                pl.lit(one.signal).alias("signal"),
                value.cast(pl.Float64).alias("value"),
                pl.lit(bound, dtype=pl.Float64).alias("limit"),
                pl.lit(one.low).alias("low"),
            )
        )
    return pl.concat(found)


def seen(
    accounts: pl.DataFrame, ordinary: pl.DataFrame, cited: Iterable[Citation]
) -> dict[str, int]:
    """Count, for each flag, the accounts that have a signal by which it could fire."""
    by_flag: dict[str, list[str]] = {}
    for one in cited:
        if limit(ordinary[one.signal], low=one.low) is not None:
            by_flag.setdefault(one.flag, []).append(one.signal)
    return {
        flag: accounts.filter(pl.any_horizontal(pl.col(names).is_not_null())).height
        for flag, names in by_flag.items()
    }


_EMPTY = pl.DataFrame(
    schema={
        "address": pl.String,
        "flag": pl.String,
        "signal": pl.String,
        "value": pl.Float64,
        "limit": pl.Float64,
        "low": pl.Boolean,
    }
)
