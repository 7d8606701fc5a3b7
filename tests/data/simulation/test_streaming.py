"""A world does not depend on how it is made: in which pieces, slices, processes, or in memory."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.content_hash import content_hash
from data.derived import with_derived_columns
from data.schema import COVERAGE, TRANSFERS
from data.simulation import identities, slicing, writing
from data.simulation.canonical import SLOT_SECONDS
from data.simulation.ledger import Rows
from data.simulation.plan import draw_plan
from data.simulation.playing import play, stage_of, units_of
from data.simulation.prior import DAY
from data.simulation.tables import Tables
from data.simulation.world import Size, World, build
from data.simulation.writing import Written, write_transfers

SIZE = Size(seed=11, addresses=400, days=120, prevalence=0.1)
NAMES = tuple(field.name for field in fields(Tables) if field.name != "end")
FILES = ("transfers.parquet", "addresses.parquet", "coverage.parquet", "quarantine.parquet")


@pytest.fixture(scope="module")
def world() -> World:
    return build(**vars(SIZE))


@pytest.fixture(scope="module")
def rows() -> Rows:
    plan = draw_plan(SIZE.seed, SIZE.addresses, SIZE.prevalence)
    return play(stage_of(plan, SIZE.seed, SIZE.days), units_of(plan)[:150]).rows


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    """Return the world as `simulate` writes it with one process."""
    folder = tmp_path_factory.mktemp("written")
    return folder, write_transfers(folder, SIZE)


def hashes(made: Tables) -> dict[str, str]:
    return {name: content_hash(getattr(made, name)) for name in NAMES}


@pytest.mark.unwatched
@pytest.mark.parametrize("units_at_once", [37, 400])
def test_units_at_once_do_not_change_the_world(world: World, units_at_once: int) -> None:
    other = build(**vars(SIZE), units_at_once=units_at_once)
    assert hashes(other) == hashes(world)
    assert content_hash(other.transfers) == content_hash(world.transfers)


def test_the_written_world_is_the_one_in_memory(
    world: World, written: tuple[Path, Written]
) -> None:
    folder, made = written
    transfers = pl.read_parquet(folder / "transfers.parquet")
    assert hashes(made.tables) == hashes(world)
    assert made.transfers == transfers.height
    assert transfers.select(list(TRANSFERS)).equals(world.transfers)
    coverage = pl.read_parquet(folder / "coverage.parquet").select(list(COVERAGE))
    assert content_hash(coverage) == content_hash(world.coverage)
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)


def test_columns_derived_piece_by_piece_are_those_derived_from_the_whole(
    world: World, written: tuple[Path, Written]
) -> None:
    whole, addresses = with_derived_columns(world.transfers)
    folder, _ = written
    assert content_hash(pl.read_parquet(folder / "transfers.parquet")) == content_hash(whole)
    assert content_hash(pl.read_parquet(folder / "addresses.parquet")) == content_hash(addresses)


@pytest.mark.unwatched
@pytest.mark.parametrize("workers, units_at_once", [(1, 37), (2, 90)])
def test_workers_and_units_at_once_give_the_same_bytes(
    written: tuple[Path, Written],
    workers: int,
    units_at_once: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "FEWEST_FOR_PROCESSES", 1)
    played: list[int] = []
    other = write_transfers(
        tmp_path, SIZE, workers=workers, units_at_once=units_at_once, progress=played.append
    )
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (written[0] / name).read_bytes(), name
    assert hashes(other.tables) == hashes(written[1].tables)
    assert sum(played) == SIZE.addresses
    assert len(played) > 3


@pytest.mark.unwatched
def test_the_finest_slices_give_the_same_table(
    written: tuple[Path, Written], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slicing, "SLICE_ROWS", 500)
    assert slicing.cut(SIZE.addresses, SIZE.days).count > 40
    write_transfers(tmp_path, SIZE, units_at_once=200)
    for name in FILES:
        ours, theirs = pl.read_parquet(tmp_path / name), pl.read_parquet(written[0] / name)
        assert content_hash(ours) == content_hash(theirs), name


def test_no_block_is_cut_and_every_row_is_in_one_slice(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slicing, "SLICE_ROWS", 500)
    slices = slicing.cut(SIZE.addresses, SIZE.days)
    number = slices.of(rows)
    chain = identities.chains_of(rows["sender"])
    assert number.min() >= 0 and number.max() < slices.count
    block = np.floor(rows["time"] / np.array(SLOT_SECONDS)[chain])
    frame = pl.DataFrame({"chain": chain, "block": block, "slice": number})
    assert frame.group_by("chain", "block").agg(pl.col("slice").n_unique())["slice"].max() == 1
    names = pl.Series(identities.CHAINS).gather(chain)
    ordered = frame.with_columns(name=names).sort("name", "block")
    assert ordered["slice"].is_sorted()
    assert all(edges[-1] < SIZE.days * DAY for edges in slices.edges)


def test_what_is_put_aside_is_taken_up_again(rows: Rows, tmp_path: Path) -> None:
    slices = slicing.cut(40_000, SIZE.days)
    half = len(rows["time"]) // 2
    slicing.put_aside({c: v[:half] for c, v in rows.items()}, slices, tmp_path, "0.npz")
    slicing.put_aside({c: v[half:] for c, v in rows.items()}, slices, tmp_path, "1.npz")
    parts = [slicing.taken_up(tmp_path, number) for number in range(slices.count)]
    order = np.argsort(slices.of(rows), kind="stable")
    for column, values in rows.items():
        found = np.concatenate([part[column] for part in parts])
        assert found.dtype == values.dtype
        assert (found == values[order]).all(), column


def test_a_unit_is_the_same_whoever_is_played_before_it(rows: Rows) -> None:
    plan = draw_plan(SIZE.seed, SIZE.addresses, SIZE.prevalence)
    stage, units = stage_of(plan, SIZE.seed, SIZE.days), units_of(plan)[:150]
    backwards = play(stage, units[::-1]).rows
    order, other = np.argsort(rows["tx"], kind="stable"), np.argsort(backwards["tx"], kind="stable")
    for column, values in rows.items():
        assert (values[order] == backwards[column][other]).all(), column
