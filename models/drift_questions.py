"""What is asked of two windows: every input of the model, the score, bands, statuses, coverage.

| about | of whom | what |
|---|---|---|
| signal | scored addresses | place and spread of each value, and the share that has one |
| score | scored addresses | place and spread of the log-odds, the share in each band or above |
| status | everybody | the share of each status |
| coverage | everybody | the share whose export shows each leg, that is whole, on each chain |
| age | everybody | how long ago the first transfer was |

All but the last are asked of addresses of equal age. Where one list stands on both sides, its
addresses' ages differ by construction, and the last is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.bands import FALSE_POSITIVE_RATES
from models.drift import PLACE, SHARE, SPREAD, Finding, Pairing, Side, compared
from models.status import SCORED

AGE, ORDER = "_age", "_order"
"""The columns of a window beside those of signals and scores: days since the first transfer (null
without one), and a number that has nothing to do with what an address does."""


@dataclass(frozen=True)
class Model:
    """What of a model the questions depend on.

    Attributes
    ----------
    signals : sequence of str
        Its inputs.
    thresholds : mapping
        Least log-odds of each band, None where it is not given out.
    legs : sequence of str
        Its leg profile.
    """

    signals: Sequence[str]
    thresholds: Mapping[str, float | None]
    legs: Sequence[str]


def findings(
    current: pl.DataFrame,
    reference: pl.DataFrame,
    model: Model,
    *,
    ask_age: bool,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Finding]:
    """Compare two windows in everything there is to ask.

    Parameters
    ----------
    current, reference
        One row per address, no address in both: `status`, `log_odds`, `chain`, `legs`, `complete`,
        `AGE`, `ORDER`, and a column per signal of the model.
    model
        What to ask about.
    ask_age
        Whether the two lists are independent, so that their ages may be compared.
    progress
        Called with 1 after each signal.

    Yields
    ------
    Finding
        Not yet judged (`models.drift.judged`).
    """
    windows = current, reference
    asked = _Asked(windows, Pairing(*(_side(window) for window in windows)))
    scored = tuple((window["status"] == SCORED).to_numpy() for window in windows)
    for name in model.signals:
        values = [_numbers(window[name]) for window in windows]
        yield from asked.number("signal", name, values, scored)
        yield asked.share("signal", name, [~np.isnan(value) for value in values], scored)
        progress(1)
    log_odds = [_numbers(window["log_odds"]) for window in windows]
    yield from asked.number("score", "log_odds", log_odds, scored)
    for band in FALSE_POSITIVE_RATES:
        least = model.thresholds[band]
        if least is not None:
            yield asked.share("score", band, [value >= least for value in log_odds], scored)
    for status in _values(windows, "status"):
        yield asked.column("status", status, pl.col("status") == status)
    for leg in model.legs:
        yield asked.column("coverage", leg, pl.col("legs").str.split(",").list.contains(leg))
    yield asked.column("coverage", "complete", pl.col("complete"))
    for chain in _values(windows, "chain"):
        yield asked.column("coverage", f"chain {chain}", pl.col("chain") == chain)
    if ask_age:
        apart = _Asked(windows, Pairing(*(_side(window) for window in windows), by_age=False))
        yield from apart.number("age", "days", [_numbers(window[AGE]) for window in windows], None)


@dataclass(frozen=True)
class _Asked:
    """Two windows with their pairing."""

    windows: tuple[pl.DataFrame, pl.DataFrame]
    pairing: Pairing

    def number(
        self,
        about: str,
        name: str,
        values: Sequence[np.ndarray],
        among: Sequence[np.ndarray] | None,
    ) -> Iterator[Finding]:
        """Compare place and spread of the values that are there."""
        known = [~np.isnan(value) for value in values]
        if among is not None:
            known = [has & here for has, here in zip(known, among, strict=True)]
        rows = self.pairing.pairs(*known)
        now, then = (value[row] for value, row in zip(values, rows, strict=True))
        for what, told in ((PLACE, _median), (SPREAD, _quartile_distance)):
            yield Finding(about, name, what, told(then), told(now), compared(now, then, what))

    def share(
        self,
        about: str,
        name: str,
        holds: Sequence[np.ndarray],
        among: Sequence[np.ndarray] | None,
    ) -> Finding:
        """Compare how often something holds."""
        rows = self.pairing.pairs(*(among or ()))
        now, then = (value[row].astype(np.float64) for value, row in zip(holds, rows, strict=True))
        found = compared(now, then, SHARE)
        return Finding(about, name, SHARE, _mean(then), _mean(now), found)

    def column(self, about: str, name: str, rule: pl.Expr) -> Finding:
        """Compare how often a rule holds among all addresses."""
        holds = [
            window.select(rule.fill_null(False).alias("holds"))["holds"].to_numpy()
            for window in self.windows
        ]
        return self.share(about, name, holds, None)


def _side(window: pl.DataFrame) -> Side:
    return Side(_numbers(window[AGE]), window[ORDER].to_numpy())


def _numbers(column: pl.Series) -> np.ndarray:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _values(windows: Sequence[pl.DataFrame], column: str) -> list[str]:
    return sorted({value for window in windows for value in window[column].unique().to_list()})


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


def _quartile_distance(values: np.ndarray) -> float | None:
    if not len(values):
        return None
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low)
