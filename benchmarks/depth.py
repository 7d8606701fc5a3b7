"""Depth: what it costs a model that its trees are shallow enough to be explained quickly.

    python -m benchmarks.depth --train 1 2 3 --test 4 5 6

Trees of depth 4 (`PARAMETERS`), of 6 (the deepest that training allows) and without a bound are
grown on the truth of every account of some synthetic worlds, with the parameters otherwise the
same, and without signals that rest on others: as many trees as the latest accounts ask for, then
again on all. They are judged by PR-AUC on
every account of other worlds, each depth by the mean of its seeds' log-odds; differences to depth 4
with a paired bootstrap over cases.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from benchmarks.unlabelled import accounts, of
from benchmarks.worlds import make
from data.schema import LEGS
from features.catalogue import catalogue
from models.bootstrap import paired_bootstrap
from models.material import Material, matrix
from models.training import HELD_BACK, MAX_ROUNDS, PARAMETERS, PATIENCE, model_inputs

DEPTHS: dict[str, dict[str, Any]] = {
    "4, 15 leaves": {},
    "6, 63 leaves": {"max_depth": 6, "num_leaves": 63},
    "unbounded, 15 leaves": {"max_depth": -1},
    "unbounded, 63 leaves": {"max_depth": -1, "num_leaves": 63},
}


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description="PR-AUC by the depth of the trees")
    parser.add_argument("--train", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--test", type=int, nargs="+", default=[4, 5, 6])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--addresses", type=int, default=5000)
    parser.add_argument("--prevalence", type=float, default=0.1)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="keep the worlds here, and use them again")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        size = (asked.addresses, asked.prevalence)
        train = accounts(make(folder, asked.train, *size))
        test = accounts(make(folder, asked.test, *size))
    signals = model_inputs(catalogue().signals, basis="usd", legs=LEGS, exposure=False)
    rows = of(train, train["criminal"].to_numpy().astype(np.float64), signals)
    inputs = matrix(test, rows.names)
    label = test["criminal"].to_numpy().astype(np.float64)
    cases = test["case"].fill_null(test["address"]).to_numpy()
    print(
        f"{len(rows.inputs):,} accounts to train on, {int(rows.label.sum()):,} of them criminal; "
        f"{len(label):,} to judge, {int(label.sum()):,} criminal; {len(rows.names)} inputs.\n\n"
        "| depth | trees | deepest leaf | PR-AUC | less that of depth 4 [95 %] |\n"
        "|---|---:|---:|---:|---|"
    )
    first = None
    for name, changed in DEPTHS.items():
        boosters = [fit(rows, changed, seed) for seed in asked.seeds]
        raw = np.mean([one.predict(inputs, raw_score=True) for one in boosters], axis=0)
        first = raw if first is None else first
        than = paired_bootstrap(label, raw, first, cases, resamples=asked.resamples)
        gain = "" if first is raw else f"{than.difference:+.4f} [{than.low:+.4f}, {than.high:+.4f}]"
        trees = "/".join(str(one.num_trees()) for one in boosters)
        deepest = max(int(one.trees_to_dataframe()["node_depth"].max()) - 1 for one in boosters)
        print(f"| {name} | {trees} | {deepest} | {than.a:.4f} | {gain} |")


def fit(rows: Material, changed: Mapping[str, Any], seed: int) -> lightgbm.Booster:
    """Grow trees as training does, but as deep as asked."""
    parameters = {
        **PARAMETERS, **changed, "seed": seed, "deterministic": True, "force_row_wise": True,
        "verbosity": -1, "num_threads": 2, "metric": "binary_logloss",
    }  # fmt: skip
    late = rows.place_in_time() > 1 - HELD_BACK
    early = lightgbm.Dataset(rows.inputs[~late], label=rows.label[~late])
    stopped = lightgbm.train(
        parameters, early, MAX_ROUNDS,
        valid_sets=[lightgbm.Dataset(rows.inputs[late], label=rows.label[late], reference=early)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )  # fmt: skip
    whole = lightgbm.Dataset(rows.inputs, label=rows.label)
    return lightgbm.train(parameters, whole, stopped.best_iteration)


if __name__ == "__main__":
    main()
