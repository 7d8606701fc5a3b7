"""Settling roles: who is no suspect, and which part a suspect plays.

A row is a **possible victim** where trees on three classes (victim, launderer, neither) call it one
first of all; or where its score would put it into a band, and victim is not *ruled out*: the odds
of victim against launderer are not below a limit. The limit is set on labelled victims that the
trees did not learn from, so low that a share of `TAIL` of all victims should fall below it.

Of the others that would be in a band, the likeliest part is told where its chance reaches a limit
of its own (`models.roles.clearness`); else the part is `NOT_CLEAR`. Neither answer changes who is a
possible victim, or the band.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from models.roles.clearness import is_told
from models.roles.names import NOT_CLEAR, VICTIM

if TYPE_CHECKING:
    import lightgbm

TAIL = 0.0001
"""Share of victims for whom it may wrongly be ruled out: a tenth of what the gate permits
(`models.gate.bounds`), which has to be shown with its uncertainty, on victims of other worlds."""

NORMAL_TAIL = 3.719
"""Standard deviations below the mean of a normal distribution that leave `TAIL` below."""

KINDS = (VICTIM, "launderer", "neither")
"""Classes of the trees that answer the first question."""

_LEAST = 1e-12


@dataclass(frozen=True)
class RoleFacts:
    """What a bundle keeps of its role model, beside the trees.

    Attributes
    ----------
    parts : tuple of str
        Classes of the trees on launderers, in order; one alone needs no trees.
    ruled_out_below : float
        Log odds of victim against launderer below which victim is ruled out.
    n_victims : int
        Labelled victims that the limit was set on.
    counts : mapping
        Rows learnt from, by role; launderers whose part is not known count as ``launderer``.
    told_from : mapping
        By part, the chance from which on it is told; None: it never is.
    told, unclear : mapping
        Labelled launderers judged by trees that did not learn from them, counted by the likeliest
        part and then by the true one: where the likeliest was told, and where no part was.
    """

    parts: tuple[str, ...]
    ruled_out_below: float
    n_victims: int
    counts: Mapping[str, int]
    told_from: Mapping[str, float | None]
    told: Mapping[str, Mapping[str, int]]
    unclear: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Settled:
    """The answer for some rows.

    Attributes
    ----------
    possible_victim : numpy.ndarray
        bool.
    role : list
        ``victim`` for those; for others that would be in a band the likeliest part, or `NOT_CLEAR`;
        else None.
    confidence : numpy.ndarray
        Chance of that role, as the trees have it: of victim among the three kinds, of a part among
        the parts of launderers; where none is clear, of the likeliest. NaN where there is no role.
    """

    possible_victim: np.ndarray
    role: list[str | None]
    confidence: np.ndarray


@dataclass(frozen=True)
class RoleModel:
    """A verified role model.

    Attributes
    ----------
    facts : RoleFacts
        The limit, and the names of the parts.
    kinds, parts : str
        LightGBM texts; `parts` is empty where there is one part.
    """

    facts: RoleFacts
    kinds: str
    parts: str

    @cached_property
    def _kinds(self) -> lightgbm.Booster:
        import lightgbm

        return lightgbm.Booster(model_str=self.kinds)

    @cached_property
    def _parts(self) -> lightgbm.Booster:
        import lightgbm

        return lightgbm.Booster(model_str=self.parts)

    def settle(self, inputs: np.ndarray, would_be_suspect: np.ndarray, threads: int = 1) -> Settled:
        """Settle the roles of rows that have a score.

        Parameters
        ----------
        inputs
            As `Bundle.log_odds` takes them.
        would_be_suspect
            bool per row: its score alone would put it into a band above the lowest.
        threads
            Changes the time it takes, never a bit of the result.
        """
        if not len(inputs):
            return Settled(np.zeros(0, dtype=bool), [], np.empty(0))
        chance = np.asarray(self._kinds.predict(inputs, num_threads=threads))
        ruled_out = victim_odds(chance) < self.facts.ruled_out_below
        victim = (chance.argmax(axis=1) == 0) | (would_be_suspect & ~ruled_out)
        role: list[str | None] = [VICTIM if here else None for here in victim.tolist()]
        confidence = np.where(victim, chance[:, 0], np.nan)
        suspects = np.flatnonzero(would_be_suspect & ~victim)
        for row, (part, certain) in zip(
            suspects.tolist(), self._part_of(inputs[suspects], threads), strict=True
        ):
            role[row], confidence[row] = part, certain
        return Settled(victim, role, confidence)

    def odds_of_victim(self, inputs: np.ndarray, threads: int = 1) -> np.ndarray:
        """Return log odds of victim against launderer; parameters as in `settle`."""
        if not len(inputs):
            return np.empty(0)
        return victim_odds(np.asarray(self._kinds.predict(inputs, num_threads=threads)))

    def part_chances(self, inputs: np.ndarray, threads: int = 1) -> np.ndarray:
        """Return the chance of each part, if a launderer's: a row per row, a column per part."""
        if len(self.facts.parts) == 1 or not len(inputs):
            return np.ones((len(inputs), len(self.facts.parts)))
        return np.asarray(self._parts.predict(inputs, num_threads=threads))

    def _part_of(self, inputs: np.ndarray, threads: int) -> list[tuple[str, float]]:
        chance = self.part_chances(inputs, threads)
        certain = chance.max(axis=1).tolist()
        likeliest = [self.facts.parts[k] for k in chance.argmax(axis=1).tolist()]
        return [
            (part if is_told(self.facts.told_from[part], c) else NOT_CLEAR, c)
            for part, c in zip(likeliest, certain, strict=True)
        ]


def victim_odds(chance: np.ndarray) -> np.ndarray:
    """Return log odds of victim against launderer from the chances of `KINDS`."""
    return np.log(np.maximum(chance[:, 0], _LEAST)) - np.log(np.maximum(chance[:, 1], _LEAST))


def limit_from(odds_of_victims: np.ndarray) -> float:
    """Return the log odds below which victim is ruled out.

    A normal distribution fitted to the victims reaches further than a few hundred of them show;
    no known victim may fall below it either.

    >>> round(limit_from(np.array([0.0, 1.0, -1.0])), 2)
    -3.04
    >>> limit_from(np.array([0.0] * 99 + [-9.0]))
    -9.0
    """
    normal = odds_of_victims.mean() - NORMAL_TAIL * odds_of_victims.std()
    return float(min(normal, odds_of_victims.min()))


def role_facts(read: Mapping[str, Any]) -> RoleFacts:
    """Rebuild the facts from JSON."""
    return RoleFacts(**{**read, "parts": tuple(read["parts"])})
