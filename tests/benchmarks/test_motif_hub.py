"""The hub that the benchmark of motifs adds: so many transfers, and nothing else is changed."""

from __future__ import annotations

import polars as pl
from polars.testing import assert_frame_equal

from benchmarks.motifs import with_hub

TABLE = pl.DataFrame(
    {
        "sender": [0, 1, 2, 0],
        "receiver": [1, 2, 3, 3],
        "block_time": [10, 20, 30, 40],
        "usd_micros": [5, 6, 7, 8],
    }
)


def test_a_hub_is_one_address_more_with_so_many_transfers():
    found = with_hub(TABLE, 50)
    pays, paid = pl.col("sender") == 4, pl.col("receiver") == 4
    assert_frame_equal(found.filter(~pays & ~paid), TABLE)
    assert found.filter(pays & paid).is_empty()
    assert found.filter(pays).height + found.filter(paid).height == 50
    assert min(found.filter(pays).height, found.filter(paid).height) > 10
    assert found["block_time"].is_sorted()
    whole = TABLE.select("block_time", "usd_micros").rows()
    assert set(found.select("block_time", "usd_micros").rows()) <= {*whole}


def test_without_a_hub_the_table_is_as_it_was():
    assert_frame_equal(with_hub(TABLE, 0), TABLE)
