"""The program as people run it: the whole, bad input, Ctrl-C; some in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines import cli
from pipelines.demo import hits
from tests.conftest import REPOSITORY

COMMAND = [sys.executable, "-m", "pipelines.cli"]


def start(*words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def run(*words: str | Path) -> tuple[int, str, str]:
    with start(*words) as process:
        out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def refused(*words: str | Path) -> str:
    """Run a job that must be refused; return its one message."""
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    return refusal(done.exit_code, done.stdout, done.stderr)


def refusal(code: int, out: str, err: str) -> str:
    """Return the one message of a job that was refused."""
    assert code == 2, err
    assert out == ""
    assert "Traceback" not in err
    [message] = err.strip().splitlines()
    assert message.startswith("Refused: ")
    return message


@pytest.fixture
def out(tmp_path):
    """A folder in which nothing may stay behind."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


def test_the_demo_ends_with_where_the_report_is(tmp_path):
    # Smaller worlds have too few labelled launderers to learn from.
    code, out, err = run(
        "demo", "--out", tmp_path / "demo", "--addresses", "1500", "--prevalence", "0.1"
    )
    assert code == 0, err
    told = json.loads(out)
    report = Path(told["report"])
    assert report == tmp_path / "demo" / "report" / "index.html"
    assert report.name in err
    assert "synthetic" in report.read_text(encoding="utf-8").lower()
    assert (tmp_path / "demo" / "evaluation" / "evaluation.html").is_file()
    assert pl.read_parquet(told["scores"]).height > 0
    assert "at a prevalence of" in told["test"]["pr_auc"]
    assert told["alerts"] == 0
    assert "There are no alerts: the labels are too few" in " ".join(err.split())
    assert not list(tmp_path.glob("**/*.partial"))


def test_the_demo_counts_the_alerts_that_are_right(tmp_path):
    who = {"chain": ["tron"] * 4, "address": ["a", "b", "c", "d"]}
    truth = pl.DataFrame({**who, "role": ["collector", "benign", "mule", "swapper"]})
    pl.DataFrame({**who, "rank": [1, 2, None, 3]}).write_parquet(tmp_path / "scores.parquet")
    (said,) = hits(tmp_path / "scores.parquet", truth, 2)
    assert said.startswith("1 of the 2 alerts")


def test_a_demo_too_small_to_learn_from_says_what_to_change(tmp_path):
    message = refused("demo", "--out", tmp_path / "demo", "--addresses", "300")
    assert "3 criminals" in message
    assert "--prevalence" in message


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b"<html><body>Rate limit</body></html>", "is a web page"),
        (b"a,b\n1,2\n", "columns ['a', 'b']"),
    ],
    ids=["an empty file", "an error page", "a wrong format"],
)
def test_exports_that_are_none(tmp_path, out, content, said):
    (tmp_path / "export.csv").write_bytes(content)
    message = refused("ingest", "auto", tmp_path / "export.csv", "--out", out / "store")
    assert said in message
    assert "export.csv" in message


def test_a_truncated_parquet_file(tmp_path, out, world, bundle):
    whole = (world.store / "transfers.parquet").read_bytes()
    path = tmp_path / "cut.parquet"
    path.write_bytes(whole[: len(whole) // 2])
    in_a_process = run(
        "score", bundle, path, "--addresses", world.addresses, "--out", out / "s.csv",
        "--as-of", "2024-06-01", "--research-use",
    )  # fmt: skip
    message = refusal(*in_a_process)
    assert "broken Parquet" in message
    assert "cut.parquet" in message


def test_a_tampered_bundle(tmp_path, out, world, bundle):
    shutil.copytree(bundle, tmp_path / "bundle")
    model = tmp_path / "bundle" / "model.txt"
    text = bytearray(model.read_bytes())
    text[len(text) // 2] ^= 1
    model.write_bytes(text)
    message = refused(
        "score", tmp_path / "bundle", world.store, "--addresses", world.addresses,
        "--out", out / "s.csv",
    )  # fmt: skip
    assert "model.txt" in message
    assert "SHA-256" in message


def test_an_address_list_with_a_typo_is_done_in_part(tmp_path, world, bundle):
    # An address without its chain stands for itself on every chain where it occurs.
    on_one = pl.col("address").is_unique()
    good = pl.read_csv(world.addresses).filter(on_one)["address"].head(3).to_list()
    path = tmp_path / "list.txt"
    path.write_text("\n".join([*good, good[0][:-1]]) + "\n")
    code, out, err = run(
        "score", bundle, world.store, "--addresses", path, "--out", tmp_path / "s.csv"
    )
    assert code == 3
    assert "Traceback" not in err
    assert "line 4" in err
    assert json.loads(out)["addresses"] == 3
    assert pl.read_csv(tmp_path / "s.csv")["address"].to_list() == good


def test_an_empty_address_list_and_real_transfers(tmp_path, out, world, bundle):
    (tmp_path / "list.txt").write_text("# nobody yet\n")
    message = refused(
        "score", bundle, world.store, "--addresses", tmp_path / "list.txt", "--out", out / "s.csv"
    )
    assert "list.txt" in message
    real = world.copy(tmp_path / "real", synthetic=False)
    message = refused(
        "explain", bundle, real, "--addresses", world.addresses, "--out", out / "alerts"
    )
    assert "--research-use" in message


def test_ctrl_c_ends_with_130_and_leaves_nothing(out):
    with start("simulate", "--out", out / "world", "--addresses", "60000") as process:
        time.sleep(4)
        assert process.poll() is None, process.communicate()[1]
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to its children, too
        printed, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert printed == ""
    assert "Stopped" in err
    assert "Traceback" not in err


@pytest.mark.slow  # replay and diff are tested as functions on every run
def test_alerts_are_replayed_and_runs_compared(world, bundle, tmp_path):
    places = ("--bundle", bundle, "--transfers", world.store)
    asked = ("--addresses", world.addresses)
    alerts, changes = tmp_path / "alerts", tmp_path / "changes.jsonl"
    assert run("explain", bundle, world.store, *asked, "--out", alerts, "--top", "3")[0] == 0
    code, out, err = run("replay", alerts, *places, *asked)
    assert (code, json.loads(out)["outcomes"]) == (0, {"reproduced": 3}), err
    one = tmp_path / "one.json"
    line = (alerts / "alerts.jsonl").read_text(encoding="utf-8").splitlines()[1]
    one.write_text(line.replace('"rank":2', '"rank":1') + "\n", encoding="utf-8")
    code, out, err = run("replay", one, *places, *asked)
    assert (code, json.loads(out)["outcomes"]) == (4, {"differs": 1}), err
    assert "fields rank" in err
    runs = [tmp_path / "old.csv", tmp_path / "new.csv"]
    services = ("--services", world.services)
    for file, more in zip(runs, ((), services), strict=True):
        assert run("score", bundle, world.store, *asked, "--out", file, *more)[0] == 0
    code, out, err = run("diff", *runs, "--out", changes, *places, *services)
    assert (code, json.loads(out)["causes"]) == (0, ["labels"]), err
    assert len(changes.read_text(encoding="utf-8").splitlines()) == world.asked
    message = refused("diff", *runs, "--out", tmp_path / "again.csv", *places)
    assert "new.csv: File 1 of 1 of services or labels: recorded SHA-256" in message
    assert not (tmp_path / "again.csv").exists()
