"""Sharing out a change, against the definition by orders and the textbook's sum over subsets."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attribution import share_out
from tests.generated import cases

NUMBERS = st.floats(-50, 50, allow_nan=False).map(lambda x: round(x, 6))


@st.composite
def tables(draw, *, gaps: bool):
    """Draw the values of all combinations of up to four causes, for a few rows."""
    causes, rows = draw(st.integers(0, 4)), draw(st.integers(1, 4))
    cell = st.none() | NUMBERS if gaps else NUMBERS
    drawn = [draw(st.lists(cell, min_size=rows, max_size=rows)) for _ in range(1 << causes)]
    return np.array([[math.nan if x is None else x for x in row] for row in drawn])


def by_permutations(column: list[float]) -> tuple[list[Fraction], int]:
    """Walk every order of the causes by hand; return the mean steps and the orders walked."""
    n = len(column).bit_length() - 1
    steps = [Fraction(0)] * n
    walked = 0
    for order in permutations(range(n)):
        have: set[int] = set()
        path = [column[0]]
        for cause in order:
            have.add(cause)
            path.append(column[sum(1 << i for i in have)])
        if any(math.isnan(x) for x in path):
            continue
        walked += 1
        for cause, before, after in zip(order, path, path[1:], strict=False):
            steps[cause] += Fraction(after) - Fraction(before)
    return [step / walked for step in steps] if walked else [], walked


def by_subsets(column: list[float]) -> list[Fraction]:
    """Shapley's value as the textbook has it: a weighted sum over the subsets without a cause."""
    n = len(column).bit_length() - 1
    values = []
    for cause in range(n):
        others = [i for i in range(n) if i != cause]
        value = Fraction(0)
        for size in range(n):
            weight = Fraction(
                math.factorial(size) * math.factorial(n - size - 1), math.factorial(n)
            )
            for subset in combinations(others, size):
                at = sum(1 << i for i in subset)
                value += weight * (Fraction(column[at | 1 << cause]) - Fraction(column[at]))
        values.append(value)
    return values


@settings(max_examples=cases(300), deadline=None)
@given(tables(gaps=False))
def test_it_is_shapleys_value(table):
    shares = share_out(table)
    for row in range(table.shape[1]):
        column = table[:, row].tolist()
        expected = by_subsets(column)
        assert by_permutations(column)[0] == expected
        assert shares.parts[:, row] == pytest.approx([float(x) for x in expected], abs=1e-9)
        assert math.fsum(shares.parts[:, row]) == pytest.approx(column[-1] - column[0], abs=1e-9)
        assert shares.orders[row] == math.factorial(len(expected))


@settings(max_examples=cases(300), deadline=None)
@given(tables(gaps=True))
def test_orders_that_pass_a_gap_are_left_out(table):
    shares = share_out(table, ~np.isnan(table))
    for row in range(table.shape[1]):
        column = table[:, row].tolist()
        expected, walked = by_permutations(column)
        assert shares.orders[row] == walked
        if walked:
            assert shares.parts[:, row] == pytest.approx([float(x) for x in expected], abs=1e-9)
            assert math.fsum(shares.parts[:, row]) == pytest.approx(
                column[-1] - column[0], abs=1e-9
            )
        else:
            assert np.isnan(shares.parts[:, row]).all()


@settings(max_examples=cases(200), deadline=None)
@given(tables(gaps=False), st.integers(0, 3))
def test_a_cause_that_changes_nothing_gets_exactly_nothing(table, cause):
    n = len(table).bit_length() - 1
    if cause >= n:
        return
    idle = table[[at & ~(1 << cause) for at in range(len(table))]]
    shares = share_out(idle)
    assert (shares.parts[cause] == 0).all()
    rest = share_out(table[[at for at in range(len(table)) if not at >> cause & 1]])
    others = [i for i in range(n) if i != cause]
    assert shares.parts[others] == pytest.approx(rest.parts, abs=1e-9)


@settings(max_examples=cases(100), deadline=None)
@given(tables(gaps=False), st.randoms(use_true_random=False))
def test_the_numbering_of_the_causes_says_nothing(table, random):
    n = len(table).bit_length() - 1
    order = list(range(n))
    random.shuffle(order)
    moved = [sum(1 << order[i] for i in range(n) if at >> i & 1) for at in range(len(table))]
    assert share_out(table[moved]).parts == pytest.approx(share_out(table).parts[order], abs=1e-9)


def test_parts_by_signal_sum_both_ways():
    random = np.random.default_rng(3)
    values = random.normal(size=(8, 20, 12))
    by_signal, whole = share_out(values), share_out(values.sum(axis=2))
    assert by_signal.parts.sum(axis=2) == pytest.approx(whole.parts, abs=1e-12)
    assert by_signal.parts.sum(axis=0) == pytest.approx(values[-1] - values[0], abs=1e-12)


def test_tables_that_are_no_combinations_are_a_mistake():
    with pytest.raises(ValueError, match="power of two"):
        share_out(np.zeros((3, 1)))


def test_what_does_not_sum_is_never_shown():
    with pytest.raises(ArithmeticError, match="miss the change"):
        share_out(np.array([[0.0], [1e300], [-1e300], [1.0]]))
