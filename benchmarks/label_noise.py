"""What wrong labels cost, and what helps: training on labels of which some were turned over.

    python -m benchmarks.label_noise --train 1 2 --test 3 --draws 3

Every account of the training worlds has its true label, of which a share is then made wrong, in
three ways: *random* ones of both classes; *cleared*: launderers who were found innocent, whole
cases as a careless review would; *accused*: as many innocents as that share of the launderers is,
those first whose behaviour is most like laundering (the false positives of an earlier model, taken
for confirmed). Each way of training sees the same rows:

* as is;
* *smoothed*: each row also counts a twentieth as the other class;
* *coarse*: leaves of at least 100 rows instead of 20;
* *doubted left out*: without the rows that trees on other cases contradict (`models.doubt`).

All are judged by PR-AUC against the truth on fresh worlds. The last columns say how many of the
wrong labels were doubted, and how many of the doubted were wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import mean
from typing import NamedTuple

import lightgbm
import numpy as np
import polars as pl

from benchmarks.unlabelled import asked, judged, of
from data.schema import LEGS
from features.catalogue import catalogue
from models.doubt import doubted
from models.material import Material, matrix
from models.metrics import METRICS, Outcomes, measure
from models.out_of_fold import judged_by_others
from models.training import model_inputs, train_material

SHARES = (0.0, 0.05, 0.1, 0.2)
KINDS = ("random", "cleared", "accused")
SMOOTHING = 0.05
COARSE = {"min_data_in_leaf": 100}


class Doubts(NamedTuple):
    """Of the wrong labels, how many were doubted; of the doubted, how many were wrong."""

    found: float
    right: float


def main() -> None:
    """Measure, and print Markdown."""
    print(report(*asked("What wrong labels cost, and what helps")))


def report(train: pl.DataFrame, test: pl.DataFrame, draws: int) -> str:
    """Train every way on every draw, and put mean PR-AUC into a table."""
    signals = model_inputs(catalogue().signals, basis="usd", legs=LEGS, exposure=False)
    criminal = train["criminal"].to_numpy().astype(np.int8)
    truth = of(train, criminal, signals)
    ranked = judged_by_others(truth, seed=1, threads=2)
    lines = [
        "| labels | as is | smoothed | coarse | doubted left out | wrong ones doubted | "
        "doubted ones wrong |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for kind in KINDS:
        for share in SHARES if kind == KINDS[0] else SHARES[1:]:
            found: dict[str, list[float]] = {}
            doubts = []
            for draw in range(draws if share else 1):
                rows = turned(truth, kind, share, ranked, np.random.default_rng([draw, 7]))
                for way, value in every_way(rows, test):
                    found.setdefault(way, []).append(value)
                doubts.append(judged_doubts(rows, truth.label))
            named = f"{kind} {share:.0%}" if share else "all right"
            values = " | ".join(f"{mean(v):.3f}" for v in found.values())
            caught = [f"{mean(d):.0%}" if share else "–" for d in zip(*doubts, strict=True)]
            lines.append(f"| {named} | {values} | {' | '.join(caught)} |")
    n = int(test["criminal"].sum())
    head = (
        f"{train.height:,} accounts to train on, {int(criminal.sum()):,} of them criminal; "
        f"{test.height:,} fresh ones to judge, {n:,} criminal. Mean PR-AUC of {draws} draws."
    )
    return f"{head}\n\n" + "\n".join(lines)


def turned(
    truth: Material, kind: str, share: float, ranked: np.ndarray, random: np.random.Generator
) -> Material:
    """Return the rows with a share of the labels turned over.

    `ranked`: how like laundering each row looks to a model that did not learn from it.
    """
    label = truth.label.copy()
    if kind == "random":
        wrong = random.random(len(label)) < share
    elif kind == "cleared":
        groups = truth.keys["group"].to_numpy()
        lots = {name: random.random() for name in np.unique(groups[label == 1])}
        ticket = np.array([lots.get(name, 2.0) for name in groups])
        ticket[label == 0] = 2.0
        wrong = np.zeros(len(label), dtype=bool)
        wrong[np.argsort(ticket, kind="stable")[: round(share * label.sum())]] = True
    else:
        odds = np.where(label == 0, ranked, 0.0) * random.uniform(0.5, 1.0, len(label))
        wrong = np.zeros(len(label), dtype=bool)
        wrong[np.argsort(-odds, kind="stable")[: round(share * label.sum())]] = True
    label[wrong] = 1 - label[wrong]
    return replace(truth, label=label)


def every_way(rows: Material, test: pl.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield the PR-AUC of each way."""
    yield "as is", judged(rows, test)
    yield "smoothed", judged(smoothed(rows), test)
    trained = train_material(rows, params=COARSE, threads=2)
    raw = lightgbm.Booster(model_str=trained.model).predict(
        matrix(test, trained.signals), raw_score=True
    )
    label = test["criminal"].to_numpy().astype(np.float64)
    yield "coarse", measure(METRICS["pr_auc"], Outcomes(label, np.asarray(raw)))
    chance = judged_by_others(rows, seed=1, threads=2)
    yield "doubted left out", judged(rows.take(~doubted(rows, chance)), test)


def smoothed(rows: Material) -> Material:
    """Let each row count a little as the other class."""
    n = len(rows.label)
    return replace(
        rows,
        keys=pl.concat([rows.keys, rows.keys]),
        inputs=np.concatenate([rows.inputs, rows.inputs]),
        label=np.concatenate([rows.label, 1 - rows.label]),
        weight=np.concatenate([rows.weight * (1 - SMOOTHING), rows.weight * SMOOTHING]),
        certain=np.concatenate([rows.certain, np.zeros(n, dtype=bool)]),
    )


def judged_doubts(rows: Material, truth: np.ndarray) -> Doubts:
    """Compare the doubted rows with the wrong ones."""
    doubt = doubted(rows, judged_by_others(rows, seed=1, threads=2))
    wrong = rows.label != truth
    both = float((doubt & wrong).sum())
    return Doubts(both / max(wrong.sum(), 1), both / max(doubt.sum(), 1))


if __name__ == "__main__":
    main()
