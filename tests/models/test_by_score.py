"""Shares by score, held to slow and obvious counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.by_score import FEWEST, ByScore, by_score
from models.intervals import wilson
from tests.generated import cases

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@st.composite
def validations(draw: st.DrawFn) -> Rows:
    n = draw(st.integers(FEWEST, 260))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    label = (random.random(n) < draw(st.sampled_from([0.1, 0.5, 0.9]))).astype(float)
    label[:2] = [0, 1]
    score = random.normal(label * draw(st.sampled_from([-1.0, 0.0, 3.0])), 1.0)
    if draw(st.booleans()):
        score = np.round(score)
    weight = random.choice([1.0, 2.0, 0.3], n) if draw(st.booleans()) else np.ones(n)
    return score, label, random.integers(0, 1 + n // 4, n), weight


def read(rows: Rows, resamples: int = 20) -> ByScore:
    found = by_score(*rows, seed=3, resamples=resamples)
    assert found is not None
    return found


@settings(max_examples=cases(50), deadline=None)
@given(validations())
def test_steps_hold_all_rows_and_their_shares_rise(rows):
    score, label, _, weight = rows
    found = read(rows)
    assert found.rises()
    assert (found.n, found.n_positive) == (len(score), int(label.sum()))
    ends = [*(step.least for step in found.steps[1:]), math.inf]
    assert found.steps[0].least == score.min()
    for step, end in zip(found.steps, ends, strict=True):
        inside = (score >= step.least) & (score < end)
        assert (step.n, step.n_positive) == (inside.sum(), label[inside].sum())
        assert step.n >= FEWEST
        assert step.share == pytest.approx(
            weight[inside & (label == 1)].sum() / weight[inside].sum()
        )
        assert found.step(step.least) == step
        assert found.step(math.nextafter(step.least, -math.inf)) == (
            step if step is found.steps[0] else found.steps[found.steps.index(step) - 1]
        )
        low, high = wilson(step.share * step.n, step.n)
        if len(set(weight.tolist())) == 1:
            assert step.low <= low + 1e-9
            assert step.high >= high - 1e-9
        assert found.after(step) == (None if end == math.inf else end)


@settings(max_examples=cases(50), deadline=None)
@given(validations(), st.floats(-5, 5))
def test_the_share_that_scores_as_high_lies_between_the_cuts(rows, at):
    score, label, _, weight = rows
    found = read(rows)
    other = label == 0
    for value in (at, *score[:20].tolist()):
        share = weight[other & (score >= value)].sum() / weight[other].sum()
        beyond, reached = found.reached(value)
        assert beyond.share - 1e-9 <= share <= reached.share + 1e-9
        assert beyond.low <= beyond.share
        assert reached.high >= reached.share


@settings(max_examples=cases(20), deadline=None)
@given(validations(), st.integers(0, 99))
def test_rows_in_any_order_give_the_same(rows, seed):
    order = np.random.default_rng(seed).permutation(len(rows[0]))
    shuffled = tuple(column[order] for column in rows)
    one, other = read(rows), read(shuffled)
    assert [s.least for s in one.steps] == [s.least for s in other.steps]
    assert [s.n_positive for s in one.steps] == [s.n_positive for s in other.steps]


def test_steps_are_those_of_isotonic_regression():
    """The slow way: every piece gets the share that the best rising sequence gives it."""
    random = np.random.default_rng(8)
    score = np.arange(500.0)
    label = (random.random(500) < 0.2 + score / 1000).astype(float)
    found = read((score, label, np.arange(500), np.ones(500)))
    pieces = [label[start : start + FEWEST].mean() for start in range(0, 500, FEWEST)]
    for k in range(len(pieces)):
        best = max(
            min(np.mean(pieces[low : high + 1]) for high in range(k, len(pieces)))
            for low in range(k + 1)
        )
        assert found.step(float(k * FEWEST)).share == pytest.approx(best)


def test_rows_of_one_case_widen_an_interval():
    random = np.random.default_rng(2)
    label = np.repeat(random.random(20) < 0.5, 25).astype(float)
    score = random.normal(size=500)
    case = np.repeat(np.arange(20), 25)
    apart, together = (
        read((score, label, groups, np.ones(500)), 400) for groups in (np.arange(500), case)
    )
    assert together.steps[-1].high - together.steps[-1].low > (
        apart.steps[-1].high - apart.steps[-1].low
    )


def test_too_few_rows_or_one_class_tell_nothing():
    few = (np.arange(24.0), np.arange(24) % 2.0, np.arange(24), np.ones(24))
    assert by_score(*few, seed=1) is None
    same = (np.arange(90.0), np.ones(90), np.arange(90), np.ones(90))
    assert by_score(*same, seed=1) is None
    unweighted = (np.arange(90.0), np.arange(90) % 2.0, np.arange(90), np.zeros(90))
    assert by_score(*unweighted, seed=1) is None
