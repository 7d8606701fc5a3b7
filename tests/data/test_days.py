"""The rows of some days are found without the others, however a store came to be."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.growing import deliver
from data.content import content_sha256, day_hashes
from data.content_hash import content_hash
from data.days import beginning, changed_days, days_of, days_since, rows_of
from data.schema import COVERAGE, QUARANTINE, TRANSFERS, empty, sort_transfers
from data.storage import write_store
from data.store_files import DAYS_FILE
from data.transfers import Transfers, open_transfers
from pipelines.compact import compact
from tests.data.canonical import AS_OF, START, plain, row, table
from tests.generated import cases

CANONICAL = list(TRANSFERS)
FIRST = START.date()


def drawn(minutes: list[int], start: int = 0) -> pl.DataFrame:
    """Return a transfer at each of some minutes, on two chains in turn."""
    chains = ("ethereum", "bsc")
    rows = [
        row(start + n, block_time=START + timedelta(minutes=at), chain=chains[at % 2])
        for n, at in enumerate(minutes)
    ]
    return sort_transfers(table(rows))


def begun(out: Path, rows: pl.DataFrame) -> Path:
    days = day_hashes([rows])
    facts = {"as_of": AS_OF.isoformat(), "synthetic": True}
    more = {"content_sha256": content_sha256(days)}
    write_store(out, rows, empty(COVERAGE), empty(QUARANTINE), facts | more, {DAYS_FILE: days})
    return out


def the_slow_way(transfers: Transfers, wanted: list[date]) -> pl.DataFrame:
    """Read everything, and keep what is of the wanted days."""
    rows = transfers.scan().collect().select(CANONICAL)
    kept = [one for one in rows.iter_rows() if one[1].date() in wanted]
    return pl.DataFrame(kept, schema=TRANSFERS, orient="row")


MINUTES = st.lists(st.integers(0, 6 * 1440), max_size=12)


@settings(max_examples=cases(15))
@given(MINUTES, st.integers(0, 12))
def test_a_day_has_the_hash_of_its_rows_alone(minutes, cut):
    rows = drawn(minutes)
    for chain, day, number, sha in day_hashes([rows[:cut], rows[cut:]]).iter_rows():
        alone = rows.filter(pl.col("chain") == chain, pl.col("block_time").dt.date() == day)
        assert (number, sha) == (alone.height, content_hash(alone))


@settings(max_examples=cases(15))
@given(
    deliveries=st.lists(MINUTES, min_size=1, max_size=4),
    wanted=st.sets(st.integers(0, 7)),
    compacted=st.booleans(),
)
def test_the_rows_of_days_are_those_that_reading_everything_finds(
    tmp_path_factory, deliveries, wanted, compacted
):
    store = begun(tmp_path_factory.mktemp("days") / "store", drawn(deliveries[0]))
    for n, minutes in enumerate(deliveries[1:], 1):
        deliver(store, drawn(minutes, 100 * n), AS_OF)
    if compacted:
        compact(store)
    opened = open_transfers(store)
    days = days_of(opened)
    assert days is not None
    named = [FIRST + timedelta(days=n) for n in wanted]
    found = rows_of(opened, days, named).collect().select(CANONICAL)
    assert found.equals(the_slow_way(opened, named))


def test_nothing_else_is_read(tmp_path):
    """The file that holds the other days may be gone."""
    store = begun(tmp_path / "store", drawn([5, 1445]))
    deliver(store, drawn([2 * 1440 + 7], 100), AS_OF)
    opened = open_transfers(store)
    days = days_of(opened)
    assert days is not None
    (store / "transfers.parquet").unlink()
    [at] = rows_of(opened, days, [FIRST + timedelta(days=2)]).collect()["block_time"]
    assert at == START + timedelta(days=2, minutes=7)
    with pytest.raises((OSError, pl.exceptions.PolarsError)):
        rows_of(opened, days, [FIRST]).collect()


def test_days_that_changed_are_told_whichever_way(tmp_path):
    before = day_hashes([drawn([5, 1445, 1446])])
    later = day_hashes([drawn([5, 1445, 1446, 1447])])
    assert changed_days(later, before) == changed_days(before, later) == [FIRST + timedelta(days=1)]
    assert changed_days(later, later) == []
    assert changed_days(later, later.clear()) == [FIRST, FIRST + timedelta(days=1)]


def test_days_from_a_moment_on_include_its_own():
    days = day_hashes([drawn([5, 1445, 3000])])
    noon = beginning(FIRST + timedelta(days=1)) + timedelta(hours=12)
    assert days_since(days, noon) == [FIRST + timedelta(days=1), FIRST + timedelta(days=2)]


def test_what_nothing_vouches_for_has_no_days(tmp_path):
    rows = drawn([5, 1445])
    assert days_of(plain(tmp_path, rows, None)) is None
    store = begun(tmp_path / "store", rows)
    shutil.copy(store / DAYS_FILE, tmp_path / DAYS_FILE)
    facts = {"as_of": AS_OF.isoformat(), "synthetic": True}
    write_store(tmp_path / "bare", rows, empty(COVERAGE), empty(QUARANTINE), facts)
    shutil.copy(store / DAYS_FILE, tmp_path / "bare" / DAYS_FILE)
    assert days_of(open_transfers(tmp_path / "bare")) is None
