"""What is asked of two windows: every input of the model, the score, bands, statuses, coverage.

| about | of whom | what |
|---|---|---|
| signal | scored addresses | place and spread of each value, and the share that has one |
| score | scored addresses | place and spread of the log-odds, the share in each band or above |
| status | everybody | the share of each status |
| coverage | everybody | the share whose export shows each leg, that is whole, on each chain |
| age | everybody | how long ago the first transfer was |

All but the last are asked of addresses of equal age. Those that stand on both lists have grown
older by the time in between; where they are many, the last is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from models.bands import FALSE_POSITIVE_RATES
from models.drift import PLACE, SHARE, SPREAD, Finding, Pairing, Side, compared, placed
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
        Whether ages may be compared: not where many addresses stand on both lists.
    progress
        Called with 1 after each signal.

    Yields
    ------
    Finding
        Not yet judged (`models.drift.judged`).
    """
    windows = current, reference
    sides = [_side(window) for window in windows]
    scored = tuple((window["status"] == SCORED).to_numpy() for window in windows)
    asked = _Asked(Pairing(*sides), scored)
    for name in model.signals:
        values = [_numbers(window[name]) for window in windows]
        yield from asked.number("signal", name, values, scored)
        yield asked.share("signal", name, [~np.isnan(v) for v in values], scored=True)
        progress(1)
    log_odds = [_numbers(window["log_odds"]) for window in windows]
    yield from asked.number("score", "log_odds", log_odds, scored)
    for band in FALSE_POSITIVE_RATES:
        least = model.thresholds[band]
        if least is not None:
            yield asked.share("score", band, [v >= least for v in log_odds], scored=True)
    rules = _rules(windows, model)
    holds = [window.select(rule.fill_null(False) for rule in rules.values()) for window in windows]
    for at, (about, name) in enumerate(rules):
        columns = [table.to_series(at).to_numpy() for table in holds]
        yield asked.share(about, name, columns, scored=False)
    if ask_age:
        apart = _Asked(Pairing(*sides, by_age=False), scored)
        yield from apart.number("age", "days", [side.age for side in sides], None)


def _rules(windows: Sequence[pl.DataFrame], model: Model) -> dict[tuple[str, str], pl.Expr]:
    """Return what may hold of an address, scored or not."""
    legs = pl.col("legs").str.split(",")
    found = {
        **{("status", s): pl.col("status") == s for s in _values(windows, "status")},
        **{("coverage", leg): legs.list.contains(leg) for leg in model.legs},
        ("coverage", "complete"): pl.col("complete"),
        **{("coverage", f"chain {c}"): pl.col("chain") == c for c in _values(windows, "chain")},
    }
    return {key: rule.alias(str(at)) for at, (key, rule) in enumerate(found.items())}


@dataclass(frozen=True)
class _Asked:
    """The pairing of two windows, and who of them is scored."""

    pairing: Pairing
    is_scored: tuple[np.ndarray, ...]

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
        summaries = [_summary(then), _summary(now)]
        for what, found in zip((PLACE, SPREAD), placed(now, then), strict=True):
            before, after = (summary[what] for summary in summaries)
            yield Finding(about, name, what, before, after, found)

    def share(
        self,
        about: str,
        name: str,
        holds: Sequence[np.ndarray],
        *,
        scored: bool,
    ) -> Finding:
        """Compare how often something holds, among the scored or among everybody."""
        rows = self.scored if scored else self.everybody
        now, then = (value[row].astype(np.float64) for value, row in zip(holds, rows, strict=True))
        found = compared(now, then, SHARE)
        return Finding(about, name, SHARE, _mean(then), _mean(now), found)

    @cached_property
    def everybody(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of all addresses."""
        return self.pairing.pairs()

    @cached_property
    def scored(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of scored addresses."""
        return self.pairing.pairs(*self.is_scored)


def _side(window: pl.DataFrame) -> Side:
    return Side(_numbers(window[AGE]), window[ORDER].to_numpy())


def _numbers(column: pl.Series) -> np.ndarray:
    """Return values with NaN for null."""
    return (column if column.dtype == pl.Float64 else column.cast(pl.Float64)).to_numpy()


def _values(windows: Sequence[pl.DataFrame], column: str) -> list[str]:
    return sorted({value for window in windows for value in window[column].unique().to_list()})


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _summary(values: np.ndarray) -> dict[str, float | None]:
    """Return the median, and the distance between the quartiles."""
    if not len(values):
        return {PLACE: None, SPREAD: None}
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {PLACE: float(middle), SPREAD: float(high - low)}
