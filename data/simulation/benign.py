"""Ordinary life: exchanges with their deposit addresses, firms and persons.

Each firm or person is a unit of one account, some with an exchange deposit address of their own to
cash out to. Exchanges own hot wallets, to which every deposit address of the world is swept and
from which gas, purchases and withdrawals come.
"""

from __future__ import annotations

import numpy as np

from data.simulation.account import Part, Unit, live
from data.simulation.clock import Clock
from data.simulation.flows import Flow, merged
from data.simulation.parameters import DAY
from data.simulation.plan import BenignPlan
from data.simulation.populations import BENIGN, DEPOSIT
from data.simulation.profile import Profile

HOT_WALLET = Profile(
    "exchange_hot_wallet",
    payments=(220, 0.5),
    senders=(0.6, 0.9),
    fast=0.9,
    batch=(1, 3),
    pieces=(1, 3),
    payees=(0.7, 0.95),
    swaps=(0.0, 0.0),
    floats=1.0,
)
"""An exchange's own dealings with customers who are no accounts of this world."""


def play_hot_wallet(unit: Unit) -> None:
    """Play an exchange's hot wallet: open for the whole of the world's time."""
    wallet = unit.add(HOT_WALLET, service=True)
    clock = Clock(0.0, unit.days * DAY, 0.0, 2 * DAY, 1.0, 0)
    live(unit, wallet, HOT_WALLET, Part(clock))


def play_benign(unit: Unit, plan: BenignPlan) -> None:
    """Play a firm, a person, or a deposit address whose owner is not in this world."""
    if plan.population == DEPOSIT.population:
        _play_deposit(unit, None)
        return
    profile, _, service = BENIGN[plan.population]
    account = unit.add(profile, service=service)
    if not plan.deposit:
        live(unit, account, profile, Part(unit.clock, senders=_exchange(unit)))
        return
    own = unit.node()
    life = live(
        unit,
        account,
        profile,
        Part(unit.clock, senders=_exchange(unit), receivers=np.array([own])),
    )
    got = life.outflow.where(life.outflow.party == own)
    _play_deposit(unit, Flow(got.time, np.full(len(got), account.node), got.micros, got.asset), own)


def _exchange(unit: Unit) -> np.ndarray:
    """Half of all ordinary accounts are funded by an exchange among others."""
    return unit.rng.choice(unit.hot_wallets, int(unit.rng.random() < 0.5))


def _play_deposit(unit: Unit, arrived: Flow | None, node: int | None = None) -> None:
    account = unit.add(DEPOSIT, node=node, service=True)
    clock = unit.clock if arrived is None else unit.window()
    hot = unit.rng.choice(unit.hot_wallets, 1)
    joined = merged([arrived]) if arrived is not None and len(arrived) else None
    live(unit, account, DEPOSIT, Part(clock, joined, receivers=hot, receivers_only=True))
