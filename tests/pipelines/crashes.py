"""Runs that are killed, or meet a failing disk, at named points or at any moment, each in a process
of its own.

The product has no hooks for this. A child process wraps what every run goes through anyway, its
steps (`pipelines.steps`) and the calls that give files their names, and kills itself with SIGKILL
when it comes by the wanted point for the wanted time. Children are forked from a server that has
imported everything and run nothing, so that each costs little.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import data.locks
import data.storage
import features.passes
import pipelines.console
from data.errors import Refused
from features.budget import Sizes
from features.out_of_core import SpilledHistories
from pipelines.engines.local import InMemory
from pipelines.explain import explain
from pipelines.nightly import nightly
from pipelines.score import score
from pipelines.signals import signals
from pipelines.steps import Step

POINTS = (
    "the lock is taken",
    "the first step begins",
    "signals begin",
    "some signals are computed",
    "before a part's table has its name",
    "before a part's record has its name",
    "a part is kept",
    "before the result is flushed",
    "before the result has its name",
    "the result has its name",
    "before the work is over",
    "the work is over",
)
"""In the order in which a run comes by."""

REFUSED = 2
"""How a child ends whose run was refused; any other error ends it with 1."""

DISK = (*POINTS[4:6], *POINTS[7:9], POINTS[10])
"""Points right before a call that the disk may refuse."""

OFTEN = frozenset(POINTS[3:7])
"""Points that a run comes by many times."""

replace = setattr  # for good: it is the child's own copy
_JOBS: dict[str, Callable[..., Any]] = {
    "signals": signals, "score": score, "explain": explain, "nightly": nightly,
}  # fmt: skip
_SIZES = Sizes(500, 300, 4000, 1 << 40, 300)
"""So small that a few histories are laid on disk."""


@dataclass(frozen=True)
class Run:
    """A job with what it is given, and the name of what it makes."""

    job: str
    inputs: tuple[Path | None, ...]
    out: str
    options: dict[str, Any] = field(default_factory=dict)

    def into(self, folder: Path, *, capped: bool = False, **more: Any) -> None:
        """Do it, in small parts; under a cap, also in small buckets."""
        InMemory.part_rows, SpilledHistories.part_rows = 64, 32
        replace(features.passes, "divided", lambda memory, size: _SIZES)
        options = self.options | more | ({"memory": "8GiB"} if capped else {})
        given = self.inputs if self.job == "signals" else self.inputs[:2]
        if self.job != "signals":
            options["addresses"] = self.inputs[2]
        _JOBS[self.job](*given, out=folder / self.out, **options)


def children() -> Any:
    """Return the context from whose server children are forked."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def ended(run: Run, folder: Path, seconds: float | None = None, **options: Any) -> int:
    """Do a run in a child, killed after some seconds if it lives so long; return its exit code."""
    child = children().Process(target=_child, args=(run, folder, options))
    child.start()
    child.join(seconds)
    if child.is_alive():
        child.kill()
    child.join()
    return int(child.exitcode)


def _child(run: Run, folder: Path, options: dict[str, Any]) -> None:
    if most := options.pop("largest_file", None):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    point, nth = options.pop("dies_at", (None, 0))
    if point is not None:
        _watch(_Point(point, nth, _die), folder / run.out)
    point, nth, number = options.pop("fails_at", (None, 0, 0))
    if point is not None:
        _watch(_Point(point, nth, functools.partial(_fail, number)), folder / run.out)
    try:
        run.into(folder, **options)
    except Refused:
        sys.exit(REFUSED)


class _Point:
    """Does something when a point is passed for the n-th time."""

    def __init__(self, point: str, nth: int, then: Callable[[], None]) -> None:
        self._point, self._left, self._then = point, nth, then

    def passes(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                self._then()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail(number: int) -> None:
    raise OSError(number, os.strerror(number))


def _watch(end: _Point, out: Path) -> None:
    """Have every point of a run announced."""

    class Watched(Step):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            end.passes("the first step begins")
            if self.what == "Computing signals":
                end.passes("signals begin")

        def advance(self, units: int) -> None:
            super().advance(units)
            if units and self.what in ("Computing signals", "Explaining"):
                end.passes("some signals are computed")

    replace(pipelines.console, "Step", Watched)
    locked = _announced(data.locks._locked, end, after=lambda *_: POINTS[0])
    replace(data.locks, "_locked", locked)
    flush_of = {out.with_name(f".{out.name}.partial"): "before the result is flushed"}
    replace(data.storage, "flush", _announced(data.storage.flush, end, before=flush_of.get))
    work, partial = out.with_name(f".{out.name}.work"), out.with_name(f".{out.name}.partial")
    of_part = {".arrow": POINTS[4], ".json": POINTS[5]}

    def before(source: Path, target: Path) -> str | None:
        target = Path(target)
        if source == work and work.exists():  # before its first part there is nothing to remove
            return "before the work is over"
        if source == partial:
            return "before the result has its name"
        return of_part.get(target.suffix) if target.parent == work else None

    def after(source: Path, target: Path) -> str | None:
        target = Path(target)
        if source == work:
            return "the work is over"
        if source == partial:
            return "the result has its name"
        kept = target.parent == work and target.suffix == ".json"
        return "a part is kept" if kept else None

    for owner, call in ((Path, "replace"), (Path, "rename"), (data.storage, "exchange")):
        replace(owner, call, _announced(getattr(owner, call), end, before, after))


def _announced(
    call: Callable[..., Any],
    end: _Point,
    before: Callable[..., str | None] = lambda *_: None,
    after: Callable[..., str | None] = lambda *_: None,
) -> Callable[..., Any]:
    @functools.wraps(call)
    def announced(*arguments: Any) -> Any:
        end.passes(str(before(*arguments)))
        returned = call(*arguments)
        end.passes(str(after(*arguments)))
        return returned

    return announced


def everything(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, and every folder, whatever its name begins with."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b"a folder"
        for path in sorted(folder.rglob("*"))
    }


def drawn(seed: str, of: list[Run]) -> tuple[Run, dict[str, Any], random.Random]:
    """Draw a run and how it is done."""
    chance = random.Random(seed)
    run = chance.choice(of)
    how: dict[str, Any] = {"threads": chance.choice([1, 2])}
    if run.job in ("signals", "score"):
        how["capped"] = chance.random() < 0.5
    return run, how, chance
