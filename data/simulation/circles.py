"""Innocent rings: savings circles, people moving coins between wallets of their own, custodians.

Each makes, on purpose, a shape that a textbook calls laundering: money in a circle, many in and one
out, sweeps from hundreds of wallets.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.simulation.clock import opened, sittings
from data.simulation.coins import counted, valued, worth_at
from data.simulation.flows import SMALLEST_MICROS, Flow, merged
from data.simulation.life import Life, Part, fuel, live
from data.simulation.market import MICROS
from data.simulation.parameters import PRIORS
from data.simulation.prior import DAY, HOUR
from data.simulation.profile import Profile, draw_habit
from data.simulation.rounding import rounded
from data.simulation.unit import Account, Unit

CIRCLE_MEMBERS = (4, 15)
CIRCLE_DAYS = (7.0, 14.0, 30.4)
"""Members of a savings circle, and the period of a round (assumed)."""

RING_WALLETS = (1, 5)
"""Further wallets of somebody who moves coins in a ring (assumed)."""

CLIENTS_PER_PAYMENT = 0.7
"""A custodian's client wallets, relative to the payments swept from them (assumed)."""


def play_circle(unit: Unit, account: Account, profile: Profile, part: Part) -> Life:
    """Play the pot of a savings circle: each round all pay in, and one of them is paid all."""
    rng = unit.rng
    count = int(rng.integers(*CIRCLE_MEMBERS, endpoint=True))
    members = unit.strangers(count)
    period = float(rng.choice(CIRCLE_DAYS)) * DAY
    rounds = max(2, min(int(part.clock.length / period), 3 * count))
    due = part.clock.start + np.arange(rounds) * period
    share = max(float(unit.typical_micros // (10 * MICROS) * 10 * MICROS), 20.0 * SMALLEST_MICROS)
    early = rng.exponential(0.12 * period, (rounds, count))
    pays = rng.random((rounds, count)) < 0.96
    time = opened(rng, part.clock, (due[:, None] + np.minimum(early, 0.8 * period))[pays])
    party = np.broadcast_to(members, (rounds, count))[pays]
    order = np.argsort(time, kind="stable")
    asset = np.full(len(time), unit.asset, dtype=np.int8)
    shares = np.full(len(time), int(share))
    inflow = Flow(time[order], party[order], shares, asset)
    written = unit.ledger.pay(inflow.time, inflow.party, account.node, inflow.asset, inflow.micros)
    held = counted(unit, time, shares, asset)
    pot = np.bincount(np.nonzero(pays)[0], weights=held, minlength=rounds)
    pot *= 1 - rng.choice([0.0, 0.0, 0.01])
    last = np.where(pays, due[:, None] + np.minimum(early, 0.8 * period), 0).max(axis=1)
    leaves = np.maximum(opened(rng, part.clock, last + 3 * DAY), last + 3 * DAY)
    paid = valued(unit, leaves, pot, np.full(rounds, unit.asset))
    turn = members[np.arange(rounds) % count]
    some = (pot > 0) & (leaves < unit.ledger.end)
    outflow = Flow(leaves[some], turn[some], paid[some], np.full(some.sum(), unit.asset, np.int8))
    unit.ledger.pay(outflow.time, account.node, outflow.party, outflow.asset, outflow.micros)
    fuel(unit, account.node, part.clock, inflow, outflow)
    return Life(inflow, written, outflow, None)


def play_hobbyist(unit: Unit, account: Account, profile: Profile, part: Part) -> Life:
    """Play a wallet from which coins wander through others of the same owner and come back."""
    rng = unit.rng
    first = replace(profile, payments=(max(2.0, profile.payments[0] / 2), profile.payments[1]))
    start = draw_habit(rng, first).payments
    times = sittings(rng, part.clock, start)
    source = unit.exchange() if rng.random() < 0.6 else unit.node()
    ring = unit.strangers(int(rng.integers(*RING_WALLETS, endpoint=True)))
    sigma = PRIORS["amount_sigma"].one(rng)
    micros = unit.typical_micros * np.exp(sigma * rng.standard_normal(start))
    asset = np.full(start, unit.asset, dtype=np.int8)
    micros = np.maximum(micros, 30 * SMALLEST_MICROS)
    micros = rounded(unit, times, micros, asset, unit.round_habit)
    bought = Flow(times, np.full(start, source), micros.astype(np.int64), asset)
    away = rng.exponential(20, start) * HOUR
    back = np.sort(times + away + 2 * HOUR)
    returned = np.floor(micros * rng.uniform(0.3, 0.9, start)).astype(np.int64)
    home = Flow(back, rng.choice(ring, start), np.sort(returned), asset)
    own = merged([bought, home])
    return live(unit, account, profile, replace(part, own=own, receivers=ring))


def play_custodian(unit: Unit, account: Account, profile: Profile, part: Part) -> Life:
    """Play a custodian's vault: its clients' wallets are paid by strangers and swept into it."""
    rng = unit.rng
    count = max(3, draw_habit(rng, profile).payments)
    clients = unit.strangers(max(2, round(CLIENTS_PER_PAYMENT * count)))
    times = sittings(rng, part.clock, count)
    sigma = PRIORS["amount_sigma"].one(rng)
    micros = unit.typical_micros * np.exp(sigma * rng.standard_normal(count))
    asset = np.full(count, unit.asset, dtype=np.int8)
    micros = np.maximum(micros, 5 * SMALLEST_MICROS)
    micros = rounded(unit, times, micros, asset, unit.round_habit)
    who = rng.choice(clients, count)
    unit.ledger.pay(times, unit.strangers(count), who, asset, micros.astype(np.int64))
    period = float(rng.choice([1.0, 6.0, 24.0])) * HOUR
    swept = np.ceil(times / period) * period + rng.exponential(120, count)
    order = np.argsort(swept, kind="stable")
    passed_on = worth_at(unit, times, micros, asset, swept)
    own = Flow(swept[order], who[order], passed_on[order], asset)
    return live(unit, account, profile, replace(part, own=own))
