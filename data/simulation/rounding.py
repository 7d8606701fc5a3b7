"""Amounts as people type them: round dollars, round coins, or kept just below a limit."""

from __future__ import annotations

import numpy as np

from data.simulation import market
from data.simulation.market import MICROS
from data.simulation.parameters import PRIORS
from data.simulation.unit import Unit

LIMITS = (1_000, 3_000, 10_000)
"""Amounts, in dollars, below which payers stay who do not want to be asked (FATF 2020)."""


def kept_below(rng: np.random.Generator, micros: np.ndarray) -> np.ndarray:
    """Bring payments that lie little above or below a limit to just below it."""
    out = micros.copy()
    for dollars in LIMITS:
        limit = dollars * MICROS
        close = (micros >= 0.75 * limit) & (micros < 1.6 * limit)
        below = limit * rng.uniform(0.90, 0.995, len(micros))
        out = np.where(close & (below <= micros), below.astype(np.int64), out)
    return out


def rounded(
    unit: Unit,
    time: np.ndarray,
    micros: np.ndarray,
    asset: np.ndarray,
    habit: float,
) -> np.ndarray:
    """Round a share `habit` of amounts; all to whole micro-dollars.

    Dollar coins are rounded to 10, 100 or 1,000 dollars, native coins to one or two leading digits
    of the coin, whatever it is worth that day.
    """
    rng = unit.rng
    step = _dollar_steps(rng, micros, habit)
    dollars = np.round(micros / step) * step
    native = market.is_native(asset)
    if not native.any():
        return dollars.astype(np.int64)
    digits = _digits(rng, len(micros), habit)
    coins = market.round_coins(micros, unit.stage.price(unit.chain, time), unit.chain, digits)
    return np.where(native, coins, dollars).astype(np.int64)


def repeated(unit: Unit, time: np.ndarray, micros: np.ndarray, asset: np.ndarray) -> np.ndarray:
    """Let a share of receipts, in order of time, be the last one in that asset once more.

    Regulars pay the same again; so do strangers who are asked for a fixed sum.
    """
    rng = unit.rng
    again = rng.random(len(micros)) < PRIORS["repeats"].one(rng)
    order = np.argsort(asset, kind="stable")
    first = np.diff(asset[order], prepend=-1) != 0
    told = np.where(first | ~again[order], np.arange(len(order)), 0)
    model = np.empty(len(order), dtype=np.int64)
    model[order] = order[np.maximum.accumulate(told)]
    price = unit.stage.price(unit.chain, time)
    coins = market.same_coins(micros[model], price[model], price, unit.chain)
    return np.where(model == np.arange(len(micros)), micros,
                    np.where(market.is_native(asset), coins, micros[model]))  # fmt: skip


def paid_out(
    unit: Unit,
    time: np.ndarray,
    micros: np.ndarray,
    asset: np.ndarray,
    habit: float,
    sweeps: np.ndarray,
) -> np.ndarray:
    """Round payments out, in order of time, without paying more than there is.

    Amounts come `coins.counted` and go out as they are worth. What is left over by rounding down is
    added to the next payment in the same asset, so that an account pays in the end all of it;
    payments marked in `sweeps` take it at once, exactly. The network's fee is taken from payments
    in the native coin.
    """
    rng = unit.rng
    fee, rise = np.zeros(len(micros)), np.ones(len(micros))
    step = np.where(sweeps, 1.0, _dollar_steps(rng, micros, habit))
    native = market.is_native(asset)
    if native.any():
        price = unit.stage.price(unit.chain, time)
        rise[native] = price[native] / unit.stage.first_price(unit.chain)
        digits = np.where(sweeps, 0, _digits(rng, len(micros), habit))
        typed = market.round_coins(micros * rise, price, unit.chain, digits)
        step = np.where(native, np.where(digits > 0, typed, 1.0), step)
        fee[native] = PRIORS["network_fee"].draw(rng, int(native.sum())) * MICROS
    out = []
    rest: dict[int, float] = {}
    each = (micros.tolist(), step.tolist(), asset.tolist(), fee.tolist(), rise.tolist())
    for amount, by, which, burnt, risen in zip(*each, strict=True):
        have = max((amount + rest.get(which, 0.0)) * risen - burnt, 0.0)
        out.append(int(have // by * by if have >= by else have))
        rest[which] = (have - out[-1]) / risen
    return np.array(out, dtype=np.int64)


def _dollar_steps(rng: np.random.Generator, micros: np.ndarray, habit: float) -> np.ndarray:
    step = np.ones(len(micros))
    u = rng.random(len(micros))
    hundred = habit * PRIORS["round_100"].one(rng)
    thousand = hundred * PRIORS["round_1000"].one(rng)
    for share, dollars in ((habit, 10), (hundred, 100), (thousand, 1000)):
        step[(u < share) & (micros >= 2 * dollars * MICROS)] = dollars * MICROS
    return step


def _digits(rng: np.random.Generator, count: int, habit: float) -> np.ndarray:
    typed = rng.random(count) < habit
    return np.where(typed, 1 + (rng.random(count) < PRIORS["two_digits"].one(rng)), 0)
