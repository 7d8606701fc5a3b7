"""Where each transfer of a store came from, so that what comes later is merged as if it came then.

Whether two rows are copies of one payment is decided from the rows as their exports had them: who
had asked, whether the amount was exact, what the row itself knew of its transaction. A finished
transfer does not show that. Beside it stands its **origin**, a few words that pack to next to
nothing, from which the source row is made again; and the rows that cannot be made again, because
they were duplicates, gave way to a better copy or were told something by another row, are **set
aside** as they were.
"""

from __future__ import annotations

import polars as pl

from data.deduplication import unsettled_number
from data.importers.importer import HELPERS, MADE
from data.schema import TRANSFERS

ORIGINS: dict[str, pl.DataType] = {
    "whole": pl.Boolean(),
    "file": pl.String(),
    **HELPERS,
}
"""One row beside each transfer. `whole`: its source row is made of both; else it was set aside."""

STAGED: dict[str, pl.DataType] = {"file": pl.String(), **MADE, "screened": pl.String()}
"""A source row that was read, valued and found usable. ``file`` is its name."""


def origins_of(staged: pl.DataFrame, finished: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Say where finished transfers came from.

    Parameters
    ----------
    staged
        All rows (`STAGED`) of some transactions.
    finished
        What became of them; ``_at`` is the position of each among `staged`.

    Returns
    -------
    origins, set_aside
        `ORIGINS`, beside the rows of `finished`; and the other rows of `staged`.
    """
    were = staged[finished["_at"]]
    compared = [c for c in TRANSFERS if c not in ("screened", "log_index")]
    same = pl.all_horizontal(
        *(finished[c].eq_missing(were[c]).alias(c) for c in compared),
        (were["log_index"] == finished.select(unsettled_number()).to_series()).alias("log_index"),
        were["screened"].is_null().alias("screened"),
    )
    whole = were.select(whole=same).to_series()
    told = [pl.when(whole).then(pl.col(c)).alias(c) for c in ORIGINS if c != "whole"]
    taken = pl.Series([False] * staged.height, dtype=pl.Boolean)
    taken = taken.scatter(finished["_at"].filter(whole), True)
    rest = staged.filter(~taken)
    return were.select(whole, *told), rest.select(pl.col(c).cast(t) for c, t in STAGED.items())


def staged_again(transfers: pl.DataFrame) -> pl.DataFrame:
    """Make the source rows of transfers again that stand beside their origins.

    Rows that were set aside are not among them. Without origins, as a simulated store has none,
    every transfer is taken for an exact row of nobody's export.
    """
    if "whole" in transfers.columns:
        rows = transfers.filter("whole").with_columns(screened=pl.lit(None, dtype=pl.String))
    else:
        rows = transfers.with_columns(
            pl.lit(True).alias("exact") if c == "exact" else pl.lit(None, dtype=t).alias(c)
            for c, t in {"file": pl.String(), **HELPERS}.items()
        )
    return rows.with_columns(unsettled_number()).select(
        pl.col(c).cast(t) for c, t in STAGED.items()
    )
