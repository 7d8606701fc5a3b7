"""Innocent explanations: one contract over everything registered, and how each fares."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import catalogue
from features.history import DAY
from models.innocence import INNOCENT, NOT_SUPPORTED, NOT_TESTABLE, SUPPORTED, Innocent, Sign, tried
from models.innocence.measures import MEASURES, RHYTHMS, rhythm_share
from models.percentiles import Population, population
from tests.features.histories import histories, history
from tests.generated import cases

NOBODY = Population("nobody", 0, "2024-01-01", {}, {})
STRAY = 1e-9


def inside(sign: Sign) -> float:
    limits = [limit for limit in (sign.least, sign.most) if limit is not None]
    return limits[0]


def outside(sign: Sign) -> float:
    if sign.least is not None:
        return sign.least - max(STRAY, abs(sign.least) * STRAY)
    assert sign.most is not None
    return sign.most + max(STRAY, abs(sign.most) * STRAY)


def outcome(innocent: Innocent, values: dict[str, float | None]) -> str:
    return tried([innocent], values, NOBODY)[0].outcome


def test_names_and_titles_are_unique_and_measures_are_no_signals():
    for name in ("name", "title", "supposes"):
        said = [getattr(one, name) for one in INNOCENT]
        assert len(said) == len(set(said)) >= 7
    assert not set(MEASURES) & set(catalogue().by_name)


def test_the_documentation_lists_them(repository):
    page = (repository / "docs" / "innocent-explanations.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE) == [o.name for o in INNOCENT]


@pytest.mark.parametrize("innocent", INNOCENT, ids=lambda one: one.name)
class TestContract:
    def test_every_sign_is_measured_and_its_limits_can_be_reached(self, innocent):
        names = [sign.signal for sign in innocent.signs]
        assert len(names) == len(set(names)) >= 2
        for sign in innocent.signs:
            signal = catalogue().by_name.get(sign.signal)
            assert signal is not None or sign.signal in MEASURES
            least, most = (0.0, 1.0) if signal is None else signal.bounds
            for limit in (sign.least, sign.most):
                assert limit is None or least <= limit <= most
            if signal is not None:
                assert not signal.dollars  # it must be testable in any basis
                assert not signal.depends_on_as_of

    def test_it_says_where_it_comes_from_and_what_would_show_it(self, innocent):
        assert innocent.source
        assert not any(character.isdigit() for character in innocent.shown_by)
        for text in (innocent.title, innocent.supposes, innocent.shown_by):
            assert "ruled out" not in text
            assert "launder" not in text
        assert innocent.supposes.endswith(".")
        assert not innocent.shown_by.endswith(".")

    def test_all_signs_as_expected_support_it(self, innocent):
        values: dict[str, float | None] = {s.signal: inside(s) for s in innocent.signs}
        assert outcome(innocent, values) == SUPPORTED

    def test_one_sign_that_does_not_fit_is_enough(self, innocent):
        for other in innocent.signs:
            values: dict[str, float | None] = {s.signal: inside(s) for s in innocent.signs}
            values[other.signal] = outside(other)
            assert outcome(innocent, values) == NOT_SUPPORTED
            missing = next(s.signal for s in innocent.signs if s is not other)
            assert outcome(innocent, values | {missing: None}) == NOT_SUPPORTED

    def test_a_sign_that_is_not_known_leaves_it_open(self, innocent):
        for other in innocent.signs:
            values: dict[str, float | None] = {s.signal: inside(s) for s in innocent.signs}
            assert outcome(innocent, values | {other.signal: None}) == NOT_TESTABLE
            del values[other.signal]
            assert outcome(innocent, values) == NOT_TESTABLE

    def test_nothing_known_is_never_support(self, innocent):
        assert outcome(innocent, {}) == NOT_TESTABLE


def test_a_sign_stands_among_the_look_alikes_where_the_model_knows_them():
    values = np.arange(100, dtype=float).reshape(-1, 1)
    known = population("look-alikes", "2024-01-01", values, ["senders"])
    one = Innocent("x", "X", "X.", (Sign("senders", least=10), Sign("gap", most=1)), "s", "d")
    [found] = tried([one], {"senders": 50.0, "gap": 0.0}, known)
    assert (found.found[0].below, found.found[0].above, found.found[0].n) == (0.5, 0.48, 100)
    assert (found.found[1].below, found.found[1].above) == (None, None)


def test_a_sign_without_a_limit_is_refused():
    with pytest.raises(ValueError, match="no limit"):
        Sign("senders")


def test_wages_have_a_rhythm():
    every_month = [
        (month * 30 * DAY + k, "out", who, 100)
        for month in range(4)
        for k, who in enumerate((1, 2))
    ]
    assert rhythm_share(history(*every_month)) == 1.0
    at_random = [(day * DAY, "out", 1, 100) for day in (0, 3, 5, 14, 34)]
    assert rhythm_share(history(*at_random)) == 0.0
    assert rhythm_share(history(*every_month[:4])) is None
    assert rhythm_share(history()) is None


@settings(max_examples=cases(100))
@given(histories())
def test_the_rhythm_is_that_of_a_plain_loop(history):
    last: dict[int, int] = {}
    gaps = []
    for i in range(len(history)):
        if not history.incoming[i]:
            who, at = int(history.counterparty[i]), int(history.time[i])
            if who in last and at - last[who] >= DAY:
                gaps.append((at - last[who]) / DAY)
            last[who] = at
    in_step = [any(abs(gap - every) <= miss for every, miss in RHYTHMS) for gap in gaps]
    found = rhythm_share(history)
    if len(gaps) < 3:
        assert found is None
    else:
        assert found is not None
        assert math.isclose(found, sum(in_step) / len(gaps))


@settings(max_examples=cases(100))
@given(st.dictionaries(st.sampled_from(sorted(catalogue().by_name)), st.floats(0, 1e6)))
def test_whatever_is_known_something_is_said(values):
    found = tried(INNOCENT, values, NOBODY)
    assert [one.innocent for one in found] == list(INNOCENT)
    for one in found:
        fits = [sign.fits for sign in one.found]
        assert (one.outcome == SUPPORTED) == all(fits)
        assert (one.outcome == NOT_SUPPORTED) == (False in fits)
