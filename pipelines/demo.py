"""The `demo` job: simulate, train, evaluate, score and explain, on a synthetic world.

Criminals are rare in it, as in life: one account in a hundred. The world is as large as a few
minutes on two cores allow, so that validation and test still hold some 30 labelled criminals each
and more than twice the 1,000 others that the band `high` (one false alarm in a hundred) needs.
Scored are the accounts that nobody has labelled: those of the training set would look far too easy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from data.errors import Refused
from data.simulation.plan import PREVALENCE
from data.simulation.populations import CRIMINAL_ROLES
from pipelines.evaluate import evaluate
from pipelines.explain import explain
from pipelines.outputs import write_rows
from pipelines.score import score
from pipelines.simulate import SimulateResult, simulate
from pipelines.train import train


@dataclass(frozen=True)
class DemoResult:
    """Where everything stands.

    Parameters
    ----------
    report, evaluation
        The pages to open: the alerts, and how good the model is on the labels it did not see.
    scores, bundle, world
        The files behind them.
    addresses, prevalence
        Accounts of the world, and the share of criminals among them.
    alerts
        Addresses with a page of their own.
    test
        Headline figures of the test part, each with its interval.
    notes
        What must be said besides.
    exit_code
        Always 0.
    """

    report: Path
    evaluation: Path
    scores: Path
    bundle: Path
    world: Path
    addresses: int
    prevalence: float
    alerts: int
    test: Mapping[str, str]
    notes: tuple[str, ...]
    exit_code: int


def demo(
    out: str | Path = Path("runs/demo"),
    *,
    seed: int = 1,
    addresses: int = 40_000,
    prevalence: float = PREVALENCE,
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
    prevalence
        Share of criminals in it; also what the scores assume.

    Raises
    ------
    Refused
        A number is out of range, `out` cannot be written, or the world is so small, or crime in it
        so rare, that there is nothing to learn from.
    """
    out = Path(out)
    world = simulate(out / "world", seed=seed, addresses=addresses, prevalence=prevalence)
    labels, listed = out / "world" / "labels.csv", out / "unlabelled.csv"
    services = out / "world" / "services.csv"
    try:
        trained = train(world.out, labels, out / "bundle", seed=seed, base_rate=prevalence)
    except Refused as refused:
        raise _too_small(refused, world) from refused
    truth = pl.read_parquet(world.out / "truth.parquet")
    populations = truth.select("chain", "address", "population", "role", "typology")
    measured = evaluate(trained.out, world.out, labels, out / "evaluation", populations=populations)
    unlabelled = _unlabelled(labels)
    write_rows(unlabelled, listed)
    scores = score(
        trained.out, world.out, listed, out / "scores.parquet",
        reasons=50, services=services, start_again=True,
    )  # fmt: skip
    told = explain(
        trained.out, world.out, listed, out / "report", services=services, start_again=True
    )
    return DemoResult(
        report=told.index,
        evaluation=measured.page,
        scores=scores.out,
        bundle=trained.out,
        world=world.out,
        addresses=world.addresses,
        prevalence=world.prevalence,
        alerts=told.n_alerts,
        test=_with_prevalence(trained.test),
        notes=(
            "Everything here is synthetic: the world, the labels, and what the model learned. On "
            "real addresses it would do worse.",
            f"Scored were the {unlabelled.height:,} accounts without a label, none of which the "
            "model was trained on.",
            *hits(scores.out, truth, told.n_alerts),
            f"Open {told.index} in a browser.",
        ),
        exit_code=0,
    )


def _too_small(refused: Refused, world: SimulateResult) -> Refused:
    """Say what to change when a world has too little to learn from."""
    return Refused(
        f"a world of {world.addresses:,} accounts with {world.criminals} criminals is too small "
        f"for the demo: {refused.message}",
        expected=refused.expected,
        hint="Give more --addresses or a higher --prevalence; --addresses 6000 --prevalence 0.07 "
        "is enough.",
    )


def _with_prevalence(test: Mapping[str, str]) -> dict[str, str]:
    """Put beside a PR-AUC what guessing would reach: the share of positives."""
    told = dict(test)
    if "pr_auc" in told:
        share = int(told["positive"]) / int(told["n"])
        told["pr_auc"] += f" at a prevalence of {share:.1%}"
    return told


def hits(scores: Path, truth: pl.DataFrame, alerts: int) -> tuple[str, ...]:
    """Say how many alerts are right, which only a world with a known truth can tell."""
    if not alerts:
        return (
            "There are no alerts: the labels are too few to tell which scores call for review. "
            "Give more --addresses.",
        )
    shown = pl.read_parquet(scores, columns=["chain", "address", "rank"]).filter(
        pl.col("rank") <= alerts
    )
    criminals = truth.filter(pl.col("role").is_in(CRIMINAL_ROLES))
    right = shown.join(criminals, on=["chain", "address"], how="semi").height
    return (f"{right} of the {alerts} alerts are criminals by the world's own truth.",)


def _unlabelled(labels: Path) -> pl.DataFrame:
    """Return the accounts that nobody has judged, as an address list."""
    table = pl.read_csv(labels, columns=["address", "chain", "label", "as_of"])
    return table.filter(pl.col("label").is_null()).select("address", "chain", "as_of")
