"""Tracking: the run is in the database, and no failure of it can hurt a training."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
from typing import Any

import pytest

from models import tracking
from models.tracking import Run, Trial, record


@pytest.fixture
def run(tmp_path):
    bundle = tmp_path / "model"
    bundle.mkdir()
    (bundle / "model.txt").write_text("trees")
    (bundle / "model_card.md").write_text("# A model\n")
    told = {
        "signals": ["senders"],
        "catalogue_hash": "c" * 64,
        "signal_hashes": {"senders": "1" * 64, "dwell": "2" * 64},
        "training": {
            "sources": {"labels": "d" * 64, "transfers": "e" * 64},
            "fingerprints": ["f" * 64],
        },
    }
    (bundle / "bundle.json").write_text(json.dumps(told))
    return Run(
        bundle,
        bundle_sha256="b" * 64,
        catalogue_hash="c" * 64,
        parameters={"seed": 1, "basis": "usd", "long": "x" * 10_000},
        metrics={"test.roc_auc": 0.9, "test.pr_auc": 0.8},
        trials=[
            Trial(f"trial {n}", {"num_leaves": n}, {"validation.pr_auc": n / 10}) for n in (3, 7)
        ],
    )


def test_parameters_metrics_tags_and_the_bundle_are_recorded(run, tmp_path):
    run_id = record(run)
    assert run_id is not None
    with sqlite3.connect(tmp_path / "mlflow" / "mlflow.db") as database:

        def of(run_id: str, query: str) -> list[Any]:
            return database.execute(query, {"run": run_id}).fetchall()

        metrics = dict(of(run_id, "select key, value from metrics where run_uuid = :run"))
        params = dict(of(run_id, "select key, value from params where run_uuid = :run"))
        tags = dict(of(run_id, "select key, value from tags where run_uuid = :run"))
        statuses = of(run_id, "select distinct status from runs")
        data = dict(
            of(
                run_id,
                "select d.name, d.dataset_source from datasets d join inputs i "
                "on i.source_id = d.dataset_uuid where i.destination_id = :run",
            )
        )
        nested = dict(
            of(
                run_id,
                "select p.value, m.value from tags t join params p on p.run_uuid = t.run_uuid "
                "join metrics m on m.run_uuid = t.run_uuid "
                "where t.key = 'mlflow.parentRunId' and t.value = :run",
            )
        )
    database.close()
    assert metrics == {"test.roc_auc": 0.9, "test.pr_auc": 0.8}
    assert params["basis"] == "usd"
    assert tags["catalogue_hash"] == "c" * 64
    assert tags["bundle_sha256"] == "b" * 64
    assert tags["mlflow.note.content"] == "# A model\n"
    assert statuses == [("FINISHED",)]
    assert {name: json.loads(source)["sha256"] for name, source in data.items()} == {
        "labels": "d" * 64,
        "transfers": "e" * 64,
        "training rows": "f" * 64,
    }
    assert nested == {"3": 0.3, "7": 0.7}
    artifacts = tmp_path / "mlflow" / "artifacts" / run_id / "artifacts"
    assert (artifacts / "bundle" / "model.txt").read_text() == "trees"
    signals = json.loads((artifacts / "signal_catalogue.json").read_text())
    assert signals["inputs"] == ["senders"]
    assert signals["declarations"] == {"senders": "1" * 64, "dwell": "2" * 64}
    assert len(list(run.bundle.iterdir())) == 3


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


def test_a_server_prints_no_links_to_stdout(capsys, monkeypatch):
    """The client of a server announces each run that ends; stdout is for our JSON alone."""
    for name in tracking._QUIET:
        monkeypatch.delenv(name, raising=False)
    with tracking.quietly():
        from mlflow.store.tracking.rest_store import RestStore
        from mlflow.tracking import MlflowClient

        def unasked(*arguments: object) -> object:
            raise AssertionError("it looked the run up to print a link to it")

        monkeypatch.setattr(RestStore, "get_run", unasked)
        monkeypatch.setattr(RestStore, "update_run_info", lambda *a, **k: None)
        MlflowClient(tracking_uri="http://127.0.0.1:9").set_terminated("1" * 32)
    assert capsys.readouterr().out == ""
