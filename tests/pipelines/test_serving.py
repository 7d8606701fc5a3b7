"""The served model: it answers as `unrinse score` does, to the last bit, over HTTP too."""

from __future__ import annotations

import http.client
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from data.errors import Refused
from data.storage import write_parquet
from models.bundle import Bundle
from models.registry import _packed
from models.tracking import quietly
from pipelines.registered import serving_code
from pipelines.score import score
from pipelines.serving import REASONS, answer
from tests.conftest import REPOSITORY

AS_OF = "2026-01-01T00:00:00Z"


def as_json(table: pl.DataFrame) -> list[dict[str, Any]]:
    moments = [name for name, kind in table.schema.items() if isinstance(kind, pl.Datetime)]
    return table.with_columns(pl.col(moments).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")).to_dicts()


@pytest.fixture(scope="module")
def asked(world) -> dict[str, Any]:
    """Forty addresses with all that concerns them."""
    listed = pl.read_csv(world.addresses).select("address", "chain", "as_of").head(40)
    among = listed["address"].implode()
    own = world.transfers.filter(pl.col("sender").is_in(among) | pl.col("receiver").is_in(among))
    coverage = world.coverage.join(listed, on=["chain", "address"], how="semi")
    return {
        "transfers": as_json(own),
        "coverage": as_json(coverage),
        "addresses": listed.to_dicts(),
        "as_of": AS_OF,
        "research_use": True,
    }


@pytest.fixture(scope="module")
def expected(world, asked, bundle, tmp_path_factory) -> list[str]:
    """What `unrinse score` writes about the same, line by line."""
    folder = tmp_path_factory.mktemp("asked")
    listed = pl.read_csv(world.addresses).select("address", "chain", "as_of").head(40)
    among = listed["address"].implode()
    own = world.transfers.filter(pl.col("sender").is_in(among) | pl.col("receiver").is_in(among))
    write_parquet(own, folder / "transfers.parquet")
    coverage = world.coverage.join(listed, on=["chain", "address"], how="semi")
    write_parquet(coverage, folder / "coverage.parquet")
    listed.write_csv(folder / "list.csv")
    score(
        bundle, folder / "transfers.parquet", folder / "list.csv", folder / "scores.jsonl",
        reasons=REASONS, research_use=True, threads=1,
        as_of=pl.Series([AS_OF]).str.to_datetime(time_zone="UTC")[0],
    )  # fmt: skip
    return (folder / "scores.jsonl").read_text().splitlines()


def test_the_answer_is_what_score_writes_to_the_last_bit(asked, expected, bundle):
    found = answer(bundle, asked)
    assert found == [json.loads(line) for line in expected]
    scored = [row for row in found if row["status"] == "scored"]
    assert len(scored) > 10
    # The text on the wire is in shortest round-trip form too: the same digits, not only the number.
    for row, line in zip(found, expected, strict=True):
        assert f'"score":{json.dumps(row["score"])}' in line
        assert f'"log_odds":{json.dumps(row["log_odds"])}' in line
    assert any(row["top_reasons"] for row in found)


def test_the_request_may_be_a_table_of_one_row(asked, bundle):
    table = SimpleNamespace(to_dict=lambda how: [asked] if how == "records" else None)
    assert answer(bundle, table) == answer(bundle, [asked])


def test_addresses_may_be_plain_texts_and_histories_declared_complete(asked, bundle):
    request = {k: v for k, v in asked.items() if k != "coverage"}
    request["addresses"] = [row["address"] for row in asked["addresses"][:3]]
    found = answer(bundle, {**request, "assume_complete": True, "reasons": 0})
    assert [row["address"] for row in found][:1] == request["addresses"][:1]
    assert {row["top_reasons"] for row in found} == {None}


def test_services_of_the_request_count(asked, bundle):
    first = asked["addresses"][0]
    shop = {"chain": first["chain"], "address": first["address"], "category": "exchange_hot",
            "licit": True}  # fmt: skip
    assert answer(bundle, {**asked, "services": [shop]})[0]["status"] == "licit_service"
    with pytest.raises(Refused, match="Line 2 of services.csv has the category") as refused:
        answer(bundle, {**asked, "services": [{**shop, "category": "shop"}]})
    assert "/" not in refused.value.message  # where the server keeps its files is not told


@pytest.mark.parametrize(
    "change, words",
    [
        ({"transfers": []}, "The request has no transfers"),
        ({"addresses": "0x1"}, "The request has no addresses"),
        ({"adresses": []}, "Did you mean 'addresses'?"),
        ({"transfers": [{"chian": "tron"}]}, "Did you mean 'chain'?"),
        ({"transfers": [1]}, "no list of objects"),
        ({"transfers": [{"chain": "tron", "block_time": "yesterday"}]}, "cannot be read"),
        ({"transfers": [{"usd_micros": 1.5}]}, "cannot be read"),
        ({"reasons": -1}, "a whole number"),
        ({"reasons": True}, "a whole number"),
        ({"research_use": "yes"}, "true or false"),
        ({"research_use": False}, "--research-use"),
        ({"as_of": "soon"}, "ISO 8601"),
        ({"as_of": None, "addresses": ["0x" + "1" * 40]}, "Pass --as-of"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(asked, bundle, change, words):
    with pytest.raises(Refused) as refused:
        answer(bundle, {**asked, **change})
    assert words in str(refused.value)


@pytest.mark.parametrize("request_", [None, 3, [], [1, 2], "x"])
def test_what_is_no_object_is_refused(request_, bundle):
    with pytest.raises(Refused, match="one object"):
        answer(bundle, request_)


def test_the_script_verifies_the_bundle_and_turns_a_refusal_into_an_answer(asked, bundle):
    with quietly():
        import mlflow
        from mlflow.exceptions import MlflowException

        scorer = runpy.run_path(str(serving_code()))["Scorer"]()
    context = SimpleNamespace(
        artifacts={"bundle": str(bundle)},
        model_config={"bundle_sha256": Bundle.load(bundle).sha256},
    )
    scorer.load_context(context)
    assert scorer.predict(context, [asked]) == answer(bundle, asked)
    with pytest.raises(MlflowException, match="no addresses") as refused:
        scorer.predict(context, [{**asked, "addresses": []}])
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    context.model_config = {"bundle_sha256": "0" * 64}
    with pytest.raises(Refused, match="has the SHA-256"):
        scorer.load_context(context)
    assert mlflow is not None


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def served(bundle, port, tmp_path) -> Iterator[int]:
    """The model behind `mlflow models serve` on the loopback."""
    sha256 = Bundle.load(bundle).sha256
    with quietly():
        made = _packed(bundle, sha256, tmp_path, serving_code(), {"decision_use": False})
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(made)),
        *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)),
    ]
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    log = (tmp_path / "server.log").open("w")
    with log, subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
    ) as server:  # fmt: skip
        try:
            for _ in range(240):
                if server.poll() is not None:
                    break
                try:
                    if posted(port, "GET", "/ping")[0] == 200:
                        break
                except OSError:
                    time.sleep(0.25)
            yield port
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def posted(port: int, method: str, path: str, body: object = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"})
        got = connection.getresponse()
        return got.status, got.read().decode()
    finally:
        connection.close()


def test_mlflow_models_serve_answers_as_score_does(served, asked, expected):
    status, text = posted(served, "POST", "/invocations", {"dataframe_records": [asked]})
    assert status == 200, text
    assert json.loads(text)["predictions"] == [json.loads(line) for line in expected]
    status, text = posted(
        served, "POST", "/invocations", {"dataframe_records": [{**asked, "addresses": []}]}
    )
    assert status == 400
    assert "The request has no addresses" in text
