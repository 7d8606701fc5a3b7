"""Crossings: by hand, against a look at every pair, and what may never change them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.crossings import MOST_RIVALS, WINDOW, Legs, Matches, match
from features.history import HOUR, MINUTE
from tests.features.crossing_oracle import RIVALS, Leg, legs_of, second_opinion

ETHEREUM, ARBITRUM, TRON = range(3)
ME, SOMEBODY, ON_TRON = range(3)


def deposit(minute: float, amount: float, **fields: Any) -> Leg:
    """Return my deposit on Ethereum, or another by its fields."""
    return replace(Leg(int(minute * MINUTE), amount, True, ETHEREUM, ME), **fields)


def release(minute: float, amount: float, **fields: Any) -> Leg:
    """Return my release on Arbitrum, or another by its fields."""
    return replace(Leg(int(minute * MINUTE), amount, False, ARBITRUM, ME), **fields)


def found(*legs: Leg) -> Matches:
    return match(legs_of(legs))


TO_TRON: dict[str, Any] = {"chain": TRON, "who": ON_TRON, "evm": False}


# --- by hand --------------------------------------------------------------------------------------


def test_worked_example() -> None:
    crossed = found(deposit(0, 1000), release(9, 999))
    of_pair = 11 / (4 / 3) ** 2 * 9 / 1.6**2 * 10_000
    assert of_pair == pytest.approx(217_529, abs=1)
    assert crossed.matched.tolist() == pytest.approx([of_pair / (1 + of_pair)] * 2)
    assert crossed.matched[0] == pytest.approx(0.999995, abs=1e-6)
    assert crossed.partner.tolist() == [1, 0]


def test_where_addresses_cannot_be_compared_a_lone_match_is_likely_and_two_share() -> None:
    lone = found(deposit(0, 1000), release(9, 999, **TO_TRON))
    assert lone.matched.tolist() == pytest.approx([0.956] * 2, abs=1e-3)
    two = found(deposit(0, 1000), release(9, 999, **TO_TRON), release(9, 999, **TO_TRON))
    assert two.best.tolist() == pytest.approx([0.489] * 3, abs=1e-3)
    assert two.matched.tolist() == pytest.approx([0.978, 0.489, 0.489], abs=1e-3)
    assert two.partner.tolist() == [1, 0, 0]


def test_two_deposits_of_one_release_share_it() -> None:
    shared = found(deposit(0, 1000), deposit(0, 1000), release(9, 999, **TO_TRON))
    assert shared.matched.tolist() == pytest.approx([0.489, 0.489, 0.978], abs=1e-3)


def test_equal_crossings_at_once_are_certain_to_be_crossings_and_ambiguous() -> None:
    legs = [deposit(0, 1000, who=n) for n in range(3)]
    legs += [release(1, 1000, **TO_TRON | {"who": 10 + n}) for n in range(3)]
    crossed = found(*legs)
    assert (crossed.matched > 0.95).all()
    assert crossed.best.tolist() == pytest.approx([1 / 3] * 6, abs=0.01)


def test_the_address_decides_between_rivals() -> None:
    crossed = found(
        deposit(0, 1000), deposit(1, 1000, who=SOMEBODY), release(5, 999.5, who=SOMEBODY),
        release(6, 999.5),
    )  # fmt: skip
    assert crossed.partner.tolist() == [3, 2, 1, 0]
    assert (crossed.best > 0.999).all()


def test_another_address_where_both_can_be_compared_is_less_likely() -> None:
    own, other = (found(deposit(0, 1000), release(9, 999, who=w)) for w in (ME, SOMEBODY))
    assert other.matched[0] == pytest.approx(2.175 / 3.175, abs=1e-3)
    assert other.matched[0] < own.matched[0]


@pytest.mark.parametrize(
    "impossible",
    [
        release(-0.1, 999),
        release(120, 999),
        release(9, 1000.001),
        release(9, 969.9),
        release(9, 999, coin=1),
        release(9, 999, chain=ETHEREUM),
        deposit(9, 999, chain=ARBITRUM),
    ],
)
def test_what_cannot_belong_together(impossible: Leg) -> None:
    visible = release(1, 5), deposit(1, 5, chain=ARBITRUM)
    crossed = found(deposit(0, 1000), impossible, *visible)
    assert crossed.matched[0] == 0
    assert crossed.partner[0] == -1


@pytest.mark.parametrize("just", [release(0, 1000), release(119.99, 999), release(9, 970)])
def test_what_just_can(just: Leg) -> None:
    assert found(deposit(0, 1000), just).matched[0] > 0.9


def test_without_a_sight_of_another_chain_nothing_is_said() -> None:
    alone = found(deposit(0, 1000), release(5, 999, chain=ETHEREUM), release(130, 999))
    assert np.isnan(alone.matched).all()
    assert found(deposit(0, 1000), release(5, 7)).matched.tolist() == [0, 0]


def test_no_legs() -> None:
    assert len(found().matched) == 0


# --- against every pair ---------------------------------------------------------------------------

MINUTES = [0, 0, 1, 9, 60, 119, 120 - 1 / 60, 120, 121, 180, 240, 300]
AMOUNTS = [1000, 1000, 999, 998, 990, 970, 969.9, 1000.0000001, 1001, 31, 5]


@st.composite
def crossings(draw: st.DrawFn, max_size: int = 24) -> list[Leg]:
    """Draw legs at the edges of what can belong together, on two EVM chains and another."""
    start = draw(st.integers(0, 10**6)) * MINUTE
    return [
        Leg(
            time=start + int(draw(st.sampled_from(MINUTES)) * MINUTE),
            amount=draw(st.sampled_from(AMOUNTS)),
            deposit=draw(st.booleans()),
            chain=(chain := draw(st.integers(0, 2))),
            who=draw(st.integers(0, 2)) + (10 if chain == TRON else 0),
            coin=draw(st.integers(0, 4)) // 4,
            evm=chain != TRON,
        )
        for _ in range(draw(st.integers(0, max_size)))
    ]


def agrees(crossed: Matches, legs: Sequence[Leg]) -> None:
    """Fail where a leg is not as expected; of equally likely other legs any may be named."""
    for i, opinion in enumerate(second_opinion(legs)):
        for seen, expected in (
            (crossed.matched[i], opinion.matched),
            (crossed.best[i], opinion.best),
        ):
            assert seen == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)
        assert bool(crossed.crowded[i]) == opinion.crowded
        assert bool(crossed.undecided[i]) == opinion.undecided
        if math.isnan(opinion.best) or opinion.best == 0:
            assert crossed.partner[i] == -1
        else:
            assert opinion.pairs[int(crossed.partner[i])] == pytest.approx(opinion.best)


@given(legs=crossings())
def test_against_every_pair(legs: list[Leg]) -> None:
    agrees(found(*legs), legs)


def crowd(n: int, seed: int, own: int = 40) -> list[Leg]:
    """Return n deposits and n releases of about one amount within an hour; few addresses."""
    random = np.random.default_rng(seed)
    legs = []
    for k in range(2 * n):
        chain = int(random.integers(0, 3))
        legs.append(
            Leg(
                time=int(random.integers(0, HOUR)),
                amount=float(random.choice([1000, 999, 998.5])),
                deposit=k < n,
                chain=chain,
                who=int(random.integers(0, own)) + (1000 if chain == TRON else 0),
                evm=chain != TRON,
            )
        )
    return legs


@pytest.mark.parametrize("n, own", [(250, 40), (420, 400), (420, 1)])
def test_a_crowd_against_every_pair(n: int, own: int) -> None:
    assert RIVALS == MOST_RIVALS
    legs = crowd(n, seed=n + own, own=own)
    crossed = found(*legs)
    agrees(crossed, legs)
    assert crossed.crowded.any() == (n > 300)


def test_in_a_crowd_the_own_address_is_still_found_and_others_are_undecided() -> None:
    legs = [deposit(0, 1000, who=n) for n in range(600)]
    legs += [release(5, 1000, who=n) for n in range(300)]
    legs += [release(5, 1000, **TO_TRON | {"who": 1000 + n}) for n in range(300)]
    crossed = found(*legs)
    assert crossed.crowded.all()
    assert (crossed.best[:300] > 0.5).all() and not crossed.undecided[:300].any()
    assert crossed.partner[:300].tolist() == list(range(600, 900))
    assert crossed.undecided[300:600].all() and np.isnan(crossed.matched[300:600]).all()
    assert crossed.undecided[900:].all()


# --- what never changes them ----------------------------------------------------------------------


def the_same(left: Matches, right: Matches, rows: np.ndarray) -> None:
    """Fail where some legs are not the same to the last bit; partners by place in `rows`."""
    np.testing.assert_array_equal(left.matched[: len(rows)], right.matched[rows])
    np.testing.assert_array_equal(left.best[: len(rows)], right.best[rows])


@given(legs=crossings(), minute=st.sampled_from([60, 119, 120, 121, 180, 240, 241, 300, 360, 420]))
def test_the_future_never_changes_what_has_settled(legs: list[Leg], minute: int) -> None:
    start = min((leg.time for leg in legs), default=0)
    cut = start + minute * MINUTE
    before = [i for i, leg in enumerate(legs) if leg.time < cut]
    settled = np.array([legs[i].time + WINDOW <= cut for i in before], dtype=bool)
    whole, seen = found(*legs), found(*(legs[i] for i in before))
    kept = np.array(before, dtype=int)[settled]
    np.testing.assert_array_equal(seen.matched[settled], whole.matched[kept])
    np.testing.assert_array_equal(seen.best[settled], whole.best[kept])
    partners = [before[p] if p >= 0 else -1 for p in seen.partner[settled].tolist()]
    assert partners == whole.partner[kept].tolist()
    np.testing.assert_array_equal(seen.undecided[settled], whole.undecided[kept])


def test_a_leg_that_has_not_settled_may_still_change() -> None:
    legs = [deposit(0, 1000), release(5, 999, **TO_TRON), release(119, 1000, who=ME)]
    assert found(*legs[:2]).partner[0] == 1
    assert found(*legs).partner[0] == 2


@pytest.mark.parametrize("n", [300, 420])
def test_nor_does_it_in_a_crowd(n: int) -> None:
    legs = sorted(crowd(n, seed=9), key=lambda leg: leg.time)
    legs += [replace(leg, time=leg.time + 150 * MINUTE) for leg in legs]
    cut = 150 * MINUTE + WINDOW // 2
    seen = [leg for leg in legs if leg.time < cut]
    settled = np.flatnonzero([leg.time + WINDOW <= cut for leg in seen])
    the_same(match(legs_of([seen[i] for i in range(len(seen))])), found(*legs), settled)


@given(legs=crossings(), others=crossings(), after=st.booleans())
def test_legs_far_away_in_time_change_nothing(
    legs: list[Leg], others: list[Leg], after: bool
) -> None:
    shift = (1 if after else -1) * 1000 * HOUR - min((leg.time for leg in others), default=0)
    shift += min((leg.time for leg in legs), default=0)
    far = [replace(leg, time=leg.time + shift) for leg in others]
    alone, together = found(*legs), found(*legs, *far)
    the_same(alone, together, np.arange(len(legs)))
    assert alone.partner.tolist() == together.partner[: len(legs)].tolist()


@given(legs=crossings(), order=st.randoms(use_true_random=False), hours=st.integers(-9999, 9999))
def test_order_time_and_names_do_not_matter(legs: list[Leg], order, hours: int) -> None:
    shuffled = list(range(len(legs)))
    order.shuffle(shuffled)
    moved = [
        replace(legs[i], time=legs[i].time + hours * HOUR, who=-7 * legs[i].who - 1,
                chain=9 - legs[i].chain, coin=legs[i].coin + 3)
        for i in shuffled
    ]  # fmt: skip
    here, there = found(*legs), found(*moved)
    np.testing.assert_allclose(there.matched, here.matched[shuffled], rtol=1e-12)
    np.testing.assert_allclose(there.best, here.best[shuffled], rtol=1e-12)


@given(legs=crossings())
def test_probabilities_add_up_to_less_than_one_and_a_likely_pair_is_mutual(legs: list[Leg]) -> None:
    crossed = found(*legs)
    said = ~np.isnan(crossed.matched)
    assert (crossed.matched[said] < 1).all() and (crossed.best[said] <= crossed.matched[said]).all()
    for i in np.flatnonzero(crossed.best > 0.5):
        assert crossed.partner[crossed.partner[i]] == i
        assert crossed.best[crossed.partner[i]] == crossed.best[i]


# --- near linear ----------------------------------------------------------------------------------


def hub(n: int, days: float, amounts: np.ndarray) -> Legs:
    """Return the legs of one busy bridge, all of different people."""
    random = np.random.default_rng(n)
    deposits = random.random(n) < 0.5
    return Legs(
        time=np.sort(random.integers(0, int(days * 24 * HOUR), n)),
        amount=amounts,
        deposit=deposits,
        coin=np.zeros(n, np.int64),
        chain=np.where(deposits, 0, 1),
        who=random.integers(0, 10**9, n),
        evm=np.ones(n, np.bool_),
    )


@pytest.mark.parametrize("days", [0.05, 90])
def test_a_hub_with_many_legs_takes_few_steps_a_leg(days: float) -> None:
    for n in (25_000, 100_000):
        round_sums = match(hub(n, days, np.full(n, 1000.0)))
        assert round_sums.steps <= 2 * MOST_RIVALS * n
        if days < 1:  # everybody at once: compared with the own address alone
            assert round_sums.crowded.mean() > 0.9 and round_sums.steps <= 20 * n
        various = np.random.default_rng(1).lognormal(6, 2, n)
        assert match(hub(n, days, various)).steps <= 2 * MOST_RIVALS * n
