"""Changes in words: what is said of each kind of change, and that digits tell numbers apart."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.again.change_words import apart, factor, percent, said
from tests.generated import cases

CHANCES = st.floats(1e-9, 1 - 1e-9)


def row(**changed: Any) -> dict[str, Any]:
    """Return an address that rose by funds and fell by the model."""
    return {
        "recorded": "both",
        "status_old": "scored",
        "status_new": "scored",
        "score_old": 0.2,
        "score_new": 1 / 3,
        "band_old": "medium",
        "band_new": "medium",
        "n_transfers_old": 9,
        "n_transfers_new": 1200,
        "log_odds_change": math.log(2),
        "log_odds_funds": math.log(4),
        "log_odds_model": math.log(0.5),
        "orders": 2,
        "outcome_changed": False,
        "outcome_alone": None,
        "outcome_needed": None,
        "signals": [
            {"cause": "funds", "signal": "senders", "log_odds": math.log(3)},
            {"cause": "funds", "signal": "(others)", "log_odds": math.log(4 / 3)},
            {"cause": "model", "signal": "(base)", "log_odds": math.log(0.5)},
        ],
    } | changed


def test_the_largest_cause_comes_first_with_what_it_worked_through():
    assert said(row(), ("funds", "model")) == (
        "Rose from 20 % to 33 % (odds × 2.0): funds moved × 4.0 (own transfers 9 → 1,200; most: "
        "senders × 3.0), the model changed × 0.5."
    )


def test_funds_may_have_moved_around_an_address_alone():
    told = said(row(n_transfers_new=9, signals=[]), ("funds", "model"))
    assert "funds moved × 4.0 (as many own transfers), " in told


def test_what_stays_on_balance_is_not_called_unchanged():
    still = row(score_new=0.2, log_odds_change=0.0, log_odds_model=math.log(0.25), signals=[])
    told = said(still, ("funds", "model"))
    assert told.startswith("Stayed at 20 %, on balance: funds moved × 4.0 (")
    nothing = row(score_new=0.2, log_odds_change=0.0, log_odds_model=0.0, log_odds_funds=0.0)
    assert said(nothing, ("funds", "model")) == "Unchanged at 20 %."


def test_a_change_that_cannot_be_shared_out_is_said_so():
    told = said(
        row(orders=0, log_odds_funds=None, log_odds_model=None, signals=None), ("funds", "model")
    )
    assert told.startswith("Rose from 20 % to 33 % (odds × 2.0); this cannot be shared out")


@pytest.mark.parametrize(
    "alone, needed, words",
    [
        ("model", "model", "medium to high because the model changed, and for no other reason."),
        ("funds;model", "", "the funds or the model alone would have been enough; no one change"),
        ("", "funds;model", "no one change alone would have been enough; without the funds, or "),
        ("model", "", "the model alone would have been enough; no one change was needed for it."),
        ("", "", "no one change alone would have been enough; no one change was needed for it."),
    ],
)
def test_a_change_of_band_names_what_it_took(alone, needed, words):
    moved = row(band_new="high", outcome_changed=True, outcome_alone=alone, outcome_needed=needed)
    assert words in said(moved, ("funds", "model"))


def test_without_a_score_the_outcome_alone_is_told():
    gone = row(
        status_new="possible_victim", score_new=None, band_new=None, log_odds_change=None,
        orders=0, outcome_changed=True, outcome_alone="funds", outcome_needed="funds",
    )  # fmt: skip
    assert said(gone, ("funds",)) == (
        "It went from medium (20 %) to no score (possible_victim) because funds moved, and for no "
        "other reason."
    )
    never = gone | {"status_old": "possible_victim", "score_old": None, "outcome_changed": False}
    assert said(never, ("funds",)) == "No score in either run (possible_victim)."


def test_an_address_of_one_run_alone_is_said_to_be():
    assert said(row(recorded="new"), ("funds", "model")).endswith(
        "It stands in the new run alone; of the old one this is what it would have said."
    )


@settings(max_examples=cases(300), deadline=None)
@given(CHANCES, CHANCES)
def test_percentages_are_near_and_told_apart(one, other):
    shown = apart(one, other)
    for text, value in zip(shown, (one, other), strict=True):
        number = float(text.removesuffix(" %")) / 100
        assert number == pytest.approx(value, rel=0.06, abs=1e-12)
    if abs(one - other) > 1e-6 * min(one, other, 1 - one, 1 - other):
        assert shown[0] != shown[1]


@settings(max_examples=cases(300), deadline=None)
@given(st.floats(-12, 12))
def test_factors_are_near_and_on_the_right_side(log_odds):
    number = float(factor(log_odds))
    assert number == pytest.approx(math.exp(log_odds), rel=0.06)
    assert (number - 1) * log_odds >= 0


def test_certainty_is_written_without_failing():
    assert (percent(0.0), percent(1.0)) == ("0 %", "100 %")
