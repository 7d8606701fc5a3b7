"""What may speak of an address: counted from enough, held against a slow reading of each row."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bundle import Bundle
from models.percentiles import N_QUANTILES
from models.standing import SIDES, counted_enough, standing
from tests.generated import cases
from tests.models.world import signal

COLUMNS = ("transfers_in", "senders", "n_transfers")


@st.composite
def asked(draw: st.DrawFn) -> tuple[pl.DataFrame, list[Any]]:
    """Draw a signals frame, some columns missing, and signals that need some of them."""
    height = draw(st.integers(1, 4))
    counts = st.lists(st.none() | st.integers(0, 12), min_size=height, max_size=height)
    there = draw(st.sets(st.sampled_from(COLUMNS)))
    frame = pl.DataFrame({"row": range(height), **{name: draw(counts) for name in sorted(there)}})
    fewest = st.dictionaries(st.sampled_from(COLUMNS), st.integers(2, 12), max_size=2)
    bounds = st.booleans()
    inputs = [
        signal(f"s{k}", fewest=tuple(draw(fewest).items()), lower_bound=draw(bounds))
        for k in range(draw(st.integers(1, 3)))
    ]
    return frame, inputs


@settings(max_examples=cases(100))
@given(asked(), st.data())
def test_only_what_was_counted_from_enough_is_unusual_or_speaks(drawn, data):
    frame, inputs = drawn
    counted = counted_enough(frame, inputs)
    grid = tuple(float(k) for k in range(N_QUANTILES))
    whole = SimpleNamespace(quantiles={one.name: grid for one in inputs})
    bundle = SimpleNamespace(
        facts=SimpleNamespace(population=whole, look_alikes=whole), inputs=inputs
    )
    far = st.sampled_from([-5.0, 50.0, 500.0, float("nan")])
    values = np.array([[data.draw(far) for _ in inputs] for _ in range(frame.height)])
    found = standing(cast(Bundle, bundle), values, counted)
    for row, own in enumerate(frame.to_dicts()):
        for i, one in enumerate(inputs):
            enough = all(
                own.get(column) is not None and own[column] >= least for column, least in one.fewest
            )
            assert counted[row, i] == enough
            side = {-5.0: "low", 500.0: "high"}.get(values[row, i]) if enough else None
            if one.lower_bound and side == "low":
                side = None
            assert SIDES[int(found.unusual[row, i])] == side
            assert found.speaks[row, i] == (enough and (not one.lower_bound or side == "high"))
