"""Tabulated TreeSHAP gives what LightGBM gives, and what Shapley's formula says, on every row."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from itertools import combinations

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.leaf_groups import MOST, groups, ways
from models.shapley_tables import LARGEST
from models.tree_text import NEARLY_ZERO, read_trees
from models.treeshap import TreeShap

QUIET = {"verbosity": -1, "num_threads": 1, "deterministic": True, "min_data_in_bin": 1}
ODD = [0.0, -0.0, NEARLY_ZERO, -NEARLY_ZERO, 1.1 * NEARLY_ZERO, 1e-36, -1e-34, 5e-324,
       math.nan, math.inf, -math.inf, 1e308, -1e308, 1.0000000180025095e-35]  # fmt: skip


def material(seed, rows=300, features=4, missing=0.15, levels=0):
    """Return inputs and a target with interactions; `levels` makes few distinct values."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, features))
    if levels:
        inputs = np.round(inputs * levels) / levels
    known = np.nan_to_num(inputs)
    target = known[:, 0] * known[:, -1] + np.sin(2 * known).sum(axis=1)
    target += random.normal(size=rows) / 4
    inputs[random.random(inputs.shape) < missing] = np.nan
    return inputs, target


def grown(inputs, target, rounds=5, categories="auto", **options):
    parameters = {"objective": "regression", "min_data_in_leaf": 3, "learning_rate": 0.3,
                  "max_depth": 4, "num_leaves": 15, **QUIET, **options}  # fmt: skip
    data = lightgbm.Dataset(inputs, target, params=parameters, categorical_feature=categories)
    return lightgbm.train(parameters, data, num_boost_round=rounds)


def trees_of(booster):
    trees = read_trees(booster.model_to_string())
    assert trees is not None
    return trees


def tabulated(booster):
    found = TreeShap(booster).tabulated
    assert found is not None
    return found


def trying(inputs, booster, seed=0):
    """Return rows to try: some of training, odd numbers, thresholds and their neighbours."""
    random = np.random.default_rng(seed)
    thresholds = [t for tree in trees_of(booster) for t in tree.threshold]
    near = [np.nextafter(t, way) for t in thresholds for way in (-np.inf, np.inf)]
    values = np.array([*ODD, *thresholds, *near])
    return np.vstack([inputs[:40], random.choice(values, (150, inputs.shape[1]))])


def expected(booster, rows):
    return booster.predict(rows, pred_contrib=True, num_threads=1)


def agree(booster, rows, tolerance=1e-12):
    shap = TreeShap(booster)
    assert shap.tabulated is not None
    found = shap.contributions(rows)
    np.testing.assert_allclose(found, expected(booster, rows), rtol=0, atol=tolerance)
    raw = booster.predict(rows, raw_score=True)
    np.testing.assert_allclose(found.sum(axis=1), raw, rtol=0, atol=1e-10)


@given(st.data())
def test_equals_lightgbm_on_random_models(data):
    draw = data.draw
    inputs, target = material(
        draw(st.integers(0, 10_000)), rows=draw(st.sampled_from([30, 100, 400])),
        features=draw(st.integers(1, 7)), missing=draw(st.sampled_from([0, 0.02, 0.4])),
        levels=draw(st.sampled_from([0, 1, 3])),
    )  # fmt: skip
    booster = grown(
        inputs, target, rounds=draw(st.integers(1, 12)), max_depth=draw(st.integers(1, MOST)),
        num_leaves=draw(st.sampled_from([2, 5, 15, 63, 200])),
        min_data_in_leaf=draw(st.sampled_from([1, 5])),
        use_missing=draw(st.booleans()), zero_as_missing=draw(st.booleans()),
        bagging_fraction=draw(st.sampled_from([0.5, 1.0])), bagging_freq=1,
        feature_fraction=draw(st.sampled_from([0.4, 1.0])), seed=draw(st.integers(0, 99)),
        extra_trees=draw(st.booleans()), boosting=draw(st.sampled_from(["gbdt", "dart"])),
    )  # fmt: skip
    agree(booster, trying(inputs, booster))


def parts_by_definition(structure, row, features):
    """Return Shapley values of one tree from every subset of its inputs, by recursion."""

    def goes_left(node, x):
        missing = node["missing_type"]
        if math.isnan(x) and missing != "NaN":
            x = 0.0
        if (missing == "NaN" and math.isnan(x)) or (missing == "Zero" and abs(x) <= NEARLY_ZERO):
            return node["default_left"]
        return x <= node["threshold"]

    def rows_of(node):
        return node["leaf_count"] if "leaf_index" in node else node["internal_count"]

    def worth(node, known):
        if "split_feature" not in node:
            return node["leaf_value"]
        sides = node["left_child"], node["right_child"]
        feature = node["split_feature"]
        if feature in known:
            return worth(sides[0] if goes_left(node, row[feature]) else sides[1], known)
        return sum(rows_of(side) / rows_of(node) * worth(side, known) for side in sides)

    parts = []
    for feature in range(features):
        others = [f for f in range(features) if f != feature]
        total = 0.0
        for size in range(features):
            weight = 1 / (features * math.comb(features - 1, size))
            for known in map(set, combinations(others, size)):
                gain = worth(structure, known | {feature}) - worth(structure, known)
                total += weight * gain
        parts.append(total)
    return [*parts, worth(structure, set())]


@pytest.mark.parametrize(
    "options", [{}, {"zero_as_missing": True}, {"use_missing": False}, {"max_depth": 6}]
)
@settings(max_examples=3)
@given(seed=st.integers(0, 10_000))
def test_equals_the_definition(options, seed):
    inputs, target = material(seed, rows=120, features=4, levels=2)
    booster = grown(inputs, target, rounds=2, **options)
    trees = booster.dump_model()["tree_info"]
    rows = trying(inputs, booster, seed)[30:50]
    found = TreeShap(booster).contributions(rows)
    for row, parts in zip(np.where(np.abs(rows) <= NEARLY_ZERO, 0.0, rows), found, strict=True):
        per_tree = [parts_by_definition(tree["tree_structure"], row, 4) for tree in trees]
        np.testing.assert_allclose(parts, np.sum(per_tree, axis=0), rtol=0, atol=1e-12)


def test_an_input_that_is_asked_again_and_again():
    inputs, target = material(3, features=1)
    booster = grown(inputs, target, max_depth=8, num_leaves=100, min_data_in_leaf=1)
    assert max(len(way) for tree in trees_of(booster) for way in ways(tree) or ()) > 6
    agree(booster, trying(inputs, booster))


def test_more_thresholds_than_a_byte_can_count():
    inputs, target = material(4, rows=6000, features=2, missing=0.05)
    booster = grown(inputs, target, rounds=60, max_bin=2000, max_depth=6, num_leaves=63)
    agree(booster, trying(inputs, booster))
    assert (np.bincount(tabulated(booster).pieces.feature) > 1).all()


def test_an_input_that_no_tree_reads_adds_nothing():
    inputs, target = material(5)
    inputs = np.column_stack([inputs, np.ones(len(inputs))])
    booster = grown(inputs, target)
    agree(booster, trying(inputs, booster))
    assert (TreeShap(booster).contributions(inputs)[:, 4] == 0).all()


def test_trees_of_one_leaf():
    inputs, target = material(6)
    nothing = grown(inputs, np.full(len(inputs), 2.5))
    agree(nothing, inputs)
    some = grown(
        inputs, target, rounds=8, min_gain_to_split=60, bagging_fraction=0.3, bagging_freq=1
    )
    assert {len(tree.feature) for tree in trees_of(some)} == {0, 1}
    agree(some, inputs)


def test_leaves_that_were_drawn_together():
    inputs, target = material(7)
    booster = grown(inputs, target)
    booster.set_leaf_output(1, 0, -4.25)
    agree(booster, trying(inputs, booster))


def test_a_model_that_stopped_early():
    inputs, target = material(8)
    data = lightgbm.Dataset(inputs, label=target)
    booster = lightgbm.train(
        {"objective": "regression", "max_depth": 4, **QUIET}, data, 40,
        valid_sets=[lightgbm.Dataset(inputs[:50], label=-target[:50], reference=data)],
        callbacks=[lightgbm.early_stopping(2, verbose=False)], keep_training_booster=True,
    )  # fmt: skip
    assert booster.best_iteration < booster.current_iteration()
    agree(booster, inputs)


def deep():
    inputs, target = material(9, rows=2000)
    return grown(inputs, target, max_depth=9, num_leaves=300, min_data_in_leaf=1), inputs


def chain():
    """A tree so deep that nothing recursive would survive it."""
    inputs = np.arange(3000.0)[:, None]
    target = np.exp(inputs[:, 0] / 20 - 150)
    options = {"max_depth": -1, "num_leaves": 1500, "max_bin": 4000, "min_data_in_leaf": 1}
    return grown(inputs, target, rounds=1, min_sum_hessian_in_leaf=0, **options), inputs[::100]


def categorical():
    inputs, target = material(10, missing=0)
    inputs[:, 0] = np.arange(len(inputs)) % 7
    return grown(inputs, target + inputs[:, 0] % 3, categories=[0]), inputs


def three_classes():
    inputs, target = material(11)
    ranks = np.digitize(target, np.quantile(target, [1 / 3, 2 / 3]))
    return grown(inputs, ranks, objective="multiclass", num_class=3), inputs


def forest():
    inputs, target = material(12)
    return grown(inputs, target, boosting="rf", bagging_freq=1, bagging_fraction=0.5), inputs


def unreached():
    """A node whose count says that no row came by."""
    inputs, target = material(13)
    text = grown(inputs, target).model_to_string()
    assert text.count("leaf_count=") > 1
    text = re.sub(r"leaf_count=\d+", "leaf_count=0", text, count=1)
    text = re.sub(r"tree_sizes=.*\n", "", text)
    return lightgbm.Booster(model_str=text), inputs


@pytest.mark.parametrize(
    "model", [deep, chain, categorical, three_classes, forest, unreached], ids=lambda m: m.__name__
)
def test_what_does_not_fit_is_given_to_lightgbm(model):
    booster, rows = model()
    shap = TreeShap(booster)
    assert shap.tabulated is None
    np.testing.assert_array_equal(shap.contributions(rows), expected(booster, rows))


def test_linear_leaves_are_given_to_lightgbm_which_refuses():
    inputs, target = material(14, missing=0)
    booster = grown(inputs, target, linear_tree=True)
    shap = TreeShap(booster)
    assert shap.tabulated is None
    with pytest.raises(lightgbm.basic.LightGBMError):
        expected(booster, inputs)
    with pytest.raises(lightgbm.basic.LightGBMError):
        shap.contributions(inputs)


def test_beyond_the_cap_lightgbm_computes():
    inputs, target = material(15)
    booster = grown(inputs, target)
    size = tabulated(booster).tables.lines.nbytes
    assert 0 < size < LARGEST
    assert TreeShap(booster, largest=size).tabulated is not None
    small = TreeShap(booster, largest=size - 1)
    assert small.tabulated is None
    np.testing.assert_array_equal(small.contributions(inputs), expected(booster, inputs))


def test_threads_blocks_and_company_change_no_bit(monkeypatch):
    inputs, target = material(16, rows=5000)
    booster = grown(inputs, target, rounds=30, max_depth=6, num_leaves=63)
    shap = TreeShap(booster)
    once = shap.contributions(inputs)
    for threads in (2, 3, 8):
        assert np.array_equal(shap.contributions(inputs, threads=threads), once)
    for row in (0, 1, 63, 64, 4999):
        assert np.array_equal(shap.contributions(inputs[row : row + 1]), once[row : row + 1])
    assert np.array_equal(shap.contributions(inputs[::-1]), once[::-1])
    assert np.array_equal(shap.contributions(np.asfortranarray(inputs)), once)
    for block in (64, 192, 8192):
        monkeypatch.setattr("models.treeshap.BLOCK", block)
        assert np.array_equal(shap.contributions(inputs, threads=2), once)
    again = TreeShap(lightgbm.Booster(model_str=booster.model_to_string()))
    assert np.array_equal(again.contributions(inputs), once)


def test_no_rows_and_other_numbers():
    inputs, target = material(17, missing=0)
    booster = grown(inputs, target)
    shap = TreeShap(booster)
    assert shap.contributions(inputs[:0]).shape == (0, 5)
    single = inputs.astype(np.float32)
    np.testing.assert_allclose(shap.contributions(single), expected(booster, single), atol=1e-12)
    np.testing.assert_allclose(
        shap.contributions(np.ones((2, 4), dtype=int)), expected(booster, np.ones((2, 4)))
    )


@pytest.mark.parametrize("shape", [(3, 3), (3, 5), (4,), (2, 2, 4)])
def test_other_inputs_are_refused(shape):
    inputs, target = material(18)
    with pytest.raises(ValueError, match=r"expected rows of 4 inputs, got the shape \("):
        TreeShap(grown(inputs, target)).contributions(np.zeros(shape))


@pytest.mark.parametrize("depth", range(1, MOST + 1))
def test_groups_hold_every_leaf_once_and_ask_few_questions(depth):
    inputs, target = material(19, rows=1500)
    booster = grown(inputs, target, max_depth=depth, num_leaves=2**depth, min_data_in_leaf=1)
    for tree in trees_of(booster):
        shared = groups(tree)
        assert sorted(leaf for group in shared for leaf in group.leaves) == [
            *range(len(tree.leaf_value))
        ]
        leading = ways(tree)
        assert leading is not None
        for group in shared:
            asked = {step.node for leaf in group.leaves for step in leading[leaf]}
            assert sorted(asked) == list(group.nodes)
            assert len(asked) <= MOST


def test_full_trees_make_few_groups():
    inputs, target = material(20, rows=4000, features=8)
    for depth, most in ((3, 1), (4, 2), (5, 8), (6, 16)):
        booster = grown(inputs, target, max_depth=depth, num_leaves=2**depth, min_data_in_leaf=1)
        for tree in trees_of(booster):
            assert len(groups(tree)) <= most


_ON_ANOTHER = """
import sys
import numpy as np
from lightgbm import Booster
from models.treeshap import TreeShap
rows = np.load(sys.argv[1] + "/rows.npy")
shap = TreeShap(Booster(model_file=sys.argv[1] + "/m.txt"))
np.save(sys.argv[1] + "/found.npy", shap.contributions(rows))
"""


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["generic", "host"])
def test_processors_without_wide_registers_give_the_same_bits(processor, tmp_path, repository):
    inputs, target = material(21, rows=1000, features=9)
    booster = grown(inputs, target, rounds=20, max_depth=6, num_leaves=63)
    booster.save_model(tmp_path / "m.txt")
    np.save(tmp_path / "rows.npy", inputs)
    other = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""} if processor != "host" else {}
    subprocess.run(
        [sys.executable, "-c", _ON_ANOTHER, str(tmp_path)], check=True,
        env={**os.environ, **other, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(repository)},
    )  # fmt: skip
    found = np.load(tmp_path / "found.npy")
    assert np.array_equal(found, TreeShap(booster).contributions(inputs))
