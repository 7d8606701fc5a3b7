"""Slices: for whom the model works, and on whom its false alarms fall.

A model that is right on average may be wrong for one chain, for small wallets or for young ones.
Rows are cut by what is known of each, and every slice is measured like the whole: how it ranks,
which share of its positives reaches `medium`, and which of its negatives, beside the share overall.
A typology has positives alone, so it is ranked among all negatives. At which hours somebody is
active, how large payments are and who labelled them are looked at to see that the model treats them
alike; none is ever a model's input. A slice too small to say anything says that.

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

NAMED = ("role", "typology", "population", "source", "ticket_size", "hour_block")
"""Columns by whose values rows are cut too, where they are known."""

OF_POSITIVES = ("role", "typology")
"""Columns whose values may be of positives alone; such a value is ranked among all negatives."""

FEWEST = 20
"""A slice of fewer rows, positives or negatives is counted and not measured by them."""

TOO_FEW = "too few addresses to say anything"

RESAMPLES = 300


@dataclass(frozen=True)
class Slice:
    """Some rows, by what, and what they have in common.

    Attributes
    ----------
    by, name : str
        Such as ``chain`` and ``tron``.
    rows : numpy.ndarray
        Which rows, by a mask.
    beside : numpy.ndarray, optional
        Further rows that they are ranked among.
    """

    by: str
    name: str
    rows: np.ndarray
    beside: np.ndarray | None = None


def cut(frame: pl.DataFrame) -> Iterator[Slice]:
    """Yield the slices of a frame: by chain, the columns of `NAMED` it has, size and age."""
    for column in ("chain", *(name for name in NAMED if name in frame.columns)):
        for value in frame[column].drop_nulls().unique().sort():
            own = (frame[column] == value).fill_null(False).to_numpy()
            alone = column in OF_POSITIVES and (frame["label"].filter(own) == 1).all()
            yield Slice(
                column, str(value), own, (frame["label"] == 0).to_numpy() if alone else None
            )
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
        ``by``, ``name``, ``n``, ``n_positive``, ``roc_auc`` and ``pr_auc`` with intervals,
        ``found`` (share of its positives that reach `medium`) and ``flagged`` (of its negatives),
        with theirs, ``ratio`` (that share by the share overall), each null where its rows are
        fewer than `FEWEST`, and ``says``: what the slice is too small to say, in words, or null.
        Empty slices are left out.
    """
    days = (pl.col("last_seen") - pl.col("first_seen")).dt.total_seconds() / 86_400
    rows = _Rows(scored.with_columns(days=days), medium, seed)
    return [rows.told(part) for part in cut(rows.frame) if part.rows.any()]


class _Rows:
    """Scored rows, and what a slice of them says."""

    def __init__(self, frame: pl.DataFrame, medium: float | None, seed: int) -> None:
        self.frame, self.medium, self.seed = frame, medium, seed
        self.label, self.score = frame["label"].to_numpy(), frame["log_odds"].to_numpy()
        self.group, self.weights = frame["group"].to_numpy(), row_weights(frame)
        innocent = self.reaching(self.label == 0)
        self.overall = None if innocent is None else innocent["value"]

    def told(self, part: Slice) -> dict[str, Any]:
        """Measure a slice."""
        positive, negative = (part.rows & (self.label == k) for k in (1, 0))
        ranked = part.rows if part.beside is None else part.rows | part.beside
        flagged = self.reaching(negative)
        return {
            "by": part.by,
            "name": part.name,
            "n": int(part.rows.sum()),
            "n_positive": int(positive.sum()),
            **self.ranking(ranked),
            "found": self.reaching(positive),
            "flagged": flagged,
            "ratio": flagged["value"] / self.overall if flagged and self.overall else None,
            "says": TOO_FEW
            if part.rows.sum() < FEWEST
            else _too_small(int(positive.sum()), int((ranked & (self.label == 0)).sum())),
        }

    def ranking(self, ranked: np.ndarray) -> dict[str, dict[str, float] | None]:
        """Measure how rows are ranked, where enough of both classes are there."""
        metrics = [METRICS["roc_auc"], METRICS["pr_auc"]]
        label = self.label[ranked]
        if min((label == 1).sum(), (label == 0).sum()) < FEWEST:
            return {metric.name: None for metric in metrics}
        outcomes = Outcomes(
            label, self.score[ranked], self.group[ranked], weights=self.weights[ranked]
        )
        measured = estimates(outcomes, metrics, resamples=RESAMPLES, seed=self.seed)
        return {
            name: None if m is None else {"value": m.value, "low": m.low, "high": m.high}
            for name, m in measured.items()
        }

    def reaching(self, rows: np.ndarray) -> dict[str, float] | None:
        """Return the share of rows that reach `medium`, where there are enough of them."""
        if self.medium is None or rows.sum() < FEWEST:
            return None
        share, low, high = weighed(self.score[rows] >= self.medium, self.weights[rows])
        return {"value": share, "low": low, "high": high}


def _too_small(positives: int, negatives: int) -> str | None:
    """Say what a slice cannot say.

    >>> _too_small(300, 900), _too_small(3, 900)
    (None, 'too few positives to say how they are found')
    >>> _too_small(3, 4)
    'too few addresses to say anything'
    """
    if positives < FEWEST and negatives < FEWEST:
        return TOO_FEW
    if positives < FEWEST:
        return "too few positives to say how they are found"
    return "too few negatives to say how often they are flagged" if negatives < FEWEST else None
