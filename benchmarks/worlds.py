"""Synthetic worlds as training rows: the labels that each world hands out, joined.

Worlds do not know each other. Addresses and cases carry the name of their world, so that equal
names in two worlds stay two; the split by time is each world's own.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.cuts import WHOLE, measure_cuts
from data.transfers import Transfers, open_transfers
from models.splits import assign
from pipelines.labelling.labelled import read_labels

KEY = ["chain", "address"]

POOLED = ("label_known_late", "parts_out_of_order")
"""What the leakage audit finds in pooled worlds by design: each is split in its own time."""


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


@contextmanager
def asked_for(
    description: str | None, *, seeds: Sequence[int], addresses: int, prevalence: float
) -> Iterator[list[Path]]:
    """Read a command line that asks for worlds alone, and make them; the values are defaults."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=seeds)
    parser.add_argument("--addresses", type=int, default=addresses)
    parser.add_argument("--prevalence", type=float, default=prevalence)
    parser.add_argument("--worlds", type=Path, help="folder that keeps the worlds between runs")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.worlds or Path(scratch)
        yield make(folder, asked.seeds, asked.addresses, asked.prevalence)


def make(
    folder: Path, seeds: Sequence[int], addresses: int, prevalence: float | None = None
) -> list[Path]:
    """Simulate a world for each seed, unless the folder has it.

    Parameters
    ----------
    prevalence
        Share of criminal accounts; default: that of `simulate`.
    """
    stated: dict[str, Any] = {} if prevalence is None else {"prevalence": prevalence}
    ending = "".join(f"-{value:g}" for value in stated.values())
    paths = [folder / f"seed-{seed}-{addresses}{ending}" for seed in seeds]
    for path, seed in zip(paths, seeds, strict=True):
        if not (path / "manifest.json").exists():
            from pipelines.simulate import simulate

            simulate(path, seed=seed, addresses=addresses, **stated)
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
    return joined([_one(world, legs, unlabelled) for world in worlds])


def joined(pools: Sequence[Pool]) -> Pool:
    """Put pools one below the other."""
    return Pool(
        pl.concat([one.labels for one in pools]),
        {cut: pl.concat([one.signals[cut] for one in pools]) for cut in pools[0].signals},
    )


def opened(world: Path) -> tuple[Transfers, pl.DataFrame]:
    """Open a world's transfers and read its labels, accounts that nobody has judged included."""
    transfers = open_transfers(world)
    labels = read_labels(world / "labels.csv", transfers, None).drop("as_of_given")
    accounts = pl.read_csv(world / "addresses.csv").select(
        *KEY, as_of=pl.col("as_of").str.to_datetime(time_unit="us", time_zone="UTC")
    )
    others = accounts.join(labels, on=KEY, how="anti", maintain_order="left")
    return transfers, pl.concat([labels, others], how="diagonal")


def named(world: Path, labels: pl.DataFrame, signals: dict[str, pl.DataFrame]) -> Pool:
    """Give the rows of one world its name and each labelled row its part."""
    numbered = labels.with_row_index("_row")
    known = numbered.with_columns(signals[WHOLE]["first_seen"])
    known = known.filter(pl.col("label").is_not_null())
    part = known.select("_row", assign(known).part.alias("split"))
    name = pl.lit(f"{world.name}/")
    with_parts = (
        numbered.drop("split")
        .join(part, on="_row", how="left", maintain_order="left")
        .drop("_row")
        .with_columns(
            address=name + pl.col("address"),
            case_id=name + pl.col("case_id"),
            world=pl.lit(world.name),
        )
    )
    return Pool(
        with_parts,
        {cut: f.with_columns(address=name + pl.col("address")) for cut, f in signals.items()},
    )


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


def _one(world: Path, legs: str, unlabelled: bool) -> Pool:
    transfers, labels = opened(world)
    labels = labels if unlabelled else labels.filter(pl.col("label").is_not_null())
    return named(world, labels, measure_cuts(transfers, labels.select(*KEY, "as_of"), legs))
