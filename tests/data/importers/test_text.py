"""Delimited text is taken apart without losing, merging or inventing a line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import Refused
from data.importers.containers import decode_text
from data.importers.text import ROW, Delimited, read_delimited, tidy


def take_apart(text: str | bytes) -> Delimited:
    """Read text that stands in no file."""
    data = text.encode() if isinstance(text, str) else text
    path = Path("x.csv")
    return read_delimited(path, decode_text(path, data))


def test_every_row_is_either_read_or_at_fault() -> None:
    parts = take_apart('a,b\n1,2\n3\n4,5,6\n7,8,\n"x,y",9\n"p\nq",10\n')
    assert parts.columns == ["a", "b"]
    assert parts.frame.rows() == [("1", "2", 1), ("7", "8", 4), ("x,y", "9", 5), ("p\nq", "10", 6)]
    assert parts.faults.rows() == [
        (2, "1 fields where the header has 2", "3"),
        (3, "3 fields where the header has 2", "4,5,6"),
    ]


def test_an_unclosed_quote_costs_its_own_line_only() -> None:
    parts = take_apart('a,b\n"1,2\n3,4\n5,"6"\n7,8\n')
    assert parts.frame.rows() == [("3", "4", 2), ("5", "6", 3), ("7", "8", 4)]
    assert parts.faults[ROW].to_list() == [1]


def test_two_unclosed_quotes_do_not_swallow_the_lines_between() -> None:
    parts = take_apart('a,b\n"1,2\n3,4\n"5,6\n7,8\n')
    assert parts.frame[ROW].to_list() == [2, 4]
    assert parts.faults["reason"].to_list() == ["a quote is not closed"] * 2


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_separators(separator: str) -> None:
    assert take_apart(f"a{separator}b\n1{separator}2\n").frame.rows() == [("1", "2", 1)]


def test_a_header_with_the_column_numbers_glued_to_it() -> None:
    assert take_apart("a,b,c0,1,2\n1,2,3\n").columns == ["a", "b", "c"]
    assert take_apart("a,b,c0,1,3\n1,2,3,4,5\n").columns == ["a", "b", "c0", "1", "3"]


@pytest.mark.parametrize("header", ["", "\n", "a\x00b,c\n1,2\n", ",".join("x" * 600)])
def test_what_is_no_header_is_refused(header: str) -> None:
    with pytest.raises(Refused):
        take_apart(header + "\n")


def test_marks_in_names() -> None:
    assert tidy("\ufeff Txn\u00a0\u00a0Hash\u200b ") == "Txn Hash"


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufffd\r"), max_size=8)


@given(st.lists(st.lists(FIELD, min_size=3, max_size=3), max_size=12), st.booleans())
def test_what_pythons_writer_writes_is_read_back(rows: list[list[str]], quoted: bool) -> None:
    out = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(out, quoting=quoting, lineterminator="\n").writerows([["a", "b", "c"], *rows])
    parts = take_apart(out.getvalue())
    # A row of empty fields is still a row; CRLF inside a field becomes LF, which is why CR is out.
    assert parts.faults.is_empty()
    assert [list(r[:3]) for r in parts.frame.rows()] == rows


@given(st.text(st.sampled_from('ab,"\n\x00'), max_size=60))
def test_any_text_is_accounted_for(body: str) -> None:
    parts = read_delimited(Path("x.csv"), ("a,b\n" + body).encode())
    seen = sorted([*parts.frame[ROW].to_list(), *parts.faults[ROW].to_list()])
    assert seen == list(range(1, parts.rows + 1))
    if '"' not in body:
        assert parts.rows == sum(line != "" for line in body.split("\n"))
