"""Training: the same model from the same rows, whatever their order and the threads."""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import polars as pl
import pytest

from data.errors import Refused
from data.schema import LEGS
from features.catalogue import catalogue
from models.material import matrix
from models.training import model_inputs, train_model
from tests.models.world import CATALOGUE, NAMES, signal, world


def train(frame, labels, **options):
    return train_model(frame, labels, CATALOGUE.signals, **options)


def test_row_order_and_threads_change_no_byte(monkeypatch):
    monkeypatch.setattr("models.training.SMALL", 0)
    frame, labels = world(600)
    once = train(frame, labels, threads=1)
    order = np.random.default_rng(5).permutation(600)
    again = train(frame[order], labels[order], threads=2)
    assert again.model == once.model
    assert again.fingerprint == once.fingerprint
    assert again.rounds == once.rounds
    assert train(frame, labels, seed=2).model != once.model


def test_the_text_predicts_and_names_its_inputs():
    frame, labels = world(600)
    found = train(frame, labels)
    booster = lightgbm.Booster(model_str=found.model)
    assert booster.feature_name() == NAMES == list(found.signals)
    assert booster.num_trees() == found.rounds
    raw = booster.predict(matrix(frame, NAMES), raw_score=True)
    label = labels["label"].to_numpy()
    assert raw[label == 1].mean() > raw[label == 0].mean() + 2


def test_unlabelled_rows_change_nothing():
    frame, labels = world(600)
    few = pl.Series("label", [None if i % 3 == 0 else v for i, v in enumerate(labels["label"])])
    kept = few.is_not_null()
    with_gaps = train(frame, labels.with_columns(few))
    assert with_gaps.model == train(frame.filter(kept), labels.filter(kept)).model
    assert with_gaps.n == kept.sum()


def test_weights_and_selection_probabilities_count():
    frame, labels = world(600)
    halved = labels.with_columns(selection_probability=pl.lit(0.5))
    doubled = labels.with_columns(weight=pl.lit(2.0))
    assert train(frame, halved).model == train(frame, doubled).model
    positive = labels.with_columns(weight=pl.when(pl.col("label") == 1).then(5.0).otherwise(1.0))
    raised = lightgbm.Booster(model_str=train(frame, positive).model)
    plain = lightgbm.Booster(model_str=train(frame, labels).model)
    inputs = matrix(frame, NAMES)
    assert np.mean(raised.predict(inputs)) > np.mean(plain.predict(inputs)) + 0.02


def test_monotone_where_the_direction_of_risk_is_certain():
    frame, labels = world(600)
    booster = lightgbm.Booster(model_str=train(frame, labels, monotone=True).model)
    base = np.repeat(np.nanmedian(matrix(frame, NAMES), axis=0)[None], 50, axis=0)
    for name, sign in (("receivers", 1), ("dwell", -1)):
        inputs = base.copy()
        column = frame[name].drop_nulls().to_numpy()
        inputs[:, NAMES.index(name)] = np.linspace(column.min(), column.max(), 50)
        assert (sign * np.diff(booster.predict(inputs, raw_score=True)) >= 0).all()


def test_the_catalogues_certain_directions_hold_against_labels_that_say_the_opposite():
    """Labels that fall with money from listed parties may at most teach to look away."""
    certain = [signal for signal in catalogue().signals if signal.risk is not None]
    assert {signal.name for signal in certain} >= {"listed_in_share", "marketplace_share"}
    assert all(signal.exposure and signal.risk == "up" for signal in certain)
    frame, labels = world(600)
    listed = 1 - labels["label"].fill_null(0).to_numpy() * 0.9
    frame = frame.with_columns(pl.Series(s.name, listed) for s in certain)
    signals = [*CATALOGUE.signals, *certain]
    names = [s.name for s in signals]
    inputs = np.repeat(np.nanmedian(matrix(frame, names), axis=0)[None], 50, axis=0)
    inputs[:, names.index("listed_in_share")] = np.linspace(0, 1, 50)
    for monotone in (False, True):
        trained = train_model(frame, labels, signals, monotone=monotone)
        raw = lightgbm.Booster(model_str=trained.model).predict(inputs, raw_score=True)
        assert (np.diff(raw) >= 0).all() == monotone


def test_null_is_not_zero():
    frame = pl.DataFrame({"a": [1.0, None, 0.0]})
    found = matrix(frame, ["a"])
    assert found[2, 0] == 0.0
    assert np.isnan(found[1, 0])
    with pytest.raises(ValueError, match=r"lacks the columns \['b'\]"):
        matrix(frame, ["a", "b"])


def test_too_few_labels_and_deep_trees_are_refused():
    frame, labels = world(600)
    with pytest.raises(Refused, match="0 positive and 600 negative"):
        train(frame, labels.with_columns(label=pl.lit(0)))
    with pytest.raises(Refused, match="max_depth between 1 and 6"):
        train(frame, labels, params={"max_depth": 12})
    with pytest.raises(Refused, match="max_depth between 1 and 6"):
        train(frame, labels, params={"max_depth": -1})


def test_inputs_follow_basis_and_legs():
    declared = [
        signal("a", needs="in"),
        signal("b", needs="out"),
        signal("c", needs="both"),
        signal("d", needs="token_both"),
        signal("e", needs="any", dollars=True),
        replace(signal("f", needs="any"), model_input=False),
    ]

    def chosen(basis, *legs):
        return [s.name for s in model_inputs(declared, basis=basis, legs=legs)]

    assert chosen("usd", *LEGS) == ["a", "b", "c", "d", "e"]
    assert chosen("relative", "native_in", "native_out") == ["a", "b", "c"]
    assert chosen("usd", "native_in", "token_out") == ["a", "b", "e"]
    assert chosen("usd", "token_in", "token_out") == ["a", "b", "c", "d", "e"]
    dormancy = [signal("a"), signal("b", depends_on_as_of=True)]
    for own, names in ((True, ["a", "b"]), (False, ["a"])):
        found = model_inputs(dormancy, basis="usd", legs=LEGS, own_moments=own)
        assert [s.name for s in found] == names
    with pytest.raises(Refused, match="No signal can be computed"):
        chosen("usd")
