"""Signals of the real sets at both cuts, with group and part: measured once, then read.

The cache is keyed by the source of everything that reads a file or computes a signal, so a change
there measures anew.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks import real_data, real_split, real_wallets
from benchmarks.cuts import LEGS, VARIANTS, measure_cuts
from benchmarks.source_hash import source_hash
from data.transfers import open_transfers

READERS = ("data", "features", "benchmarks/real_*.py", "benchmarks/cuts.py", "pipelines/ingest.py")


def real_signals(cache: Path) -> dict[tuple[str, str], pl.DataFrame]:
    """Return the signals of every real account by legs (``native``, ``tokens``) and variant.

    Returns
    -------
    dict
        (legs, variant) to a frame with ``set``, ``address``, ``group``, ``part``, ``n_any`` (the
        transfers that any leg shows, over the whole history) and the signals frame's columns.
        Both parts: take one with `real_split.addresses`.
    """
    folder = cache / f"real-{source_hash(READERS)}"
    if not (folder / "whole").exists():
        _measure(folder)
        (folder / "whole").touch()
    return {
        (legs, cut): pl.read_parquet(folder / f"{legs}-{cut}.parquet")
        for legs in LEGS
        for cut in VARIANTS
    }


def _measure(folder: Path) -> None:
    dfpi = real_wallets.wallets(folder)
    for legs, text in reversed(LEGS.items()):
        imported = real_data.accounts(folder, legs=text)
        split = real_split.split_real(imported, dfpi)
        stores = ((imported.store, pl.col("set") != "dfpi"), (dfpi, pl.col("set") == "dfpi"))
        found = [_signals(store, split.filter(ours), text) for store, ours in stores]
        for cut in VARIANTS:
            frame = pl.concat([one[cut] for one in found])
            if text == LEGS["tokens"] and cut == VARIANTS[0]:
                count = frame.select("set", "address", n_any="n_transfers")
            frame = frame.join(count, on=["set", "address"], maintain_order="left")
            frame.write_parquet(folder / f"{legs}-{cut}.parquet")


def _signals(store: Path, split: pl.DataFrame, legs: str) -> dict[str, pl.DataFrame]:
    transfers = open_transfers(store)
    asked = split.select(
        pl.lit("ethereum").alias("chain"), "address", as_of=pl.lit(transfers.as_of)
    )
    found = measure_cuts(transfers, asked, legs)
    named = split.select("set", "group", "part")
    return {cut: pl.concat([named, frame], how="horizontal") for cut, frame in found.items()}
