"""In which slices an address falls: how large its payments are, and at which hours it is active.

Context for people who compare models, never a model's input. Both are read from the transfers that
the signals see: screened rows and fees left out, nothing from `as_of` on.
"""

from __future__ import annotations

import polars as pl

from data.transfers import Transfers

TICKETS = {"below 100 USD": 100, "100 to 1,000 USD": 1000, "1,000 to 10,000 USD": 10_000}
"""Upper limits of the median payment; above the last one it is `LARGEST_TICKET`."""

LARGEST_TICKET, UNPRICED = "10,000 USD and more", "no price"

HOURS = ("00-06 UTC", "06-12 UTC", "12-18 UTC", "18-24 UTC")
"""The blocks of the day; an address belongs to the one that most of its transfers fall into."""

_MICROS = 1_000_000
_KEY = ["chain", "address", "as_of"]


def slices_of(rows: pl.DataFrame, transfers: Transfers) -> pl.DataFrame:
    """Return `ticket_size` and `hour_block` of addresses, row by row.

    Parameters
    ----------
    rows
        `chain`, `address`, `as_of`.

    Returns
    -------
    polars.DataFrame
        Null for an address without transfers before its `as_of`.
    """
    followed = transfers.followed()
    wanted = rows.select(_KEY).unique()
    # As many transfers as there are before the last moment; the join leaves those of our addresses.
    sides = [
        followed.select("chain", "block_time", "usd_micros", address=pl.col(side))
        for side in ("sender", "receiver")
    ]
    of_ours = (
        pl.concat(sides)
        .join(wanted.lazy(), on=["chain", "address"])
        .filter(pl.col("block_time") < pl.col("as_of"))
    )
    block = pl.col("block_time").dt.hour() // 6
    measured = (
        of_ours.group_by(_KEY)
        .agg(
            pl.col("usd_micros").median().alias("_median"),
            *((block == at).sum().alias(f"_{at}") for at in range(len(HOURS))),
        )
        .collect()
    )
    busiest = pl.concat_list([f"_{at}" for at in range(len(HOURS))]).list.arg_max()
    named = measured.select(
        *_KEY,
        ticket_size=_ticket(),
        hour_block=busiest.replace_strict(dict(enumerate(HOURS)), return_dtype=pl.String),
    )
    joined = rows.select(_KEY).join(named, on=_KEY, how="left", maintain_order="left")
    return joined.select("ticket_size", "hour_block")


def _ticket() -> pl.Expr:
    median = pl.col("_median")
    name = pl.lit(LARGEST_TICKET)
    for text, limit in reversed(TICKETS.items()):
        name = pl.when(median < limit * _MICROS).then(pl.lit(text)).otherwise(name)
    return pl.when(median.is_null()).then(pl.lit(UNPRICED)).otherwise(name)
