"""Budgets, reliability, curve and slices: each against plain counting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve, roc_auc_score

from models.intervals import wilson
from models.metrics import MOST_POINTS, RESOLUTION, Outcomes, precision_recall
from models.queue import PER_THOUSAND, budgets
from models.reliability import FEWEST, reliability
from models.slices import AGES, SIZES, sliced
from tests.generated import cases

START = datetime(2024, 1, 1, tzinfo=UTC)


def rows(n: int = 1200, seed: int = 1, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    label = (random.random(n) < 0.2).astype(float)
    score = random.normal(size=n) + 1.5 * label
    return label, np.round(score) if ties else score


def plain(label: np.ndarray, score: np.ndarray, alerts: int, base_rate: float):
    """Take the highest, one by one; a tie at the border counts in proportion."""
    pairs = sorted(zip(score, label, strict=True), reverse=True)
    border = pairs[alerts - 1][0]
    above = [y for s, y in pairs if s > border]
    tied = [y for s, y in pairs if s == border]
    hits = sum(above) + (alerts - len(above)) * sum(tied) / len(tied)
    positives = sum(label)
    recall, fpr = hits / positives, (alerts - hits) / (len(label) - positives)
    right = base_rate * recall
    return hits / alerts, recall, fpr, right / (right + (1 - base_rate) * fpr)


@pytest.mark.parametrize("ties", [False, True])
def test_a_budget_is_a_plain_count(ties):
    label, score = rows(ties=ties)
    table = budgets(Outcomes(label, score), base_rate=0.01, resamples=100)
    assert [b["alerts_per_1000"] for b in table] == list(PER_THOUSAND)
    for told in table:
        assert told["alerts"] == round(told["alerts_per_1000"] * 1.2)
        precision, recall, fpr, restated = plain(label, score, told["alerts"], 0.01)
        assert told["precision"]["value"] == pytest.approx(precision)
        assert told["recall"]["value"] == pytest.approx(recall)
        assert told["fpr"]["value"] == pytest.approx(fpr)
        resolved = fpr * (label == 0).sum() >= RESOLUTION
        assert (told["innocent_per_million"] is not None) == resolved
        if resolved:
            assert told["precision_at_base_rate"]["value"] == pytest.approx(restated)
            assert told["innocent_per_million"]["value"] == pytest.approx(1e6 * fpr)
        for name in ("precision", "recall", "fpr"):
            assert told[name]["low"] <= told[name]["high"]
    assert any(b["innocent_per_million"] for b in table)


def test_one_class_has_no_budget_and_no_curve():
    only = Outcomes(np.zeros(50), np.arange(50.0))
    assert budgets(only, base_rate=0.1) == []
    assert precision_recall(only, 0.1) == []


@given(st.lists(st.floats(0, 1), min_size=0, max_size=300), st.randoms(use_true_random=False))
@settings(max_examples=cases(60), deadline=None)
def test_bins_hold_every_row_once_and_keep_equal_chances_together(chances, random):
    label = np.array([random.random() < c for c in chances], dtype=float)
    bins = reliability(label, np.array(chances))
    if len(chances) < FEWEST:
        assert bins == []
        return
    assert sum(b["n"] for b in bins) == len(chances)
    assert sum(b["n_positive"] for b in bins) == label.sum()
    for one, other in pairwise(bins):
        assert one["most"] < other["least"]
    for b in bins:
        inside = [c for c in chances if b["least"] <= c <= b["most"]]
        assert len(inside) == b["n"]
        assert b["stated"] == pytest.approx(sum(inside) / len(inside))
        assert (b["low"], b["high"]) == wilson(b["n_positive"], b["n"])


def test_the_curve_is_that_of_scikit_learn():
    label, score = rows(900, ties=True)
    curve = precision_recall(Outcomes(label, score), 0.05)
    precision, recall, _ = precision_recall_curve(label, score)
    expected = list(zip(recall[::-1][1:], precision[::-1][1:], strict=True))
    assert [(p["recall"], p["precision"]) for p in curve] == [
        pytest.approx(pair) for pair in expected
    ]
    for point in curve:
        flagged = score >= point["log_odds"]
        false = int((flagged & (label == 0)).sum())
        assert (point["precision_at_base_rate"] is None) == (false < RESOLUTION)
    long = precision_recall(Outcomes(*rows(3000)), 0.05)
    assert len(long) == MOST_POINTS
    assert long[-1]["recall"] == 1.0


def test_slices_are_those_of_a_plain_filter():
    label, score = rows(800)
    random = np.random.default_rng(3)
    days = random.lognormal(4, 1.5, 800)
    frame = pl.DataFrame(
        {
            "label": label.astype(np.int8),
            "log_odds": score,
            "group": [str(i) for i in range(800)],
            "chain": random.choice(["tron", "ethereum", "bsc"], 800, p=[0.7, 0.29, 0.01]),
            "n_transfers": random.integers(5, 900, 800),
            "first_seen": [START] * 800,
            "last_seen": [START + timedelta(days=float(d)) for d in days],
            "population": random.choice(["shop", "trader"], 800),
            "hour_block": random.choice(["00-06 UTC", "06-12 UTC"], 800),
            "source": random.choice(["hotline", "exchange"], 800),
            "typology": [
                kind if y else None
                for y, kind in zip(label, random.choice(["relay", "direct"], 800), strict=True)
            ],
            "role": np.where(label == 1, "mule", np.where(score > 2, "victim", "benign")),
        }
    )
    found = {(s["by"], s["name"]): s for s in sliced(frame, 1.0)}
    negatives = frame.filter(pl.col("label") == 0)
    overall = (negatives["log_odds"] >= 1.0).mean()

    def check(told, part):
        assert told["n"] == part.height
        assert told["n_positive"] == part["label"].sum()
        innocent = part.filter(pl.col("label") == 0)
        if told["roc_auc"]:
            expected = roc_auc_score(part["label"], part["log_odds"])
            assert told["roc_auc"]["value"] == pytest.approx(expected)
        if told["found"]:
            caught = part.filter(pl.col("label") == 1)
            assert told["found"]["value"] == pytest.approx((caught["log_odds"] >= 1.0).mean())
        if told["flagged"]:
            share = (innocent["log_odds"] >= 1.0).mean()
            assert told["flagged"]["value"] == pytest.approx(share)
            assert told["ratio"] == pytest.approx(share / overall)

    for chain in ("tron", "ethereum", "bsc"):
        check(found["chain", chain], frame.filter(pl.col("chain") == chain))
    assert found["chain", "bsc"]["flagged"] is None
    assert found["chain", "bsc"]["says"] == "too few addresses to say anything"
    assert found["chain", "tron"]["says"] is None
    for by in ("population", "hour_block", "source"):
        for name in frame[by].unique():
            check(found[by, name], frame.filter(pl.col(by) == name))
    for name in ("relay", "direct"):
        told, own = found["typology", name], frame.filter(pl.col("typology") == name)
        assert (told["n"], told["n_positive"]) == (own.height, own.height)
        among = pl.concat([own, negatives])
        expected = roc_auc_score(among["label"], among["log_odds"])
        assert told["roc_auc"]["value"] == pytest.approx(expected)
        assert told["found"]["value"] == pytest.approx((own["log_odds"] >= 1.0).mean())
        assert told["says"] is None
    assert found["role", "mule"]["roc_auc"] is not None
    assert found["role", "benign"]["says"] == "too few positives to say how they are found"
    check(
        found["size", "10 to 29 transfers"], frame.filter(pl.col("n_transfers").is_between(10, 29))
    )
    check(
        found["size", f"{SIZES[-1]} transfers or more"], frame.filter(pl.col("n_transfers") >= 300)
    )
    old = frame.filter((pl.col("last_seen") - START).dt.total_seconds() >= AGES[-1] * 86400)
    check(found["age", "365 days or more"], old)
    for by in ("size", "age", "chain"):
        assert sum(s["n"] for (what, _), s in found.items() if what == by) == 800
    assert all(s["flagged"] is None for s in sliced(frame, None))
