"""The real sets are cut once and for good, by group, and the test part is not opened in passing."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from benchmarks import openings, real_split
from benchmarks.real_data import accounts
from benchmarks.real_wallets import wallets
from data.errors import Refused
from models.components import components

SPLIT = pl.DataFrame(
    {
        "set": ["normal", "phishing", "dfpi"],
        "address": ["0xaa", "0xbb", "0xcc"],
        "group": ["0xaa", "0xbb", "0xbb"],
        "part": ["calibration", "test", "test"],
    }
)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of openings that is not the project's."""
    monkeypatch.setattr(openings, "LOG", tmp_path / "openings.md")
    return tmp_path / "openings.md"


def test_the_part_of_a_group_is_fixed_for_ever():
    """A change of the rule would let what was tuned on become what is tested on."""
    names = [f"0x{n:040x}" for n in range(8)]
    assert "".join(real_split.side(name)[0] for name in names) == "tttccctc"


def test_about_half_of_the_groups_go_to_each_part():
    parts = [real_split.side(f"0x{n:040x}") for n in range(2_000)]
    assert 900 < parts.count("test") < 1_100


def test_groups_depend_neither_on_the_order_of_accounts_nor_of_pairs():
    nodes = [f"{n:02d}" for n in range(30)]
    pairs = [(nodes[n], nodes[n + 3]) for n in range(0, 24, 2)]
    expected = components(nodes, pairs)
    drawn = random.Random(7)
    for _ in range(20):
        mixed = [tuple(drawn.sample(pair, 2)) for pair in drawn.sample(pairs, len(pairs))]
        assert components(drawn.sample(nodes, len(nodes)), mixed) == expected
    assert all(expected[one] == expected[other] for one, other in pairs)
    assert all(name == min(n for n in nodes if expected[n] == name) for name in expected.values())


def test_the_calibration_part_needs_no_reason_and_is_not_logged(log: Path):
    found = real_split.addresses("calibration", SPLIT)
    assert found["address"].to_list() == ["0xaa"]
    assert not log.exists()


@pytest.mark.parametrize("why", [None, "", "  "])
def test_the_test_part_is_refused_without_a_reason(log: Path, why: str | None):
    with pytest.raises(Refused, match="for a reason only"):
        real_split.addresses("test", SPLIT, why=why)
    assert not log.exists()


def test_the_test_part_is_logged_before_anybody_sees_it(log: Path):
    found = real_split.addresses("test", SPLIT, why="the first one")
    assert found["address"].to_list() == ["0xbb", "0xcc"]
    assert ": the first one\n" in log.read_text()
    real_split.addresses("test", SPLIT, why="the second one")
    openings.log_figures("| 0.8 |\n")
    text = log.read_text()
    assert text.index("the first one") < text.index("the second one") < text.index("| 0.8 |")


def test_another_part_is_refused_by_name():
    with pytest.raises(Refused, match="no part 'train'"):
        real_split.addresses("train", SPLIT)


def test_linked_real_accounts_stand_on_one_side(real_data: Path, tmp_path: Path):
    assert real_data.is_dir()
    imported, dfpi = accounts(tmp_path), wallets(tmp_path)
    split = real_split.split_real(imported, dfpi)
    assert split["address"].is_unique().all()
    assert split.group_by("group").agg(pl.col("part").n_unique())["part"].max() == 1
    part = dict(split.select("address", "part").iter_rows())
    for store in (imported.store, dfpi):
        paid = pl.read_parquet(store / "transfers.parquet").select("sender", "receiver").unique()
        both = paid.filter(pl.all_horizontal(pl.all().is_in(list(part))))
        assert all(part[one] == part[other] for one, other in both.iter_rows())
    counted = dict(split.group_by("set", "part").len().select("set", "len").iter_rows())
    assert set(counted) == {"phishing", "normal", "dfpi"}
    sizes = split.group_by("set", "part").len().sort("set", "part")["len"].to_list()
    assert sizes == [14, 21, 881, 816, 799, 861]
