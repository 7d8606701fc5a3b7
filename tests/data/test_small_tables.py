"""Hand-made tables: line numbers survive comments, quotes and blank lines."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import small_tables
from data.address_lists import read_address_list
from data.errors import Refused
from data.labels.training import read_training_labels
from data.prices import read_prices
from data.services import load_services
from data.small_tables import read_small_table


def test_lines_are_the_file_s_own(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('# head\n\n A ,b\n1,"x, ""y"""\n\n# between\n2,"two\nlines"\n3,\n')
    table = read_small_table(path, "a table")
    assert table.columns == ["line", "a", "b"]
    assert table.rows() == [(4, "1", 'x, "y"'), (8, "2", "two\nlines"), (9, "3", None)]


def test_parquet_becomes_text(tmp_path):
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame(
        {
            "A": [1, None],
            "f": [0.1, 1e-7],
            "d": [date(2024, 5, 1), None],
            "t": [datetime(2024, 5, 1, 1, tzinfo=UTC), None],
            "s": ["  x ", ""],
        }
    )
    frame.write_parquet(path)
    table = read_small_table(path, "a table")
    assert table.columns == ["line", "a", "f", "d", "t", "s"]
    first, second = table.rows()
    assert first[:4] == (1, "1", "0.1", "2024-05-01")
    assert datetime.fromisoformat(first[4]) == datetime(2024, 5, 1, 1, tzinfo=UTC)
    assert first[5] == "x"
    assert (second[1], float(second[2]), second[3:]) == (None, 1e-7, (None, None, None))


def test_nested_and_empty_parquet_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": [[1]]}).write_parquet(path)
    with pytest.raises(Refused, match="plain values"):
        read_small_table(path, "a table")
    pl.DataFrame({"a": []}).write_parquet(path)
    with pytest.raises(Refused, match="no rows"):
        read_small_table(path, "a table")


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    monkeypatch.setattr(small_tables, "LARGEST_FILE", 3)
    with pytest.raises(Refused, match="4 bytes"):
        read_small_table(path, "a table")


A = "0x52908400098527886E0F7030069857D2E4169EE7"
READERS = {
    read_address_list: f"address,chain,as_of\n{A},bsc,2024-05-01\n{A},,1714521600\n",
    read_training_labels: f"address,label,weight\n{A},1,2\n",
    read_prices: f"chain,asset,date,usd\nethereum,native,2024-05-01,3012.4\nbsc,{A},2024-05-01,1\n",
    load_services: f"chain,address,category,licit\nethereum,{A},mixer,false\n",
}
FRAGMENTS = [
    b"\0",
    b'"',
    b"\n",
    b"\r",
    b",",
    b"\xff",
    b"1e999",
    b"inf",
    b";",
    b"#",
    b"{",
    b"9" * 40,
]
EDITS = st.tuples(st.integers(0, 120), st.integers(0, 20), st.sampled_from([b"", *FRAGMENTS]))


@given(st.sampled_from(list(READERS)), st.lists(EDITS, min_size=1, max_size=5))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path_factory, reader, edits):
    content = READERS[reader].encode()
    for at, removed, added in edits:
        content = content[:at] + added + content[at + removed :]
    path = tmp_path_factory.mktemp("damaged") / "file.csv"
    path.write_bytes(content)
    with contextlib.suppress(Refused):
        reader(path)
