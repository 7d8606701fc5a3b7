"""Tracking: the run is in the database, and no failure of it can hurt a training."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys

import pytest

from models.tracking import Run, record


@pytest.fixture
def run(tmp_path):
    bundle = tmp_path / "model"
    bundle.mkdir()
    (bundle / "model.txt").write_text("trees")
    return Run(
        bundle,
        bundle_sha256="b" * 64,
        catalogue_hash="c" * 64,
        parameters={"seed": 1, "basis": "usd", "long": "x" * 10_000},
        metrics={"test.roc_auc": 0.9, "test.pr_auc": 0.8},
    )


def test_parameters_metrics_tags_and_the_bundle_are_recorded(run, tmp_path):
    run_id = record(run)
    assert run_id is not None
    with sqlite3.connect(tmp_path / "mlflow" / "mlflow.db") as database:
        metrics = dict(database.execute("select key, value from metrics"))
        params = dict(database.execute("select key, value from params"))
        tags = dict(database.execute("select key, value from tags"))
        status = database.execute("select status from runs").fetchone()[0]
    database.close()
    assert metrics == {"test.roc_auc": 0.9, "test.pr_auc": 0.8}
    assert params["basis"] == "usd"
    assert tags["catalogue_hash"] == "c" * 64
    assert tags["bundle_sha256"] == "b" * 64
    assert status == "FINISHED"
    saved = tmp_path / "mlflow" / "artifacts" / run_id / "artifacts" / "bundle" / "model.txt"
    assert saved.read_text() == "trees"
    assert [p.name for p in run.bundle.iterdir()] == ["model.txt"]


def test_another_uri_is_used(run, tmp_path):
    assert record(run, tracking_uri=f"sqlite:///{tmp_path / 'mine.db'}", folder=tmp_path / "x")
    assert (tmp_path / "mine.db").exists()
    assert not (tmp_path / "x").exists()


def test_a_failure_is_one_warning(run, caplog):
    with caplog.at_level(logging.WARNING):
        assert record(run, tracking_uri="nonsense://nowhere") is None
    assert [r.name for r in caplog.records] == ["models.tracking"]
    assert "The bundle is whole" in caplog.text


def test_the_library_is_loaded_only_when_a_run_is_recorded():
    code = "import models.tracking, models.fitting, sys; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
