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
from models.deposit_address import proven
from models.intervals import wilson
from models.roles import LAUNDERERS
from pipelines.alerting.standing import questions, standing
from tests.generated import cases


def facts(negatives: np.ndarray) -> Any:
    population = SimpleNamespace(n=len(negatives), rates=FALSE_POSITIVE_RATES)
    return SimpleNamespace(
        thresholds=from_negatives(negatives),
        threshold_population=population,
        by_score=None,
        training_basis="synthetic",
    )


def scored(log_odds: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"log_odds": log_odds, "score_low": low, "score_high": high}


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
    told = standing(facts(negatives), scored(at), 7)
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


def test_a_share_is_said_with_its_interval():
    negatives = np.arange(1000.0)
    [said] = standing(facts(negatives), scored(960.0), 1)["said"]
    assert said["sentence"].startswith(
        "Of the 1,000 reference addresses labelled as something else, more than 1 % and at most "
        "5 % score as high as this or higher (95 % interval of that share, by their number: 3.8 % "
        "to 6.5 %)."
    )
    [said] = standing(facts(negatives), scored(3.0), 1)["said"]
    assert "labelled as something else, more than 5 % score as high" in said["sentence"]
    [said] = standing(facts(np.arange(300.0)), scored(299.5), 1)["said"]
    assert "labelled as something else, at most 5 % score as high" in said["sentence"]
    assert standing(facts(np.arange(10.0)), scored(3.0), 1)["said"] == []


def test_an_interval_that_reaches_over_a_threshold_says_so():
    at = facts(np.linspace(-6, 0, 1000))
    told = standing(at, scored(-0.31, 0.2, 0.5), 1)
    assert (told["band_low"], told["band_high"]) == ("below_review", "high")
    assert told["said"][-1]["sentence"] == (
        "The interval reaches from below review into high: which of these bands it is in is not "
        "sure."
    )
    within = standing(at, scored(-0.2, 0.44, 0.46), 1)
    assert within["band_low"] == within["band_high"] == "medium"
    assert [said["kind"] for said in within["said"]] == ["reference"]
    sure = standing(at, scored(9.0, 0.0, 1.0), 1)
    assert (sure["band_low"], sure["band_high"]) == ("below_review", "high")


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
    wide, narrow = (standing(f, scored(at), 7)["reference_at_least"] for f in (others, close))
    share = float((score[label == 0] >= at).mean())
    assert narrow["more_than"] - 1e-12 <= share <= narrow["at_most"] + 1e-12
    assert narrow["more_than"] >= (wide["more_than"] or 0)
    assert narrow["at_most"] <= (1 if wide["at_most"] is None else wide["at_most"])
    alike = standing(close, scored(at), 7)["alike"]
    assert standing(others, scored(at), 7)["alike"] is None
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
    told = standing(known, scored(-0.5), 3)
    [alike] = [said["sentence"] for said in told["said"] if said["kind"] == "alike"]
    assert alike.startswith(
        "Of the 25 labelled addresses of the synthetic world that scored about like this one (from "
        "27 % on), 25 are labelled as laundering, 100 % (95 % interval: 87 % to 100 %); of all 100 "
        "there, 25. In life far fewer launder."
    )


def bundle(parts: tuple[str, ...] | None, never: tuple[str, ...] = ()) -> Any:
    if parts is None:
        return SimpleNamespace(roles=None)
    limits = {part: None if part in never else 0.5 for part in parts}
    return SimpleNamespace(
        roles=SimpleNamespace(facts=SimpleNamespace(parts=parts, told_from=limits))
    )


@pytest.mark.parametrize(
    "parts, band, role, answer",
    [
        (None, "high", None, "rule_only"),
        (None, "below_review", None, "rule_only"),
        (("mule",), "below_review", None, "not_likeliest"),
        (("mule",), None, None, "not_likeliest"),
        (("mule",), "medium", "mule", "not_supported"),
        (("mule",), "medium", None, "list_decides"),
    ],
)
def test_the_question_of_the_victim_is_answered_on_every_page(parts, band, role, answer):
    told = questions(bundle(parts), {"band": band, "role": role}, None)
    assert told["victim"]["answer"] == answer
    assert "victim" in told["victim"]["sentence"]


@pytest.mark.parametrize(
    "parts, never, words",
    [
        (
            ("collector", "mule"),
            (),
            "Where it is clear, the model tells collector and mule; consolidator, swapper, OTC "
            "desk and escrow it cannot name.",
        ),
        (
            LAUNDERERS,
            (),
            "Where it is clear, the model tells collector, consolidator, mule, swapper, OTC desk "
            "and escrow.",
        ),
        (
            ("collector", "mule", "swapper"),
            ("mule", "swapper"),
            "Where it is clear, the model tells collector; mule and swapper it never tells, "
            "because it is not right often enough; consolidator, OTC desk and escrow it cannot "
            "name.",
        ),
        (
            LAUNDERERS,
            LAUNDERERS,
            "Collector, consolidator, mule, swapper, OTC desk and escrow it never tells, because "
            "it is not right often enough.",
        ),
        (
            ("launderer",),
            (),
            "Which part it plays cannot be asked: no part was labelled often enough.",
        ),
        (None, (), "Which part it plays cannot be asked: this model knows no roles."),
    ],
)
def test_parts_that_cannot_come_out_are_named(parts, never, words):
    told = questions(bundle(parts, never), {"band": "high", "role": None}, None)["parts"]
    assert told["sentence"] == words
    assert sorted([*told["known"], *told["unknown"]]) == sorted(LAUNDERERS)
    assert set(told["known"]) == set(parts or ()) & set(LAUNDERERS)
    assert set(told["never_told"]) == set(never)


@pytest.mark.parametrize("deposit", [True, False, None])
def test_a_deposit_address_is_asked_for_by_rule(deposit):
    told = questions(bundle(("mule",)), {"band": "high", "role": "mule"}, deposit)
    assert told["exchange_deposit"]["by_rule"] is deposit
    assert ("looks like" in told["exchange_deposit"]["sentence"]) == (deposit is True)


def test_a_deposit_address_is_told_with_how_often_that_was_right():
    told = questions(bundle(("mule",)), {"band": "high", "role": "mule"}, True)["exchange_deposit"]
    assert told["proven"] == proven()
    assert told["proven"]["low"] < told["proven"]["right"] / told["proven"]["n"]
    assert "Of 2,782 addresses on synthetic worlds" in told["sentence"]
    assert [number["value"] for number in told["numbers"]] == [
        2782, 2746, 95, told["proven"]["low"], told["proven"]["high"],
    ]  # fmt: skip
    other = questions(bundle(("mule",)), {"band": "high", "role": "mule"}, False)
    assert other["exchange_deposit"]["proven"] is None
