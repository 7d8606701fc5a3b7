"""The affine calibration, against scikit-learn's logistic regression."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from data.errors import Refused
from models.calibration import LINES, SMALLEST_SLOPE, calibrate, resampled
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


def bootstrapped(n=600, seed=3, base_rate=0.01, groups=None, **how):
    raw, label = sample(seed, n)
    found = calibrate(raw, label, base_rate=base_rate)
    rows = np.arange(n) if groups is None else groups
    return found, resampled(found, raw, label, rows, **how), raw, label


def test_a_line_is_the_map_of_the_rows_drawn():
    """Each line is what `calibrate` gives of the rows themselves, repeated as often as drawn."""
    found, with_lines, raw, label = bootstrapped(300)
    assert with_lines == replace(found, lines=with_lines.lines)
    assert len(with_lines.lines) == LINES
    random = np.random.default_rng(1)
    for line in with_lines.lines[:5]:
        drawn = np.repeat(np.arange(300), np.bincount(random.integers(0, 300, 300), minlength=300))
        again = calibrate(raw[drawn], label[drawn], base_rate=0.01)
        assert line[0] == pytest.approx(again.slope, rel=1e-6)
        assert line[1] == pytest.approx(again.intercept + again.prior_shift, abs=1e-6)


def test_the_interval_holds_the_true_chance_and_the_score():
    """The truth is known: log-odds of 1.5 raw - 1, at the true share of positives."""
    held = []
    for seed in range(15):
        found, with_lines, _, _ = bootstrapped(400, seed, base_rate=None)
        raw = np.array([-2.0, 0.5, 3.0])
        value = found.log_odds(raw)
        low, high = with_lines.interval(value)
        assert ((low <= value) & (value <= high)).all()
        truth = 1.5 * raw - 1.0
        held += ((low <= truth) & (truth <= high)).tolist()
    assert np.mean(held) > 0.85


def test_fewer_rows_and_groups_widen_the_interval_and_order_changes_nothing():
    def width(calibration):
        low, high = calibration.interval(np.array([-4.0]))
        return float(high[0] - low[0])

    _, few, _, _ = bootstrapped(150)
    _, many, raw, label = bootstrapped(1200)
    _, cases, _, _ = bootstrapped(1200, groups=np.arange(1200) // 60)
    assert width(few) > 2 * width(many)
    assert width(cases) > 0.8 * width(many)
    twice = resampled(many, np.tile(raw, 4), np.tile(label, 4), np.tile(np.arange(1200), 4))
    assert width(twice) == pytest.approx(width(many), rel=0.3)
    values = np.linspace(-9, 3, 5000)
    low, high = many.interval(values)
    assert np.array_equal(many.interval(values[::-1])[0], low[::-1])
    for at in (0, 2500, 4999):
        alone = many.interval(values[[at]])
        assert (alone[0][0], alone[1][0]) == (low[at], high[at])
        told = many.chance(float(values[at]))
        assert told["score_low"] <= told["score"] <= told["score_high"]


def test_weights_are_kept():
    found, _, raw, label = bootstrapped(600)
    weight = np.where(label == 1, 1.0, 4.0)
    heavy = calibrate(raw, label, base_rate=0.01, weight=weight)
    lines = resampled(heavy, raw, label, np.arange(600), weight=weight).lines
    assert np.mean([line[0] for line in lines]) == pytest.approx(heavy.slope, rel=0.1)
    assert np.mean([line[1] for line in lines]) == pytest.approx(
        heavy.intercept + heavy.prior_shift, abs=0.15
    )
    assert heavy.prior_shift != found.prior_shift


@pytest.mark.parametrize("groups", [np.zeros(100), np.arange(100) // 30])
def test_rows_of_few_groups_have_no_interval(groups):
    found, alone, _, _ = bootstrapped(100, groups=groups)
    assert alone == found
    assert np.isnan(alone.interval(np.array([0.3]))).all()
    silent = alone.chance(0.0)
    assert (silent["score"], silent["score_low"], silent["score_high"]) == (0.5, None, None)


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
