"""Ordinary life, played: most by a profile alone, some with wallets and partners of their own.

Each firm or person is a unit of one account, some with an exchange deposit address of their own to
cash out to. Exchanges own hot wallets, to which every deposit address of the world is swept and
from which gas, purchases and withdrawals come.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.simulation.circles import play_circle, play_custodian, play_hobbyist
from data.simulation.clock import Clock
from data.simulation.crossing import live_everywhere
from data.simulation.flows import Flow, merged
from data.simulation.life import Life, Part, live
from data.simulation.ordinary import ORDINARY
from data.simulation.plan import ExchangePlan, OrdinaryPlan
from data.simulation.populations import DEPOSIT
from data.simulation.prior import DAY
from data.simulation.profile import Profile
from data.simulation.spam import play_poisoner, play_spammer
from data.simulation.unit import Account, Unit

HOT_WALLET = Profile(
    "exchange_hot_wallet",
    story="An exchange's own dealings with customers who are no accounts of this world.",
    payments=(220, 0.5),
    senders=(0.6, 0.9),
    fast=0.9,
    batch=(1, 3),
    pieces=(1, 3),
    payees=(0.7, 0.95),
    swaps=(0.0, 0.0),
    parks=(0.0, 0.0),
    floats=1.0,
)

COLD_WALLET = Profile(
    "exchange_cold_wallet",
    story="An exchange's store: large sums from its hot wallets, and back when they run low.",
    payments=(12, 0.8),
    senders=(0.0, 0.3),
    fast=0.05,
    batch=(2, 6),
    share=(0.3, 0.9),
    pieces=(1, 1.3),
    payees=(0.0, 0.2),
    reciprocal=(0.7, 1.0),
    swaps=(0.0, 0.0),
    parks=(0.0, 0.0),
    paydays=0.2,
    scale=8.0,
)

Play = Callable[[Unit, Account, Profile, Part], Life]

_PLAYS: dict[str, Play] = {
    "custodian": play_custodian,
    "hobbyist": play_hobbyist,
    "savings_circle": play_circle,
    "spammer": play_spammer,
    "poisoner": play_poisoner,
}
"""Populations that are more than a profile; all others are played by `live_everywhere`."""


def play_exchange(unit: Unit, plan: ExchangePlan) -> None:
    """Play an exchange's hot or cold wallet: open for the whole of the world's time."""
    profile = COLD_WALLET if plan.cold else HOT_WALLET
    wallet = unit.add(profile, service=True)
    clock = Clock(0.0, unit.stage.days * DAY, 0.0, 2 * DAY, 1.0, 0)
    others = unit.hot_wallets[unit.hot_wallets != wallet.node]
    mine = unit.rng.permutation(others)[:2] if plan.cold else np.empty(0, dtype=np.int64)
    live(unit, wallet, profile, Part(clock, senders=mine, receivers=mine))


def play_ordinary(unit: Unit, plan: OrdinaryPlan) -> None:
    """Play a firm, a person, or a deposit address whose owner is not in this world."""
    if plan.population == DEPOSIT.population:
        _play_deposit(unit, None)
        return
    row = ORDINARY[plan.population]
    account = unit.add(row.profile, service=row.service)
    play = _PLAYS.get(plan.population, live_everywhere)
    if not plan.deposit:
        play(unit, account, row.profile, Part(unit.clock, senders=_exchange(unit)))
        return
    own = unit.node()
    part = Part(unit.clock, senders=_exchange(unit), receivers=np.array([own]))
    life = play(unit, account, row.profile, part)
    got = life.outflow.where(life.outflow.party == own)
    _play_deposit(unit, Flow(got.time, np.full(len(got), account.node), got.micros, got.asset), own)


def _exchange(unit: Unit) -> np.ndarray:
    """Half of all ordinary accounts are funded by an exchange among others."""
    return unit.rng.choice(unit.hot_wallets, int(unit.rng.random() < 0.5))


def _play_deposit(unit: Unit, arrived: Flow | None, node: int | None = None) -> None:
    account = unit.add(DEPOSIT, node=node, service=True)
    clock = unit.clock if arrived is None else unit.window()
    hot = np.array([unit.exchange()])
    joined = merged([arrived]) if arrived is not None and len(arrived) else None
    live(unit, account, DEPOSIT, Part(clock, joined, receivers=hot, receivers_only=True))
