"""A unit of play: a case, a firm or a person, with what its accounts have in common."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from data.simulation import identities, market
from data.simulation.clock import Clock, clock_near, draw_clock
from data.simulation.ledger import Ledger
from data.simulation.market import MICROS
from data.simulation.parameters import PRIORS
from data.simulation.plan import Deal
from data.simulation.prior import DAY
from data.simulation.profile import Profile


@dataclass(frozen=True)
class Account:
    """An account worth scoring, and the truth about it.

    Parameters
    ----------
    node
        Its number (see `identities`).
    population, role
        See `profile.Profile`.
    service
        Whether it belongs to a firm (services are labelled and listed more often).
    case_id, typology
        Of the scam case it takes part in; null for everyone else.
    """

    node: int
    population: str
    role: str
    service: bool = False
    case_id: str | None = None
    typology: str | None = None


@dataclass(frozen=True)
class Stage:
    """What all units of a world stand on.

    Parameters
    ----------
    seed, days
        Of the world; its length.
    hot_wallets
        Per chain, the nodes of the exchanges' hot wallets.
    brokers
        Per chain, the nodes of brokers that serve many cases, and are no accounts of the world.
    prices
        `market.daily_prices`.
    """

    seed: int
    days: int
    hot_wallets: tuple[np.ndarray, ...]
    brokers: tuple[np.ndarray, ...]
    prices: np.ndarray

    def price(self, chain: int, time: np.ndarray) -> np.ndarray:
        """Return the price of a chain's coin at moments, in micro-dollars."""
        day = np.clip((time // DAY).astype(np.int64), 0, self.prices.shape[1] - 1)
        return self.prices[chain, day]

    def first_price(self, chain: int) -> int:
        """Return the price of a chain's coin on the first day, in micro-dollars."""
        return int(self.prices[chain, 0])


@dataclass
class _Count:
    """How many nodes a unit has made, shared by its views on several chains."""

    nodes: int = 0


class Unit:
    """A case, a firm or a person: accounts that share a chain, an asset, a scale and a clock.

    Parameters
    ----------
    stage
        The world's.
    number
        The unit's own number; with the seed it fixes everything about the unit.
    chain
        Index of `identities.CHAINS`.
    deal
        Its place in the priors that must not depend on role.
    """

    def __init__(self, stage: Stage, number: int, chain: int, deal: Deal) -> None:
        self.stage, self.number, self.chain = stage, number, chain
        self.accounts: list[Account] = []
        self.rng = np.random.default_rng([stage.seed, number])
        self.ledger = Ledger(number, stage.days * DAY)
        self.clock = draw_clock(self.rng, stage.days, deal.opens, deal.start)
        self.asset = market.usual_asset(self.rng, chain)
        self.typical_micros = PRIORS["magnitude"].at(deal.magnitude) * MICROS
        self.round_habit = PRIORS["round_habit"].one(self.rng)
        self._count = _Count()

    @property
    def hot_wallets(self) -> np.ndarray:
        """Nodes of the hot wallets on the unit's chain."""
        return self.stage.hot_wallets[self.chain]

    @property
    def brokers(self) -> np.ndarray:
        """Nodes of the brokers on the unit's chain."""
        return self.stage.brokers[self.chain]

    def on(self, chain: int) -> Unit:
        """Return a view of the same unit at work on another chain."""
        there = copy.copy(self)
        there.chain = chain
        there.asset = market.asset_code(chain, self.asset % market.PER_CHAIN)
        return there

    def node(self) -> int:
        """Make a new node of the unit's chain."""
        return int(self.strangers(1)[0])

    def strangers(self, count: int) -> np.ndarray:
        """Make new nodes of the unit's chain: counterparties that are no accounts of the world."""
        first = identities.node_number(self.number, self._count.nodes, self.chain)
        self._count.nodes += count
        return first + identities.STRIDE * np.arange(count)

    def add(
        self,
        profile: Profile,
        *,
        node: int | None = None,
        service: bool = False,
        case_id: str | None = None,
        typology: str | None = None,
    ) -> Account:
        """Make an account of a population, at a new node unless one is given."""
        at = self.node() if node is None else node
        account = Account(at, profile.population, profile.role, service, case_id, typology)
        self.accounts.append(account)
        return account

    def window(self) -> Clock:
        """Draw the clock of a further account of this unit."""
        return clock_near(self.rng, self.stage.days, self.clock)

    def exchange(self) -> int:
        """Choose one of the chain's exchange hot wallets."""
        return int(self.rng.choice(self.hot_wallets))
