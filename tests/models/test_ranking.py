"""Ranks of scores in parts: held to one sort of all rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ranking import KEY, Ranking

DAY = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "chain": pl.String,
    "address": pl.String,
    "as_of": pl.Datetime("us", "UTC"),
    "log_odds": pl.Float64,
}
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ethereum", "tron"]),
        st.sampled_from(["T1", "T2", "Tä", "t1"]),
        st.integers(0, 2).map(lambda days: DAY + timedelta(days=days)),
        st.sampled_from([None, -2.5, -0.0, 0.0, 1.25]),
    ),
    max_size=24,
)


def in_parts(rows: list[tuple], size: int) -> list[pl.DataFrame]:
    whole = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return list(whole.iter_slices(size)) or [whole]


def by_one_sort(rows: list[tuple]) -> list[int]:
    scored = [(-row[3], *row[:3], at) for at, row in enumerate(rows) if row[3] is not None]
    ranks = [0] * len(rows)
    for rank, (*_, at) in enumerate(sorted(scored), 1):
        ranks[at] = rank
    return ranks


@pytest.mark.parametrize("size", [1, 4, 24])
@given(rows=ROWS, in_order=st.booleans())
def test_ranks_are_those_of_one_sort(size, rows, in_order):
    if in_order:
        rows = sorted(rows, key=lambda row: row[:3])
    parts, ranking = in_parts(rows, size), Ranking()
    for part in parts:
        ranking.add(part)

    def again() -> Iterator[pl.DataFrame]:
        assert not in_order, "names are looked up again"
        yield from (part.select(KEY) for part in parts)

    assert ranking.ranks(again).tolist() == by_one_sort(rows)


def test_nobody_has_no_rank():
    assert Ranking().ranks(list).tolist() == []
    ranking = Ranking()
    ranking.add(pl.DataFrame(schema=SCHEMA))
    assert ranking.ranks(list).tolist() == []
