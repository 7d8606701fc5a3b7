"""Native payments counted in coins: whoever empties a wallet sends the coins it holds.

Everything in a world is valued in micro-dollars at the moment of payment. While a native coin rests
in a wallet its price moves, and the wallet's coins do not: so an account is played with native
amounts at the price of the world's first day, one price for all its time, and each payment is
valued again at its own moment when it is written.
"""

from __future__ import annotations

from collections.abc import Callable

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
    return _at(unit, micros, asset, (time, None), market.coins_at)


def valued(unit: Unit, time: np.ndarray, coins: np.ndarray, asset: np.ndarray) -> np.ndarray:
    """Return what payments `counted` so are worth when they are made; the inverse of it.

    Both round down by less than a unit of the coin, so that nobody gains a coin by it.
    """
    return _at(unit, coins, asset, (None, time), market.same_coins)


def counted_flow(unit: Unit, flow: Flow) -> Flow:
    """Return payments with their amounts `counted`."""
    return Flow(
        flow.time, flow.party, counted(unit, flow.time, flow.micros, flow.asset), flow.asset
    )


def worth_at(
    unit: Unit, time: np.ndarray, micros: np.ndarray, asset: np.ndarray, moment: np.ndarray
) -> np.ndarray:
    """Return what the coins that were worth `micros` at `time` are worth at other moments."""
    return _at(unit, micros, asset, (time, moment), market.same_coins)


def _at(
    unit: Unit,
    amounts: np.ndarray,
    asset: np.ndarray,
    moments: tuple[np.ndarray | None, np.ndarray | None],
    convert: Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray],
) -> np.ndarray:
    """Bring native amounts from the price of one moment to that of another; None: the first day."""
    native = market.is_native(asset)
    out = np.floor(amounts).astype(np.int64)
    if native.any():
        first = np.full(int(native.sum()), unit.stage.first_price(unit.chain))
        then, now = (
            first if moment is None else unit.stage.price(unit.chain, moment[native])
            for moment in moments
        )
        out[native] = convert(out[native], then, now, unit.chain)
    return out
