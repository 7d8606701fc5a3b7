"""Damaged Parquet files are refused, and the process that asks about them lives on."""

from __future__ import annotations

import contextlib
import random
import subprocess

import polars as pl
import pytest

from data import parquet_trial
from data.errors import Refused
from data.parquet_trial import refuse_broken_parquet


@pytest.fixture
def content(tmp_path):
    path = tmp_path / "whole.parquet"
    pl.DataFrame({"address": ["a", "b", None], "label": [1, 0, None]}).write_parquet(path)
    return path.read_bytes()


def test_a_whole_file_passes(tmp_path, content):
    path = tmp_path / "-odd name.parquet"
    path.write_bytes(content)
    refuse_broken_parquet(path, "a table")


@pytest.mark.parametrize("seed", range(6))
def test_bit_flips_never_end_this_process(tmp_path, content, seed):
    rng = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(8):
        damaged[rng.randrange(4, len(damaged))] ^= 1 << rng.randrange(8)
    path = tmp_path / "damaged.parquet"
    path.write_bytes(damaged)
    # Some damage reads as other values and passes; what matters is that nothing else is raised.
    with contextlib.suppress(Refused):
        refuse_broken_parquet(path, "a table")


def test_a_truncated_file_is_refused(tmp_path, content):
    path = tmp_path / "short.parquet"
    path.write_bytes(content[:-20])
    with pytest.raises(Refused, match="broken Parquet"):
        refuse_broken_parquet(path, "a table")


def test_an_aborted_reader_and_a_slow_one_are_refused(tmp_path, content, monkeypatch):
    path = tmp_path / "whole.parquet"
    path.write_bytes(content)
    monkeypatch.setattr(parquet_trial, "_CHILD", "import os; os.abort()")
    with pytest.raises(Refused, match="ends the reading process"):
        refuse_broken_parquet(path, "a table")

    def slow(*_, **__):
        raise subprocess.TimeoutExpired("python", 1)

    monkeypatch.setattr(subprocess, "run", slow)
    with pytest.raises(Refused, match="could not be read in"):
        refuse_broken_parquet(path, "a table")
