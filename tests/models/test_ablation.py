"""Ablation: the model's own trees grown again, and families that say much, little and nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from data.errors import Refused
from models.ablation import ablation, families_of
from models.bundle import Bundle
from models.evaluating import ablate_bundle
from models.fitting import fit
from models.learning import learned_from
from models.material import Material, matrix
from models.preparing import in_parts, labelled
from models.status import SCORED
from models.training import regrown
from tests.models.world import CATALOGUE, SETTINGS, world

FRAME, LABELS = world(900)


@pytest.fixture(scope="module")
def asked():
    return fit(FRAME, LABELS, replace(SETTINGS, ablation=True), catalogue=CATALOGUE)


@pytest.fixture(scope="module")
def bundle(asked, tmp_path_factory) -> Bundle:
    out = tmp_path_factory.mktemp("model") / "bundle"
    asked.write(out)
    return Bundle.load(out, catalogue=CATALOGUE)


def parts(bundle: Bundle) -> tuple[Material, pl.DataFrame]:
    """Return what the model learned from, and the test rows with its scores."""
    table = labelled(FRAME, LABELS)
    known, _ = in_parts(table, SETTINGS)
    rows = learned_from(table, known, list(bundle.inputs), SETTINGS)
    test = known.filter(pl.col("part") == "test", pl.col("status") == SCORED)
    scores = bundle.log_odds(matrix(test, bundle.facts.signals))
    return rows, test.with_columns(log_odds=pl.Series(scores))


def test_with_all_inputs_the_trees_are_the_models_own(bundle):
    rows, test = parts(bundle)
    parameters = bundle.facts.training["parameters"]
    inputs = matrix(test, bundle.facts.signals)
    again = regrown(rows, parameters, seed=parameters["seed"])(inputs)
    assert np.array_equal(again, bundle.booster.predict(inputs, raw_score=True))
    other = regrown(rows, parameters, seed=parameters["seed"] + 1)(inputs)
    assert not np.array_equal(again, other)


def test_a_family_costs_what_the_model_without_it_lacks(asked, bundle):
    told = asked.evaluation["ablation"]
    rows, test = parts(bundle)
    assert set(told["families"]) == set(families_of(rows)) == {s.family for s in CATALOGUE.signals}
    costs = [found["cost"] for found in told["families"].values()]
    assert costs == sorted(costs, reverse=True)
    assert next(iter(told["families"])) in ("activity", "pass_through")
    label = test["label"].to_numpy()
    few = rows.without([s.name for s in CATALOGUE.signals if s.family == "activity"])
    assert few.names == ["transfers_out", "dwell", "round_share", "noise"]
    parameters = bundle.facts.training["parameters"]
    score = regrown(few, parameters, seed=parameters["seed"])(matrix(test, few.names))
    found = told["families"]["activity"]
    assert found["with_it"] == pytest.approx(
        average_precision_score(label, test["log_odds"].to_numpy())
    )
    assert found["without"] == pytest.approx(average_precision_score(label, score))
    for worth in (*told["families"].values(), told["another_seed"]):
        assert worth["cost"] == pytest.approx(worth["with_it"] - worth["without"])
        assert worth["low"] <= worth["cost"] <= worth["high"]
    assert abs(told["another_seed"]["cost"]) < costs[0]


def test_afterwards_it_is_what_training_measures(asked, bundle):
    steps: list[int] = []
    told = ablate_bundle(bundle, FRAME, LABELS, done=steps.append)
    assert told is not None
    assert told == asked.evaluation["ablation"]
    assert sum(steps) == len(told["families"]) + 1


def test_other_rows_are_refused(bundle):
    with pytest.raises(Refused, match="not the rows it learned from"):
        ablate_bundle(bundle, FRAME, LABELS.with_columns(label=1 - pl.col("label")))


def test_one_class_or_one_family_measures_nothing(bundle):
    rows, test = parts(bundle)
    parameters = bundle.facts.training["parameters"]
    assert ablation(rows, test.filter(pl.col("label") == 1), parameters) is None
    alone = rows.without([s.name for s in CATALOGUE.signals if s.family != "activity"])
    assert ablation(alone, test, parameters) is None
