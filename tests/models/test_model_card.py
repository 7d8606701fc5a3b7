"""What the model card says of parts: from which chance each is told, and how often it was right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.intervals import wilson
from models.model_card import model_card
from models.roles.settling import RoleFacts
from tests.models.world import fitted

ROLES = RoleFacts(
    parts=("collector", "otc_desk"),
    ruled_out_below=-2.5,
    n_victims=400,
    counts={"victim": 400, "collector": 60, "otc_desk": 50},
    told_from={"collector": 0.7, "otc_desk": None},
    told={"collector": {"collector": 45, "otc_desk": 5}},
    unclear={"collector": {"collector": 10, "otc_desk": 20}, "otc_desk": {"otc_desk": 30}},
)


@pytest.fixture(scope="module")
def made():
    return fitted(900)


def lines(made, roles: RoleFacts) -> list[str]:
    return model_card(replace(made.facts, roles=roles), made.evaluation).splitlines()


def test_a_part_that_is_told_says_from_when_and_how_often_it_was_right(made):
    low, high = wilson(45, 50)
    assert f"| collector | 70% | 50 | 90% [{low:.0%}, {high:.0%}] |" in lines(made, ROLES)


def test_a_part_that_is_never_told_says_so(made):
    assert "| otc desk | never | 0 | – |" in lines(made, ROLES)


def test_the_others_are_counted(made):
    card = " ".join(lines(made, ROLES))
    assert "at most 25% of those told play another" in card
    assert "Of the others (60 of those launderers) the part is said not to be clear" in card


def test_of_too_few_parts_none_is_told(made):
    alone = replace(ROLES, parts=(), told_from={}, told={}, unclear={})
    assert "The labels name too few parts of launderers to tell one." in lines(made, alone)
