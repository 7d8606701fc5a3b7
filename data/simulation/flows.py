"""How much goes where: payments in, and what an account makes of them.

A `Flow` is a bundle of payments of one account with its many counterparties, as parallel arrays in
time order. `incoming` makes one out of a number of senders; `forwarded` turns money that came in
into money that goes out, never more than came and never before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.simulation.clock import Clock, opened, sittings
from data.simulation.parameters import HOUR, MINUTE, PRIORS
from data.simulation.profile import Habit

MICROS = 1_000_000
SMALLEST_MICROS = 2 * MICROS
"""Payments below two dollars would be dust; actors do not make them."""


@dataclass(frozen=True)
class Flow:
    """Payments in time order.

    Parameters
    ----------
    time
        Seconds of world time, float64.
    party
        The other side, node numbers, int64.
    micros
        Value in micro-dollars, int64.
    asset
        Codes of `market.ASSETS`, int8.
    """

    time: np.ndarray
    party: np.ndarray
    micros: np.ndarray
    asset: np.ndarray

    def __len__(self) -> int:
        return len(self.time)

    def where(self, mask: np.ndarray) -> Flow:
        """Return the payments a boolean mask or an index array selects."""
        return Flow(self.time[mask], self.party[mask], self.micros[mask], self.asset[mask])


def merged(flows: list[Flow]) -> Flow:
    """Join flows into one in time order."""
    time = np.concatenate([f.time for f in flows])
    order = np.argsort(time, kind="stable")
    return Flow(
        time[order],
        np.concatenate([f.party for f in flows])[order],
        np.concatenate([f.micros for f in flows])[order],
        np.concatenate([f.asset for f in flows])[order],
    )


def dealings(rng: np.random.Generator, events: int, parties: int, transient: float) -> np.ndarray:
    """Say which of `parties` counterparties each of `events` events, in time order, is with.

    Every party appears when there are events enough; beyond that some appear much more often than
    others. With `transient` near 1 a party's events lie together in time.
    """
    parties = max(1, min(parties, events))
    weights = 1.0 / np.arange(1, parties + 1) ** (1.3 * rng.random())
    extra = np.searchsorted(
        np.cumsum(weights / weights.sum()), rng.random(events - parties), side="right"
    )
    who = np.concatenate([np.arange(parties), np.minimum(extra, parties - 1)])
    centre = rng.random(parties)[who]
    wanted = transient * centre + (1 - transient) * rng.random(events)
    return who[np.argsort(wanted, kind="stable")]


def amounts(
    rng: np.random.Generator, who: np.ndarray, typical_micros: float, sigma: float, ladder: float
) -> np.ndarray:
    """Draw what each sender pays, in micro-dollars.

    Senders differ from one another; a share `ladder` of those who pay more than once starts with a
    small payment and grows.
    """
    parties = int(who.max()) + 1 if len(who) else 0
    level = typical_micros * np.exp(0.7 * sigma * rng.standard_normal(parties))
    growth = np.where(rng.random(parties) < ladder, rng.uniform(1.4, 4.0, parties), 1.0)
    order = np.argsort(who, kind="stable")
    counts = np.bincount(who, minlength=parties)
    rank = np.empty(len(who), dtype=np.int64)
    rank[order] = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
    steps = rank - (counts[who] - 1) / 2
    noise = np.exp(0.5 * sigma * rng.standard_normal(len(who)))
    return level[who] * growth[who] ** np.clip(steps, -4, 4) * noise


def rounded(
    rng: np.random.Generator, micros: np.ndarray, habit: float, carry: np.ndarray | None = None
) -> np.ndarray:
    """Round a share `habit` of amounts to 10, 100 or 1,000 dollars; all to whole micro-dollars.

    Parameters
    ----------
    rng, micros
        Generator and amounts.
    habit
        Share of amounts that are rounded at all.
    carry
        Asset codes: round down and add what is left over to the next amount in the same asset, so
        that an account pays out no more than it has, and in the end all of it.
    """
    step = np.ones(len(micros))
    u = rng.random(len(micros))
    hundred = habit * PRIORS["round_100"].one(rng)
    thousand = hundred * PRIORS["round_1000"].one(rng)
    for share, dollars in ((habit, 10), (hundred, 100), (thousand, 1000)):
        step[(u < share) & (micros >= 2 * dollars * MICROS)] = dollars * MICROS
    if carry is None:
        return (np.round(micros / step) * step).astype(np.int64)
    out = []
    rest: dict[int, float] = {}
    for amount, unit, asset in zip(micros.tolist(), step.tolist(), carry.tolist(), strict=True):
        have = amount + rest.get(asset, 0.0)
        out.append(have // unit * unit)
        rest[asset] = have - out[-1]
    return np.array(out, dtype=np.float64).astype(np.int64)


def forwarded(
    rng: np.random.Generator, inflow: Flow, habit: Habit, clock: Clock
) -> tuple[Flow, np.ndarray]:
    """Pass on what came in: gather into batches, let them rest, split them, send.

    Returns
    -------
    outflow
        `party` is -1 throughout: whom to pay is another decision (`dealings`).
    source
        For each outgoing payment, the index in `inflow` of the last payment of its batch.
    """
    if len(inflow) == 0:
        return inflow, np.empty(0, dtype=np.int64)
    last, total = _batches(rng, inflow, habit.batch)
    value = total * habit.share * (1 - habit.commission)
    dwell = min(habit.dwell_hours * HOUR, 0.2 * clock.length)
    wait = dwell * np.exp(habit.dwell_sigma * rng.standard_normal(len(last)))
    leave = inflow.time[last] + np.clip(wait, MINUTE, 0.3 * clock.length)
    if habit.rhythm_hours:
        period = habit.rhythm_hours * HOUR
        leave = np.ceil((leave - clock.opens) / period) * period + clock.opens
        leave += rng.exponential(5 * MINUTE, len(leave))
    elif dwell > 2 * HOUR:
        leave = opened(rng, clock, leave)
    batch = np.repeat(np.arange(len(last)), _piece_counts(rng, value, habit.pieces))
    weight = rng.gamma(habit.even, 1.0, len(batch)) + 0.05
    starts = np.flatnonzero(np.diff(batch, prepend=-1))
    micros = value[batch] * weight / np.add.reduceat(weight, starts)[batch]
    pause = 2 * MINUTE * np.exp(1.5 * rng.standard_normal(len(batch)))
    pause[starts] = 0
    since = np.cumsum(pause)
    time = leave[batch] + since - since[starts][batch]
    order = np.argsort(time, kind="stable")
    outflow = Flow(
        time, np.full(len(batch), -1), micros.astype(np.int64), inflow.asset[last][batch]
    )
    return outflow.where(order), last[batch][order]


def spent(
    rng: np.random.Generator, inflow: Flow, habit: Habit, clock: Clock
) -> tuple[Flow, np.ndarray]:
    """Pay out of running balances: own times and own amounts, as far as the balance reaches.

    Each payment is made in the asset of which there is most.

    Returns
    -------
    outflow, source
        As `forwarded` does; `source` is the last payment that came before.
    """
    events = max(1, round(len(inflow) / habit.batch * habit.pieces))
    time = sittings(rng, clock, events)
    have = np.searchsorted(inflow.time, time, side="right")
    time, have = time[have > 0], have[have > 0]
    typical = habit.share * float(inflow.micros.sum()) / events
    wish = typical * np.exp(PRIORS["amount_sigma"].one(rng) * rng.standard_normal(len(time)))
    micros, asset = _from_balances(inflow, have, wish)
    return Flow(time, np.full(len(time), -1), micros, asset), have - 1


def _from_balances(
    inflow: Flow, have: np.ndarray, wish: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pay what is wished, or 95 % of the largest balance; `have` payments came before each."""
    balance: dict[int, float] = {}
    came = list(zip(inflow.asset.tolist(), inflow.micros.tolist(), strict=True))
    paid, assets, seen = [], [], 0
    for upto, amount in zip(have.tolist(), wish.tolist(), strict=True):
        for asset, micros in came[seen:upto]:
            balance[asset] = balance.get(asset, 0.0) + micros
        seen = upto
        largest = max(balance, key=lambda a: (balance[a], a))
        paid.append(int(min(amount, 0.95 * balance[largest])))
        balance[largest] -= paid[-1]
        assets.append(largest)
    return np.array(paid, dtype=np.int64), np.array(assets, dtype=np.int8)


def _batches(rng: np.random.Generator, inflow: Flow, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Group consecutive payments of one asset: index of each batch's last payment, and its sum."""
    ends = rng.random(len(inflow)) < 1 / mean
    ends[:-1] |= inflow.asset[1:] != inflow.asset[:-1]
    ends[-1] = True
    last = np.flatnonzero(ends)
    starts = np.concatenate([[0], last[:-1] + 1])
    return last, np.add.reduceat(inflow.micros, starts).astype(np.float64)


def _piece_counts(rng: np.random.Generator, value: np.ndarray, mean: float) -> np.ndarray:
    """Draw into how many transfers each batch is split; small sums are not split."""
    extra = np.minimum(rng.geometric(1 / mean, len(value)), 60)
    return np.clip(extra, 1, np.maximum(1, value // (5 * SMALLEST_MICROS))).astype(np.int64)
