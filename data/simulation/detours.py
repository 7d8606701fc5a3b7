"""Detours on the way through an account: swaps, pools, bridges, and flight from a freeze.

Each works on batches: payments out that share the payment in they wait for (`source`) and their
asset. Amounts are `coins.counted`. Nothing leaves before it came, and nothing comes back that did
not leave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.simulation import identities, market
from data.simulation.coins import counted, valued
from data.simulation.flows import SMALLEST_MICROS, Flow, Leaving
from data.simulation.parameters import PRIORS
from data.simulation.prior import HOUR, MINUTE
from data.simulation.profile import Habit
from data.simulation.unit import Unit

_ASSET_CODES = 64


@dataclass(frozen=True)
class Bridged:
    """What an account sent to its own address on another chain.

    Parameters
    ----------
    chain
        The other chain.
    arrived
        The releases there, by the bridge.
    """

    chain: int
    arrived: Flow


@dataclass(frozen=True)
class _Batches:
    """Groups of outgoing payments: source, first member, group of each payment, summed value."""

    source: np.ndarray
    first: np.ndarray
    which: np.ndarray
    micros: np.ndarray


def _batches(leaving: Leaving) -> _Batches:
    outflow, source = leaving.outflow, leaving.source
    key, first, which = np.unique(
        source * _ASSET_CODES + outflow.asset, return_index=True, return_inverse=True
    )
    micros = np.bincount(which, weights=outflow.micros.astype(np.float64), minlength=len(key))
    return _Batches(source[first], first, which, micros)


def swapped(
    unit: Unit,
    node: int,
    habit: Habit,
    inflow: Flow,
    leaving: Leaving,
    forced: np.ndarray,
) -> Leaving:
    """Swap a share of the batches before they leave; what leaves is then in the new asset.

    Batches of `forced` payments are swapped in any case, into a coin that nobody can freeze.
    """
    rng, outflow = unit.rng, leaving.outflow
    batch = _batches(leaving)
    asset = outflow.asset[batch.first]
    wanted = market.other_asset(rng, asset)
    if habit.one_way:
        wanted[:] = market.usual_asset(rng, unit.chain)
    must = np.bincount(batch.which, weights=forced, minlength=len(asset)) > 0
    kind = np.where(rng.random(len(asset)) < 0.6, market.NATIVE, market.THIRD)
    wanted = np.where(must, market.asset_code(unit.chain, 0) + kind, wanted).astype(np.int8)
    chosen = (
        (must | (rng.random(len(asset)) < habit.swap_share))
        & (batch.micros >= SMALLEST_MICROS)
        & (wanted != asset)
    )
    kept = np.where(chosen, 1 - PRIORS["swap_cost"].draw(rng, len(asset)), 1.0)
    target = np.where(chosen, wanted, asset).astype(np.int8)
    came, leaves = inflow.time[batch.source], outflow.time[batch.first]
    late = np.minimum(0.5 * (leaves - came), rng.uniform(1, 10, len(asset)) * MINUTE)
    time = came + (leaves - came) * rng.uniform(0.2, 0.98, len(asset))
    time = np.where(must, leaves - late, time)
    routers = market.places("dex_router", unit.chain)
    used = routers[np.minimum(rng.geometric(0.6, len(asset)) - 1, len(routers) - 1)]
    given = valued(unit, time, batch.micros, asset)
    taken = np.floor(given * kept).astype(np.int64)
    unit.ledger.swap(
        time[chosen],
        node,
        used[chosen],
        (asset[chosen], given[chosen]),
        (target[chosen], taken[chosen]),
    )
    got = np.where(chosen, counted(unit, time, taken, target) / np.maximum(batch.micros, 1), 1.0)
    micros = np.floor(outflow.micros * got[batch.which]).astype(np.int64)
    return replace(leaving, outflow=Flow(outflow.time, outflow.party, micros, target[batch.which]))


def parked(unit: Unit, node: int, share: float, inflow: Flow, leaving: Leaving) -> None:
    """Put a share of the batches into a pool while they wait, and take them out before they leave.

    They come back whole; what a pool earns is small against everything else here.
    """
    rng, outflow = unit.rng, leaving.outflow
    batch = _batches(leaving)
    came, leaves = inflow.time[batch.source], outflow.time[batch.first]
    chosen = (
        (rng.random(len(came)) < share)
        & (leaves - came > 2 * HOUR)
        & (batch.micros >= 10 * SMALLEST_MICROS)
    )
    came, wait = came[chosen], (leaves - came)[chosen]
    coins = batch.micros[chosen]
    asset = outflow.asset[batch.first][chosen]
    kind = "lending_pool" if rng.random() < 0.5 else "liquidity_pool"
    pool = rng.choice(market.places(kind, unit.chain), len(came))
    put_in = came + wait * rng.uniform(0.01, 0.15, len(came))
    unit.ledger.put_in(put_in, node, pool, asset, valued(unit, put_in, coins, asset))
    back = came + wait * rng.uniform(0.16, 0.19, len(came))
    micros = valued(unit, back, coins, asset)
    unit.ledger.take_out(back, pool, node, asset, micros, asked_by=node)


def bridged(unit: Unit, node: int, share: float, leaving: Leaving) -> tuple[Leaving, Bridged]:
    """Send a share of the batches to the account's own address on another chain.

    Returns
    -------
    leaving
        What still goes out on this chain.
    bridged
        What arrives on the other, less the bridge's fee and after its delay.
    """
    rng, outflow = unit.rng, leaving.outflow
    others = [c for c in range(len(identities.CHAINS)) if c != unit.chain]
    weights = np.array([market.CHAIN_SHARES[c] for c in others])
    there = int(rng.choice(others, p=weights / weights.sum()))
    batch = _batches(leaving)
    chosen = (rng.random(len(batch.source)) < share) & (batch.micros >= 20 * SMALLEST_MICROS)
    time = outflow.time[batch.first][chosen]
    asset = outflow.asset[batch.first][chosen]
    micros = valued(unit, time, batch.micros[chosen], asset)
    number = int(rng.integers(0, 2))
    unit.ledger.put_in(
        time, node, np.full(len(time), market.place("bridge", unit.chain, number)), asset, micros
    )
    fee = PRIORS["bridge_fee"].draw(rng, len(time))
    delay = PRIORS["bridge_delay"].draw(rng, len(time)) * MINUTE
    released = np.floor(micros * (1 - fee)).astype(np.int64)
    bridge = np.full(len(time), market.place("bridge", there, number))
    coin = (asset % market.PER_CHAIN + market.asset_code(there, 0)).astype(np.int8)
    unit.ledger.take_out(
        time + delay, bridge, identities.on_chain(node, there), coin, released, asked_by=bridge
    )
    order = np.argsort(time + delay, kind="stable")
    arrived = Flow(time + delay, bridge, released, coin).where(order)
    return leaving.where(~chosen[batch.which]), Bridged(there, arrived)


def escaped(
    rng: np.random.Generator, inflow: Flow, leaving: Leaving, alarm: float
) -> tuple[Leaving, np.ndarray]:
    """Move freezable coins that are waiting when a neighbour is frozen, within hours.

    Returns
    -------
    leaving
        In the new order of time.
    forced
        Which of them fled.
    """
    outflow = leaving.outflow
    waits = (inflow.time[leaving.source] < alarm) & (outflow.time > alarm)
    forced = waits & market.freezable(outflow.asset)
    hurry = PRIORS["freeze_flight"].draw(rng, len(outflow)) * HOUR
    time = np.where(forced, np.minimum(outflow.time, alarm + hurry), outflow.time)
    order = np.argsort(time, kind="stable")
    moved = replace(leaving, outflow=replace(outflow, time=time))
    return moved.where(order), forced[order]
