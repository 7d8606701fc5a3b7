"""A table written in parts: the same file, no waiting for a writer that has failed."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import storage
from data.content_hash import ContentHash, content_hash
from data.parquet_parts import ParquetParts
from data.storage import write_parquet
from tests.generated import cases

ROWS = 1_000


def table() -> pl.DataFrame:
    numbers = pl.int_range(ROWS, eager=True)
    return pl.DataFrame(
        {
            "x": numbers / 7,
            "half": pl.select(pl.when(numbers % 3 > 0).then(numbers)).to_series(),
            "text": numbers.cast(pl.String),
            "kind": (numbers % 4).cast(pl.String),
            "empty": pl.Series([None] * ROWS, dtype=pl.Float64),
        }
    )


@settings(deadline=None, max_examples=cases(25))
@given(st.lists(st.integers(0, ROWS), max_size=6), st.sampled_from([64, 256, 1 << 18]))
def test_the_file_is_the_same_whatever_the_parts(cuts: list[int], group: int) -> None:
    whole, bounds = table(), sorted({0, *cuts, ROWS})
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        patch.setattr(storage, "ROW_GROUP_ROWS", group)
        write_parquet(whole, folder / "whole.parquet")
        with ParquetParts(folder / "parts.parquet", whole.schema) as file:
            for a, b in pairwise(bounds):
                file.write(whole[a:b])
        parts, at_once = ((folder / f"{n}.parquet").read_bytes() for n in ("parts", "whole"))
    assert parts == at_once


def test_no_rows_are_a_table_too(tmp_path: Path) -> None:
    none = table().clear()
    with ParquetParts(tmp_path / "t.parquet", none.schema) as file:
        file.write(none)
    assert pl.read_parquet(tmp_path / "t.parquet").equals(none)


def written(path: Path, parts: Iterable[pl.DataFrame]) -> None:
    with ParquetParts(path, table().schema) as file:
        for part in parts:
            file.write(part)


def interrupted() -> Iterator[pl.DataFrame]:
    yield table()
    raise KeyboardInterrupt


def test_a_failure_of_the_disk_is_told_to_who_writes(tmp_path: Path) -> None:
    more_than_may_wait = [table()] * 50  # a writer that has failed must not be waited for
    with pytest.raises((OSError, pl.exceptions.PolarsError)):
        written(tmp_path / "missing" / "t.parquet", more_than_may_wait)


def test_a_failure_while_parts_are_made_ends_the_writer(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path / "t.parquet", interrupted())
    assert threading.active_count() == before


@settings(deadline=None, max_examples=cases(25))
@given(st.lists(st.integers(0, ROWS), max_size=6))
def test_the_hash_of_the_content_is_the_same_whatever_the_parts(cuts: list[int]) -> None:
    whole, bounds = table(), sorted({0, *cuts, ROWS})
    growing = ContentHash()
    for a, b in pairwise(bounds):
        growing.add(whole[a:b])
    assert growing.hexdigest() == content_hash(whole)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.with_columns(pl.col("half").fill_null(0)),
        lambda t: t.with_columns(x=pl.col("x").shift(1)),
        lambda t: t.rename({"x": "y"}),
        lambda t: t.with_columns(pl.col("text").str.replace("1", "11")),
        lambda t: t[:-1],
    ],
)
def test_the_hash_sees_a_change_in_any_part(change) -> None:
    growing = ContentHash()
    for part in change(table()).iter_slices(300):
        growing.add(part)
    assert growing.hexdigest() != content_hash(table())
