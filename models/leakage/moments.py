"""Time that leaks: what was known when, where histories are cut, which years classes are from.

A history must be cut by one rule for everybody, before a freeze or a report. If the positives end
at their report and the negatives today, the model learns where histories end.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from models.intervals import wilson
from models.leakage.alone import apart, beyond
from models.leakage.finding import Finding, Measured
from models.leakage.subject import HELD, Subject, some

DAY = 86_400_000_000


def label_known_late(subject: Subject) -> Finding | None:
    """Look for labels of train that became known only when validation had begun."""
    rows = subject.rows
    known = pl.col("as_of")
    if subject.has("available_at"):
        known = pl.max_horizontal("as_of", "available_at")
    begins = rows.filter(pl.col("part").is_in(HELD))["as_of"].min()
    late = rows.filter((pl.col("part") == "train") & (known > pl.lit(begins)))
    if late.is_empty() or not isinstance(begins, datetime):
        return None
    n = rows.filter(pl.col("part") == "train").height
    return Finding(
        "label_known_late",
        f"{late.height:,} of {n:,} labels of train became known, or are cut, after the first cut "
        f"of validation and test ({begins:%Y-%m-%d}).",
        "On that day nobody could have trained on them: the figures promise what no model in use "
        "will have.",
        "Leave them out of train, or leave the `split` column out: that is then done for you.",
        examples=some(late["address"]),
    )


def parts_out_of_order(subject: Subject) -> Finding | None:
    """Look for validation and test rows from before most of train."""
    rows = subject.rows.drop_nulls("moment")
    middle = rows.filter(pl.col("part") == "train")["moment"].median()
    held = rows.filter(pl.col("part").is_in(HELD))
    if middle is None or held.is_empty():
        return None
    early = held.filter(pl.col("moment") < pl.lit(middle))
    low, high = wilson(early.height, held.height)
    if low <= subject.limits.early:
        return None
    share = early.height / held.height
    return Finding(
        "parts_out_of_order",
        f"{share:.0%} of validation and test [{low:.0%}, {high:.0%}] is older than half of train; "
        f"{subject.limits.early:.0%} would pass.",
        "The model learns from the future of what it is tested on. How it does on tomorrow's cases "
        "is not measured.",
        "Cut the parts by time, or leave the `split` column out: they are then cut 60/20/20.",
        measured=Measured(share, subject.limits.early, low, high),
        examples=some(early["address"]),
    )


def missing_dates(subject: Subject) -> Finding | None:
    """Look for dates that are missing: in one class more often, or so that no cut is known."""
    rows = subject.rows
    if "as_of_given" in rows.columns:
        unknown = rows.filter(~pl.col("as_of_given"))
        if unknown.height:
            return _without_cut(unknown, rows)
    if not subject.has("available_at"):
        return Finding(
            "missing_dates",
            "No label says when it became known (`available_at`).",
            "Whether a label of train was known before validation begins cannot be checked.",
            "Give `available_at`: the day of the report, the list or the review.",
            blocks=False,
        )
    shares = {label: _share_missing(rows, label) for label in (0, 1)}
    apart_by = abs(shares[1] - shares[0])
    if apart_by <= subject.limits.missing:
        return None
    return Finding(
        "missing_dates",
        f"`available_at` is missing for {shares[1]:.0%} of the positives and {shares[0]:.0%} of "
        "the negatives.",
        "Rows without it are never left out as known too late, so that of one class more late "
        "labels stay in train than of the other.",
        "Give the date of every label, or of none.",
        measured=Measured(apart_by, subject.limits.missing),
    )


def _share_missing(rows: pl.DataFrame, label: int) -> float:
    of_class = rows.filter(pl.col("label") == label)
    return of_class["available_at"].null_count() / max(1, of_class.height)


def _without_cut(unknown: pl.DataFrame, rows: pl.DataFrame) -> Finding:
    n = {label: unknown.filter(pl.col("label") == label).height for label in (0, 1)}
    return Finding(
        "missing_dates",
        f"{unknown.height:,} of {rows.height:,} labels have no `as_of` ({n[1]:,} positives, "
        f"{n[0]:,} negatives), so that all rows of their parts are cut at one stated moment.",
        "Histories of known cases then run on past the report and the freeze. The model learns "
        "what follows a report, and knows less about the days when it is needed.",
        "Give each label the moment it speaks of, before the report, by one rule for both classes.",
        examples=some(unknown["address"]),
    )


def one_sided_cut(subject: Subject) -> Finding | None:
    """Look for positives that are cut at another kind of moment than negatives."""
    rows = subject.scored
    as_of = pl.col("as_of").dt.timestamp("us")
    kind = rows.select(
        time_of_day=as_of % DAY,
        whole_days=as_of % DAY == 0,
        whole_seconds=as_of % 1_000_000 == 0,
        as_many=pl.len().over("as_of"),
    )
    if subject.has("available_at"):
        wait = pl.col("available_at").dt.timestamp("us") - as_of
        kind = kind.with_columns(wait=rows.select(wait).to_series())
    pause = rows.select(pause=as_of - pl.col("last_seen").dt.timestamp("us"))
    for facts, limit, words in (
        (
            kind,
            subject.limits.cut,
            "its time of day, how many rows share it, the wait for the label",
        ),
        (pause, subject.limits.pause, "the pause between the last transfer and it"),
    ):
        found = beyond(apart(facts, subject.label, rows["group"]), limit)
        if found is not None:
            return _cut(found, words)
    return None


def _cut(found: Measured, words: str) -> Finding:
    return Finding(
        "one_sided_cut",
        f"The moment at which histories are cut ({words}) tells the classes apart: "
        f"{found.ranking}.",
        "The model learns where histories were cut, which says nothing about anybody's behaviour.",
        "Cut positives and negatives by one rule, before the freeze or the report: for example at "
        "a share of each history, or at the ends of the same months.",
        measured=found,
    )


def era(subject: Subject) -> Finding | None:
    """Look for classes that come from different years."""
    rows = subject.scored
    told = apart(rows.select("first_seen", "as_of"), subject.label, rows["group"])
    found = beyond(told, subject.limits.era)
    if found is None:
        return None
    return Finding(
        "era",
        f"Dates alone tell the classes apart: {found.ranking}.",
        "No date is an input, but whatever changed over the years (fees, tokens, how busy wallets "
        "are) stands in for it: part of what is learned is when, not what.",
        "Draw negatives from the months of the positives.",
        measured=found,
    )
