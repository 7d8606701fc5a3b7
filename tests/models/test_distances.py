"""Distances against plain Python and SciPy, and what their intervals and baselines are worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from models.distances import Sample, distanced, kolmogorov_smirnov, wasserstein
from tests.generated import cases

VALUES = st.lists(st.integers(-5, 5).map(float) | st.floats(-3, 3), min_size=1, max_size=30)


@given(VALUES, VALUES)
@settings(max_examples=cases(100), deadline=None)
def test_distances_agree_with_the_definition_and_with_scipy(one, other):
    a, b = np.array(one), np.array(other)
    widest = max(
        abs(sum(v <= at for v in one) / len(one) - sum(v <= at for v in other) / len(other))
        for at in (*one, *other)
    )
    assert kolmogorov_smirnov(a, b) == pytest.approx(widest, abs=1e-12)
    assert wasserstein(a, b) == pytest.approx(oracle.wasserstein_distance(a, b), abs=1e-9)


def sample(n: int, shift: float, seed: int, per_group: int = 1) -> Sample:
    values = np.random.default_rng(seed).normal(shift, 1.0, n)
    return Sample.of(values, np.arange(n) // per_group)


def test_a_shift_is_seen_beyond_what_halves_differ_by():
    moved = distanced(wasserstein, sample(300, 1.0, 1), sample(300, 0.0, 2))
    assert moved.low < moved.value < moved.high
    assert moved.value == pytest.approx(1.0, abs=0.2)
    assert moved.low > moved.halves
    same = distanced(kolmogorov_smirnov, sample(300, 0.0, 1), sample(300, 0.0, 2))
    assert same.value < 2 * same.halves


def test_linked_wallets_make_the_interval_wider():
    each = np.random.default_rng(3).normal(size=30)
    values, other = np.repeat(each, 10), sample(300, 0.0, 4)
    alone = distanced(wasserstein, Sample.of(values, np.arange(300)), other)
    linked = distanced(wasserstein, Sample.of(values, np.arange(300) // 10), other)
    assert linked.high - linked.low > 1.5 * (alone.high - alone.low)


def test_a_side_without_values_has_no_distance():
    empty = Sample.of(np.array([math.nan, math.nan]), np.array(["a", "b"]))
    assert math.isnan(distanced(wasserstein, empty, sample(5, 0.0, 1)).value)
    few = distanced(wasserstein, sample(5, 0.0, 1), sample(3, 0.0, 2))
    assert not math.isnan(few.value)
    assert math.isnan(few.halves)


def test_the_same_seed_gives_the_same_interval():
    one, other = sample(40, 0.3, 1), sample(40, 0.0, 2)
    assert distanced(wasserstein, one, other) == distanced(wasserstein, one, other)
    assert distanced(wasserstein, one, other, seed=2).low != distanced(wasserstein, one, other).low
