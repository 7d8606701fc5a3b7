"""Synthetic worlds as training rows: the labels that each world hands out, joined.

Worlds do not know each other. Addresses and cases carry the name of their world, so that equal
names in two worlds stay two; the split by time is each world's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.cuts import WHOLE, measure_cuts
from data.transfers import open_transfers
from models.splits import assign
from pipelines.labelled import read_labels

KEY = ["chain", "address"]


@dataclass(frozen=True)
class Pool:
    """Rows of several worlds.

    Attributes
    ----------
    labels
        As training labels, with ``world`` and the part of each row (``split``; null: left out).
    signals
        Variant to the signals frame of the same rows.
    """

    labels: pl.DataFrame
    signals: dict[str, pl.DataFrame]


def make(folder: Path, seeds: Sequence[int], addresses: int) -> list[Path]:
    """Simulate a world for each seed, unless the folder has it."""
    paths = [folder / f"seed-{seed}-{addresses}" for seed in seeds]
    for path, seed in zip(paths, seeds, strict=True):
        if not (path / "manifest.json").exists():
            from pipelines.simulate import simulate

            simulate(path, seed=seed, addresses=addresses)
    return paths


def pool(worlds: Sequence[Path], legs: str, *, unlabelled: bool = False) -> Pool:
    """Read and measure the labels of worlds, as a user would who has their files.

    Parameters
    ----------
    worlds
        Folders that `pipelines.simulate` wrote.
    legs
        The legs looked at.
    unlabelled
        Keep the rows that nobody has judged.
    """
    pools = [_one(world, legs, unlabelled) for world in worlds]
    return Pool(
        pl.concat([one.labels for one in pools]),
        {cut: pl.concat([one.signals[cut] for one in pools]) for cut in pools[0].signals},
    )


def _one(world: Path, legs: str, unlabelled: bool) -> Pool:
    transfers = open_transfers(world)
    labels = read_labels(world / "labels.csv", transfers, None)
    labels = labels if unlabelled else labels.filter(pl.col("label").is_not_null())
    signals = measure_cuts(transfers, labels.select(*KEY, "as_of"), legs)
    known = labels.select(pl.all(), signals[WHOLE]["first_seen"]).with_row_index("_row")
    known = known.filter(pl.col("label").is_not_null())
    part = known.select("_row", assign(known).part.alias("split"))
    name = pl.lit(f"{world.name}/")
    labels = (
        labels.drop("split")
        .with_row_index("_row")
        .join(part, on="_row", how="left", maintain_order="left")
        .drop("_row")
        .with_columns(
            address=name + pl.col("address"), case_id=name + pl.col("case_id"), world=name
        )
    )
    named = {c: f.with_columns(address=name + pl.col("address")) for c, f in signals.items()}
    return Pool(labels, named)


def truth(worlds: Sequence[Path]) -> pl.DataFrame:
    """Return who is who in worlds: for measuring only.

    Returns
    -------
    polars.DataFrame
        ``chain``, ``address`` (named as in `pool`), ``role``, ``population``, ``typology``,
        ``criminal``, ``benign``.
    """
    from data.simulation.populations import CRIMINAL_ROLES

    frames = [
        pl.read_parquet(world / "truth.parquet").select(
            "chain",
            "role",
            "population",
            "typology",
            address=pl.lit(f"{world.name}/") + pl.col("address"),
            criminal=pl.col("role").is_in(CRIMINAL_ROLES),
            benign=pl.col("role") == "benign",
        )
        for world in worlds
    ]
    return pl.concat(frames)
