"""Moments: one meaning for each accepted spelling, and no guess for the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.moments import read_moment

SECONDS = st.datetimes(datetime(2009, 1, 4), datetime(2099, 12, 30)).map(
    lambda d: d.replace(microsecond=0)
)


@given(SECONDS, st.integers(-12 * 4, 14 * 4))
def test_every_spelling_of_one_moment(naive, quarters):
    moment = naive.replace(tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(minutes=15 * quarters)))
    for text in (
        str(int(moment.timestamp())),
        naive.isoformat(),
        naive.isoformat(" "),
        naive.isoformat() + "Z",
        elsewhere.isoformat(),
    ):
        assert read_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    ["", "today", "05/01/2024", "20240501", "2024-13-01", "2024-05", "1714521600000", "0", "-5",
     "1.5e9", "nan"],
)  # fmt: skip
def test_no_moment(text):
    with pytest.raises(ValueError, match="neither"):
        read_moment(text)


@pytest.mark.parametrize("text", ["2008-12-31", "2100-01-01", "9999999999", "123456789"])
def test_another_unit_or_era(text):
    with pytest.raises(ValueError, match="outside"):
        read_moment(text)
