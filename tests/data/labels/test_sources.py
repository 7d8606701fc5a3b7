"""What every label source promises, held against every sample and every hostile variant of it.

A registered source without a sample fails here, so none escapes.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.addresses import canonical_address
from data.errors import Refused
from data.labels import SOURCES, read_label_list, recognised, source_named
from data.labels import files as label_files
from data.labels.categories import meaning
from data.labels.table import BETWEEN, LABELS, STATUSES, LabelList
from data.schema import QUARANTINE
from data.service_table import CONFIDENCES
from tests.data.labels.samples import BITCOIN, EVM, SAMPLES, TRON, Sample

every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=str)
ZERO = "0x" + "0" * 40


def read(sample: Sample, content: bytes | str, folder: Path) -> LabelList:
    """Read changed content under the sample's name."""
    path = folder / sample.file
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_label_list(path)


def check(listed: LabelList) -> None:
    """Hold a list to what all of them promise."""
    labels = listed.labels
    assert labels.schema == pl.Schema(LABELS)
    assert listed.quarantine.schema == pl.Schema(QUARANTINE)
    assert listed.quarantine["row"].is_unique().all()
    assert listed.quarantine["reason"].str.len_chars().min() != 0
    assert set(labels["status"]) <= set(STATUSES)
    assert set(labels["confidence"]) <= set(CONFIDENCES)
    if listed.source != "reviews":  # never filled with a date of ours
        assert labels["available_at"].null_count() == labels.height
    for column in ("chain", "address", "category", "source", "confidence", "status"):
        assert labels[column].null_count() == 0, column
    for chain, address in labels.select("chain", "address").iter_rows():
        assert canonical_address(chain, address) == address


def test_every_source_has_a_sample() -> None:
    assert {sample.source for sample in SAMPLES} == set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_says_what_it_is(name: str) -> None:
    assert len(source_named(name).DESCRIPTION) > 20


@every_sample
def test_only_its_own_source_recognises_it(sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / sample.file
    path.write_text(sample.text)
    head = label_files.head_of(path)
    assert [n for n in SOURCES if source_named(n).recognises(path, head)] == [sample.source]
    assert recognised(path) == sample.source


@every_sample
def test_the_sample_becomes_the_labels_that_it_states(sample: Sample, tmp_path: Path) -> None:
    listed = read(sample, sample.text, tmp_path)
    check(listed)
    columns = ["chain", "address", "category", "role", "name", "confidence"]
    assert listed.labels.select(columns).rows() == list(sample.labels)
    assert listed.rows == sample.rows
    assert listed.quarantine.is_empty()
    sources = {source.partition(":")[0] for source in listed.labels["source"]}
    assert sources == {sample.source} == {listed.source}


@every_sample
def test_every_sample_has_a_category_that_the_mapping_knows(sample: Sample) -> None:
    words = {word for label in sample.labels for word in label[2].split(BETWEEN)}
    assert any(meaning(sample.source, word) for word in words)


@every_sample
def test_rows_in_are_rows_out_and_rows_set_aside(sample: Sample, tmp_path: Path) -> None:
    addresses = [
        *EVM,
        EVM[0].swapcase().replace("0X", "0x"),  # a checksum, and wrong
        ZERO,
        "0x" + "0" * 36 + "18fe",
        "0x12",
        "nobody",
        EVM[0].upper().replace("0X", "0x"),
    ]
    listed = read(sample, sample.of(addresses), tmp_path)
    check(listed)
    assert listed.rows == len(addresses)
    assert listed.labels["address"].to_list() == [a.lower() for a in (*EVM, EVM[0])]
    assert listed.quarantine.height == 5
    assert set(listed.quarantine["file"]) == {sample.file}
    for row, address in zip(listed.quarantine.iter_rows(named=True), addresses[3:8], strict=True):
        assert address in row["raw"]
        assert row["row"] == addresses.index(address) + 1
    assert listed.quarantine["reason"].str.contains("nobody's address").sum() == 2


@given(
    addresses=st.lists(
        st.one_of(
            st.sampled_from([*EVM, ZERO, TRON, BITCOIN]),
            st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=44),
        ),
        min_size=1,
        max_size=12,
        unique=True,
    )
)
@every_sample
def test_no_row_is_lost_whatever_the_addresses(
    sample: Sample, addresses: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("list") / sample.file
    path.write_text(sample.of(addresses))
    listed = source_named(sample.source).read(path)
    check(listed)
    assert listed.rows == listed.labels.height + listed.quarantine.height == len(addresses)


@every_sample
def test_reading_is_pure_and_takes_gzip_and_byte_order_marks(
    sample: Sample, tmp_path: Path
) -> None:
    straight = read(sample, sample.text, tmp_path).labels
    assert read(sample, sample.text, tmp_path).labels.equals(straight)
    for content in (
        gzip.compress(sample.text.encode()),
        b"\xef\xbb\xbf" + sample.text.encode(),
        sample.text.encode("utf-16"),
        sample.text.replace("\n", "\r\n").encode(),
    ):
        again = read(sample, content, tmp_path)
        assert again.labels.equals(straight), content[:20]
        assert again.quarantine.is_empty()


@every_sample
def test_a_row_that_is_not_utf_8_is_set_aside(sample: Sample, tmp_path: Path) -> None:
    text = sample.of([EVM[0], "X" * 42, EVM[1]]).encode()
    listed = read(sample, text.replace(b"X" * 42, b"\xff\xfe" + b"X" * 40), tmp_path)
    check(listed)
    assert (listed.rows, listed.labels.height) == (3, 2)
    assert listed.quarantine["row"].to_list() == [2]


@every_sample
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<!DOCTYPE html><html>Just a moment...</html>", id="web page"),
        pytest.param(b"\x00\x01\x02" * 4000, id="binary"),
        pytest.param(b"PK\x03\x04" + b"\0" * 100, id="workbook"),
        pytest.param(b"\x1f\x8b\x08\x00broken", id="broken gzip"),
        pytest.param(gzip.compress(b"0" * (80 << 20), 9), id="gzip bomb"),
    ],
)
def test_what_is_no_list_is_refused(sample: Sample, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / sample.file
    path.write_bytes(content)
    assert recognised(path) is None or sample.source == "ofac"
    with pytest.raises(Refused):
        source_named(sample.source).read(path)


@every_sample
def test_a_file_of_another_size_is_refused_before_it_is_read(
    sample: Sample, tmp_path: Path
) -> None:
    path = tmp_path / sample.file
    with path.open("wb") as file:
        file.write(sample.text.encode())
        file.truncate(100 << 20)  # a hole: it takes no room on the disk
    with pytest.raises(Refused, match="104,857,600 bytes"):
        source_named(sample.source).read(path)


@every_sample
def test_a_file_that_is_not_there_is_refused(sample: Sample, tmp_path: Path) -> None:
    assert recognised(tmp_path / sample.file) is None
    with pytest.raises(Refused):
        source_named(sample.source).read(tmp_path / sample.file)


def test_an_unknown_source_lists_the_known_ones() -> None:
    with pytest.raises(Refused, match="Did you mean 'graphsense'") as refusal:
        source_named("graphsens")
    assert all(name in str(refusal.value) for name in SOURCES)


def test_a_file_of_no_known_format_lists_the_formats(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("date,what\n2024-01-01,coffee\n")
    assert recognised(path) is None
    with pytest.raises(Refused, match="no label list that is known") as refusal:
        read_label_list(path)
    assert all(name in str(refusal.value) for name in SOURCES)


def test_a_review_keeps_who_why_when_and_how_likely(tmp_path: Path) -> None:
    [sample] = [sample for sample in SAMPLES if sample.source == "reviews"]
    first, second = read(sample, sample.text, tmp_path).labels.iter_rows(named=True)
    assert (first["reviewer"], first["reason"]) == ("K. M.", "seen")
    assert (first["as_of"], first["available_at"], first["expires_at"]) == (
        datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 9, tzinfo=UTC), None,
    )  # fmt: skip
    assert second["expires_at"] == datetime(2025, 1, 1, tzinfo=UTC)
    assert (first["selection_probability"], second["selection_probability"]) == (1.0, 0.1)


@pytest.mark.parametrize(
    "cell, other, reason",
    [
        ("confirmed", "guilty", "'guilty' is none of"),
        ("confirmed", "", "nobody has reviewed it"),
        ("K. M.", "", "reviewer is empty"),
        ("1.0", "1.5", "must be above 0"),
        ("1.0", "", "must be above 0"),
        ("2024-05-09", "2024-04-01", "before the moment it was scored at"),
    ],
)
def test_a_review_that_is_not_whole_is_set_aside(cell, other, reason, tmp_path: Path) -> None:
    [sample] = [sample for sample in SAMPLES if sample.source == "reviews"]
    listed = read(sample, sample.text.replace(cell, other, 1), tmp_path)
    assert listed.quarantine["row"].to_list() == [1]
    assert reason in listed.quarantine["reason"][0]


def test_a_review_file_without_its_key_says_what_to_do(tmp_path: Path) -> None:
    head = "chain,address,as_of,disposition,reviewer,reason,reviewed_at,expires_at"
    (tmp_path / "scores.review.csv").write_text(f"{head}\n")
    assert recognised(tmp_path / "scores.review.csv") == "reviews"
    with pytest.raises(Refused, match=r"how likely.*unrinse labels review .*--key"):
        read_label_list(tmp_path / "scores.review.csv")


@pytest.mark.unwatched
def test_real_lists(real_data: Path) -> None:
    folder = real_data / "labels"
    paths = [
        p for p in sorted(folder.glob("*/*")) if p.suffix in (".yaml", ".csv", ".txt", ".json")
    ]
    assert len(paths) > 30
    reserved = 0
    for path in paths:
        listed = read_label_list(path)
        assert path.parent.name.startswith(listed.source), path
        check(listed)
        made = listed.labels.height
        if path.name == "malicious_smart_contracts.csv":
            made //= 2  # a contract and its deployer in each row
        assert listed.rows == made + listed.quarantine.height > 0, path
        reserved += listed.quarantine.filter(
            pl.col("reason").str.contains("nobody's address")
        ).height
        if path.name == "usdt_blacklist.yaml":
            assert listed.quarantine["reason"].str.contains("nobody's address").all()
            assert set(listed.labels["confidence"]) == {"ledger_immanent"}
            assert (
                listed.labels["observed_at"].to_list()
                == [datetime(2023, 2, 22, tzinfo=UTC)] * listed.labels.height
            )
    assert reserved > 10
