"""Which labels are mature: old enough that what could become known of them has become known.

A launderer found today was scored months ago. Of the addresses scored last week only those found
within a week have a label, and they are the easy ones; measured on them a model looks as it never
was. So a label counts only where its `as_of` lies at least one **label lag** before the moment of
measuring, whether it came fast or slowly.

By default the lag is the time within which 95 % of labels came, read from the older half of the
time that the labels span: in the younger half slow labels are still missing, and would make the
lag look short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

USUALLY_KNOWN = 0.95
"""The share of labels that the default lag waits for."""

FEWEST_LAGS = 20
"""With fewer labels that say when they were known, there is no default lag."""


@dataclass(frozen=True)
class Maturity:
    """What became of the labels that judge an address (1 or 0).

    Attributes
    ----------
    lag_days : float or None
        The label lag in days; None where it was not given and the labels do not show it.
    lag_from : str
        ``given``, ``labels`` or ``unknown``.
    n_labels : int
        Labels of 1 or 0.
    n_undated : int
        Without an `as_of`: nobody knows when they were to be scored.
    n_learned_from : int
        With an `as_of` no later than the model's training and validation rows.
    n_not_yet : int
        With an `as_of` or `available_at` after the moment of measuring.
    n_immature : int
        Younger than the lag; all others, where the lag is unknown.
    n_mature : int
        What is left, and is measured.
    """

    lag_days: float | None
    lag_from: str
    n_labels: int
    n_undated: int
    n_learned_from: int
    n_not_yet: int
    n_immature: int
    n_mature: int


def mature(
    labels: pl.DataFrame, moment: datetime, *, learned_until: date, lag_days: float | None = None
) -> tuple[pl.DataFrame, Maturity]:
    """Choose the labels that a model may be measured on at a moment.

    Parameters
    ----------
    labels
        Training labels with `label`, `as_of`, `available_at`.
    moment
        When it is measured; what was known later does not count.
    learned_until
        The date of the latest `as_of` that the model was trained or calibrated on.
    lag_days
        The label lag; None: told from the labels.

    Returns
    -------
    tuple
        The mature rows in their order, and what became of the others. Each row is counted under
        the first rule that leaves it out.
    """
    judged = labels.filter(pl.col("label").is_not_null())
    past = judged.filter(_not_after("as_of", moment) & _not_after("available_at", moment))
    lag, lag_from = (lag_days, "given") if lag_days is not None else _lag(past, moment)
    late = (
        moment - timedelta(days=lag)
        if lag is not None
        else datetime.min.replace(tzinfo=moment.tzinfo)
    )
    rules = {
        "n_undated": pl.col("as_of").is_null(),
        "n_learned_from": pl.col("as_of").dt.date() <= learned_until,
        "n_not_yet": ~(_not_after("as_of", moment) & _not_after("available_at", moment)),
        "n_immature": pl.lit(True) if lag is None else pl.col("as_of") > late,
    }
    answer = pl.coalesce(
        [pl.when(rule.fill_null(False)).then(pl.lit(name)) for name, rule in rules.items()]
        + [pl.lit("n_mature")]
    )
    told = judged.with_columns(_fate=answer)
    fates = dict(told["_fate"].value_counts().iter_rows())
    counts = {name: int(fates.get(name, 0)) for name in (*rules, "n_mature")}
    return (
        told.filter(pl.col("_fate") == "n_mature").drop("_fate"),
        Maturity(lag, lag_from, judged.height, **counts),
    )


def older_half(labels: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """Return the labels that say when they were known, of the older half of the time they span."""
    dated = labels.filter(pl.col("as_of").is_not_null() & pl.col("available_at").is_not_null())
    earliest = dated["as_of"].min()
    if not isinstance(earliest, datetime):
        return dated
    return dated.filter(pl.col("as_of") <= earliest + (moment - earliest) / 2)


def _lag(past: pl.DataFrame, moment: datetime) -> tuple[float | None, str]:
    """Return the days within which most labels came, where enough labels say so."""
    older = older_half(past, moment)
    if older.height < FEWEST_LAGS:
        return None, "unknown"
    waits = older.select((pl.col("available_at") - pl.col("as_of")).dt.total_seconds() / 86_400)
    found = waits.to_series().quantile(USUALLY_KNOWN, "higher")
    return (None, "unknown") if found is None else (float(max(0, math.ceil(found))), "labels")


def _not_after(column: str, moment: datetime) -> pl.Expr:
    return (pl.col(column) <= moment).fill_null(True)
