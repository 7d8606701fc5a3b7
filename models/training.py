"""Training: labelled signals in, gradient-boosted trees on the log-odds scale out.

LightGBM with shallow trees (whose exact contributions can be tabulated: `models.treeshap`), no
class weights (the calibration would have to undo them) and one fixed way of counting rounds:

1. hold back the latest `HELD_BACK` of the training rows, whole groups, and stop when their log loss
   has not improved for `PATIENCE` rounds;
2. fit again on all training rows with that number of rounds, because the latest cases, the ones
most
   like tomorrow's, should teach as well.

The same rows in any order, on any number of threads, give the same model text, byte for byte: rows
are sorted, LightGBM runs in its deterministic mode, and the number of threads that the text records
is pinned.

Unlabelled is not benign: what unlabelled rows may teach stands in `models.unlabelled`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import leg_set
from features.signal import Signal
from models.association import apart, cap
from models.material import Material, material

PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "max_depth": 4,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
}
"""Defaults; `train_model(params=...)` overrides single ones. `max_depth` may not exceed 6.

Chosen on the validation part of real Ethereum accounts (whole histories and first 30 days, three
seeds): depth 4 with few columns and rows a tree was as good as any deeper setting tried, and its
contributions cost a fraction. Monotone constraints changed nothing there, so they are off.
"""

MAX_ROUNDS = 1000
PATIENCE = 50
HELD_BACK = 0.15
DEEPEST = 6
FEWEST_OF_A_CLASS = 10
"""With fewer positives or fewer negatives to train on, there is nothing to learn from."""

SMALL = 5_000_000
"""Below so many cells (rows x inputs) one thread is used: more would mostly wait for each other."""

_PINNED = {
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Trained:
    """A fitted model, not yet calibrated.

    Attributes
    ----------
    model : str
        LightGBM text.
    signals : tuple of str
        Input names, in the order of the model's columns.
    rounds : int
        Trees.
    n, n_positive : int
        Labelled training rows.
    fingerprint : str
        SHA-256 over the keys, inputs, labels and weights of the training rows.
    parameters : dict
        Everything that was passed to LightGBM.
    """

    model: str
    signals: tuple[str, ...]
    rounds: int
    n: int
    n_positive: int
    fingerprint: str
    parameters: dict[str, Any]


def model_inputs(
    signals: Sequence[Signal],
    *,
    basis: str,
    legs: str | Sequence[str],
    own_moments: bool = True,
    exposure: bool = True,
    also: Sequence[str] = (),
) -> list[Signal]:
    """Return the signals that can be inputs on a value basis and a leg profile.

    Parameters
    ----------
    signals
        The catalogue's signals, in its order, which is kept.
    basis
        ``usd``, ``native`` or ``relative``; off ``usd`` the signals that need dollars are left out.
    legs
        The leg profile; signals whose legs it does not hold are left out.
    own_moments
        Whether rows have an `as_of` of their own. Where all share one, a signal that depends on it
        (the time since the last transfer) is a calendar date in disguise, and is left out.
    exposure
        Whether signals that rest on others may be inputs.
    also
        Families whose signals for context are inputs too.

    Raises
    ------
    Refused
        Nothing is left.
    """
    held = leg_set(legs if isinstance(legs, str) else ",".join(legs))
    chosen = [
        signal
        for signal in signals
        if may_be_input(signal, exposure=exposure, also=also)
        and (basis == "usd" or not signal.dollars)
        and (own_moments or not signal.depends_on_as_of)
        and _reached(signal, held)
    ]
    if not chosen:
        raise Refused(
            f"no signal can be computed from the legs {', '.join(sorted(held)) or '(none)'}",
            hint="Name more legs in --legs, or ingest exports that show more.",
        )
    return chosen


def may_be_input(signal: Signal, *, exposure: bool, also: Sequence[str] = ()) -> bool:
    """Say whether a signal may be an input at all, whatever basis and legs allow.

    `exposure` and `also` as in `model_inputs`.
    """
    wanted = signal.model_input or signal.family in also
    return wanted and (exposure or not signal.exposure)


def _reached(signal: Signal, legs: frozenset[str]) -> bool:
    kinds = {"both": ("native", "internal", "token"), "token_both": ("token",)}
    if signal.needs in kinds:
        return any({f"{kind}_in", f"{kind}_out"} <= legs for kind in kinds[signal.needs])
    ends = {"in": ("_in",), "out": ("_out",), "any": ("_in", "_out")}[signal.needs]
    return any(leg.endswith(ends) for leg in legs)


def train_model(
    frame: pl.DataFrame,
    labels: pl.DataFrame,
    signals: Sequence[Signal],
    *,
    seed: int = 1,
    params: Mapping[str, Any] | None = None,
    monotone: bool = False,
    threads: int = 1,
) -> Trained:
    """Fit the trees.

    Parameters
    ----------
    frame
        Training rows: `chain`, `address`, `as_of` and one column per signal.
    labels
        Beside `frame`, row by row: `label` (1, 0; null is not used) and where known `group` and
        `moment` (what the held-back rows are chosen by), `weight`, `selection_probability`. A row
        counts weight / selection_probability.
    signals
        The inputs, in order (see `model_inputs`).
    seed
        Of LightGBM's sampling of rows and columns.
    params
        Overrides of `PARAMETERS`.
    monotone
        Let the score only rise with signals whose `risk` is ``up``, only fall with ``down``.
    threads
        Changes the time it takes, never the model.

    Raises
    ------
    Refused
        Fewer than `FEWEST_OF_A_CLASS` positives or negatives.
    """
    return train_material(
        material(frame, labels, signals),
        seed=seed,
        params=params,
        monotone=monotone,
        threads=threads,
    )


def train_material(
    rows: Material,
    *,
    seed: int = 1,
    params: Mapping[str, Any] | None = None,
    monotone: bool = False,
    threads: int = 1,
) -> Trained:
    """Fit the trees on rows that are already in order; otherwise as `train_model`."""
    _refuse_too_few(rows.label[rows.certain])
    parameters = _parameters(params, seed, rows.signals, monotone=monotone)
    rounds = _rounds(rows, parameters, threads)
    booster = _fit(rows, parameters, rounds, threads)
    cap(booster, [signal.exposure for signal in rows.signals])
    return Trained(
        model=model_text(booster, rounds),
        signals=tuple(rows.names),
        rounds=rounds,
        n=int(rows.certain.sum()),
        n_positive=int(rows.label[rows.certain].sum()),
        fingerprint=rows.fingerprint(),
        parameters={**parameters, "num_iterations": rounds},
    )


def grown(
    rows: Material, params: Mapping[str, Any], seed: int, threads: int = 1
) -> Callable[[np.ndarray], np.ndarray]:
    """Grow trees on some rows, stopping on the latest of them, and return what gives raw log-odds.

    Unlike `train_model` it does not grow them again on all rows: it is for trying parameters.
    """
    parameters = _parameters(params, seed, rows.signals, monotone=False)
    booster, best = _stopped_early(rows, parameters, threads)

    def raw(inputs: np.ndarray) -> np.ndarray:
        found = booster.predict(inputs, raw_score=True, num_iteration=best, num_threads=threads)
        return np.asarray(found, dtype=np.float64)

    return raw


def model_text(booster: Any, rounds: int | None = None) -> str:
    """Return LightGBM's text of some trees, the same whatever number of threads grew them."""
    text = booster.model_to_string(num_iteration=rounds)
    return re.sub(r"^\[num_threads: \d+\]$", "[num_threads: 1]", text, flags=re.MULTILINE)


def pinned(params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return parameters with what makes LightGBM give the same trees every time."""
    return {**params, **_PINNED, "seed": seed}


def regrown(
    rows: Material, parameters: Mapping[str, Any], *, seed: int, threads: int = 1
) -> Callable[[np.ndarray], np.ndarray]:
    """Grow as many trees as a finished training did, and return what gives raw log-odds.

    Parameters
    ----------
    rows
        Its rows; inputs may be fewer.
    parameters
        Its parameters, as `Trained` has them.
    seed
        With its own seed and all its inputs, the trees are its own.
    """
    import lightgbm

    depends = {"seed", "num_iterations", "monotone_constraints", "interaction_constraints"}
    kept = {name: value for name, value in parameters.items() if name not in {*_PINNED, *depends}}
    held = "monotone_constraints" in parameters
    again = _parameters(kept, seed, rows.signals, monotone=held)
    grown_again = _fit(rows, again, int(parameters["num_iterations"]), threads)
    cap(grown_again, [signal.exposure for signal in rows.signals])
    booster = lightgbm.Booster(model_str=grown_again.model_to_string())
    return lambda inputs: np.asarray(
        booster.predict(inputs, raw_score=True, num_threads=threads), dtype=np.float64
    )


def _refuse_too_few(label: np.ndarray) -> None:
    positive = int(label.sum())
    negative = len(label) - positive
    if min(positive, negative) < FEWEST_OF_A_CLASS:
        raise Refused(
            f"the training part has {positive} positive and {negative} negative addresses "
            "with enough history",
            expected=f"at least {FEWEST_OF_A_CLASS} of each",
            hint="Give more labels, or name a `split` in the label file.",
        )


def _parameters(
    params: Mapping[str, Any] | None, seed: int, signals: Sequence[Signal], *, monotone: bool
) -> dict[str, Any]:
    parameters = pinned({**PARAMETERS, **(params or {})}, seed)
    depth = parameters["max_depth"]
    if not 1 <= depth <= DEEPEST:
        raise Refused(
            f"trees of depth {depth} cannot be explained in reasonable time",
            expected=f"max_depth between 1 and {DEEPEST}",
        )
    if monotone:
        parameters["monotone_constraints"] = [
            {"up": 1, "down": -1, None: 0}[signal.risk] for signal in signals
        ]
    if groups := apart([signal.exposure for signal in signals]):
        parameters["interaction_constraints"] = groups
    return parameters


def _held_back(rows: Material) -> np.ndarray:
    """Mark the latest rows, whole groups, that decide when to stop; none if a class would lack."""
    held = np.zeros(len(rows.label), dtype=bool)
    held[rows.certain] = rows.take(rows.certain).place_in_time() > 1 - HELD_BACK
    both = all(len(np.unique(rows.label[side])) == 2 for side in (held, ~held))
    return held if both else np.zeros(len(held), dtype=bool)


def _rounds(rows: Material, parameters: Mapping[str, Any], threads: int) -> int:
    """Return how many trees the held-back rows ask for."""
    return _stopped_early(rows, parameters, threads)[1]


def _stopped_early(rows: Material, parameters: Mapping[str, Any], threads: int) -> tuple[Any, int]:
    """Grow trees until the held-back rows gain nothing; return them, and how many are best."""
    import lightgbm

    late = _held_back(rows)
    if not late.any():
        return _fit(rows, parameters, MAX_ROUNDS // 10, threads), MAX_ROUNDS // 10
    early = _dataset(rows.take(~late))
    held = lightgbm.Dataset(
        rows.inputs[late], label=rows.label[late], weight=rows.weight[late], reference=early
    )
    booster = lightgbm.train(
        {**parameters, "num_threads": _threads(rows, threads), "metric": "binary_logloss"},
        early,
        num_boost_round=MAX_ROUNDS,
        valid_sets=[held],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return booster, max(1, booster.best_iteration)


def _fit(rows: Material, parameters: Mapping[str, Any], rounds: int, threads: int) -> Any:
    import lightgbm

    return lightgbm.train(
        {**parameters, "num_threads": _threads(rows, threads)},
        _dataset(rows),
        num_boost_round=rounds,
    )


def _dataset(rows: Material) -> Any:
    import lightgbm

    return lightgbm.Dataset(
        rows.inputs,
        label=rows.label,
        weight=rows.weight,
        feature_name=rows.names,
        free_raw_data=False,
    )


def _threads(rows: Material, threads: int) -> int:
    return 1 if rows.inputs.size < SMALL else threads
