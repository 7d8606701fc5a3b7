"""Learning roles from labels that name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from features.signal import Signal
from models.material import ROW_KEY, matrix, row_weights
from models.out_of_fold import FOLDS, folds
from models.roles.names import LAUNDERERS, VICTIM, known_role
from models.roles.settling import KINDS, RoleFacts, RoleModel, limit_from, victim_odds
from models.training import PARAMETERS, model_text, pinned

FEWEST = 20
"""With fewer victims or launderers there is no role model; a part of fewer is no class."""

ROUNDS = 80
"""Trees a class; on worlds of the seeds 11 to 14 neither more nor deeper ones gained anything."""


def learn_roles(
    known: pl.DataFrame, inputs: Sequence[Signal], *, seed: int, threads: int
) -> RoleModel | None:
    """Learn to tell victims, and the parts of launderers.

    Parameters
    ----------
    known
        Labelled rows with enough history, of train and validation: `ROW_KEY`, ``label``, ``role``,
        ``group`` and one column per signal.
    inputs
        The model's inputs; those that rest on others are not learnt from.
    seed
        Of the folds and the trees.
    threads
        Changes the time it takes, never the model.

    Returns
    -------
    RoleModel, optional
        None where fewer than `FEWEST` victims or launderers are known.
    """
    if "role" not in known.columns:
        return None
    rows = known.with_columns(_role=known_role()).sort(*ROW_KEY, "label")
    label, victim = rows["label"].to_numpy() == 1, (rows["_role"] == VICTIM).fill_null(False)
    kind = np.where(victim.to_numpy(), 0, np.where(label, 1, 2))
    n_victims, n_launderers = int((kind == 0).sum()), int((kind == 1).sum())
    if min(n_victims, n_launderers) < FEWEST:
        return None
    grow = _Growing(_behaviour(rows, inputs), [s.name for s in inputs], seed, threads)
    weight = row_weights(rows)
    unseen = _judged_by_others(grow, kind, weight, rows["group"], seed)
    role = rows["_role"].fill_null("").to_numpy()
    parts = [name for name in LAUNDERERS if (role == name).sum() >= FEWEST] or ["launderer"]
    part = np.array([parts.index(name) if name in parts else -1 for name in role])
    facts = RoleFacts(
        parts=tuple(parts),
        ruled_out_below=limit_from(victim_odds(unseen[kind == 0])),
        n_victims=n_victims,
        counts=_counts(role, n_launderers),
    )
    every = np.arange(len(kind))
    kinds = grow.trees(every, kind, weight, len(KINDS))
    of_parts = np.flatnonzero(part >= 0)
    told = ""
    if len(parts) > 1:
        evened = weight.copy()
        evened[of_parts] *= _evened(part[of_parts])
        told = model_text(grow.trees(of_parts, part, evened, len(parts)))
    return RoleModel(facts, model_text(kinds), told)


def _evened(part: np.ndarray) -> np.ndarray:
    """Return what a row of each part counts, so that a rare part is not drowned by a common one.

    A part of a quarter of the rows counts half as much in all, not a quarter; the rows together
    count what they did. Full evening names more of the rare parts, most of them wrongly.

    >>> _evened(np.array([0, 0, 0, 0, 1])).round(3).tolist()
    [0.833, 0.833, 0.833, 0.833, 1.667]
    """
    rarity = 1 / np.sqrt(np.bincount(part)[part])
    return rarity / rarity.mean()


def _counts(role: np.ndarray, n_launderers: int) -> dict[str, int]:
    named = {name: int((role == name).sum()) for name in (VICTIM, *LAUNDERERS)}
    unnamed = n_launderers - sum(named[name] for name in LAUNDERERS)
    return {name: n for name, n in {**named, "launderer": unnamed}.items() if n}


def _behaviour(rows: pl.DataFrame, inputs: Sequence[Signal]) -> np.ndarray:
    """Return the inputs, with nothing where a signal rests on others: no tree will read it."""
    found = matrix(rows, [signal.name for signal in inputs])
    found[:, [signal.exposure for signal in inputs]] = np.nan
    return found


def _judged_by_others(
    grow: _Growing, kind: np.ndarray, weight: np.ndarray, group: pl.Series, seed: int
) -> np.ndarray:
    """Return the chances of each row's kinds, by trees grown on other groups."""
    fold = folds(group, seed)
    found = np.full((len(kind), len(KINDS)), 1 / len(KINDS))
    for held in range(FOLDS):
        here, others = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
        if len(here) and len(others):
            found[here] = grow.trees(others, kind, weight, len(KINDS)).predict(
                grow.inputs[here], num_threads=grow.threads
            )
    return found


class _Growing:
    """Grows trees on several classes over rows of one matrix."""

    def __init__(self, inputs: np.ndarray, names: list[str], seed: int, threads: int) -> None:
        self.inputs, self.threads = inputs, threads
        self._names, self._seed = names, seed

    def trees(self, rows: np.ndarray, kind: np.ndarray, weight: np.ndarray, classes: int) -> Any:
        import lightgbm

        parameters = pinned(
            {**PARAMETERS, "objective": "multiclass", "num_class": classes}, self._seed
        )
        data = lightgbm.Dataset(
            self.inputs[rows], label=kind[rows], weight=weight[rows], feature_name=self._names
        )
        return lightgbm.train({**parameters, "num_threads": self.threads}, data, ROUNDS)
