"""The `demo` job: simulate, train, evaluate, score and explain, on a small world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.evaluate import evaluate
from pipelines.explain import explain
from pipelines.score import score
from pipelines.simulate import simulate
from pipelines.train import train


@dataclass(frozen=True)
class DemoResult:
    """Where everything stands."""

    report: Path
    evaluation: Path
    scores: Path
    bundle: Path
    world: Path
    addresses: int
    alerts: int
    prevalence: float
    test: Mapping[str, str]
    notes: tuple[str, ...]
    exit_code: int


def demo(
    out: str | Path = Path("runs/demo"), *, seed: int = 1, addresses: int = 3000
) -> DemoResult:
    """Run the whole of Unrinse on a synthetic world.

    Parameters
    ----------
    out
        Gets ``world/``, ``bundle/``, ``evaluation/``, ``scores.parquet`` and ``report/``.
    seed
        Of the world and of training.
    addresses
        Size of the world.
    """
    out = Path(out)
    world = simulate(out / "world", seed=seed, addresses=addresses)
    labels, listed = out / "world" / "labels.csv", out / "world" / "addresses.csv"
    services = out / "world" / "services.csv"
    trained = train(world.out, labels, out / "bundle", seed=seed)
    truth = pl.read_parquet(world.out / "truth.parquet", columns=["chain", "address", "population"])
    measured = evaluate(
        trained.out, world.out, labels, out / "evaluation", populations=truth
    )
    scores = score(
        trained.out, world.out, listed, out / "scores.parquet", reasons=50, services=services
    )
    told = explain(trained.out, world.out, listed, out / "report", services=services)
    return DemoResult(
        report=told.index,
        evaluation=measured.page,
        scores=scores.out,
        bundle=trained.out,
        world=world.out,
        addresses=world.addresses,
        alerts=told.n_alerts,
        prevalence=world.prevalence,
        test=trained.test,
        notes=(
            "Everything here is synthetic: the world, the labels, and what the model learned.",
            f"Open {told.index} in a browser.",
        ),
        exit_code=0,
    )
