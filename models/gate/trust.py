"""Whether the probabilities are right: a logistic recalibration on held-out rows.

Fitted is `logit P(label 1) = intercept + slope * log_odds`. A slope of 1 and an intercept of 0 are
a calibrated score; a slope below 1 is one that is too sure of itself. The log-odds are first taken
from the prevalence that the model was calibrated at to that of these rows: a held-out set holds
more positives than the world does, and cannot tell how rare they are out there.

The intervals are sandwich estimates over groups, because wallets of one case are no independent
witnesses. Classes that part completely would send the slope to infinity; a weak prior (normal
around a slope of 1 and an intercept of 0, with a variance of 1) keeps it finite, and weighs no more
than a handful of rows.

>>> from models.metrics import logistic
>>> random = np.random.default_rng(3)
>>> stated = random.normal(0, 2, 4000)
>>> labels = (random.random(4000) < logistic(stated)).astype(float)
>>> fit = recalibration(stated, labels, np.arange(4000))
>>> fit.slope.low < 1 < fit.slope.high and fit.intercept.low < 0 < fit.intercept.high
True
>>> recalibration(3 * stated, labels, np.arange(4000)).slope.high < 0.5  # three times too sure
True
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.bootstrap import Estimate
from models.gate.bounds import Bounds
from models.gate.evidence import Evidence
from models.gate.verdict import FAIL, INCONCLUSIVE, PASS, Check
from models.material import row_weights
from models.metrics import logistic

_Z95 = 1.959963984540054
_STEPS = 50
_FIX = "Calibrate on labels that look like those it will be used on, and train again."


@dataclass(frozen=True)
class Recalibration:
    """How the stated log-odds would have to be moved to be right."""

    slope: Estimate
    intercept: Estimate


def calibration_checks(evidence: Evidence, bounds: Bounds) -> Iterator[Check]:
    """Check slope and intercept."""
    rows = evidence.judged.filter(pl.col("log_odds").is_not_null())
    rows = rows.filter(row_weights(rows) > 0)
    positives = int(rows["label"].sum())
    if min(positives, rows.height - positives) < bounds.slice_rows:
        yield Check(
            "calibration",
            INCONCLUSIVE,
            f"{positives:,} positives and {rows.height - positives:,} negatives with a score are "
            "too few to see calibration in",
            fix="Wait for more labels.",
            bound=f"at least {bounds.slice_rows} of each",
        )
        return
    stated = evidence.calibration.at_prevalence(rows["log_odds"].to_numpy())
    weights = row_weights(rows)
    here = float(np.average(rows["label"].to_numpy(), weights=weights))
    found = recalibration(
        stated + _logit(here) - _logit(evidence.calibration.prevalence),
        rows["label"].to_numpy(),
        rows["group"].to_numpy(),
        # To the size of the rows, so that the prior weighs what it would among equals.
        weights * len(weights) / weights.sum(),
    )
    for name, estimate, limits in (
        ("slope", found.slope, bounds.slope),
        ("intercept", found.intercept, bounds.intercept),
    ):
        yield _within(f"calibration:{name}", estimate, *limits)


def recalibration(
    log_odds: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray | None = None,
) -> Recalibration:
    """Fit slope and intercept, each with its 95 % interval over groups."""
    stated = np.asarray(log_odds, dtype=np.float64)
    design = np.column_stack([np.ones(len(stated)), stated])
    labels = np.asarray(labels, dtype=np.float64)
    counted = np.ones(len(labels)) if weights is None else weights
    prior = np.array([0.0, 1.0])
    at = prior.copy()
    for _ in range(_STEPS):
        chance = logistic(design @ at)
        slope = design.T @ (counted * (labels - chance)) - (at - prior)
        curve = (design * (counted * chance * (1 - chance))[:, None]).T @ design + np.eye(2)
        step = np.linalg.solve(curve, slope)
        # Far from the minimum a full step may overshoot; no step needs to be longer than this.
        at = at + step * min(1.0, 2.0 / max(1e-300, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-10:
            break
    group_of = np.unique(groups, return_inverse=True)[1]
    residuals = design * (counted * (labels - logistic(design @ at)))[:, None]
    summed = np.zeros((int(group_of.max()) + 1, 2))
    np.add.at(summed, group_of, residuals)
    bread = np.linalg.inv(curve)
    spread = np.sqrt(np.diag(bread @ (summed.T @ summed) @ bread))
    intercept, slope_found = (
        Estimate(float(v), float(v - _Z95 * s), float(v + _Z95 * s))
        for v, s in zip(at, spread, strict=True)
    )
    return Recalibration(slope_found, intercept)


def _within(name: str, found: Estimate, least: float, most: float) -> Check:
    if least <= found.low and found.high <= most:
        outcome = PASS
    elif found.high < least or found.low > most:
        outcome = FAIL
    else:
        outcome = INCONCLUSIVE
    return Check(
        name,
        outcome,
        f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]",
        fix=_FIX,
        value=found.value,
        low=found.low,
        high=found.high,
        bound=f"the whole interval within {least:g} and {most:g}",
    )


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
