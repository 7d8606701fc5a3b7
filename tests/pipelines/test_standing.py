"""Where a score stands among references, and what was asked: held to the references themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bands import FALSE_POSITIVE_RATES, from_negatives
from models.by_score import by_score
from models.explanation import Explanation
from models.intervals import wilson
from pipelines.alerting.standing import standing
from tests.generated import cases

UNEXPLAINED = Explanation("ethereum", "0x1", 0.0, 0.5, 0.0, ())


def facts(negatives: np.ndarray) -> Any:
    population = SimpleNamespace(n=len(negatives), rates=FALSE_POSITIVE_RATES)
    return SimpleNamespace(
        thresholds=from_negatives(negatives),
        threshold_population=population,
        by_score=None,
        training_basis="synthetic",
    )


def scored(log_odds: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {
        "log_odds": log_odds,
        "score_low": low,
        "score_high": high,
        "reasons": [],
    }


@settings(max_examples=cases(60), deadline=None)
@given(
    n=st.sampled_from([50, 230, 1200, 12_000]),
    seed=st.integers(0, 9),
    at=st.floats(-8, 8),
    ties=st.booleans(),
)
def test_the_share_of_references_lies_where_it_is_said_to(n, seed, at, ties):
    negatives = np.random.default_rng(seed).normal(-3, 2, n)
    if ties:
        negatives, at = np.round(negatives), float(round(at))
    told = standing(facts(negatives), scored(at), UNEXPLAINED, 7)
    reached = told["reference_at_least"]
    share = float((negatives >= at).mean())
    if reached["at_most"] is not None:
        assert share <= reached["at_most"] + 1e-12
    if reached["more_than"] is not None:
        assert share > reached["more_than"] - 1e-12
    rate = reached["at_most"] if reached["at_most"] is not None else reached["more_than"]
    if rate is not None:
        assert (reached["low"], reached["high"]) == wilson(rate * n, n)
    assert told["n_scored"] == 7


def said_by_kind(facts: Any, alert: dict[str, Any]) -> dict[str, str]:
    told = standing(facts, alert, UNEXPLAINED, 1)["said"]
    assert len({one["kind"] for one in told}) == len(told)
    return {one["kind"]: one["sentence"] for one in told}


def test_a_share_is_said_with_its_interval():
    negatives = np.arange(1000.0)
    said = said_by_kind(facts(negatives), scored(960.0))["reference"]
    assert said.startswith(
        "Of the 1,000 reference addresses labelled as something else, more than 1 % and at most "
        "5 % score as high as this or higher (95 % interval of that share, by their number: 3.8 % "
        "to 6.5 %)."
    )
    said = said_by_kind(facts(negatives), scored(3.0))["reference"]
    assert "labelled as something else, more than 5 % score as high" in said
    said = said_by_kind(facts(np.arange(300.0)), scored(299.5))["reference"]
    assert "labelled as something else, at most 5 % score as high" in said
    assert said_by_kind(facts(np.arange(10.0)), scored(3.0)).keys() == {"made_of"}


def test_an_interval_that_reaches_over_a_threshold_says_so():
    at = facts(np.linspace(-6, 0, 1000))
    told = standing(at, scored(-0.31, 0.2, 0.5), UNEXPLAINED, 1)
    assert (told["band_low"], told["band_high"]) == ("below_review", "high")
    assert said_by_kind(at, scored(-0.31, 0.2, 0.5))["interval"] == (
        "The interval reaches from below review into high: which of these bands it is in is not "
        "sure."
    )
    within = standing(at, scored(-0.2, 0.44, 0.46), UNEXPLAINED, 1)
    assert within["band_low"] == within["band_high"] == "medium"
    assert "interval" not in {said["kind"] for said in within["said"]}
    sure = standing(at, scored(9.0, 0.0, 1.0), UNEXPLAINED, 1)
    assert (sure["band_low"], sure["band_high"]) == ("below_review", "high")


@pytest.mark.parametrize(
    "log_odds, words",
    [
        (-5.0, "Review begins at 12 %."),
        (-1.5, "Medium begins at 12 %, high at 27 %."),
        (-0.5, "High begins at 27 %, severe at 73 %."),
        (2.0, "Severe begins at 73 %."),
    ],
)
def test_a_band_is_said_with_where_it_begins_and_the_next_one(log_odds, words):
    at = facts(np.arange(10.0))
    at.thresholds = {"medium": -2.0, "high": -1.0, "severe": 1.0}
    assert said_by_kind(at, scored(log_odds))["band"] == words
    at.thresholds = {"medium": -2.0, "high": None, "severe": 1.0}
    assert said_by_kind(at, scored(0.0))["band"] == "Medium begins at 12 %, severe at 73 %."
    at.thresholds = {"medium": -2.0, "high": None, "severe": None}
    assert said_by_kind(at, scored(0.0))["band"] == "Medium begins at 12 %."


@settings(max_examples=cases(30), deadline=None)
@given(seed=st.integers(0, 99), at=st.floats(-6, 6), ties=st.booleans())
def test_by_score_the_share_is_known_closer_than_by_bands(seed, at, ties):
    random = np.random.default_rng(seed)
    n = 900
    label = (random.random(n) < 0.2).astype(float)
    score = random.normal(4 * label - 3, 1.5)
    if ties:
        score, at = np.round(score), float(round(at))
    others = facts(score[label == 0])
    table = by_score(score, label, np.arange(n), np.ones(n), seed=1, resamples=20)
    close: Any = SimpleNamespace(**{**vars(others), "by_score": table})
    wide, narrow = (
        standing(f, scored(at), UNEXPLAINED, 7)["reference_at_least"] for f in (others, close)
    )
    share = float((score[label == 0] >= at).mean())
    assert narrow["more_than"] - 1e-12 <= share <= narrow["at_most"] + 1e-12
    assert narrow["more_than"] >= (wide["more_than"] or 0)
    assert narrow["at_most"] <= (1 if wide["at_most"] is None else wide["at_most"])
    alike = standing(close, scored(at), UNEXPLAINED, 7)["alike"]
    assert standing(others, scored(at), UNEXPLAINED, 7)["alike"] is None
    low, high = (
        -np.inf if alike["score_from"] is None else logit(alike["score_from"]),
        np.inf if alike["score_below"] is None else logit(alike["score_below"]),
    )
    inside = (score >= low - 1e-9) & (score < high - 1e-9)
    assert (alike["n"], alike["n_positive"]) == (inside.sum(), label[inside].sum())
    assert low - 1e-9 <= at <= high + 1e-9


def logit(chance: float) -> float:
    return float(np.log(chance) - np.log1p(-chance))


def test_those_that_scored_alike_are_counted_in_words():
    score = np.arange(100.0) / 25 - 4
    label = (score >= -1).astype(float)
    table = by_score(score, label, np.arange(100), np.ones(100), seed=1, resamples=50)
    known: Any = SimpleNamespace(**{**vars(facts(score)), "by_score": table})
    told = standing(known, scored(-0.5), UNEXPLAINED, 3)
    [alike] = [said["sentence"] for said in told["said"] if said["kind"] == "alike"]
    assert alike.startswith(
        "Of the 25 labelled addresses of the synthetic world that scored about like this one (from "
        "27 % on), 25 are labelled as laundering, 100 % (95 % interval: 87 % to 100 %); of all 100 "
        "there, 25. In life far fewer launder."
    )
