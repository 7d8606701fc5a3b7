"""Native payments counted in coins: whoever empties a wallet sends the coins it holds.

Everything in a world is valued in micro-dollars at the moment of payment. While a native coin rests
in a wallet its price moves, and the wallet's coins do not: so an account is played with native
amounts at the price of the world's first day, one price for all its time, and each payment is
valued again at its own moment when it is written.
"""

from __future__ import annotations

import numpy as np

from data.simulation import market
from data.simulation.flows import Flow
from data.simulation.unit import Unit


def counted(unit: Unit, time: np.ndarray, micros: np.ndarray, asset: np.ndarray) -> np.ndarray:
    """Return payments at the first day's price, in whole micro-dollars, rounded down.

    Parameters
    ----------
    unit
        Whose chain's coin is meant.
    time, micros, asset
        When, what a payment was worth then, and in which asset; dollar coins are left as they are.

    Returns
    -------
    numpy.ndarray
        int64.
    """
    native = market.is_native(asset)
    out = np.floor(micros).astype(np.int64)
    if native.any():
        then = unit.stage.price(unit.chain, time[native])
        first = np.full(len(then), unit.stage.first_price(unit.chain))
        out[native] = market.coins_at(out[native], then, first, unit.chain)
    return out


def valued(unit: Unit, time: np.ndarray, coins: np.ndarray, asset: np.ndarray) -> np.ndarray:
    """Return what payments `counted` so are worth when they are made; the inverse of it.

    Both round down by less than a unit of the coin, so that nobody gains a coin by it.
    """
    native = market.is_native(asset)
    out = np.floor(coins).astype(np.int64)
    if native.any():
        now = unit.stage.price(unit.chain, time[native])
        first = np.full(len(now), unit.stage.first_price(unit.chain))
        out[native] = market.same_coins(out[native], first, now, unit.chain)
    return out


def counted_flow(unit: Unit, flow: Flow) -> Flow:
    """Return payments with their amounts `counted`."""
    return Flow(
        flow.time, flow.party, counted(unit, flow.time, flow.micros, flow.asset), flow.asset
    )


def worth_later(
    unit: Unit, time: np.ndarray, micros: np.ndarray, asset: np.ndarray, later: np.ndarray
) -> np.ndarray:
    """Return what the same coins are worth at another time, earlier or later."""
    native = market.is_native(asset)
    out = np.floor(micros).astype(np.int64)
    if native.any():
        then, now = (unit.stage.price(unit.chain, t[native]) for t in (time, later))
        out[native] = market.same_coins(out[native], then, now, unit.chain)
    return out
