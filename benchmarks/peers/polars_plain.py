"""W1 in polars as a good user writes it: one lazy query per idea, nothing packed or searched."""

from __future__ import annotations

from pathlib import Path

import polars as pl

_WRAPPED_ETHER = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"


def from_strings(path: Path) -> pl.DataFrame:
    """Read canonical Parquet with string addresses and compute W1."""
    return compute(pl.scan_parquet(path), pl.col("asset") != _WRAPPED_ETHER).collect()


def from_codes(path: Path) -> pl.DataFrame:
    """Read integer-coded Parquet and compute W1."""
    return query_of_codes(path).collect()


def query_of_codes(path: Path) -> pl.LazyFrame:
    """Return the query over integer-coded Parquet."""
    return compute(pl.scan_parquet(path), pl.col("asset") != 3)


def compute(transfers: pl.LazyFrame, stable: pl.Expr) -> pl.LazyFrame:
    """Say how to compute the W1 columns from transfers in order of time, one row per address."""
    transfers = transfers.with_columns(stable=stable).with_row_index("row")
    sides = [
        transfers.select(
            pl.col(own).alias("address"),
            pl.col(other).alias("other"),
            pl.lit(own == "sender").alias("out"),
            "row", "block_time", "usd_micros", "asset", "stable",
        )
        for own, other in (("sender", "receiver"), ("receiver", "sender"))
    ]  # fmt: skip
    events = pl.concat(sides).sort("address", "row")
    out, value, time = pl.col("out"), pl.col("usd_micros"), pl.col("block_time")
    next_out = pl.when(out).then(time).fill_null(strategy="backward").over("address")
    seconds = 1_000_000.0
    result = (
        events.with_columns(
            dwell=pl.when(~out).then((next_out - time).dt.total_microseconds() / seconds),
            gap=time.diff().over("address").dt.total_microseconds() / seconds,
        )
        .group_by("address")
        .agg(
            n_out=out.sum(),
            n_in=(~out).sum(),
            sum_out=value.filter(out).sum(),
            sum_in=value.filter(~out).sum(),
            mean_out=value.filter(out).mean(),
            mean_in=value.filter(~out).mean(),
            sd_out=value.filter(out).std(ddof=0),
            sd_in=value.filter(~out).std(ddof=0),
            max_out=value.filter(out).max(),
            max_in=value.filter(~out).max(),
            receivers=pl.col("other").filter(out).n_unique(),
            senders=pl.col("other").filter(~out).n_unique(),
            first=time.min().dt.epoch("us"),
            last=time.max().dt.epoch("us"),
            active_days=time.dt.date().n_unique(),
            median_gap=pl.col("gap").median(),
            median_dwell=pl.col("dwell").median(),
            stable_share=value.filter("stable").sum() / value.sum(),
            entropy=pl.col("asset").unique_counts().entropy(base=2),
            round_share=(value.filter(out) % 100_000_000 == 0).mean(),
        )
    )
    for name, width in (("max_out_1h", "1h"), ("max_out_24h", "24h")):
        rolled = (
            events.filter("out")
            .rolling("block_time", period=width, group_by="address")
            .agg(value.sum())
        )
        result = result.join(
            rolled.group_by("address").agg(value.max().alias(name)), on="address", how="left"
        )
    return result.sort("address")
