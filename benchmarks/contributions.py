"""Contributions: what it costs to take a score apart, beside everybody else's TreeSHAP.

    python -m benchmarks.contributions --fasttreeshap PYTHON

grows models on 100 made-up inputs (heavy tails, ties, a tenth missing), ours (`PARAMETERS`) and
deeper ones, and has each contender explain the same rows on one thread, one after the other in one
run: `models.treeshap`, LightGBM's `pred_contrib`, `shap.TreeExplainer` as it comes (it asks
LightGBM) and with shap's own code, fasttreeshap, and LightGBM's prediction as a measure of scale.
All are path dependent and mean the same numbers; what they differ by is in the table. Seconds are
of the processor, per row, the best of `--runs`; making tables or explainers is not in them, and
stands in the second table.

fasttreeshap 0.1.6 does not work with numpy 2, so it is no part of the development environment. Make
one for it (``pip install fasttreeshap lightgbm "numpy<2" "pandas<3" "shap<0.46" "scikit-learn<1.6"
"numba<0.61" "scipy<1.14"``), and name its Python; without one it is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np

from benchmarks.throughput import heading
from models.training import PARAMETERS
from models.treeshap import TreeShap

INPUTS = 100
GROWN_ON = 20_000
MODELS = {
    "ours, 300 trees": (300, {}),
    "depth 6, 63 leaves, 200 trees": (200, {"max_depth": 6, "num_leaves": 63}),
    "depth 6, 63 leaves, 500 trees": (500, {"max_depth": 6, "num_leaves": 63}),
}
FAST = Path(__file__).parent / "peers" / "fasttreeshap_rows.py"


class Taken(NamedTuple):
    """What a contender gave for the first rows, and CPU microseconds for each row."""

    found: np.ndarray
    microseconds: float


def main() -> None:
    """Measure, and print Markdown tables."""
    parser = argparse.ArgumentParser(description="CPU microseconds to explain a row")
    parser.add_argument("--rows", type=int, default=1_000, help="for everybody but Unrinse")
    parser.add_argument("--many", type=int, default=20_000, help="for Unrinse, and to predict")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--fasttreeshap", help="the Python of its own environment: see above")
    parser.add_argument("--compile", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.compile:
        print(json.dumps(compiled()))
        return
    print(heading(asked.runs))
    print("| model | contender | rows | µs a row | × Unrinse | greatest difference |")
    print("|---|---|---:|---:|---:|---:|")
    made = []
    for name, (trees, changed) in MODELS.items():
        inputs, booster = grown(trees, changed)
        made.append((name, *tables(booster)))
        ours = None
        for who, rows, taken in contenders(booster, inputs, asked):
            ours = ours or taken
            print(
                f"| {name} | {who} | {rows:,} | {taken.microseconds:,.1f} | {versus(ours, taken)} |"
            )
    print("\n| model | tables, MB | made in, CPU s | a row alone, µs |\n|---|---:|---:|---:|")
    for name, megabytes, seconds, alone in made:
        print(f"| {name} | {megabytes:.1f} | {seconds:.2f} | {alone:,.0f} |")
    with tempfile.TemporaryDirectory() as cache:
        anew, loaded = fresh(cache), fresh(cache)
    print(f"\nKernels: {anew:.1f} CPU s to compile anew, {loaded:.2f} to load.")


def grown(trees: int, changed: dict[str, Any]) -> tuple[np.ndarray, lightgbm.Booster]:
    """Return made-up inputs, and a model that was grown on them."""
    random = np.random.default_rng(1)
    inputs = random.lognormal(sigma=2, size=(GROWN_ON, INPUTS))
    inputs[:, ::3] = np.floor(inputs[:, ::3])
    inputs[:, 1::3] -= 1
    pull = np.log1p(np.abs(inputs)) @ random.normal(size=INPUTS)
    pull += 2 * np.log1p(inputs[:, 0]) * np.sign(inputs[:, 1]) + random.normal(size=GROWN_ON)
    inputs[random.random(inputs.shape) < 0.1] = np.nan
    label = (pull > np.quantile(pull, 0.8)).astype(int)
    parameters = {**PARAMETERS, **changed, "verbosity": -1, "deterministic": True, "seed": 1}
    return inputs, lightgbm.train(parameters, lightgbm.Dataset(inputs, label=label), trees)


def contenders(
    booster: lightgbm.Booster, inputs: np.ndarray, asked: argparse.Namespace
) -> Iterator[tuple[str, int, Taken]]:
    """Yield a name, how many rows, and what was measured."""
    few, many = inputs[: asked.rows], np.resize(inputs, (asked.many, INPUTS))
    ours = TreeShap(booster)
    ways: dict[str, tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]] = {
        "unrinse": (many, ours.contributions),
        "LightGBM `pred_contrib`": (
            few, lambda rows: np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
        ),
        "`shap.TreeExplainer`": (few, by_shap(booster, own=False)),
        "`shap.TreeExplainer`, its own code": (few, by_shap(booster, own=True)),
        "LightGBM, the prediction alone": (
            many, lambda rows: np.asarray(booster.predict(rows, raw_score=True, num_threads=1))
        ),
    }  # fmt: skip
    for name, (rows, explain) in ways.items():
        explain(rows[:64])
        seconds = []
        for _ in range(asked.runs):
            start = time.process_time()
            found = explain(rows)
            seconds.append(time.process_time() - start)
        yield name, len(rows), Taken(found[: asked.rows], 1e6 * min(seconds) / len(rows))
    if asked.fasttreeshap:
        for algorithm in ("v1", "v2"):
            taken = by_fasttreeshap(booster, few, algorithm, asked)
            yield f"fasttreeshap {algorithm}", len(few), taken


def by_shap(booster: lightgbm.Booster, *, own: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Return shap's explainer as a function; with `own` it is kept from asking LightGBM."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    if own:
        explainer.model.model_type = "other"

    def explain(rows: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(explainer.shap_values(rows, check_additivity=False))

    return explain


def by_fasttreeshap(
    booster: lightgbm.Booster, rows: np.ndarray, algorithm: str, asked: argparse.Namespace
) -> Taken:
    """Explain in fasttreeshap's own environment."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        booster.save_model(folder / "model.txt")
        np.save(folder / "rows.npy", rows)
        command = [asked.fasttreeshap, "-W", "ignore", str(FAST), name, algorithm, str(asked.runs)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        seconds = float(done.stdout.splitlines()[-1])
        return Taken(np.load(folder / "found.npy"), 1e6 * seconds / len(rows))


def versus(ours: Taken, taken: Taken) -> str:
    """Say how a contender compares: times as long, and what it differs by."""
    times = f"{taken.microseconds / ours.microseconds:.1f}"
    if taken.found.ndim < 2:
        return f"{times} | "
    width = min(ours.found.shape[1], taken.found.shape[1])
    rows = len(taken.found)
    gap = np.abs(ours.found[:rows, :width] - taken.found[:, :width]).max()
    return f"{times} | {gap:.0e}" if taken is not ours else f"{times} | "


def tables(booster: lightgbm.Booster) -> tuple[float, float, float]:
    """Return megabytes of tables, CPU seconds to make them, and microseconds for a row alone."""
    TreeShap(booster).contributions(np.zeros((1, INPUTS)))
    start, shap = time.process_time(), TreeShap(booster)
    found = shap.tabulated
    seconds = time.process_time() - start
    assert found is not None
    start = time.process_time()
    for _ in range(100):
        shap.contributions(np.zeros((1, INPUTS)))
    return found.tables.lines.nbytes / 1e6, seconds, 1e4 * (time.process_time() - start)


def fresh(cache: str) -> float:
    """Return CPU seconds of compiling or loading, in a process of its own with kernels there."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.contributions", "--compile"],
        check=True, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"XDG_CACHE_HOME": cache},
    )  # fmt: skip
    return float(json.loads(done.stdout))


def compiled() -> float:
    """Return by how many CPU seconds the first use of the kernels exceeds the second."""
    inputs = np.arange(40.0)[:, None]
    booster = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(inputs, label=inputs[:, 0]), 1)
    taken = []
    for _ in range(2):
        start = time.process_time()
        TreeShap(booster).contributions(inputs)
        taken.append(time.process_time() - start)
    return taken[0] - taken[1]


if __name__ == "__main__":
    main()
