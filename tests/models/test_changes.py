"""What a retraining changes: every shift adds up, and is laid at the right family's door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from models.bands import bands
from models.bundle import Bundle
from models.changes import PANEL, changes, panel
from models.explanation import explain_rows
from models.facts import canonical_json
from models.material import matrix
from models.wrong import pseudonym
from tests.models.world import CATALOGUE, fitted, world


def made(folder: Path, name: str, **settings: Any) -> Bundle:
    fitted(n=900, **settings).write(folder / name)
    return Bundle.load(folder / name, catalogue=CATALOGUE)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> tuple[Bundle, Bundle]:
    folder = tmp_path_factory.mktemp("changes")
    return made(folder, "old"), made(folder, "new", base_rate=0.05, params={"max_depth": 2})


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return world(1200, seed=8)[0]


@pytest.fixture(scope="module")
def told(frame, bundles) -> dict:
    return changes(frame, *bundles)


def test_the_shift_of_everybody_is_the_sum_of_what_families_did(frame, bundles, told):
    """Independent: both explanations of each row, subtracted part by part."""
    old, new = bundles
    rows = panel(frame, old, new)
    sides = [list(explain_rows(bundle, rows)) for bundle in bundles]
    shifts: list[float] = []
    by_family: dict[str, list[float]] = {}
    for one, other in zip(*sides, strict=True):
        shifts.append(other.log_odds - one.log_odds)
        before = {part.signal: part for part in one.contributions}
        sums: dict[str, float] = {}
        for part in other.contributions:
            moved = part.log_odds - before[part.signal].log_odds
            sums[part.family] = sums.get(part.family, 0.0) + moved
        assert other.base - one.base + sum(sums.values()) == pytest.approx(shifts[-1], abs=1e-9)
        for family, moved in sums.items():
            by_family.setdefault(family, []).append(moved)
    assert told["panel"] == len(shifts) == 1200
    assert told["mean_shift"] == pytest.approx(np.mean(shifts))
    assert told["mean_absolute_shift"] == pytest.approx(np.mean(np.abs(shifts)))
    for family, moved in by_family.items():
        assert told["families"][family]["shift"] == pytest.approx(np.mean(moved))
        assert told["families"][family]["absolute"] == pytest.approx(np.mean(np.abs(moved)))
    total = sum(family["shift"] for family in told["families"].values())
    assert total == pytest.approx(told["mean_shift"])
    worst = np.argsort(-np.abs(shifts), kind="stable")[0]
    first = told["moved"][0]
    assert first["shift"] == pytest.approx(shifts[worst])
    assert first["case"] == pseudonym(new, rows["chain"][int(worst)], rows["address"][int(worst)])


def test_bands_and_ranks_are_those_of_both_models(frame, bundles, told):
    rows = panel(frame, *bundles)
    log_odds = [b.log_odds(matrix(rows, b.facts.signals)) for b in bundles]
    named = [bands(x, b.facts.thresholds) for x, b in zip(log_odds, bundles, strict=True)]
    pairs = [(one or "no band", other or "no band") for one, other in zip(*named, strict=True)]
    for old, row in told["bands"].items():
        for new, n in row.items():
            assert n == pairs.count((old, new))
    assert sum(n for row in told["bands"].values() for n in row.values()) == 1200
    assert told["rank_correlation"] == pytest.approx(spearmanr(*log_odds).statistic)


def test_how_they_were_made_is_compared(told):
    assert told["training"]["base_rate"][1] == 0.05
    assert "n" not in told["training"]
    assert told["training"]["parameters"]["max_depth"] == [4, 2]
    assert "learning_rate" not in told["training"]["parameters"]
    assert told["training"]["signals_left_out"] == []


def test_the_same_model_changes_nothing_and_nobody_is_named(frame, bundles, told):
    old = bundles[0]
    same = changes(frame, old, old)
    assert same["mean_absolute_shift"] == 0
    assert same["rank_correlation"] == pytest.approx(1)
    assert all(set(row) == {band} for band, row in same["bands"].items())
    assert set(same["training"]) == {"signals_left_out", "signals_taken_in"}
    text = canonical_json(told).decode()
    assert json.loads(text) == told
    assert not any(address in text for address in frame["address"])


def test_the_panel_is_fixed_and_holds_only_whom_both_can_score(frame, bundles):
    old, new = bundles
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    assert (
        panel(shuffled, old, new)["address"].to_list()
        == panel(frame, old, new)["address"].to_list()
    )
    more = world(5000, seed=8)[0]
    kept = panel(more, old, new)
    assert kept.height == PANEL
    fewer = more.filter(pl.col("address") != kept["address"][0])
    assert panel(fewer, old, new)["address"].to_list()[:-1] == kept["address"].to_list()[1:]
    short = frame.with_columns(n_transfers=pl.lit(1))
    assert changes(short, old, new)["panel"] == 0
    assert changes(short, old, new)["moved"] == []
