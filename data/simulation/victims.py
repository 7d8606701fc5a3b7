"""Victims' own wallets: people who are robbed, and whose wallets look like mules.

Some have a wallet of long standing; some open one for the "platform" and send on within minutes
whatever they buy; some pay a second time, to those who promise to get the money back.
"""

from __future__ import annotations

import numpy as np

from data.simulation.coins import worth_at
from data.simulation.flows import Flow
from data.simulation.life import Part, fuel, live
from data.simulation.market import MICROS
from data.simulation.parameters import PRIORS
from data.simulation.populations import VICTIMS
from data.simulation.prior import DAY, HOUR, MINUTE
from data.simulation.unit import Account, Unit

JUST_IN_TIME = 0.75
"""Chance that a victim buys the coins on an exchange shortly before each payment (assumed)."""

RECOVERY_FEES = (1, 4)
"""Fewest and most payments to a recovery fraud (assumed)."""


def live_as_victim(unit: Unit, victim: Account, told: list[Flow]) -> None:
    """Play a victim's own wallet: everyday payments, and coins bought for the scam."""
    rng = unit.rng
    paid = [flow.where(flow.party == victim.node) for flow in told]
    paid = [flow for flow in paid if len(flow)]
    clock = unit.window()
    if victim.population != "fresh_victim" or not paid:
        profile = VICTIMS[victim.population]
        live(unit, victim, profile, Part(clock, senders=unit.hot_wallets[:1]))
    for flow in paid:
        _buy(unit, victim, flow)
        if victim.population == "fresh_victim":
            fuel(unit, victim.node, clock, flow, flow)
    if victim.population == "recovery_victim" and paid:
        last = max(float(flow.time[-1]) for flow in paid)
        lost = sum(int(flow.micros.sum()) for flow in paid)
        count = int(rng.integers(RECOVERY_FEES[0], RECOVERY_FEES[1] + 1))
        time = last + np.sort(rng.uniform(3, 60, count)) * DAY
        fees = np.maximum(rng.uniform(0.01, 0.08, count) * lost, 10 * MICROS).astype(np.int64)
        fraud = np.full(count, unit.node())
        asset = np.full(count, paid[0].asset[0], dtype=np.int8)
        _buy(unit, victim, Flow(time, fraud, fees, asset))
        unit.ledger.pay(time, victim.node, fraud, asset, fees)


def _buy(unit: Unit, victim: Account, paid: Flow) -> None:
    """Get the coins for each payment before it: on an exchange, or from somebody else."""
    rng = unit.rng
    bought = rng.random(len(paid)) < JUST_IN_TIME
    hours = PRIORS["purchase_lead"].draw(rng, len(paid))
    time = paid.time - hours * HOUR - 5 * MINUTE
    time = np.where(time > 0, time, 0.5 * paid.time)
    source = np.where(bought, unit.exchange(), unit.node())
    micros = worth_at(unit, paid.time, paid.micros, paid.asset, time)
    unit.ledger.pay(time, source, victim.node, paid.asset, micros)
