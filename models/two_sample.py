"""The two-sample test: whether a classifier can tell where a history comes from, and by what.

Distances look at one measure at a time; a classifier sees combinations. It is trained to tell the
histories of a world from those of a reference, and judged on histories it did not see: ROC-AUC 0.5
means that it cannot tell, 1.0 that one look is enough. Both sides weigh the same, whole groups are
held out together, and ranks are taken within each fold, so that folds of a small reference can be
pooled. A linear model stands beside the trees: with a dozen references it is often the better one.

An AUC of 0.5 is not proof of realism (the classifier may be weak, the reference small), and one of
0.9 no verdict on the world (a crawl has quirks that are not worth imitating): what matters is by
what the classifier tells them apart. `Giveaway` lists that, one line per group of signals that
move together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.bootstrap import Estimate, estimates
from models.metrics import METRICS, Outcomes, measure
from models.training import PARAMETERS

FOLDS = 5
REPEATS = 3
SHUFFLES = 3
ROUNDS = 100
FEWEST = 5
"""Histories, and groups, each side must have."""

Fit = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
"""(rows seen, which are ours, rows held out, seed) -> a score for each row held out."""

_ALIKE = 0.8
"""Rank correlation above which a signal repeats one that is listed already."""

_RIDGE = 10.0
_NEWTON_STEPS = 25

_TREES = {"min_data_in_leaf": 5, "learning_rate": 0.08, "max_bin": 63}
"""Changes to the project's parameters: small references need small leaves."""

_FEW = 20
_CANDIDATES = 10
_STEPS_SHOWN = 4


@dataclass(frozen=True)
class Rows:
    """Histories of both sides, one row each.

    Attributes
    ----------
    inputs
        float64, NaN where not defined.
    names
        Of its columns.
    ours
        bool per row: True for the world's.
    groups
        What is held out together; groups of the two sides never have the same name.
    """

    inputs: np.ndarray
    names: tuple[str, ...]
    ours: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True)
class Giveaway:
    """One signal by which the world is recognised.

    Attributes
    ----------
    name
        The signal.
    gain
        Its share of the trees' gain.
    auc
        Chance that a history of the world has the greater value, where both have one.
    world, reference
        Medians; NaN where no history has the signal.
    world_defined, reference_defined
        Shares of histories that have it.
    strength
        How far from a coin the signal alone is, 0 to 0.5, its absence counted.
    """

    name: str
    gain: float
    auc: float
    world: float
    reference: float
    world_defined: float
    reference_defined: float
    strength: float


@dataclass(frozen=True)
class TwoSample:
    """Result of the test.

    Attributes
    ----------
    trees, linear
        ROC-AUC of each classifier on held-out histories, with a 95 % interval over groups.
    shuffled
        What the trees reach when sides are dealt to groups at random: mean, least and greatest of
        `SHUFFLES` deals.
    path
        Signals one after another, each the one that helps the trees most, with the ROC-AUC that
        they reach with it and those before: the few that are enough to tell.
    giveaways
        Strongest first, each alone.
    """

    trees: Estimate
    linear: Estimate
    shuffled: Estimate
    path: tuple[tuple[str, float], ...]
    giveaways: tuple[Giveaway, ...]


def two_sample(rows: Rows, *, seed: int = 1, most: int = 12) -> TwoSample | None:
    """Run the test.

    Parameters
    ----------
    seed
        Of folds, shuffles and trees.
    most
        Giveaways to list.

    Returns
    -------
    TwoSample or None
        None where a side has fewer than `FEWEST` histories or groups.
    """
    sides = (rows.ours, ~rows.ours)
    if any(s.sum() < FEWEST or len(np.unique(rows.groups[s])) < FEWEST for s in sides):
        return None
    random = np.random.default_rng(seed)
    scores = np.zeros((2, len(rows.ours)))
    for _ in range(REPEATS):
        fold = _folds(rows.ours, rows.groups, random)
        scores[0] += _held_out(rows.inputs, rows.ours, fold, _trees, seed)
        scores[1] += _held_out(_ranked(rows.inputs), rows.ours, fold, _linear, seed)
    trees, linear = (_estimate(rows, score, seed) for score in scores)
    dealt = [_shuffled(rows, random, seed) for _ in range(SHUFFLES)]
    gain = _gain(rows.inputs, rows.ours, seed)
    shuffled = Estimate(float(np.mean(dealt)), min(dealt), max(dealt))
    path = _path(rows, gain, _folds(rows.ours, rows.groups, random), seed)
    return TwoSample(trees, linear, shuffled, path, _giveaways(rows, gain)[:most])


def _estimate(rows: Rows, score: np.ndarray, seed: int) -> Estimate:
    outcomes = Outcomes(rows.ours, score, rows.groups)
    found = estimates(outcomes, [METRICS["roc_auc"]], seed=seed)["roc_auc"]
    assert found is not None  # both sides have rows
    return found


def _folds(ours: np.ndarray, groups: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Deal the groups of each side to folds, the largest first, in random order among equals."""
    fold = np.zeros(len(ours), dtype=np.int64)
    for side in (ours, ~ours):
        names, of, sizes = np.unique(groups[side], return_inverse=True, return_counts=True)
        order = random.permutation(len(names))
        order = order[np.argsort(-sizes[order], kind="stable")]
        held, dealt = np.zeros(FOLDS), np.zeros(len(names), dtype=np.int64)
        for group in order:
            dealt[group] = int(held.argmin())
            held[dealt[group]] += sizes[group]
        fold[side] = dealt[of]
    return fold


def _held_out(
    inputs: np.ndarray, ours: np.ndarray, fold: np.ndarray, fit: Fit, seed: int
) -> np.ndarray:
    """Score every row by a model that saw nothing of its fold; ranks within the fold."""
    score = np.full(len(ours), 0.5)
    for k in range(FOLDS):
        held, seen = fold == k, fold != k
        if not held.any():
            continue
        raw = fit(inputs[seen], ours[seen], inputs[held], seed)
        score[held] = _midranks(raw) / held.sum()
    return score


def _trees(seen: np.ndarray, ours: np.ndarray, held: np.ndarray, seed: int) -> np.ndarray:
    return np.asarray(_booster(seen, ours, seed).predict(held, raw_score=True))


def _few_trees(seen: np.ndarray, ours: np.ndarray, held: np.ndarray, seed: int) -> np.ndarray:
    few = _booster(seen, ours, seed, {"feature_fraction": 1.0, "learning_rate": 0.3}, _FEW)
    return np.asarray(few.predict(held, raw_score=True))


def _booster(
    inputs: np.ndarray,
    ours: np.ndarray,
    seed: int,
    changed: Mapping[str, float] | None = None,
    rounds: int = ROUNDS,
) -> Any:
    import lightgbm

    settings = {**PARAMETERS, **_TREES, "seed": seed, "num_threads": 1}
    settings |= {"deterministic": True, "force_row_wise": True, "verbosity": -1}
    settings |= changed or {}
    data = lightgbm.Dataset(inputs, ours.astype(float), weight=_weights(ours))
    return lightgbm.train(settings, data, num_boost_round=rounds)


def _weights(ours: np.ndarray) -> np.ndarray:
    """Weigh the two sides alike, without changing the total."""
    n, n_ours = len(ours), max(1, int(ours.sum()))
    return np.where(ours, n / (2 * n_ours), n / (2 * max(1, n - n_ours)))


def _linear(seen: np.ndarray, ours: np.ndarray, held: np.ndarray, seed: int) -> np.ndarray:
    """Fit a ridge logistic regression by Newton's method; the intercept is free."""
    x = np.column_stack([seen, np.ones(len(seen))])
    penalty = np.full(x.shape[1], _RIDGE)
    penalty[-1] = 1e-6
    weight, beta = _weights(ours), np.zeros(x.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (weight * (chance - ours)) + penalty * beta
        curve = (x * (weight * chance * (1 - chance))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    return np.column_stack([held, np.ones(len(held))]) @ beta


def _ranked(inputs: np.ndarray) -> np.ndarray:
    """Return each column as centred ranks (a missing value is the middle) and as "is missing"."""
    missing = np.isnan(inputs)
    ranks = np.zeros(inputs.shape)
    for j in range(inputs.shape[1]):
        known = ~missing[:, j]
        if known.any():
            ranks[known, j] = _midranks(inputs[known, j]) / known.sum() - 0.5
    varies = missing.any(axis=0) & ~missing.all(axis=0)
    return np.column_stack([ranks, missing[:, varies] - 0.5])


def _midranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 0.5 up, ties sharing their mean.

    >>> _midranks(np.array([5.0, 1.0, 5.0])).tolist()
    [2.0, 0.5, 2.0]
    """
    ordered = np.sort(values)
    low, high = (np.searchsorted(ordered, values, side=s) for s in ("left", "right"))
    return (low + high) / 2.0


def _shuffled(rows: Rows, random: np.random.Generator, seed: int) -> float:
    """Deal the sides to the groups at random, and test once."""
    names, of = np.unique(rows.groups, return_inverse=True)
    side = np.zeros(len(names), dtype=bool)
    side[of] = rows.ours
    ours = random.permutation(side)[of]
    if ours.all() or not ours.any():
        return 0.5
    fold = _folds(ours, rows.groups, random)
    score = _held_out(rows.inputs, ours, fold, _trees, seed)
    return measure(METRICS["roc_auc"], Outcomes(ours, score))


def _gain(inputs: np.ndarray, ours: np.ndarray, seed: int) -> np.ndarray:
    """Return each column's share of the gain of trees grown on all rows."""
    gain = _booster(inputs, ours, seed).feature_importance(importance_type="gain")
    return np.asarray(gain / max(gain.sum(), 1e-12))


def _path(
    rows: Rows, gain: np.ndarray, fold: np.ndarray, seed: int
) -> tuple[tuple[str, float], ...]:
    """Add signals one by one, from those with most gain, while the trees get better by them."""
    candidates = [int(j) for j in np.argsort(-gain, kind="stable")[:_CANDIDATES]]
    chosen: list[int] = []
    found: list[tuple[str, float]] = []
    best = 0.5
    while len(chosen) < _STEPS_SHOWN:
        tried = []
        for j in candidates:
            if j in chosen:
                continue
            score = _held_out(rows.inputs[:, [*chosen, j]], rows.ours, fold, _few_trees, seed)
            tried.append((measure(METRICS["roc_auc"], Outcomes(rows.ours, score)), -j))
        if not tried or max(tried)[0] < best + 0.005:
            break
        best, j = max(tried)[0], -max(tried)[1]
        chosen.append(j)
        found.append((rows.names[j], best))
    return tuple(found)


def _giveaways(rows: Rows, gain: np.ndarray) -> tuple[Giveaway, ...]:
    """Order the signals by what they give away, without those that repeat another."""
    found = [_giveaway(rows, j, float(gain[j])) for j in range(len(rows.names))]
    order = sorted(range(len(found)), key=lambda j: (-found[j].strength * (1 + gain[j]), j))
    ranks = _ranked(rows.inputs)[:, : len(found)]
    kept: list[int] = []
    for j in order:
        if found[j].strength > 0.05 and not any(_repeats(ranks[:, j], ranks[:, k]) for k in kept):
            kept.append(j)
    return tuple(found[j] for j in kept)


def _repeats(one: np.ndarray, other: np.ndarray) -> bool:
    size = np.sqrt((one @ one) * (other @ other))
    return bool(size > 0 and abs(one @ other) / size > _ALIKE)


def _giveaway(rows: Rows, j: int, gain: float) -> Giveaway:
    values = rows.inputs[:, j]
    known = ~np.isnan(values)
    sides = [values[known & side] for side in (rows.ours, ~rows.ours)]
    auc, strength = 0.5, 0.0
    if len(sides[0]) and len(sides[1]):
        auc = measure(METRICS["roc_auc"], Outcomes(rows.ours[known], values[known]))
    if known.any():
        # A missing value is ranked below and above all others; the better of the two counts.
        for fill in (values[known].min() - 1, values[known].max() + 1):
            filled = Outcomes(rows.ours, np.where(known, values, fill))
            strength = max(strength, abs(measure(METRICS["roc_auc"], filled) - 0.5))
    middle = [float(np.median(side)) if len(side) else np.nan for side in sides]
    defined = [float(known[side].mean()) for side in (rows.ours, ~rows.ours)]
    return Giveaway(
        rows.names[j], gain, auc, middle[0], middle[1], defined[0], defined[1], strength
    )
