"""Where values stand among populations, for many addresses at once, and which of them can be told.

What `models.percentiles` says of one value is found here for whole columns, by the same quantiles:
100,000 addresses have ten million values, and one question a value would take minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

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
    """

    below: np.ndarray
    above: np.ndarray
    look_alikes_below: np.ndarray
    look_alikes_above: np.ndarray
    unusual: np.ndarray


def standing(bundle: Bundle, inputs: np.ndarray, payments: np.ndarray) -> Standing:
    """Find where the inputs of some addresses stand.

    Parameters
    ----------
    bundle
        The model, with its populations.
    inputs
        float64, one column per signal in the bundle's order, NaN for null.
    payments
        float64, how many payments each address made, NaN where that is not known.
    """
    below, above = _shares(bundle.facts.population, bundle.inputs, inputs)
    alike_below, alike_above = _shares(bundle.facts.look_alikes, bundle.inputs, inputs)
    unusual = np.zeros(inputs.shape, dtype=np.int8)
    made = np.nan_to_num(payments)
    for i, signal in enumerate(bundle.inputs):
        if signal.depends_on_as_of:
            continue
        enough = made >= signal.fewest_payments
        if signal.risk != "up":
            unusual[enough & (alike_above[:, i] >= UNUSUAL), i] = -1
        if signal.risk != "down":
            unusual[enough & (alike_below[:, i] >= UNUSUAL), i] = 1
    return Standing(below, above, alike_below, alike_above, unusual)


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
