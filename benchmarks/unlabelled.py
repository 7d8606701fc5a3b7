"""What unlabelled rows are worth: every way of using them, against training on the full truth.

    python -m benchmarks.unlabelled --train 1 2 --test 3 --draws 3

Of the criminals of the training worlds a few are labelled: `SHARES` of them, once at random, once
*selectively*: whole cases, large ones first, as investigations find them. Reviewed negatives are
those of the world's own labels (services more often than persons, some of them wrong). The rest is
unlabelled. Each way (`models.unlabelled`) trains on the same rows; the *oracle* on the truth of all
of them. All are judged by PR-AUC on every account of fresh worlds that has enough history, against
the truth. ``elkan_noto`` runs with its own estimate, and told the true share of positives among the
unlabelled, half of it and twice it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

import lightgbm
import numpy as np
import polars as pl

from benchmarks.worlds import KEY, make, opened
from data.schema import LEGS
from data.services import load_services
from data.simulation.populations import CRIMINAL_ROLES
from features.catalogue import catalogue
from models.material import Material, material, matrix
from models.metrics import METRICS, Outcomes, measure
from models.settings import MIN_TRANSFERS
from models.status import SCORED, Requirements, with_history
from models.training import model_inputs, train_material
from models.unlabelled import Unlabelled, taught
from pipelines.engines import local

SHARES = (0.05, 0.2, 0.5)
PRIORS = (0.5, 1.0, 2.0)


def main() -> None:
    """Measure, and print Markdown."""
    print(report(*asked("Ways of using unlabelled rows")))


def asked(what: str) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Read the command line, and make worlds to train on and to judge.

    Returns
    -------
    tuple
        The accounts to train on, those to judge, and how many draws to make.
    """
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--train", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--test", type=int, nargs="+", default=[3])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--addresses", type=int, default=5000)
    parser.add_argument("--prevalence", type=float, default=0.1)
    given = parser.parse_args()
    size = (given.addresses, given.prevalence)
    with tempfile.TemporaryDirectory() as folder:
        train = accounts(make(Path(folder), given.train, *size))
        test = accounts(make(Path(folder), given.test, *size))
    return train, test, given.draws


def accounts(worlds: Sequence[Path]) -> pl.DataFrame:
    """Return every account with enough history: signals, label as held, truth, and its case."""
    frames = []
    for world in worlds:
        transfers, labels = opened(world)
        signals = local.measure(
            transfers,
            labels.select(*KEY, "as_of"),
            as_of=labels["as_of"].max(),  # type: ignore[arg-type]  # every account has one
            basis="usd",
            legs=LEGS,
            services=load_services(world / "services.csv"),
            families=catalogue().families_of(),
        ).signals
        known = pl.read_parquet(world / "truth.parquet").select(
            *KEY,
            criminal=pl.col("role").is_in(CRIMINAL_ROLES),
            case=pl.concat_str(pl.lit(f"{world.name}/"), "case_id"),
        )
        rows = signals.with_columns(labels["label"])
        frames.append(rows.join(known, on=KEY, how="left", maintain_order="left"))
    both = pl.concat(frames, how="diagonal")
    return both.filter(with_history(both, Requirements(LEGS, MIN_TRANSFERS)) == SCORED)


def report(train: pl.DataFrame, test: pl.DataFrame, draws: int) -> str:
    """Train every way on every draw, and put mean PR-AUC into a table."""
    signals = model_inputs(catalogue().signals, basis="usd", legs=LEGS, exposure=False)
    criminal = train["criminal"].to_numpy().astype(bool)
    everything = of(train, criminal.astype(np.int8), signals)
    oracle = judged(everything, test)
    columns = [f"{how} {share:.0%}" for how in ("random", "selective") for share in SHARES]
    found: dict[str, dict[str, list[float]]] = {}
    for column, labelled in drawn(train, criminal, draws):
        for way, value in every_way(train, labelled, everything, test):
            found.setdefault(way, {}).setdefault(column, []).append(value)
    lines = [
        f"| way | {' | '.join(columns)} |",
        f"|---|{'---:|' * len(columns)}",
        *(
            f"| {way} | "
            + " | ".join(f"{mean(v):.3f} ({min(v):.3f} to {max(v):.3f})" for v in by.values())
            + " |"
            for way, by in found.items()
        ),
    ]
    n = int(test["criminal"].sum())
    head = (
        f"{train.height:,} accounts to train on, {int(criminal.sum()):,} of them criminal; "
        f"{test.height:,} fresh ones to judge, {n:,} criminal. PR-AUC of the oracle: {oracle:.3f}; "
        f"of chance: {n / test.height:.3f}."
    )
    return f"{head}\n\n" + "\n".join(lines)


def drawn(
    train: pl.DataFrame, criminal: np.ndarray, draws: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield which criminals are labelled, at random and by cases, for each share and draw."""
    size = train.select(pl.len().over("case").fill_null(1)).to_series().to_numpy()
    cases = train["case"].fill_null("").to_numpy()
    for how in ("random", "selective"):
        for share in SHARES:
            for draw in range(draws):
                random = np.random.default_rng([draw, int(1000 * share)])
                ticket = random.random(len(criminal))
                if how == "selective":
                    lots = dict(zip(*_lots(cases, size, random), strict=True))
                    ticket = np.array([lots[case] for case in cases])
                ticket[~criminal] = np.inf
                chosen = np.zeros(len(criminal), dtype=bool)
                chosen[np.argsort(ticket, kind="stable")[: round(share * criminal.sum())]] = True
                yield f"{how} {share:.0%}", chosen


def _lots(
    cases: np.ndarray, size: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Give each case a place in the queue: large ones tend to come first."""
    names, first = np.unique(cases, return_index=True)
    return names, random.exponential(size=len(names)) / size[first]


def every_way(
    train: pl.DataFrame, labelled: np.ndarray, everything: Material, test: pl.DataFrame
) -> Iterator[tuple[str, float]]:
    """Yield the PR-AUC of each way."""
    criminal = train["criminal"].to_numpy().astype(bool)
    negative = (train["label"] == 0).fill_null(False).to_numpy() & ~labelled
    order = np.argsort(_keys(train), kind="stable")  # as `everything` is sorted
    positive, known = labelled[order], (labelled | negative)[order]
    rows = replace(everything, label=positive.astype(np.float64)).take(known)
    rest = everything.take(~known)
    prior = criminal[order][~known].mean()
    ways = {
        "leave_out": Unlabelled(),
        "negative": Unlabelled("negative"),
        "elkan_noto": Unlabelled("elkan_noto"),
        **{f"elkan_noto, {k:g} x prior": Unlabelled("elkan_noto", k * prior) for k in PRIORS},
    }
    for name, way in ways.items():
        yield name, judged(taught(rows, rest, way, threads=2).rows, test)


def of(train: pl.DataFrame, label: np.ndarray, signals: Sequence[object]) -> Material:
    """Return all rows as material, sorted by their key."""
    told = pl.DataFrame({"label": label, "group": train["case"].fill_null(train["address"]),
                         "moment": train["as_of"]})  # fmt: skip
    return material(train, told, signals)  # type: ignore[arg-type]  # signals of the catalogue


def _keys(train: pl.DataFrame) -> np.ndarray:
    ranked = train.select(pl.struct("chain", "address", "as_of").rank("ordinal")).to_series()
    return ranked.to_numpy()


def judged(rows: Material, test: pl.DataFrame) -> float:
    """Fit the trees and return their PR-AUC on fresh accounts."""
    trained = train_material(rows, threads=2)
    booster = lightgbm.Booster(model_str=trained.model)
    raw = booster.predict(matrix(test, trained.signals), raw_score=True)
    label = test["criminal"].to_numpy().astype(np.float64)
    return measure(METRICS["pr_auc"], Outcomes(label, np.asarray(raw)))


if __name__ == "__main__":
    main()
