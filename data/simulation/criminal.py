"""A scam case: victims pay collectors, and their money travels on towards an exchange.

Money moves downhill through the case's layers (collectors, consolidators, mules, swappers, OTC
desks), each account dealing with strangers as well, because real launderers serve several scams and
most of their counterparties are in nobody's data. At the bottom stand deposit addresses of
exchanges, which are the exchanges' own and not criminal roles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.simulation.account import Account, Life, Part, Unit, live
from data.simulation.clock import Clock
from data.simulation.flows import MICROS, Flow, merged
from data.simulation.parameters import DAY, HOUR, MINUTE
from data.simulation.plan import CasePlan
from data.simulation.populations import CRIMINAL, CRIMINAL_ROLES, DEPOSIT, VICTIM

INDUCEMENT_CHANCE = 0.4
"""Chance that a case pays some victims back a little (Griffin & Mei: some 98,000 such payments a
year)."""

DIRECT_FROM_EXCHANGE = (0.1, 0.5)
"""Share of a collector's payers who pay straight from an exchange's hot wallet (DFPI: 32 of 58
wallets are funded in part by tagged hot wallets)."""

JUST_IN_TIME = 0.7
"""Chance that a victim buys the coins on an exchange shortly before each payment."""


@dataclass(frozen=True)
class VictimPayments:
    """Payments to collectors, with their transaction numbers: the truth about the victims."""

    collector: int
    flow: Flow
    transactions: np.ndarray
    from_exchange: np.ndarray
    case_id: str


def play_case(unit: Unit, plan: CasePlan) -> list[VictimPayments]:
    """Play one case into the unit's ledger and accounts."""
    members = [
        unit.add(CRIMINAL[role], case_id=plan.case_id, typology=typology(plan.roles))
        for role in plan.roles
    ]
    cash_out = replace(DEPOSIT, role="cash_out_deposit")
    deposits = [
        unit.add(cash_out, service=True, case_id=plan.case_id) for _ in range(plan.deposits)
    ]
    victims = [unit.add(VICTIM, case_id=plan.case_id) for _ in range(plan.victims)]
    clocks = {a.node: unit.window() for a in members + deposits}
    clocks[members[0].node] = unit.clock
    inbox: dict[int, list[Flow]] = {a.node: [] for a in members + deposits}
    told: list[VictimPayments] = []
    for place, member in enumerate(members):
        below = _below(unit, members[place + 1 :], deposits)
        payers = _payers(unit, victims) if member.role == "collector" else np.empty(0, np.int64)
        part = _part(member, clocks, inbox, payers, below)
        life = live(unit, member, CRIMINAL[member.role], part)
        _deliver(life.outflow, member.node, inbox)
        if member.role == "collector":
            told.append(_testimony(member, life, unit.hot_wallets, plan.case_id))
            _induce(unit, member, life)
    for deposit in deposits:
        hot = unit.rng.choice(unit.hot_wallets, 1)
        arrived = merged(inbox[deposit.node]) if inbox[deposit.node] else None
        live(
            unit,
            deposit,
            cash_out,
            Part(clocks[deposit.node], arrived, receivers=hot, receivers_only=True),
        )
    for victim in victims:
        _live_as_victim(unit, victim, told)
    return told


def typology(roles: tuple[str, ...]) -> str:
    """Name a case by the layers it uses.

    >>> typology(("collector", "mule", "swapper"))
    'collector-mule-swapper'
    """
    return "-".join(role for role in CRIMINAL_ROLES if role in roles)


def _below(unit: Unit, later: list[Account], deposits: list[Account]) -> np.ndarray:
    """Choose to whom further down an account pays: a few later members, perhaps deposits."""
    rng = unit.rng
    names = [a.node for a in later if rng.random() < 0.6]
    names += [a.node for a in deposits if rng.random() < 0.4]
    return np.array(names, dtype=np.int64)


def _part(
    member: Account,
    clocks: dict[int, Clock],
    inbox: dict[int, list[Flow]],
    payers: np.ndarray,
    below: np.ndarray,
) -> Part:
    arrived = merged(inbox[member.node]) if inbox[member.node] else None
    windows = np.array([[clocks[n].start, clocks[n].end] for n in below.tolist()]).reshape(-1, 2)
    return Part(clocks[member.node], arrived, payers, below, windows=windows)


def _payers(unit: Unit, victims: list[Account]) -> np.ndarray:
    """Choose who pays a collector: victims' wallets of this world and exchanges' hot wallets."""
    rng = unit.rng
    nodes = [v.node for v in victims if rng.random() < 0.7]
    direct = rng.binomial(len(unit.hot_wallets), rng.uniform(*DIRECT_FROM_EXCHANGE))
    hot = rng.choice(unit.hot_wallets, min(int(direct), 3), replace=False)
    return np.concatenate([np.array(nodes, dtype=np.int64), hot])


def _deliver(outflow: Flow, sender: int, inbox: dict[int, list[Flow]]) -> None:
    """Put payments to members of the case into their inboxes."""
    for node in np.unique(outflow.party).tolist():
        if node in inbox:
            got = outflow.where(outflow.party == node)
            inbox[node].append(Flow(got.time, np.full(len(got), sender), got.micros, got.asset))


def _testimony(collector: Account, life: Life, hot: np.ndarray, case_id: str) -> VictimPayments:
    return VictimPayments(
        collector.node, life.inflow, life.transactions, np.isin(life.inflow.party, hot), case_id
    )


def _induce(unit: Unit, collector: Account, life: Life) -> None:
    """Pay a few victims a little back after their first payment, so that they pay more.

    The money for it comes from the platform's purse, just before.
    """
    rng, inflow = unit.rng, life.inflow
    if rng.random() > INDUCEMENT_CHANCE:
        return
    payers, first = np.unique(inflow.party, return_index=True)
    chosen = (rng.random(len(payers)) < rng.uniform(0.1, 0.5)) & ~np.isin(payers, unit.hot_wallets)
    at = first[chosen]
    micros = np.floor(inflow.micros[at] * rng.uniform(0.03, 0.3, len(at)))
    micros = np.maximum(micros, 2 * MICROS).astype(np.int64)
    time = inflow.time[at] + rng.uniform(0.5, 10, len(at)) * DAY
    lent = time - rng.uniform(5, 60, len(at)) * MINUTE
    unit.ledger.pay(lent, unit.node(), collector.node, inflow.asset[at], micros)
    unit.ledger.pay(time, collector.node, payers[chosen], inflow.asset[at], micros)


def _live_as_victim(unit: Unit, victim: Account, told: list[VictimPayments]) -> None:
    """Play a victim's own wallet: everyday payments, and coins bought for the scam."""
    rng = unit.rng
    live(unit, victim, VICTIM, Part(unit.window(), senders=unit.hot_wallets[:1]))
    for payments in told:
        paid = payments.flow.where(payments.flow.party == victim.node)
        bought = rng.random(len(paid)) < JUST_IN_TIME
        time = paid.time - rng.exponential(8, len(paid)) * HOUR - 300
        source = np.where(bought, rng.choice(unit.hot_wallets), unit.node())
        time = np.where(time > 0, time, 0.5 * paid.time)
        unit.ledger.pay(time, source, victim.node, paid.asset, paid.micros)
