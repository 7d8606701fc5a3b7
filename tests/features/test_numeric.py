"""Medians and distinct counts against the standard library, on short, long and awkward runs."""

from __future__ import annotations

from statistics import median as plain_median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.numeric import distinct, median_in_place, weighted_median_in_place
from features.working import ALIGNED, NO_ROOM, carved, carved_rows
from tests.generated import cases

FEW, MANY = st.integers(-3, 3), st.integers(-(2**50), 2**50)


@pytest.mark.parametrize("kind", [np.int64, np.float64])
@settings(max_examples=cases(100), deadline=None)
@given(values=st.lists(FEW | MANY, min_size=1, max_size=400) | st.lists(FEW, min_size=60))
def test_the_median_is_the_standard_librarys(kind, values):
    numbers = np.array(values, dtype=kind)
    assert median_in_place(numbers) == plain_median(values)
    assert sorted(numbers.tolist()) == sorted(values)  # reordered at most


@pytest.mark.parametrize("length", [1, 31, 32, 33, 34, 1_000, 20_001, 1_000_000])
@pytest.mark.parametrize("shape", ["rising", "falling", "alike", "organ pipe"])
def test_the_median_of_runs_that_are_hard_on_a_selection(length, shape):
    """A million would take minutes where each pass loses only a few of them."""
    ramp = np.arange(length, dtype=np.int64)
    values = {
        "rising": ramp,
        "falling": ramp[::-1].copy(),
        "alike": np.full(length, 7),
        "organ pipe": np.minimum(ramp, ramp[::-1]),
    }[shape]
    expected = plain_median(values.tolist())
    assert weighted_median_in_place(values.copy(), np.ones(length, np.int64)) == int(expected)
    assert median_in_place(values) == expected


@settings(max_examples=cases(200), deadline=None)
@given(
    weighted=st.lists(st.tuples(FEW | MANY, st.integers(1, 9)), min_size=1, max_size=40)
    | st.lists(st.tuples(FEW, st.just(1) | st.just(2**55)), min_size=40, max_size=100)
)
def test_the_weighted_median_is_the_median_of_values_that_occur_that_often(weighted):
    values, weights = (np.array(numbers, dtype=np.int64) for numbers in zip(*weighted, strict=True))
    found = weighted_median_in_place(values, weights)
    ordered, total, below = sorted(weighted), sum(weight for _, weight in weighted), 0
    for value, weight in ordered:
        below += weight
        if 2 * below >= total:
            assert found == value
            break
    assert sorted(zip(values.tolist(), weights.tolist(), strict=True)) == ordered


@settings(max_examples=cases(100), deadline=None)
@given(values=st.lists(FEW | st.integers(0, 2**31 - 1), max_size=200))
def test_distinct_numbers_are_those_of_a_set(values):
    ids = np.array(values, dtype=np.int32)
    for room in (NO_ROOM, np.full(1 << 12, 3, np.uint8)):
        assert distinct(ids, room) == len(set(values))
    assert ids.tolist() == values


@settings(max_examples=cases(50), deadline=None)
@given(sizes=st.lists(st.integers(0, 100), max_size=8), room=st.integers(0, 4_000))
def test_working_arrays_do_not_overlap_and_are_taken_anew_where_there_is_no_room(sizes, room):
    kinds = (np.int8, np.int32, np.int64, np.float64, np.bool_, np.float32)
    brought = np.zeros(room, np.uint8)
    left, arrays = brought, []
    for k, size in enumerate(sizes):
        kind = kinds[k % len(kinds)]
        array, after = carved(left, size, kind)
        needed = -(-array.nbytes // ALIGNED) * ALIGNED
        fits = needed <= len(left)
        assert (len(array), array.dtype) == (size, kind)
        assert len(after) == len(left) - needed * fits
        assert np.shares_memory(array, brought) == (fits and size > 0)
        arrays.append(array)
        left = after
    for k, array in enumerate(arrays):
        array[:] = k % 2
    assert all((array == k % 2).all() for k, array in enumerate(arrays))
    rows, rest = carved_rows(np.zeros(1_000, np.uint8), 3, 10)
    assert (rows.shape, rows.dtype, len(rest)) == ((3, 10), np.int64, 1_000 - 256)
