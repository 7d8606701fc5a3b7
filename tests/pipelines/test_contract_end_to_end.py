"""The contract of every signal from exports to results: what must make no difference makes none.

`tests/features/test_signal_contract.py` holds kernels to it on histories by hand. Here services,
neighbours, other legs and motifs are in force, over all that stands between: importing, matching
copies, coding addresses, the passes. No signal is excused, and values are compared to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.simulation.identities import transaction_ids, transaction_number
from features.catalogue import catalogue
from tests.pipelines.retelling import (
    Desk,
    Telling,
    first_telling,
    fresh_names,
    table_of,
    with_names,
)

pytestmark = pytest.mark.unwatched

KEY = ["chain", "address"]
HOURS = (1, 5, -100_003)


@pytest.fixture(scope="module")
def telling(world) -> Telling:
    return first_telling(world)


@pytest.fixture(scope="module")
def exports(telling) -> pl.DataFrame:
    return telling.exports()


@pytest.fixture(scope="module")
def told(telling, tmp_path_factory) -> Path:
    """The signals of the world as it was first told."""
    return table_of(telling, tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def values(told) -> pl.DataFrame:
    return pl.read_parquet(told)


def same(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """Compare two tables to the bit; fail with the names of the columns that differ, and a row."""
    assert found.columns == expected.columns
    found, expected = found.sort(KEY), expected.sort(KEY)
    differing = [c for c in found.columns if not found[c].equals(expected[c], null_equal=True)]
    shown = {}
    for column in differing:
        at = found[column].ne_missing(expected[column]).arg_true()[:3].to_list()
        shown[column] = [(*expected.select(*KEY, column).row(k), found[column][k]) for k in at]
    assert shown == {}


def test_every_signal_has_a_value_and_one_above_nothing(values):
    names = [signal.name for signal in catalogue().signals]
    assert [name for name in names if values[name].is_null().all()] == []
    assert [name for name in names if not (values[name].drop_nulls() != 0).any()] == []
    assert [name for name in names if values[name].drop_nulls().n_unique() < 2] == []


# --- The order of rows, and copies of them --------------------------------------------------------


def shuffled(rows: pl.DataFrame, desk: Desk) -> None:
    """Two files whose names and rows are in any order."""
    mixed = rows.sample(fraction=1.0, shuffle=True, seed=11)
    cut = mixed.height // 3
    desk.take_in(desk.file("z.parquet", mixed[:cut]), desk.file("a.parquet", mixed[cut:]))


def twice_in_a_file(rows: pl.DataFrame, desk: Desk) -> None:
    desk.take_in(desk.file("exports.parquet", pl.concat([rows, rows.reverse()])))


def twice_as_a_file(rows: pl.DataFrame, desk: Desk) -> None:
    desk.take_in(desk.file("b.parquet", rows), desk.file("a/a.parquet", rows))


def delivered_again(rows: pl.DataFrame, desk: Desk) -> None:
    """A part first, then all, then the part again."""
    part = rows.sample(fraction=0.5, seed=3)
    desk.take_in(desk.file("first.parquet", part))
    desk.take_in(desk.file("second.parquet", rows), append=True)
    desk.take_in(desk.file("third.parquet", part), append=True)


@pytest.mark.parametrize("deliver", [shuffled, twice_in_a_file, twice_as_a_file, delivered_again])
def test_order_and_copies(telling, exports, told, values, tmp_path, deliver: Callable):
    desk = Desk(tmp_path, telling)
    deliver(exports, desk)
    found = desk.signals()
    same(pl.read_parquet(found), values)
    assert found.read_bytes() == told.read_bytes()


# --- Who they are, who else there is, and when it was ---------------------------------------------


def test_other_names(telling, values, tmp_path):
    """Everybody whom no registry names is called otherwise, and sorts elsewhere."""
    names = fresh_names(telling.people(), seed=31)
    found = pl.read_parquet(table_of(telling.renamed(names), tmp_path))
    known_to_all = values.join(telling.services, on=KEY, how="semi").height
    assert found.join(values, on=KEY, how="semi").height == known_to_all < values.height / 5
    back = names.select("chain", old="new", new="old")
    same(with_names(found, back, "address").select(found.columns), values)


def test_strangers(telling, values, tmp_path):
    """The whole world once more beside it, its services included, under names that nobody has.

    Coins that are made or burnt are left out: all of them come from one address, and go to it.
    """
    double = strangers(telling)
    assert not double.covered.join(telling.covered, on=KEY, how="semi").height
    together = Telling(
        pl.concat([double.transfers, telling.transfers]),
        pl.concat([double.covered, telling.covered]),
        telling.services,
        telling.as_of,
    )
    found = pl.read_parquet(table_of(together, tmp_path))
    assert found.height == values.height + double.covered.height
    same(found.join(telling.covered, on=KEY, how="semi"), values)


def strangers(telling: Telling) -> Telling:
    """Return the world as one of other people, in other transactions at the same moments."""
    kept = telling.transfers.filter(~pl.col("kind").is_in(["mint", "burn"]))
    ids = kept.select("chain", old="tx_id").unique().sort("chain", "old")
    numbers = np.array([transaction_number(1, k) for k in range(ids.height)], dtype=np.int64)
    new = transaction_ids(32, numbers, (ids["chain"] == "tron").to_numpy())
    kept = with_names(kept, ids.with_columns(new=pl.Series(new)), "tx_id")
    paid = kept.filter(pl.col("kind") != "fee")
    sides = [paid.select("chain", old=side) for side in ("sender", "receiver")]
    everybody = pl.concat([*sides, telling.covered.rename({"address": "old"})]).unique()
    renamed = Telling(kept, telling.covered, telling.services, telling.as_of)
    return renamed.renamed(fresh_names(everybody.sort("chain", "old"), seed=33))


@pytest.mark.parametrize("hours", HOURS)
def test_other_hours(telling, values, tmp_path, hours):
    by = timedelta(hours=hours)
    found = pl.read_parquet(table_of(telling.later(by), tmp_path))
    moments = [c for c, dtype in found.schema.items() if dtype.is_temporal()]
    assert set(moments) >= {"as_of", "first_seen", "last_seen"}
    assert not {signal.name for signal in catalogue().signals} & set(moments)
    same(found.with_columns(pl.col(moments) - by), values)
