"""Calibration: an affine map on the log-odds, so that the exact reasons stay exact.

A calibrated score is useful only if it is still the sum of its reasons. Tree contributions add up
to the model's raw log-odds; any map of the form slope x raw + intercept keeps that, with every
contribution multiplied by the slope, and no other map does:

    log_odds         = slope * raw      + intercept + prior_shift
    contribution_i   = slope * raw contribution_i
    base             = slope * expected + intercept + prior_shift

The map is Platt's: logistic regression of the label on the raw log-odds over the validation rows,
with his smoothed targets, so that separable data do not send the slope to infinity. The slope is
kept positive: a larger raw score never gives a smaller chance. `prior_shift` moves the result from
the prevalence of those rows to a stated base rate.

>>> raw = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
>>> found = calibrate(raw, np.array([0, 0, 1, 0, 1]), base_rate=0.01)
>>> found.slope > 0, round(found.prior_shift, 4)  # logit(0.01) - logit(0.4)
(True, -4.1897)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from data.errors import Refused
from models.metrics import logistic

SMALLEST_SLOPE = 0.01
"""Where validation ranks the wrong way round the slope stops here, and the model card says so."""

_STEPS = 100
_DIGITS = 12  # beyond what differs between processors, below what additivity needs


@dataclass(frozen=True)
class Calibration:
    """From raw log-odds to calibrated ones.

    Attributes
    ----------
    slope, intercept : float
        The fitted map, valid at `prevalence`.
    prior_shift : float
        logit(base_rate) - logit(prevalence).
    base_rate : float
        The share of positives at which the score is a probability.
    prevalence : float
        The share of positives among the rows it was fitted on.
    """

    slope: float
    intercept: float
    prior_shift: float
    base_rate: float
    prevalence: float

    def log_odds(self, raw: np.ndarray) -> np.ndarray:
        """Calibrate raw log-odds to the base rate."""
        return self.slope * raw + self.intercept + self.prior_shift

    def at_prevalence(self, log_odds: np.ndarray) -> np.ndarray:
        """Take calibrated log-odds back to the prevalence of the rows of the fit."""
        return log_odds - self.prior_shift


def calibrate(
    raw: np.ndarray,
    label: np.ndarray,
    *,
    base_rate: float | None,
    weight: np.ndarray | None = None,
) -> Calibration:
    """Fit the map on validation rows.

    Parameters
    ----------
    raw
        The model's raw log-odds.
    label
        1 or 0.
    base_rate
        Share of positives to state scores at, in (0, 1); None: the prevalence of these rows.
    weight
        What each row counts; the prevalence is weighted too.

    Raises
    ------
    Refused
        A class is missing, or the base rate is not between 0 and 1.
    """
    label = np.asarray(label, dtype=np.float64)
    weight = np.ones_like(label) if weight is None else np.asarray(weight, dtype=np.float64)
    n_positive = int(label.sum())
    n_negative = len(label) - n_positive
    if min(n_positive, n_negative) == 0:
        raise Refused(
            f"the validation part has {n_positive} positives and {n_negative} negatives",
            expected="both, to calibrate the score on",
            hint="Give more labels, or name a `split` in the label file.",
        )
    if base_rate is not None and not 0 < base_rate < 1:
        raise Refused(f"the base rate {base_rate:g}", expected="a share between 0 and 1")
    prevalence = float((weight * label).sum() / weight.sum())
    target = np.where(label == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    slope, intercept = _newton(np.asarray(raw, dtype=np.float64), target, weight)
    stated = prevalence if base_rate is None else base_rate
    shift = 0.0 if base_rate is None else _logit(base_rate) - _logit(prevalence)
    return Calibration(slope, intercept, shift, stated, prevalence)


def _newton(raw: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Minimise the weighted cross-entropy over (slope, intercept), slope at least the smallest.

    The loss is convex, so where the free minimum has too small a slope, the constrained one lies on
    the border, and only the intercept is left to find.
    """
    centre, spread = float(raw.mean()), float(raw.std()) or 1.0
    standard = (raw - centre) / spread
    design = np.stack([standard, np.ones_like(standard)], axis=1)
    free = _descend(design, np.zeros(len(raw)), target, weight)
    slope = free[0] / spread
    intercept = free[1] - slope * centre
    if slope < SMALLEST_SLOPE:
        slope = SMALLEST_SLOPE
        intercept = _descend(design[:, 1:], slope * raw, target, weight)[0]
    return round(float(slope), _DIGITS), round(float(intercept), _DIGITS)


def _descend(
    design: np.ndarray, offset: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Newton's method with step halving; sums in a fixed order, so that threads change no bit."""
    at = np.zeros(design.shape[1])
    loss = _loss(design, at, offset, target, weight)
    for _ in range(_STEPS):
        chance = logistic((design * at).sum(axis=1) + offset)
        gradient = (design * (weight * (chance - target))[:, None]).sum(axis=0)
        curve = weight * chance * (1 - chance) + 1e-12
        hessian = (design[:, :, None] * design[:, None, :] * curve[:, None, None]).sum(axis=0)
        step = np.linalg.solve(hessian + 1e-12 * np.eye(len(at)), gradient)
        size = 1.0
        while size > 1e-6:
            tried = _loss(design, at - size * step, offset, target, weight)
            if tried <= loss:
                break
            size /= 2
        moved = size * step
        at, loss = at - moved, min(loss, tried)
        if np.abs(moved).max() < 1e-13:
            break
    return at


def _loss(
    design: np.ndarray,
    at: np.ndarray,
    offset: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
) -> float:
    z = (design * at).sum(axis=1) + offset
    return float((weight * (np.logaddexp(0.0, z) - target * z)).sum())


def _logit(share: float) -> float:
    return math.log(share) - math.log1p(-share)
