"""Whether a part is clear enough to be told, and how often it was right where it was.

Trees on the parts of launderers always find one likeliest, however little speaks for it. A page
that then says "mule" is wrong more often than a reader can know. So a part is told only from a
chance on, one half at least, that has been proven: of the labelled launderers so told, by trees
that did not learn from them, no more than `MOST_WRONG` play another part. Proven means that the
one-sided Clopper-Pearson limit of that share lies below, at 95 % for all of `LIMITS` that a part
tries together (each takes its share of the error), so that looking often makes the proof no easier.
A part for which nothing is proven is never told.

>>> true = np.array(["mule"] * 40 + ["collector"] * 10)
>>> chance = np.array([[0.9, 0.1]] * 40 + [[0.6, 0.4]] * 10)  # of mule and collector
>>> found = clearness(("mule", "collector"), chance, true)
>>> found.limits, found.told, found.unclear
({'mule': 0.7, 'collector': None}, {'mule': {'mule': 40}}, {'mule': {'collector': 10}})
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.intervals import upper_limit

MOST_WRONG = 0.25
"""Share of those told a part that may play another one, proven on labelled launderers."""

LIMITS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Chances that are tried; the lowest that is proven counts."""

_ERROR = 0.05 / len(LIMITS)

Counts = dict[str, dict[str, int]]


class Clearness(NamedTuple):
    """What labelled launderers show of the answers, judged by trees that did not see them.

    Attributes
    ----------
    limits : dict
        By part, the chance from which on it may be told; None: never.
    told, unclear : dict
        Launderers by the likeliest part and then by the true one: where it is told, and where not.
    """

    limits: dict[str, float | None]
    told: Counts
    unclear: Counts


def is_told(limit: float | None, chance: float) -> bool:
    """Say whether the likeliest part is told."""
    return limit is not None and chance >= limit


def clearness(parts: Sequence[str], chance: np.ndarray, true: np.ndarray) -> Clearness:
    """Find from which chance on each part may be told, and count what that tells.

    Parameters
    ----------
    parts
        Names of the classes.
    chance
        A row per labelled launderer, a column per class.
    true
        The part that each plays, by name; it may be one that is no class.
    """
    found = Clearness({}, {}, {})
    likeliest, certain = chance.argmax(axis=1), chance.max(axis=1)
    for k, name in enumerate(parts):
        here = likeliest == k
        limit = _least(certain[here], true[here] != name)
        clear = np.array([is_told(limit, c) for c in certain[here].tolist()], dtype=bool)
        found.limits[name] = limit
        for counts, chosen in (
            (found.told, true[here][clear]),
            (found.unclear, true[here][~clear]),
        ):
            if len(chosen):
                names, times = np.unique(chosen, return_counts=True)
                counts[name] = dict(zip(names.tolist(), times.tolist(), strict=True))
    return found


def _least(chance: np.ndarray, wrong: np.ndarray) -> float | None:
    """Return the lowest limit that is proven; None where none is."""
    for limit in LIMITS:
        reached = chance >= limit
        if upper_limit(int(wrong[reached].sum()), int(reached.sum()), _ERROR) <= MOST_WRONG:
            return limit
    return None
