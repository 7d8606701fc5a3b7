"""The search of parameters: on train alone, forwards in time, the same however often stopped."""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import optuna
import polars as pl
import pytest
from sklearn.metrics import log_loss

from models.calibration import calibrate
from models.material import Material, material
from models.search import AHEAD, FOLDS, SEARCHED, Budget, _folds, search
from models.training import HELD_BACK, MAX_ROUNDS, PARAMETERS, PATIENCE
from tests.models.world import CATALOGUE, fitted, world


@pytest.fixture(scope="module")
def rows() -> Material:
    frame, labels = world(700)
    group = labels["case_id"].fill_null(labels["address"])
    moment = frame.select(pl.col("first_seen").min().over(group)).to_series()
    return material(frame, labels.with_columns(group=group, moment=moment), CATALOGUE.signals)


@pytest.fixture(scope="module")
def found(rows):
    return search(rows, Budget(trials=8))


def test_a_stopped_search_ends_as_an_unstopped_one(rows, found, tmp_path):
    journal = tmp_path / "a.search.journal"
    counted: list[int] = []
    search(rows, Budget(trials=3, journal=journal), done=counted.append)
    again = search(rows, Budget(trials=8, journal=journal), threads=2, done=counted.append)
    assert again == found
    assert counted == [1, 1, 1, 3, 1, 1, 1, 1, 1]
    assert search(rows, Budget(trials=8, journal=journal)) == found  # nothing is left to do


def test_a_killed_trial_is_tried_again(rows, found, tmp_path):
    journal = tmp_path / "a.search.journal"
    search(rows, Budget(trials=3, journal=journal))
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(journal))
    )
    name = optuna.get_all_study_names(storage)[0]
    optuna.load_study(study_name=name, storage=storage).ask()  # and nobody tells how it did
    again = search(rows, Budget(trials=8, journal=journal))
    assert again == found


def test_other_rows_are_another_study(rows, found, tmp_path):
    journal = tmp_path / "a.search.journal"
    search(rows, Budget(trials=2, journal=journal))
    fewer = rows.take(np.arange(len(rows.label)) % 7 > 0)
    assert search(fewer, Budget(trials=2, journal=journal)).trials[0].loss != found.trials[0].loss


def test_the_defaults_are_tried_first_and_nothing_worse_is_returned(found):
    first = found.trials[0]
    assert first.parameters == {name: PARAMETERS[name] for name in SEARCHED}
    losses = [trial.loss for trial in found.trials if trial.loss is not None]
    assert min(losses) == next(t.loss for t in found.trials if t.parameters == found.best)
    assert min(losses) <= first.loss
    told = found.facts()
    assert told["trials"] == 8
    assert told["pruned"] == 8 - len(losses)
    assert told["loss_of_defaults"] == first.loss


def test_the_loss_is_that_of_plain_lightgbm_on_later_slices(rows, found):
    """Independent: cases in order of time, each fold's trees grown and stopped by hand."""
    losses = []
    for learn, judge in _folds(rows):
        assert len(_folds(rows)) == FOLDS
        early = rows.take(learn)
        late = early.place_in_time() > 1 - HELD_BACK
        fixed = {"deterministic": True, "force_row_wise": True, "feature_pre_filter": False}
        parameters = {**PARAMETERS, **fixed, "seed": 1, "verbosity": -1, "num_threads": 1}
        data = lightgbm.Dataset(early.inputs[~late], early.label[~late])
        booster = lightgbm.train(
            parameters,
            data,
            MAX_ROUNDS,
            valid_sets=[lightgbm.Dataset(early.inputs[late], early.label[late], reference=data)],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )
        raw = booster.predict(
            rows.inputs[judge], num_iteration=booster.best_iteration, raw_score=True
        )
        mended = calibrate(np.asarray(raw), rows.label[judge], base_rate=None)
        chance = 1 / (1 + np.exp(-mended.log_odds(np.asarray(raw))))
        losses.append(log_loss(rows.label[judge], chance))
    assert found.trials[0].loss == pytest.approx(np.mean(losses), rel=1e-9)


def test_folds_look_forwards_and_keep_groups_together(rows):
    groups = rows.keys["group"].to_numpy()
    moments = rows.keys["moment"].to_numpy()
    for learn, judge in _folds(rows):
        assert not set(groups[learn]) & set(groups[judge])
        assert moments[learn].max() <= moments[judge].min()
        assert abs(judge.mean() - AHEAD) < 0.03
    assert (_folds(rows)[-1][0] | _folds(rows)[-1][1]).all()


def test_no_time_at_all_is_one_trial_and_no_budget_is_refused(rows):
    assert len(search(rows, Budget(minutes=0.0)).trials) == 1
    with pytest.raises(ValueError, match="needs trials or minutes"):
        Budget()


def test_one_class_at_the_beginning_leaves_the_defaults(rows):
    lone = replace(rows, label=(rows.place_in_time() > 0.95).astype(float))
    assert search(lone, Budget(trials=3)).best == {}


def test_what_was_searched_is_used_and_told(tmp_path):
    made = fitted(700, budget=Budget(trials=4))
    told = made.facts.training["search"]
    assert told["trials"] == 4
    for name, value in told["best"].items():
        assert made.facts.training["parameters"][name] == value
    assert "the best of 4 trials" in made.card
    assert made.searched is not None
    assert len(made.searched.trials) == 4
    fixed = fitted(700, budget=Budget(trials=2), params={"max_depth": 2})
    assert fixed.facts.training["parameters"]["max_depth"] == 2
    assert "nothing was searched" in fitted(700).card
