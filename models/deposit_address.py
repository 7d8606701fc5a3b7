"""Deposit addresses at exchanges: what looks like laundering because an exchange works that way.

An exchange gives each customer an address and sweeps what arrives there into its hot wallets. So
every such address forwards at once, whole and to one receiver: true of every customer, and the
exchange's doing. Most are on no list, but what they pay is.

How often the rule was right is known of synthetic worlds: `python -m benchmarks.deposit_rule`
counts there whom it takes for one. Its counts stand here, for alerts to tell. They say nothing of
real exchanges, whose wallets no list has all of.

>>> proven()  # doctest: +ELLIPSIS
{'n': 2782, 'right': 2746, 'low': 0.982..., 'high': 0.990...}
"""

from __future__ import annotations

import polars as pl

from models.intervals import wilson

LEAST_SHARE, MOST_RECEIVERS = 0.99, 2
"""Of what it sent to known addresses of exchanges; receivers it ever had."""

CALLED, RIGHT = 2_782, 2_746
"""Addresses taken for one, and those that are: worlds of the seeds 31 to 33, 15,000 accounts each,
every hot wallet on the list."""

NOTICE = (
    "This looks like a customer's deposit address at an exchange. Nearly all that it sent went to "
    "known addresses of exchanges, and it paid hardly anybody else. The exchange empties such an "
    "address, so how soon and how completely it is emptied says nothing of the customer: ask the "
    "exchange whose it is."
)
"""What an alert says of one; the first sentence stands in bold."""


def looks_like_deposit_address() -> pl.Expr:
    """Say of rows of signals whether each is that of a deposit address; False where unknown.

    Examples
    --------
    >>> rows = pl.DataFrame({"exchange_out_share": [1.0, 0.5, None], "receivers": [1, 1, 1]})
    >>> rows.select(looks_like_deposit_address()).to_series().to_list()
    [True, False, False]
    """
    swept = pl.col("exchange_out_share") >= LEAST_SHARE
    return (swept & (pl.col("receivers") <= MOST_RECEIVERS)).fill_null(False).alias("deposit")


def proven() -> dict[str, float | int]:
    """Return how many of those taken for one were one, with the 95 % interval of their share."""
    low, high = wilson(RIGHT, CALLED)
    return {"n": CALLED, "right": RIGHT, "low": low, "high": high}
