"""Tables in blocks, compared with a look at every row; and damage, which is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import blocks
from data.blocks import Blocks, BlockWriter, directory_of
from data.errors import Refused
from tests.generated import cases

KEYS = st.lists(st.integers(-3, 30), max_size=60).map(sorted)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("blocks")


def written(path: Path, keys: list[int], cuts: list[int]) -> pl.DataFrame:
    """Write a table in parts that part no key."""
    table = pl.DataFrame(
        {"k": keys, "x": [f"row {n}" for n in range(len(keys))]},
        schema={"k": pl.Int64, "x": pl.String},
    )
    with BlockWriter(path, "k") as file:
        file.write(table.clear())
        before = -10
        for cut in [*sorted(cuts), 100]:
            file.write(table.filter(pl.col("k").is_between(before, cut, closed="left")))
            before = cut
    return table


@settings(max_examples=cases(60))
@given(
    keys=KEYS,
    asked=st.lists(st.integers(-5, 33), max_size=8),
    cuts=st.lists(st.integers(-3, 30), max_size=3, unique=True),
    size=st.sampled_from([1, 2, 7, 1000]),
    most=st.sampled_from([1, 5, 1000]),
)
def test_some_keys_are_read_as_if_the_whole_table_were(folder, keys, asked, cuts, size, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_ROWS", size)
        patch.setattr(blocks, "_MOST_ROWS", most)
        table = written(folder / "t.blocks", keys, cuts)
    found = Blocks(folder / "t.blocks", "k")
    assert found.read(np.array(asked, np.int64)).equals(table.filter(pl.col("k").is_in(asked)))
    told = found.of(np.array(asked, np.int64))
    assert told["rows"].sum() >= sum(keys.count(key) for key in set(asked))
    assert found.read_bytes >= told["size"].sum()
    assert found.size == (folder / "t.blocks").stat().st_size
    if size == 1 and most > 60:  # as many blocks as keys, and none is read for nothing
        assert told.height == len(set(keys) & set(asked))


def test_a_block_that_was_changed_is_refused_and_others_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 2)
    written(tmp_path / "t.blocks", list(range(40)), [])
    last = pl.read_parquet(directory_of(tmp_path / "t.blocks"))[-1]
    whole = bytearray((tmp_path / "t.blocks").read_bytes())
    whole[last["offset"].item() + last["size"].item() // 2] ^= 1
    (tmp_path / "t.blocks").write_bytes(whole)
    found = Blocks(tmp_path / "t.blocks", "k")
    assert found.read(np.array([3]))["x"].to_list() == ["row 3"]
    with pytest.raises(Refused, match="the hash of a block differs"):
        found.read(np.array([39]))
    (tmp_path / "t.blocks").write_bytes(whole[: last["offset"].item()])
    with pytest.raises(Refused, match="the hash of a block differs"):
        Blocks(tmp_path / "t.blocks", "k").read(np.array([39]))


def test_a_file_that_is_gone_is_refused(tmp_path):
    with pytest.raises(Refused, match="is missing"):
        Blocks(tmp_path / "t.blocks", "k")
