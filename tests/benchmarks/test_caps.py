"""What a cap costs: the same content with and without one, of a hub alone and of everybody."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks import out_of_core, w1_data


def test_a_hub_is_measured_with_a_cap_and_without(tmp_path, monkeypatch, capsys):
    words = ["--transfers", "2000", "--hub", "700", "--memory", "none", "8GiB"]
    monkeypatch.setattr(sys, "argv", ["out_of_core", *words, "--folder", str(tmp_path)])
    out_of_core.main()
    lines = [line.split("|") for line in capsys.readouterr().out.splitlines() if line[:3] == "| 2"]
    assert [line[2].strip() for line in lines] == ["none", "8GiB"]
    assert lines[0][-2] == lines[1][-2]
    assert [float(line[7]) for line in lines] == [0, 0]  # in GiB
    (data,) = tmp_path.iterdir()
    assert (data / w1_data.HUB).exists()


@pytest.mark.parametrize(
    "given, words",
    [
        ({}, "signals"),
        ({"hub": 5}, "signals --addresses data/hub.txt"),
        ({"hub": 5, "everybody": True, "motifs": True}, "signals --also motifs"),
        ({"score": Path("b")}, "score b --research-use"),
    ],
)
def test_who_is_asked_for(given, words):
    usual = {"hub": 0, "everybody": False, "motifs": False, "score": None}
    assert out_of_core.job(Namespace(**usual | given), Path("data")) == words.split()
