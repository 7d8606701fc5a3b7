"""Who there will be: how many of each, in which case, on which chain.

Decided before anything is played, so that every unit can be played by itself. Chain, payment size,
time zone and era are dealt out evenly, like cards, among cases and among ordinary units: drawn
freely they would differ between the two in a small world, by chance, and tell roles apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.simulation.layering import MEAN_MEMBERS, MOST_MEMBERS, TYPOLOGIES, fits, layers
from data.simulation.market import CHAIN_SHARES
from data.simulation.ordinary import COLD_WALLET_SHARE, DEPOSIT_SHARE, HOT_WALLET_SHARE, ORDINARY
from data.simulation.populations import DEPOSIT, VICTIM_SHARES

FIRST_CASE_UNIT = 1_000_000
FIRST_ORDINARY_UNIT = 2_000_000
FIRST_COLD_UNIT = 500_000

BROKER_UNIT = 990_000
"""Brokers are nobody's accounts; their nodes are numbered as this unit's."""

PREVALENCE = 0.01
"""Default share of criminal addresses among the accounts worth scoring.

Still far above real life, where it is not known.
"""

VICTIMS_PER_CRIMINAL = 2.0
"""Victims' own wallets for each criminal one (assumed; most victims pay from an exchange)."""

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
    """A scam case: its typology, roles layer by layer, kinds of victims, deposit addresses."""

    unit: int
    chain: int
    case_id: str
    typology: str
    layers: tuple[tuple[str, ...], ...]
    victims: tuple[str, ...]
    deposits: int
    deal: Deal

    @property
    def accounts(self) -> int:
        """Accounts worth scoring, those on other chains not counted."""
        return sum(map(len, self.layers)) + len(self.victims) + self.deposits


@dataclass(frozen=True)
class OrdinaryPlan:
    """A firm or person, and whether it has a deposit address of its own."""

    unit: int
    chain: int
    population: str
    deposit: bool
    deal: Deal

    @property
    def accounts(self) -> int:
        """Accounts worth scoring, those on other chains not counted."""
        return 1 + self.deposit


@dataclass(frozen=True)
class ExchangePlan:
    """An exchange's wallet: a hot one, which everybody meets, or a cold one behind it."""

    unit: int
    chain: int
    cold: bool

    accounts = 1


@dataclass(frozen=True)
class Plan:
    """The whole cast."""

    exchanges: tuple[ExchangePlan, ...]
    cases: tuple[CasePlan, ...]
    ordinary: tuple[OrdinaryPlan, ...]


def brokers_of(cases: int) -> int:
    """Return how many brokers serve so many cases of a chain (assumed: one for every six)."""
    return 2 + cases // 6


def draw_plan(seed: int, addresses: int, prevalence: float) -> Plan:
    """Decide who there will be.

    Parameters
    ----------
    seed
        Of the world.
    addresses
        Accounts worth scoring, of all populations together; met exactly, but for the accounts on
        other chains that bridging opens.
    prevalence
        Share of criminal accounts among them.
    """
    rng = np.random.default_rng([seed, 1])
    criminals = max(1, round(prevalence * addresses))
    cases = _cases(rng, criminals, round(VICTIMS_PER_CRIMINAL * criminals))
    left = addresses - sum(case.accounts for case in cases)
    exchanges = _exchanges(left)
    return Plan(exchanges, cases, _ordinary(rng, left - len(exchanges)))


def _exchanges(ordinary: int) -> tuple[ExchangePlan, ...]:
    """Give every chain its exchanges; the larger a chain, the more."""
    hot = [max(1, round(HOT_WALLET_SHARE * ordinary * share)) for share in CHAIN_SHARES]
    cold = [round(COLD_WALLET_SHARE * ordinary * share) for share in CHAIN_SHARES]
    chains = [c for c, n in enumerate(hot) for _ in range(n)]
    behind = [c for c, n in enumerate(cold) for _ in range(n)]
    return (
        *(ExchangePlan(unit, chain, False) for unit, chain in enumerate(chains, start=1)),
        *(ExchangePlan(FIRST_COLD_UNIT + n, chain, True) for n, chain in enumerate(behind)),
    )


def _cases(rng: np.random.Generator, criminals: int, victims: int) -> tuple[CasePlan, ...]:
    sizes: list[int] = []
    while (left := criminals - sum(sizes)) > 0:
        sizes.append(min(int(rng.geometric(1 / MEAN_MEMBERS)), MOST_MEMBERS, left))
    names = tuple(TYPOLOGIES)
    weights = np.array(list(TYPOLOGIES.values()))
    wanted = _evenly(rng, len(sizes), weights)
    shares = rng.gamma(1.0, 1.0, len(sizes)) * np.sqrt(sizes)
    wallets = rng.multinomial(victims, shares / shares.sum())
    chains = _evenly(rng, len(sizes), np.array(CHAIN_SHARES), sizes)
    deals = _deals(rng, len(sizes))
    cases = []
    for number, size in enumerate(sizes):
        typology = fits(names[wanted[number]], size)
        kinds = rng.choice(
            list(VICTIM_SHARES), int(wallets[number]), p=list(VICTIM_SHARES.values())
        )
        cases.append(
            CasePlan(
                FIRST_CASE_UNIT + number,
                int(chains[number]),
                f"case-{number + 1:05d}",
                typology,
                layers(typology, size),
                tuple(map(str, kinds)),
                int(rng.binomial(2, 0.4)),
                deals[number],
            )
        )
    return tuple(cases)


def _evenly(
    rng: np.random.Generator, count: int, shares: np.ndarray, sizes: list[int] | None = None
) -> np.ndarray:
    """Deal kinds to `count` takers so that each kind gets its share, of the takers or their sizes.

    Each taker, in a random order, gets the kind that is furthest behind its share.
    """
    weights = np.ones(count) if sizes is None else np.array(sizes, dtype=np.float64)
    got, chosen = np.zeros(len(shares)), np.empty(count, dtype=np.int64)
    shares = shares / shares.sum()
    jitter = rng.random(len(shares)) * 1e-6
    for taker in rng.permutation(count):
        due = shares * (got.sum() + weights[taker]) - got + jitter
        chosen[taker] = int(np.argmax(due))
        got[chosen[taker]] += weights[taker]
    return chosen


def _ordinary(rng: np.random.Generator, count: int) -> tuple[OrdinaryPlan, ...]:
    deposits = round(DEPOSIT_SHARE * count)
    owned = round(OWN_DEPOSIT_CHANCE * deposits)
    names = tuple(ORDINARY)
    weights = np.array([ORDINARY[name].weight for name in names])
    bounds = np.rint(np.cumsum(weights / weights.sum()) * (count - deposits)).astype(int)
    cast = [n for n, k in zip(names, np.diff(bounds, prepend=0), strict=True) for _ in range(k)]
    with_deposit = np.zeros(len(cast), dtype=bool)
    with_deposit[rng.permutation(len(cast))[:owned]] = True
    rows = [(name, bool(own)) for name, own in zip(cast, with_deposit, strict=True)]
    rows += [(DEPOSIT.population, False)] * (deposits - int(with_deposit.sum()))
    chains = np.empty(len(rows), dtype=np.int64)
    for name in dict.fromkeys(name for name, _ in rows):
        at = [number for number, (other, _) in enumerate(rows) if other == name]
        chains[at] = _evenly(rng, len(at), np.array(CHAIN_SHARES))
    deals = _deals(rng, len(rows))
    return tuple(
        OrdinaryPlan(FIRST_ORDINARY_UNIT + number, int(chains[number]), name, own, deals[number])
        for number, (name, own) in enumerate(rows)
    )


def _deals(rng: np.random.Generator, count: int) -> list[Deal]:
    """Deal `count` hands: each of the three shares is spread evenly over them."""
    columns = [(rng.permutation(count) + rng.random(count)) / count for _ in range(3)]
    return [Deal(*hand) for hand in zip(*(c.tolist() for c in columns), strict=True)]
