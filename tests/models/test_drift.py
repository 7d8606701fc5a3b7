"""Drift: pairs are fair, chances are never understated, alarms keep their rate and their power."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from models.drift import (
    PLACE,
    SHARE,
    SPREAD,
    Compared,
    Finding,
    Pairing,
    Side,
    compared,
    detectable,
    judged,
    pairs_needed,
)

few_values = st.lists(st.integers(0, 4), min_size=1, max_size=9)
ages = st.lists(st.sampled_from([0.01, 1.0, 1.1, 30.0, 31.0, 400.0, math.nan]), max_size=14)


# --- pairs ----------------------------------------------------------------------------------------


def side(ages: list[float], seed: int = 0) -> Side:
    order = np.random.default_rng(seed).permutation(len(ages)).astype(np.uint64)
    return Side(np.array(ages, dtype=np.float64), order)


def level(age: float) -> float:
    return -1e9 if math.isnan(age) else math.floor(4 * math.log2(max(age, 1 / 24)))


@given(ages, ages, st.data())
def test_pairs_are_as_many_as_there_can_be_of_equal_age_and_nobody_is_used_twice(now, then, data):
    allowed = [
        np.array(data.draw(st.lists(st.booleans(), min_size=len(x), max_size=len(x))), dtype=bool)
        for x in (now, then)
    ]
    rows, others = Pairing(side(now, 1), side(then, 2)).pairs(*allowed)
    assert [level(now[i]) for i in rows] == [level(then[j]) for j in others]
    assert len(set(rows.tolist())) == len(rows)
    assert len(set(others.tolist())) == len(others)
    assert allowed[0][rows].all()
    assert allowed[1][others].all()
    levels = [
        [level(age) for age, may in zip(x, ok, strict=True) if may]
        for x, ok in zip((now, then), allowed, strict=True)
    ]
    assert len(rows) == sum(min(*(x.count(k) for x in levels)) for k in set(levels[0]))


def test_who_is_drawn_depends_on_the_order_alone():
    order = np.array([30, 10, 20, 40], dtype=np.uint64)
    many, one = Side(np.full(4, 50.0), order), Side(np.array([50.0]), order[:1])
    assert Pairing(many, one).pairs()[0].tolist() == [1]


def test_ages_themselves_are_compared_without_regard_to_age():
    rows, _ = Pairing(side([1.0, 2.0]), side([900.0, 901.0]), by_age=False).pairs()
    assert len(rows) == 2
    assert len(Pairing(side([1.0, 2.0]), side([900.0, 901.0])).pairs()[0]) == 0


def test_within_an_age_pairs_are_drawn_by_lot_so_that_ages_do_not_alarm():
    """Paired youngest with youngest, every second null window would alarm on its ages."""
    random = np.random.default_rng(8)
    chances = []
    for _ in range(200):
        sides = [
            Side(random.uniform(64, 76, 300), random.permutation(300).astype(np.uint64))
            for _ in range(2)
        ]
        for by_age in (True, False):
            rows = Pairing(*sides, by_age=by_age).pairs()
            chances.append(compared(sides[0].age[rows[0]], sides[1].age[rows[1]], PLACE).p)
    assert np.mean(np.array(chances) < 0.1) < 0.1


# --- one comparison -------------------------------------------------------------------------------


def scores_of(pooled: list[float], what: str) -> list[float]:
    """Score in plain words: scipy's mid-ranks, or their squared distance from the middle."""
    if what == SHARE:
        return pooled
    ranks = [(r - 0.5) / len(pooled) for r in oracle.rankdata(pooled)]
    return ranks if what == PLACE else [(r - 0.5) ** 2 for r in ranks]


@given(st.data(), st.sampled_from([PLACE, SPREAD, SHARE]))
def test_the_chance_is_never_below_that_of_all_ways_to_toss_the_coins(data, what):
    values = st.integers(0, 1) if what == SHARE else st.integers(0, 4)
    now = data.draw(st.lists(values, min_size=1, max_size=9))
    then = data.draw(st.lists(values, min_size=len(now), max_size=len(now)))
    scores = scores_of([float(x) for x in now + then], what)
    d = [a - b for a, b in zip(scores[: len(now)], scores[len(now) :], strict=True)]
    sums = [
        abs(sum(s * x for s, x in zip(signs, d, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(d))
    ]
    exact = sum(total >= abs(sum(d)) - 1e-12 for total in sums) / len(sums)
    told = compared(np.array(now, float), np.array(then, float), what)
    assert told.p >= exact - 1e-12
    assert told.least_p <= told.p + 1e-15
    if what == SHARE:
        assert told.p == pytest.approx(exact)
    deviation = np.std(scores)
    assert told.effect == pytest.approx(np.mean(d) / deviation if any(d) else 0.0)


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 50))
def test_a_share_is_judged_by_the_exact_binomial_test(more, less, same):
    now = np.repeat([1.0, 0.0, 1.0], [more, less, same])
    then = np.repeat([0.0, 1.0, 1.0], [more, less, same])
    expected = oracle.binomtest(more, more + less).pvalue if more + less else 1.0
    assert compared(now, then, SHARE).p == pytest.approx(expected, rel=1e-9)


@given(few_values, st.sampled_from([PLACE, SPREAD]))
def test_sides_exchanged_turn_the_sign_and_nothing_else(values, what):
    now, then = np.array(values, float), np.array(values[::-1], float) * 1.5
    one, other = compared(now, then, what), compared(then, now, what)
    assert one.effect == pytest.approx(-other.effect)
    assert one.p == pytest.approx(other.p)


def test_only_the_order_of_values_counts():
    random = np.random.default_rng(3)
    now, then = random.normal(0.3, 1, 200), random.normal(size=200)
    assert compared(now, then, PLACE) == compared(np.exp(9 * now), np.exp(9 * then), PLACE)


@pytest.mark.parametrize("shift", [0.1, 0.3, 0.5])
def test_an_effect_in_place_is_nearly_the_shift_in_standard_deviations(shift):
    random = np.random.default_rng(4)
    told = compared(random.normal(shift, 1, 60_000), random.normal(size=60_000), PLACE)
    assert told.effect == pytest.approx(0.977 * shift, abs=0.02)


def test_a_wider_spread_is_seen_in_spread_alone():
    random = np.random.default_rng(5)
    now, then = random.normal(0, 1.6, 4000), random.normal(size=4000)
    assert compared(now, then, SPREAD).p < 1e-9
    assert compared(now, then, PLACE).p > 0.01


def test_equal_values_say_nothing():
    assert compared(np.ones(50), np.ones(50), PLACE) == Compared(50, 0.0, 1.0, 1.0)
    assert compared(np.empty(0), np.empty(0), SHARE) == Compared(0, 0.0, 1.0, 1.0)


def test_an_unknown_question_is_an_error():
    with pytest.raises(ValueError, match="Expected place, spread or share"):
        compared(np.ones(2), np.ones(2), "shape")
    with pytest.raises(ValueError, match="2 and 3"):
        compared(np.ones(2), np.ones(3), PLACE)


# --- all of them together -------------------------------------------------------------------------


def finding(p: float, effect: float = 1.0, least_p: float = 0.0) -> Finding:
    return Finding("signal", "x", PLACE, 0.0, 1.0, Compared(900, effect, p, least_p))


@given(st.lists(st.floats(0, 1), max_size=12))
def test_the_adjustment_is_holms(chances):
    told = [f.p_adjusted for f in judged([finding(p) for p in chances])]
    ordered = sorted(chances)
    for p, adjusted in zip(chances, told, strict=True):
        steps = [min(1.0, (len(ordered) - k) * q) for k, q in enumerate(ordered) if q <= p]
        assert adjusted == pytest.approx(max(steps))


def test_what_could_not_alarm_is_no_question():
    told = judged([finding(0.0009), finding(0.5, least_p=0.02)])
    assert [(f.counted, f.alarm) for f in told] == [(True, True), (False, False)]
    assert not judged([finding(0.0009), finding(0.5)])[0].alarm


def test_a_sure_but_small_effect_is_no_alarm():
    assert not judged([finding(1e-30, effect=0.09)])[0].alarm
    assert judged([finding(1e-30, effect=-0.11)])[0].alarm
    assert judged([finding(1e-30, effect=0.09)], least_effect=0.05)[0].alarm


def windows(random: np.random.Generator, n: int, shift: float = 0.0) -> list[Finding]:
    """Twelve signals that hang together, with heavy tails and ties; the first is shifted."""
    common = random.normal(size=(2 * n, 1))
    values = common + random.normal(size=(2 * n, 12))
    values[:n, 0] += shift * math.sqrt(2)
    values[:, 6:9] = np.exp(3 * values[:, 6:9])
    values[:, 9:] = np.round(values[:, 9:])
    return [
        Finding("signal", str(k), what, None, None, compared(values[:n, k], values[n:, k], what))
        for k in range(12)
        for what in (PLACE, SPREAD)
    ]


def test_false_alarms_of_all_questions_together_keep_their_rate():
    random = np.random.default_rng(6)
    rounds = 1500
    raised = sum(
        any(f.alarm for f in judged(windows(random, 60), false_alarms=0.05, least_effect=0.0))
        for _ in range(rounds)
    )
    # More than 5 % in so many rounds would be seen: the bound is 3.5 deviations above 5 %.
    assert raised / rounds <= 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / rounds)


def test_the_stated_shift_is_found_with_the_stated_power():
    random = np.random.default_rng(7)
    n, rounds = 400, 250
    least = detectable(n, 24)
    assert least is not None
    found = sum(judged(windows(random, n, least / 0.977))[0].alarm for _ in range(rounds))
    assert found / rounds >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / rounds)
    missed = sum(judged(windows(random, n, least / 2))[0].alarm for _ in range(rounds))
    assert missed / rounds < 0.5


@given(st.floats(0.11, 2.0), st.integers(1, 1000))
def test_the_pairs_needed_are_the_fewest_that_find_it(effect, questions):
    n = pairs_needed(effect, questions)
    assert n is not None
    found, before = detectable(n, questions), detectable(n - 1, questions)
    assert found is not None
    assert found <= effect
    assert before is None or before > effect


def test_without_pairs_nothing_can_be_found():
    assert detectable(0, 10) is None
    assert pairs_needed(0.1, 10) is None
    assert pairs_needed(0.1, 10, least_effect=0.05) is not None
