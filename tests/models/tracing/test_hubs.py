"""Hubs at a moment, against counting whom each address had met by then."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from features.events import EVENT, Events
from models.tracing.hubs import Hubs

NODES = 6
payments = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=25
)


def events_of(paid: list[tuple[int, int, int]]) -> Events:
    """Return events of (time, sender, receiver), in order of time."""
    table = np.zeros(len(paid), EVENT)
    for event, (time, sender, receiver) in zip(table, sorted(paid), strict=True):
        event["time"], event["sender"], event["receiver"] = time, sender, receiver
    nothing = np.empty(0)
    addresses = pl.DataFrame({"chain": ["tron"] * NODES, "address": list("abcdef")})
    rows = np.arange(len(paid), dtype=np.uint32)
    return Events(table, rows, True, "usd", nothing, nothing, nothing, addresses)


@given(paid=payments, most=st.integers(0, 4), at=st.integers(0, 9))
def test_a_hub_is_who_had_met_more_than_the_limit(paid, most, at):
    hubs = Hubs(events_of(paid))
    met: dict[int, set[int]] = {code: set() for code in range(NODES)}
    for time, sender, receiver in paid:
        if time < at:
            met[sender].add(receiver)
            met[receiver].add(sender)
    expected = [code for code in range(NODES) if len(met[code]) > most]
    for _ in range(2):  # found once, asked again
        assert hubs.among(np.arange(NODES), most, at).tolist() == expected
    assert hubs.among(np.array([5, 0]), most, at).tolist() == [c for c in (5, 0) if c in expected]
