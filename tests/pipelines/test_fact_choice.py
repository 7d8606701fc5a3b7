"""Which facts an alert tells: by the rule, and what chance hardly makes before sums of a day."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from features.catalogue import catalogue
from models.happenings import FINDERS, Happening
from pipelines.alerting.fact_choice import (
    AGAINST,
    ENOUGH,
    EXIT,
    MOST,
    NEUTRAL,
    RARE,
    RULE,
    choose,
)

KINDS = (*FINDERS, "same_amount", EXIT)
FILLERS = {"largest_receipt", "largest_payment"}
OUTGOING = [signal for signal in catalogue().signals if signal.needs == "out"][:3]


def happening(kind: str, *rows: int) -> Happening:
    at = np.array(rows, dtype=np.int64)
    return Happening(kind, at, at, 1.0, len(rows))


def told_and_found(rows: Mapping[str, tuple[int, ...]]) -> tuple[dict[str, Any], dict[str, Any]]:
    told = {kind: {"direction": AGAINST if kind == "rested" else NEUTRAL} for kind in rows}
    return told, {kind: happening(kind, *of) for kind, of in rows.items() if kind != EXIT}


def test_one_odd_amount_is_not_crowded_out_by_the_days_that_hold_it():
    """Three senders of one odd amount, within a day that holds most, and four other sums."""
    rows = {
        "concentrated": (1, 2, 3, 4, 5), "spread": (6, 7), "passed_on": (4, 6), "gathered": (1, 2),
        "stepped_up": (8, 9), "same_amount": (1, 2, 3), "rested": (10,), EXIT: (11,),
    }  # fmt: skip
    chosen = choose(*told_and_found(rows), OUTGOING)
    assert chosen[0] == "same_amount"
    assert {"concentrated", EXIT, "rested"} <= set(chosen)
    assert "gathered" not in chosen  # its transfers are told with the odd amount already
    assert len(chosen) == MOST


def test_a_sum_of_the_same_transfers_tells_nothing_more():
    rows = {"same_amount": (1, 2, 3), "gathered": (1, 2, 3), "largest_receipt": (3,)}
    assert choose(*told_and_found(rows), []) == ["same_amount"]


@pytest.mark.parametrize("n", [1, 2, 3, len(KINDS)])
def test_the_rule_holds_for_whatever_there_is(n):
    """Every set of so many kinds, each of transfers of its own, against the rule read plainly."""
    for some in combinations(KINDS, n):
        rows = {kind: (at,) for at, kind in enumerate(KINDS) if kind in some}
        chosen = choose(*told_and_found(rows), OUTGOING)
        assert len(chosen) == len(set(chosen)) <= MOST
        assert set(chosen) <= set(some)
        if set(some) & set(RARE):
            assert chosen[0] == next(kind for kind in RARE if kind in some)
        for first in ("concentrated", "rested", EXIT):  # the day, what speaks against, the exit
            assert first in chosen or first not in some
        plain = set(some) - FILLERS
        if len(plain) >= ENOUGH:
            assert not set(chosen) & FILLERS
        assert len(chosen) >= min(len(some), ENOUGH)


def test_every_kind_can_be_told():
    for kind in KINDS:
        assert choose(*told_and_found({kind: (0,)}), []) == [kind]


def test_the_rule_says_first_what_is_taken_first():
    places = [RULE.index(words) for words in ("chance hardly makes", "holds at least half", "exit")]
    assert places == sorted(places)
