"""How an account behaves: a population's ranges, and one account's own draw from them.

Criminal roles and ordinary businesses are the same kind of thing here; `populations.py` and
`ordinary.py` hold the ranges of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.simulation.parameters import PRIORS

Range = tuple[float, float]

RHYTHM_HOURS = (1.0, 6.0, 24.0, 24.0, 168.0)
"""Periods of scheduled forwarding, drawn with equal chance."""

PAY_DAYS = (7.0, 14.0, 30.4, 30.4)
"""Periods, in days, of income that comes on a fixed rhythm."""


@dataclass(frozen=True)
class Profile:
    """Ranges of one population; each account draws its own `Habit` from them.

    Parameters
    ----------
    population, role
        Names in the truth. Roles other than the criminal ones are ``benign``, ``victim`` and
        ``cash_out_deposit``.
    story
        What such an account does, in a sentence.
    payments
        Incoming payments: median and sigma (natural log).
    senders
        x: the account has `payments ** x` senders.
    fast
        Chance that the account passes money on quickly.
    dwell
        How long money stays, relative to others of its pace.
    batch
        Incoming payments per forwarding, mean.
    share
        Share of each batch that is forwarded; where the range ends at 1, some pass on all.
    pieces
        Transfers per forwarding, mean.
    payees
        x: the account has `transfers_out ** x` receivers.
    transient
        0: senders stay for the whole window; 1: each is there for a spell, then never again.
    rotation
        The same of receivers.
    reciprocal
        Share of outgoing transfers that go to someone who also pays in.
    ladder
        Share of senders who start small and grow.
    swaps
        Chance that the account swaps, and the least share of batches it would swap if it did so
        all the time (most swap more rarely; DFPI: a quarter swap, few of them very often).
    one_way
        Chance that all its swaps are into one asset.
    parks
        The same two numbers for putting a batch into a pool while it waits, and taking it out.
    bridges
        The same two numbers for sending a batch to its own address on another chain.
    commission
        Share kept of each batch.
    even
        Evenness of the pieces of one batch (gamma shape).
    peel
        Share of a batch that is peeled off to somebody else while the rest goes on as one payment;
        (0, 0): batches are split by `pieces` and `even` instead.
    near
        Chance that the account keeps its payments just below a round limit.
    sweeps
        Chance that the account empties itself to the last unit: some of its batches, and what is
        left in the end.
    keeps
        Chance that what has not left when the account's time is over stays where it is.
    tests_first
        Chance that the first payment into the account is a small test.
    tries
        Chance that the first payment out is a small trial, soon after the first payment in.
    rounds
        Leaning to round outgoing amounts, relative to the actor's habit (0: sweeps exact sums).
    scale
        Typical payment relative to the unit's, set so that the population's amounts, after it has
        gathered or split them, are those of the others.
    paydays
        Chance that income comes on a fixed rhythm, from the same few payers.
    scheduled
        Chance that forwarding happens on a fixed rhythm.
    floats
        Chance that the account pays out of a running balance, when and as much as its business
        asks, instead of passing on what came in.
    venue, venue_share
        A kind of public place (`market.place`) that pays it and is paid by it, and the share of
        its counterparties' dealings that are with this place.
    """

    population: str
    role: str = "benign"
    story: str = ""
    payments: Range = (14, 0.9)
    senders: Range = (0.3, 0.8)
    fast: float = 0.5
    dwell: float = 1.0
    batch: Range = (1, 4)
    share: Range = (0.85, 1.0)
    pieces: Range = (1, 2.5)
    payees: Range = (0.3, 0.8)
    transient: Range = (0.0, 0.8)
    rotation: Range = (0.0, 0.7)
    reciprocal: Range = (0.0, 0.05)
    ladder: Range = (0.0, 0.15)
    swaps: Range = (0.3, 0.15)
    one_way: float = 0.3
    parks: Range = (0.04, 0.1)
    bridges: Range = (0.0, 0.0)
    commission: Range = (0.0, 0.0)
    even: Range = (0.6, 4)
    peel: Range = (0.0, 0.0)
    near: float = 0.02
    sweeps: float = 0.15
    keeps: float = 0.3
    tests_first: float = 0.4
    tries: float = 0.5
    rounds: float = 1.0
    scale: float = 1.0
    paydays: float = 0.05
    scheduled: float = 0.1
    floats: float = 0.5
    venue: str | None = None
    venue_share: Range = (0.0, 0.0)


@dataclass(frozen=True)
class Habit:
    """One account's own draw from its population's profile (fields as in `Profile`).

    `dwell_hours` and `dwell_sigma` are the median and log spread of the time money stays;
    `rhythm_hours` is 0 or the period of scheduled forwarding, `pay_days` 0 or that of its income;
    `swap_share`, `park_share`, `bridge_share` and `sweeps` are shares of batches.
    """

    payments: int
    senders: float
    dwell_hours: float
    dwell_sigma: float
    batch: float
    share: float
    pieces: float
    payees: float
    transient: float
    rotation: float
    reciprocal: float
    ladder: float
    swap_share: float
    one_way: bool
    park_share: float
    bridge_share: float
    commission: float
    even: float
    peel: float
    near: bool
    sweeps: float
    keeps: float
    tests_first: bool
    tries: bool
    rounds: float
    scale: float
    rhythm_hours: float
    pay_days: float
    floats: bool
    venue: str | None
    venue_share: float


FAST_DWELL_HOURS = (0.7, 1.5)
SLOW_DWELL_HOURS = (90.0, 0.9)
"""Median and sigma of an account's median dwell; the mixture gives DFPI's two humps."""

MOST_PAYMENTS = 3000
"""No account receives more; a hub in the hundreds of thousands would swallow a small world."""


def draw_habit(rng: np.random.Generator, profile: Profile) -> Habit:
    """Draw one account's habit."""

    def between(bounds: Range) -> float:
        return float(bounds[0] + (bounds[1] - bounds[0]) * rng.random())

    def around(centre: Range) -> float:
        return float(centre[0] * np.exp(centre[1] * rng.standard_normal()))

    def at_times(chance: Range) -> float:
        """Most who do it at all do it now and then, a few all the time."""
        does, often = rng.random() < chance[0], float(rng.random())
        return between((chance[1], 1.0)) * often if does else 0.0

    def happens(chance: float) -> bool:
        return bool(rng.random() < chance)

    fast = happens(profile.fast)
    sweeps = PRIORS["sweep_share"].one(rng) if happens(profile.sweeps) else 0.0
    passes_all = profile.share[1] == 1 and PRIORS["passes_all"].happens(rng)
    return Habit(
        payments=int(np.clip(round(around(profile.payments)), 1, MOST_PAYMENTS)),
        senders=between(profile.senders),
        dwell_hours=profile.dwell * around(FAST_DWELL_HOURS if fast else SLOW_DWELL_HOURS),
        dwell_sigma=0.3 + 1.1 * float(rng.random()),
        batch=1 + (between(profile.batch) - 1) * (0.15 if fast else 1.0),
        share=1.0 if sweeps or passes_all else between(profile.share),
        pieces=between(profile.pieces),
        payees=between(profile.payees),
        transient=between(profile.transient),
        rotation=between(profile.rotation),
        reciprocal=between(profile.reciprocal),
        ladder=between(profile.ladder),
        swap_share=at_times(profile.swaps),
        one_way=happens(profile.one_way),
        park_share=at_times(profile.parks),
        bridge_share=at_times(profile.bridges),
        commission=0.0 if sweeps else between(profile.commission),
        even=between(profile.even),
        peel=between(profile.peel),
        near=happens(profile.near),
        sweeps=sweeps,
        keeps=profile.keeps,
        tests_first=happens(profile.tests_first),
        tries=happens(profile.tries),
        rounds=profile.rounds,
        scale=profile.scale,
        rhythm_hours=float(rng.choice(RHYTHM_HOURS)) if happens(profile.scheduled) else 0.0,
        pay_days=float(rng.choice(PAY_DAYS)) if happens(profile.paydays) else 0.0,
        floats=happens(profile.floats),
        venue=profile.venue,
        venue_share=between(profile.venue_share),
    )
