"""Snap ML's features of addresses: which way round they are, and that no cut sees beyond itself."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import against_gfp
from benchmarks.gfp_rows import WorldFeatures, addressed, relative
from benchmarks.peers.snapml_addresses import (
    DAY,
    ROLES,
    Setting,
    described,
    feature_names,
    of_addresses,
)
from benchmarks.source_hash import ROOT
from benchmarks.worth_studies import WorldSources
from tests.benchmarks.test_ablation import HINTS, NOTHING, PARTS, exposed_study, rows, study_of
from tests.generated import cases

if importlib.util.find_spec("snapml") is None:
    pytest.skip("snapml is not installed", allow_module_level=True)

ALONE = Setting(DAY, 30 * DAY, 6)
SECOND = 1_000_000
START = datetime(2025, 1, 1, tzinfo=UTC)


def transfers(*edges: tuple[int, int, float]) -> pl.DataFrame:
    """Transfers a minute apart; the receiver's scale is half the sender's."""
    return pl.DataFrame(
        {
            "sender": [e[0] for e in edges],
            "receiver": [e[1] for e in edges],
            "time": [k * 60 * SECOND for k in range(len(edges))],
            "sent": [e[2] for e in edges],
            "received": [e[2] * 2 for e in edges],
        },
        schema_overrides={"sender": pl.Int64, "receiver": pl.Int64},
    )


def test_every_feature_has_a_name_and_what_is_in_the_wrong_scale_has_none():
    names = feature_names()
    kept = [name for name in names if name]
    assert len(names) == 70 + 4 * (3 + 2 * 8)
    assert len(names) - len(kept) == 4 * 8
    assert len(set(kept)) == len(kept)
    assert described(transfers((0, 1, 1.0)), ALONE).columns == kept


def test_each_end_has_its_own_transfers_in_its_own_scale():
    """0 pays 1, 2 and 3; then 4 pays 0; then 0 pays 1 again."""
    told = described(
        transfers((0, 1, 10.0), (0, 2, 20.0), (0, 3, 30.0), (4, 0, 100.0), (0, 1, 40.0)), ALONE
    )
    last = told.row(-1, named=True)
    assert last["sender_out_neighbours"] == 3
    assert last["sender_out_transfers"] == 4
    assert last["sender_out_amount_sum"] == 100
    assert last["sender_out_amount_greatest"] == 40
    assert last["sender_in_neighbours"] == 1
    assert last["sender_in_amount_sum"] == 200  # received
    assert last["receiver_in_transfers"] == 2
    assert last["receiver_in_amount_average"] == 50
    assert last["receiver_out_transfers"] == 0
    third = told.row(2, named=True)
    assert third["fan_out_3"] == 1
    assert third["sender_out_transfers"] == 3  # the later ones are not known yet
    assert told.row(0, named=True)["sender_out_transfers"] == 1


ALL_AT_ONCE = """
import sys
import numpy as np
from snapml import GraphFeaturePreprocessor
from benchmarks.peers.snapml_addresses import _RAW, Setting, feature_names, parameters, transformed

setting = Setting(3_600, 90_000, 6)
patterns, statistics = parameters(setting)
both = patterns | {"vertex_stats": True, "time_window": 90_000}
random = np.random.default_rng(5)
for _ in range(60):
    n = 40
    sender = random.integers(0, 6, n)
    receiver = (sender + random.integers(1, 6, n)) % 6
    time = np.cumsum(random.integers(1, 2_000, n))
    amounts = random.integers(1, 100, (n, 2))
    table = np.column_stack([np.arange(n), sender, receiver, time, amounts]).astype(float)
    whole = GraphFeaturePreprocessor()
    whole.set_params(whole.get_params() | both)
    rows = [whole.transform(np.ascontiguousarray(table[k : k + 1])) for k in range(n)]
    kept = [k for k, name in enumerate(feature_names()) if name]
    expected = np.vstack(rows)[:, _RAW:][:, kept].astype(np.float32)
    assert np.array_equal(expected, transformed(table, setting), equal_nan=True)
"""


def test_patterns_and_statistics_in_graphs_of_their_own_are_those_of_one_graph():
    run = [sys.executable, "-c", ALL_AT_ONCE]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_peer_leaves_the_arithmetic_of_this_process_alone():
    described(transfers((0, 1, 1.0)), ALONE)
    assert "snapml" not in sys.modules
    assert sys.float_info.min / 2 > 0


def test_a_cycle_is_seen_by_the_transfer_that_closes_it():
    told = described(transfers((0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0)), ALONE)
    assert told["temporal_cycle_3"].to_list() == [0, 0, 1]


EDGES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(1, 100)).filter(
        lambda e: e[0] != e[1]
    ),
    min_size=1,
    max_size=25,
)


@pytest.mark.slow  # each case is a process of its own
@settings(max_examples=cases(30), deadline=None)
@given(EDGES, st.integers(0, 25), st.integers(0, 4))
def test_summing_up_equals_doing_it_by_hand(edges: list, until: int, code: int):
    made = transfers(*edges)
    features = described(made, ALONE)
    moment = until * 60 * SECOND
    asked = pl.DataFrame({"code": [code, None], "moment": [moment, moment]})
    found = of_addresses(asked, made, features).row(0, named=True)
    for role, amount in zip(ROLES, ("sent", "received"), strict=True):
        own = [
            k
            for k, e in enumerate(made.iter_rows(named=True))
            if e[role] == code and e["time"] < moment
        ]
        assert (found[f"{role}_n"] or 0) == len(own)
        for name in ("sender_out_transfers", "receiver_in_amount_average", "fan_in_2"):
            values = [features[name][k] for k in own]
            if values:
                assert found[f"{role}_mean_{name}"] == pytest.approx(np.mean(values), rel=1e-5)
                assert found[f"{role}_max_{name}"] == max(values)
                assert found[f"{role}_last_{name}"] == values[-1]
            else:
                assert found[f"{role}_mean_{name}"] is None
        amounts = [made[amount][k] for k in own]
        assert found[f"{role}_max_amount"] == (max(amounts) if amounts else None)


@pytest.mark.slow  # each case is a process of its own
@settings(max_examples=cases(30), deadline=None)
@given(EDGES, EDGES, st.integers(0, 4))
def test_what_comes_after_the_moment_changes_nothing(before: list, after: list, code: int):
    alone, both = transfers(*before), transfers(*before, *after)
    asked = pl.DataFrame({"code": [code], "moment": [len(before) * 60 * SECOND]})
    told = [of_addresses(asked, made, described(made, ALONE)) for made in (alone, both)]
    assert told[0].equals(told[1])


class Posing:
    """Transfers as `data.transfers.Transfers` scans them."""

    def __init__(self, *rows: tuple[int, str, str, str, str | None]) -> None:
        self.rows = rows

    def scan(self) -> pl.LazyFrame:
        moments = [START + timedelta(days=day) for day, *_ in self.rows]
        return pl.LazyFrame(
            {
                "row": range(len(self.rows)),
                "chain": ["ethereum"] * len(self.rows),
                "block_time": moments,
                "sender": [r[1] for r in self.rows],
                "receiver": [r[2] for r in self.rows],
                "amount_raw": [r[3] for r in self.rows],
                "kind": ["native"] * len(self.rows),
                "screened": [r[4] for r in self.rows],
            },
            schema_overrides={"screened": pl.String},
        )


def test_relative_amounts_are_multiples_of_each_ends_own_median_before_its_cut():
    posing = Posing(
        (0, "x", "a", "10", None),
        (1, "a", "b", "30", None),
        (2, "a", "y", "20", None),
        (3, "a", "y", "9999", "spoofed_sender"),
        (8, "y", "a", "5000", None),  # after a's cut; not after b's
        (9, "b", "z", "50", None),
    )
    cuts = {"a": 5, "b": 20}
    asked = pl.DataFrame(
        {
            "chain": ["ethereum"] * 2,
            "address": list(cuts),
            "as_of": [START + timedelta(days=d) for d in cuts.values()],
        }
    )
    found = relative(posing, asked).collect().sort("row")  # type: ignore[arg-type]
    # a: 10, 30, 20 before day 5; b: 30, 50
    assert found["sent"].to_list() == pytest.approx([0.5, 1.5, 1.0, 250, 1.25])
    assert found["received"].to_list() == pytest.approx([0.5, 0.75, 1.0, 250, 1.25])


def test_addresses_are_described_in_the_order_asked_for():
    paid = pl.DataFrame(
        {
            "sender": ["a", "a", "b"],
            "receiver": ["b", "c", "c"],
            "block_time": [START + timedelta(hours=k) for k in (2, 1, 3)],
            "sent": [2.0, 1.0, 3.0],
            "received": [2.0, 1.0, 3.0],
        }
    )
    asked = pl.DataFrame(
        {
            "chain": ["ethereum"] * 4,
            "address": ["c", "a", "nobody", "c"],
            "as_of": [START + timedelta(hours=k) for k in (9, 9, 9, 2)],
        }
    )
    found = addressed(asked, paid, "day")
    assert found.select("chain", "address", "as_of").equals(asked)
    assert found["receiver_n"].to_list() == [2, None, None, 1]
    assert found["sender_n"].to_list() == [None, 2, None, None]
    assert found["sender_last_amount"].to_list() == [None, 2, None, None]


def test_the_better_setting_is_chosen_by_validation_and_compared(tmp_path: Path):
    every = pl.concat([rows(part, seed=k) for k, part in enumerate(PARTS)])
    key = ["chain", "address", "as_of"]
    asked: list[tuple[str, bool]] = []

    class Made:
        def to_choose(self, setting: str) -> pl.DataFrame:
            asked.append((setting, False))
            names = {"day": NOTHING, "month": HINTS}[setting]
            return every.filter(~pl.col("address").str.starts_with("judged")).select(*key, *names)

        def everywhere(self, setting: str) -> pl.DataFrame:
            asked.append((setting, True))
            return every.select(*key, *HINTS)

    settings_tried = ["day", "month"]
    text = against_gfp.table(study_of("says_all"), Made(), tmp_path, settings_tried, ["hinting"])
    assert asked == [("day", False), ("month", False), ("month", True)]
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if "|" in line}
    ours, peer, both = (lines[name].split(" | ") for name in ("ours", "GFP, month", "both"))
    assert [cells[1] for cells in (ours, peer, both)] == ["1", "8", "9"]
    assert lines["ours, with hinting"].split(" | ")[1] == "2"
    low = float(ours[4].split("[")[1].split(",")[0])
    assert low > 0.3
    assert peer[4].strip() == ""
    assert "500 judged, 125 of them positive" in text
    assert "uncapped" not in text


def test_features_are_compared_with_features_without_a_cap(tmp_path: Path):
    every = pl.concat([rows(part, seed=k) for k, part in enumerate(PARTS)])

    class Made:
        def to_choose(self, _: str) -> pl.DataFrame:
            return every.select("chain", "address", "as_of", *HINTS)

        everywhere = to_choose

    study = exposed_study(*HINTS)
    text = against_gfp.table(study, Made(), tmp_path, ["day"], ["hinting"], uncapped=True)
    cells = {
        row.split(" | ")[0].strip("| "): row.split(" | ") for row in text.splitlines() if "|" in row
    }
    held, free = cells["ours, with hinting"], cells["ours, with hinting, uncapped"]
    assert held[1] == free[1] == "9"
    assert float(free[2].split(" ")[0]) > float(held[2].split(" ")[0]) + 0.02
    assert float(free[4].split(" ")[0]) > 0.2
    assert cells["both, uncapped"][1] == "17"


def test_worlds_are_described_chain_by_chain_and_kept(
    worlds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    features = WorldFeatures(WorldSources((worlds[0],), ()), tmp_path)
    found = features.to_choose("day")
    assert found.select("chain", "address", "as_of").is_unique().all()
    assert found["address"].str.starts_with(f"{worlds[0].name}/").all()
    assert found["sender_n"].count() > found.height / 2
    assert (found["sender_max_sender_out_neighbours"] > 3).any()
    monkeypatch.setattr("benchmarks.gfp_rows.addressed", None)  # nothing is described again
    assert features.everywhere("day").equals(found)
