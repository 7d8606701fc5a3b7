"""Where a score stands among references, and what was asked: held to the references themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bands import FALSE_POSITIVE_RATES, from_negatives
from models.intervals import wilson
from models.roles import LAUNDERERS
from pipelines.alerting.standing import questions, standing
from tests.generated import cases


def facts(negatives: np.ndarray) -> Any:
    population = SimpleNamespace(n=len(negatives), rates=FALSE_POSITIVE_RATES)
    return SimpleNamespace(thresholds=from_negatives(negatives), threshold_population=population)


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


def bundle(parts: tuple[str, ...] | None) -> Any:
    roles = None if parts is None else SimpleNamespace(facts=SimpleNamespace(parts=parts))
    return SimpleNamespace(roles=roles)


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
    told = questions(bundle(parts), {"band": band, "role": role})
    assert told["victim"]["answer"] == answer
    assert "victim" in told["victim"]["sentence"]


@pytest.mark.parametrize(
    "parts, words",
    [
        (
            ("collector", "mule"),
            "The model tells apart collector and mule; consolidator, swapper, OTC desk and escrow "
            "cannot come out.",
        ),
        (LAUNDERERS, "The model tells apart collector, consolidator, mule, swapper, OTC desk and "
         "escrow."),
        (("mule",), "The only part that the model knows is mule; collector, consolidator, swapper, "
         "OTC desk and escrow cannot come out."),
        (("launderer",), "Which part it plays cannot be asked: no part was labelled often enough."),
        (None, "Which part it plays cannot be asked: this model knows no roles."),
    ],
)  # fmt: skip
def test_parts_that_cannot_come_out_are_named(parts, words):
    told = questions(bundle(parts), {"band": "high", "role": None})["parts"]
    assert told["sentence"] == words
    assert sorted([*told["known"], *told["unknown"]]) == sorted(LAUNDERERS)
    assert set(told["known"]) == set(parts or ()) & set(LAUNDERERS)
