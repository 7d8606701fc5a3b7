"""How much moved, and whether it is a large enough part of what two sides paid and got."""

from __future__ import annotations

import polars as pl

Totals = dict[str, pl.DataFrame]
"""What each address paid (as ``sender``) and got (as ``receiver``), by unit."""


def totals_of(moved: pl.DataFrame) -> Totals:
    """Add up what each address paid and got.

    Parameters
    ----------
    moved
        Transfers with ``unit`` and ``value`` (`models.cases.ground`).
    """
    return {
        side: moved.group_by("chain", pl.col(side).alias("address"), "unit").agg(
            pl.col("value").sum().alias("total")
        )
        for side in ("sender", "receiver")
    }


def material(moved: pl.DataFrame, by: list[str], sides: Totals, least: float) -> pl.DataFrame:
    """Return the rows of those groups that are a large enough part of each side's total.

    Parameters
    ----------
    by
        What makes a group, beside the chain and the unit.
    sides
        Column with an address, to the totals that count for it.
    """
    group = ["chain", *by, "unit"]
    weight = moved.group_by(group).agg(pl.col("value").sum().alias("weight"))
    for column, totals in sides.items():
        known = totals.rename({"address": column})
        weight = weight.join(known, on=["chain", column, "unit"])
        weight = weight.filter(pl.col("weight") >= least * pl.col("total")).drop("total")
    return moved.join(weight, on=group, how="semi")
