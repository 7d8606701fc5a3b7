"""How much goes where: payments in, and what an account makes of them.

A `Flow` is a bundle of payments of one account with its many counterparties, as parallel arrays in
time order. `forwarded` and `spent` turn money that came in into money that goes out, never more
than came and never before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.simulation.clock import Clock, opened, sittings
from data.simulation.market import MICROS, freezable
from data.simulation.parameters import PRIORS
from data.simulation.prior import HOUR, MINUTE
from data.simulation.profile import Habit

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


@dataclass(frozen=True)
class Leaving:
    """Payments about to leave an account.

    Parameters
    ----------
    outflow
        In time order; `party` is -1 throughout: whom to pay is another decision (`dealings`).
    source
        For each, the index of the payment in that it waits for: the last of its batch.
    sweeps
        For each, whether it takes all that is left over.
    """

    outflow: Flow
    source: np.ndarray
    sweeps: np.ndarray

    @classmethod
    def nothing(cls) -> Leaving:
        """Return no payments."""
        none = np.empty(0, dtype=np.int64)
        flow = Flow(np.empty(0), none, none, np.empty(0, dtype=np.int8))
        return cls(flow, none, np.empty(0, dtype=bool))

    def where(self, mask: np.ndarray) -> Leaving:
        """Return the payments a boolean mask or an index array selects."""
        return Leaving(self.outflow.where(mask), self.source[mask], self.sweeps[mask])


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
    level = typical_micros * np.exp(0.8 * sigma * rng.standard_normal(parties))
    growth = np.where(rng.random(parties) < ladder, rng.uniform(1.4, 4.0, parties), 1.0)
    order = np.argsort(who, kind="stable")
    counts = np.bincount(who, minlength=parties)
    rank = np.empty(len(who), dtype=np.int64)
    rank[order] = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
    steps = rank - (counts[who] - 1) / 2
    noise = np.exp(0.6 * sigma * rng.standard_normal(len(who)))
    return level[who] * growth[who] ** np.clip(steps, -4, 4) * noise * small_change(rng, len(who))


def small_change(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw by what some payments of an account are smaller than the rest: tests, fees, tips."""
    small = rng.random(count) < PRIORS["small_share"].one(rng)
    return np.where(small, PRIORS["small_size"].draw(rng, count), 1.0)


def forwarded(
    rng: np.random.Generator,
    inflow: Flow,
    habit: Habit,
    clock: Clock,
    alarm: float | None = None,
) -> Leaving:
    """Pass on what came in: gather into batches, let them rest, split them, send.

    At an `alarm` (as in `Part`) nobody goes on gathering coins that can be frozen: what has come by
    then leaves, as does what waits.
    """
    if len(inflow) == 0:
        return Leaving.nothing()
    last, value, broken = _batches(rng, inflow, habit.batch, alarm)
    leave, late = _departures(rng, inflow.time[last], habit, clock)
    if alarm is not None:
        waits = broken | ((inflow.time[last] < alarm) & (leave > alarm))
        hurry = alarm + PRIORS["freeze_flight"].draw(rng, len(leave)) * HOUR
        flees = waits & freezable(inflow.asset[last])
        leave = np.where(flees & (broken | (hurry < leave)), hurry, leave)
    stays = late & (rng.random(len(last)) < habit.keeps)
    last, leave, value = last[~stays], leave[~stays], value[~stays]
    if len(last) == 0:
        return Leaving.nothing()
    if habit.sweeps:
        last, leave, value = _all_there_is(inflow, last, leave)
    value = value * habit.share * (1 - habit.commission)
    batch, weight = _pieces(rng, value, habit)
    starts = np.flatnonzero(np.diff(batch, prepend=-1))
    ends = np.append(starts[1:], len(batch)) - 1
    micros = value[batch] * weight / np.add.reduceat(weight, starts)[batch]
    pause = 2 * MINUTE * np.exp(1.5 * rng.standard_normal(len(batch)))
    pause[starts] = 0
    since = np.cumsum(pause)
    time = leave[batch] + since - since[starts][batch]
    sweeps = np.zeros(len(batch), dtype=bool)
    if habit.sweeps:
        sweeps[ends] = _emptied(rng, habit.sweeps, inflow.asset[last])
    outflow = Flow(
        time, np.full(len(batch), -1), micros.astype(np.int64), inflow.asset[last][batch]
    )
    order = np.argsort(time, kind="stable")
    order = order[outflow.micros[order] > 0]
    return Leaving(outflow.where(order), last[batch][order], sweeps[order])


def _departures(
    rng: np.random.Generator, came: np.ndarray, habit: Habit, clock: Clock
) -> tuple[np.ndarray, np.ndarray]:
    """Draw when batches leave that were complete at `came`, and which only after the window."""
    dwell = min(habit.dwell_hours * HOUR, 0.5 * clock.length)
    wait = dwell * np.exp(habit.dwell_sigma * rng.standard_normal(len(came)))
    leave = came + np.maximum(wait, MINUTE)
    late = leave > clock.end
    leave[late] = np.maximum(clock.end, came[late]) + rng.exponential(6 * HOUR, int(late.sum()))
    if habit.rhythm_hours:
        period = habit.rhythm_hours * HOUR
        leave = np.ceil((leave - clock.opens) / period) * period + clock.opens
        leave += rng.exponential(5 * MINUTE, len(leave))
    elif dwell > 2 * HOUR:
        leave = opened(rng, clock, leave)
    return leave, late


def spent(rng: np.random.Generator, inflow: Flow, habit: Habit, clock: Clock) -> Leaving:
    """Pay out of running balances: own times and own amounts, as far as the balance reaches.

    Each payment is made in the asset of which there is most; `source` is the last payment that came
    before it.
    """
    events = max(1, round(len(inflow) / habit.batch * habit.pieces))
    time = sittings(rng, clock, events)
    have = np.searchsorted(inflow.time, time, side="right")
    time, have = time[have > 0], have[have > 0]
    typical = habit.share * float(inflow.micros.sum()) / events
    wish = typical * np.exp(PRIORS["amount_sigma"].one(rng) * rng.standard_normal(len(time)))
    wish *= small_change(rng, len(time))
    micros, asset = _from_balances(inflow, have, wish)
    outflow = Flow(time, np.full(len(time), -1), micros, asset)
    return Leaving(outflow, have - 1, np.zeros(len(time), dtype=bool))


def tried(rng: np.random.Generator, inflow: Flow, leaving: Leaving) -> Leaving:
    """Let a small trial payment go first; it is taken from the next payment in its asset."""
    if len(inflow) == 0 or len(leaving.outflow) == 0:
        return leaving
    outflow, asset = leaving.outflow, inflow.asset[0]
    micros = int(inflow.micros[0] * PRIORS["first_size"].one(rng))
    time = float(inflow.time[0]) + PRIORS["trial_wait"].one(rng) * HOUR
    same = np.flatnonzero(outflow.asset == asset)
    if micros < SMALLEST_MICROS or (
        len(same) and (outflow.time[same[0]] <= time or outflow.micros[same[0]] < 2 * micros)
    ):
        return leaving
    less = outflow.micros.copy()
    less[same[:1]] -= micros
    at = int(np.searchsorted(outflow.time, time))
    with_trial = Flow(
        np.insert(outflow.time, at, time),
        np.insert(outflow.party, at, -1),
        np.insert(less, at, micros),
        np.insert(outflow.asset, at, asset),
    )
    return Leaving(
        with_trial, np.insert(leaving.source, at, 0), np.insert(leaving.sweeps, at, False)
    )


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


def _all_there_is(
    inflow: Flow, last: np.ndarray, leave: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let whoever leaves first take all that has come by then, whatever batch it came in.

    Returns
    -------
    last, leave, value
        Of the forwardings that still find something, by asset and time.
    """
    found = []
    for asset in np.unique(inflow.asset[last]).tolist():
        mine = np.flatnonzero(inflow.asset == asset)
        total = np.concatenate([[0.0], np.cumsum(inflow.micros[mine].astype(np.float64))])
        leaves = np.sort(leave[inflow.asset[last] == asset])
        upto = np.searchsorted(inflow.time[mine], leaves, side="right")
        before = np.concatenate([[0], np.maximum.accumulate(upto)[:-1]])
        some = upto > before
        found.append((mine[upto[some] - 1], leaves[some], (total[upto] - total[before])[some]))
    parts = [np.concatenate(column) for column in zip(*found, strict=True)]
    return parts[0], parts[1], parts[2]


def _emptied(rng: np.random.Generator, share: float, asset: np.ndarray) -> np.ndarray:
    """Say which batches leave nothing behind: a share of them, and the last in every asset."""
    emptied = rng.random(len(asset)) < share
    backwards = len(asset) - 1 - np.unique(asset[::-1], return_index=True)[1]
    emptied[backwards] = True
    return emptied


def _batches(
    rng: np.random.Generator, inflow: Flow, mean: float, alarm: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Group consecutive payments of one asset.

    Returns
    -------
    last, value, broken
        The index of each batch's last payment, its sum, and whether the alarm ended it.
    """
    ends = rng.random(len(inflow)) < 1 / mean
    ends[:-1] |= inflow.asset[1:] != inflow.asset[:-1]
    ends[-1] = True
    held = -1 if alarm is None else int(np.searchsorted(inflow.time, alarm)) - 1
    gathering = held >= 0 and not ends[held] and bool(freezable(inflow.asset[held]))
    ends[held] |= gathering
    last = np.flatnonzero(ends)
    starts = np.concatenate([[0], last[:-1] + 1])
    value = np.add.reduceat(inflow.micros, starts).astype(np.float64)
    return last, value, (last == held) & gathering


def _pieces(
    rng: np.random.Generator, value: np.ndarray, habit: Habit
) -> tuple[np.ndarray, np.ndarray]:
    """Split each batch: return the batch and the weight of every piece, batch by batch.

    Who peels sends the greater part on whole, first, and one small piece elsewhere.
    """
    if habit.peel:
        splits = value > 10 * SMALLEST_MICROS
        batch = np.repeat(np.arange(len(value)), 1 + splits)
        main = np.diff(batch, prepend=-1) > 0
        peeled = habit.peel * rng.uniform(0.6, 1.4, len(batch))
        return batch, np.where(main, 1 - peeled, peeled)
    batch = np.repeat(np.arange(len(value)), _piece_counts(rng, value, habit.pieces))
    return batch, rng.gamma(habit.even, 1.0, len(batch)) + 0.05


def _piece_counts(rng: np.random.Generator, value: np.ndarray, mean: float) -> np.ndarray:
    """Draw into how many transfers each batch is split; small sums are not split."""
    extra = np.minimum(rng.geometric(1 / mean, len(value)), 60)
    return np.clip(extra, 1, np.maximum(1, value // (5 * SMALLEST_MICROS))).astype(np.int64)
