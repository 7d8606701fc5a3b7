"""The two-sample test: blind where there is nothing to see, sharp where there is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from models import two_sample as module
from models.two_sample import FOLDS, Rows, two_sample

NAMES = ("amount", "count", "twin", "noise")


def rows(n: int = 160, *, shift: float = 0.0, missing: float = 0.0, seed: int = 1) -> Rows:
    """Return two sides of `n` histories that differ in `amount` (and its twin) by `shift`."""
    random = np.random.default_rng(seed)
    ours = np.repeat([True, False], n)
    inputs = random.normal(size=(2 * n, len(NAMES)))
    inputs[ours, 0] += shift
    inputs[:, 2] = 2 * inputs[:, 0] + 0.01 * random.normal(size=2 * n)
    lost = ours & (random.random(2 * n) < missing)
    inputs[lost, 1] = np.nan
    groups = np.array([f"{'w' if o else 'r'}{i // 2}" for i, o in enumerate(ours)])
    return Rows(inputs, NAMES, ours, groups)


def test_two_samples_of_one_kind_are_not_told_apart():
    found = two_sample(rows())
    assert found is not None
    for auc in (found.trees, found.linear):
        assert auc.low < 0.5 < auc.high or 0.4 < auc.value < 0.6
    assert 0.35 < found.shuffled.low <= found.shuffled.high < 0.65


def test_a_distortion_is_found_and_named_once():
    found = two_sample(rows(shift=1.5))
    assert found is not None
    assert found.trees.low > 0.7
    assert found.linear.low > 0.7
    named = [one.name for one in found.giveaways]
    assert named[0] in ("amount", "twin")
    assert len({"amount", "twin"} & set(named)) == 1  # the other one only repeats it
    first = found.giveaways[0]
    assert first.auc > 0.8
    assert first.world > first.reference
    assert found.path[0][0] in ("amount", "twin")
    assert found.path[0][1] > 0.75


def test_a_missing_signal_gives_a_world_away():
    found = two_sample(rows(missing=0.6))
    assert found is not None
    assert found.giveaways[0].name == "count"
    assert found.giveaways[0].world_defined == pytest.approx(0.4, abs=0.1)
    assert found.giveaways[0].reference_defined == 1.0
    assert found.giveaways[0].strength > 0.2
    assert found.linear.value > 0.7


def test_few_histories_are_not_tested():
    few = rows(4)
    assert two_sample(few) is None
    many = rows(20)
    one_group = Rows(many.inputs, NAMES, many.ours, np.where(many.ours, many.groups, "r"))
    assert two_sample(one_group) is None


def test_a_group_is_held_out_whole_and_every_fold_has_both_sides():
    given = rows(30)
    fold = module._folds(given.ours, given.groups, np.random.default_rng(5))
    for group in np.unique(given.groups):
        assert len(set(fold[given.groups == group])) == 1
    for k in range(FOLDS):
        assert set(given.ours[fold == k]) == {True, False}


def test_the_same_seed_gives_the_same_result():
    given = rows(12, shift=0.5)
    assert two_sample(given, seed=3) == two_sample(given, seed=3)


def test_the_linear_model_is_the_ridge_of_scikit_learn():
    given = rows(60, shift=0.7)
    x = module._ranked(given.inputs)
    ours = module._linear(x, given.ours, x, 1)
    weights = module._weights(given.ours)
    oracle = LogisticRegression(C=1 / module._RIDGE, tol=1e-10, max_iter=5000)
    oracle.fit(x, given.ours, sample_weight=weights)
    assert ours == pytest.approx(oracle.decision_function(x), abs=1e-4)
