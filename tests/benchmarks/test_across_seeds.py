"""Across seeds: the pooled model on fresh worlds, and the arithmetic of its tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import seeds_report
from benchmarks.across_seeds import compare
from models.metrics import METRICS, Outcomes, measure


def test_restating_at_the_prevalence_that_there_is_changes_nothing():
    random = np.random.default_rng(5)
    label = np.repeat([1, 0], [20, 1980])
    outcomes = Outcomes(label, random.normal(label * 1.5, 1))
    stated = measure(seeds_report.STATED_PR, outcomes)
    assert stated == pytest.approx(measure(METRICS["pr_auc"], outcomes), abs=1e-12)


def test_restating_equals_repeating_the_negatives():
    random = np.random.default_rng(6)
    label = np.repeat([1, 0], [40, 360])
    score = random.normal(label * 1.5, 1)
    often = np.concatenate([score[:40], np.repeat(score[40:], 11)])
    repeated = Outcomes(np.repeat([1, 0], [40, 3960]), often)
    stated = measure(seeds_report.STATED_PR, Outcomes(label, score))
    assert stated == pytest.approx(measure(METRICS["pr_auc"], repeated), abs=1e-12)


def test_shares_count_those_without_a_score_as_not_flagged():
    rows = pl.DataFrame(
        {
            "criminal": [True, True, True, False, False, False],
            "benign": [False, False, False, True, True, False],
            "role": ["mule", "mule", "mule", "benign", "benign", "victim"],
            "population": ["launderer"] * 3 + ["saver", "saver", "victim"],
            "typology": ["a", "a", None, None, None, None],
            "status": ["scored", "scored", "truncated_history", "scored", "scored", "scored"],
            "log_odds": [3.0, -1.0, None, 1.0, -2.0, 0.5],
        }
    )
    text = seeds_report.found_and_flagged(rows, {"medium": 0.0, "high": None})
    assert "of 3 scored others" in text
    assert "| mule | 3 | 2 | 33.3%" in text  # above the highest other, 1.0
    assert "| saver | 2 | 2 | 0.0% [0.0%, 65.8%] | 50.0%" in text
    assert "| victim | 1 | 1 | 0.0% [0.0%, 79.3%] | 100.0%" in text
    assert "high" not in text


def test_the_matrix_runs_on_small_worlds(worlds: list[Path], tmp_path: Path):
    text = compare(worlds[:1], worlds[1:], tmp_path / "bundle")
    assert "training seeds, test part" in text and "Drop in PR-AUC at 1 %" in text
    assert "| collector |" in text and "| victim |" in text
    assert worlds[1].name in text
