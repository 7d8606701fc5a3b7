"""Rivals: each against a plain reference, and the verdict against the figures it speaks of."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from models.rivals import COMPARED, RIVALS, TREES, Lesson, against_rivals, red_flags, verdict
from tests.models.world import CATALOGUE, NAMES, fitted, signal, world


@pytest.fixture(scope="module", autouse=True)
def forests_as_they_are(small_forests):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.rivals.TREES", TREES)
        yield


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    frame, labels = world(900)
    return frame.with_columns(labels["label"], group=labels["case_id"].fill_null(frame["address"]))


def lesson(rows: pl.DataFrame, threads: int = 1) -> Lesson:
    inputs = rows.select(pl.col(NAMES).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    label = rows["label"].to_numpy().astype(np.float64)
    return Lesson(CATALOGUE.signals, inputs, label, np.ones(len(label)), 1, threads)


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_is_the_same_on_any_number_of_threads(name, rows):
    one, two = lesson(rows), lesson(rows, threads=2)
    first = RIVALS[name](one)(one.inputs)
    assert np.array_equal(first, RIVALS[name](two)(one.inputs))
    assert np.isfinite(first).all()
    assert len(np.unique(first)) > 3


def test_the_line_is_that_of_a_pipeline_of_scikit_learn(rows):
    told = lesson(rows)
    gaps = FunctionTransformer(lambda x: np.isnan(x).astype(float))
    values = make_pipeline(FunctionTransformer(np.arcsinh), SimpleImputer(strategy="median"))
    plain = make_pipeline(
        make_union(values, gaps), StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)
    ).fit(told.inputs, told.label)
    ours = RIVALS["logistic_regression"](told)(told.inputs)
    assert ours == pytest.approx(plain.decision_function(told.inputs), abs=1e-4)


def test_flags_are_counted_once_each_and_low_values_raise_only_theirs():
    signals = (
        signal("a", red_flags=("x",)),
        signal("b", red_flags=("x", "y"), flags_when_low=("y",)),
    )
    calm = np.stack([np.arange(100.0), np.arange(100.0)], axis=1)
    told = Lesson(signals, calm, np.zeros(100), np.ones(100), 1, 1)
    asked = np.array([[50, 50], [99, 50], [99, 99], [50, 0], [99, 0], [np.nan, np.nan]])
    assert red_flags(told)(asked).tolist() == [0, 1, 1, 1, 2, 0]


def test_a_flag_that_does_not_stand_is_not_counted():
    signals = (
        signal("receivers_24h", red_flags=("rapid_fan_out",)),
        signal("senders_24h", red_flags=("rapid_fan_in",)),
    )
    few = np.linspace(0, 3, 100)
    told = Lesson(signals, np.stack([few, few], axis=1), np.zeros(100), np.ones(100), 1, 1)
    asked = np.array([[4.0, 4.0], [5.0, 4.0], [9.0, 9.0], [np.nan, 6.0]])
    assert red_flags(told)(asked).tolist() == [0, 1, 2, 1]


def test_the_comparison_is_in_the_evaluation_and_says_what_its_figures_say():
    made = fitted(900)
    told = made.evaluation["rivals"]
    assert list(told["rivals"]) == list(RIVALS)
    assert told["n"] == made.evaluation["splits"]["test"]["n"]
    for rival in told["rivals"].values():
        assert set(rival) == set(COMPARED)
        for metric in COMPARED:
            found = rival[metric]
            assert found["model"] == made.evaluation["splits"]["test"][metric]["value"]
            assert found["difference"] == pytest.approx(found["model"] - found["rival"])
            assert found["low"] <= found["difference"] <= found["high"]
    assert told["verdict"] == verdict(told["rivals"])


def test_figures_are_those_of_scikit_learn_and_the_order_of_rows_is_nothing(rows):
    half = rows.with_columns(log_odds=pl.col("senders") - 0.01 * pl.col("dwell").fill_null(0))
    train, judged = half[:600], half[600:]
    told = against_rivals(train, judged, CATALOGUE.signals)
    assert told is not None
    ours = average_precision_score(judged["label"], judged["log_odds"])
    assert told["rivals"]["red_flags"]["pr_auc"]["model"] == pytest.approx(ours)
    again = against_rivals(train[::-1], judged[::-1], CATALOGUE.signals)
    assert again == told
    one_class = judged.filter(pl.col("label") == 0)
    assert against_rivals(train, one_class, CATALOGUE.signals) is None
