"""Metrics against scikit-learn, and against the definition where scikit-learn has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from models.metrics import METRICS, Outcomes, logistic, measure, recall_at_fpr
from tests.generated import cases


@st.composite
def labelled_scores(draw, least=2, most=60):
    n = draw(st.integers(least, most))
    labels = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    labels[0], labels[1] = 0, 1
    # Few distinct values, so that ties are the rule.
    scores = draw(st.lists(st.integers(-6, 6), min_size=n, max_size=n))
    return np.array(labels), np.array(scores) / 2.0


@given(labelled_scores())
@settings(max_examples=cases(100), deadline=None)
def test_agrees_with_scikit_learn(rows):
    labels, scores = rows
    outcomes = Outcomes(labels, scores)
    chance = logistic(scores)
    yes = chance >= 0.5
    expected = {
        "roc_auc": oracle.roc_auc_score(labels, scores),
        "pr_auc": oracle.average_precision_score(labels, scores),
        "f1": oracle.f1_score(labels, yes, zero_division=0.0),
        "accuracy": oracle.accuracy_score(labels, yes),
        "brier": oracle.brier_score_loss(labels, chance),
        "log_loss": oracle.log_loss(labels, chance),
    }
    for name, value in expected.items():
        assert measure(METRICS[name], outcomes) == pytest.approx(value, abs=1e-12), name


@given(labelled_scores(), st.data())
@settings(max_examples=cases(60), deadline=None)
def test_weights_are_repetitions(rows, data):
    """A row of weight 3 counts as three rows: the property on which the bootstrap rests."""
    labels, scores = rows
    times = np.array(
        data.draw(st.lists(st.integers(0, 3), min_size=len(labels), max_size=len(labels)))
    )
    times[:2] = 1
    outcomes = Outcomes(labels, scores, groups=np.arange(len(labels)))
    weights = times[outcomes.groups][None, :].astype(float)
    repeated = Outcomes(np.repeat(labels, times), np.repeat(scores, times))
    for metric in METRICS.values():
        ones = np.ones((1, repeated.n))
        np.testing.assert_allclose(
            metric.compute(outcomes, weights), metric.compute(repeated, ones), atol=1e-12
        )


@given(labelled_scores(), st.sampled_from([0.05, 0.1, 0.25, 0.5]))
@settings(max_examples=cases(60), deadline=None)
def test_recall_at_a_false_positive_rate_is_the_best_permitted_threshold(rows, rate):
    labels, scores = rows
    best = 0.0
    for threshold in np.unique(scores):
        flagged = scores >= threshold
        if flagged[labels == 0].mean() <= rate:
            best = max(best, flagged[labels == 1].mean())
    metric = recall_at_fpr(rate)
    value = metric.compute(Outcomes(labels, scores), np.ones((1, len(labels))))[0]
    assert value == pytest.approx(best)


def test_precision_at_100_counts_a_tie_at_the_border_in_proportion():
    labels = np.array([1] * 90 + [1] * 5 + [0] * 15)
    scores = np.array([2.0] * 90 + [1.0] * 20)
    expected = (90 + 10 * 5 / 20) / 100
    assert measure(METRICS["precision_at_100"], Outcomes(labels, scores)) == pytest.approx(expected)


def test_calibration_error_by_hand():
    chance = np.array([0.05, 0.05, 0.95, 0.95])
    labels = np.array([0, 1, 1, 1])
    outcomes = Outcomes(labels, np.log(chance / (1 - chance)), probabilities=chance)
    expected = 0.5 * abs(0.05 - 0.5) + 0.5 * abs(0.95 - 1.0)
    value = measure(METRICS["expected_calibration_error"], outcomes)
    assert value == pytest.approx(expected)


@pytest.mark.parametrize(
    "name,least", [("recall_at_fpr_0.001", 10_000), ("recall_at_fpr_0.01", 1_000)]
)
def test_unresolved_rates_are_null(name, least):
    def value(negatives):
        labels = np.append(np.zeros(negatives), np.ones(5))
        return measure(METRICS[name], Outcomes(labels, labels))

    assert np.isnan(value(least - 1))
    assert value(least) == 1.0


def test_one_class_resolves_nothing():
    outcomes = Outcomes(np.ones(200), np.arange(200.0))
    assert all(np.isnan(measure(metric, outcomes)) for metric in METRICS.values())


def test_row_order_changes_no_bit():
    random = np.random.default_rng(3)
    labels, scores = random.integers(0, 2, 500), random.normal(size=500)
    order = random.permutation(500)
    for metric in METRICS.values():
        once = measure(metric, Outcomes(labels, scores))
        again = measure(metric, Outcomes(labels[order], scores[order]))
        assert np.array_equal(once, again, equal_nan=True), metric.name


def test_wrong_labels_are_refused():
    with pytest.raises(ValueError, match="labels of 0 and 1"):
        Outcomes(np.array([0, 2]), np.array([0.0, 1.0]))
