"""Models trained on synthetic worlds alone, to be taken to real accounts: a set of four bundles.

Two leg profiles (native, and native with outgoing tokens) times two cuts (whole history, first 30
days). How the training rows are cut is a choice:

| cuts | training rows |
|---|---|
| ``world`` | at each label's own moment, for both: what a user's first model is |
| ``matched`` | each model on rows cut as its real accounts are |
| ``mixed`` | both cuts of each label, for both |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from benchmarks.cuts import EARLY, LEGS, VARIANTS, WHOLE
from benchmarks.worlds import POOLED, Pool, pool
from models.bundle import Bundle
from models.fitting import Fitted, fit
from models.settings import MIN_TRANSFERS, Settings

CUTS: dict[str, dict[str, tuple[str, ...]]] = {
    "world": {WHOLE: (WHOLE,), EARLY: (WHOLE,)},
    "matched": {WHOLE: (WHOLE,), EARLY: (EARLY,)},
    "mixed": {WHOLE: (WHOLE, EARLY), EARLY: (WHOLE, EARLY)},
}
BASE_RATE = 0.01
"""Stated in the bundles; it moves no rank."""

Models = dict[tuple[str, str], Bundle]
"""(legs, variant) to the bundle that judges it."""


def train_models(
    worlds: Sequence[Path],
    out: Path,
    *,
    cuts: str = "matched",
    min_transfers: int = MIN_TRANSFERS,
    seed: int = 1,
) -> Models:
    """Train the four bundles on worlds and write them to ``out/<legs>-<variant>``."""
    for legs, text in LEGS.items():
        pooled = pool(worlds, text)
        settings = Settings(
            basis="relative",
            legs=tuple(text.split(",")),
            min_transfers=min_transfers,
            base_rate=BASE_RATE,
            seed=seed,
            allow=POOLED,
            threads=2,
        )
        fitted: dict[tuple[str, ...], Fitted] = {}
        for variant, chosen in CUTS[cuts].items():
            if chosen not in fitted:
                fitted[chosen] = fit(*rows(pooled, chosen), settings)
            fitted[chosen].write(out / f"{legs}-{variant}")
    return load_models(out)


def load_models(folder: Path) -> Models:
    """Load the four bundles of a set."""
    return {(legs, cut): Bundle.load(folder / f"{legs}-{cut}") for legs in LEGS for cut in VARIANTS}


def rows(pooled: Pool, cuts: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return signals and labels of the rows that have a part, each at every cut of `cuts`.

    A history whose cuts are the same moment stands there once.
    """
    kept = pooled.labels["split"].is_not_null() & pooled.labels["label"].is_not_null()
    frames: list[pl.DataFrame] = []
    labels: list[pl.DataFrame] = []
    for cut in cuts:
        frame = pooled.signals[cut]
        again = frame["as_of"] == pooled.signals[WHOLE]["as_of"]
        chosen = kept & ~again if frames else kept
        frames.append(frame.filter(chosen))
        labels.append(pooled.labels.filter(chosen))
    return pl.concat(frames), pl.concat(labels).drop("world")


def held_out(models: Mapping[tuple[str, str], Bundle], folder: Path) -> dict[str, str]:
    """Return each model's ROC-AUC on the worlds' own test part, as text."""
    import json

    found = {}
    for legs, cut in models:
        told = json.loads((folder / f"{legs}-{cut}" / "evaluation.json").read_text("utf-8"))
        m = told["splits"]["test"]
        roc = "–" if m["roc_auc"] is None else f"{m['roc_auc']['value']:.3f}"
        found[f"{legs}, {cut}"] = f"{roc} ({m['n_positive']} of {m['n']})"
    return found
