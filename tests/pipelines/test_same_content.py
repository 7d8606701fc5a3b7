"""One content, whatever the threads, sizes of pieces, order of the input, cap or engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from features import computing, passes, reading
from features.budget import Sizes
from pipelines.engines import local
from pipelines.explain import explain
from pipelines.score import score
from pipelines.signals import signals

AMPLE = "8GiB"
PARTS = {"memory": None, "small parts": (1000, 37, 500), "odd parts": (7919, 211, 4001)}
"""In memory: transfers read at once, histories to a part, transfers to a task."""

SPILLED = {
    "small": Sizes(500, 900, 4000, 1 << 40),
    "uneven": Sizes(7001, 2111, 900, 1 << 40),
    "large": Sizes(1 << 20, 5000, 1 << 20, 1 << 40),
    "hubs on disk": Sizes(9000, 300, 4000, 1 << 40, 300),
}
"""Under a cap: transfers to a piece, to a bucket, to a file of pairs; and of the largest history at
all, and of the largest that is laid in memory."""

EXCEPT = {"manifest.json"}
"""It says which file the transfers came from, and a shuffled one is another file."""


class Way(NamedTuple):
    """One way to the result; `sizes` is a key of `PARTS` or of `SPILLED`."""

    threads: int
    order: str
    sizes: str

    @property
    def capped(self) -> bool:
        return self.sizes in SPILLED


def ways(*often: Way) -> list[Any]:
    """Return some ways for every run, and all the others for the nightly job."""
    found = []
    for way in map(
        Way._make, product((1, 2, 4), ("store", "shuffled", "rewritten"), (*PARTS, *SPILLED))
    ):
        if way.capped and way.order == "shuffled":
            continue  # plain tables know no cap
        marks = [] if way in often else [pytest.mark.slow]
        found.append(pytest.param(way, marks=marks, id="-".join(map(str, way))))
    return found


@pytest.fixture(scope="module")
def sources(world, tmp_path_factory) -> dict[str, Path]:
    """The store; its rows as plain files in any order; and a store made of them in any order."""
    folder = tmp_path_factory.mktemp("orders")
    mixed = world.transfers.sample(fraction=1.0, shuffle=True, seed=11)
    return {
        "store": world.store,
        "shuffled": world.shuffled(folder / "plain", seed=5),
        "rewritten": world.copy(folder / "rewritten", mixed),
    }


@pytest.fixture
def given(world, monkeypatch) -> Callable[[Way], dict[str, Any]]:
    """Return the options of a way, and see to its sizes."""

    def options(way: Way) -> dict[str, Any]:
        if way.capped:
            monkeypatch.setattr(passes, "divided", lambda memory, size: SPILLED[way.sizes])
        elif (parts := PARTS[way.sizes]) is not None:
            monkeypatch.setattr(reading, "_PIECE_ROWS", parts[0])
            monkeypatch.setattr(local.InMemory, "part_rows", parts[1])
            monkeypatch.setattr(computing, "_EVENTS_PER_TASK", parts[2])
        moment = datetime.fromisoformat(world.as_of)
        memory = AMPLE if way.capped else None
        return {
            "services": world.services, "as_of": moment, "threads": way.threads, "memory": memory
        }  # fmt: skip

    return options


@pytest.fixture(scope="module")
def all_signals(world, tmp_path_factory) -> bytes:
    """What one thread makes of the store in memory."""
    out = tmp_path_factory.mktemp("expected") / "signals.parquet"
    signals(world.store, out, services=world.services, threads=1)
    return out.read_bytes()


@pytest.fixture(scope="module")
def all_scores(world, bundle, tmp_path_factory) -> bytes:
    out = tmp_path_factory.mktemp("expected") / "scores.parquet"
    score(bundle, world.store, world.addresses, out,
          reasons=5, services=world.services, threads=1)  # fmt: skip
    return out.read_bytes()


@pytest.mark.parametrize(
    "way", ways(Way(4, "shuffled", "small parts"), Way(4, "rewritten", "hubs on disk"))
)
def test_signals(sources, given, all_signals, tmp_path, way):
    out = tmp_path / "signals.parquet"
    found = signals(sources[way.order], out, **given(way))
    assert (found.spilled_bytes is not None) == way.capped
    assert out.read_bytes() == all_signals


@pytest.mark.parametrize("way", ways(Way(4, "rewritten", "uneven")))
def test_scores(world, bundle, sources, given, all_scores, tmp_path, way):
    out = tmp_path / "scores.parquet"
    found = score(
        bundle, sources[way.order], world.addresses, out,
        reasons=5, research_use=way.order == "shuffled", **given(way),
    )  # fmt: skip
    assert (found.spilled_bytes is not None) == way.capped
    assert out.read_bytes() == all_scores


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("pyspark") is None or shutil.which("java") is None,
    reason="needs the extra spark and a Java runtime",
)
@pytest.mark.parametrize("order", ["store", "rewritten"])
def test_scores_of_spark(world, bundle, sources, all_scores, tmp_path, order):
    """Its signals are compared in `test_spark`."""
    out = tmp_path / "scores.parquet"
    score(bundle, sources[order], world.addresses, out, reasons=5, services=world.services,
          as_of=datetime.fromisoformat(world.as_of),
          engine="spark", spark_master="local[2]")  # fmt: skip
    assert out.read_bytes() == all_scores


@pytest.fixture(scope="module")
def all_alerts(world, bundle, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("expected") / "alerts"
    explain(bundle, world.store, world.addresses, out, top=5, services=world.services, threads=1)
    return contents(out)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.name not in EXCEPT}


@pytest.mark.slow
@pytest.mark.parametrize("threads, order", [(2, "store"), (4, "store"), (4, "rewritten")])
def test_explanations(world, bundle, sources, all_alerts, tmp_path, threads, order):
    """Pages and alerts to the byte; `explain` knows no cap. Of plain files see `test_jobs`."""
    explain(
        bundle, sources[order], world.addresses, tmp_path / "alerts",
        top=5, services=world.services, as_of=datetime.fromisoformat(world.as_of), threads=threads,
    )  # fmt: skip
    assert contents(tmp_path / "alerts") == all_alerts
