"""Signals of addresses at two cuts: the whole history, and its first 30 days.

A crawl stops where it likes, and the length of a real history tells phishing from normal; what the
first 30 days show, no crawl can flatter. Worlds and real sets are cut here, the same way.

Both cuts are on the relative basis. The signals that look at the clock at the cut itself (the
silence since the last transfer) are null: the real accounts were all crawled at one moment, years
later.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from data.schema import TIME
from data.transfers import Transfers
from features.catalogue import catalogue
from pipelines.engines import local

WHOLE, EARLY = "whole", "first_30_days"
VARIANTS = (WHOLE, EARLY)
FIRST_DAYS = 30

NATIVE = "native_in,native_out"
TOKENS = "native_in,native_out,token_out"
LEGS = {"native": NATIVE, "tokens": TOKENS}
"""What a native export shows, and what it shows with outgoing token payments decoded."""


def measure_cuts(
    transfers: Transfers, requests: pl.DataFrame, legs: str, *, threads: int | None = None
) -> dict[str, pl.DataFrame]:
    """Measure each request at its own `as_of`, and 30 days after its first transfer if earlier.

    Parameters
    ----------
    requests
        ``chain``, ``address``, ``as_of``.
    legs
        The legs looked at; the first transfer is the first that they show.

    Returns
    -------
    dict
        Variant to signals frame, one row per request, in their order.
    """
    whole = _measured(transfers, requests, legs, threads)
    end = pl.col("first_seen").cast(TIME) + timedelta(days=FIRST_DAYS)
    early = whole.select("chain", "address", as_of=pl.min_horizontal("as_of", end))
    return {WHOLE: whole, EARLY: _measured(transfers, early, legs, threads)}


def _measured(
    transfers: Transfers, requests: pl.DataFrame, legs: str, threads: int | None
) -> pl.DataFrame:
    latest = requests["as_of"].max()
    assert isinstance(latest, datetime)
    measured = local.measure(
        transfers, requests, as_of=latest, basis="relative", legs=legs.split(","), threads=threads
    )
    timed = [signal.name for signal in catalogue().signals if signal.depends_on_as_of]
    return measured.signals.with_columns(pl.lit(None, pl.Float64).alias(name) for name in timed)
