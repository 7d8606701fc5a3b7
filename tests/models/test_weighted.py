"""Rows that were chosen with a known probability: weighted, they tell of all they were chosen from.

The oracle is scikit-learn with `sample_weight`, and a made-up population whose truth is known.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from models.bands import from_negatives
from models.bootstrap import estimates, paired_bootstrap
from models.calibration import Calibration
from models.evaluation import Judge, evaluate_split
from models.gate.trust import recalibration
from models.intervals import weighed, wilson
from models.metrics import METRICS, Outcomes, logistic, measure, precision_recall
from models.queue import budgets
from models.reliability import reliability
from tests.generated import cases

CERTAIN, CHANCE = 1.0, 0.05
"""How likely an alert is to be reviewed, and an address from below the threshold."""


class Population:
    """Everybody, and those of them that were reviewed: alerts all, of the others one in twenty."""

    def __init__(self, seed: int, n: int = 20_000) -> None:
        random = np.random.default_rng(seed)
        self.score = random.normal(-3, 1.8, n)
        self.label = (random.random(n) < logistic(self.score)).astype(float)
        alert = self.score >= np.quantile(self.score, 0.97)
        chance = np.where(alert, CERTAIN, CHANCE)
        chosen = random.random(n) < chance
        self.chosen = (self.label[chosen], self.score[chosen], 1 / chance[chosen])

    def everybody(self) -> Outcomes:
        return Outcomes(self.label, self.score)

    def reviewed(self, *, weighted: bool = True) -> Outcomes:
        label, score, weights = self.chosen
        return Outcomes(label, score, weights=weights if weighted else None)


@st.composite
def weighted_rows(draw):
    n = draw(st.integers(2, 60))
    labels = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    labels[:2] = 0, 1
    scores = np.array(draw(st.lists(st.integers(-6, 6), min_size=n, max_size=n))) / 2.0
    weights = np.array(draw(st.lists(st.integers(1, 40), min_size=n, max_size=n))) / 8.0
    return labels, scores, weights


@given(weighted_rows())
@settings(max_examples=cases(25), deadline=None)
def test_weighted_metrics_are_those_of_scikit_learn(rows):
    labels, scores, weights = rows
    outcomes = Outcomes(labels, scores, weights=weights)
    chance = logistic(scores)
    yes, how = chance >= 0.5, {"sample_weight": weights}
    expected = {
        "roc_auc": oracle.roc_auc_score(labels, scores, **how),
        "pr_auc": oracle.average_precision_score(labels, scores, **how),
        "f1": oracle.f1_score(labels, yes, zero_division=0.0, **how),
        "accuracy": oracle.accuracy_score(labels, yes, **how),
        "brier": oracle.brier_score_loss(labels, chance, **how),
        "log_loss": oracle.log_loss(labels, chance, **how),
    }
    for name, value in expected.items():
        assert measure(METRICS[name], outcomes) == pytest.approx(value, abs=1e-12), name
    order = np.random.default_rng(1).permutation(len(labels))
    again = Outcomes(labels[order], scores[order], weights=weights[order])
    for name in expected:
        assert measure(METRICS[name], again) == measure(METRICS[name], outcomes)


@given(weighted_rows())
@settings(max_examples=cases(15), deadline=None)
def test_the_weighted_curve_is_that_of_scikit_learn(rows):
    labels, scores, weights = rows
    curve = precision_recall(Outcomes(labels, scores, weights=weights), 0.05)
    precision, recall, _ = oracle.precision_recall_curve(labels, scores, sample_weight=weights)
    expected = list(zip(recall[::-1][1:], precision[::-1][1:], strict=True))
    # scikit-learn leaves out the points after all positives are found.
    assert [(p["recall"], p["precision"]) for p in curve][: len(expected)] == [
        pytest.approx(pair) for pair in expected
    ]


def test_weighted_figures_recover_the_truth_of_everybody():
    """The reviewed alone promise far too much; weighted, the intervals hold the truth."""
    names = ("recall", "precision", "fpr")
    held, told, drawn = [], [], 6
    for seed in range(drawn):
        people = Population(seed)
        truth = budgets(people.everybody(), base_rate=0.1, resamples=2)
        found = budgets(people.reviewed(), base_rate=0.1, resamples=100)
        assert [b["alerts_per_1000"] for b in found] == [b["alerts_per_1000"] for b in truth]
        for wide, narrow in zip(truth, found, strict=True):
            assert narrow["alerts"] == pytest.approx(wide["alerts"], rel=0.15)
            for name in names if wide["alerts_per_1000"] >= 10 else ():
                value = wide[name]["value"]
                held.append(narrow[name]["low"] <= value <= narrow[name]["high"])
                told.append(narrow[name]["value"] / value)
    assert np.mean(held) > 0.9
    assert np.mean(told) == pytest.approx(1, abs=0.02)
    people = Population(0)
    recall = METRICS["recall_at_fpr_0.01"]
    assert measure(recall, people.reviewed()) == pytest.approx(
        measure(recall, people.everybody()), abs=0.05
    )
    naive = budgets(people.reviewed(weighted=False), base_rate=0.1, resamples=2)
    honest = budgets(people.everybody(), base_rate=0.1, resamples=2)
    assert naive[-1]["recall"]["value"] < 0.6 * honest[-1]["recall"]["value"]
    assert naive[-1]["precision"]["value"] > 1.2 * honest[-1]["precision"]["value"]


def test_a_weight_is_so_many_rows_in_every_figure():
    """Rows that stand for three each are three rows each, but for what they can resolve."""
    random = np.random.default_rng(5)
    label = (random.random(600) < 0.3).astype(float)
    score = random.normal(size=600) + label
    chance, three = logistic(score), np.full(600, 3.0)
    of_three = [np.repeat(values, 3) for values in (label, score, chance)]
    one = budgets(Outcomes(label, score, weights=three), base_rate=0.1, resamples=2)
    many = budgets(Outcomes(*of_three[:2]), base_rate=0.1, resamples=2)
    assert [b["alerts"] for b in one] == [b["alerts"] for b in many]
    for ours, theirs in zip(one, many, strict=True):
        for name in ("recall", "precision", "fpr"):
            assert ours[name]["value"] == pytest.approx(theirs[name]["value"])
    bins = reliability(label, chance, three), reliability(of_three[0], of_three[2])
    for ours, theirs in zip(*bins, strict=True):
        assert ours["observed"] == pytest.approx(theirs["observed"])
        assert (ours["low"], ours["high"]) == pytest.approx(wilson(ours["n_positive"], ours["n"]))
    limits = from_negatives(score, three)
    assert limits == from_negatives(score)
    lower = from_negatives(score, np.where(score > 1, 1.0, 3.0))["medium"]
    assert lower is not None
    assert limits["medium"] is not None
    assert lower < limits["medium"]


def test_the_bootstrap_keeps_the_weights():
    people = Population(1, n=8000)
    label, score, weights = people.chosen
    noisier = score + np.random.default_rng(1).normal(size=len(score))
    paired = paired_bootstrap(label, score, noisier, None, "pr_auc", weights=weights, resamples=100)
    plain = paired_bootstrap(label, score, noisier, None, "pr_auc", resamples=100)
    expected = oracle.average_precision_score(label, score, sample_weight=weights)
    assert paired.a == pytest.approx(expected)
    assert plain.a == pytest.approx(oracle.average_precision_score(label, score))
    assert paired.low < paired.difference < paired.high
    found = estimates(people.reviewed(), [METRICS["pr_auc"]], resamples=100)["pr_auc"]
    assert found is not None
    assert found.value == pytest.approx(expected)
    truth = measure(METRICS["pr_auc"], people.everybody())
    assert found.low < truth < found.high


def test_a_rate_is_resolved_by_the_negatives_above_it_not_by_all():
    """Three hundred reviewed alerts show a rate that as many random negatives could not."""
    label = np.r_[np.ones(50), np.zeros(300)]
    score = np.r_[np.full(50, 9.0), np.arange(300.0, 0, -1)]
    metric = METRICS["recall_at_fpr_0.01"]
    assert not metric.resolvable(Outcomes(label, score))
    weights = np.r_[np.ones(50), np.ones(150), np.full(150, 100.0)]
    assert metric.resolvable(Outcomes(label, score, weights=weights))
    assert not metric.resolvable(Outcomes(label, score, weights=np.r_[np.zeros(50), weights[50:]]))
    with pytest.raises(ValueError, match="finite weights"):
        Outcomes(label, score, weights=-weights)


def test_a_split_says_what_its_rows_stand_for():
    people = Population(2, n=6000)
    label, score, weights = people.chosen
    n = len(label)
    rows = pl.DataFrame(
        {
            "label": label.astype(np.int8),
            "status": ["scored"] * n,
            "group": [str(i) for i in range(n)],
            "log_odds": score,
            "selection_probability": 1 / weights,
            "chain": ["tron"] * n,
            "n_transfers": [30] * n,
            "first_seen": [datetime(2024, 1, 1, tzinfo=UTC)] * n,
            "last_seen": [datetime(2024, 2, 1, tzinfo=UTC)] * n,
            "population": ["everybody"] * n,
        }
    )
    judge = Judge(Calibration(1.0, 0.0, 0.0, 0.1, 0.1), {"medium": 0.0, "high": 9.0, "severe": 9.0})
    told = evaluate_split(rows, judge, resamples=20)
    assert told["n"] == n
    assert told["weighted"]["stands_for"] == pytest.approx(6000, rel=0.1)
    assert told["weighted"]["tells_as_many_as"] < n
    assert told["prevalence"] == pytest.approx(people.label.mean(), abs=0.03)
    innocent = people.score[people.label == 0]
    truth = (innocent >= 0).mean()
    assert told["false_alarms"]["medium"]["low"] < truth < told["false_alarms"]["medium"]["high"]
    flagged = told["populations"]["everybody"]["flagged"]["medium"]["value"]
    assert flagged == pytest.approx(np.average(score >= 0, weights=weights))
    (chain,) = [s for s in told["slices"] if s["by"] == "chain"]
    assert chain["flagged"]["value"] == pytest.approx(told["false_alarms"]["medium"]["value"])
    assert chain["ratio"] == pytest.approx(1)
    assert sum(band["negatives"] for band in told["bands"].values()) == (label == 0).sum()
    alike = rows.drop("selection_probability").with_columns(weight=pl.lit(1.0))
    assert evaluate_split(alike, judge, resamples=20)["weighted"] is None
    twice = pl.concat([rows, rows.with_columns(weight=pl.lit(0.0))], how="diagonal")
    assert evaluate_split(twice, judge, resamples=20) == told


def test_the_gate_looks_at_calibration_with_weights():
    """Positives are reviewed twice as often: unweighted, they seem to be more than was stated."""
    random = np.random.default_rng(6)
    stated = random.normal(-1, 1.5, 9000)
    label = (random.random(9000) < logistic(stated)).astype(float)
    chance = np.where(label == 1, 1.0, 0.5)
    chosen = random.random(9000) < chance
    stated, label, weights = stated[chosen], label[chosen], 1 / chance[chosen]
    groups = np.arange(len(label))
    right = recalibration(stated, label, groups, weights)
    assert right.intercept.low < 0 < right.intercept.high
    assert right.slope.low < 1 < right.slope.high
    assert recalibration(stated, label, groups).intercept.low > 0.4


def test_a_share_of_equal_weights_is_a_count():
    hits = np.arange(50) < 7
    share, low, high = weighed(hits, np.full(50, 2.5))
    assert share == pytest.approx(7 / 50)
    assert (low, high) == pytest.approx(wilson(7, 50))
    uneven = weighed(hits, np.where(hits, 1.0, 20.0))
    assert uneven[0] == pytest.approx(7 / (7 + 43 * 20))
