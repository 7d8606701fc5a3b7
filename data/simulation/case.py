"""A scam case: victims pay collectors, and their money travels on towards an exchange.

Money moves downhill through the case's layers (`layering`), each account dealing with strangers as
well, because real launderers serve several scams and most of their counterparties are in nobody's
data. At the bottom stand deposit addresses of exchanges, which are the exchanges' own and not
criminal roles, and brokers who serve several cases. A member that bridges goes on living at its own
address on the other chain, and cashes out there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.simulation.case_parameters import Style, draw_style
from data.simulation.clock import Clock
from data.simulation.coins import worth_at
from data.simulation.crossing import live_everywhere
from data.simulation.flows import SMALLEST_MICROS, Flow, merged
from data.simulation.grooming import victims_payments
from data.simulation.layering import profile_of
from data.simulation.life import Life, Part, live
from data.simulation.plan import CasePlan
from data.simulation.populations import DEPOSIT, VICTIMS
from data.simulation.prior import DAY, MINUTE
from data.simulation.profile import Profile, draw_habit
from data.simulation.unit import Account, Unit
from data.simulation.victims import live_as_victim


@dataclass(frozen=True)
class VictimPayments:
    """Payments to collectors, with their transaction numbers: the truth about the victims."""

    collector: int
    flow: Flow
    transactions: np.ndarray
    from_exchange: np.ndarray
    case_id: str


class _Case:
    """A case while it is played: its style, its members, and what has reached each of them."""

    def __init__(self, unit: Unit, plan: CasePlan) -> None:
        self.unit, self.plan = unit, plan
        self.style = draw_style(unit.rng)
        self.layers = [[self._member(role) for role in layer] for layer in plan.layers]
        cash_out = replace(DEPOSIT, role="cash_out_deposit")
        self.cash_out = cash_out
        self.deposits = [
            unit.add(cash_out, service=True, case_id=plan.case_id) for _ in range(plan.deposits)
        ]
        self.members = [account for layer in self.layers for account in layer]
        wanted = int(unit.rng.binomial(2, self.style.brokered))
        self.brokers = unit.rng.choice(unit.brokers, wanted, replace=False).tolist()
        self.abroad: dict[int, tuple[Unit, Account]] = {}
        self.clocks = self._clocks()
        self.inbox: dict[int, list[Flow]] = {n: [] for n in self.clocks}
        frozen = unit.clock.start + unit.rng.uniform(0.2, 0.9) * unit.clock.length
        self.alarm = float(frozen) if self.style.frozen else None

    def _member(self, role: str) -> Account:
        profile = profile_of(role, self.plan.typology, self.style)
        return self.unit.add(profile, case_id=self.plan.case_id, typology=self.plan.typology)

    def _clocks(self) -> dict[int, Clock]:
        """Give everyone a window near the case's; after a rebrand collectors follow one another."""
        unit = self.unit
        clocks = {a.node: unit.window() for a in self.members + self.deposits}
        first = self.layers[0]
        clocks[first[0].node] = unit.clock
        if self.style.rebrands and len(first) > 1:
            lengths = np.array([clocks[account.node].length for account in first])
            lengths *= min(1.0, (unit.stage.days - 1) * DAY / float(lengths.sum()))
            starts = np.cumsum(lengths) - lengths
            # All of them in the world's time: a sequence that would outlast it began earlier.
            latest = unit.stage.days * DAY - float(lengths.sum())
            starts += min(unit.clock.start, latest)
            for account, at, length in zip(first, starts.tolist(), lengths.tolist(), strict=True):
                clocks[account.node] = replace(unit.clock, start=at, end=at + length)
        return clocks

    def below(self, layer: int) -> np.ndarray:
        """Choose to whom a member of a layer pays: the next layer mostly, perhaps deposits."""
        rng = self.unit.rng
        chain = self.plan.typology in ("relay", "peel_chain", "scatter_gather")
        nxt = self.layers[layer + 1] if layer + 1 < len(self.layers) else []
        later = [a for rest in self.layers[layer + 2 :] for a in rest]
        names = [a.node for a in nxt if chain or rng.random() < 0.75]
        names += [a.node for a in later if not chain and rng.random() < 0.3]
        last = layer + 1 >= len(self.layers)
        names += [a.node for a in self.deposits if rng.random() < (0.8 if last else 0.25)]
        names += [broker for broker in self.brokers if rng.random() < (0.8 if last else 0.25)]
        return np.array(names, dtype=np.int64)

    def deposit_on(self, there: Unit) -> np.ndarray:
        """Return the case's deposit address on another chain, opened when first needed."""
        if there.chain not in self.abroad:
            deposit = there.add(self.cash_out, service=True, case_id=self.plan.case_id)
            self.abroad[there.chain] = there, deposit
            self.clocks[deposit.node] = there.window()
            self.inbox[deposit.node] = []
        return np.array([self.abroad[there.chain][1].node])

    def part(self, account: Account, layer: int, payers: np.ndarray) -> Part:
        """Say what an account is given to play with."""
        below = self.below(layer)
        always = (-np.inf, np.inf)
        windows = [
            (self.clocks[n].start, self.clocks[n].end) if n in self.clocks else always
            for n in below.tolist()
        ]
        box = self.inbox[account.node]
        return Part(
            self.clocks[account.node],
            arrived=merged(box) if box else None,
            senders=payers,
            receivers=below,
            loyalty=1 - self.style.outsiders,
            windows=np.array(windows).reshape(-1, 2),
            alarm=self.alarm,
        )

    def deliver(self, outflow: Flow, sender: int) -> None:
        """Put payments to members of the case into their inboxes."""
        for node in np.unique(outflow.party).tolist():
            if node in self.inbox:
                got = outflow.where(outflow.party == node)
                told = Flow(got.time, np.full(len(got), sender), got.micros, got.asset)
                self.inbox[node].append(told)


def play_case(unit: Unit, plan: CasePlan) -> list[VictimPayments]:
    """Play one case into the unit's ledger and accounts."""
    case = _Case(unit, plan)
    victims = [unit.add(VICTIMS[kind], case_id=plan.case_id) for kind in plan.victims]
    told: list[VictimPayments] = []
    for number, layer in enumerate(case.layers):
        for member in layer:
            told += _play_member(case, member, number, [v.node for v in victims])
    for there, deposit in [*((unit, one) for one in case.deposits), *case.abroad.values()]:
        box = case.inbox[deposit.node]
        hot = np.array([there.exchange()])
        part = Part(
            case.clocks[deposit.node], merged(box) if box else None, receivers=hot,
            receivers_only=True,
        )  # fmt: skip
        live(there, deposit, case.cash_out, part)
    paid = [t.flow for t in told]
    for victim in victims:
        live_as_victim(unit, victim, paid)
    return told


def _play_member(
    case: _Case, member: Account, layer: int, victims: list[int]
) -> list[VictimPayments]:
    unit, style = case.unit, case.style
    profile = profile_of(member.role, case.plan.typology, style)
    payers = _payers(unit, style, victims) if member.role == "collector" else np.empty(0, np.int64)
    part = case.part(member, layer, payers)
    if member.role == "collector":
        thief = unit.node() if style.drains else None
        own = victims_payments(unit, draw_habit(unit.rng, profile), part, style)
        part = replace(part, own=own, drained_by=thief)
    elif part.arrived is not None:
        profile = _with_outsiders(profile, style, len(part.arrived))
    life = live_everywhere(unit, member, profile, part, case.deposit_on)
    case.deliver(life.outflow, member.node)
    if life.beyond is not None:
        case.deliver(life.beyond[1], life.beyond[0])
    if member.role != "collector":
        return []
    _induce(unit, style, member, life)
    from_exchange = np.isin(life.inflow.party, unit.hot_wallets)
    return [
        VictimPayments(
            member.node, life.inflow, life.transactions, from_exchange, case.plan.case_id
        )
    ]


def _with_outsiders(profile: Profile, style: Style, arrived: int) -> Profile:
    """Let the payments from outside the case be the share that the case draws.

    A few there are in any case, which begin and end the account's time: how long an account lives
    must not depend on how long it is paid by the case.
    """
    outside = arrived * style.outsiders / (1 - style.outsiders)
    return replace(profile, payments=(max(3.0, min(profile.payments[0], outside)), 0.5))


def _payers(unit: Unit, style: Style, victims: list[int]) -> np.ndarray:
    """Choose who pays a collector: victims' wallets of this world and exchanges' hot wallets."""
    rng = unit.rng
    nodes = [v for v in victims if rng.random() < 0.7]
    direct = rng.binomial(len(unit.hot_wallets), style.direct_share)
    hot = rng.choice(unit.hot_wallets, min(int(direct), 3), replace=False)
    return np.concatenate([np.array(nodes, dtype=np.int64), hot])


def _induce(unit: Unit, style: Style, collector: Account, life: Life) -> None:
    """Pay a few victims a little back after their first payment, so that they pay more.

    The money for it comes from the platform's purse, just before.
    """
    rng, inflow = unit.rng, life.inflow
    if not style.induces:
        return
    payers, first = np.unique(inflow.party, return_index=True)
    chosen = (rng.random(len(payers)) < rng.uniform(0.1, 0.5)) & ~np.isin(payers, unit.hot_wallets)
    at = first[chosen]
    micros = np.floor(inflow.micros[at] * rng.uniform(0.03, 0.3, len(at)))
    micros = np.maximum(micros, SMALLEST_MICROS).astype(np.int64)
    time = inflow.time[at] + rng.uniform(0.5, 10, len(at)) * DAY
    lent = time - rng.uniform(5, 60, len(at)) * MINUTE
    asset = inflow.asset[at]
    purse = worth_at(unit, time, micros, asset, lent)
    unit.ledger.pay(lent, unit.node(), collector.node, asset, purse)
    unit.ledger.pay(time, collector.node, payers[chosen], asset, micros)
