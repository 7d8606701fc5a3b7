"""When a part is told: never without proof, and every launderer is counted once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.roles.clearness import LIMITS, MOST_WRONG, Counts, clearness
from tests.generated import cases

PARTS = ("collector", "mule", "swapper")
KNOWN = (*PARTS, "escrow")  # a part too rare to be a class still is somebody's


@st.composite
def judged(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(0, 150))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    true = random.choice(KNOWN, n, p=[0.6, 0.25, 0.1, 0.05])
    sharp = draw(st.sampled_from([0.2, 2.0, 20.0]))
    hint = np.array([[float(t == p) for p in PARTS] for t in true]).reshape(n, 3)
    chance = random.dirichlet([1, 1, 1], n).reshape(n, 3) + sharp * hint
    return chance / np.maximum(chance.sum(axis=1, keepdims=True), 1e-9), true


@settings(max_examples=cases(60), deadline=None)
@given(judged())
def test_a_limit_is_the_lowest_proven_one_and_everybody_is_counted(rows):
    chance, true = rows
    found = clearness(PARTS, chance, true)
    counted: list[Counts] = [{part: {} for part in PARTS} for _ in range(2)]
    for row, who in zip(chance.tolist(), true.tolist(), strict=True):
        part = PARTS[row.index(max(row))]
        limit = found.limits[part]
        of = counted[0 if limit is not None and max(row) >= limit else 1][part]
        of[who] = of.get(who, 0) + 1
    assert found.told == {part: of for part, of in counted[0].items() if of}
    assert found.unclear == {part: of for part, of in counted[1].items() if of}
    for part in PARTS:
        proofs = [limit for limit in LIMITS if proven(chance, true, part, limit)]
        assert found.limits[part] == (min(proofs) if proofs else None)


def proven(chance: np.ndarray, true: np.ndarray, part: str, limit: float) -> bool:
    """So few wrong must be rarer than the error, were as many wrong as is allowed."""
    rows = [
        who
        for row, who in zip(chance.tolist(), true.tolist(), strict=True)
        if row.index(max(row)) == PARTS.index(part) and max(row) >= limit
    ]
    wrong, n = sum(who != part for who in rows), len(rows)
    some = np.array([1.0])
    for _ in range(n):  # the binomial distribution, one draw at a time
        some = np.append(some, 0) * (1 - MOST_WRONG) + np.append(0, some) * MOST_WRONG
    return bool(n and some[: wrong + 1].sum() <= 0.05 / len(LIMITS))


def test_told_parts_are_wrong_no_more_often_than_said():
    """Of many trainings on few labels, hardly any tells a part that is wrong too often."""
    random = np.random.default_rng(4)
    told = too_bold = 0
    for _ in range(200):
        n = int(random.integers(20, 120))
        certain = random.uniform(0.34, 1, n)
        right_at = random.uniform(
            0.5, 1
        )  # how often it is right from the limit on, whatever it says
        true = np.where(random.random(n) < right_at, "mule", "collector")
        chance = np.stack([1 - certain, certain], axis=1)
        limit = clearness(("collector", "mule"), chance, true).limits["mule"]
        told += limit is not None
        too_bold += limit is not None and 1 - right_at > MOST_WRONG
    assert told > 40
    assert too_bold <= 10


@pytest.mark.parametrize("n", [0, 1, 15])
def test_few_prove_nothing_even_if_all_are_right(n):
    chance = np.tile([0.95, 0.03, 0.02], (n, 1))
    found = clearness(PARTS, chance, np.array(["collector"] * n))
    assert set(found.limits.values()) == {None}
    assert found.told == {}
