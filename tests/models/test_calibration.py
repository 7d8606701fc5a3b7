"""The affine calibration, against scikit-learn's logistic regression."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from data.errors import Refused
from models.calibration import SMALLEST_SLOPE, calibrate
from models.metrics import logistic


def sample(seed, n=300, slope=1.5, intercept=-1.0):
    random = np.random.default_rng(seed)
    raw = random.normal(0.5, 2.0, n)
    label = (random.random(n) < logistic(slope * raw + intercept)).astype(int)
    label[:2] = 0, 1
    return raw, label


def platt_by_scikit_learn(raw, label, weight):
    """Each row counts as a positive of weight t and a negative of weight 1 - t."""
    n1, n0 = label.sum(), (1 - label).sum()
    target = np.where(label == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    fit = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(
        np.tile(raw, 2)[:, None],
        np.repeat([1, 0], len(raw)),
        np.concatenate([weight * target, weight * (1 - target)]),
    )
    return fit.coef_[0, 0], fit.intercept_[0]


@given(st.integers(0, 10_000), st.booleans())
def test_agrees_with_logistic_regression(seed, weighted):
    raw, label = sample(seed)
    random = np.random.default_rng(seed + 1)
    weight = random.uniform(0.5, 3.0, len(raw)) if weighted else np.ones(len(raw))
    found = calibrate(raw, label, base_rate=None, weight=weight)
    slope, intercept = platt_by_scikit_learn(raw, label, weight)
    assert found.slope == pytest.approx(slope, rel=1e-4)
    assert found.intercept == pytest.approx(intercept, abs=1e-4)


def test_separable_data_give_a_finite_slope():
    raw = np.concatenate([np.linspace(-3, -1, 50), np.linspace(1, 3, 50)])
    found = calibrate(raw, (raw > 0).astype(int), base_rate=None)
    assert 0 < found.slope < 20


def test_a_reversed_ranking_stops_at_the_smallest_slope():
    raw, label = sample(1)
    found = calibrate(-raw, label, base_rate=None)
    assert found.slope == SMALLEST_SLOPE
    # The best intercept left: the mean probability is the mean smoothed target.
    n1, n0 = label.sum(), (1 - label).sum()
    target = np.where(label == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    assert logistic(found.log_odds(-raw)).mean() == pytest.approx(target.mean(), abs=1e-9)


def test_the_base_rate_moves_all_odds_by_one_factor():
    raw, label = sample(2)
    plain = calibrate(raw, label, base_rate=None)
    stated = calibrate(raw, label, base_rate=0.001)
    ratio = np.exp(stated.log_odds(raw) - plain.log_odds(raw))
    p = label.mean()
    np.testing.assert_allclose(ratio, (0.001 / 0.999) / (p / (1 - p)))
    assert plain.base_rate == plain.prevalence == pytest.approx(p)
    np.testing.assert_allclose(stated.at_prevalence(stated.log_odds(raw)), plain.log_odds(raw))
    assert math.isfinite(stated.prior_shift)


def test_identical_scores_are_calibrated_to_the_prevalence():
    found = calibrate(np.full(40, 2.0), np.array([1] * 10 + [0] * 30), base_rate=None)
    assert logistic(found.log_odds(np.array([2.0])))[0] == pytest.approx(0.25, abs=0.03)


def test_refusals():
    raw, label = sample(3)
    with pytest.raises(Refused, match="0 negatives"):
        calibrate(raw, np.ones(len(raw)), base_rate=None)
    for rate in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(Refused, match="between 0 and 1"):
            calibrate(raw, label, base_rate=rate)
