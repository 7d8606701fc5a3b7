"""The realism report: two halves of one world look alike, a distorted one does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import Refused
from data.storage import read_manifest, write_parquet
from models import two_sample
from pipelines.comparison import views
from pipelines.realism import realism
from pipelines.simulate import simulate

pytestmark = pytest.mark.slow  # two worlds to be compared


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Fewer repeats: what is told apart here is told apart by far."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(two_sample, "REPEATS", 1)
        patch.setattr(two_sample, "SHUFFLES", 1)
        patch.setattr(two_sample, "ROUNDS", 60)
        patch.setattr(two_sample, "_STEPS_SHOWN", 1)
        yield


@pytest.fixture(scope="module")
def half(world, tmp_path_factory) -> Path:
    """The world once more, in which only every other account is known to be who it is."""
    store = world.copy(tmp_path_factory.mktemp("half") / "world")
    truth = pl.read_parquet(world.store / "truth.parquet").sort("chain", "address")
    write_parquet(truth.gather_every(2), store / "truth.parquet")
    shutil.copy(world.services, store / "services.csv")
    return store


@pytest.fixture(scope="module")
def references(world, tmp_path_factory) -> Mapping[str, Path]:
    """Stores of the other half's benign accounts: as they are, and distorted."""
    folder = tmp_path_factory.mktemp("references")
    truth = pl.read_parquet(world.store / "truth.parquet").sort("chain", "address")
    others = truth.gather_every(2, offset=1).filter(pl.col("role") == "benign")
    named = others["address"].implode()
    coverage = world.coverage.filter(pl.col("address").is_in(named)).with_columns(
        legs=pl.lit("native_in,native_out,token_in,token_out")
    )
    # Half of what they pay vanishes: they keep what they receive.
    lost = pl.col("sender").is_in(named) & (pl.int_range(pl.len()) % 2 == 0)
    kept = world.transfers.filter(~lost)
    return {
        "same": world.copy(folder / "same", coverage=coverage, synthetic=False),
        "distorted": world.copy(folder / "distorted", kept, coverage, synthetic=False),
    }


def report_of(world: Path, out: Path, benign: Path) -> dict[str, Any]:
    done = realism(world, out, against_benign=benign)
    assert done.page == out / "realism.html"
    assert set(read_manifest(out)["files"]) == {"realism.json", "realism.html"}
    report: dict[str, Any] = json.loads((out / "realism.json").read_text(encoding="utf-8"))
    return report


@pytest.fixture(scope="module")
def reports(half, references, tmp_path_factory) -> dict[str, dict[str, Any]]:
    out = tmp_path_factory.mktemp("reports")
    return {name: report_of(half, out / name, store) for name, store in references.items()}


def first_view(report: dict[str, Any]) -> dict[str, Any]:
    view: dict[str, Any] = report["comparisons"][0]["views"][0]
    return view


def test_two_halves_of_a_world_are_not_told_apart(reports):
    view = first_view(reports["same"])
    assert view["n_reference"] > 100
    for classifier in ("trees", "linear"):
        assert 0.35 < view["two_sample"][classifier]["value"] < 0.65
    for measure in view["measures"]:
        distance = measure["kolmogorov_smirnov"]
        assert distance["value"] < 2.5 * distance["halves"] + 0.05, measure["name"]


def test_a_distorted_world_is_told_apart_and_the_report_says_by_what(reports):
    tested = first_view(reports["distorted"])["two_sample"]
    assert tested["trees"]["low"] > 0.65
    assert tested["path"][0][1] > 0.6
    by_name = {m["name"]: m for m in first_view(reports["distorted"])["measures"]}
    out = by_name["transfers_out"]
    assert out["world"]["quantiles"]["0.5"] > out["reference"]["quantiles"]["0.5"]
    assert out["wasserstein"]["low"] > out["wasserstein"]["halves"]


def test_the_report_names_its_filter_and_its_reference(reports):
    report = reports["same"]
    [compared] = report["comparisons"]
    assert compared["side"] == "benign"
    assert compared["reference"]["legs"] == ["native_in", "native_out", "token_in", "token_out"]
    assert [view["name"] for view in compared["views"]] == [
        "native and token legs, whole history",
        "native and token legs, first 30 days",
    ]
    assert compared["views"][1]["cut"]["days"] == 30
    assert compared["payouts"]["n_reference"] > 0
    assert report["filter"]["fewest"] == 5


def test_published_figures_stand_beside_the_worlds(reports):
    figures = {row["id"]: row for row in reports["same"]["published"]}
    assert figures["dfpi_transfers_in"]["published"] == 14.5
    assert figures["dfpi_lifetime"]["seen_so"] > 0
    assert 0 <= figures["dfpi_exchange_funded"]["all_legs"] <= 1
    assert figures["dfpi_swappers"]["seen_so"] is None
    for row in figures.values():
        assert row["unit"] != "share" or 0 <= row["published"] <= 1
        assert "DFPI" in row["source"]


def test_the_same_world_gives_the_same_report(world, tmp_path):
    for name in ("a", "b"):
        realism(world.store, tmp_path / name)
    one, other = ((tmp_path / name / "realism.json").read_bytes() for name in ("a", "b"))
    assert one == other
    assert json.loads(one)["comparisons"] == []


def test_only_a_synthetic_world_is_compared(world, references, tmp_path):
    with pytest.raises(Refused, match="no synthetic world"):
        realism(references["same"], tmp_path / "out")
    with pytest.raises(Refused, match="No transfers"):
        realism(world.store, tmp_path / "out", against_benign=tmp_path / "absent")
    assert not (tmp_path / "out").exists()


def test_a_world_with_its_report_is_a_whole_store(references, tmp_path):
    done = simulate(tmp_path / "w", seed=3, addresses=300, against_benign=references["same"])
    page = tmp_path / "w" / "realism.html"
    assert done.report == page
    assert done.told_apart is not None
    assert all(name.startswith("benign, ") for name in done.told_apart)
    manifest = read_manifest(tmp_path / "w")
    assert manifest["synthetic"] is True
    assert {"realism.json", "realism.html", "transfers.parquet"} <= set(manifest["files"])
    assert "Everything in the world is invented." in page.read_text(encoding="utf-8")
    # the world of the same seed without a report has the same transfers
    plain = simulate(tmp_path / "p", seed=3, addresses=300)
    assert plain.report is None
    assert plain.told_apart is None
    files = (manifest["files"], read_manifest(tmp_path / "p")["files"])
    assert files[0]["transfers.parquet"] == files[1]["transfers.parquet"]


def test_a_reference_that_cannot_be_used_is_refused_before_any_work(tmp_path):
    with pytest.raises(Refused, match="No transfers"):
        simulate(tmp_path / "w", against_criminal=tmp_path / "absent")
    assert not (tmp_path / "w").exists()


def test_views_follow_the_legs():
    names = [view.name for view in views(("native_in", "native_out", "token_out"))]
    assert names[-1] == "all legs shown, whole history"
    assert [view.legs for view in views(("token_out",))] == [("token_out",)] * 2
