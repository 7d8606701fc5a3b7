"""Intervals: they cover, respect groups, and a paired difference is sharper than two of them."""

from __future__ import annotations

import time

import numpy as np
import pytest

from models.bootstrap import estimates, paired_bootstrap
from models.metrics import METRICS, Outcomes


def world(seed, n=400, signal=1.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    return labels, signal * labels + random.normal(size=n), random


def test_interval_covers_the_true_auc():
    """Two normals one deviation apart have AUC 0.760; about 95 of 100 intervals must hold it."""
    held = 0
    for seed in range(100):
        labels, scores, _ = world(seed, n=200)
        auc = estimates(Outcomes(labels, scores), [METRICS["roc_auc"]], resamples=200)["roc_auc"]
        assert auc is not None
        held += auc.low <= 0.7602 <= auc.high
    assert 88 <= held <= 100


def test_groups_widen_the_interval():
    labels, scores, _ = world(1)
    alone = estimates(Outcomes(labels, scores), [METRICS["roc_auc"]])["roc_auc"]
    tenfold = Outcomes(np.repeat(labels, 10), np.repeat(scores, 10), np.repeat(np.arange(400), 10))
    grouped = estimates(tenfold, [METRICS["roc_auc"]])["roc_auc"]
    ungrouped = estimates(
        Outcomes(np.repeat(labels, 10), np.repeat(scores, 10)), [METRICS["roc_auc"]]
    )["roc_auc"]
    assert alone is not None
    assert grouped is not None
    assert ungrouped is not None
    width = alone.high - alone.low
    assert grouped.high - grouped.low == pytest.approx(width, rel=0.15)
    assert ungrouped.high - ungrouped.low < 0.5 * width


def test_paired_difference_finds_what_two_intervals_miss():
    labels, scores, random = world(2, n=800)
    noisier = scores + 0.6 * random.normal(size=800)
    found = paired_bootstrap(labels, scores, noisier, metric="roc_auc")
    assert found.low > 0
    assert found.difference == pytest.approx(found.a - found.b)
    apart = [
        estimates(Outcomes(labels, s), [METRICS["roc_auc"]])["roc_auc"] for s in (scores, noisier)
    ]
    assert apart[0] is not None
    assert apart[1] is not None
    assert found.high - found.low < apart[0].high - apart[0].low
    same = paired_bootstrap(labels, scores, scores, metric="roc_auc")
    assert (same.low, same.difference, same.high) == (0.0, 0.0, 0.0)


def test_row_order_and_blocks_change_nothing(monkeypatch):
    labels, scores, random = world(3)
    groups = np.array([f"case {i}" for i in random.integers(0, 60, 400)])
    order = random.permutation(400)
    once = estimates(Outcomes(labels, scores, groups), resamples=50)
    shuffled = Outcomes(labels[order], scores[order], groups[order])
    assert estimates(shuffled, resamples=50) == once
    monkeypatch.setattr("models.bootstrap._CELLS", 3 * 400)
    assert estimates(shuffled, resamples=50) == once


def test_what_cannot_be_resolved_is_none_or_refused():
    labels, scores, _ = world(4)
    result = estimates(Outcomes(labels, scores), resamples=20)
    assert result["recall_at_fpr_0.01"] is None
    assert result["roc_auc"] is not None
    with pytest.raises(ValueError, match=r"cannot resolve recall_at_fpr_0\.01"):
        paired_bootstrap(labels, scores, scores, metric="recall_at_fpr_0.01")
    with pytest.raises(ValueError, match="Expected one of: roc_auc"):
        paired_bootstrap(labels, scores, scores, metric="auc")


def test_a_thousand_resamples_of_700_rows_take_seconds():
    labels, scores, _ = world(5, n=700)
    start = time.process_time()
    estimates(Outcomes(labels, scores))
    assert time.process_time() - start < 5
