"""Result tables: one content in three formats, whole or absent, and no cell that runs."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import Refused
from data.small_tables import read_small_table
from data.spreadsheets import neutral, raw
from data.storage import sha256_file
from pipelines.outputs import write_rows, write_table
from tests.generated import cases
from tests.pipelines.hostile import FORMULAS, XSS

HARMLESS = ["0xdAC17F958D2ee523a2206206994597C13D831ec7", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"]


def table() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "address": ["=1+1", *HARMLESS, None],
            "as_of": [datetime(2024, 5, 9, 14, 30, 0, 250_000, tzinfo=UTC)] * 3 + [None],
            "score": [0.1 + 0.2, 1e-300, -1.5, None],
            "n": [1, 2, -3, None],
            "names": [["=a"], [], None, ["b"]],
        }
    )


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl", "ndjson"])
def test_all_formats_hold_the_same_content(tmp_path, suffix):
    parquet = write_table(table(), tmp_path / "a.parquet", kind="scores", facts={})
    other = write_table(table(), tmp_path / f"b.{suffix}", kind="scores", facts={"as_of": "x"})
    assert other["content_sha256"] == parquet["content_sha256"]
    assert other["rows"] == 4
    manifest = json.loads((tmp_path / f"b.{suffix}.manifest.json").read_text())
    assert manifest == other
    assert manifest["files"] == {f"b.{suffix}": sha256_file(tmp_path / f"b.{suffix}")}


def test_floats_and_moments_survive_as_text(tmp_path):
    write_table(table(), tmp_path / "t.csv", kind="scores", facts={})
    write_table(table(), tmp_path / "t.jsonl", kind="scores", facts={})
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [float(r["score"]) for r in rows[:3]] == [0.1 + 0.2, 1e-300, -1.5]
    assert [line["score"] for line in lines] == [0.1 + 0.2, 1e-300, -1.5, None]
    moment = datetime.fromisoformat(rows[0]["as_of"].replace("Z", "+00:00"))
    assert moment == table()["as_of"][0] == datetime.fromisoformat(lines[0]["as_of"])
    assert rows[2]["n"] == "-3"  # a number is no formula
    assert json.loads(rows[0]["names"]) == ["=a"]
    assert rows[3]["address"] == ""


def runs(cell: str) -> bool:
    """Say whether a spreadsheet might run a cell, by what it drops before it looks."""
    if cell[:1] in ("\t", "\r", "\n"):
        return True
    unseen = ("Z", "C")
    rest = next(
        (c for c in cell if unicodedata.category(c)[0] not in unseen and c not in '"\u3164\ufe0f'),
        "",
    )
    return rest != "" and (rest in "=+-@" or unicodedata.normalize("NFKC", rest) in "=+-@\u2212")


def cells_of(path: Path, separator: str) -> list[str]:
    """Return what a reader with that separator makes of a file, whatever it was written with."""
    with path.open(newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file, delimiter=separator) for cell in row]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_text_cell_begins_like_a_formula(tmp_path, separator):
    path = tmp_path / "t.csv"
    for payload in FORMULAS:
        frame = pl.DataFrame({"who": ["0xab"], "x": [payload], payload: ["a"], "y": [[payload]]})
        write_rows(frame, path)
        bad = [cell for cell in cells_of(path, separator) if runs(cell)]
        assert bad == [], repr(payload)
        if separator == ",":
            with path.open(newline="", encoding="utf-8") as file:
                header, row = csv.reader(file)
            assert raw(header[2]) == raw(row[1]) == payload
            assert json.loads(raw(row[3])) == [payload]


def test_what_was_made_safe_is_read_back_as_it_was(tmp_path):
    """Through a file of ours and the reader of users' tables.

    Blanks at the ends are trimmed, line ends are one kind, and ``#`` begins a remark.
    """
    lost = re.compile(r"^[\s#]|\s$|[\x00\r]")
    texts = [payload for payload in [*FORMULAS, *XSS] if not lost.search(payload)]
    assert len(texts) > 500
    write_table(pl.DataFrame({"address": texts}), tmp_path / "t.csv", kind="scores", facts={})
    assert read_small_table(tmp_path / "t.csv", "a list")["address"].to_list() == texts


@given(st.text(alphabet="'\"=+-@;\t\n\r \u200b\ufeffa\uff1d,", max_size=12))
@settings(max_examples=cases(400))
def test_nothing_that_was_made_safe_is_ambiguous(text):
    assert raw(neutral(text)) == text
    assert not runs(neutral(text))
    for part in re.split("[;\t\r\n]", neutral(text)):
        assert part == "" or not runs(part)


def test_parquet_keeps_text_raw(tmp_path):
    write_table(pl.DataFrame({"x": FORMULAS}), tmp_path / "t.parquet", kind="scores", facts={})
    assert pl.read_parquet(tmp_path / "t.parquet")["x"].to_list() == FORMULAS


@pytest.mark.parametrize("text", [*HARMLESS, "a=b", "3 - 2", "", "'quoted"])
def test_other_text_stays_as_it_is(text):
    assert neutral(text) == text


def test_markup_is_only_text_in_a_table(tmp_path):
    write_table(pl.DataFrame({"x": XSS}), tmp_path / "t.csv", kind="scores", facts={})
    with (tmp_path / "t.csv").open(newline="") as file:
        read = [row["x"] for row in csv.DictReader(file)]
    assert [raw(cell) for cell in read] == XSS


@pytest.mark.parametrize("name", ["scores", "scores.xlsx", "scores.csv.gz"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(Refused, match=r"\.parquet, \.csv, \.jsonl"):
        write_table(table(), tmp_path / name, kind="scores", facts={})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_parts_make_the_file_that_the_whole_makes(tmp_path, suffix):
    at_once = write_table(table(), tmp_path / f"a.{suffix}", kind="scores", facts={})
    parts = write_table(table().iter_slices(1), tmp_path / f"b.{suffix}", kind="scores", facts={})
    files = [(tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab"]
    assert files[0] == files[1]
    assert {k: at_once[k] for k in ("rows", "content_sha256")} == {
        k: parts[k] for k in ("rows", "content_sha256")
    }


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path):
    frame = pl.DataFrame({"x": [object()]}, schema={"x": pl.Object})
    with pytest.raises(Exception, match="."):
        write_table(frame, tmp_path / "t.parquet", kind="scores", facts={})
    assert list(tmp_path.iterdir()) == []
