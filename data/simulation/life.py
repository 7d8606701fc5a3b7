"""One account's life: money comes in, rests, takes a detour perhaps, and goes on.

Everybody is played by `live`, criminal or not; what differs is the profile and who pays whom.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from data.simulation import market
from data.simulation.clock import Clock, sittings
from data.simulation.detours import Bridged, bridged, escaped, parked, swapped
from data.simulation.flows import (
    SMALLEST_MICROS,
    Flow,
    Leaving,
    amounts,
    dealings,
    forwarded,
    merged,
    spent,
)
from data.simulation.market import MICROS
from data.simulation.parameters import PRIORS
from data.simulation.prior import DAY, HOUR, MINUTE
from data.simulation.profile import Habit, Profile, draw_habit
from data.simulation.rounding import kept_below, paid_out, repeated, rounded
from data.simulation.unit import Account, Unit

HAS_COINS = 0.3
"""Share of payments in the native coin from which on an account needs no coins for fees."""


@dataclass(frozen=True)
class Part:
    """What an account is given to play with besides its habit.

    Parameters
    ----------
    clock
        Its window and hours.
    arrived
        Payments that others of the unit have already made to it.
    own
        Payments from outside that replace those it would draw for itself.
    senders
        Nodes among which its own senders are chosen first.
    receivers
        Nodes among which its receivers are chosen first.
    receivers_only
        Pay nobody else.
    windows
        Start and end of each receiver's window, shape (receivers, 2); whoever is not in business
        when a payment leaves is replaced by a stranger.
    alarm
        Moment at which an issuer freezes a neighbour: freezable coins that wait then are swapped
        and moved at once. None: nothing is frozen.
    drained_by
        Node that collects tokens with stolen approvals; None: senders pay themselves.
    """

    clock: Clock
    arrived: Flow | None = None
    own: Flow | None = None
    senders: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    receivers: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    receivers_only: bool = False
    windows: np.ndarray | None = None
    alarm: float | None = None
    drained_by: int | None = None


@dataclass(frozen=True)
class Life:
    """What an account did.

    Parameters
    ----------
    inflow, transactions
        Payments from outside, without `Part.arrived`, and their transaction numbers.
    outflow
        What went out to others on its chain, detours not included.
    bridged
        What it sent to its own address on another chain; None where it does not bridge.
    """

    inflow: Flow
    transactions: np.ndarray
    outflow: Flow
    bridged: Bridged | None


def live(unit: Unit, account: Account, profile: Profile, part: Part) -> Life:
    """Play one account from its first payment to its last, and write it into the unit's ledger."""
    rng = unit.rng
    habit = draw_habit(rng, profile)
    inflow = incoming(unit, habit, part) if part.own is None else part.own
    written = unit.ledger.pay(
        inflow.time, inflow.party, account.node, inflow.asset, inflow.micros, part.drained_by
    )
    whole = merged([inflow, part.arrived]) if part.arrived is not None else inflow
    pass_on = spent if habit.floats else forwarded
    leaving = pass_on(rng, whole, habit, part.clock)
    forced = np.zeros(len(leaving.outflow), dtype=bool)
    if part.alarm is not None:
        leaving, forced = escaped(rng, whole, leaving, part.alarm)
    if habit.park_share:
        parked(unit, account.node, habit.park_share, whole, leaving)
    if habit.swap_share or forced.any():
        leaving = swapped(unit, account.node, habit, whole, leaving, forced)
    away = None
    if habit.bridge_share:
        leaving, away = bridged(unit, account.node, habit.bridge_share, leaving)
    outflow = _paid(unit, account, habit, part, whole, leaving)
    fuel(unit, account.node, part.clock, whole, outflow, swept=habit.sweeps > 0)
    return Life(inflow, written, outflow, away)


def _paid(
    unit: Unit, account: Account, habit: Habit, part: Part, whole: Flow, leaving: Leaving
) -> Flow:
    """Decide exact amounts and receivers of what goes out, and write it."""
    rng, outflow = unit.rng, leaving.outflow
    paid = outflow.micros
    if habit.near:
        paid = kept_below(rng, paid)
    leaning = unit.round_habit * habit.rounds
    paid = paid_out(unit, outflow.time, paid, outflow.asset, leaning, leaving.sweeps)
    party = _receivers(unit, habit, part, whole, outflow.time)
    outflow = Flow(outflow.time, party, paid, outflow.asset).where(
        (paid >= SMALLEST_MICROS) & (outflow.time < unit.ledger.end)
    )
    unit.ledger.pay(outflow.time, account.node, outflow.party, outflow.asset, outflow.micros)
    return outflow


def incoming(unit: Unit, habit: Habit, part: Part) -> Flow:
    """Draw the payments an account receives from outside its unit."""
    rng, count = unit.rng, habit.payments
    parties = max(1, round(count**habit.senders))
    time = sittings(rng, part.clock, count)
    if habit.pay_days:
        time = _on_pay_days(rng, part.clock, habit.pay_days)[:count]
        count = len(time)
        parties = min(parties, 2)
    who = dealings(rng, count, parties, habit.transient)
    pool = np.concatenate([part.senders, unit.strangers(max(0, parties - len(part.senders)))])
    sigma = PRIORS["amount_sigma"].one(rng) * (0.25 if habit.pay_days else 1.0)
    micros = amounts(rng, who, habit.scale * unit.typical_micros, sigma, habit.ladder)
    if habit.tests_first:
        micros[0] *= PRIORS["first_size"].one(rng)
    asset = np.full(count, unit.asset, dtype=np.int8)
    other = rng.random(count) < PRIORS["asset_switch"].one(rng)
    asset[other] = market.other_asset(rng, asset[other])
    micros = rounded(unit, time, np.clip(micros, 5 * MICROS, 3e12), asset, unit.round_habit)
    micros = repeated(unit, time, micros, asset)
    party = _with_venue(unit, habit, rng.permutation(pool)[who])
    return Flow(time, party, micros, asset)


def _on_pay_days(rng: np.random.Generator, clock: Clock, period: float) -> np.ndarray:
    """Return moments a fixed number of days apart, some hours early or late; at least one."""
    count = max(1, int(clock.length / (period * DAY)))
    time = clock.start + np.arange(count) * period * DAY + rng.uniform(0, 8, count) * HOUR
    return np.sort(time)


def _with_venue(unit: Unit, habit: Habit, party: np.ndarray) -> np.ndarray:
    """Let a public place stand in for some of the counterparties."""
    if habit.venue is None or len(party) == 0:
        return party
    at = unit.rng.choice(market.places(habit.venue, unit.chain))
    return np.where(unit.rng.random(len(party)) < habit.venue_share, at, party)


def fuel(
    unit: Unit, node: int, clock: Clock, inflow: Flow, outflow: Flow, *, swept: bool = False
) -> None:
    """Write the small native payments that let the account pay fees.

    Whoever deals in the native coin pays them out of it. `swept`: what the fees have left is sent
    on in the end, as by somebody who empties the wallet.
    """
    rng = unit.rng
    if len(outflow) == 0 or market.is_native(outflow.asset).mean() > HAS_COINS:
        return
    every = PRIORS["gas_every"].one(rng)
    count = 1 + int(len(outflow) / every)
    at = np.concatenate([[0], np.sort(rng.integers(0, len(outflow), count - 1))])
    time = outflow.time[at] - rng.uniform(0.01, 0.5, count) * HOUR
    time = np.maximum(time, min(inflow.time[0], clock.start) - 10 * MINUTE)
    from_exchange = PRIORS["gas_from_exchange"].happens(rng)
    exchanges = unit.hot_wallets[unit.hot_wallets != node]
    funder = int(rng.choice(exchanges)) if from_exchange and len(exchanges) else unit.node()
    micros = (PRIORS["gas_usd"].draw(rng, count) * MICROS).astype(np.int64)
    native = market.asset_code(unit.chain, market.NATIVE)
    unit.ledger.pay(np.maximum(time, 0.0), funder, node, native, micros)
    if swept:
        rest = np.array([micros.sum() * PRIORS["gas_left"].one(rng)]).astype(np.int64)
        end = outflow.time[-1:] + rng.exponential(2 * HOUR)
        unit.ledger.pay(end, node, outflow.party[-1:], native, rest)


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
    party = _with_venue(unit, habit, pool[who])
    # Nobody pays an exchange's hot wallet: exchanges credit what reaches a deposit address.
    payers = inflow.party[~np.isin(inflow.party, unit.hot_wallets)]
    back = rng.random(count) < (habit.reciprocal if len(payers) else 0.0)
    party[back] = rng.choice(payers, int(back.sum()))
    return party
