"""Percentiles: how unusual a value is in a named population.

A population is kept as 101 quantiles of each signal, taken at actual values (no interpolation), so
that every statement made from them is true of the population itself and not of a curve drawn
through it: "higher than 97 % of 1,234 addresses" means that at least 97 % lie strictly below.

>>> of_ten = quantiles(np.arange(10.0))
>>> share_below(of_ten, 9.0), share_above(of_ten, 0.0), share_below(of_ten, 0.0)
(0.9, 0.89, 0.0)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

N_QUANTILES = 101

Quantiles = tuple[float, ...]


@dataclass(frozen=True)
class Population:
    """A named set of addresses that values are compared with.

    Attributes
    ----------
    name : str
        As it is shown: "training addresses".
    n : int
        Addresses in it.
    date : str
        ISO date of its latest `as_of`.
    quantiles : mapping
        Signal name to its 101 quantiles; None where no address has the signal.
    defined : mapping
        Signal name to the number of addresses that have it: the N of a percentile.
    """

    name: str
    n: int
    date: str
    quantiles: Mapping[str, Quantiles | None]
    defined: Mapping[str, int]

    def below(self, signal: str, value: float) -> float | None:
        """Return the share of the population surely below `value`; None where it has no values."""
        grid = self.quantiles.get(signal)
        return None if grid is None else share_below(grid, value)

    def above(self, signal: str, value: float) -> float | None:
        """Return the share of the population surely above `value`; None where it has no values."""
        grid = self.quantiles.get(signal)
        return None if grid is None else share_above(grid, value)


def population(name: str, date: str, inputs: np.ndarray, signals: Sequence[str]) -> Population:
    """Describe a population by the quantiles of its signals.

    Parameters
    ----------
    name, date
        As in `Population`.
    inputs
        One row per address, one column per signal, NaN where undefined.
    signals
        Names of the columns.
    """
    grids = {signal: quantiles(inputs[:, i]) for i, signal in enumerate(signals)}
    defined = {signal: int((~np.isnan(inputs[:, i])).sum()) for i, signal in enumerate(signals)}
    return Population(name, len(inputs), date, grids, defined)


def quantiles(values: np.ndarray) -> Quantiles | None:
    """Return the 0th to 100th percentiles at actual values; None without any value.

    The j-th is the smallest value that at least j % of the values do not exceed.
    """
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return None
    # In whole numbers: j * n / 100 in floating point may land just above an integer.
    rank = -(-np.arange(N_QUANTILES) * len(known) // (N_QUANTILES - 1))
    return tuple(known[np.maximum(rank - 1, 0)].tolist())


def share_below(grid: Quantiles, value: float) -> float:
    """Return a share of the population that surely lies strictly below `value`."""
    return max(0, bisect_left(grid, value) - 1) / 100


def share_above(grid: Quantiles, value: float) -> float:
    """Return a share of the population that surely lies strictly above `value`."""
    above = N_QUANTILES - bisect_right(grid, value)
    return max(0, above - 1) / 100
