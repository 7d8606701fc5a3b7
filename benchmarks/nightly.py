"""Nightly runs: what going on from the night before saves, and that it changes nothing.

    python -m benchmarks.nightly --addresses 15000 --nights 30
    python -m benchmarks.nightly --world runs/world --bundle runs/bundle --nights 10
    python -m benchmarks.nightly --world runs/w1/store --bundle runs/bundle --nights 2

A world, made for it or given with a model, comes in day by day, as a store that is added to. Each
night is run twice from the same earlier night, once going on from it and once in full, with one
alert explained and no drift measured, which cost the same both ways. Every file but `computed.json`
and the manifest must be the same; what is told is the CPU time of both, all threads together, and
the share of addresses that had to be computed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.growing import begun, grown
from data.storage import read_manifest
from pipelines.nightly import NightlyResult, nightly
from pipelines.simulate import simulate
from pipelines.train import train

PREVALENCE = 0.1
OTHERWISE = {"computed.json", "manifest.json"}


@dataclass(frozen=True)
class Night:
    """One night: CPU seconds both ways, addresses computed and asked for, and what differs."""

    onward: float
    full: float
    computed: int
    addresses: int
    differing: tuple[str, ...]


def main(arguments: list[str] | None = None) -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--addresses", type=int, default=15_000)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--world", type=Path, help="a store; default: a world is made")
    parser.add_argument("--bundle", type=Path, help="a model; default: one is trained on the world")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        world = (
            asked.world
            or simulate(
                made / "world", seed=asked.seed, addresses=asked.addresses, prevalence=PREVALENCE
            ).out
        )
        bundle = asked.bundle or train(world, world / "labels.csv", made / "bundle").out
        found = nights(made, world, bundle, asked.nights)
    print(table(found))


def nights(folder: Path, world: Path, bundle: Path, many: int) -> list[Night]:
    """Run the last nights of a world, or of another store, both ways, for all it covers."""
    listed = folder / "list.csv"
    covered = pl.scan_parquet(world / "coverage.parquet").select("chain", "address")
    covered.unique(maintain_order=True).collect().write_csv(listed)
    at = datetime.fromisoformat(read_manifest(world)["as_of"]) - timedelta(days=many)
    services = world / "services.csv"
    known = services if services.exists() else None

    def run(store: Path, out: Path, **given: object) -> tuple[NightlyResult, float]:
        begin = time.process_time()
        done = nightly(bundle, store, listed, out, services=known, top=1, drift_every=0, **given)  # type: ignore[arg-type]
        return done, time.process_time() - begin

    store = begun(world, folder / "store", at)
    earlier = run(store, folder / "0")[0].out
    found = []
    for number in range(1, many + 1):
        grown(world, store, at, at + timedelta(days=1))
        at += timedelta(days=1)
        onward, fast = run(store, folder / f"{number}", previous=earlier)
        full, slow = run(store, folder / "full", previous=earlier, full=True)
        other = differing(onward.out, full.out)
        found.append(Night(fast, slow, onward.computed, onward.addresses, other))
        shutil.rmtree(earlier)
        earlier = onward.out
    return found


def table(found: list[Night]) -> str:
    """Write what was found as a table of Markdown."""

    def middle(of: Callable[[Night], float]) -> float:
        return statistics.median(of(night) for night in found)

    wrong = sum(bool(night.differing) for night in found)
    ratio = middle(lambda night: night.onward / night.full)
    return "\n".join(
        [
            "| | |",
            "|---|---|",
            f"| nights | {len(found)} |",
            f"| nights with a file that differs | {wrong} |",
            f"| addresses | {found[-1].addresses:,} |",
            f"| computed, median share | {middle(lambda n: n.computed / n.addresses):.1%} |",
            f"| CPU seconds in full, median | {middle(lambda night: night.full):.1f} |",
            f"| CPU seconds onward, median | {middle(lambda night: night.onward):.1f} |",
            f"| onward ÷ full, median | {ratio:.2f} |",
        ]
    )


def differing(one: Path, other: Path) -> tuple[str, ...]:
    """Return the files that two runs do not both have, byte for byte."""
    left, right = (
        {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        for folder in (one, other)
    )
    names = sorted({*left, *right} - OTHERWISE)
    return tuple(
        name
        for name in names
        if name not in left
        or name not in right
        or left[name].read_bytes() != right[name].read_bytes()
    )


if __name__ == "__main__":
    main()
