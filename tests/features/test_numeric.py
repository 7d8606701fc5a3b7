"""Medians and distinct counts against the standard library, on short, long and awkward runs."""

from __future__ import annotations

from statistics import median as plain_median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.numeric import distinct, median, median_in_place
from tests.generated import cases

FEW, MANY = st.integers(-3, 3), st.integers(-(2**50), 2**50)


@pytest.mark.parametrize("kind", [np.int64, np.float64])
@settings(max_examples=cases(100), deadline=None)
@given(values=st.lists(FEW | MANY, min_size=1, max_size=400) | st.lists(FEW, min_size=60))
def test_the_median_is_the_standard_librarys(kind, values):
    numbers = np.array(values, dtype=kind)
    assert median(numbers) == plain_median(values)
    assert numbers.tolist() == values  # the copying one leaves them as they are
    assert median_in_place(numbers) == plain_median(values)
    assert sorted(numbers.tolist()) == sorted(values)  # reordered at most


@pytest.mark.parametrize("length", [1, 31, 32, 33, 34, 1_000, 20_001])
@pytest.mark.parametrize("shape", ["rising", "falling", "alike", "organ pipe"])
def test_the_median_of_runs_that_are_hard_on_a_selection(length, shape):
    ramp = np.arange(length, dtype=np.int64)
    values = {
        "rising": ramp,
        "falling": ramp[::-1].copy(),
        "alike": np.full(length, 7),
        "organ pipe": np.minimum(ramp, ramp[::-1]),
    }[shape]
    assert median(values) == plain_median(values.tolist())


@settings(max_examples=cases(100), deadline=None)
@given(values=st.lists(FEW | st.integers(0, 2**31 - 1), max_size=200))
def test_distinct_numbers_are_those_of_a_set(values):
    assert distinct(np.array(values, dtype=np.int32)) == len(set(values))
