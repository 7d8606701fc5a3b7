"""What victims pay: a small test, growing deposits, a 'tax' at the end, or everything at once.

A collector's payers are of several kinds. Some are groomed over weeks; some pay once; some are
robbed with a stolen approval, a wallet emptied in one go. Others are no victims of this case at
all: money of other scams that the same wallet serves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.simulation import market
from data.simulation.case_parameters import Style
from data.simulation.clock import Clock, filling, opened
from data.simulation.flows import Flow, merged
from data.simulation.life import Part, incoming
from data.simulation.market import MICROS
from data.simulation.parameters import PRIORS
from data.simulation.prior import DAY, HOUR
from data.simulation.profile import Habit
from data.simulation.rounding import repeated, rounded
from data.simulation.unit import Unit

MOST_PAYMENTS = 9


def victims_payments(unit: Unit, habit: Habit, part: Part, style: Style) -> Flow:
    """Draw what a collector receives: from the groomed, payer by payer, and from all others."""
    rng = unit.rng
    parties = max(1, round(habit.payments**habit.senders))
    groomed = round(style.groomed * parties)
    pool = np.concatenate([part.senders, unit.strangers(max(0, groomed - len(part.senders)))])
    payers = rng.permutation(pool)[:groomed]
    begins = _beginnings(rng, style, part.clock, len(payers))
    ladders = [
        _ladder(unit, style, part.clock, payer, begin)
        for payer, begin in zip(payers.tolist(), begins.tolist(), strict=True)
    ]
    left = habit.payments - sum(len(one) for one in ladders)
    if left <= 0 and ladders:
        paid = merged(ladders)
    else:
        others = incoming(unit, replace(habit, payments=max(left, 1)), part)
        paid = merged([*ladders, others])
    time = filling(paid.time, part.clock)
    return replace(paid, time=time, micros=repeated(unit, time, paid.micros, paid.asset))


def _beginnings(rng: np.random.Generator, style: Style, clock: Clock, count: int) -> np.ndarray:
    """Draw when each victim pays first: spread over the collector's time, or in a few waves."""
    if style.waves < 1:
        return clock.start + rng.random(count) * clock.length
    crests = clock.start + rng.random(int(style.waves)) * 0.9 * clock.length
    return rng.choice(crests, count) + rng.exponential(style.wave_hours * HOUR, count)


def _ladder(unit: Unit, style: Style, clock: Clock, payer: int, begin: float) -> Flow:
    """Return one victim's payments, in order of time."""
    rng = unit.rng
    count = 1
    if rng.random() > style.one_timers and not style.drains:
        count = min(1 + int(rng.geometric(0.4)), MOST_PAYMENTS)
    sigma = PRIORS["amount_sigma"].one(rng)
    level = unit.typical_micros * np.exp(0.7 * sigma * rng.standard_normal())
    micros = level * style.growth ** (np.arange(count) - (count - 1) / 2.0)
    micros *= np.exp(0.25 * rng.standard_normal(count))
    if count > 1:
        micros[0] = micros[1] * style.test_payment * np.exp(0.3 * rng.standard_normal())
        if rng.random() < style.tax:
            micros[-1] = rng.uniform(0.1, 0.3) * micros[:-1].sum()
    gaps = style.grooming_gap * np.exp(0.6 * rng.standard_normal(count)) * DAY
    gaps[0] = 0.0
    left = max(clock.end - begin, DAY)
    gaps *= min(1.0, left / max(float(gaps.sum()), 1.0))
    time = np.sort(opened(rng, clock, begin + np.cumsum(gaps)))
    asset = np.full(count, unit.asset, dtype=np.int8)
    if rng.random() < PRIORS["asset_switch"].one(rng):
        asset = market.other_asset(rng, asset)
    micros = rounded(unit, time, np.clip(micros, 5 * MICROS, 3e12), asset, unit.round_habit)
    return Flow(time, np.full(count, payer), micros, asset)
