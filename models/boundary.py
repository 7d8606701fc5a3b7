"""How near a score is to a limit: which signals would have to change, and how far.

For the people who look after a model: a score that one small change of one signal would take below
review is a weak one, and a signal that does it for many addresses is one to evade the model by.
That makes it a guide to evasion as well. It belongs into no alert, page or package.

A sum of trees is constant between the thresholds that its nodes ask about. So one signal's effect
is known exactly from one value on each side of each of its thresholds: the nearest one at which the
score is below the limit is the nearest there is. What several signals do together is found step by
step, each time by the change that lowers the score most; that is enough to get there, and seldom
the least that would be.

Signals move as numbers here, one at a time and within their bounds. Real transfers move several at
once, so a change found here may be one that no transfers can make. Null values stay null.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data.errors import Refused
from models.bundle import Bundle
from models.tree_text import NEARLY_ZERO, read_trees

MOST_TOGETHER = 5
"""Signals that are changed together at most."""


@dataclass(frozen=True)
class Change:
    """One signal's change.

    Attributes
    ----------
    signal : str
        Name.
    value : float
        What it is.
    to : float
        The nearest value that does it.
    at_most, more_than : float or None
        The same as a limit: one of them is a threshold of the trees, the other None.
    moved : float
        The share of training addresses that lie between, from 0 to 1.
    log_odds : float
        The score after this change, and after those before it where several are made together.
    """

    signal: str
    value: float
    to: float
    at_most: float | None
    more_than: float | None
    moved: float
    log_odds: float


@dataclass(frozen=True)
class Below:
    """What takes a score below a limit.

    Attributes
    ----------
    alone : tuple of Change
        For every signal that suffices alone, and each direction in which it does, the nearest
        change; those that pass the fewest addresses first. Exact.
    together : tuple of Change
        Where none suffices alone: changes to be made together, one of the ways; an upper bound.
        Empty too where `MOST_TOGETHER` changes were not enough.
    """

    alone: tuple[Change, ...]
    together: tuple[Change, ...]


class Boundary:
    """The thresholds of one model, to be asked about scores.

    Attributes
    ----------
    bundle : Bundle
        The model.
    thresholds : list of list of float
        Per input, what its trees compare it with, ascending.

    Raises
    ------
    Refused
        The model's trees are of a kind that is not read.
    """

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        trees = read_trees(bundle.model)
        if trees is None:
            raise Refused(
                "this model's trees cannot be searched for what would change a score",
                expected="trees as unrinse train grows them: numeric questions, one output",
            )
        asked: list[set[float]] = [set() for _ in bundle.inputs]
        for tree in trees:
            for feature, threshold in zip(
                tree.feature.tolist(), tree.threshold.tolist(), strict=True
            ):
                asked[feature].add(0.0 if abs(threshold) <= NEARLY_ZERO else threshold)
        self.thresholds = [sorted(some) for some in asked]

    def below(self, row: np.ndarray, limit: float) -> Below:
        """Find what takes the score of a row of inputs below a limit.

        Parameters
        ----------
        row
            float64, one value per signal in the bundle's order, NaN for null.
        limit
            Calibrated log-odds; a score below it counts.
        """
        tried = _Tried(self, row, frozenset())
        passing = [at for at, after in enumerate(tried.log_odds) if after < limit]
        # Of each signal and direction the nearest stands first.
        first = {tried.crossings[at][:2]: at for at in reversed(passing)}
        alone = sorted((tried.change(at) for at in first.values()), key=_least)
        return Below(tuple(alone), () if alone else self._together(row, limit))

    def _together(self, row: np.ndarray, limit: float) -> tuple[Change, ...]:
        """Make the change that lowers the score most, again and again, until it is below."""
        changed, made = row.copy(), list[Change]()
        while len(made) < MOST_TOGETHER:
            tried = _Tried(self, changed, frozenset(change.signal for change in made))
            if not tried.log_odds:
                return ()
            passing = [at for at, after in enumerate(tried.log_odds) if after < limit]
            if passing:
                return (*made, min((tried.change(at) for at in passing), key=_least))
            best = int(np.argmin(tried.log_odds))
            made.append(tried.change(best))
            changed[tried.crossings[best].column] = made[-1].to
        return ()


class _Crossing(NamedTuple):
    """A signal that crosses a threshold: whether it falls, and the nearest value beyond."""

    column: int
    down: bool
    threshold: float
    value: float


class _Tried:
    """Every change of one signal of a row that may matter, and the score after it.

    Attributes
    ----------
    crossings : list of _Crossing
        The nearest first within a signal and a direction.
    log_odds : list of float
        The score after each.
    """

    def __init__(self, boundary: Boundary, row: np.ndarray, but: frozenset[str]):
        self._bundle, self._row = boundary.bundle, row
        self.crossings = [
            crossing
            for column, signal in enumerate(self._bundle.inputs)
            if signal.name not in but and not np.isnan(row[column])
            for crossing in _crossings(
                column, boundary.thresholds[column], float(row[column]), signal.bounds
            )
        ]
        changed = np.repeat(row[None, :], len(self.crossings), axis=0)
        columns = [crossing.column for crossing in self.crossings]
        changed[np.arange(len(columns)), columns] = [one.value for one in self.crossings]
        self.log_odds: list[float] = self._bundle.log_odds(changed).tolist()

    def change(self, at: int) -> Change:
        crossing = self.crossings[at]
        name = self._bundle.inputs[crossing.column].name
        value = float(self._row[crossing.column])
        below = self._bundle.facts.population.below
        return Change(
            signal=name,
            value=value,
            to=crossing.value,
            at_most=crossing.threshold if crossing.down else None,
            more_than=None if crossing.down else crossing.threshold,
            moved=abs((below(name, crossing.value) or 0.0) - (below(name, value) or 0.0)),
            log_odds=self.log_odds[at],
        )


def _crossings(
    column: int, thresholds: list[float], value: float, bounds: tuple[float, float]
) -> Iterator[_Crossing]:
    """Yield every threshold that a value can cross, the nearest first on either side.

    >>> for crossing in _crossings(0, [1.0, 2.0, 3.0], 2.5, (0.0, 3.0)):
    ...     print(crossing)
    _Crossing(column=0, down=True, threshold=2.0, value=2.0)
    _Crossing(column=0, down=True, threshold=1.0, value=1.0)
    """
    least, most = bounds
    for threshold in reversed(thresholds):
        if least <= threshold < value:
            yield _Crossing(column, True, threshold, threshold)
    for threshold in thresholds:
        # Up to `NEARLY_ZERO` LightGBM reads 0.
        beyond = float(np.nextafter(threshold or NEARLY_ZERO, np.inf))
        if threshold >= value and least <= beyond <= most:
            yield _Crossing(column, False, threshold, beyond)


def _least(change: Change) -> tuple[float, str, float]:
    return change.moved, change.signal, change.to
