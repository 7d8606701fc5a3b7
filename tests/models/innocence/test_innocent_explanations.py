"""Innocent explanations: one contract over everything registered, and how each fares."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import catalogue
from features.history import DAY, HOUR, party_of
from models.innocence import (
    BORDERLINE,
    FITS,
    INNOCENT,
    NO_FIT,
    NOT_TESTABLE,
    Innocent,
    Sign,
    leading,
    tried,
)
from models.innocence.declared import margin
from models.innocence.measures import (
    ALIKE,
    MEASURES,
    RHYTHMS,
    balanced_parties,
    balanced_share,
    measured,
    party_senders,
    rhythm_share,
    top_party_share,
)
from models.innocence.trying import unit_of
from models.other_side import third_parties
from models.percentiles import Population, population
from tests.features.histories import histories, history
from tests.generated import cases

NOBODY = Population("nobody", 0, "2024-01-01", {}, {})


def far(sign: Sign, *, inward: bool) -> float:
    """Return a value on one side of the limit, beyond the margin and any rounding."""
    up = inward == (sign.least is not None)
    limit = sign.least if sign.least is not None else sign.most
    assert limit is not None
    step = 3 * margin(limit, unit_of(sign.signal)) + 1e-3 * abs(limit)
    step = max(step, 1.0) if unit_of(sign.signal) in ("addresses", "transfers", "days") else step
    step = max(step, 0.011) if unit_of(sign.signal) == "share" else step  # beyond any rounding
    return limit + step if up else limit - step


def inside(sign: Sign) -> float:
    return far(sign, inward=True)


def outside(sign: Sign) -> float:
    return far(sign, inward=False)


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
            whole = (0.0, 1.0) if unit_of(sign.signal) == "share" else (0.0, math.inf)
            least, most = whole if signal is None else signal.bounds
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

    def test_one_sign_at_least_is_distinguishing(self, innocent):
        assert any(sign.tells for sign in innocent.signs)
        with pytest.raises(ValueError, match="no sign that tells"):
            Innocent("x", "X", "X.", (Sign("senders", least=2),), "s", "d")

    def test_a_value_at_its_limit_is_borderline_unless_it_is_a_small_count(self, innocent):
        for other in innocent.signs:
            values: dict[str, float | None] = {s.signal: inside(s) for s in innocent.signs}
            limit = other.least if other.least is not None else other.most
            assert limit is not None
            values[other.signal] = limit
            near = margin(limit, unit_of(other.signal)) > 0
            assert outcome(innocent, values) == (BORDERLINE if near else FITS)

    def test_all_signs_as_expected_support_it(self, innocent):
        values: dict[str, float | None] = {s.signal: inside(s) for s in innocent.signs}
        assert outcome(innocent, values) == FITS

    def test_one_sign_that_does_not_fit_is_enough(self, innocent):
        for other in innocent.signs:
            values: dict[str, float | None] = {s.signal: inside(s) for s in innocent.signs}
            values[other.signal] = outside(other)
            assert outcome(innocent, values) == NO_FIT
            missing = next(s.signal for s in innocent.signs if s is not other)
            assert outcome(innocent, values | {missing: None}) == NO_FIT

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
    one = Innocent(
        "x", "X", "X.", (Sign("senders", least=10, tells=True), Sign("swaps", most=1)), "s", "d"
    )
    [found] = tried([one], {"senders": 50.0, "swaps": 0.0}, known)
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
@given(histories())
def test_what_is_exchanged_with_others_is_that_of_a_plain_loop(history):
    into: dict[int, int] = {}
    out: dict[int, int] = {}
    for i in third_parties(history).tolist():
        side = into if history.incoming[i] else out
        who = int(history.counterparty[i])
        side[who] = side.get(who, 0) + int(history.value[i])
    total = sum(into.values()) + sum(out.values())
    both = [(into[who], out[who]) for who in into if who in out]
    assert party_senders(history) == len(into)
    assert balanced_parties(history) == sum(min(p) >= ALIKE * max(p) for p in both)
    share = balanced_share(history)
    assert share == (pytest.approx(sum(2 * min(p) for p in both) / total) if total else None)
    top = top_party_share(history)
    assert top == (pytest.approx(max(into.values()) / sum(into.values())) if into else None)


def test_a_swap_venue_is_no_customer_and_bait_no_trade():
    venue = history((0, "out", 1, 900), (HOUR, "in", 1, 900), party=party_of("dex_router"))
    assert measured(venue)["balanced_share"] is None
    assert measured(venue)["party_senders"] == 0
    bait = history((0, "in", 1, 1_000), (DAY, "out", 1, 200), (2 * DAY, "in", 1, 20_000))
    trade = history((0, "in", 1, 1_000), (DAY, "out", 1, 900), (2 * DAY, "in", 1, 1_000))
    few, much = balanced_share(bait), balanced_share(trade)
    assert few is not None
    assert much is not None
    assert few < 0.05 < 0.5 < much
    assert (balanced_parties(bait), balanced_parties(trade)) == (0, 1)


def test_only_one_that_fits_leads():
    a, b = (Innocent(n, n, "X.", (Sign(n, least=10, tells=True),), "s", "d")
            for n in ("senders", "receivers"))  # fmt: skip
    both = tried([a, b], {"senders": 20.0, "receivers": 20.0}, NOBODY)
    one = tried([a, b], {"senders": 20.0, "receivers": 10.0}, NOBODY)
    first = leading(one)
    assert leading(both) is None
    assert first is not None
    assert first.innocent is a
    assert leading(one[1:]) is None


@settings(max_examples=cases(100))
@given(st.dictionaries(st.sampled_from(sorted(catalogue().by_name)), st.floats(0, 1e6)))
def test_whatever_is_known_something_is_said(values):
    found = tried(INNOCENT, values, NOBODY)
    assert {one.innocent.name for one in found} == {one.name for one in INNOCENT}
    for one in found:
        states = [sign.state for sign in one.found]
        assert (one.outcome == FITS) == (set(states) == {FITS})
        assert (one.outcome == NO_FIT) == (NO_FIT in states)
