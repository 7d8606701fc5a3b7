"""A run that is killed, wherever, goes on with `--resume` and ends with the same bytes."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.moments import read_moment
from pipelines.nightly import nightly
from tests.pipelines.crashes import OFTEN, POINTS, Run, drawn, ended, everything

KILLED = -signal.SIGKILL
DIRECTED, RANDOM = 25, 200


@pytest.fixture(scope="module")
def earlier(world, bundle, tmp_path_factory) -> tuple[Path, Path]:
    """A night of three days ago from which others go on, and the list that it is about."""
    folder = tmp_path_factory.mktemp("earlier")
    listed, at = folder / "list.csv", read_moment(world.as_of) - timedelta(days=3)
    pl.read_csv(world.addresses).select("chain", "address").write_csv(listed)
    given: dict[str, Any] = {"services": world.services, "top": 3, "drift_every": 0}
    return nightly(bundle, world.store, listed, folder / "run", as_of=at, **given).out, listed


@pytest.fixture(scope="module")
def runs(world, bundle, earlier) -> list[Run]:
    """Every job that can be resumed, in several forms."""
    scored = (bundle, world.store, world.addresses)
    before, listed = earlier
    night: dict[str, Any] = {"services": world.services, "top": 6, "drift_every": 0}
    return [
        Run("signals", (world.store,), "signals.parquet"),
        Run("signals", (world.store,), "signals.csv", {"addresses": world.addresses}),
        Run("signals", (world.store,), "signals.jsonl", {"basis": "native"}),
        Run("signals", (world.store,), "motifs.parquet", {"also": ["motifs"]}),
        Run("score", scored, "scores.parquet", {"reasons": 7}),
        Run("score", scored, "scores.csv", {"services": world.services}),
        Run("score", (bundle, world.store, None), "everybody.parquet"),
        Run("explain", scored, "alerts", {"top": 6, "services": world.services}),
        Run("nightly", (bundle, world.store, listed), "first", night),
        Run("nightly", (bundle, world.store, listed), "night", night | {"previous": before}),
    ]


@dataclass
class Untouched:
    """What runs make when nobody kills them, and how many seconds each takes."""

    folder: Path
    made: dict[str, tuple[dict[str, bytes], float]] = field(default_factory=dict)

    def of(self, run: Run) -> tuple[dict[str, bytes], float]:
        if run.out not in self.made:
            folder, began = self.folder / run.out, time.monotonic()
            folder.mkdir()
            assert ended(run, folder) == 0
            self.made[run.out] = everything(folder), time.monotonic() - began
        return self.made[run.out]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Untouched:
    return Untouched(tmp_path_factory.mktemp("untouched"))


def killed_then_resumed(
    seed: str,
    runs: list[Run],
    untouched: Untouched,
    folder: Path,
    point: str | None = None,
) -> None:
    """Kill a run once or twice, at a point or at any time, and finish it."""
    run, how, chance = drawn(seed, runs)
    whole, seconds = untouched.of(run)
    if chance.random() < 0.4:
        earlier_result(folder / run.out)
    before = everything(folder)
    for resume in [False, True][: chance.choice([1, 1, 2])]:
        options, after = how | {"resume": resume}, None
        if point is None:
            after = chance.uniform(0, 1.1 * seconds)
        else:
            options["dies_at"] = (point, chance.randint(1, 6) if point in OFTEN else 1)
        code = ended(run, folder, after, **options)
        assert code == KILLED or (code == 0 and (point is None or resume))
        shown = {k: v for k, v in everything(folder).items() if not k.startswith(".")}
        if not Path(run.out).suffix:  # a folder appears whole
            assert shown in (before, whole)
        assert all(held in (before.get(name), whole.get(name)) for name, held in shown.items())
        how |= drawn(f"{seed} again", [run])[1]  # other threads, another cap
    assert ended(run, folder, **how, resume=True) == 0
    assert everything(folder) == whole


def earlier_result(out: Path) -> None:
    """Let an earlier result stand there."""
    if out.suffix:
        out.write_text("earlier")
        out.with_name(f"{out.name}.manifest.json").write_text("earlier")
    else:
        out.mkdir()
        (out / "manifest.json").write_text("earlier")


@pytest.mark.parametrize(
    "point, job",
    [
        ("before a part's record has its name", "signals"),
        ("a part is kept", "score"),
        ("the result has its name", "nightly"),
        ("the work is over", "explain"),
    ],
)
def test_killed_at_a_few_points(runs, untouched, tmp_path, point, job):
    few = [run for run in runs if run.job == job]
    killed_then_resumed(point, few, untouched, tmp_path, point)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("seed", range(DIRECTED))
def test_killed_at_every_point(runs, untouched, tmp_path, point, seed):
    killed_then_resumed(f"{point} {seed}", runs, untouched, tmp_path, point)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(RANDOM))
def test_killed_at_any_time(runs, untouched, tmp_path, seed):
    killed_then_resumed(f"any {seed}", runs, untouched, tmp_path)
