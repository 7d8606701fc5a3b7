"""Where the labels are from: asked before training, told by bundle, card, evaluation and page."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import Refused
from models.bundle import Bundle
from pipelines.evaluate import evaluate
from pipelines.labels import import_labels, retract_labels
from pipelines.train import train
from tests.pipelines.conftest import FEWEST


@pytest.fixture
def real(world, tmp_path) -> Path:
    """The world's transfers, as a store that does not say that it is invented."""
    return world.copy(tmp_path / "store", synthetic=False)


def test_labels_of_a_real_store_must_say_where_they_are_from(real, world, tmp_path):
    out = tmp_path / "bundle"
    with pytest.raises(Refused, match="does not say where .* are from.*--labels-from"):
        train(real, world.labels, out, min_transfers=FEWEST)
    with pytest.raises(Refused, match="must not teach: a report is secret"):
        train(
            real, world.labels, out, min_transfers=FEWEST, labels_from="suspicious activity reports"
        )
    propagated = pl.read_csv(world.labels).with_columns(category=pl.lit("model_propagated"))
    propagated.write_csv(tmp_path / "propagated.csv")
    with pytest.raises(Refused, match="model_propagated must not teach"):
        train(world.store, tmp_path / "propagated.csv", out, min_transfers=FEWEST)
    assert not out.exists()


def test_bundle_card_evaluation_and_page_tell_it(real, world, tmp_path):
    mine = pl.read_csv(world.labels)
    some = pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("a `list` of <others>"))
    mine.with_columns(source=some).write_csv(tmp_path / "labels.csv")
    made = train(
        real, tmp_path / "labels.csv", tmp_path / "bundle", min_transfers=FEWEST,
        labels_from="the fraud team", trained_on="reviewed",
    )  # fmt: skip
    others = mine.gather_every(3)
    n = [mine.height - others.height, others.height]
    positive = [int(mine["label"].sum()) - int(others["label"].sum()), int(others["label"].sum())]
    names = ["the fraud team", "a `list` of <others>"]
    records = [
        {"source": name, "n": count, "n_positive": ones}
        for name, count, ones in zip(names, n, positive, strict=True)
    ]
    assert made.labels_from == dict(zip(names, n, strict=True))
    stated = {"sources": records, "further": {"sources": 0, "n": 0, "n_positive": 0}}
    assert Bundle.load(made.out).facts.training["labels_from"] == stated
    assert json.loads((made.out / "evaluation.json").read_text())["labels_from"] == stated
    card = (made.out / "model_card.md").read_text()
    assert f"`a 'list' of <others>` ({n[1]:,}, {positive[1]:,} positive)" in card
    # The same labels, known again whoever says where they are from.
    told = evaluate(made.out, real, world.labels, tmp_path / "evaluation")
    assert set(told.splits) == {"train", "validation", "test"}
    assert json.loads((told.out / "evaluation.json").read_text())["labels_from"] == stated
    assert "<b>a `list` of &lt;others&gt;</b>" in told.page.read_text()


def test_labels_of_an_invented_world_need_not_say_it(trained):
    told = json.loads((trained.out / "bundle.json").read_text())["training"]["labels_from"]
    assert [record["source"] for record in told["sources"]] == ["simulation"]


@pytest.mark.unwatched
def test_a_folder_of_labels_is_learned_from_and_a_retraction_finds_the_bundle(world, tmp_path):
    truth = pl.read_csv(world.labels).unique(["chain", "address"])
    words = pl.when(pl.col("label") == 1).then(pl.lit("pig_butchering"))
    mine = truth.select("chain", "address", category=words.otherwise(pl.lit("reviewed_benign")))
    mine.write_csv(tmp_path / "mine.csv")
    import_labels([tmp_path / "mine.csv"], tmp_path / "labels")
    runs = tmp_path / "runs"
    how: dict[str, Any] = {
        "as_of": datetime.fromisoformat(world.as_of),
        "min_transfers": FEWEST,
        "allow": ["missing_dates"],
    }
    with pytest.raises(Refused, match="missing_dates"):
        train(world.store, tmp_path / "labels", runs / "bundle", **{**how, "allow": []})
    assert not runs.exists()
    made = train(world.store, tmp_path / "labels", runs / "bundle", **how)
    assert made.labels_from == {"plain": mine.height}
    assert (runs / "bundle.labels" / "used.parquet").exists()
    by_file = train(world.store, tmp_path / "labels" / "labels.parquet", tmp_path / "b", **how)
    assert by_file.bundle_sha256 == made.bundle_sha256
    told = evaluate(made.out, world.store, tmp_path / "labels", tmp_path / "e", as_of=how["as_of"])
    assert set(told.splits) == {"train", "validation", "test"}
    gone = retract_labels(tmp_path / "labels", mine["address"][0], "wrong", "K. M.", below=runs)
    assert gone.bundles == (str(runs / "bundle"),)
