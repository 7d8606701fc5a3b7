"""The benchmark of nightly runs: what it finds differing, and what it tells."""

from __future__ import annotations

from pathlib import Path

from benchmarks.nightly import Night, differing, table


def written(folder: Path, **files: str) -> Path:
    (folder / "state").mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", "/").replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def test_every_file_is_compared_but_those_that_tell_how(tmp_path):
    left = written(tmp_path / "a", scores_csv="1", computed_json="1", state__told_json="1")
    right = written(tmp_path / "b", scores_csv="1", computed_json="2", state__told_json="2")
    assert differing(left, right) == ("state/told.json",)
    (right / "more.csv").touch()
    assert differing(left, right) == ("more.csv", "state/told.json")


def test_what_differs_is_told():
    text = table([Night(1.0, 4.0, 10, 100, ()), Night(1.0, 2.0, 10, 100, ("scores.parquet",))])
    assert "| nights with a file that differs | 1 |" in text
    assert "| computed, median share | 10.0% |" in text
    assert "| onward ÷ full, median | 0.38 |" in text
