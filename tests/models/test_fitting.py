"""The whole fit: reproducible, blind to the test part, and measured as it says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from data.errors import Refused
from models.bundle import Bundle
from models.evaluating import evaluate_bundle
from models.evaluation import Judge, evaluate_split, metric_values
from models.fitting import fit
from models.intervals import wilson
from models.metrics import METRICS, logistic
from tests.models.world import CATALOGUE, SETTINGS, MadeUp, fitted, world


@pytest.fixture(scope="module")
def made():
    return fitted(900)


def test_row_order_and_threads_give_the_same_bundle(made, tmp_path):
    frame, labels = world(900)
    order = np.random.default_rng(4).permutation(900)
    again = fit(frame[order], labels[order], replace(SETTINGS, threads=2), catalogue=CATALOGUE)
    assert again.write(tmp_path / "b") == made.write(tmp_path / "a")
    for name in ("model.txt", "model_card.md", "evaluation.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_test_part_decides_nothing(made):
    frame, labels = world(900)
    part = pl.Series([None] * 900, dtype=pl.String).scatter(made.rows, made.split.part)
    other = pl.when(part == "test").then(1 - pl.col("label")).otherwise(pl.col("label"))
    given = labels.drop("case_id").with_columns(split=part)
    flipped = given.with_columns(label=other)
    a = fit(frame, given, SETTINGS, catalogue=CATALOGUE)
    b = fit(frame, flipped, SETTINGS, catalogue=CATALOGUE)
    assert a.facts == b.facts
    assert a.model == b.model
    assert a.evaluation["splits"]["test"] != b.evaluation["splits"]["test"]
    assert a.evaluation["splits"]["validation"] == b.evaluation["splits"]["validation"]


def test_dates_in_disguise_are_no_inputs():
    """With one common cut, the time since the last transfer tells the era, not the behaviour."""
    signals = [replace(s, depends_on_as_of=s.name == "noise") for s in CATALOGUE.signals]
    frame, labels = world(600)
    apart = fit(frame, labels, SETTINGS, catalogue=MadeUp(signals))
    assert "noise" in apart.facts.signals
    frame = frame.with_columns(as_of=pl.lit(frame["as_of"].max()))
    common = fit(frame, labels, SETTINGS, catalogue=MadeUp(signals))
    assert "noise" not in common.facts.signals


def test_labels_known_too_late_do_not_teach(made):
    frame, labels = world(900)
    first = labels.with_row_index().filter(made.split.part == "train")["index"][:200]
    late = [timedelta(days=999) if i in set(first) else timedelta(0) for i in range(900)]
    available = frame["as_of"] + pl.Series(late)
    found = fit(frame, labels.with_columns(available_at=available), SETTINGS, catalogue=CATALOGUE)
    assert found.split.n_known_late == 200
    assert found.facts.training["n"] == made.facts.training["n"] - 200


def test_short_and_truncated_histories_take_no_part_and_are_counted(made):
    frame, labels = world(900)
    train = (made.split.part == "train").to_numpy()
    test = (made.split.part == "test").to_numpy()
    row = np.arange(900)
    frame = frame.with_columns(
        n_transfers=pl.Series(np.where(train & (row % 3 == 0), 2, 30)),
        complete=pl.Series(~(test & (row % 2 == 0))),
    )
    found = fit(frame, labels, SETTINGS, catalogue=CATALOGUE)
    splits = found.evaluation["splits"]
    assert found.facts.training["n"] == (train & (row % 3 != 0)).sum()
    assert (
        splits["train"]["not_scored"]["insufficient_history"]["n"] == (train & (row % 3 == 0)).sum()
    )
    kept = test & (row % 2 == 1)
    assert splits["test"]["n"] == kept.sum()
    positive = labels["label"].to_numpy() == 1
    assert splits["test"]["not_scored"] == {
        "truncated_history": {
            "n": (test & ~kept).sum(),
            "n_positive": (test & ~kept & positive).sum(),
        }
    }


def test_evaluating_the_bundle_gives_what_the_fit_measured(made, tmp_path):
    made.write(tmp_path / "model")
    bundle = Bundle.load(tmp_path / "model", catalogue=CATALOGUE)
    frame, labels = world(900)
    again = evaluate_bundle(bundle, frame, labels, part=made.split.part)
    del again["most_wrong"]  # told of a bundle only
    of_training = ("audit", "labels_from", "rivals")
    measured = {n: told for n, told in made.evaluation.items() if n not in of_training}
    assert json.dumps(again, sort_keys=True) == json.dumps(measured, sort_keys=True)
    everything = evaluate_bundle(bundle, frame, labels)
    assert list(everything["splits"]) == ["all"]
    assert everything["splits"]["all"]["n"] == 900


def test_the_evaluation_is_that_of_scikit_learn(made, tmp_path):
    made.write(tmp_path / "model")
    bundle = Bundle.load(tmp_path / "model", catalogue=CATALOGUE)
    frame, labels = world(900)
    test = (made.split.part == "test").to_numpy()
    from models.material import matrix

    label = labels["label"].to_numpy()[test]
    score = bundle.log_odds(matrix(frame, bundle.facts.signals))[test]
    found = made.evaluation["splits"]["test"]
    assert found["roc_auc"]["value"] == pytest.approx(roc_auc_score(label, score))
    assert found["pr_auc"]["value"] == pytest.approx(average_precision_score(label, score))
    assert found["prevalence"] == pytest.approx(label.mean())
    assert found["recall_at_fpr_0.01"] is None
    values = metric_values(made.evaluation)
    assert values["test.roc_auc"] == found["roc_auc"]["value"]
    assert "test.recall_at_fpr_0.01" not in values


def test_every_split_has_every_metric_with_an_interval(made):
    for split in ("train", "validation", "test"):
        found = made.evaluation["splits"][split]
        for name in METRICS:
            assert name in found
            if found[name] is not None:
                assert found[name]["low"] <= found[name]["value"] + 0.02
                assert found[name]["value"] <= found[name]["high"] + 0.02


def test_probability_metrics_do_not_depend_on_the_base_rate(made):
    rare = fitted(900, base_rate=1e-4)
    assert rare.facts.calibration.base_rate == 1e-4
    for name in METRICS:
        ours, theirs = (f.evaluation["splits"]["test"][name] for f in (made, rare))
        if ours is not None:
            assert ours["value"] == pytest.approx(theirs["value"], abs=1e-9), name
    bands = [f.evaluation["splits"]["test"]["bands"] for f in (made, rare)]
    assert bands[0] == bands[1]
    shift = rare.facts.thresholds["medium"], made.facts.thresholds["medium"]
    if None not in shift:
        assert logistic(np.array(shift))[0] < 0.01


def test_populations_show_where_false_alarms_fall():
    rows = pl.DataFrame(
        {
            "label": [0] * 20 + [1] * 10,
            "status": ["scored"] * 30,
            "group": list(range(30)),
            "log_odds": [float(i) for i in range(30)],
            "population": ["shop"] * 10 + ["trader"] * 10 + ["mule"] * 10,
        }
    )
    judge = Judge(fitted(600).facts.calibration, {"medium": 15.0, "high": None, "severe": None})
    found = evaluate_split(rows, judge, resamples=20)
    flagged = {name: p["flagged"]["medium"]["value"] for name, p in found["populations"].items()}
    assert flagged == {"mule": 1.0, "shop": 0.0, "trader": 0.5}
    assert list(found["bands"]) == ["below_review", "medium"]
    assert found["bands"]["medium"] == {"positives": 10, "negatives": 5}
    assert wilson(5, 10)[0] == pytest.approx(0.2366, abs=1e-4)


def test_the_card_says_what_the_bundle_holds(made):
    for words in (
        "Not for decisions",
        "prevalence",
        "trader",
        "simulation",
        f"{made.facts.training['n']:,} addresses",
        f"base rate of {made.facts.calibration.base_rate:.4g}",
        "never clean",
    ):
        assert words in made.card
    reviewed = fitted(600, training_basis="reviewed")
    assert reviewed.facts.decision_use
    assert "**Not for decisions**" not in reviewed.card
    assert not fitted(600, training_basis="research").facts.decision_use


def test_refusals(made):
    frame, labels = world(900)
    with pytest.raises(ValueError, match="same addresses in order"):
        fit(frame, labels.reverse(), SETTINGS, catalogue=CATALOGUE)
    with pytest.raises(Refused, match="base rate"):
        fitted(600, base_rate=2.0)
    with pytest.raises(Refused, match="0 positive"):
        fit(frame, labels.with_columns(label=pl.lit(0)), SETTINGS, catalogue=CATALOGUE)
    only_train = labels.drop("case_id").with_columns(split=pl.lit("train"))
    with pytest.raises(Refused, match="validation part"):
        fit(frame, only_train, SETTINGS, catalogue=CATALOGUE)
