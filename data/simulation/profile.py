"""How an account behaves: a population's ranges, and one account's own draw from them.

Criminal roles and ordinary businesses are the same kind of thing here; `populations.py` holds the
ranges of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Range = tuple[float, float]


@dataclass(frozen=True)
class Profile:
    """Ranges of one population; each account draws its own `Habit` from them.

    Parameters
    ----------
    population, role
        Names in the truth. Roles other than the criminal ones are ``benign``, ``victim`` and
        ``cash_out_deposit``.
    payments
        Incoming payments: median and sigma (natural log).
    senders
        x: the account has `payments ** x` senders.
    fast
        Chance that the account passes money on quickly.
    batch
        Incoming payments per forwarding, mean.
    share
        Share of each batch that is forwarded.
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
    commission
        Share kept of each batch.
    even
        Evenness of the pieces of one batch (gamma shape).
    rounds
        Leaning to round outgoing amounts, relative to the actor's habit (0: sweeps exact sums).
    scale
        Typical payment relative to the unit's, set so that the population's amounts, after it has
        gathered or split them, are those of the others.
    scheduled
        Chance that forwarding happens on a fixed rhythm.
    floats
        Chance that the account pays out of a running balance, when and as much as its business
        asks, instead of passing on what came in.
    """

    population: str
    role: str = "benign"
    payments: Range = (14, 0.9)
    senders: Range = (0.3, 0.8)
    fast: float = 0.5
    batch: Range = (1, 4)
    share: Range = (0.85, 1.0)
    pieces: Range = (1, 2.5)
    payees: Range = (0.3, 0.8)
    transient: Range = (0.0, 0.8)
    rotation: Range = (0.0, 0.7)
    reciprocal: Range = (0.0, 0.05)
    ladder: Range = (0.0, 0.15)
    swaps: tuple[float, float] = (0.4, 0.15)
    one_way: float = 0.3
    commission: Range = (0.0, 0.01)
    even: Range = (0.6, 4)
    rounds: float = 1.0
    scale: float = 1.0
    scheduled: float = 0.1
    floats: float = 0.5


@dataclass(frozen=True)
class Habit:
    """One account's own draw from its population's profile (fields as in `Profile`).

    `dwell_hours` and `dwell_sigma` are the median and log spread of the time money stays;
    `rhythm_hours` is 0 or the period of scheduled forwarding.
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
    commission: float
    even: float
    rounds: float
    scale: float
    rhythm_hours: float
    floats: bool


FAST_DWELL_HOURS = (0.7, 1.5)
SLOW_DWELL_HOURS = (90.0, 0.9)
"""Median and sigma of an account's median dwell; the mixture gives DFPI's two humps."""


def draw_habit(rng: np.random.Generator, profile: Profile) -> Habit:
    """Draw one account's habit."""

    def between(bounds: Range) -> float:
        return float(bounds[0] + (bounds[1] - bounds[0]) * rng.random())

    def around(centre: Range) -> float:
        return float(centre[0] * np.exp(centre[1] * rng.standard_normal()))

    payments = int(np.clip(round(around(profile.payments)), 1, 3000))
    fast = rng.random() < profile.fast
    dwell = around(FAST_DWELL_HOURS if fast else SLOW_DWELL_HOURS)
    swaps = rng.random() < profile.swaps[0]
    often = float(rng.random())  # most who swap do so now and then, a few all the time
    rhythm = (1.0, 6.0, 24.0, 24.0, 168.0)[int(rng.integers(0, 5))]
    return Habit(
        payments=payments,
        senders=between(profile.senders),
        dwell_hours=dwell,
        dwell_sigma=0.3 + 1.1 * float(rng.random()),
        batch=1 + (between(profile.batch) - 1) * (0.15 if fast else 1.0),
        share=between(profile.share),
        pieces=between(profile.pieces),
        payees=between(profile.payees),
        transient=between(profile.transient),
        rotation=between(profile.rotation),
        reciprocal=between(profile.reciprocal),
        ladder=between(profile.ladder),
        swap_share=between((profile.swaps[1], 1.0)) * often if swaps else 0.0,
        one_way=bool(rng.random() < profile.one_way),
        commission=between(profile.commission),
        even=between(profile.even),
        rounds=profile.rounds,
        scale=profile.scale,
        rhythm_hours=rhythm if rng.random() < profile.scheduled else 0.0,
        floats=bool(rng.random() < profile.floats),
    )
