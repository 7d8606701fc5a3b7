"""Disks that are full or fail: said clearly, nothing half-written, and the run goes on later."""

from __future__ import annotations

import errno
import random
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data import storage
from data.errors import Refused
from data.locks import sole_writer
from features import passes
from features.budget import Sizes
from features.spill import Spill
from pipelines.engines.local import InMemory
from pipelines.explain import explain
from pipelines.nightly import nightly
from pipelines.resuming import Work
from pipelines.score import score
from pipelines.signals import signals
from tests.pipelines.crashes import DISK, OFTEN, REFUSED, Run, ended, everything

FULL = OSError(errno.ENOSPC, "No space left on device")
FAULTY = OSError(errno.EIO, "Input/output error")

Job = Callable[..., Any]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(InMemory, "part_rows", 64)


@pytest.fixture(scope="module")
def jobs(world, bundle, tmp_path_factory) -> dict[str, Job]:
    """Each job that can be resumed, as a function of the folder its result goes to."""
    scored = (bundle, world.store, world.addresses)
    listed = tmp_path_factory.mktemp("list") / "list.csv"
    pl.read_csv(world.addresses).select("chain", "address").write_csv(listed)
    night: dict[str, Any] = {"top": 3, "drift_every": 0}
    return {
        "signals": lambda folder, **how: signals(world.store, folder / "s.parquet", **how),
        "score": lambda folder, **how: score(*scored, folder / "s.csv", **how),
        "explain": lambda folder, **how: explain(*scored, folder / "alerts", top=3, **how),
        "nightly": lambda folder, **how: nightly(
            bundle, world.store, listed, folder / "night", **night, **how
        ),
    }


@pytest.fixture(scope="module")
def jobs_to_kill(world, bundle, tmp_path_factory) -> Callable[[str], tuple[Run, dict[str, bytes]]]:
    """Return by its name a job that is done in a process of its own, and what it makes."""
    listed = tmp_path_factory.mktemp("list") / "list.csv"
    pl.read_csv(world.addresses).select("chain", "address").write_csv(listed)
    scored = (bundle, world.store, world.addresses)
    known = {
        "signals": Run("signals", (world.store,), "signals.parquet"),
        "score": Run("score", scored, "scores.csv", {"reasons": 7}),
        "explain": Run("explain", scored, "alerts", {"top": 6}),
        "nightly": Run("nightly", (*scored[:2], listed), "night", {"top": 6, "drift_every": 0}),
    }

    @cache
    def made(name: str) -> tuple[Run, dict[str, bytes]]:
        folder = tmp_path_factory.mktemp(name)
        assert ended(known[name], folder) == 0
        return known[name], everything(folder)

    return made


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 200 kB, on which the files of a run do not find room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(world, small_disk, tmp_path):
    out = small_disk / "signals.parquet"
    with pytest.raises(Refused, match=r"No space left on device \([\d.]+ MB are free") as refused:
        signals(world.store, out)
    work = Work(out)
    assert refused.value.__notes__ == [work.kept]
    assert {path.name for path in small_disk.iterdir()} == {work.folder.name}
    done = work.stage("signals").rows
    assert 0 < done < 600
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    signals(world.store, out, resume=True)
    signals(world.store, tmp_path / "signals.parquet")
    assert everything(small_disk) == {
        name: content for name, content in everything(tmp_path).items() if "/" not in name
        and name != "disk"
    }  # fmt: skip


@pytest.mark.parametrize("largest", [60_000, 250_000])
def test_a_file_that_may_not_grow_stops_the_run_and_loses_nothing(world, tmp_path, largest):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    run = Run("signals", (world.store,), "signals.parquet")
    assert ended(run, tmp_path / "a", largest_file=largest) == REFUSED
    left = everything(tmp_path / "a")
    assert left
    assert all(name.startswith(".signals.parquet.work") for name in left)
    assert ended(run, tmp_path / "a", resume=True) == 0
    assert ended(run, tmp_path / "b") == 0
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


@pytest.mark.parametrize("error", [FULL, FAULTY], ids=["full", "faulty"])
@pytest.mark.parametrize("job", ["signals", "score", "nightly"])
def test_a_disk_that_fails_at_the_very_end(jobs, tmp_path, monkeypatch, job, error):
    def failing(path: Path) -> None:
        raise error

    (tmp_path / "a").mkdir()
    monkeypatch.setattr(storage, "flush", failing)
    with pytest.raises(Refused, match=str(error.strerror)) as refused:
        jobs[job](tmp_path / "a")
    assert "--resume" in " ".join(refused.value.__notes__)
    assert all(path.name.startswith(".") for path in (tmp_path / "a").iterdir())
    monkeypatch.undo()
    jobs[job](tmp_path / "a", resume=True)
    jobs[job](tmp_path / "b")
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


def split_off_work(run: Run, files: dict[str, bytes]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Part what a stopped run may leave from the rest."""
    work = {name for name in files if name.split("/")[0] == f".{run.out}.work"}
    return {n: files[n] for n in files if n not in work}, {n: files[n] for n in work}


@pytest.mark.slow
@pytest.mark.parametrize("error", [FULL, FAULTY], ids=["full", "faulty"])
@pytest.mark.parametrize("point", DISK)
@pytest.mark.parametrize("job", ["signals", "score", "explain", "nightly"])
def test_a_disk_that_fails_at_any_point(jobs_to_kill, tmp_path, job, point, error):
    """Whatever call the disk refuses: nothing under a final name, and the run goes on later."""
    run, whole = jobs_to_kill(job)
    nth = random.Random(f"{job} {point} {error}").randint(1, 6) if point in OFTEN else 1
    assert ended(run, tmp_path, fails_at=(point, nth, error.errno)) == REFUSED
    shown, work = split_off_work(run, everything(tmp_path))
    assert work
    assert shown == (whole if point == DISK[-1] else {})
    assert ended(run, tmp_path, resume=True) == 0
    assert everything(tmp_path) == whole


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_a_disk_that_fills_up_at_any_point(jobs_to_kill, small_disk, seed):
    chance = random.Random(seed)
    run, whole = jobs_to_kill(chance.choice(["signals", "score", "explain", "nightly"]))
    size = chance.randrange(8_000, 3 * sum(len(held) for held in whole.values()), 4_000)
    subprocess.run(["mount", "-o", f"remount,size={size}", small_disk], check=True)
    full = ended(run, small_disk, capped=run.job in ("signals", "score") and chance.random() < 0.5)
    assert full in (0, REFUSED)
    assert split_off_work(run, everything(small_disk))[0] == ({} if full else whole)
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    assert ended(run, small_disk, resume=True) == 0
    assert everything(small_disk) == whole


@pytest.mark.parametrize(
    "call, said",
    [("append", "spilled to"), ("read", "read back from"), ("mapped", "spilled to")],
)
def test_what_is_spilled_meets_a_faulty_disk(jobs, tmp_path, monkeypatch, call, said):
    def failing(self: Path, *_: object, **__: object) -> None:
        if ".unrinse-spill-" in str(self):
            raise FAULTY
        raise AssertionError(self)

    true = getattr(Spill, call)

    def meets(self: Spill, *arguments: Any, **options: Any) -> Any:
        with monkeypatch.context() as faulty:
            faulty.setattr(Path, "open", failing)
            return true(self, *arguments, **options)

    monkeypatch.setattr(Spill, call, meets)
    monkeypatch.setattr(passes, "divided", lambda memory, size: Sizes(500, 100, 4000, 1 << 40, 100))
    with pytest.raises(Refused, match=rf"cannot be {said}.*Input/output error"):
        jobs["score"](tmp_path, memory="8GiB")
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= ({".s.csv.work"} if call == "mapped" else set())  # parts that are done by then


@pytest.mark.parametrize("job, out", [("signals", "s.parquet"), ("score", "s.csv"),
                                      ("explain", "alerts"), ("nightly", "night")])  # fmt: skip
def test_the_second_writer_of_a_result_is_refused_before_any_work(jobs, tmp_path, job, out):
    from contextvars import Context

    with sole_writer(tmp_path / out), pytest.raises(Refused, match="written by another run"):
        Context().run(jobs[job], tmp_path)
    jobs[job](tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
