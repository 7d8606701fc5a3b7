"""What a score is made of: held to the contributions one by one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explanation import Contribution, Explanation
from pipelines.alerting.made_of import PARTS, made_of, made_of_words


def part(signal: str, log_odds: float, unusual: str | None, value: float | None = 1.0):
    return Contribution(
        signal, "otc", value, "share", log_odds, 0.5, 0.5, 0.5, 0.5, 9, 9, unusual, (), "Means."
    )


def explained(parts: list[Contribution]) -> Explanation:
    total = math.fsum(p.log_odds for p in parts)
    return Explanation("tron", "T", total - 3.0, 0.5, -3.0, tuple(parts))


PARTS_OF_ONE = [
    part("told", math.log(6), "high"),
    part("also_told", math.log(2), "low"),
    part("weaker", math.log(3), "high"),
    part("common", math.log(1.5), None),
    part("unknown", math.log(1.2), None, None),
    part("against", math.log(0.5), None),
    part("unusual_and_lowers", math.log(0.8), "high"),
]


def test_each_contribution_counts_in_one_part():
    found = made_of(explained(PARTS_OF_ONE), ["told", "also_told"])
    wanted = {"reasons": 12, "unusual": 3, "ordinary": 1.8, "lowering": 0.4}
    assert found == pytest.approx(wanted)


@given(
    st.lists(
        st.tuples(
            st.floats(-3, 3), st.sampled_from(["high", "low", None]), st.booleans(), st.booleans()
        ),
        max_size=20,
    )
)
def test_the_parts_multiply_to_the_score(drawn):
    parts = [
        part(f"s{i}", log_odds, unusual, 1.0 if known else None)
        for i, (log_odds, unusual, known, _) in enumerate(drawn)
    ]
    explanation = explained(parts)
    told = [p.signal for p, (*_, is_told) in zip(parts, drawn, strict=True) if is_told]
    found = made_of(explanation, told)
    assert tuple(found) == PARTS
    assert found["unusual"] >= 1 <= found["ordinary"]
    assert found["lowering"] <= 1
    odds = math.exp(explanation.base) * math.prod(found.values())
    assert math.log(odds) == pytest.approx(explanation.log_odds, abs=1e-9)


def test_it_is_said():
    found = made_of(explained(PARTS_OF_ONE), ["told", "also_told"])
    assert made_of_words(found, 2).text == (
        "These 2 reasons together make the odds 12 times what they start from. Further unusual "
        "values make them 3 times that; values that are ordinary among look-alikes or unknown, "
        "none of which is a reason alone, 1.8 times that; and what lowers the score 0.4 times that."
    )
    assert made_of_words(found, 1).text.startswith("This one reason makes the odds 12 times what")
    alone = made_of_words(made_of(explained(PARTS_OF_ONE), []), 0)
    assert alone.text.startswith("What the score is made of: unusual values make the odds 36 times")
    assert [number.shown for number in alone.numbers] == ["36 times", "1.8 times", "0.4 times"]
