"""Association adds to a score what its cap allows, and its trees read nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import lightgbm
import numpy as np
import polars as pl
import pytest

from models.association import MOST, apart, cap
from models.fitting import fit
from models.material import matrix
from models.settings import Settings
from models.training import model_inputs, train_model
from tests.models.world import CATALOGUE, NAMES, SETTINGS, MadeUp, signal, world

KNOWN_TO_LISTS = MadeUp((*CATALOGUE.signals, signal("listed", "cash_out", exposure=True)))
CONTEXT = MadeUp((*CATALOGUE.signals, signal("near", "neighbourhood", model_input=False)))


def damned(n: int = 900, seed: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a world in which a listing tells nearly everything."""
    frame, labels = world(n, seed)
    random = np.random.default_rng(seed)
    told = np.where(random.random(n) < 0.97, labels["label"].to_numpy(), 1 - labels["label"])
    return frame.with_columns(listed=pl.Series(told * random.uniform(0.5, 1, n))), labels


def trained(frame, labels, signals=KNOWN_TO_LISTS.signals):
    found = train_model(frame, labels, signals)
    return found, lightgbm.Booster(model_str=found.model)


def split_features(node: dict) -> set[int]:
    if "split_feature" not in node:
        return set()
    below = (split_features(node[side]) for side in ("left_child", "right_child"))
    return {node["split_feature"]}.union(*below)


def exposure_part(booster: lightgbm.Booster, inputs: np.ndarray) -> np.ndarray:
    """Return what the trees on the last column add, tree by tree."""
    total = np.zeros(len(inputs))
    last = inputs.shape[1] - 1
    for tree in booster.dump_model()["tree_info"]:
        if last in split_features(tree["tree_structure"]):
            k = tree["tree_index"]
            total += booster.predict(inputs, raw_score=True, start_iteration=k, num_iteration=1)
    return total


def test_trees_read_behaviour_or_exposure_and_never_both():
    _, booster = trained(*damned())
    read = [split_features(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    last = len(NAMES)
    assert {last} in read
    assert any(last not in features and features for features in read)
    assert all(features == {last} for features in read if last in features)


def test_exposure_moves_the_log_odds_by_no_more_than_the_cap():
    frame, labels = damned()
    _, booster = trained(frame, labels)
    inputs = matrix(frame, [*NAMES, "listed"])
    anything = np.repeat(inputs[:1], 500, axis=0)
    anything[:, -1] = np.linspace(-1, 3, 500)
    anything[0, -1] = np.nan
    moved = exposure_part(booster, np.vstack([inputs, anything]))
    mean = exposure_part(booster, inputs).mean()
    assert moved.max() - mean <= MOST + 0.2  # leaves are drawn to the mean of the fit's rows
    assert mean - moved.min() <= MOST + 0.2
    assert moved.max() - moved.min() > 1  # and it still says something


def test_without_the_cap_it_would_decide():
    frame, labels = damned()
    free = train_model(frame, labels, [replace(s, exposure=False) for s in KNOWN_TO_LISTS.signals])
    booster = lightgbm.Booster(model_str=free.model)
    inputs = matrix(frame, [*NAMES, "listed"])
    low, high = inputs.copy(), inputs.copy()
    low[:, -1], high[:, -1] = 0, 0.9

    def moved(booster: lightgbm.Booster) -> np.ndarray:
        raw = (np.asarray(booster.predict(some, raw_score=True)) for some in (high, low))
        return next(raw) - next(raw)

    assert moved(booster).mean() > 2 * MOST + 1
    assert moved(trained(frame, labels)[1]).max() <= 2 * MOST


def test_the_cap_touches_no_tree_on_behaviour():
    frame, labels = world(600)
    _, booster = trained(frame, labels, CATALOGUE.signals)
    before = booster.model_to_string()
    assert cap(booster, [False] * len(NAMES)) == 1
    assert booster.model_to_string() == before


def test_drawing_together_keeps_order_and_contributions_add_up():
    frame, labels = damned()
    _, booster = trained(frame, labels)
    inputs = matrix(frame, [*NAMES, "listed"])
    parts = booster.predict(inputs, pred_contrib=True)
    raw = booster.predict(inputs, raw_score=True)
    assert np.abs(parts.sum(axis=1) - raw).max() < 1e-9
    assert cap(booster, [False] * len(NAMES) + [True]) == pytest.approx(1, abs=1e-6)


def test_groups():
    assert apart([True, False, True]) == [[1], [0, 2]]
    assert apart([True, True]) == apart([]) == []


def test_behaviour_only():
    chosen = model_inputs(KNOWN_TO_LISTS.signals, basis="usd", legs=SETTINGS.legs, exposure=False)
    assert [s.name for s in chosen] == NAMES


def test_context_becomes_an_input_when_asked_for():
    alone = model_inputs(CONTEXT.signals, basis="usd", legs=SETTINGS.legs)
    assert [s.name for s in alone] == NAMES
    wanted = ["neighbourhood"]
    also = model_inputs(CONTEXT.signals, basis="usd", legs=SETTINGS.legs, also=wanted)
    assert [s.name for s in also] == [*NAMES, "near"]


def test_the_card_says_what_association_may_do():
    frame, labels = damned()
    known = replace(SETTINGS, allow=("single_signal",))  # being listed all but is the label here
    with_it = fit(frame, labels, known, catalogue=KNOWN_TO_LISTS)
    slope = with_it.facts.calibration.slope
    assert with_it.facts.training["exposure"] == ["listed"]
    assert f"multiply the odds by {math.exp(slope * MOST):.2g} at most" in with_it.card
    without = fit(frame, labels, replace(SETTINGS, exposure=False), catalogue=KNOWN_TO_LISTS)
    assert without.facts.training["exposure"] == []
    assert "Behaviour only" in without.card
    assert "listed" not in without.facts.signals


def test_an_exposure_that_no_row_has_is_no_input():
    frame, labels = damned()
    nobody = frame.with_columns(listed=pl.lit(None, dtype=pl.Float64))
    told = fit(nobody, labels, Settings(basis="usd", legs=SETTINGS.legs), catalogue=KNOWN_TO_LISTS)
    assert list(told.facts.signals) == NAMES
