"""One account's life: money comes in, rests, is swapped perhaps, and goes on.

Everybody is played by `live`, criminal or not; what differs is the profile and who pays whom.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from data.simulation import identities, market
from data.simulation.clock import Clock, clock_near, draw_clock, sittings
from data.simulation.flows import (
    MICROS,
    SMALLEST_MICROS,
    Flow,
    amounts,
    dealings,
    forwarded,
    merged,
    rounded,
    spent,
)
from data.simulation.ledger import Ledger
from data.simulation.parameters import DAY, HOUR, MINUTE, PRIORS
from data.simulation.plan import Deal
from data.simulation.profile import Habit, Profile, draw_habit

_ASSET_CODES = 16


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


@dataclass
class Unit:
    """A case, a firm or a person: accounts that share a chain, an asset, a scale and a clock.

    Parameters
    ----------
    number
        The unit's own number; with the seed it fixes everything about the unit.
    chain
        Index of `identities.CHAINS`.
    days
        Length of the world.
    seed
        Of the world.
    hot_wallets
        Nodes of the chain's exchange hot wallets.
    deal
        Its place in the priors that must not depend on role.
    """

    number: int
    chain: int
    days: int
    seed: int
    hot_wallets: np.ndarray
    deal: Deal
    accounts: list[Account] = field(default_factory=list)
    _nodes: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, self.number])
        self.ledger = Ledger(self.number, self.days * DAY)
        self.clock = draw_clock(self.rng, self.days, self.deal.opens, self.deal.start)
        self.asset = market.usual_asset(self.rng, self.chain)
        self.typical_micros = PRIORS["magnitude"].at(self.deal.magnitude) * MICROS
        self.round_habit = PRIORS["round_habit"].one(self.rng)

    def node(self) -> int:
        """Make a new node of the unit's chain."""
        return int(self.strangers(1)[0])

    def strangers(self, count: int) -> np.ndarray:
        """Make new nodes of the unit's chain: counterparties that are no accounts of the world."""
        first = identities.node_number(self.number, self._nodes, self.chain)
        self._nodes += count
        return first + 2 * np.arange(count)

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
        return clock_near(self.rng, self.days, self.clock)


@dataclass(frozen=True)
class Part:
    """What an account is given to play with besides its habit.

    Parameters
    ----------
    clock
        Its window and hours.
    arrived
        Payments that others of the unit have already made to it.
    senders
        Nodes among which its own senders are chosen first.
    receivers
        Nodes among which its receivers are chosen first.
    receivers_only
        Pay nobody else.
    windows
        Start and end of each receiver's window, shape (receivers, 2); whoever is not in business
        when a payment leaves is replaced by a stranger.
    """

    clock: Clock
    arrived: Flow | None = None
    senders: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    receivers: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    receivers_only: bool = False
    windows: np.ndarray | None = None


@dataclass(frozen=True)
class Life:
    """What an account did.

    Parameters
    ----------
    inflow, transactions
        Payments from outside, without `Part.arrived`, and their transaction numbers.
    outflow
        What went out, swaps not included.
    """

    inflow: Flow
    transactions: np.ndarray
    outflow: Flow


def live(unit: Unit, account: Account, profile: Profile, part: Part) -> Life:
    """Play one account from its first payment to its last, and write it into the unit's ledger."""
    rng = unit.rng
    habit = draw_habit(rng, profile)
    inflow = incoming(unit, habit, part)
    written = unit.ledger.pay(inflow.time, inflow.party, account.node, inflow.asset, inflow.micros)
    whole = merged([inflow, part.arrived]) if part.arrived is not None else inflow
    pass_on = spent if habit.floats else forwarded
    outflow, source = pass_on(rng, whole, habit, part.clock)
    if habit.swap_share:
        outflow = _swapped(unit, account, habit, whole, outflow, source)
    paid = rounded(rng, outflow.micros, unit.round_habit * habit.rounds, outflow.asset)
    party = _receivers(unit, habit, part, whole, outflow.time)
    outflow = Flow(outflow.time, party, paid, outflow.asset).where(
        (paid >= SMALLEST_MICROS) & (outflow.time < unit.ledger.end)
    )
    unit.ledger.pay(outflow.time, account.node, outflow.party, outflow.asset, outflow.micros)
    fuel(unit, account.node, part.clock, whole, outflow)
    return Life(inflow, written, outflow)


def incoming(unit: Unit, habit: Habit, part: Part) -> Flow:
    """Draw the payments an account receives from outside its unit."""
    rng, count = unit.rng, habit.payments
    parties = max(1, round(count**habit.senders))
    who = dealings(rng, count, parties, habit.transient)
    pool = np.concatenate([part.senders, unit.strangers(max(0, parties - len(part.senders)))])
    sigma = PRIORS["amount_sigma"].one(rng)
    micros = amounts(rng, who, habit.scale * unit.typical_micros, sigma, habit.ladder)
    micros = np.clip(rounded(rng, micros, unit.round_habit), 5 * MICROS, 3e12)
    asset = np.full(count, unit.asset, dtype=np.int8)
    other = rng.random(count) < PRIORS["asset_switch"].one(rng)
    asset[other] = market.other_asset(rng, asset[other])
    time = sittings(rng, part.clock, count)
    return Flow(time, rng.permutation(pool)[who], micros.astype(np.int64), asset)


def fuel(unit: Unit, node: int, clock: Clock, inflow: Flow, outflow: Flow) -> None:
    """Write the small native payments that let the account pay fees."""
    rng = unit.rng
    if len(outflow) == 0:
        return
    every = PRIORS["gas_every"].one(rng)
    count = 1 + int(len(outflow) / every)
    at = np.concatenate([[0], np.sort(rng.integers(0, len(outflow), count - 1))])
    time = outflow.time[at] - rng.uniform(0.01, 0.5, count) * HOUR
    time = np.maximum(time, min(inflow.time[0], clock.start) - 10 * MINUTE)
    from_exchange = PRIORS["gas_from_exchange"].happens(rng)
    exchanges = unit.hot_wallets[unit.hot_wallets != node]
    funder = int(rng.choice(exchanges)) if from_exchange else unit.node()
    micros = (PRIORS["gas_usd"].draw(rng, count) * MICROS).astype(np.int64)
    native = market.asset_code(unit.chain, market.NATIVE)
    unit.ledger.pay(np.maximum(time, 0.0), funder, node, native, micros)


def _swapped(
    unit: Unit, account: Account, habit: Habit, inflow: Flow, outflow: Flow, source: np.ndarray
) -> Flow:
    """Swap a share of the batches before they leave; outflow is then in the new asset."""
    rng = unit.rng
    _, first, which = np.unique(
        source * _ASSET_CODES + outflow.asset, return_index=True, return_inverse=True
    )
    batches = source[first]
    given = np.bincount(which, weights=outflow.micros.astype(np.float64))
    asset = outflow.asset[first]
    wanted = market.other_asset(rng, asset)
    if habit.one_way:
        wanted[:] = market.usual_asset(rng, unit.chain)
    chosen = (
        (rng.random(len(batches)) < habit.swap_share)
        & (given >= SMALLEST_MICROS)
        & (wanted != asset)
    )
    kept = np.where(chosen, 1 - PRIORS["swap_cost"].draw(rng, len(batches)), 1.0)
    target = np.where(chosen, wanted, asset).astype(np.int8)
    came, leaves = inflow.time[batches], outflow.time[first]
    time = came + (leaves - came) * rng.uniform(0.2, 0.98, len(batches))
    routers = np.array([market.router(unit.chain, n) for n in range(market.ROUTERS)])
    used = routers[np.minimum(rng.geometric(0.6, len(batches)) - 1, market.ROUTERS - 1)]
    unit.ledger.swap(
        time[chosen],
        account.node,
        used[chosen],
        (asset[chosen], given[chosen].astype(np.int64)),
        (target[chosen], (given * kept)[chosen].astype(np.int64)),
    )
    micros = np.floor(outflow.micros * kept[which]).astype(np.int64)
    return Flow(outflow.time, outflow.party, micros, target[which])


def _receivers(unit: Unit, habit: Habit, part: Part, inflow: Flow, time: np.ndarray) -> np.ndarray:
    """Choose whom each outgoing payment, in time order, goes to."""
    rng, count = unit.rng, len(time)
    if count == 0:
        return np.empty(0, dtype=np.int64)
    parties = max(1, round(count**habit.payees))
    known = len(part.receivers)
    pool = part.receivers
    if not part.receivers_only:
        pool = np.concatenate([pool, unit.strangers(max(1, parties - known))])
    who = rng.permutation(len(pool))[dealings(rng, count, min(parties, len(pool)), habit.rotation)]
    if part.windows is not None:
        bounds = np.concatenate([part.windows, np.tile([-np.inf, np.inf], (len(pool) - known, 1))])
        absent = (time < bounds[who, 0]) | (time > bounds[who, 1])
        who[absent] = known + who[absent] % (len(pool) - known)
    party = pool[who]
    back = rng.random(count) < habit.reciprocal
    party[back] = rng.choice(inflow.party, int(back.sum()))
    return party
