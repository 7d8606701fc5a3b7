"""Night after night: going on equals a full run, on stores that are made anew and that grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from benchmarks.growing import begun, deliver
from data.moments import read_moment
from data.schema import TRANSFERS, empty, sort_transfers
from data.services import load_services
from data.transfers import Transfers, open_transfers
from pipelines.compact import compact
from pipelines.rescoring.marks import Before, marks
from pipelines.rescoring.moved import active_since
from tests.pipelines.nights import DAYS, Base, files, first_night, run


@pytest.fixture(scope="module")
def base(world, bundle, tmp_path_factory) -> Base:
    return first_night(world, bundle, tmp_path_factory.mktemp("nights"))


def nights_equal_full_ones(
    base: Base, days: int, out: Path, next_store: Callable[[datetime], Path]
) -> None:
    """Go on night after night, and beside each make the full run: every byte is the same."""
    at, earlier, computed = base.at, base.done.out, []
    for day in range(1, days + 1):
        at += timedelta(days=1)
        store = next_store(at)
        here = run(base, store, out / "runs" / f"{day}", previous=earlier)
        full = run(base, store, out / "full" / f"{day}", previous=earlier, full=True)
        assert files(here.out) == files(full.out)
        assert full.computed == full.addresses
        computed.append(here.computed)
        earlier = here.out
    assert 0 < max(computed) < 0.5 * base.done.addresses


def from_thirty_days_ago(base: Base, out: Path, store: Callable[[datetime], Path]) -> Base:
    """Return a first night that others can go on from for thirty days."""
    at = read_moment(base.world.as_of) - timedelta(days=30)
    first = run(base, store(at), out)
    return replace(base, at=at, done=first)


@pytest.mark.slow
def test_thirty_nights_equal_full_runs(base, tmp_path):
    def store(at: datetime) -> Path:
        return base.store(tmp_path / f"{at:%F}", at)

    long = from_thirty_days_ago(base, tmp_path / "first", store)
    nights_equal_full_ones(long, 30, tmp_path / "nights", store)


@dataclass
class Growing:
    """A store to which days are added, some late: a day's last transfers come a day after it."""

    base: Base
    folder: Path
    compacted_on: tuple[int, ...] = ()
    held: pl.DataFrame = field(default_factory=lambda: empty(TRANSFERS))
    until: datetime | None = None

    def at(self, moment: datetime) -> Path:
        """Let the store grow up to a moment."""
        if self.until is None:
            begun(self.base.world.store, self.folder, moment)
        else:
            when = pl.col("block_time").is_between(self.until, moment, closed="left")
            new = self.base.world.transfers.filter(when)
            late = new["tx_id"].hash(3) % 40 == 0
            deliver(self.folder, sort_transfers(pl.concat([self.held, new.filter(~late)])), moment)
            self.held = new.filter(late)
        self.until = moment
        if moment.day in self.compacted_on:
            compact(self.folder)
        return self.folder


def read_everything(*_: object) -> None:
    raise AssertionError("the whole store was read to find what is new in it")


def test_nights_on_a_growing_store_equal_full_runs(base, tmp_path):
    """What is new is found in the days that changed; late transfers of the day before are too."""
    store = Growing(base, tmp_path / "store")
    first = run(base, store.at(base.at), tmp_path / "first")
    long = replace(base, done=first)
    nights_equal_full_ones(long, DAYS, tmp_path / "nights", store.at)


def test_only_days_that_changed_are_read_for_marks(base, tmp_path, monkeypatch):
    store = Growing(base, tmp_path / "store")
    services = load_services(base.world.services)
    then = marks(open_transfers(store.at(base.at)), services, base.at)
    at = base.at + timedelta(days=1)
    now = open_transfers(store.at(at))
    from_nothing = marks(now, services, at)
    monkeypatch.setattr(Transfers, "scan", read_everything)
    going_on = marks(now, services, at, Before(then, same_transfers=False, same_coverage=False))
    for name, table in going_on.tables().items():
        assert table.equals(from_nothing.tables()[name])
    active = active_since(now, going_on.days, base.at, at)
    monkeypatch.undo()
    seen = now.followed().filter(pl.col("block_time") >= base.at).collect()
    sides = [seen.select("chain", address=side) for side in ("sender", "receiver")]
    assert set(active.iter_rows()) == set(pl.concat(sides).iter_rows())


@pytest.mark.slow
def test_thirty_nights_on_a_growing_store_equal_full_runs(base, tmp_path):
    store = Growing(base, tmp_path / "store", compacted_on=(3, 17))
    long = from_thirty_days_ago(base, tmp_path / "first", store.at)
    nights_equal_full_ones(long, 30, tmp_path / "nights", store.at)
