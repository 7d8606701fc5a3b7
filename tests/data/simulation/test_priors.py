"""Every prior is documented, sourced, within its bounds, and moves the world."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import fields, replace
from datetime import timedelta
from functools import lru_cache
from typing import cast

import numpy as np
import pytest

from data.content_hash import content_hash
from data.simulation import identities, tables
from data.simulation.canonical import EPOCH
from data.simulation.case_parameters import CASE_PRIORS, Style, draw_style
from data.simulation.layering import TYPOLOGIES, layers
from data.simulation.ordinary import ORDINARY
from data.simulation.parameters import PRIORS
from data.simulation.plan import (
    FIRST_CASE_UNIT,
    FIRST_ORDINARY_UNIT,
    CasePlan,
    Deal,
    ExchangePlan,
    OrdinaryPlan,
    Plan,
)
from data.simulation.playing import play, stage_of, units_of
from data.simulation.populations import VICTIMS
from data.simulation.prior import Prior, table

ALL = [*PRIORS.values(), *CASE_PRIORS.values()]
LAWS = {
    "lognormal": 2, "loguniform": 2, "uniform": 2, "beta": 2, "chance": 1, "exponential": 1,
}  # fmt: skip
"""Law -> how many numbers it takes."""

DRAWS = 4_000
CHAINS = len(identities.CHAINS)
EXCHANGES = tuple(ExchangePlan(1 + n, n % CHAINS, False) for n in range(CHAINS))


@pytest.mark.parametrize("prior", ALL, ids=lambda prior: prior.name)
def test_a_prior_says_what_it_is_and_where_it_comes_from(prior: Prior) -> None:
    for text in (prior.name, prior.unit, prior.meaning, prior.source):
        assert text.strip()
    assert len(prior.numbers) == LAWS[prior.law]
    assert prior.low < prior.high
    assert f"| {prior.name} | {prior.unit} |" in table([prior])


def test_names_are_unique_and_styles_hold_every_case_prior() -> None:
    names = [prior.name for prior in ALL]
    assert len(set(names)) == len(names)
    assert {field.name for field in fields(Style)} == set(CASE_PRIORS)


@pytest.mark.parametrize("prior", ALL, ids=lambda prior: prior.name)
def test_draws_stay_within_bounds_and_are_spread_as_the_law_says(prior: Prior) -> None:
    drawn = prior.draw(np.random.default_rng(1), DRAWS)
    first, last = prior.numbers[0], prior.numbers[-1]
    bounds = {
        "lognormal": (0, math.inf),
        "loguniform": (first, last),
        "uniform": (first, last),
        "beta": (0, 1),
        "chance": (0, 1),
        "exponential": (0, math.inf),
    }[prior.law]
    assert drawn.min() >= max(bounds[0], prior.low)
    assert drawn.max() <= min(bounds[1], prior.high)
    if prior.law in ("lognormal", "loguniform", "uniform"):
        middle = {
            "lognormal": first,
            "loguniform": math.sqrt(abs(first * last)),
            "uniform": (first + last) / 2,
        }[prior.law]
        assert np.median(drawn) == pytest.approx(middle, rel=0.1, abs=0.05)
    else:
        mean = first / (first + last) if prior.law == "beta" else first
        assert drawn.mean() == pytest.approx(mean, rel=0.1, abs=0.02)
    if prior.unit.startswith(("share", "chance")):
        assert drawn.min() >= 0 and drawn.max() <= 1


def test_quantiles_are_those_of_the_draws() -> None:
    for prior in ALL:
        if prior.law in ("uniform", "loguniform"):
            drawn = prior.draw(np.random.default_rng(2), DRAWS)
            for share in (0.1, 0.5, 0.9):
                below = (drawn <= prior.at(share)).mean()
                assert below == pytest.approx(share, abs=0.03), prior.name


def test_an_unknown_law_is_refused() -> None:
    odd = replace(ALL[0], law="zipf")
    with pytest.raises(ValueError, match="unknown law"):
        odd.draw(np.random.default_rng(1))


# --- every prior moves the world ------------------------------------------------------------------


def moved(prior: Prior) -> Prior:
    """Return a prior that draws something else whatever the random numbers are."""
    if prior.law == "chance":
        return replace(prior, numbers=(float(prior.numbers[0] < 0.5),))
    if prior.law == "beta":
        return replace(prior, numbers=(prior.numbers[0] * 8, prior.numbers[1]))
    numbers = tuple(n * 0.6 + 0.05 * (prior.law == "uniform") for n in prior.numbers)
    return replace(prior, numbers=numbers)


DAYS = 200
HAND = Deal(0.5, 0.3, 0.4)


def few_of_everybody() -> Plan:
    """Return one or two units of every population, deposit addresses included."""
    names = [*ORDINARY, "spammer", "poisoner", "bridge_user", "payment_processor"]
    ordinary = [
        OrdinaryPlan(FIRST_ORDINARY_UNIT + n, n % CHAINS, name, n % 5 == 0, HAND)
        for n, name in enumerate(names)
    ]
    return Plan(EXCHANGES, cases(8), tuple(ordinary))


def cases(count: int) -> tuple[CasePlan, ...]:
    """Return cases of every typology in turn."""
    names = list(TYPOLOGIES)
    return tuple(
        CasePlan(
            FIRST_CASE_UNIT + n, n % CHAINS, f"case-{n}", names[n % len(names)],
            layers(names[n % len(names)], 4), tuple(VICTIMS), 1, HAND,
        )
        for n in range(count)
    )  # fmt: skip


def world_of(plan: Plan) -> list[object]:
    """Play a plan; return all that a world is made of."""
    played = play(stage_of(plan, 5, DAYS), units_of(plan))
    end = EPOCH + timedelta(days=DAYS)
    made = tables.make(played.accounts, played.told, played.spans, seed=5, days=DAYS, end=end)
    names = ("coverage", "accounts", "labels", "services", "truth", "truth_flows")
    books: list[object] = [column.tobytes() for column in played.rows.values()]
    return books + [content_hash(getattr(made, name)) for name in names]


Named = MutableMapping[str, Prior]


@lru_cache
def as_it_is(plan: Plan) -> list[object]:
    """Play a plan with the priors as they are."""
    return world_of(plan)


def moves(name: str, priors: Mapping[str, Prior], plans: Iterable[Plan]) -> bool:
    """Say whether one of some plans plays differently with another prior."""
    held = cast(Named, priors)
    for plan in plans:
        with pytest.MonkeyPatch.context() as patch:
            before = as_it_is(plan)
            patch.setitem(held, name, moved(priors[name]))
            if world_of(plan) != before:
                return True
    return False


@pytest.mark.unwatched
@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_of_everybody_moves_the_world(name: str) -> None:
    assert moves(name, PRIORS, (few_of_everybody(), Plan(EXCHANGES, cases(60), ())))


@pytest.mark.unwatched
@pytest.mark.parametrize("name", CASE_PRIORS)
def test_a_prior_of_cases_moves_the_world(name: str) -> None:
    """Some befall few: if eight cases show nothing, more must."""
    assert moves(name, CASE_PRIORS, (Plan(EXCHANGES, cases(n), ()) for n in (8, 120)))


# --- cases and worlds differ ----------------------------------------------------------------------


def test_cases_and_seeds_draw_styles_of_their_own() -> None:
    worlds = [
        [draw_style(np.random.default_rng([seed, number])) for number in range(120)]
        for seed in (1, 2)
    ]
    assert worlds[0] != worlds[1]
    for name, prior in CASE_PRIORS.items():
        drawn = [[getattr(style, name) for style in world] for world in worlds]
        if isinstance(drawn[0][0], bool):
            assert {*drawn[0]} == {*drawn[1]} == {True, False}, name
        elif prior.law != "chance":
            assert len({*drawn[0], *drawn[1]}) == 240, name
