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

Few rows make an uncertain map. So it is fitted again on resampled groups of them (`resampled`), and
these lines are kept with it: put through all of them, a score becomes an interval of the chance
that it states. The interval tells how well validation knows the map. It is no interval of the
ranking, and it knows nothing of a base rate that was stated wrongly.

>>> raw = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
>>> found = calibrate(raw, np.array([0, 0, 1, 0, 1]), base_rate=0.01)
>>> found.slope > 0, round(found.prior_shift, 4)  # logit(0.01) - logit(0.4)
(True, -4.1897)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from data.errors import Refused
from models.metrics import logistic

SMALLEST_SLOPE = 0.01
"""Where validation ranks the wrong way round the slope stops here, and the model card says so."""

LINES = 200
"""Maps that are fitted on resampled rows, where there are not very many rows."""

FEWEST_LINES = 50
"""With fewer that have both classes, there is no interval."""

FEWEST_GROUPS = 5
"""With fewer groups of positives or of negatives, resampling says nothing."""

_MOST_DRAWN = 10_000_000  # rows drawn for all lines together
_BLOCK = 2000  # rows that are looked at together
_TAIL = 0.025
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
    lines : tuple of (float, float)
        Slope and intercept (the prior shift in it) of the same map on resampled rows; empty where
        they could not be fitted.
    """

    slope: float
    intercept: float
    prior_shift: float
    base_rate: float
    prevalence: float
    lines: tuple[tuple[float, float], ...] = ()

    def log_odds(self, raw: np.ndarray) -> np.ndarray:
        """Calibrate raw log-odds to the base rate."""
        return self.slope * raw + self.intercept + self.prior_shift

    def at_prevalence(self, log_odds: np.ndarray) -> np.ndarray:
        """Take calibrated log-odds back to the prevalence of the rows of the fit."""
        return log_odds - self.prior_shift

    @property
    def stated(self) -> float | None:
        """The base rate where one was stated; None where it is the prevalence of the fit."""
        return self.base_rate if self.prior_shift else None

    def restated(self, base_rate: float | None) -> Calibration:
        """Return the same map at another stated base rate, or at none; without `lines`.

        >>> Calibration(1.0, 0.0, 0.0, 0.5, 0.5).restated(0.01).restated(None).prior_shift
        0.0
        """
        stated = self.prevalence if base_rate is None else base_rate
        shift = 0.0 if base_rate is None else _logit(base_rate) - _logit(self.prevalence)
        return replace(self, base_rate=stated, prior_shift=shift, lines=())

    def chance(self, log_odds: float) -> dict[str, float | None]:
        """Return one score with its interval: ``score``, ``score_low`` and ``score_high``."""
        value = np.array([log_odds])
        low, high = (logistic(limit)[0] for limit in self.interval(value))
        return {
            "score": float(logistic(value)[0]),
            "score_low": None if np.isnan(low) else float(low),
            "score_high": None if np.isnan(high) else float(high),
        }

    def raw(self, log_odds: np.ndarray) -> np.ndarray:
        """Return the raw log-odds behind calibrated ones."""
        return (log_odds - self.intercept - self.prior_shift) / self.slope

    def interval(self, log_odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the limits of the 95 % interval of calibrated log-odds; NaN without `lines`.

        The value itself always lies within.

        >>> lines = tuple((1.0, shift / 100) for shift in range(-100, 101))
        >>> low, high = Calibration(1.0, 0.0, 0.0, 0.1, 0.1, lines).interval(np.array([2.0]))
        >>> round(float(low[0]), 2), round(float(high[0]), 2)
        (1.05, 2.95)
        """
        values = np.asarray(log_odds, dtype=np.float64)
        if not self.lines:
            return np.full(len(values), np.nan), np.full(len(values), np.nan)
        slope, intercept = np.array(self.lines).T
        raw = self.raw(values)
        low, high = np.empty_like(values), np.empty_like(values)
        place, beyond = divmod(_TAIL * (len(slope) - 1), 1)
        at = int(place)
        for start in range(0, len(values), _BLOCK):
            here = slice(start, start + _BLOCK)
            stated = np.sort(raw[here, None] * slope + intercept, axis=1)
            low[here] = stated[:, at] + beyond * (stated[:, at + 1] - stated[:, at])
            high[here] = stated[:, -1 - at] - beyond * (stated[:, -1 - at] - stated[:, -2 - at])
        return np.minimum(low, values), np.maximum(high, values)


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
    raw = np.asarray(raw, dtype=np.float64)
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
    slope, intercept = _newton(raw, _targets(label, np.ones_like(label)), weight)
    stated = prevalence if base_rate is None else base_rate
    shift = 0.0 if base_rate is None else _logit(base_rate) - _logit(prevalence)
    return Calibration(slope, intercept, shift, stated, prevalence)


def resampled(
    found: Calibration,
    raw: np.ndarray,
    label: np.ndarray,
    groups: np.ndarray,
    *,
    weight: np.ndarray | None = None,
    seed: int = 1,
) -> Calibration:
    """Return a fitted map with its `lines`: the same map on resampled groups of its rows.

    Parameters
    ----------
    found
        The map, as `calibrate` fits it on these rows.
    raw, label, weight
        As for `calibrate`.
    groups
        What is resampled together.
    """
    label, raw = np.asarray(label, dtype=np.float64), np.asarray(raw, dtype=np.float64)
    weight = np.ones_like(label) if weight is None else np.asarray(weight, dtype=np.float64)
    group_of = np.unique(groups, return_inverse=True)[1]
    of_class = (group_of[label == k] for k in (0, 1))
    if min(len(np.unique(groups)) for groups in of_class) < FEWEST_GROUPS:
        return found
    n_groups, random = int(group_of.max()) + 1, np.random.default_rng(seed)
    lines = []
    for _ in range(min(LINES, max(FEWEST_LINES, _MOST_DRAWN // len(label)))):
        drawn = np.bincount(random.integers(0, n_groups, n_groups), minlength=n_groups)
        times = drawn[group_of].astype(np.float64)
        counted = times * weight
        prevalence = float((counted * label).sum() / counted.sum()) if counted.any() else 0.0
        if not 0 < prevalence < 1:
            continue
        start = found.slope, found.intercept
        slope, intercept = _newton(raw, _targets(label, times), counted, start)
        shift = _logit(found.base_rate) - _logit(prevalence) if found.prior_shift else 0.0
        lines.append((slope, round(intercept + shift, _DIGITS)))
    return replace(found, lines=tuple(lines) if len(lines) >= FEWEST_LINES else ())


def _targets(label: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return Platt's smoothed targets of rows that were drawn so many times."""
    n_positive, n_negative = float((times * label).sum()), float((times * (1 - label)).sum())
    return np.where(label == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))


def _newton(
    raw: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    start: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float]:
    """Minimise the weighted cross-entropy over (slope, intercept), slope at least the smallest.

    The loss is convex, so where the free minimum has too small a slope, the constrained one lies on
    the border, and only the intercept is left to find.
    """
    centre, spread = float(raw.mean()), float(raw.std()) or 1.0
    standard = (raw - centre) / spread
    design = np.stack([standard, np.ones_like(standard)]).T  # columns lie together
    begin = np.array([start[0] * spread, start[1] + start[0] * centre])
    free = _descend(design, np.zeros(len(raw)), target, weight, begin)
    slope = free[0] / spread
    intercept = free[1] - slope * centre
    if slope < SMALLEST_SLOPE:
        slope = SMALLEST_SLOPE
        intercept = _descend(design[:, 1:], slope * raw, target, weight, np.zeros(1))[0]
    return round(float(slope), _DIGITS), round(float(intercept), _DIGITS)


def _descend(
    design: np.ndarray,
    offset: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    begin: np.ndarray,
) -> np.ndarray:
    """Newton's method with step halving; sums in a fixed order, so that threads change no bit."""
    at = begin
    loss = _loss(design, at, offset, target, weight)
    for _ in range(_STEPS):
        chance = logistic((design * at).sum(axis=1) + offset)
        away, curve = weight * (chance - target), weight * chance * (1 - chance) + 1e-12
        columns = design.T
        gradient = np.array([(away * column).sum() for column in columns])
        hessian = np.array([[(curve * a * b).sum() for b in columns] for a in columns])
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
