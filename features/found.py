"""What a family of scope ``graph`` found of some histories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Found:
    """What a family of scope ``graph`` measured.

    Attributes
    ----------
    values
        float64, one row per history and one column per signal in the order of declaration, NaN
        where null.
    capped
        int64 per history: how often looking further was refused; where 0, every value is exact.
    """

    values: np.ndarray
    capped: np.ndarray

    def part(self, rows: slice) -> Found:
        """Return what was measured of some histories."""
        return Found(self.values[rows], self.capped[rows])
