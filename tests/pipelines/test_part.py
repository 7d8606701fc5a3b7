"""What an alert says of a part: told where clear, else the likely ones, and how sure each is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.intervals import wilson
from models.roles import NOT_CLEAR
from pipelines.alerting.part import parts_told

PARTS = ("collector", "mule", "otc_desk", "swapper")
TOLD = {"mule": {"mule": 14, "collector": 17}}
UNCLEAR = {"otc_desk": {"mule": 2, "otc_desk": 1}}


def said(
    role: str | None, chance: list[float], parts: tuple[str, ...] = PARTS, basis: str = "synthetic"
) -> dict[str, Any] | None:
    facts = SimpleNamespace(parts=parts, told=TOLD, unclear=UNCLEAR)
    roles: Any = SimpleNamespace(facts=facts, part_chances=lambda inputs: np.array([chance]))
    row = {"role": role, "role_confidence": max(chance)}
    [told] = parts_told(SimpleNamespace(training_basis=basis), roles, [row], np.empty((1, 0)))  # type: ignore[arg-type]
    return told


def test_a_part_that_is_told_says_how_often_that_was_right():
    told = said("mule", [0.2, 0.75, 0.04, 0.01])
    assert told is not None
    assert told["sentence"] == (
        "Most like a mule (takes a payment and passes most of it on), by the trees 75 % among the "
        "parts they know. In 14 of 31 labelled launderers of the synthetic world told as mule, "
        "this was the part (95 % interval: 29 % to 62 %); the trees had not seen them."
    )
    low, high = wilson(14, 31)
    assert told["reliability"] == {
        "part": "mule", "n": 31, "right": 14, "low": low, "high": high, "true": TOLD["mule"],
    }  # fmt: skip
    assert told["told_apart_from"] == ["collector", "otc_desk", "swapper"]


def test_where_no_part_is_clear_the_likely_ones_are_named_with_their_shares():
    told = said(NOT_CLEAR, [0.31, 0.2, 0.4, 0.09], basis="reviewed")
    assert told is not None
    assert told["sentence"] == (
        "Part not clear: by the trees OTC desk 40 %, collector 31 % and mule 20 %. In 1 of 3 "
        "labelled launderers left not clear with OTC desk the likeliest, that was the part (95 % "
        "interval: 6.1 % to 79 %); the trees had not seen them."
    )
    assert [one["part"] for one in told["likely"]] == ["otc_desk", "collector", "mule"]
    assert told["told_apart_from"] == list(PARTS)
    assert "synthetic" not in told["sentence"]


def test_what_nobody_showed_is_not_claimed():
    told = said("collector", [0.97, 0.01, 0.01, 0.01])
    assert told is not None
    assert told["reliability"] is None
    assert "labelled" not in told["sentence"]
    assert told["likely"] == [{"part": "collector", "share": 0.97}]


def test_a_launderer_whose_part_could_not_be_learnt_is_not_given_one():
    told = said("launderer", [1.0], ("launderer",))
    assert told is not None
    assert told["sentence"] == (
        "Resembles a launderer; its part could not be learnt from the labels."
    )


@pytest.mark.parametrize("chance", [[0.25] * 4, [0.0, 0.0, 1.0, 0.0], [0.1, 0.1, 0.4, 0.4]])
def test_the_first_named_is_the_one_that_was_settled(chance):
    told = said(NOT_CLEAR, chance)
    assert told is not None
    assert told["likely"][0]["part"] == PARTS[int(np.argmax(chance))]
    assert 1 <= len(told["likely"]) <= 3


def test_no_part_where_none_is_asked_for():
    assert said(None, [0.25] * 4) is None
    assert parts_told(None, None, [{"role": None}], np.empty((1, 0))) == [None]  # type: ignore[arg-type]
