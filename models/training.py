"""Training: labelled signals in, gradient-boosted trees on the log-odds scale out.

LightGBM with shallow trees (exact contributions cost leaves x depth squared), no class weights (the
calibration would have to undo them) and one fixed way of counting rounds:

1. hold back the latest `HELD_BACK` of the training rows, whole groups, and stop when their log loss
   has not improved for `PATIENCE` rounds;
2. fit again on all training rows with that number of rounds, because the latest cases, the ones
most
   like tomorrow's, should teach as well.

The same rows in any order, on any number of threads, give the same model text, byte for byte: rows
are sorted, LightGBM runs in its deterministic mode, and the number of threads that the text records
is pinned.

Unlabelled rows are not used: unlabelled is not benign, and this version has no other use for them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import leg_set
from features.signal import Signal
from models.association import apart, cap

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

ROW_KEY = ("chain", "address", "as_of")

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
        Training rows.
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


def matrix(frame: pl.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return signals as a row-major float64 matrix with NaN for null, as the model reads them.

    Raises
    ------
    ValueError
        A signal is not a column of the frame; the message names it.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ValueError(f"The signals frame lacks the columns {missing}.")
    columns = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names]
    return np.ascontiguousarray(np.stack(columns, axis=1)) if columns else np.empty((0, 0))


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
    rows = _training_rows(frame, labels)
    _refuse_too_few(rows["label"])
    names = [signal.name for signal in signals]
    parameters = _parameters(params, seed)
    if monotone:
        parameters["monotone_constraints"] = [
            {"up": 1, "down": -1, None: 0}[signal.risk] for signal in signals
        ]
    exposure = [signal.exposure for signal in signals]
    if groups := apart(exposure):
        parameters["interaction_constraints"] = groups
    inputs = matrix(rows, names)
    label = rows["label"].to_numpy().astype(np.float64)
    weight = rows["_weight"].to_numpy()
    held_back = _held_back(rows)
    threads = 1 if inputs.size < SMALL else threads
    rounds = _rounds(inputs, label, weight, held_back, parameters, threads, names)
    booster = _fit(inputs, label, weight, parameters, rounds, threads, names)
    cap(booster, exposure)
    model = booster.model_to_string(num_iteration=rounds)
    model = re.sub(r"^\[num_threads: \d+\]$", "[num_threads: 1]", model, flags=re.MULTILINE)
    return Trained(
        model=model,
        signals=tuple(names),
        rounds=rounds,
        n=rows.height,
        n_positive=int(label.sum()),
        fingerprint=_fingerprint(rows, inputs, label, weight),
        parameters={**parameters, "num_iterations": rounds},
    )


def _training_rows(frame: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Return the labelled rows with their group, moment and weight, in the one order."""
    known = labels.select(
        label=pl.col("label").cast(pl.Int8),
        _group=pl.col("group") if "group" in labels.columns else frame["address"],
        _moment=pl.col("moment") if "moment" in labels.columns else frame["as_of"],
        _weight=_weight(labels),
    )
    beside = frame.drop([name for name in known.columns if name in frame.columns])
    return (
        pl.concat([beside, known], how="horizontal")
        .filter(pl.col("label").is_not_null())
        .sort(*ROW_KEY, "label")
    )


def _weight(labels: pl.DataFrame) -> pl.Expr:
    weight = pl.lit(1.0)
    if "weight" in labels.columns:
        weight = pl.col("weight").cast(pl.Float64).fill_null(1.0)
    if "selection_probability" in labels.columns:
        weight = weight / pl.col("selection_probability").cast(pl.Float64).fill_null(1.0)
    return weight


def row_weights(labels: pl.DataFrame) -> np.ndarray:
    """Return what each labelled row counts: weight / selection_probability, 1 where unknown."""
    return labels.with_columns(_weight(labels).alias("_w"))["_w"].to_numpy()


def _refuse_too_few(label: pl.Series) -> None:
    positive = int((label == 1).sum())
    negative = int((label == 0).sum())
    if min(positive, negative) < FEWEST_OF_A_CLASS:
        raise Refused(
            f"the training part has {positive} positive and {negative} negative addresses "
            "with enough history",
            expected=f"at least {FEWEST_OF_A_CLASS} of each",
            hint="Give more labels, or name a `split` in the label file.",
        )


def _parameters(params: Mapping[str, Any] | None, seed: int) -> dict[str, Any]:
    parameters = {**PARAMETERS, **(params or {}), **_PINNED, "seed": seed}
    depth = parameters["max_depth"]
    if not 1 <= depth <= DEEPEST:
        raise Refused(
            f"trees of depth {depth} cannot be explained in reasonable time",
            expected=f"max_depth between 1 and {DEEPEST}",
        )
    return parameters


def _held_back(rows: pl.DataFrame) -> np.ndarray:
    """Mark the latest rows, whole groups, that decide when to stop; none if a class would lack."""
    ordered = (
        rows.group_by("_group")
        .agg(pl.col("_moment").min(), n=pl.len())
        .sort("_moment", "_group", nulls_last=False)
        .with_columns(middle=(pl.col("n").cum_sum() - pl.col("n") / 2) / pl.col("n").sum())
    )
    late = ordered.filter(pl.col("middle") > 1 - HELD_BACK)["_group"]
    held = rows["_group"].is_in(late.implode()).to_numpy()
    label = rows["label"].to_numpy()
    both = all(len(np.unique(label[side])) == 2 for side in (held, ~held))
    return held if both else np.zeros(len(label), dtype=bool)


def _dataset(
    inputs: np.ndarray, label: np.ndarray, weight: np.ndarray, names: Sequence[str]
) -> Any:
    import lightgbm

    return lightgbm.Dataset(
        inputs, label=label, weight=weight, feature_name=list(names), free_raw_data=False
    )


def _rounds(
    inputs: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray,
    held_back: np.ndarray,
    parameters: Mapping[str, Any],
    threads: int,
    names: Sequence[str],
) -> int:
    """Return how many trees the held-back rows ask for."""
    import lightgbm

    if not held_back.any():
        return MAX_ROUNDS // 10
    early = _dataset(inputs[~held_back], label[~held_back], weight[~held_back], names)
    late = lightgbm.Dataset(
        inputs[held_back], label=label[held_back], weight=weight[held_back], reference=early
    )
    booster = lightgbm.train(
        {**parameters, "num_threads": threads, "metric": "binary_logloss"},
        early,
        num_boost_round=MAX_ROUNDS,
        valid_sets=[late],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return max(1, booster.best_iteration)


def _fit(
    inputs: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray,
    parameters: Mapping[str, Any],
    rounds: int,
    threads: int,
    names: Sequence[str],
) -> Any:
    import lightgbm

    return lightgbm.train(
        {**parameters, "num_threads": threads},
        _dataset(inputs, label, weight, names),
        num_boost_round=rounds,
    )


def _fingerprint(
    rows: pl.DataFrame, inputs: np.ndarray, label: np.ndarray, weight: np.ndarray
) -> str:
    digest = hashlib.sha256()
    for row in rows.select(pl.col(ROW_KEY).cast(pl.String)).iter_rows():
        digest.update(repr(row).encode())
    for values in (inputs, label, weight):
        digest.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return digest.hexdigest()
