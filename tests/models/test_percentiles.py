"""Percentiles never claim more than the population holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.percentiles import population, quantiles, share_above, share_below

values = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=300)


@given(values, st.integers(-25, 25))
def test_shares_are_true_of_the_population_and_close(population_values, value):
    held = np.array(population_values)
    grid = quantiles(held)
    assert grid is not None
    below, above = (held < value).mean(), (held > value).mean()
    assert below - 0.02 <= share_below(grid, value) <= below + 1e-12
    assert above - 0.02 <= share_above(grid, value) <= above + 1e-12


@given(values)
def test_quantiles_are_numpys_inverted_distribution_function(population_values):
    held = np.array(population_values)
    expected = np.quantile(held, [j / 100 for j in range(101)], method="inverted_cdf")
    found = np.array(quantiles(held))
    # numpy's own j / 100 * n may land a hair above a whole number; allow the neighbour there.
    different = found != expected
    assert found[0] == held.min()
    assert found[-1] == held.max()
    for j in np.flatnonzero(different):
        assert (j * len(held)) % 100 == 0


def test_a_population_counts_defined_values():
    inputs = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, np.nan]])
    found = population("training addresses", "2024-05-01", inputs, ["a", "b"])
    assert (found.n, found.defined) == (3, {"a": 2, "b": 0})
    assert found.quantiles["b"] is None
    assert found.below("b", 1.0) is None
    assert found.above("b", 1.0) is None
    assert found.below("a", 9.0) == pytest.approx(0.99, abs=0.011)
