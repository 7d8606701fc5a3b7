"""What `simulate` writes can be read by everything that reads what users bring."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from data.errors import Refused
from data.labels.training import read_training_labels
from data.services import load_services
from data.storage import read_manifest
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world") / "store"
    result = simulate(out, seed=4, addresses=300, days=120)
    assert result.exit_code == 0 and result.addresses == 300
    return out


def test_same_seed_same_bytes(store: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "again", seed=4, addresses=300, days=120)
    for file in sorted(p.name for p in store.iterdir()):
        assert (tmp_path / "again" / file).read_bytes() == (store / file).read_bytes(), file


def test_manifest_vouches_for_every_file_and_says_it_is_synthetic(store: Path) -> None:
    manifest = read_manifest(store)
    assert manifest["kind"] == "store" and manifest["synthetic"] is True
    assert set(manifest["files"]) == {p.name for p in store.iterdir()} - {"manifest.json"}
    rows = pl.read_parquet(store / "transfers.parquet").height
    assert manifest["rows"]["transfers"] == rows
    assert "Everything here is invented" in (store / "README.md").read_text(encoding="utf-8")


def test_labels_and_services_are_read_as_a_users_own(store: Path) -> None:
    labels = read_training_labels(store / "labels.csv")
    assert labels.height == 300
    assert labels["as_of"].null_count() == 0
    assert set(labels["label"].drop_nulls()) == {0, 1}
    services = load_services(store / "services.csv")
    assert services.licit.filter(pl.col("name").str.starts_with("Invented")).height >= 6


def test_a_refused_world_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        simulate(tmp_path / "none", addresses=1)
    assert list(tmp_path.iterdir()) == []
