"""Reviews in the collection: labels like any other, that expire, conflict and are taken back."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from data.errors import Refused
from data.labels.collection import COLLECTED, Collection
from data.labels.table import LABELS
from data.labels.training import TRAINING_LABELS, read_training_labels
from data.storage import read_manifest
from data.transfers import open_transfers
from pipelines.labelling.labelled import read_labels
from pipelines.labels import import_labels, map_labels, retract_labels, show_labels
from pipelines.review import review_labels

A, B, C, D, E = (f"0x{i:040x}" for i in range(0x10000, 0x10005))
JANUARY, MAY, JUNE = (datetime(2024, month, 1, tzinfo=UTC) for month in (1, 5, 6))
KEY = "chain,address,as_of,drawn,selection_probability\n"
REVIEWS = "chain,address,as_of,disposition,reviewer,reason,reviewed_at,expires_at\n"


def key(address: str, drawn: str, chance: float, as_of: str = "2024-01-01") -> str:
    return f"ethereum,{address},{as_of},{drawn},{chance}\n"


def said(address: str, word: str, on: str, *, as_of: str = "2024-01-01", until: str = "") -> str:
    return f"ethereum,{address},{as_of},{word},K. M.,{word} by hand,{on},{until}\n"


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """What `labels review` makes of: confirmed; cleared by chance; torn; replaced; unsure."""
    (tmp_path / "key.csv").write_text(
        KEY + key(A, "alert", 1) + key(B, "control", 0.05) + key(C, "alert", 1)
        + key(D, "alert", 1) + key(D, "control", 0.2, "2024-03-01") + key(E, "alert", 1)
    )  # fmt: skip
    (tmp_path / "review.csv").write_text(
        REVIEWS + said(A, "confirmed", "2024-02-01")
        + said(B, "cleared", "2024-02-01", until="2024-05-01")
        + said(C, "confirmed", "2024-02-01") + said(C, "cleared", "2024-02-01")
        + said(D, "confirmed", "2024-02-01") + said(D, "cleared", "2024-02-09")
        + said(D, "confirmed", "2024-03-09", as_of="2024-03-01") + said(E, "unsure", "2024-02-01")
    )  # fmt: skip
    made = review_labels(
        [tmp_path / "review.csv"], tmp_path / "reviews", [tmp_path / "key.csv"], at=JANUARY
    )
    return made.out


@pytest.fixture
def labels(reviews: Path, tmp_path: Path) -> Path:
    told = import_labels([reviews / "reviews.csv"], tmp_path / "labels")
    assert (told.labels, told.quarantined, told.exit_code) == (8, 0, 0)
    return told.out


def taught(labels: Path, at: datetime = JANUARY) -> list[tuple[object, ...]]:
    made = map_labels(labels, labels.parent / "training", at=at)
    rows = read_training_labels(made.labels).sort("address", "as_of")
    return rows.select("address", "as_of", "label", "selection_probability", "source").rows()


def test_they_teach_as_by_themselves(reviews, labels):
    mapped = map_labels(labels, labels.parent / "training", at=JANUARY)
    judged = read_training_labels(reviews / "labels.csv").filter(pl.col("label").is_not_null())
    by = ["address", "as_of"]
    assert read_training_labels(mapped.labels).sort(by).equals(judged.sort(by))
    march = datetime(2024, 3, 1, tzinfo=UTC)
    assert taught(labels) == [
        (A, JANUARY, 1, 1.0, "reviews"),
        (B, JANUARY, 0, 0.05, "reviews"),
        (D, JANUARY, 0, 1.0, "reviews"),
        (D, march, 1, 0.2, "reviews"),
    ]
    known = Collection.read(labels).labels.filter(address=A).row(0, named=True)
    assert known["available_at"] == datetime(2024, 2, 1, tzinfo=UTC)
    assert (known["reviewer"], known["reason"]) == ("K. M.", "confirmed by hand")


def test_what_has_expired_teaches_no_more(labels):
    assert B in [row[0] for row in taught(labels, datetime(2024, 4, 30, tzinfo=UTC))]
    assert B not in [row[0] for row in taught(labels, MAY)]
    told = map_labels(labels, labels.parent / "training", at=MAY)
    assert any("have expired: 1" in note for note in told.notes)
    assert show_labels(labels, B, at=JANUARY)[-1]["verdict"] == "negative"
    assert len(show_labels(labels, B, at=MAY)) == 1  # the label is shown, and nothing stands


def test_a_later_review_that_comes_in_later_replaces_the_first(labels, tmp_path):
    text = (labels.parent / "reviews" / "reviews.csv").read_text().splitlines()
    [first] = [line for line in text if A in line]
    again = first.replace("confirmed,", "cleared,").replace("2024-02-01", "2024-02-20")
    (tmp_path / "more.csv").write_text(f"{text[0]}\n{again}\n")
    assert import_labels([tmp_path / "more.csv"], labels).new == 1
    assert taught(labels)[0] == (A, JANUARY, 0, 1.0, "reviews")
    shown = show_labels(labels, A, at=JANUARY)
    assert {row.get("reviewer") for row in shown} == {"K. M.", None}
    assert shown[-1]["path"] == "what stands on ethereum as of 2024-01-01 00:00"


def test_lists_and_reviews_settle_by_confidence(labels, tmp_path):
    rows = [(A, "reviewed_benign", "forensic"), (B, "pig_butchering", "web_crawl")]
    rows += [(D, "pig_butchering", "authority_data")]
    text = "".join(f"ethereum,{a},{word},{sure}\n" for a, word, sure in rows)
    (tmp_path / "mine.csv").write_text("chain,address,category,confidence\n" + text)
    import_labels([tmp_path / "mine.csv"], labels)
    march = datetime(2024, 3, 1, tzinfo=UTC)
    assert taught(labels) == [
        # A: as sure as each other, and they disagree. B: the surer review; it would be a row
        # without the draw too. D: the surer list, at both moments that reviews name.
        (B, JANUARY, 0, None, "reviews"),
        (D, JANUARY, 1, None, "plain"),
        (D, march, 1, None, "plain"),
    ]
    conflicts = pl.read_csv(labels.parent / "training" / "conflicts.csv", try_parse_dates=True)
    # C: the two reviews of one moment.
    assert conflicts.select("address", "as_of", "stands").rows() == [
        (A, JANUARY, None), (B, JANUARY, "negative"), (C, JANUARY, None),
        (D, JANUARY, "positive"),
    ]  # fmt: skip


def test_a_review_is_taken_back_like_any_label_and_its_uses_are_named(reviews, labels, tmp_path):
    bundle = tmp_path / "runs" / "bundle.json"
    bundle.parent.mkdir()
    known = read_manifest(reviews)["training_labels"]
    bundle.write_text(json.dumps({"training": {"sources": {"labels": known}}}))
    told = retract_labels(labels, A, "wrong wallet", "M. L.", source="reviews", below=tmp_path)
    assert told.retracted == 1
    assert told.training_sets == (str(reviews),)
    assert told.bundles == (str(bundle.parent),)
    assert A not in [row[0] for row in taught(labels)]
    import_labels([reviews / "reviews.csv"], labels)
    assert A not in [row[0] for row in taught(labels)]
    # A review that did not count taught nothing, and nobody's label is none of this.
    torn = retract_labels(labels, C, "unclear", "M. L.", below=tmp_path / "reviews")
    assert (torn.retracted, torn.training_sets) == (2, ())


def test_a_list_of_ones_own_may_say_the_same_things(tmp_path):
    (tmp_path / "mine.csv").write_text(
        "chain,address,category,confidence,as_of,expires_at,selection_probability,reviewer,reason,"
        f"source\nethereum,{A},pig_butchering,forensic,2024-01-01,2024-05-01,0.5,K. M.,x,desk 2\n"
        f"ethereum,{B},pig_butchering,forensic,2024-01-01,,2,K. M.,seen,desk 2\n"
    )
    told = import_labels([tmp_path / "mine.csv"], tmp_path / "labels")
    assert (told.labels, told.quarantined) == (1, 1)
    assert taught(tmp_path / "labels") == [(A, JANUARY, 1, 0.5, "plain: desk 2")]
    with pytest.raises(Refused, match="teaches anything"):
        map_labels(tmp_path / "labels", tmp_path / "out", at=MAY)


def test_a_folder_of_an_earlier_version_is_read_and_its_labels_keep_their_ids(tmp_path):
    """The ids are worked out here as that version did, from its columns alone."""
    (tmp_path / "mine.csv").write_text(f"chain,address,category\nethereum,{A},mixer\n")
    import_labels([tmp_path / "mine.csv"], tmp_path / "labels")
    later = ("as_of", "expires_at", "selection_probability", "reviewer", "reason")
    [row] = Collection.read(tmp_path / "labels").labels.iter_rows(named=True)
    told = [row[name] or "\x1f" for name in LABELS if name not in ("status", *later)]
    assert row["label_id"] == hashlib.sha256("\x1f".join(told).encode()).hexdigest()[:16]
    before = Collection.read(tmp_path / "labels")
    table = tmp_path / "labels" / "labels.parquet"
    pl.read_parquet(table).drop(later).write_parquet(table)
    manifest = json.loads((tmp_path / "labels" / "manifest.json").read_text())
    manifest["files"]["labels.parquet"] = hashlib.sha256(table.read_bytes()).hexdigest()
    _write_again(tmp_path / "labels", manifest)
    again = Collection.read(tmp_path / "labels")
    assert again.labels.equals(before.labels)
    assert again.labels.columns == list(COLLECTED)


def _write_again(folder: Path, manifest: dict[str, object]) -> None:
    from data.storage import write_manifest

    kept = {k: v for k, v in manifest.items() if k not in ("kind", "files", "checksum")}
    write_manifest(folder, str(manifest["kind"]), kept)


def test_labels_of_two_moments_that_one_cut_would_tear_are_refused(world, tmp_path):
    known = pl.read_csv(world.labels).filter(chain="ethereum")["address"]
    rows = pl.DataFrame(
        {
            "chain": "ethereum",
            "address": [known[0], known[0], known[1]],
            "label": [0, 1, 1],
            "as_of": ["2024-01-01", "2024-02-01", None],
        }
    )
    rows.write_csv(tmp_path / "labels.csv")
    with pytest.raises(Refused, match=f"1 addresses are both 1 and 0, the first {known[0]}"):
        read_labels(tmp_path / "labels.csv", open_transfers(world.store), None)
    rows.with_columns(split=pl.Series(["a", "a", "b"])).write_csv(tmp_path / "labels.csv")
    found = read_labels(tmp_path / "labels.csv", open_transfers(world.store), None)
    assert list(found.columns) == [*TRAINING_LABELS, "as_of_given"]
