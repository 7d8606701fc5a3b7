"""Explanations add up exactly, agree with SHAP's own explainer, and give only reasons that hold."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import lightgbm
import numpy as np
import polars as pl
import pytest

from features.catalogue import catalogue
from features.signal import Signal
from models.bundle import Bundle
from models.explanation import (
    NO_REASON,
    SAME_STORY,
    Contribution,
    Explanation,
    _contribution,
    contributions,
    explain_rows,
    reasons_text,
    without_repeats,
)
from models.material import matrix
from models.reason_texts import told_texts
from models.standing import counted_enough, standing
from tests.models.world import CATALOGUE, NAMES, fitted, world


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("explanation") / "model"
    fitted(base_rate=0.01).write(path)
    return Bundle.load(path, catalogue=CATALOGUE)


@pytest.fixture(scope="module")
def signals():
    return world(400, seed=11)[0]


def test_parts_add_up_to_the_log_odds(bundle, signals):
    for explained in explain_rows(bundle, signals):
        parts = [part.log_odds for part in explained.contributions]
        assert math.fsum(parts) + explained.base == pytest.approx(explained.log_odds, abs=1e-9)
        families = explained.families.values()
        assert math.fsum(families) + explained.base == pytest.approx(explained.log_odds, abs=1e-9)
        assert {part.signal for part in explained.contributions} == set(NAMES)


def test_odds_multiply(bundle, signals):
    explained = next(explain_rows(bundle, signals[5:6]))
    odds = math.exp(explained.base)
    for part in explained.contributions:
        odds *= part.odds_multiplier
    assert odds / (1 + odds) == pytest.approx(explained.score, abs=1e-9)


def test_agrees_with_shap(bundle, signals):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        explainer = shap.TreeExplainer(lightgbm.Booster(model_str=bundle.model))
        inputs = matrix(signals, NAMES)
        expected = np.asarray(explainer.shap_values(inputs))
    parts, base = contributions(bundle, inputs)
    calibration = bundle.facts.calibration
    np.testing.assert_allclose(parts, calibration.slope * expected, atol=1e-10)
    shift = calibration.intercept + calibration.prior_shift
    assert base == pytest.approx(calibration.slope * explainer.expected_value + shift, abs=1e-9)


def test_threads_blocks_and_company_change_no_bit(bundle, signals, monkeypatch):
    inputs = matrix(signals, NAMES)
    once, base = contributions(bundle, inputs)
    assert np.array_equal(contributions(bundle, inputs, threads=2)[0], once)
    monkeypatch.setattr("models.treeshap.BLOCK", 64)
    again, same_base = contributions(bundle, inputs[:40])
    assert np.array_equal(again, once[:40])
    assert same_base == base
    assert contributions(bundle, inputs[:0])[1] == base


def test_a_reason_raised_the_score_and_is_unusual_among_look_alikes(bundle, signals):
    frame, labels = world()
    train = frame.head(900).filter(labels["label"].head(900) == 0)  # the first 60 % in time
    seen = 0
    for explained in explain_rows(bundle, signals.head(150)):
        strongest = [part.log_odds for part in explained.reasons]
        assert strongest == sorted(strongest, reverse=True)
        for part in explained.contributions:
            held = train[part.signal].drop_nulls()
            assert part.n_look_alikes == pytest.approx(len(held), rel=0.1)
            if not part.is_reason:
                continue
            seen += 1
            assert part.log_odds > 0
            assert part.value is not None
            side = held < part.value if part.unusual == "high" else held > part.value
            assert float(side.sum()) >= 0.85 * len(held)
            if part.signal == "receivers":  # declared: risk grows upwards
                assert part.unusual == "high"
            if part.signal == "dwell":  # declared: risk grows downwards
                assert part.unusual == "low"
    assert seen > 50


def test_null_is_never_a_reason_and_never_speaks_for_an_address(bundle, signals):
    frame = signals.with_columns(dwell=pl.lit(None, dtype=pl.Float64))
    for explained in explain_rows(bundle, frame.head(100)):
        part = next(p for p in explained.contributions if p.signal == "dwell")
        assert part.value is None
        assert (part.below, part.look_alikes_above, part.unusual) == (None, None, None)
        assert part not in explained.reasons
        assert part not in explained.against


def contribution(
    bundle: Any, signal: Signal, value: float, part: float, row: dict[str, float | None]
) -> Contribution:
    """Return what one value of one signal added, with a row of the signals table of its own."""
    alone = SimpleNamespace(facts=bundle.facts, inputs=[signal])
    frame = pl.DataFrame({"a": ["b"], **{name: [value] for name, value in row.items()}})
    counted = counted_enough(frame, [signal])
    found = standing(cast(Bundle, alone), np.array([[value]]), counted)
    places = tuple(column[0, 0].item() for column in found)
    return _contribution(bundle, signal, value, part, cast(Any, places), row)


def test_standings_are_what_the_population_says_of_each_value(bundle, signals):
    inputs = matrix(signals, bundle.facts.signals)
    grids = bundle.facts.look_alikes.quantiles
    for i, name in enumerate(bundle.facts.signals):  # its own quantiles are where ties are
        inputs[: len(grids[name] or ()), i] = (grids[name] or ())[: len(inputs)]
    found = standing(bundle, inputs, np.ones(inputs.shape, dtype=bool))
    everyone, alike = bundle.facts.population, bundle.facts.look_alikes
    questions = (everyone.below, everyone.above, alike.below, alike.above)
    for column, ask in zip(found[:4], questions, strict=True):
        for i, name in enumerate(bundle.facts.signals):
            said = [None if np.isnan(value) else ask(name, value) for value in inputs[:, i]]
            assert [None if np.isnan(v) else v for v in column[:, i].tolist()] == said


@pytest.mark.parametrize("most", [1, 3, 50])
def test_many_are_told_what_each_alone_is_told(bundle, signals, most):
    texts = told_texts(bundle, signals, most)
    assert texts == [reasons_text(one, most) for one in explain_rows(bundle, signals)]
    assert len(set(texts)) > 20
    assert NO_REASON in texts
    assert told_texts(bundle, signals.head(0)) == []
    assert told_texts(bundle, signals[7:9], most) == texts[7:9]


def test_what_only_time_changed_is_never_a_reason(bundle, signals):
    silent = replace(CATALOGUE.signals[0], depends_on_as_of=True)
    value = float(bundle.facts.look_alikes.quantiles["senders"][100]) + 1
    assert contribution(bundle, CATALOGUE.signals[0], value, 1.0, {}).is_reason
    assert not contribution(bundle, silent, value, 1.0, {}).is_reason


@pytest.mark.parametrize(
    "row, enough",
    [
        ({}, False),
        ({"paid": 5, "swaps": None}, False),
        ({"paid": 4, "swaps": 2}, False),
        ({"paid": 5, "swaps": 1}, False),
        ({"paid": 5, "swaps": 2}, True),
    ],
)
def test_a_share_of_too_few_is_no_reason_no_red_flag_and_speaks_for_nobody(bundle, row, enough):
    habit = replace(CATALOGUE.signals[0], fewest=(("paid", 5), ("swaps", 2)))
    value = float(bundle.facts.look_alikes.quantiles["senders"][100]) + 1
    raised = contribution(bundle, habit, value, 1.0, row)
    assert raised.is_reason == enough
    assert bool(raised.red_flags) == enough
    usual = float(bundle.facts.look_alikes.quantiles["senders"][50])
    lowered = contribution(bundle, habit, usual, -1.0, row)
    explained = Explanation("tron", "a", 0.0, 0.5, 1.0, (lowered,))
    assert bool(explained.against) == enough


def test_a_low_lower_bound_says_nothing(bundle):
    bound = replace(CATALOGUE.signals[0], lower_bound=True)
    grid = bundle.facts.look_alikes.quantiles["senders"]
    high, low, usual = (
        contribution(bundle, bound, float(value), -1.0, {})
        for value in (grid[100] + 1, grid[0] - 1, grid[50])
    )
    assert (high.unusual, low.unusual, usual.unusual) == ("high", None, None)
    explained = Explanation("tron", "a", 0.0, 0.5, 1.0, (high, low, usual))
    assert explained.against == (high,)


def test_the_rows_of_a_run_decide_in_batch_and_in_alerts_alike(bundle, signals):
    """The text of a batch and the parts of an alert come from the same rows of the same frame."""
    signal = next(s for s in CATALOGUE.signals if s.name == "round_share")
    counted = replace(signal, fewest=(("n_transfers", 31),))
    wanting = replace(bundle)
    others = [s for s in bundle.inputs if s.name != "round_share"]
    wanting.__dict__["inputs"] = tuple(
        counted if s.name == "round_share" else s for s in bundle.inputs
    )
    assert len(others) == len(wanting.inputs) - 1
    before = list(explain_rows(bundle, signals))
    after = list(explain_rows(wanting, signals))  # every row has 30 transfers
    enough = list(explain_rows(wanting, signals.with_columns(n_transfers=pl.lit(31))))
    told = [e for e in before if any(r.signal == "round_share" for r in e.told)]
    assert told
    for old, new, again in zip(before, after, enough, strict=True):
        assert [p.log_odds for p in old.contributions] == [p.log_odds for p in new.contributions]
        assert "round_share" not in reasons_text(new, most=9)
        assert all(r.signal != "round_share" for r in (*new.reasons, *new.against))
        assert reasons_text(again, most=9) == reasons_text(old, most=9)
    assert told_texts(wanting, signals, 9) == [reasons_text(e, most=9) for e in after]


def test_a_red_flag_is_raised_only_on_its_own_side(bundle):
    both = replace(CATALOGUE.signals[0], red_flags=("much", "little"), flags_when_low=("little",))
    grid = bundle.facts.look_alikes.quantiles["senders"]
    raised = [
        contribution(bundle, both, float(value), 1.0, {}).red_flags
        for value in (grid[100] + 1, grid[50], grid[0] - 1)
    ]
    assert raised == [("much",), (), ("little",)]


def test_a_red_flag_is_raised_only_where_all_of_its_parts_hold(bundle):
    quick = replace(CATALOGUE.signals[0], red_flags=("rapid_pass_through", "made_up"))
    value = float(bundle.facts.look_alikes.quantiles["senders"][100]) + 1
    holds = {"forwarded_24h_share": 0.9, "retained_share": 0.05}
    rows: list[dict[str, float | None]] = [
        {},
        {**holds},
        {**holds, "retained_share": 0.9},
        {**holds, "retained_share": None},
    ]
    told = [contribution(bundle, quick, value, 1.0, row) for row in rows]
    assert [("rapid_pass_through" in one.red_flags) for one in told] == [False, True, False, False]
    assert all("made_up" in one.red_flags and one.is_reason for one in told)


def test_one_story_is_told_once_and_by_its_strongest_part(bundle):
    quick = contribution(bundle, CATALOGUE.signals[0], 1.0, 1.0, {})
    names = ["forwarded_24h_share", "senders", "retained_share", "forwarded_7d_share", "peel_share"]
    told = without_repeats(replace(quick, signal=name) for name in names)
    assert [part.signal for part in told] == ["forwarded_24h_share", "senders", "peel_share"]


def test_stories_name_signals_and_each_once():
    named = [name for story in SAME_STORY for name in story]
    assert len(named) == len(set(named))
    assert set(named) <= set(catalogue().by_name)


def test_without_reasons_it_says_so(bundle):
    usual = {name: bundle.facts.look_alikes.quantiles[name][50] for name in NAMES}
    frame = pl.DataFrame(
        {"chain": ["tron"], "address": ["a"], **{n: [v] for n, v in usual.items()}}
    )
    explained = next(explain_rows(bundle, frame))
    assert explained.reasons == ()
    assert reasons_text(explained) == NO_REASON
    assert explained.against


def test_the_text_names_value_share_and_n(bundle, signals):
    explained = max(explain_rows(bundle, signals), key=lambda e: e.log_odds)
    text = reasons_text(explained, most=1)
    first = explained.reasons[0]
    assert text.startswith(f"{first.signal} {first.value:g}, ")
    assert f"of {first.n_look_alikes:,} look-alikes" in text


def test_parts_that_do_not_add_up_are_never_shown(bundle, signals):
    facts = bundle.facts
    wrong = replace(facts.calibration, slope=facts.calibration.slope * 1.001)
    skewed = replace(bundle)
    skewed.__dict__["log_odds"] = lambda inputs, threads=1: wrong.log_odds(
        bundle.booster.predict(inputs, raw_score=True)
    )
    with pytest.raises(ArithmeticError, match="miss the score"):
        list(explain_rows(skewed, signals.head(3)))
