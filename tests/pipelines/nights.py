"""Nights of the small world: a first one, and how others go on from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from data.moments import read_moment
from pipelines.nightly import NightlyResult, nightly
from pipelines.rescoring.kept import read_kept
from pipelines.rescoring.scored_again import ScoredAgain, scored_again
from pipelines.to_score import to_score
from tests.pipelines.conftest import World

HOW = {"computed.json", "manifest.json"}
"""What a run that went on from another may say otherwise than a full one."""

DAYS = 2
TOP = 3


@dataclass(frozen=True)
class Base:
    """A night from which others go on, and what they are given."""

    world: World
    bundle: Path
    folder: Path
    addresses: Path
    at: datetime
    done: NightlyResult

    def store(self, out: Path, at: datetime, change: Callable | None = None, **given: Any) -> Path:
        """Write the world's store as it stood at a moment, changed as told."""
        rows = self.world.transfers.filter(pl.col("block_time") < at)
        rows = rows if change is None else change(rows)
        return self.world.copy(out, transfers=rows, as_of=at.isoformat(), **given)

    def again(self, store: Path, *, full: bool, **given: Any) -> ScoredAgain:
        options = {"services": self.world.services} | given
        asked = to_score(self.bundle, store, self.addresses, **options)
        return scored_again(asked, read_kept(self.done.out), full=full, threads=1)


def run(base: Base, store: Path, out: Path, **given: Any) -> NightlyResult:
    options: dict[str, Any] = {
        "services": base.world.services, "top": TOP, "drift_every": 0, "threads": 1,
    } | given  # fmt: skip
    return nightly(base.bundle, store, base.addresses, out, **options)


def first_night(world: World, bundle: Path, folder: Path) -> Base:
    """Make the first night, a few days before the world's end."""
    listed = folder / "list.csv"
    asked = pl.read_csv(world.addresses).select("chain", "address")
    asked.write_csv(listed)
    at = read_moment(world.as_of) - timedelta(days=DAYS)
    made = Base(world, bundle, folder, listed, at, None)  # type: ignore[arg-type]
    done = run(made, made.store(folder / "store", at), folder / "runs" / "0")
    return Base(world, bundle, folder, listed, at, done)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in HOW
    }


def told(run: NightlyResult) -> dict[str, Any]:
    return json.loads((run.out / "summary.json").read_text(encoding="utf-8"))
