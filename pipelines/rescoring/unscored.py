"""Every address that has no score, with the reason, for lists of a million.

The reason is the status and what it means; what exactly was missing of this address stands beside
it: how many transfers it has and how many the model needs, which legs its exports lack, how many of
its transfers have no value. None of it means clean.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from data.address_lists import Problem
from data.schema import LEGS
from models.bundle import Bundle
from models.status import SCORED
from pipelines.report import STATUS_MEANINGS

UNREADABLE = "unreadable"
"""In place of a status: a line of the list that names no address."""

MEANINGS = {**STATUS_MEANINGS, UNREADABLE: "The line of the list names no address."}

COLUMNS = ("chain", "address", "as_of", "status", "meaning", "missing", "n_transfers")


def unscored(
    bundle: Bundle, signals: pl.DataFrame, scores: pl.DataFrame, problems: Sequence[Problem]
) -> pl.DataFrame:
    """List every address without a score, and every line that names none.

    Parameters
    ----------
    bundle
        Whose needs they do not meet.
    signals, scores
        Of the run, row by row.
    problems
        The lines of the list that could not be used.

    Returns
    -------
    polars.DataFrame
        `COLUMNS`, in the order requested; unreadable lines, with their text as the address, last.
    """
    facts = bundle.facts
    beside = signals.select("legs", "covered", "n_unvalued")
    rows = pl.concat([scores.select("chain", "address", "as_of", "status", "n_transfers"), beside],
                     how="horizontal")  # fmt: skip
    rows = rows.filter(pl.col("status") != SCORED).with_columns(
        meaning=pl.col("status").replace_strict(MEANINGS, return_dtype=pl.String),
        missing=_missing(facts.legs, facts.min_transfers),
    )
    lines = pl.DataFrame(
        [
            {"address": one.text, "status": UNREADABLE, "meaning": MEANINGS[UNREADABLE],
             "missing": f"line {one.line}: {one.reason}"}
            for one in problems
        ],
        schema={"address": pl.String, "status": pl.String, "meaning": pl.String,
                "missing": pl.String},
    )  # fmt: skip
    return pl.concat([rows.select(COLUMNS), lines], how="diagonal").select(COLUMNS)


def _missing(legs: Sequence[str], fewest: int) -> pl.Expr:
    """Say what of this address was missing; null where the status says it all."""
    held = pl.col("legs").str.split(",")
    lacking = pl.concat_str(
        [
            pl.when(~held.list.contains(leg)).then(pl.lit(f"{leg} ")).otherwise(pl.lit(""))
            for leg in LEGS
            if leg in legs
        ]
        or [pl.lit("")]
    )
    shown = pl.format("its exports lack {}", lacking.str.strip_chars().str.replace_all(" ", ", "))
    n, unvalued = pl.col("n_transfers"), pl.col("n_unvalued")
    few = pl.format("{} transfers of {} needed", n, pl.lit(fewest))
    return (
        pl.when((pl.col("status") == "partial_coverage") & ~pl.col("covered"))
        .then(pl.lit("no export covers it: it was only seen as somebody's counterparty"))
        .when(pl.col("status") == "partial_coverage")
        .then(shown)
        .when(pl.col("status") == "unpriced")
        .then(pl.format("{} of {} transfers have no value", unvalued, n + unvalued))
        .when(pl.col("status") == "insufficient_history")
        .then(few)
        .otherwise(pl.lit(None, dtype=pl.String))
    )
