"""Copies: histories of different parts that are one history, or nearly so.

Two histories of any length hardly ever agree in a signal's exact value, unless the value is one of
the common ones (0, 1, a third). So two rows of different parts that agree in most of their *rare*
values are copies of each other: one wallet listed under two names, one behaviour generated twice,
or a table of research data that was duplicated and shuffled. A value is rare if at most
`MOST_EQUAL` rows have it.
"""

from __future__ import annotations

import polars as pl

from models.intervals import wilson
from models.leakage.finding import Finding, Measured
from models.leakage.subject import HELD, Subject, some

MOST_EQUAL = 8
FEWEST_RARE = 12
"""A row with fewer rare values says too little about whose history it is."""

AGREEING = 0.8
"""Rows that share so much of their rare values are copies."""


def near_duplicate_history(subject: Subject) -> Finding | None:
    """Look for rows of validation and test whose history is that of a row of train."""
    rows = subject.scored
    held = rows.filter(pl.col("part").is_in(HELD))
    copied = copies(rows, [signal.name for signal in subject.inputs])
    low, high = wilson(copied.height, held.height)
    if low <= subject.limits.copies:
        return None
    return Finding(
        "near_duplicate_history",
        f"{copied.height:,} of {held.height:,} rows of validation and test "
        f"({copied.height / held.height:.1%} [{low:.1%}, {high:.1%}]) have the history of a row of "
        f"train: they agree in {AGREEING:.0%} of the values that hardly any row shares; "
        f"{subject.limits.copies:.1%} would pass.",
        "The model has seen the answer. Its figures on these rows say nothing about others.",
        "Keep one row of each history, or give copies one `case_id`.",
        measured=Measured(copied.height / held.height, subject.limits.copies, low, high),
        examples=some(copied["address"]),
    )


def copies(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Return the rows of validation and test that are a copy of a row of train.

    Parameters
    ----------
    rows
        ``_row``, ``address``, ``part`` and the signals.
    names
        The signals.

    Returns
    -------
    polars.DataFrame
        ``_row``, ``address`` and ``of`` (the ``_row`` of the train row that agrees most).
    """
    pairs, rare = [], []
    for name in names:
        found = rows.select("_row", "part", value=name).drop_nulls("value")
        found = found.filter(pl.len().over("value") <= MOST_EQUAL)
        rare.append(found.select("_row"))
        train = found.filter(pl.col("part") == "train").select("value", of="_row")
        held = found.filter(pl.col("part").is_in(HELD)).select("value", "_row")
        pairs.append(held.join(train, on="value").select("_row", "of"))
    counted = pl.concat(rare).group_by("_row").len("rare")
    return (
        pl.concat(pairs)
        .group_by("_row", "of")
        .len("equal")
        .join(counted, on="_row")
        .filter(pl.col("rare") >= FEWEST_RARE, pl.col("equal") >= AGREEING * pl.col("rare"))
        .sort("_row", "equal", "of", descending=[False, True, False])
        .unique("_row", keep="first", maintain_order=True)
        .join(rows.select("_row", "address"), on="_row")
        .select("_row", "address", "of")
    )
