"""Bands: what a score means in false alarms, on a named population.

A band starts where a given share of *negatives* would be flagged: `medium` at 5 %, `high` at 1 %,
`severe` at 0.1 % of the validation negatives. A rate that those negatives cannot show (fewer than
10 divided by the rate) gives no threshold; the band is then not given out, and such addresses get
the next lower one. Without even a `medium` threshold there are no bands at all, because "below
review" would then be a claim that nothing supports.

>>> thresholds = from_negatives(np.arange(1000.0))
>>> thresholds["high"] > 989.0, thresholds["severe"]  # 10 lie above; 0.1 % needs 10,000
(True, None)
>>> bands(np.array([0.0, 950.0, 995.0]), thresholds)
['below_review', 'medium', 'high']
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.metrics import RESOLUTION

FALSE_POSITIVE_RATES = {"medium": 0.05, "high": 0.01, "severe": 0.001}
"""Each band's false-positive rate, from the lowest band up."""

LOWEST = "below_review"
BANDS = (LOWEST, *FALSE_POSITIVE_RATES)
"""All bands, from the lowest up."""

Thresholds = Mapping[str, float | None]


def from_negatives(
    log_odds: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float | None]:
    """Return the least log-odds of each band.

    Parameters
    ----------
    log_odds
        Calibrated log-odds of the negatives.
    weights
        What each counts; absent, 1.

    Returns
    -------
    dict
        By band: the smallest number of which at most the band's rate of negatives reach; None where
        the negatives are too few to show that rate: fewer than `RESOLUTION` would be above it.
    """
    counted = np.ones(len(log_odds)) if weights is None else weights
    order = np.lexsort((counted, -log_odds))
    falling, reached = log_odds[order], np.cumsum(counted[order])
    found: dict[str, float | None] = {}
    for band, rate in FALSE_POSITIVE_RATES.items():
        permitted = int((reached <= rate * reached[-1:] + 1e-9).sum())
        if permitted < RESOLUTION:
            found[band] = None
            continue
        found[band] = float(np.nextafter(falling[permitted], np.inf))
    return found


def bands(log_odds: np.ndarray, thresholds: Thresholds) -> list[str | None]:
    """Name the band of each score; None for all where not even `medium` has a threshold."""
    if thresholds["medium"] is None:
        return [None] * len(log_odds)
    level = np.zeros(len(log_odds), dtype=np.int64)
    for number, band in enumerate(FALSE_POSITIVE_RATES, start=1):
        least = thresholds[band]
        if least is not None:
            level[log_odds >= least] = number
    return [BANDS[number] for number in level]
