"""Train, validation and test, cut by time and never through a case.

A random split flatters a model twice: wallets of one gang stand on both sides, and the future
trains for the past. So rows that belong together form a **group** (one case, one address in
several rows, or both, however they chain up); a group stands in time at its earliest moment;
groups are put in order and cut 60 / 20 / 20.

The moment of a row is its `as_of`. Where all rows share one `as_of`, it orders nothing, and the
first transfer of the history (`first_seen`) does instead.

A label can only teach what was known when the model would have been fitted. A row of train is
**left out** if its `as_of`, or the moment its label became available, lies after the first `as_of`
of validation and test. (Where all rows share one `as_of`, it is that moment.) Validation is not
filtered: it waits for its labels to mature, as a team does before it calibrates.

A `split` column in the labels is taken as it is: whoever names a split answers for it. Rows that
the rule above would leave out are only counted, and what it tears apart the leakage audit tells
(`models.leakage`).

>>> from datetime import datetime
>>> frame = pl.DataFrame({"address": list("abcde"), "case_id": ["x", None, "x", None, None],
...     "as_of": [datetime(2024, 1, d) for d in (1, 2, 9, 4, 5)]})
>>> assign(frame, Shares(0.6, 0.2, 0.2)).part.to_list()  # a and c are one case, from 1 January on
['train', 'train', None, 'validation', 'test']
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from data.errors import Refused
from models.components import components

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Shares:
    """The share of the rows that each part gets, as nearly as whole groups allow."""

    train: float = 0.6
    validation: float = 0.2
    test: float = 0.2

    def __post_init__(self) -> None:
        parts = (self.train, self.validation, self.test)
        if min(parts) < 0 or self.train <= 0 or abs(sum(parts) - 1) > 1e-9:
            raise ValueError(f"Shares must be at least 0, sum to 1, and train > 0. Got {parts}.")


@dataclass(frozen=True)
class Split:
    """A split of labelled rows.

    Attributes
    ----------
    part : polars.Series
        One of `PARTS` per row; null for a row left out.
    group : polars.Series
        The group's name per row: the smallest address in it.
    moment : polars.Series
        Where the row's group stands in time.
    predefined : bool
        Whether the labels brought their own split.
    n_known_late : int
        Rows of train known only after validation begins: left out, or, in a predefined split,
        kept and counted.
    """

    part: pl.Series
    group: pl.Series
    moment: pl.Series
    predefined: bool
    n_known_late: int


def assign(frame: pl.DataFrame, shares: Shares = Shares()) -> Split:
    """Split labelled rows by time and case.

    Parameters
    ----------
    frame
        Columns `address`, `as_of`; where known `first_seen`, `case_id`, `group`, `available_at`,
        `split`. `group` links rows beyond cases (accounts that trade with each other).
    shares
        Used unless there is a `split` column.

    Raises
    ------
    Refused
        `as_of` is missing somewhere; `split` is half filled or has an unknown value; all rows share
        one `as_of` and there is no `first_seen`.
    """
    group = groups(frame)
    moment = _group_moments(frame, group)
    if "split" in frame.columns and frame["split"].null_count() < frame.height:
        part = _predefined(frame)
        late = _known_late(frame, part)
        return Split(part, group, moment, predefined=True, n_known_late=int(late.sum()))
    part = _cut_by_time(group, moment, shares)
    late = _known_late(frame, part)
    kept = pl.select(pl.when(~late).then(part).alias("part"))["part"]
    return Split(kept, group, moment, predefined=False, n_known_late=int(late.sum()))


def groups(frame: pl.DataFrame) -> pl.Series:
    """Name the group of every row: what must stay on one side.

    Rows share a group if they share an address (on whatever chain: one key holder), a `case_id` or
    a `group`, directly or through other rows.

    >>> rows = pl.DataFrame({"address": ["a", "b", "b", "d"], "case_id": ["x", "x", "y", None]})
    >>> groups(rows).to_list()
    ['a', 'a', 'a', 'd']
    """
    links = [column for column in ("address", "case_id", "group") if column in frame.columns]
    pairs = pl.concat(
        frame.select(link=pl.col(column).cast(pl.String))
        .with_row_index("row")
        .drop_nulls("link")
        .select(pl.col("row").first().over("link").alias("first"), "row")
        for column in links
    )
    found = components(range(frame.height), pairs.iter_rows())
    component = pl.Series("component", list(found.values()), dtype=pl.Int64)
    return (
        frame.select(address=pl.col("address").cast(pl.String), component=component)
        .select(pl.col("address").min().over("component").alias("group"))
        .to_series()
    )


def _group_moments(frame: pl.DataFrame, group: pl.Series) -> pl.Series:
    """Return the earliest moment of each row's group."""
    if "as_of" not in frame.columns or frame["as_of"].null_count():
        raise Refused(
            "labels without an `as_of` cannot be split by time",
            hint="Cut all rows at one stated moment (--as-of), or give each label its own.",
        )
    column = "as_of"
    if frame["as_of"].n_unique() == 1 and frame.height > 1:
        column = "first_seen"
        if column not in frame.columns:
            raise Refused(
                "all labels share one `as_of` and nothing else puts them in order",
                expected="a first_seen column beside the labels, or an as_of of each label",
            )
    return (
        frame.select(moment=pl.col(column), group=group)
        .select(pl.col("moment").min().over("group"))
        .to_series()
    )


def _cut_by_time(group: pl.Series, moment: pl.Series, shares: Shares) -> pl.Series:
    """Put groups in order of time and cut where the rows so far reach each share.

    A group goes where its middle row falls, so that a large case does not push a whole part away.
    Groups without a moment (an empty history) get no part.
    """
    table = pl.DataFrame({"group": group, "moment": moment})
    ordered = (
        table.filter(pl.col("moment").is_not_null())
        .group_by("group")
        .agg(pl.col("moment").first(), n=pl.len())
        .sort("moment", "group")
        .with_columns(
            middle=(pl.col("n").cum_sum() - pl.col("n") / 2) / pl.col("n").sum().cast(pl.Float64)
        )
    )
    to_validation, to_test = shares.train, shares.train + shares.validation
    part = (
        pl.when(pl.col("middle") <= to_validation)
        .then(pl.lit("train"))
        .when(pl.col("middle") <= to_test)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("test"))
    )
    parts = ordered.select("group", part=part)
    return table.join(parts, on="group", how="left", maintain_order="left")["part"]


def _predefined(frame: pl.DataFrame) -> pl.Series:
    """Return the split that the labels bring, checked."""
    part = frame["split"].cast(pl.String).alias("part")
    values = part.drop_nulls().unique().sort()
    wrong = values.filter(~values.is_in(PARTS))
    if part.null_count() or len(wrong):
        came = f"the values {wrong.to_list()}" if len(wrong) else f"{part.null_count()} empty rows"
        raise Refused(f"the `split` column has {came}", expected=f"one of {', '.join(PARTS)}")
    return part


def _known_late(frame: pl.DataFrame, part: pl.Series) -> pl.Series:
    """Mark rows of train that were known only after the other parts begin."""
    known = pl.col("as_of")
    if "available_at" in frame.columns:
        known = pl.max_horizontal("as_of", "available_at")
    cut = frame.filter(part.is_in(PARTS[1:]).fill_null(False))["as_of"].min()
    late = (pl.col("_part") == "train") & (known > pl.lit(cut))
    marked = frame.with_columns(part.alias("_part")).with_columns(late.alias("_late"))
    return marked["_late"].fill_null(False)
