"""Result tables: one content in three formats, whole or absent, and no cell that runs."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime

import polars as pl
import pytest

from data.errors import Refused
from data.storage import sha256_file
from pipelines.outputs import neutral, write_table
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


@pytest.mark.parametrize("payload", FORMULAS)
def test_no_text_cell_begins_like_a_formula(tmp_path, payload):
    frame = pl.DataFrame({"x": [payload], payload: ["a"]})
    write_table(frame, tmp_path / "t.csv", kind="scores", facts={})
    with (tmp_path / "t.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    dangerous = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
    for cell in cells:
        assert not cell.lstrip(" \u00a0\u200b\ufeff").startswith(dangerous)
    assert cells.count(f"'{payload}") == 2
    raw = tmp_path / "t.parquet"
    write_table(frame, raw, kind="scores", facts={})
    assert pl.read_parquet(raw)["x"][0] == payload


@pytest.mark.parametrize("text", [*HARMLESS, "a=b", "3 - 2", "", "'quoted"])
def test_other_text_stays_as_it_is(text):
    assert neutral(text) == text


def test_markup_is_only_text_in_a_table(tmp_path):
    write_table(pl.DataFrame({"x": XSS}), tmp_path / "t.csv", kind="scores", facts={})
    with (tmp_path / "t.csv").open(newline="") as file:
        read = [row["x"] for row in csv.DictReader(file)]
    assert [cell.removeprefix("'") for cell in read] == [x.removeprefix("'") for x in XSS]


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
