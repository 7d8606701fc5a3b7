"""A directory of addresses finds what a plain dictionary finds."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.alerting.directory import Directory
from tests.generated import cases

PAIRS = st.lists(
    st.tuples(st.sampled_from(["tron", "bsc", ""]), st.text(max_size=3)), max_size=12, unique=True
)


@settings(max_examples=cases(100), deadline=None)
@given(first=PAIRS, second=PAIRS, asked=PAIRS)
def test_codes_are_the_places_in_the_table(first, second, asked):
    directory = Directory()
    for pairs in (first, second, first):
        names = {"chain": pl.String(), "address": pl.String()}
        table = pl.DataFrame(pairs, schema=names, orient="row")
        places = {pair: place for place, pair in enumerate(pairs)}
        for wanted in (asked, pairs, asked):
            expected = {pair: places[pair] for pair in wanted if pair in places}
            assert directory.codes(table, wanted) == expected


def test_hashes_that_are_equal_are_told_apart(monkeypatch):
    monkeypatch.setattr(
        "pipelines.alerting.directory._hashed",
        lambda table: pl.zeros(table.height, eager=True).to_numpy(),
    )
    table = pl.DataFrame({"chain": ["bsc"] * 3, "address": ["a", "b", "c"]})
    assert Directory().codes(table, [("bsc", "c"), ("bsc", "a"), ("bsc", "z")]) == {
        ("bsc", "a"): 0,
        ("bsc", "c"): 2,
    }
