"""Alerts that a bridge stands between: one paid into it what the other got out of it elsewhere.

A bridge ties nobody: everybody uses it. But a deposit and a release of one coin, about one amount
and a few minutes apart that no other pair competes with are one flow (`features.crossings`), and
who received it is tied to who paid it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from features.history import Histories
from models.cases.ground import CROSSINGS
from models.cases.limits import Limits
from models.cases.weighing import Totals, material

Pair = tuple[tuple[str, str], tuple[str, str]]


def crossings_of(histories: Histories) -> pl.DataFrame:
    """Return the deposits into bridges of some histories that are matched with a release.

    Returns
    -------
    polars.DataFrame
        `CROSSINGS`, each deposit once.
    """
    columns, found = histories.columns, histories.columns.crossings
    matched = np.flatnonzero((histories.elsewhere >= 0) & ~columns.incoming[found.at])
    if not len(matched):
        return pl.DataFrame(schema=CROSSINGS)
    own = histories.row[histories.source[found.at[matched]]]
    return (
        pl.DataFrame(
            {
                "row": own.astype(np.int64),
                "other": histories.elsewhere[matched].astype(np.int64),
                "chance": found.best[matched].astype(np.float64),
            },
            schema=CROSSINGS,
        )
        .unique()
        .sort("row", "other")
    )


def crossed(
    own: pl.DataFrame, crossings: pl.DataFrame, totals: Totals, limits: Limits
) -> Iterator[tuple[Pair, tuple[int, ...]]]:
    """Yield the alerts that crossings tie, in order, each pair with the rows of both legs.

    Parameters
    ----------
    own
        Transfers of alerted addresses (`models.cases.ground.Ground`).
    """
    sure = crossings.filter(pl.col("chance") >= limits.least_chance)
    moved = own.with_columns(pl.col("row").cast(pl.Int64))
    into = moved.filter("from_alert", ~pl.col("to_alert"))
    out = moved.filter("to_alert", ~pl.col("from_alert"))
    kept = both = (
        sure.join(into, on="row")
        .join(out, left_on="other", right_on="row", suffix="_out")
        .filter(pl.col("chain") != pl.col("chain_out"))
        .with_columns(pair=pl.concat_str(*_WHO, separator=" "))
    )
    for side, end in (("sender", ""), ("receiver", "_out")):
        names = ("chain", side, "unit", "value")
        leg = both.select("row", "other", "pair", *(pl.col(n + end).alias(n) for n in names))
        enough = material(leg, ["pair", side], {side: totals[side]}, limits.least_share)
        kept = kept.join(enough, on=["row", "other"], how="semi")
    found: dict[Pair, set[int]] = {}
    for chain, payer, chain_out, payee, *rows in kept.select(*_WHO, "row", "other").iter_rows():
        first, second = sorted(((chain, payer), (chain_out, payee)))
        found.setdefault((first, second), set()).update(rows)
    for pair in sorted(found):
        yield pair, tuple(sorted(found[pair]))


_WHO = ("chain", "sender", "chain_out", "receiver_out")
"""Who paid into a bridge, and who got what came out."""
