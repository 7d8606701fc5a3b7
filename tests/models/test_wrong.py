"""The most wrong cases: the right ones, in the model's own words, and nobody's address."""

from __future__ import annotations

import json

import polars as pl
import pytest

from models.bundle import Bundle
from models.evaluating import evaluate_bundle
from models.explanation import explain_rows, reasons_text
from models.material import matrix
from models.wrong import FALSE_ALARM, MISSED, MOST, pseudonym
from tests.models.world import CATALOGUE, fitted, world


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    out = tmp_path_factory.mktemp("wrong") / "model"
    fitted(900).write(out)
    return Bundle.load(out, catalogue=CATALOGUE)


def test_they_are_the_extremes_of_each_class_with_the_models_own_reasons(bundle):
    frame, labels = world(600, seed=5)
    told = evaluate_bundle(bundle, frame, labels)["most_wrong"]
    assert [case["kind"] for case in told] == [FALSE_ALARM] * MOST + [MISSED] * MOST
    both = frame.with_columns(labels["label"]).with_columns(
        log_odds=pl.Series(bundle.log_odds(matrix(frame, bundle.facts.signals)))
    )
    innocent = both.filter(pl.col("label") == 0).sort("log_odds", descending=True).head(MOST)
    guilty = both.filter(pl.col("label") == 1).sort("log_odds").head(MOST)
    for case, row in zip(told, pl.concat([innocent, guilty]).iter_rows(named=True), strict=True):
        assert case["log_odds"] == row["log_odds"]
        assert case["case"] == pseudonym(bundle, row["chain"], row["address"])
        [explained] = explain_rows(bundle, both.filter(address=row["address"]))
        assert case["reasons"] == reasons_text(explained)
        assert set(case["against"]) <= set(bundle.facts.signals)


def test_no_address_is_in_an_evaluation_unless_asked_for(bundle):
    frame, labels = world(600, seed=5)
    text = json.dumps(evaluate_bundle(bundle, frame, labels))
    assert not any(address in text for address in frame["address"])
    named = evaluate_bundle(bundle, frame, labels, named=True)["most_wrong"]
    assert {case["case"] for case in named} <= set(frame["address"])


def test_rows_the_model_learned_from_are_no_cases(bundle):
    frame, labels = world(600, seed=5)
    part = pl.Series(["train"] * 500 + ["test"] * 100)
    told = evaluate_bundle(bundle, frame, labels, part=part, named=True)["most_wrong"]
    assert {case["case"] for case in told} <= set(frame["address"][500:])
    assert (
        evaluate_bundle(bundle, frame, labels, part=pl.Series(["train"] * 600))["most_wrong"] == []
    )
