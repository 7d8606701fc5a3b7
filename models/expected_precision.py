"""Expected precision: of some alerts, how many are right if the stated chances are.

A calibrated score is a chance, so the mean of the scores of a queue is the share of it that is
expected to be right. How well few validation cases can know that share is told by the same
resampled maps that give one score its interval (`models.calibration`): every map gives every alert
another chance, all of them at once, and so a mean; 95 % of the means lie in the interval. It is
wider than what one would get from alerts that err independently, because they do not: a map that
is too steep is so for all of them.

It holds at the stated base rate and for addresses like those of validation. What reviewers then
find scatters around it, the more so the fewer alerts there are.

>>> from models.calibration import Calibration
>>> lines = tuple((1.0, shift / 100) for shift in range(-100, 101))
>>> found = expected_precision(Calibration(1.0, 0.0, 0.0, 0.1, 0.1, lines), np.array([0.0, 2.0]))
>>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
(0.69, 0.51, 0.836)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.bootstrap import interval
from models.calibration import Calibration
from models.metrics import logistic


@dataclass(frozen=True)
class Expected:
    """A share with its 95 % interval; None where validation was too small for one."""

    value: float
    low: float | None
    high: float | None


def expected_precision(calibration: Calibration, log_odds: np.ndarray) -> Expected | None:
    """Return the share of some alerts that is expected to be right; None of no alert.

    Parameters
    ----------
    calibration
        Of the bundle that scored them.
    log_odds
        Their calibrated log-odds.
    """
    values = np.asarray(log_odds, dtype=np.float64)
    if not len(values):
        return None
    mean = float(logistic(values).mean())
    if not calibration.lines:
        return Expected(mean, None, None)
    raw = calibration.raw(values)
    means = [logistic(raw * slope + shift).mean() for slope, shift in calibration.lines]
    low, high = interval(np.array(means))
    return Expected(mean, min(low, mean), max(high, mean))
