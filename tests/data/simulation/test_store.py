"""What `simulate` writes can be read by everything that reads what users bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import Refused
from data.labels.training import read_training_labels
from data.prices import read_prices
from data.services import load_services
from data.simulation.case_parameters import CASE_PRIORS
from data.simulation.identities import CHAINS
from data.simulation.parameters import PRIORS
from data.simulation.tables import prevalence_of
from data.storage import read_manifest
from data.transfers import open_transfers
from pipelines.simulate import SimulateResult, simulate

SIZE: dict[str, Any] = {"seed": 4, "addresses": 300, "days": 120, "prevalence": 0.1}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> SimulateResult:
    return simulate(tmp_path_factory.mktemp("world") / "store", **SIZE)


@pytest.fixture(scope="module")
def store(result: SimulateResult) -> Path:
    return result.out


def test_same_seed_same_bytes(store: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "again", **SIZE)
    for file in sorted(p.name for p in store.iterdir()):
        assert (tmp_path / "again" / file).read_bytes() == (store / file).read_bytes(), file


def test_the_result_counts_what_was_written(result: SimulateResult, store: Path) -> None:
    truth = pl.read_parquet(store / "truth.parquet")
    labels = pl.read_csv(store / "labels.csv")
    assert result.exit_code == 0
    assert result.addresses == truth.height == labels.height >= SIZE["addresses"]
    assert result.prevalence == pytest.approx(prevalence_of(truth), abs=1e-6)
    assert result.criminals == round(result.prevalence * truth.height)
    assert result.labels["criminal"] == (labels["label"] == 1).sum()
    assert result.transfers == pl.read_parquet(store / "transfers.parquet").height


def test_manifest_vouches_for_every_file_and_says_it_is_synthetic(store: Path) -> None:
    manifest = read_manifest(store)
    assert manifest["kind"] == "store" and manifest["synthetic"] is True
    assert set(manifest["files"]) == {p.name for p in store.iterdir()} - {"manifest.json"}
    for name in ("seed", "addresses", "days", "prevalence"):
        assert name in manifest
    assert open_transfers(store).synthetic


def test_the_page_names_every_prior(store: Path) -> None:
    page = (store / "README.md").read_text(encoding="utf-8")
    assert "Everything here is invented" in page
    for name in (*PRIORS, *CASE_PRIORS):
        assert f"| {name} |" in page


def test_labels_services_and_prices_are_read_as_a_users_own(store: Path) -> None:
    labels = read_training_labels(store / "labels.csv")
    assert labels["as_of"].null_count() == 0
    assert set(labels["label"].drop_nulls()) == {0, 1}
    services = load_services(store / "services.csv")
    assert services.licit.filter(pl.col("name").str.starts_with("Invented")).height >= 6
    days = SIZE["days"] + 1
    assert read_prices(store / "prices.csv").height == len(CHAINS) * days


def test_a_refused_world_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        simulate(tmp_path / "none", addresses=1)
    assert list(tmp_path.iterdir()) == []
