"""Which questions an alert says were asked: of the victim, of the parts, of the deposit rule."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from models.deposit_address import proven
from models.roles import LAUNDERERS
from pipelines.alerting.questions import questions


def bundle(parts: tuple[str, ...] | None, never: tuple[str, ...] = ()) -> Any:
    if parts is None:
        return SimpleNamespace(roles=None)
    limits = {part: None if part in never else 0.5 for part in parts}
    return SimpleNamespace(
        roles=SimpleNamespace(facts=SimpleNamespace(parts=parts, told_from=limits))
    )


@pytest.mark.parametrize(
    "parts, band, role, answer",
    [
        (None, "high", None, "rule_only"),
        (None, "below_review", None, "rule_only"),
        (("mule",), "below_review", None, "not_likeliest"),
        (("mule",), None, None, "not_likeliest"),
        (("mule",), "medium", "mule", "not_supported"),
        (("mule",), "medium", None, "list_decides"),
    ],
)
def test_the_question_of_the_victim_is_answered_on_every_page(parts, band, role, answer):
    told = questions(bundle(parts), {"band": band, "role": role}, None)
    assert told["victim"]["answer"] == answer
    assert "victim" in told["victim"]["sentence"]


@pytest.mark.parametrize(
    "parts, never, words",
    [
        (
            ("collector", "mule"),
            (),
            "Where it is clear, the model tells collector and mule; consolidator, swapper, OTC "
            "desk and escrow it cannot name.",
        ),
        (
            LAUNDERERS,
            (),
            "Where it is clear, the model tells collector, consolidator, mule, swapper, OTC desk "
            "and escrow.",
        ),
        (
            ("collector", "mule", "swapper"),
            ("mule", "swapper"),
            "Where it is clear, the model tells collector; mule and swapper it never tells, "
            "because it is not right often enough; consolidator, OTC desk and escrow it cannot "
            "name.",
        ),
        (
            LAUNDERERS,
            LAUNDERERS,
            "Collector, consolidator, mule, swapper, OTC desk and escrow it never tells, because "
            "it is not right often enough.",
        ),
        (
            ("launderer",),
            (),
            "Which part it plays cannot be asked: no part was labelled often enough.",
        ),
        (None, (), "Which part it plays cannot be asked: this model knows no roles."),
    ],
)
def test_parts_that_cannot_come_out_are_named(parts, never, words):
    told = questions(bundle(parts, never), {"band": "high", "role": None}, None)["parts"]
    assert told["sentence"] == words
    assert sorted([*told["known"], *told["unknown"]]) == sorted(LAUNDERERS)
    assert set(told["known"]) == set(parts or ()) & set(LAUNDERERS)
    assert set(told["never_told"]) == set(never)


@pytest.mark.parametrize("deposit", [True, False, None])
def test_a_deposit_address_is_asked_for_by_rule(deposit):
    told = questions(bundle(("mule",)), {"band": "high", "role": "mule"}, deposit)
    assert told["exchange_deposit"]["by_rule"] is deposit
    assert ("looks like" in told["exchange_deposit"]["sentence"]) == (deposit is True)


def test_a_deposit_address_is_told_with_how_often_that_was_right():
    told = questions(bundle(("mule",)), {"band": "high", "role": "mule"}, True)["exchange_deposit"]
    assert told["proven"] == proven()
    assert told["proven"]["low"] < told["proven"]["right"] / told["proven"]["n"]
    assert "Of 2,782 addresses on synthetic worlds" in told["sentence"]
    assert [number["value"] for number in told["numbers"]] == [
        2782, 2746, 95, told["proven"]["low"], told["proven"]["high"],
    ]  # fmt: skip
    other = questions(bundle(("mule",)), {"band": "high", "role": "mule"}, False)
    assert other["exchange_deposit"]["proven"] is None
