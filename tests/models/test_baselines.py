"""One signal as a score, against scikit-learn."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from models.baselines import best_ranking, single_signal_auc
from tests.models.world import NAMES, world


def test_agrees_with_scikit_learn_where_nothing_is_null():
    frame, labels = world(500)
    label = labels["label"].to_numpy()
    found = {
        name: (auc, way) for name, auc, way, _ in single_signal_auc(frame, label, NAMES).rows()
    }
    for name in ("senders", "receivers", "transfers_out", "round_share"):
        auc = roc_auc_score(label, frame[name].to_numpy())
        assert found[name][0] == pytest.approx(max(auc, 1 - auc))
        assert found[name][1] == ("up" if auc >= 0.5 else "down")


def test_nulls_stand_on_the_better_side():
    values = pl.Series("s", [None, None, 1.0, 2.0, 3.0])
    label = np.array([1, 1, 0, 0, 0])
    found = single_signal_auc(pl.DataFrame([values]), label, ["s"]).row(0, named=True)
    assert (found["roc_auc"], found["n"]) == (1.0, 3)


def test_a_signal_that_nobody_has_tells_nothing():
    frame = pl.DataFrame({"s": [None, None]}, schema={"s": pl.Float64})
    assert single_signal_auc(frame, np.array([0, 1]), ["s"])["roc_auc"].to_list() == [0.5]


def test_the_ranking_is_the_signal_in_its_better_direction():
    label = np.array([0, 0, 1, 1, 0])
    found = best_ranking(pl.Series([5.0, 4.0, 1.0, 2.0, 3.0]), label)
    assert (found.roc_auc, found.direction) == (1.0, "down")
    assert found.score.tolist() == [-5, -4, -1, -2, -3]
    up = best_ranking(pl.Series([1, 2, 3, 4, 2]), label)
    assert (up.roc_auc, up.direction) == (1.0, "up")


@pytest.mark.parametrize("missing_is_criminal", [True, False])
def test_rows_without_the_signal_are_ranked_on_one_side(missing_is_criminal):
    label = np.array([1, 1, 0, 0, 0, 1])
    label = label if missing_is_criminal else 1 - label
    values = pl.Series([None, None, 1.0, 2.0, 1.5, 3.0])
    found = best_ranking(values, label)
    assert found.roc_auc == roc_auc_score(label, found.score) == 1.0
    assert len(np.unique(found.score[:2])) == 1
    assert not np.isnan(found.score).any()


def test_a_constant_or_empty_signal_ranks_nobody():
    label = np.array([0, 1, 1])
    for values in (pl.Series([7.0, 7.0, 7.0]), pl.Series([None, None, None], dtype=pl.Float64)):
        assert best_ranking(values, label).roc_auc == 0.5
