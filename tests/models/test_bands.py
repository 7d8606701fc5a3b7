"""Bands keep their false-positive rate, and are not given out where it cannot be shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bands import FALSE_POSITIVE_RATES, bands, from_negatives


@given(st.integers(200, 1500), st.integers(1, 400), st.integers(0, 1000))
def test_rates_are_kept_with_the_lowest_threshold_that_keeps_them(n, distinct, seed):
    negatives = np.random.default_rng(seed).integers(0, distinct, n).astype(float)
    for band, least in from_negatives(negatives).items():
        rate = FALSE_POSITIVE_RATES[band]
        assert (least is None) == (n * rate < 10)
        if least is not None:
            assert (negatives >= least).mean() <= rate
            lower = np.nextafter(least, -np.inf)
            assert (negatives >= lower).mean() > rate


@pytest.mark.parametrize("n,given_out", [(199, []), (200, ["medium"]), (1000, ["medium", "high"])])
def test_a_rate_needs_ten_divided_by_it(n, given_out):
    found = from_negatives(np.arange(float(n)))
    assert [band for band, least in found.items() if least is not None] == given_out


def test_without_severe_the_next_lower_band_is_given():
    thresholds = {"medium": 0.0, "high": 1.0, "severe": None}
    found = bands(np.array([-1.0, 0.0, 0.5, 1.0, 9.0]), thresholds)
    assert found == ["below_review", "medium", "medium", "high", "high"]


def test_without_medium_there_is_no_band_at_all():
    nothing = {"medium": None, "high": None, "severe": None}
    assert bands(np.array([-9.0, 9.0]), nothing) == [None, None]
