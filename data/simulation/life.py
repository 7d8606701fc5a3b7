"""One account's life: money comes in, rests, takes a detour perhaps, and goes on.

Everybody is played by `live`, criminal or not; what differs is the profile and who pays whom.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from data.simulation import market
from data.simulation.clock import Clock, sittings
from data.simulation.coins import counted, counted_flow, valued
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
    tried,
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
    loyalty
        Share of the payments that go to `receivers`; None: they are paid as strangers are.
    windows
        Start and end of each receiver's window, shape (receivers, 2); whoever is not in business
        when a payment leaves is replaced by a receiver who is, or by a stranger.
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
    loyalty: float | None = None
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
    beyond
        What it did there, and under which node; None where it does not live there.
    """

    inflow: Flow
    transactions: np.ndarray
    outflow: Flow
    bridged: Bridged | None
    beyond: tuple[int, Flow] | None = None


def live(unit: Unit, account: Account, profile: Profile, part: Part) -> Life:
    """Play one account from its first payment to its last, and write it into the unit's ledger."""
    rng = unit.rng
    habit = draw_habit(rng, profile)
    inflow = incoming(unit, habit, part) if part.own is None else part.own
    written = unit.ledger.pay(
        inflow.time, inflow.party, account.node, inflow.asset, inflow.micros, part.drained_by
    )
    whole = merged([inflow, part.arrived]) if part.arrived is not None else inflow
    whole = counted_flow(unit, whole)
    if habit.floats:
        leaving = spent(rng, whole, habit, part.clock)
    else:
        leaving = forwarded(rng, whole, habit, part.clock, part.alarm)
    if habit.tries:
        leaving = tried(rng, whole, leaving)
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
        dollars = kept_below(rng, valued(unit, outflow.time, paid, outflow.asset))
        paid = counted(unit, outflow.time, dollars, outflow.asset)
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
    time = np.maximum(time, 0.0)
    unit.ledger.pay(time, funder, node, native, micros)
    if swept:
        held = counted(unit, time, micros, np.full(count, native)).sum()
        rest = np.array([held * PRIORS["gas_left"].one(rng)])
        end = outflow.time[-1:] + rng.exponential(2 * HOUR)
        rest = valued(unit, end, rest, np.array([native]))
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
    if part.loyalty is None or known == 0:
        shuffled = rng.permutation(len(pool))
        who = shuffled[dealings(rng, count, min(parties, len(pool)), habit.rotation)]
    else:
        who = _divided(rng, habit, count, (known, len(pool) - known), part.loyalty)
    if part.windows is not None:
        who = _present(rng, who, time, part.windows, len(pool) - known)
    party = _with_venue(unit, habit, pool[who])
    # Nobody pays an exchange's hot wallet: exchanges credit what reaches a deposit address.
    payers = inflow.party[~np.isin(inflow.party, unit.hot_wallets)]
    back = rng.random(count) < (habit.reciprocal if len(payers) else 0.0)
    party[back] = rng.choice(payers, int(back.sum()))
    return party


def _divided(
    rng: np.random.Generator, habit: Habit, count: int, sizes: tuple[int, int], share: float
) -> np.ndarray:
    """Deal payments out to one's own people and to strangers; indices, one's own come first."""
    inside = rng.random(count) < share
    who = np.empty(count, dtype=np.int64)
    for mask, size, first in ((inside, sizes[0], 0), (~inside, sizes[1], sizes[0])):
        if mask.any():
            dealt = dealings(rng, int(mask.sum()), size, habit.rotation)
            who[mask] = first + rng.permutation(size)[dealt]
    return who


def _present(
    rng: np.random.Generator,
    who: np.ndarray,
    time: np.ndarray,
    windows: np.ndarray,
    strangers: int,
) -> np.ndarray:
    """Replace receivers who are not in business when they would be paid; indices as in `who`."""
    known = len(windows)
    asked = np.flatnonzero(who < known)
    here = (time[asked, None] >= windows[:, 0]) & (time[asked, None] <= windows[:, 1])
    absent = ~here[np.arange(len(asked)), who[asked]]
    asked, here = asked[absent], here[absent]
    if len(asked):
        others = np.argmax(here * (1 + rng.random(here.shape)), axis=1)
        who[asked] = np.where(here.any(axis=1), others, known + who[asked] % strangers)
    return who
