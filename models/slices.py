"""Slices: for whom the model works, and on whom its false alarms fall.

A model that is right on average may be wrong for one chain, for small wallets or for young ones.
Rows are cut by what is known of each, and every slice is measured like the whole: how it ranks, and
which share of its negatives reaches `medium`, beside the share overall.

>>> frame = pl.DataFrame({"chain": ["tron"] * 3 + ["ethereum"], "n_transfers": [5, 9, 40, 300],
...     "days": [1.0, 9.0, 50.0, 700.0]})
>>> [(s.by, s.name, s.rows.tolist()) for s in cut(frame)][:2]
[('chain', 'ethereum', [False, False, False, True]), ('chain', 'tron', [True, True, True, False])]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.bootstrap import estimates
from models.intervals import weighed
from models.material import row_weights
from models.metrics import METRICS, Outcomes

SIZES = (10, 30, 100, 300)
"""Borders between small and large histories, in transfers."""

AGES = (7, 30, 90, 365)
"""Borders between young and old wallets, in days from first to last transfer."""

NAMED = ("population", "source")
"""Columns by whose values rows are cut too, where the labels have them."""

FEWEST = 20
"""A slice of fewer rows is counted and not measured."""

RESAMPLES = 300


@dataclass(frozen=True)
class Slice:
    """Some rows, by what, and what they have in common."""

    by: str
    name: str
    rows: np.ndarray


def cut(frame: pl.DataFrame) -> Iterator[Slice]:
    """Yield the slices of a frame: by chain, size, age, and the columns of `NAMED` it has."""
    for column in ("chain", *(name for name in NAMED if name in frame.columns)):
        for value in frame[column].drop_nulls().unique().sort():
            yield Slice(column, str(value), (frame[column] == value).fill_null(False).to_numpy())
    for column, by, borders, unit in (
        ("n_transfers", "size", SIZES, "transfers"),
        ("days", "age", AGES, "days"),
    ):
        at = np.digitize(frame[column].fill_null(0).to_numpy(), borders)
        for k in range(len(borders) + 1):
            yield Slice(by, _range(borders, k, unit), at == k)


def _range(borders: tuple[int, ...], k: int, unit: str) -> str:
    """Name a range of whole numbers.

    >>> [_range((7, 30), k, "days") for k in range(3)]
    ['under 7 days', '7 to 29 days', '30 days or more']
    """
    if k == 0:
        return f"under {borders[0]} {unit}"
    if k == len(borders):
        return f"{borders[-1]} {unit} or more"
    return f"{borders[k - 1]} to {borders[k] - 1} {unit}"


def sliced(scored: pl.DataFrame, medium: float | None, *, seed: int = 1) -> list[dict[str, Any]]:
    """Measure every slice.

    Parameters
    ----------
    scored
        Rows with a score: ``label``, ``log_odds``, ``group``, ``chain``, ``n_transfers``,
        ``first_seen``, ``last_seen``, and where known the columns of `NAMED`.
    medium
        Least log-odds of the band `medium`; None: no shares of false alarms.
    seed
        Of the bootstrap.

    Returns
    -------
    list of dict
        ``by``, ``name``, ``n``, ``n_positive``, ``roc_auc`` and ``pr_auc`` with intervals (null
        where too few), ``flagged`` (share of its negatives that reach `medium`, with its interval)
        and ``ratio`` (that share by the share overall). Empty slices are left out.
    """
    days = (pl.col("last_seen") - pl.col("first_seen")).dt.total_seconds() / 86_400
    frame = scored.with_columns(days=days)
    label, score = frame["label"].to_numpy(), frame["log_odds"].to_numpy()
    group, weights = frame["group"].to_numpy(), row_weights(frame)
    negative = label == 0
    overall = None
    if medium is not None and negative.any():
        overall, _, _ = weighed(score[negative] >= medium, weights[negative])
    found = []
    for part in cut(frame):
        n = int(part.rows.sum())
        if not n:
            continue
        outcomes = Outcomes(
            label[part.rows], score[part.rows], group[part.rows], weights=weights[part.rows]
        )
        told: dict[str, Any] = {
            "by": part.by, "name": part.name, "n": n, "n_positive": outcomes.n_positive,
            "roc_auc": None, "pr_auc": None, "flagged": None, "ratio": None,
        }  # fmt: skip
        if n >= FEWEST:
            metrics = [METRICS["roc_auc"], METRICS["pr_auc"]]
            measured = estimates(outcomes, metrics, resamples=RESAMPLES, seed=seed)
            told |= {
                name: None if m is None else {"value": m.value, "low": m.low, "high": m.high}
                for name, m in measured.items()
            }
        theirs = part.rows & negative
        if overall is not None and theirs.sum() >= FEWEST:
            share, low, high = weighed(score[theirs] >= medium, weights[theirs])
            told["flagged"] = {"value": share, "low": low, "high": high}
            told["ratio"] = share / overall if overall else None
        found.append(told)
    return found
