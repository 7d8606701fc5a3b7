"""The benchmark of crossings: what it takes for the truth, and that alerts tell what it found."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from benchmarks.crossings import bridged, by_chance, matched, report
from models.tracing.proven import COUNTS, EDGES, proven
from pipelines.simulate import simulate

README = Path(__file__).parents[2] / "benchmarks" / "README.md"


def test_the_world_played_again_knows_every_release(tmp_path):
    world = simulate(tmp_path / "world", seed=3, addresses=300, prevalence=0.1).out
    legs = pl.read_parquet(world / "transfers.parquet")
    true = bridged(world)
    deposits = true.join(legs, on=["chain", "tx_id"])
    releases = true.join(legs, left_on=["release_chain", "release_id"], right_on=["chain", "tx_id"])
    both = deposits.join(releases, on=["release_chain", "release_id"], suffix="_out")
    assert both.height > 5
    waited = (both["block_time_out"] - both["block_time"]).dt.total_seconds()
    assert waited.is_between(0, 2 * 3600).all()
    kept = both["usd_micros_out"] / both["usd_micros"]
    assert kept.is_between(0.98, 1).all()
    found = matched(world)
    assert found["right"].drop_nulls().all()
    assert found.height >= deposits.height
    assert "share right" in report(found)


def test_matches_are_counted_between_the_edges():
    found = pl.DataFrame(
        {
            "probability": [0.5, 0.6, 0.9, 0.95, 1.0, None],
            "right": [True, False, True, True, True, None],
        }
    )
    assert [(n, right) for _, _, n, right in by_chance(found)] == [(1, 1), (2, 1), (1, 1), (1, 1)]


def test_what_alerts_tell_is_what_the_page_of_benchmarks_says():
    told = [
        f"| above {low:g} up to {high:g} | {n:,} | {right:,} |"
        for low, high, (n, right) in zip(EDGES[:-1], EDGES[1:], COUNTS, strict=True)
    ]
    page = README.read_text(encoding="utf-8")
    section = page[page.index("### Crossings") :]
    rows = re.findall(r"^\| above .* \|$", section, flags=re.MULTILINE)
    assert [row.rsplit("|", 2)[0] + "|" for row in rows[: len(told)]] == told


def test_every_chance_lies_between_two_edges():
    assert proven(0.0) is None
    for chance in (1e-9, 0.5, 0.500001, 0.99, 1.0):
        found = proven(chance)
        assert found is not None
        assert found["above"] < chance <= found["up_to"]
