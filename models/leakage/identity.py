"""The same gang on both sides: a model is praised for knowing again whom it has seen.

What is looked for: one address, one case, accounts that pay each other, accounts that share a
partner hardly anybody else deals with, and histories that are copies of each other.
"""

from __future__ import annotations

import polars as pl

from models.intervals import wilson
from models.leakage.finding import Finding, Measured
from models.leakage.subject import HELD, Subject, Ties, some

RARE = 10
"""A partner is rare if it dealt with at most so many addresses."""

FEWEST_LOOKED_AT = 10
"""Fewer positives in validation and test are too few to speak of a share."""

_FLATTERED = (
    "Validation and test then ask whom the model has seen, not how launderers behave: "
    "their figures promise more than new cases will hold."
)


def address_across_parts(subject: Subject) -> Finding | None:
    """Look for an address, on whatever chain, in two parts."""
    torn = _torn(subject.rows, "address")
    if not torn.height:
        return None
    return Finding(
        "address_across_parts",
        f"{torn.height:,} addresses stand in more than one part of the split.",
        _FLATTERED,
        "Give all rows of an address one part, on all chains: one key moves all of them.",
        examples=some(torn["address"]),
    )


def case_across_parts(subject: Subject) -> Finding | None:
    """Look for a case in two parts."""
    if not subject.has("case_id"):
        return None
    cases = subject.rows.drop_nulls("case_id")
    torn = _torn(cases, "case_id")
    if not torn.height:
        return None
    members = cases.filter(pl.col("case_id").is_in(torn["case_id"].implode()))
    return Finding(
        "case_across_parts",
        f"{torn.height:,} cases stand in more than one part of the split "
        f"({members.height:,} rows).",
        _FLATTERED,
        "Give all rows of a case one part, or leave the `split` column out: cases are then kept "
        "together.",
        examples=some(members["address"]),
    )


def linked_across_parts(subject: Subject) -> Finding | None:
    """Look for positives of one part that paid, or were paid by, positives of another."""
    ties = subject.surroundings.ties
    positives = _positives(subject.rows)
    if ties is None or positives.is_empty():
        return None
    train = positives.filter(pl.col("part") == "train").select("chain", other="address")
    linked = _held_tied(positives, ties).join(train, on=["chain", "other"], how="semi")
    return _looked_up(
        "linked_across_parts",
        positives,
        linked,
        "have a transfer with a positive of train",
        subject.limits.linked,
    )


def shared_rare_counterparty(subject: Subject) -> Finding | None:
    """Look for positives that share a partner with one of train whom hardly anybody knows."""
    ties = subject.surroundings.ties
    positives = _positives(subject.rows)
    if ties is None or positives.is_empty():
        return None
    known = ties.pairs.filter(pl.col("partners") <= RARE)
    train = positives.filter(pl.col("part") == "train").select(row="_row")
    theirs = known.join(train, on="row", how="semi").select("chain", "other").unique()
    linked = _held_tied(positives, Ties(known, ties.listed)).join(
        theirs, on=["chain", "other"], how="semi"
    )
    return _looked_up(
        "shared_rare_counterparty",
        positives,
        linked,
        f"share a partner with a positive of train that dealt with at most {RARE} addresses",
        subject.limits.sharing,
    )


def _torn(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    parts = rows.group_by(name).agg(n=pl.col("part").n_unique())
    return parts.filter(pl.col("n") > 1).sort(name)


def _positives(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("label") == 1)


def _held_tied(positives: pl.DataFrame, ties: Ties) -> pl.DataFrame:
    """Return the ties of the positives of validation and test."""
    held = positives.filter(pl.col("part").is_in(HELD)).select("address", row="_row")
    return ties.pairs.join(held, on="row")


def _looked_up(
    kind: str, positives: pl.DataFrame, linked: pl.DataFrame, words: str, limit: float
) -> Finding | None:
    n = positives.filter(pl.col("part").is_in(HELD)).height
    hits = linked["row"].n_unique()
    low, high = wilson(hits, n)
    if n < FEWEST_LOOKED_AT or low <= limit:
        return None
    return Finding(
        kind,
        f"{hits:,} of {n:,} positives in validation and test ({hits / n:.0%} "
        f"[{low:.0%}, {high:.0%}]) {words}; {limit:.0%} would pass.",
        f"They could be looked up instead of recognised. {_FLATTERED}",
        "Give linked addresses one `case_id`, or leave the `split` column out: those that pay each "
        "other, or share such a partner, are then kept together.",
        measured=Measured(hits / n, limit, low, high),
        examples=some(linked["address"]),
    )
