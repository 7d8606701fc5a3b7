"""How mature labels are, quarter by quarter: what is known of each, and what is still to come.

A figure measured on fresh labels is measured on the easy ones: those that were found fast. So a
report says, for each quarter that labels speak of, how many there are, how fast they became known,
and which share of what will be known of it is not known yet.

That share is told from labels of the older half of the time, where slow ones had time to come
(`models.label_lag`). Of a label of a given day, the share F(age) would be known by now, F being the
distribution of their waits; a quarter's shortfall is 1 - F, averaged over the days its labels speak
of. It holds if labels come as fast as they used to. Intervals resample whole groups of the older
labels, because a case is found at once.

"Now" is the last moment that the labels tell of, so that a report is the same whenever it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from models.bootstrap import affordable, interval
from models.intervals import wilson
from models.label_lag import FEWEST_LAGS, older_half

FOLLOWED = (30, 90, 180)
"""Days within which a label may have become known."""

RESAMPLES = 200


@dataclass(frozen=True)
class Waits:
    """How long older labels took to become known.

    Attributes
    ----------
    days : numpy.ndarray
        Whole days from `as_of` to `available_at`, one for each label.
    group_of : numpy.ndarray
        Number of each one's group.
    """

    days: np.ndarray
    group_of: np.ndarray

    def known_by(self, ages: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
        """Return which share would be known at each age in days.

        >>> Waits(np.array([0, 10, 10, 40]), np.arange(4)).known_by(np.array([5, 10, 90])).tolist()
        [0.25, 0.75, 1.0]
        """
        counted = np.bincount(self.days, times, minlength=int(ages.max(initial=0)) + 1).cumsum()
        return counted[ages] / counted[-1]


def by_quarter(
    labels: pl.DataFrame, parts: Sequence[str] = (), *, seed: int = 1
) -> dict[str, Any] | None:
    """Say how mature labels are.

    Parameters
    ----------
    labels
        ``label``, ``as_of``, ``group``, ``part``, and where known ``available_at`` and
        ``as_of_given`` (labels without a moment of their own belong to no quarter).
    parts
        Parts to be told of by themselves, beside all labels.
    seed
        Of the bootstrap.

    Returns
    -------
    dict or None
        ``moment`` (of the last thing the labels tell), ``n_undated``, ``waits_of`` (how many older
        labels, and positives among them, the shortfalls rest on), and ``quarters``: by part, and
        ``all``, the quarters from the oldest. Each has ``n``, ``n_positive``, ``n_dated`` (with an
        `available_at`), ``within`` (by days: share known so soon, of those old enough to tell, with
        its interval; null where none is), and ``shortfall`` (``labels`` and ``positives``: the
        share not known yet, with its interval; null where too few older labels say). None where no
        label has a moment.
    """
    given = pl.col("as_of_given").fill_null(True) if "as_of_given" in labels.columns else True
    known = pl.col("available_at") if "available_at" in labels.columns else pl.lit(None)
    table = labels.select(
        "label", "group", "part", "as_of",
        available_at=known.cast(labels.schema["as_of"]),
        dated=pl.col("as_of").is_not_null() & given,
    )  # fmt: skip
    dated = table.filter("dated")
    moment = dated.select(pl.max_horizontal(pl.col("as_of", "available_at").max())).item()
    if not isinstance(moment, datetime):
        return None
    dated = dated.with_columns(
        quarter=pl.format("{}-Q{}", pl.col("as_of").dt.year(), pl.col("as_of").dt.quarter()),
        age=(pl.lit(moment) - pl.col("as_of")).dt.total_days(),
        wait=(pl.col("available_at") - pl.col("as_of")).dt.total_days().clip(lower_bound=0),
    )
    older = older_half(dated, moment)
    waits = {"labels": _waits(older), "positives": _waits(older.filter(pl.col("label") == 1))}
    scopes = {part: dated.filter(pl.col("part") == part) for part in parts} | {"all": dated}
    return {
        "moment": moment.isoformat(),
        "n_undated": table.height - dated.height,
        "waits_of": {name: len(found.days) for name, found in waits.items()},
        "quarters": {
            scope: [
                _quarter(name, of.filter(pl.col("quarter") == name), waits, seed)
                for name in of["quarter"].unique().sort()
            ]
            for scope, of in scopes.items()
        },
    }


def _waits(older: pl.DataFrame) -> Waits:
    known = older.filter(pl.col("wait").is_not_null())
    group_of = np.unique(known["group"].to_numpy(), return_inverse=True)[1]
    return Waits(known["wait"].to_numpy().astype(np.int64), group_of)


def _quarter(name: str, rows: pl.DataFrame, waits: dict[str, Waits], seed: int) -> dict[str, Any]:
    ages = rows["age"].unique().sort().to_numpy().astype(np.int64)
    return {
        "quarter": name,
        "n": rows.height,
        "n_positive": int(rows["label"].sum()),
        "n_dated": rows.height - rows["wait"].null_count(),
        "within": {str(days): _within(rows, days) for days in FOLLOWED},
        "shortfall": {of: _shortfall(found, ages, seed) for of, found in waits.items()},
    }


def _within(rows: pl.DataFrame, days: int) -> dict[str, Any] | None:
    """Return the share known within so many days, of labels that are so old."""
    old = rows.filter(pl.col("wait").is_not_null(), pl.col("age") >= days)
    if not old.height:
        return None
    hits = int((old["wait"] <= days).sum())
    low, high = wilson(hits, old.height)
    return {"n": old.height, "value": hits / old.height, "low": low, "high": high}


def _shortfall(waits: Waits, ages: np.ndarray, seed: int) -> dict[str, float] | None:
    """Return the share of a quarter's labels that is not known yet."""
    if len(waits.days) < FEWEST_LAGS:
        return None
    random = np.random.default_rng(seed)
    n_groups = int(waits.group_of.max()) + 1
    drawn = [
        1 - waits.known_by(ages, _times(random, n_groups)[waits.group_of]).mean()
        for _ in range(affordable(RESAMPLES, len(waits.days)))
    ]
    low, high = interval(np.array(drawn))
    return {"value": float(1 - waits.known_by(ages).mean()), "low": low, "high": high}


def _times(random: np.random.Generator, n: int) -> np.ndarray:
    """Return how often each of n groups is drawn in a resample."""
    return np.bincount(random.integers(0, n, n), minlength=n).astype(np.float64)
