"""One model over some columns of a study: a few seeds, averaged, each fitted once and kept.

The fit is the one of `unrinse train` (`models.training.train_model`), whatever the columns are. Its
scores are kept under a hash of everything they depend on: the rows, the columns, the parameters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.source_hash import source_hash
from benchmarks.worth_studies import Study
from data.storage import whole_file
from features.catalogue import catalogue
from features.signal import Signal
from models.material import matrix
from models.training import train_model

THREADS = 2
FITTERS = ("models/training.py", "models/association.py")


@dataclass(frozen=True)
class Scores:
    """Log-odds of the validation rows and of the judged rows, averaged over the seeds."""

    validation: np.ndarray
    judged: np.ndarray


def scores(study: Study, columns: Sequence[str], cache: Path, *, uncapped: bool = False) -> Scores:
    """Train on some columns alone and score the other rows.

    Parameters
    ----------
    columns
        Names of columns of the study's frames: signals, or anything else that is a number.
    cache
        Folder of the scores.
    uncapped
        Let signals that rest on others pose as behaviour, as columns that are no signals do:
        neither kept apart nor capped (`models.association`).
    """
    signals = _as_signals(columns)
    if uncapped:
        signals = [_posing(signal) for signal in signals]
    found = [_one(study, signals, seed, cache) for seed in study.seeds]
    cut = study.validation.height
    mean = np.mean(found, axis=0)
    return Scores(mean[:cut], mean[cut:])


def _one(study: Study, signals: Sequence[Signal], seed: int, cache: Path) -> np.ndarray:
    columns = [signal.name for signal in signals]
    others = pl.concat([side.select(columns) for side in (study.validation, study.judged)])
    inputs = matrix(others, columns)
    kept = cache / f"{_key(study, signals, seed, inputs)}.npy"
    if kept.exists():
        return np.asarray(np.load(kept))
    import lightgbm

    trained = train_model(study.train, study.train, signals, seed=seed, threads=THREADS)
    booster = lightgbm.Booster(model_str=trained.model)
    raw = np.asarray(booster.predict(inputs, raw_score=True, num_threads=THREADS))
    with whole_file(kept) as path, path.open("wb") as file:
        np.save(file, raw)
    return raw


def _as_signals(columns: Sequence[str]) -> list[Signal]:
    """Return the signals; columns that are none pose as signals of behaviour."""
    known, any_one = catalogue().by_name, _posing(catalogue().signals[0])
    return [known.get(name) or replace(any_one, name=name) for name in columns]


def _posing(signal: Signal) -> Signal:
    """Return a signal as one of behaviour."""
    return replace(signal, exposure=False)


def _key(study: Study, signals: Sequence[Signal], seed: int, inputs: np.ndarray) -> str:
    train = study.train
    columns = [signal.name for signal in signals]
    exposure = [signal.exposure for signal in signals]
    how = [columns, exposure, seed, source_hash(FITTERS), version("lightgbm")]
    digest = hashlib.sha256(json.dumps(how).encode())
    digest.update(matrix(train, columns).tobytes())
    digest.update(train["label"].cast(pl.Int8).to_numpy().tobytes())
    for name in ("chain", "address", "group"):
        digest.update(train[name].hash(seed=0).to_numpy().tobytes())
    digest.update(train["moment"].to_physical().to_numpy().tobytes())
    digest.update(inputs.tobytes())
    return digest.hexdigest()[:32]
