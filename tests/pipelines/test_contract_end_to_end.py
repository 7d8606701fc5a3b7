"""The contract of every signal from exports to results: what must make no difference makes none.

`tests/features/test_signal_contract.py` holds kernels to it on histories by hand. Here services,
neighbours, other legs and motifs are in force, over all that stands between: importing, matching
copies, coding addresses, the passes. No signal is excused, and values are compared to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
    ring_addresses,
    table_of,
    with_names,
)

pytestmark = pytest.mark.unwatched

KEY = ["chain", "address"]
NAMES = [signal.name for signal in catalogue().signals]
HOURS = (5, -100_003)
"""Later ones of so many years have not come yet: ingest refuses them."""


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


def differing(found: pl.DataFrame, expected: pl.DataFrame) -> dict[str, list[tuple[object, ...]]]:
    """Compare two tables to the bit: where columns differ, who, what was expected, what came."""
    assert found.columns == expected.columns
    found, expected = found.sort(KEY), expected.sort(KEY)
    shown = {}
    for column in found.columns:
        at = found[column].ne_missing(expected[column]).arg_true()[:3].to_list()
        if at:
            rows = expected.select(*KEY, column)
            shown[column] = [(*rows.row(k), found[column][k]) for k in at]
    return shown


def test_every_signal_has_a_value_and_one_above_nothing(values):
    assert [name for name in NAMES if values[name].is_null().all()] == []
    assert [name for name in NAMES if not (values[name].drop_nulls() != 0).any()] == []
    assert [name for name in NAMES if values[name].drop_nulls().n_unique() < 2] == []


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
    assert differing(pl.read_parquet(found), values) == {}
    assert found.read_bytes() == told.read_bytes()


def test_order_and_copies_without_log_indices(telling, tmp_path):
    """As in the exports of most explorers. Two equal rows of one file are two payments there."""
    plain = replace(telling, numbered=False)
    expected = pl.read_parquet(table_of(plain, tmp_path / "once"))
    desk, rows = Desk(tmp_path / "again", plain), plain.exports()
    mixed = rows.sample(fraction=1.0, shuffle=True, seed=12)
    desk.take_in(desk.file("b.parquet", mixed), desk.file("a/a.parquet", rows))
    desk.take_in(desk.file("more.parquet", mixed), append=True)
    assert differing(pl.read_parquet(desk.signals()), expected) == {}


# --- Who they are, who else there is, and when it was ---------------------------------------------


def test_other_names(telling, values, tmp_path):
    """Everybody whom no registry names is called otherwise, and sorts elsewhere."""
    assert differing(by_other_names(telling, tmp_path), values) == {}


def test_other_names_without_log_indices(telling, tmp_path):
    """Domain: transactions of the ring with one payment each.

    Of several that one address makes, or gets, in one transaction nobody knows the order then, and
    the order that is given to them depends on the names (`data.deduplication`).
    """
    one = pl.col("log_index") <= pl.col("log_index").min().over("chain", "tx_id")
    of_ring = pl.col("sender").is_in(ring_addresses())
    plain = replace(telling, numbered=False, transfers=telling.transfers.filter(one | ~of_ring))
    assert 0 < telling.transfers.height - plain.transfers.height < 500
    expected = pl.read_parquet(table_of(plain, tmp_path / "named"))
    assert differing(by_other_names(plain, tmp_path / "renamed"), expected) == {}


def by_other_names(telling: Telling, folder: Path) -> pl.DataFrame:
    """Return the signals of people who were renamed, with their names put back."""
    names = fresh_names(telling.people(), seed=31)
    found = pl.read_parquet(table_of(telling.renamed(names), folder))
    old = names.select("chain", address="old")
    assert not found.join(old, on=KEY, how="semi").height
    back = names.select("chain", old="new", new="old")
    named = with_names(found, back, "address").select(found.columns)
    assert named.join(old, on=KEY, how="semi").height > 0.9 * named.height
    return named


def test_strangers(telling, values, tmp_path):
    """The whole world once more beside it, its services included, under names that nobody has.

    Coins that are made or burnt are left out: all of them come from one address, and go to it.
    """
    double = strangers(telling)
    assert not double.covered.join(telling.covered, on=KEY, how="semi").height
    found = pl.read_parquet(table_of(beside(double, telling), tmp_path))
    assert found.height == 2 * values.height
    assert differing(found.join(telling.covered, on=KEY, how="semi"), values) == {}


def strangers(telling: Telling) -> Telling:
    """Return the world as one of other people."""
    double = other_transactions(telling)
    paid = double.transfers.filter(pl.col("kind") != "fee")
    sides = [paid.select("chain", old=side) for side in ("sender", "receiver")]
    everybody = pl.concat([*sides, telling.covered.rename({"address": "old"})]).unique()
    return double.renamed(fresh_names(everybody.sort("chain", "old"), seed=33))


def other_transactions(telling: Telling) -> Telling:
    """Return the same in other transactions at the same moments, without coins made or burnt."""
    kept = telling.transfers.filter(~pl.col("kind").is_in(["mint", "burn"]))
    ids = kept.select("chain", old="tx_id").unique().sort("chain", "old")
    numbers = np.array([transaction_number(1, k) for k in range(ids.height)], dtype=np.int64)
    new = transaction_ids(32, numbers, (ids["chain"] == "tron").to_numpy())
    others = with_names(kept, ids.with_columns(new=pl.Series(new)), "tx_id")
    return replace(telling, transfers=others)


def beside(one: Telling, other: Telling) -> Telling:
    """Return two worlds as one."""
    return replace(
        other,
        transfers=pl.concat([one.transfers, other.transfers]),
        covered=pl.concat([one.covered, other.covered]).unique().sort(KEY),
    )


@pytest.mark.parametrize("hours", HOURS)
def test_other_hours(telling, values, tmp_path, hours):
    by = timedelta(hours=hours)
    found = pl.read_parquet(table_of(telling.later(by), tmp_path))
    moments = [c for c, dtype in found.schema.items() if dtype.is_temporal()]
    assert set(moments) >= {"as_of", "first_seen", "last_seen"}
    assert not {*NAMES} & {*moments}
    assert differing(found.with_columns(pl.col(moments) - by), values) == {}


# --- Each relation can be broken ------------------------------------------------------------------


def of(*families: str) -> set[str]:
    """Return the signals of some families, or of all."""
    return {s.name for s in catalogue().signals if s.family in families or not families}


def test_lost_rows_are_seen_by_every_signal(telling, exports, values, tmp_path):
    desk = Desk(tmp_path, telling)
    kept = exports.select("chain", "tx_id").unique().sort("chain", "tx_id").sample(
        fraction=0.5, seed=1
    )  # fmt: skip
    desk.take_in(
        desk.file("exports.parquet", exports.join(kept, on=["chain", "tx_id"], how="semi"))
    )
    found = pl.read_parquet(desk.signals())
    both = [table.join(found, on=KEY, how="semi").join(values, on=KEY, how="semi")
            for table in (found, values)]  # fmt: skip
    assert of() - {*differing(*both)} == set()


def test_services_by_other_names_are_missed(telling, values, tmp_path):
    """Who renames those whom registries name takes away what rests on these."""
    known = telling.services.select("chain", old="address")
    paid = telling.renamed(fresh_names(known.sort("chain", "old"), seed=34)).transfers
    hidden = replace(telling, transfers=paid)
    found = pl.read_parquet(table_of(hidden, tmp_path))
    still = found.join(telling.services, on=KEY, how="anti")
    missed = {*differing(still, values.join(still, on=KEY, how="semi"))}
    assert of("cash_out", "indirect_exposure", "nearness", "cross_chain") - missed == set()
    assert missed & of("neighbourhood", "motifs")


def test_half_an_hour_later_is_another_hour(telling, values, tmp_path):
    found = pl.read_parquet(table_of(telling.later(timedelta(minutes=30)), tmp_path))
    assert {*differing(found, values)} & of() == {"activity_hours_entropy"}


def test_strangers_who_use_the_same_bridges_are_rivals(telling, values, tmp_path):
    """Here the same services are theirs, too."""
    names = fresh_names(telling.people(), seed=35)
    double = other_transactions(telling).renamed(names)
    found = pl.read_parquet(table_of(beside(double, telling), tmp_path))
    old = found.join(telling.covered, on=KEY, how="semi")
    assert {*differing(old, values)} & of("cross_chain")
