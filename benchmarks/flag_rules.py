"""When a red flag fires: a signal that cites it is unusual, in the direction that raises it.

Unusual is beyond the value that at most one in twenty of the ordinary accounts that have the signal
pass, so that ties never fire. Counts and sums grow with activity, so they must be unusual among
ordinary accounts of about as many transfers too (of the same power of three; where not a hundred
such are known, the hundred nearest). A share of too few payments or senders raises nothing
(`Signal.fewest`), and a flag with several parts is raised only where all of them hold
(`models.flagging`). Of an address that looks like a customer's deposit address at an exchange,
what the exchange does when it empties it is not said.

A flag that many signals cite has many chances: what share of the ordinary accounts themselves raise
it, by the same rule, stands beside every count.

>>> ordinary = pl.Series([float(n) for n in range(100)])
>>> limit(ordinary, low=False), limit(ordinary, low=True)
(95.0, 4.0)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from features.signal import Signal
from models.deposit_address import looks_like_deposit_address
from models.flagging import stands

UNUSUAL = 0.05
FEWEST = 100
"""Ordinary accounts that must have a signal before any value of it is called unusual."""


@dataclass(frozen=True)
class Citation:
    """A signal that cites a red flag, and the end of its values that raises it."""

    flag: str
    signal: str
    low: bool
    grows: bool = False
    fewest: tuple[tuple[str, int], ...] = ()


GROWING = ("transfers", "addresses", "assets", "pairs", "hops", "swaps", "steps", "value")
"""Units of counts and sums, which a busy account has more of, whatever it does."""

EXCHANGES_DOING = ("rapid_pass_through", "otc_like_flows", "cash_out")
"""What is true of every deposit address, because the exchange empties it."""


def citations(signals: Iterable[Signal]) -> list[Citation]:
    """List what signals cite; what changes merely because somebody looks later is left out."""
    return [
        Citation(
            flag,
            signal.name,
            low=flag in signal.flags_when_low,
            grows=signal.unit in GROWING,
            fewest=signal.fewest,
        )
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
        ``address``, ``n_transfers`` and a column per signal.
    ordinary
        The same columns, of the accounts that say what is usual.

    Returns
    -------
    polars.DataFrame
        ``address``, ``flag``, ``signal``, ``value``, ``limit``, ``low``.
    """
    found = [_EMPTY]
    for one in cited:
        able = _judged(accounts, ordinary, one)
        value, bound = pl.col(one.signal), pl.col("limit")
        unusual = able.filter(value < bound if one.low else value > bound)
        holds = [stands(one.flag, row) for row in unusual.iter_rows(named=True)]
        found.append(
            unusual.filter(pl.Series(holds, dtype=pl.Boolean)).select(
                "address",
                pl.lit(one.flag).alias("flag"),
                pl.lit(one.signal).alias("signal"),
                value.cast(pl.Float64).alias("value"),
                bound,
                pl.lit(one.low).alias("low"),
            )
        )
    return pl.concat(found)


def seen(
    accounts: pl.DataFrame, ordinary: pl.DataFrame, cited: Iterable[Citation]
) -> dict[str, int]:
    """Count, for each flag, the accounts that have a signal by which it could fire."""
    by_flag: dict[str, set[str]] = {}
    for one in cited:
        if limit(ordinary[one.signal], low=one.low) is not None:
            able = _judged(accounts, ordinary, one)
            by_flag.setdefault(one.flag, set()).update(able["address"])
    return {flag: len(addresses) for flag, addresses in by_flag.items()}


def _judged(accounts: pl.DataFrame, ordinary: pl.DataFrame, one: Citation) -> pl.DataFrame:
    """Return the accounts of which a signal can raise the flag, each with its ``limit``."""
    able = pl.col(one.signal).is_not_null()
    for column, least in one.fewest:
        able &= pl.col(column) >= least
    if one.flag in EXCHANGES_DOING:
        able &= ~looks_like_deposit_address()
    found = accounts.filter(able).with_columns(_band(one))
    bands = found["band"].unique().to_list()
    limits = [_limit_in(ordinary, one, band) for band in bands]
    told = pl.DataFrame({"band": bands, "limit": limits}, schema=_LIMITS)
    return found.join(told.drop_nulls(), on="band", how="inner", maintain_order="left")


def _limit_in(ordinary: pl.DataFrame, one: Citation, band: int) -> float | None:
    """Return the value that is unusual among all, and among those of about as many transfers."""
    known = ordinary.filter(pl.col(one.signal).is_not_null())
    of_all = limit(known[one.signal], low=one.low)
    if of_all is None or not one.grows:
        return of_all
    alike = known.with_columns(_band(one)).filter(band=band)
    if alike.height < FEWEST:
        apart = (pl.col("n_transfers").log(3) - (band + 0.5)).abs()
        alike = known.sort(apart, maintain_order=True).head(FEWEST)
    of_its_size = limit(alike[one.signal], low=one.low)
    assert of_its_size is not None
    return min(of_all, of_its_size) if one.low else max(of_all, of_its_size)


def _band(one: Citation) -> pl.Expr:
    """Return the power of three of an account's transfers, where that matters."""
    if not one.grows:
        return pl.lit(0, dtype=pl.Int64).alias("band")
    return pl.col("n_transfers").log(3).floor().cast(pl.Int64).alias("band")


_LIMITS = {"band": pl.Int64, "limit": pl.Float64}
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
