"""Who there will be: how many of each, in which case, on which chain.

Decided before anything is played, so that every unit can be played by itself. Chain, payment size,
time zone and era are dealt out evenly, like cards, among cases and among ordinary units: drawn
freely they would differ between the two in a small world, by chance, and tell roles apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.simulation.parameters import CRIMINAL_PREVALENCE, VICTIM_SHARE
from data.simulation.populations import (
    BENIGN,
    CRIMINAL_ROLES,
    DEPOSIT,
    DEPOSIT_SHARE,
    HOT_WALLET_SHARE,
)

FIRST_CASE_UNIT = 1_000_000
FIRST_BENIGN_UNIT = 2_000_000

MEAN_CASE_SIZE = 2.6
"""Criminal accounts in a case (assumed): most are small, a few have a dozen."""

LARGEST_CASE = 12

ROLE_WEIGHTS = (0.12, 0.22, 0.33, 0.18, 0.15)
"""Roles of a case's further members, in the order of `CRIMINAL_ROLES` (assumed)."""

OWN_DEPOSIT_CHANCE = 0.5
"""Share of the world's deposit addresses whose owner is an account of the world too."""


@dataclass(frozen=True)
class Deal:
    """What a unit is dealt so that no role gets more of it: shares in [0, 1) of three priors.

    Parameters
    ----------
    magnitude, opens, start
        Places in the priors of payment size, of the time zone, and in the world's time.
    """

    magnitude: float
    opens: float
    start: float


@dataclass(frozen=True)
class CasePlan:
    """A scam case: roles of its criminal accounts (in layer order), victims, deposit addresses."""

    unit: int
    chain: int
    case_id: str
    roles: tuple[str, ...]
    victims: int
    deposits: int
    deal: Deal


@dataclass(frozen=True)
class BenignPlan:
    """A firm or person, and whether it has a deposit address of its own."""

    unit: int
    chain: int
    population: str
    deposit: bool
    deal: Deal


@dataclass(frozen=True)
class Plan:
    """The whole cast: one hot wallet per exchange unit, cases, ordinary units."""

    hot_wallets: int
    cases: tuple[CasePlan, ...]
    benign: tuple[BenignPlan, ...]


def draw_plan(seed: int, addresses: int) -> Plan:
    """Decide who there will be.

    Parameters
    ----------
    seed
        Of the world.
    addresses
        Accounts worth scoring, of all populations together; met exactly.
    """
    rng = np.random.default_rng([seed, 1])
    criminals = max(1, round(CRIMINAL_PREVALENCE * addresses))
    cases = _cases(rng, criminals, round(VICTIM_SHARE * addresses))
    used = sum(len(c.roles) + c.victims + c.deposits for c in cases)
    hot = max(4, 2 * round(HOT_WALLET_SHARE * addresses / 2))
    benign = _benign(rng, addresses - used - hot)
    return Plan(hot, cases, benign)


def _cases(rng: np.random.Generator, criminals: int, victims: int) -> tuple[CasePlan, ...]:
    sizes: list[int] = []
    while (left := criminals - sum(sizes)) > 0:
        sizes.append(min(int(rng.geometric(1 / MEAN_CASE_SIZE)), LARGEST_CASE, left))
    shares = rng.gamma(1.0, 1.0, len(sizes)) * np.sqrt(sizes)
    wallets = rng.multinomial(victims, shares / shares.sum())
    deals = _deals(rng, len(sizes))
    on_chain = [0, 0]
    cases = []
    for number, size in enumerate(sizes):
        chain = int(on_chain[1] < on_chain[0]) if on_chain[0] != on_chain[1] else number % 2
        on_chain[chain] += size
        cases.append(
            CasePlan(
                FIRST_CASE_UNIT + number,
                chain,
                f"case-{number + 1:05d}",
                _roles(rng, size),
                int(wallets[number]),
                int(rng.binomial(2, 0.4)),
                deals[number],
            )
        )
    return tuple(cases)


def _roles(rng: np.random.Generator, size: int) -> tuple[str, ...]:
    """Draw roles in layer order; the first member is a collector."""
    drawn = rng.choice(len(CRIMINAL_ROLES), size - 1, p=ROLE_WEIGHTS)
    return tuple(CRIMINAL_ROLES[r] for r in sorted([0, *drawn.tolist()]))


def _benign(rng: np.random.Generator, count: int) -> tuple[BenignPlan, ...]:
    deposits = round(DEPOSIT_SHARE * count)
    owned = round(OWN_DEPOSIT_CHANCE * deposits)
    names = tuple(BENIGN)
    weights = np.array([BENIGN[name][1] for name in names])
    bounds = np.rint(np.cumsum(weights / weights.sum()) * (count - deposits)).astype(int)
    cast = [n for n, k in zip(names, np.diff(bounds, prepend=0), strict=True) for _ in range(k)]
    with_deposit = np.zeros(len(cast), dtype=bool)
    with_deposit[rng.permutation(len(cast))[:owned]] = True
    rows = [(name, bool(own)) for name, own in zip(cast, with_deposit, strict=True)]
    rows += [(DEPOSIT.population, False)] * (deposits - int(with_deposit.sum()))
    first = {name: int(rng.integers(0, 2)) for name in (*names, DEPOSIT.population)}
    seen = dict.fromkeys(first, 0)
    deals = _deals(rng, len(rows))
    units = []
    for number, (name, own) in enumerate(rows):
        chain = (first[name] + seen[name]) % 2
        seen[name] += 1
        units.append(BenignPlan(FIRST_BENIGN_UNIT + number, chain, name, own, deals[number]))
    return tuple(units)


def _deals(rng: np.random.Generator, count: int) -> list[Deal]:
    """Deal `count` hands: each of the three shares is spread evenly over them."""
    columns = [(rng.permutation(count) + rng.random(count)) / count for _ in range(3)]
    return [Deal(*hand) for hand in zip(*(c.tolist() for c in columns), strict=True)]
