"""Where values stand among populations, for many addresses at once, and which of them can be told.

What `models.percentiles` says of one value is found here for whole columns, by the same quantiles:
100,000 addresses have ten million values, and one question a value would take minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from features.signal import Signal
from models.bundle import Bundle
from models.percentiles import N_QUANTILES, Population

UNUSUAL = 0.90
"""The share of look-alikes that must lie strictly on the other side of a value."""

SIDES = {1: "high", -1: "low", 0: None}
"""What `Standing.unusual` means."""


class Standing(NamedTuple):
    """Shares of populations that surely lie strictly below and above each value.

    All have one row per address and one column per signal; shares are NaN where the value or the
    population's values are unknown.

    Attributes
    ----------
    below, above : numpy.ndarray
        Among all training addresses.
    look_alikes_below, look_alikes_above : numpy.ndarray
        Among look-alikes.
    unusual : numpy.ndarray
        int8, see `SIDES`: on which side a value is unusual among look-alikes, where that side can
        mean risk and may be told.
    speaks : numpy.ndarray
        bool: whether a value says anything of its address, for it or against it; not where it was
        counted from too few, nor where it is a lower bound and not unusually high.
    """

    below: np.ndarray
    above: np.ndarray
    look_alikes_below: np.ndarray
    look_alikes_above: np.ndarray
    unusual: np.ndarray
    speaks: np.ndarray


def counted_enough(signals: pl.DataFrame, inputs: Sequence[Signal]) -> np.ndarray:
    """Return of which inputs enough was counted, for some addresses, to speak of a habit.

    Parameters
    ----------
    signals
        A signals frame. A column that is null or missing counts nothing.
    inputs
        Of the model.

    Returns
    -------
    numpy.ndarray
        bool, one row per address and one column per input; see `Signal.fewest`.
    """
    enough = np.ones((signals.height, len(inputs)), dtype=bool)
    for i, signal in enumerate(inputs):
        for column, least in signal.fewest:
            if column in signals.columns:
                have = signals[column].cast(pl.Float64).fill_null(0)
                enough[:, i] &= (have >= least).to_numpy()
            else:
                enough[:, i] = False
    return enough


def standing(bundle: Bundle, inputs: np.ndarray, counted: np.ndarray) -> Standing:
    """Find where the inputs of some addresses stand.

    Parameters
    ----------
    bundle
        The model, with its populations.
    inputs
        float64, one column per signal in the bundle's order, NaN for null.
    counted
        As `counted_enough` returns it.
    """
    below, above = _shares(bundle.facts.population, bundle.inputs, inputs)
    alike_below, alike_above = _shares(bundle.facts.look_alikes, bundle.inputs, inputs)
    unusual = np.zeros(inputs.shape, dtype=np.int8)
    speaks = counted.copy()
    for i, signal in enumerate(bundle.inputs):
        if not signal.depends_on_as_of:
            if signal.risk != "up" and not signal.lower_bound:
                unusual[counted[:, i] & (alike_above[:, i] >= UNUSUAL), i] = -1
            if signal.risk != "down":
                unusual[counted[:, i] & (alike_below[:, i] >= UNUSUAL), i] = 1
        if signal.lower_bound:
            speaks[:, i] &= unusual[:, i] == 1
    return Standing(below, above, alike_below, alike_above, unusual, speaks)


def _shares(
    population: Population, signals: Sequence[Signal], inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `Population.below` and `Population.above` say of every value."""
    below, above = np.full(inputs.shape, np.nan), np.full(inputs.shape, np.nan)
    for i, signal in enumerate(signals):
        grid = population.quantiles.get(signal.name)
        if grid is None:
            continue
        values, known = inputs[:, i], ~np.isnan(inputs[:, i])
        ahead = np.searchsorted(grid, values, side="left")
        behind = N_QUANTILES - np.searchsorted(grid, values, side="right")
        below[known, i] = (np.maximum(0, ahead - 1) / 100)[known]
        above[known, i] = (np.maximum(0, behind - 1) / 100)[known]
    return below, above
