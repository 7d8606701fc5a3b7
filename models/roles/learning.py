"""Learning roles from labels that name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from features.signal import Signal
from models.material import ROW_KEY, matrix, row_weights
from models.out_of_fold import FOLDS, folds
from models.roles.clearness import Clearness, clearness
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
    weight, fold = row_weights(rows), folds(rows["group"], seed)
    grow = _Growing(_behaviour(rows, inputs), [s.name for s in inputs], fold, seed, threads)
    every = np.arange(len(kind))
    odds = victim_odds(grow.unseen(every, every, kind, weight, len(KINDS)))
    limit = limit_from(odds[kind == 0])
    role = rows["_role"].fill_null("").to_numpy()
    parts = [name for name in LAUNDERERS if (role == name).sum() >= FEWEST] or ["launderer"]
    found, text = _learn_parts(grow, parts, role, weight)
    facts = RoleFacts(
        parts=tuple(parts),
        ruled_out_below=limit,
        n_victims=n_victims,
        counts=_counts(role, n_launderers),
        told_from=found.limits,
        told=found.told,
        unclear=found.unclear,
    )
    return RoleModel(facts, model_text(grow.trees(every, kind, weight, len(KINDS))), text)


def _learn_parts(
    grow: _Growing, parts: list[str], role: np.ndarray, weight: np.ndarray
) -> tuple[Clearness, str]:
    """Grow the trees on parts, and find where they are clear; no trees where there is one part."""
    part = np.array([parts.index(name) if name in parts else -1 for name in role])
    teaching, named = np.flatnonzero(part >= 0), np.flatnonzero(np.isin(role, LAUNDERERS))
    if not len(teaching):
        return Clearness({parts[0]: 0.0}, {}, {}), ""  # "launderer" names no part, and claims none
    if len(parts) == 1:
        return clearness(parts, np.ones((len(named), 1)), role[named]), ""
    evened = weight.copy()
    evened[teaching] *= _evened(part[teaching])
    chance = grow.unseen(teaching, named, part, evened, len(parts))
    found = clearness(parts, chance, role[named])
    return found, model_text(grow.trees(teaching, part, evened, len(parts)))


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


class _Growing:
    """Grows trees on several classes over rows of one matrix."""

    def __init__(
        self, inputs: np.ndarray, names: list[str], fold: np.ndarray, seed: int, threads: int
    ) -> None:
        self._inputs, self._names, self._fold = inputs, names, fold
        self._seed, self._threads = seed, threads

    def unseen(
        self,
        teaching: np.ndarray,
        judged: np.ndarray,
        kind: np.ndarray,
        weight: np.ndarray,
        classes: int,
    ) -> np.ndarray:
        """Return the chances of the judged rows' kinds, by trees on other groups that teach."""
        found = np.full((len(judged), classes), 1 / classes)
        for held in range(FOLDS):
            here = np.flatnonzero(self._fold[judged] == held)
            others = teaching[self._fold[teaching] != held]
            if len(here) and len(others):
                found[here] = self.trees(others, kind, weight, classes).predict(
                    self._inputs[judged[here]], num_threads=self._threads
                )
        return found

    def trees(self, rows: np.ndarray, kind: np.ndarray, weight: np.ndarray, classes: int) -> Any:
        import lightgbm

        parameters = pinned(
            {**PARAMETERS, "objective": "multiclass", "num_class": classes}, self._seed
        )
        data = lightgbm.Dataset(
            self._inputs[rows], label=kind[rows], weight=weight[rows], feature_name=self._names
        )
        return lightgbm.train({**parameters, "num_threads": self._threads}, data, ROUNDS)
