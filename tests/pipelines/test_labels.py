"""The `labels` jobs: rows in are labels and rows set aside; a retraction names what it touches."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from data.errors import Refused
from data.labels.collection import Collection
from data.labels.training import read_training_labels
from data.storage import MANIFEST, read_manifest
from pipelines.labelling.labelled import label_hash
from pipelines.labels import import_labels, map_labels, retract_labels, show_labels
from pipelines.train import train
from tests.data.labels.samples import EVM, TRON

MARCH, APRIL = (datetime(2024, month, 1, tzinfo=UTC) for month in (3, 4))
HEADER = "chain,address,category,confidence,available_at\n"
MINE = (
    HEADER
    + f"ethereum,{EVM[0]},pig_butchering,forensic,2024-03-01\n"
    + f"ethereum,{EVM[1]},reviewed_benign,forensic,\n"
    + f"tron,{TRON},exchange_hot,ownership,\n"
    + "ethereum,nobody,pig_butchering,forensic,\n"
)
OFAC = f"{EVM[1]}\n"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A folder of labels: a list of one's own, and one that disagrees with it."""
    (tmp_path / "mine.csv").write_text(MINE)
    (tmp_path / "sanctioned_addresses_ETH.txt").write_text(OFAC)
    import_labels([tmp_path / "mine.csv"], tmp_path / "labels")
    import_labels([tmp_path / "sanctioned_addresses_ETH.txt"], tmp_path / "labels")
    return tmp_path / "labels"


def test_rows_in_are_labels_and_rows_set_aside(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(MINE)
    told = import_labels([tmp_path / "mine.csv"], tmp_path / "labels", available_at=APRIL)
    assert (told.rows, told.labels, told.new, told.quarantined, told.exit_code) == (4, 3, 3, 1, 3)
    known = Collection.read(tmp_path / "labels").labels.sort("available_at", "address")
    assert known["available_at"].to_list() == [MARCH, APRIL, APRIL]  # what a list says stays
    assert known["label_id"].is_unique().all()


def test_no_date_is_made_up(labels: Path) -> None:
    assert Collection.read(labels).labels["available_at"].drop_nulls().to_list() == [MARCH]


def test_what_comes_again_is_not_added_again_and_the_same_bytes_result(labels: Path) -> None:
    before = {file.name: file.read_bytes() for file in labels.iterdir()}
    told = import_labels([labels.parent / "mine.csv"], labels)
    assert (told.new, told.labels) == (0, 4)
    assert {file.name: file.read_bytes() for file in labels.iterdir()} == before


def test_a_file_that_is_no_list_changes_nothing(labels: Path) -> None:
    before = (labels / MANIFEST).read_bytes()
    (labels.parent / "poem.txt").write_text("Roses are red\n")
    with pytest.raises(Refused, match="no label list"):
        import_labels([labels.parent / "mine.csv", labels.parent / "poem.txt"], labels)
    assert (labels / MANIFEST).read_bytes() == before


def test_a_folder_of_something_else_is_refused(tmp_path: Path, labels: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("private")
    with pytest.raises(Refused, match="not an earlier result"):
        import_labels([tmp_path / "mine.csv"], tmp_path / "other")
    with pytest.raises(Refused, match="no folder of labels"):
        map_labels(tmp_path / "other", tmp_path / "out")


def test_training_labels_are_what_stands_and_conflicts_are_listed(labels: Path) -> None:
    told = map_labels(labels, labels.parent / "training")
    assert (told.positive, told.negative, told.set_apart) == (1, 0, 2)  # authority beats forensic
    rows = read_training_labels(told.labels)
    assert rows.select("address", "label", "as_of").rows() == [(EVM[0].lower(), 1, None)]
    assert rows["available_at"].to_list() == [MARCH]
    conflicts = pl.read_csv(told.out / "conflicts.csv")
    assert conflicts.select("address", "stands").rows() == [(EVM[1].lower(), "apart")]
    assert "negative by plain: reviewed_benign (forensic)" in conflicts["claims"][0]
    manifest = read_manifest(told.out)
    assert manifest["training_labels"] == label_hash(rows)
    assert any("one class" in note for note in told.notes)


def test_the_surest_that_disagree_settle_nothing(tmp_path: Path) -> None:
    both = "".join(f"ethereum,{EVM[0]},{c},forensic,\n" for c in ("pig_butchering", "victim"))
    (tmp_path / "mine.csv").write_text(HEADER + both + f"tron,{TRON},pig_butchering,forensic,\n")
    import_labels([tmp_path / "mine.csv"], tmp_path / "labels")
    told = map_labels(tmp_path / "labels", tmp_path / "out")
    assert (told.positive, told.unsettled, told.conflicts) == (1, 1, 1)
    assert any("left out" in note for note in told.notes)
    shown = show_labels(tmp_path / "labels", EVM[0])
    assert shown[-1]["verdict"].startswith("nothing")


def test_what_must_not_teach_is_refused_and_counted(tmp_path: Path) -> None:
    words = ("model_propagated", "suspicious_activity_report", "reported_abuse")
    rows = "".join(f"ethereum,{a},{c},ownership,\n" for a, c in zip(EVM, words, strict=True))
    (tmp_path / "mine.csv").write_text(HEADER + rows)
    import_labels([tmp_path / "mine.csv"], tmp_path / "labels")
    with pytest.raises(Refused, match="teaches anything"):
        map_labels(tmp_path / "labels", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "more.csv").write_text(HEADER + f"tron,{TRON},pig_butchering,web_crawl,\n")
    import_labels([tmp_path / "more.csv"], tmp_path / "labels")
    told = map_labels(tmp_path / "labels", tmp_path / "out")
    assert any("must not teach" in note and ": 2." in note for note in told.notes)
    assert any("say nothing" in note and ": 1." in note for note in told.notes)


def test_labels_are_counted_and_shown_by_address(labels: Path) -> None:
    counted = {row["path"]: row["labels"] for row in show_labels(labels)}
    assert counted["plain: pig_butchering"] == 1
    assert sum(counted.values()) == 4
    shown = show_labels(labels, EVM[1].upper().replace("0X", "0x"))
    assert [row.get("category") for row in shown] == ["sanctioned", "reviewed_benign", None]
    assert shown[-1]["verdict"] == "apart"
    with pytest.raises(Refused, match="no label on"):
        show_labels(labels, "T-nobody")


def test_a_retracted_label_stays_retracted(labels: Path) -> None:
    told = retract_labels(labels, EVM[1], "not theirs", "K. M.", source="ofac", at=APRIL)
    assert told.retracted == 1
    gone = Collection.read(labels).labels.filter(status="retracted").row(0, named=True)
    assert (gone["retracted_by"], gone["retraction_reason"]) == ("K. M.", "not theirs")
    assert gone["retracted_at"] == APRIL
    again = import_labels([labels.parent / "sanctioned_addresses_ETH.txt"], labels)
    assert again.new == 0
    assert any("stay retracted: 1" in note for note in again.notes)
    assert map_labels(labels, labels.parent / "training").negative == 1
    with pytest.raises(Refused, match="no active label of ofac"):
        retract_labels(labels, EVM[1], "again", "K. M.", source="ofac")


def test_a_retraction_names_every_bundle_and_alert_that_used_the_label(tmp_path, world) -> None:
    """Labels, training labels, a bundle trained on them and an alert of it: all are named."""
    truth = pl.read_parquet(world.labels) if world.labels.suffix == ".parquet" else None
    truth = read_training_labels(world.labels) if truth is None else truth
    said = truth.filter(pl.col("label").is_not_null()).unique(["chain", "address"])
    words = pl.when(pl.col("label") == 1).then(pl.lit("pig_butchering"))
    mine = said.select("chain", "address", category=words.otherwise(pl.lit("reviewed_benign")))
    mine.with_columns(confidence=pl.lit("forensic")).write_csv(tmp_path / "mine.csv")
    import_labels([tmp_path / "mine.csv"], tmp_path / "labels")
    runs = tmp_path / "runs"
    mapped = map_labels(tmp_path / "labels", runs / "training")
    as_of = datetime.fromisoformat(world.as_of)
    made = train(
        world.store,
        mapped.labels,
        runs / "bundle",
        as_of=as_of,
        min_transfers=3,
        allow=["missing_dates"],
    )
    other = runs / "other" / "bundle.json"
    other.parent.mkdir()
    other.write_text(json.dumps({"training": {"sources": {"labels": "0" * 64}}}))
    (runs / "alerts").mkdir()
    lines = [made.bundle_sha256, made.bundle_sha256, hashlib.sha256(b"other").hexdigest()]
    text = "".join(json.dumps({"bundle_sha256": sha256}) + "\n" for sha256 in lines)
    (runs / "alerts" / "alerts.jsonl").write_text(text + "not JSON\n")

    address = mine["address"][0]
    told = retract_labels(tmp_path / "labels", address, "a mistake", "K. M.", below=runs)
    assert told.training_sets == (str(runs / "training"),)
    assert told.bundles == (str(runs / "bundle"),)
    assert told.alerts == {str(runs / "alerts" / "alerts.jsonl"): 2}
    assert len(told.notes) == 3


def test_a_retraction_of_what_nobody_used_says_so(labels: Path, tmp_path: Path) -> None:
    told = retract_labels(labels, TRON, "moved away", "K. M.", below=tmp_path / "nothing")
    assert (told.training_sets, told.bundles, told.alerts) == ((), (), {})
    assert "No training labels" in told.notes[0]
