"""Unlabelled rows: what each way makes of them, and what it must not touch."""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from data.errors import Refused
from models.fitting import fit
from models.material import Material, material
from models.out_of_fold import judged_by_others
from models.preparing import in_parts, labelled, unlabelled_rows
from models.training import _held_back, train_material
from models.unlabelled import Unlabelled, _together, taught
from tests.models.world import CATALOGUE, SETTINGS, world


@pytest.fixture(scope="module")
def everything() -> Material:
    return material(*world(900), CATALOGUE.signals)


@pytest.fixture(scope="module")
def split(everything) -> tuple[Material, Material]:
    """A third of the positives and a fifth of the negatives have been judged."""
    random = np.random.default_rng(4).random(len(everything.label))
    known = random < np.where(everything.label == 1, 0.33, 0.2)
    return everything.take(known), everything.take(~known)


def test_left_out_means_left_out(split):
    rows, rest = split
    assert taught(rows, rest, Unlabelled()).rows is rows
    assert taught(rows, rest.take(rest.label > 5), Unlabelled("negative")).rows is rows


def test_negatives_are_negatives_and_never_certain(split):
    rows, rest = split
    told = taught(rows, rest, Unlabelled("negative"))
    assert told.expected_positives == 0
    assert len(told.rows.label) == len(rows.label) + len(rest.label)
    beside = told.rows.take(~told.rows.certain)
    assert (beside.label == 0).all()
    assert (beside.weight == 1).all()
    assert np.array_equal(beside.inputs, rest.inputs, equal_nan=True)


@pytest.mark.parametrize("prior", [None, 0.05, 0.3])
def test_each_row_counts_once_by_the_chance_of_elkan_and_noto(split, prior):
    """Independent: the chance worked out row by row from the first model and c."""
    rows, rest = split
    told = taught(rows, rest, Unlabelled("elkan_noto", prior))
    positives = rows.take(rows.label == 1)
    first = _together([positives, replace(rest, label=np.zeros(len(rest.label)))], certain=True)
    g = judged_by_others(first, seed=1, threads=1)
    n = len(positives.label)
    c = g[:n].mean() if prior is None else n / (n + prior * len(rest.label))
    assert told.labelled_share == pytest.approx(c)
    chance = [min(1.0, (1 - c) / c * p / (1 - p)) for p in g[n:]]
    assert told.expected_positives == pytest.approx(sum(chance))
    beside = told.rows.take(~told.rows.certain)
    negative, positive = (beside.take(beside.label == k) for k in (0, 1))
    assert negative.weight == pytest.approx([1 - p for p in chance])
    assert positive.weight == pytest.approx([p for p in chance if p >= 0.005])
    assert told.rows.take(told.rows.certain).keys.equals(rows.keys)


def test_a_higher_prior_expects_more_positives(split):
    expected = [
        taught(split[0], split[1], Unlabelled("elkan_noto", prior)).expected_positives
        for prior in (0.05, 0.1, 0.2, 0.4)
    ]
    assert expected == sorted(expected)
    assert expected[0] > 0


def test_nobody_unlabelled_decides_when_to_stop(split):
    """The rows that stop the trees are labelled ones: more unlabelled rows do not move them."""
    rows, rest = split
    alone = _held_back(rows)
    told = taught(rows, rest, Unlabelled("negative")).rows
    both = _held_back(told)
    assert np.array_equal(both[: len(rows.label)], alone)
    assert not both[len(rows.label) :].any()


def test_chances_do_less_harm_than_taking_all_for_negatives(everything, split):
    rows, rest = split
    fresh = material(*world(900, seed=9), CATALOGUE.signals)

    def judged(of: Material) -> float:
        booster = lightgbm.Booster(model_str=train_material(of).model)
        return float(average_precision_score(fresh.label, booster.predict(fresh.inputs)))

    weighted = judged(taught(rows, rest, Unlabelled("elkan_noto")).rows)
    assert judged(taught(rows, rest, Unlabelled("negative")).rows) < weighted
    assert weighted < judged(everything)


def test_only_rows_from_before_validation_with_a_history_are_at_hand():
    frame, labels = world(600)
    hidden = labels.with_columns(label=pl.when(pl.int_range(pl.len()) % 3 > 0).then("label"))
    hidden = hidden.with_columns(pl.col("label").cast(pl.Int8))
    short = frame.with_columns(
        n_transfers=pl.when(pl.int_range(pl.len()) % 7 == 0).then(2).otherwise(30)
    )
    table = labelled(short, hidden)
    known, _ = in_parts(table, SETTINGS)
    rows = unlabelled_rows(table, known, SETTINGS)
    begins = known.filter(pl.col("part") != "train")["as_of"].min()
    expected = [
        row["_row"]
        for row in table.iter_rows(named=True)
        if row["label"] is None and row["n_transfers"] >= 5 and row["as_of"] <= begins
    ]
    assert rows["_row"].to_list() == expected
    assert expected


def test_a_bundle_tells_how_and_its_calibration_is_that_of_the_labelled():
    frame, labels = world(700)
    every_fourth = pl.int_range(pl.len()) % 4 == 0
    hidden = labels.with_columns(label=pl.when(~every_fourth).then("label").cast(pl.Int8))
    alone, weighted = (
        fit(frame, hidden, replace(SETTINGS, unlabelled=Unlabelled(way)), catalogue=CATALOGUE)
        for way in ("leave_out", "elkan_noto")
    )
    assert alone.model != weighted.model
    assert alone.facts.training["n"] == weighted.facts.training["n"]
    assert alone.facts.calibration.prevalence == weighted.facts.calibration.prevalence
    assert alone.facts.training["unlabelled"]["n"] == 0
    assert "were not used" in alone.card
    told = weighted.facts.training["unlabelled"]
    assert 0 < told["n"] < weighted.facts.training["n_unlabelled"]
    assert told["expected_positives"] > 1
    assert "Elkan and Noto" in weighted.card


@pytest.mark.parametrize(
    "method, prior, message",
    [
        ("hope", None, "no way 'hope'.*leave_out, negative, elkan_noto"),
        ("negative", 0.1, "says nothing to negative"),
        ("elkan_noto", 1.0, "is 1.*between 0 and 1"),
    ],
)
def test_what_cannot_be_is_refused(method, prior, message):
    with pytest.raises(Refused, match=message):
        Unlabelled(method, prior)
