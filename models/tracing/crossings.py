"""Crossings that a trace may follow: which deposit is taken to be answered by which release.

A crossing is followed where its release is likelier than not to belong to it (then no other pair
is) and, only if asked for, where it is merely the likeliest for both. All others are told with
their chances; value stops at the bridge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.bridges import BridgeLegs

LIKELY = 0.5


@dataclass(frozen=True)
class Crossings:
    """Deposits into bridges, as events.

    Attributes
    ----------
    deposit, release
        Events; a release of -1: there is no candidate.
    probability
        Of the release; NaN where nothing can be said.
    settled
        Whether no later transfer can change it.
    followed
        Whether value goes on over it.
    """

    deposit: np.ndarray
    release: np.ndarray
    probability: np.ndarray
    settled: np.ndarray
    followed: np.ndarray

    @classmethod
    def none(cls) -> Crossings:
        """Return no crossings."""
        no, nothing = np.empty(0, np.int64), np.empty(0, bool)
        return cls(no, no, np.empty(0), nothing, nothing)


def crossings_of(legs: BridgeLegs | None, *, ambiguous: bool) -> Crossings:
    """Choose the crossings to follow.

    Parameters
    ----------
    ambiguous
        Follow the likeliest release too where it is not likelier than not.
    """
    if legs is None:
        return Crossings.none()
    place = np.searchsorted(legs.event, legs.other).clip(max=len(legs.event) - 1)
    mutual = (legs.other >= 0) & (legs.other[place] == legs.event)
    enough = np.nan_to_num(legs.probability) > (0.0 if ambiguous else LIKELY)
    into = legs.deposit
    return Crossings(
        deposit=legs.event[into],
        release=legs.other[into],
        probability=legs.probability[into],
        settled=legs.settled[into],
        followed=(mutual & enough)[into],
    )
