"""Spark's part of a run: with Spark itself on local[2] where it is there, and without it."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from data.errors import Refused
from features.budget import Sizes
from features.catalogue import catalogue
from features.passes import Means, Passes, Question
from features.piece_files import PieceFiles
from features.spill import spill
from pipelines.engines import spark_probe, spark_tasks
from pipelines.engines.choice import Engine
from pipelines.signals import signals
from tests.data.canonical import AS_OF
from tests.features.test_out_of_core import BY_HISTORY, in_memory, opened, silent

ABSENT = find_spec("pyspark") is None or shutil.which("java") is None
on_spark = pytest.mark.skipif(ABSENT, reason="needs the extra spark and a Java runtime")


def rows(signals: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {"rows": signals}


@pytest.mark.parametrize(
    "sizes", [Sizes(500, 900, 4000, 1 << 40), Sizes(9000, 9000, 9000, 1 << 40)]
)
def test_what_executors_compute_is_what_one_process_does(world, tmp_path, sizes):
    """Everything but Spark: the tasks called by hand, blocks in the wrong order."""
    from data.services import load_services
    from features.computing import compute_signals
    from features.own_codes import KnownParties

    transfers = opened(world.store)
    question = Question(AS_OF, services=load_services(world.services), neighbours=True)
    want = compute_signals(in_memory(transfers, None, question), BY_HISTORY)
    with spill(tmp_path) as spilled:
        means = Means(0, spilled, silent, sizes)
        passed = Passes(transfers, None, question, means, PieceFiles).make()
        starts = passed.files.buckets.starts.tolist()
        for bucket, (first, end) in enumerate(pairwise(starts)):
            passed.roll.keys(first, end).write_ipc(spark_tasks.keys_file(spilled.folder, bucket))
        work = spark_tasks.Work(
            passed.files.shared(neighbours=True),
            passed.shared.shared,
            KnownParties.among(passed.parties),
            passed.over_bridges,
            bool(passed.epochs),
            "usd",
            tuple(family.name for family in BY_HISTORY),
            rows,
        )
        import pyarrow as pa

        sent = SimpleNamespace(value=work)
        pieces = pa.record_batch({"id": list(range(work.pieces.pieces + 1))})
        blocks = pa.Table.from_batches(list(spark_tasks.share_out(sent, [pieces])))
        order = list(reversed(range(blocks.num_rows)))
        blocks = blocks.take(order)
        found, transfers_told = [], 0
        for bucket in range(len(starts) - 1):
            of_bucket = [k for k, b in enumerate(blocks["bucket"].to_pylist()) if b == bucket]
            for result in spark_tasks.compute(sent, blocks.take(of_bucket)).to_pylist():
                if result["name"]:
                    found.append(pl.read_ipc(result["content"]))
                else:
                    transfers_told += spark_tasks.told_in(result["content"]).transfers
    assert pl.concat(found).equals(want, null_equal=True)
    assert transfers_told == want["n_transfers"].sum() > 1000


@on_spark
@pytest.mark.slow
def test_spark_writes_the_same_file(world, tmp_path):
    local = signals(world.store, tmp_path / "local.parquet", services=world.services)
    found = signals(
        world.store, tmp_path / "spark.parquet", services=world.services,
        engine="spark", spark_master="local[2]",
    )  # fmt: skip
    assert found.content_sha256 == local.content_sha256
    assert found.transfers == local.transfers
    assert found.notes == local.notes
    assert (tmp_path / "spark.parquet").read_bytes() == (tmp_path / "local.parquet").read_bytes()
    assert not list(tmp_path.glob(".unrinse*"))


def test_what_follows_money_through_all_transfers_is_refused_by_name(world, tmp_path):
    with pytest.raises(Refused, match="Motifs cannot be computed on Spark"):
        signals(world.store, tmp_path / "s.parquet", engine="spark", also=["motifs"])
    assert not list(tmp_path.iterdir())


def test_without_pyspark_the_extra_is_named(world, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspark", None)
    with pytest.raises(Refused, match=r"unrinse\[spark\]"):
        signals(world.store, tmp_path / "s.parquet", engine="spark")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(find_spec("pyspark") is None, reason="needs the extra spark")
def test_without_java_it_is_asked_for(world, tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(Refused, match="needs Java"):
        signals(world.store, tmp_path / "s.parquet", engine="spark")
    assert not list(tmp_path.iterdir())


def test_a_cluster_without_the_engine_is_refused():
    with pytest.raises(Refused, match="--spark-master"):
        Engine("local", "spark://host:7077")
    with pytest.raises(Refused, match="local, spark"):
        Engine("abacus")


def test_executors_that_differ_are_named(tmp_path):
    here = spark_probe.described(str(tmp_path))
    assert here["catalogue"] == catalogue().hash()
    assert spark_probe.complaint(here, here, tmp_path) is None
    for there, said in (
        ({"host": "x", "missing": "No module named 'features'"}, "cannot load Unrinse"),
        (here | {"numpy": "1.0"}, "has numpy 1.0"),
        (here | {"catalogue": "0"}, "has catalogue 0"),
        (here | {"sees": False}, "does not see the folder"),
    ):
        found = spark_probe.complaint(here, there, tmp_path)
        assert found is not None
        assert said in found[0]
    assert not spark_probe.described(str(tmp_path / "none"))["sees"]


def test_each_program_that_decides_is_asked_for():
    assert set(spark_probe.DECIDING) <= set(spark_probe.described(str(Path())))
