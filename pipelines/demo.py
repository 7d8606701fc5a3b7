"""The `demo` job: simulate, train, evaluate, score and explain, on a small world.

The world is as small as it can be while validation and test still hold about 100 labelled criminals
and 1,000 others each, which the band `high` (one false alarm in a hundred) needs. Scored are the
accounts that nobody has labelled: those of the training set would look far too easy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.evaluate import evaluate
from pipelines.explain import explain
from pipelines.outputs import write_rows
from pipelines.score import score
from pipelines.simulate import simulate
from pipelines.train import train

BASE_RATE = 0.01
"""The share of launderers that the demo's scores assume; the labels hold far more of them."""


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
    out: str | Path = Path("runs/demo"), *, seed: int = 1, addresses: int = 15_000
) -> DemoResult:
    """Run the whole of Unrinse on a synthetic world.

    Parameters
    ----------
    out
        Gets ``world/``, ``bundle/``, ``evaluation/``, ``unlabelled.csv`` (the accounts to score),
        ``scores.parquet`` and ``report/``.
    seed
        Of the world and of training.
    addresses
        Size of the world.
    """
    out = Path(out)
    world = simulate(out / "world", seed=seed, addresses=addresses)
    labels, listed = out / "world" / "labels.csv", out / "unlabelled.csv"
    services = out / "world" / "services.csv"
    trained = train(world.out, labels, out / "bundle", seed=seed, base_rate=BASE_RATE)
    truth = pl.read_parquet(world.out / "truth.parquet", columns=["chain", "address", "population"])
    measured = evaluate(trained.out, world.out, labels, out / "evaluation", populations=truth)
    unlabelled = _unlabelled(labels)
    write_rows(unlabelled, listed)
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
            f"Scored were the {unlabelled.height:,} accounts without a label, none of which the "
            "model was trained on.",
            f"Open {told.index} in a browser.",
        ),
        exit_code=0,
    )


def _unlabelled(labels: Path) -> pl.DataFrame:
    """Return the accounts that nobody has judged, as an address list."""
    table = pl.read_csv(labels, columns=["address", "chain", "label", "as_of"])
    return table.filter(pl.col("label").is_null()).select("address", "chain", "as_of")
