"""What chains are full of: poisoning, dust, worthless tokens, failed transactions.

All of it is marked in `screened` and befalls accounts at one rate, whatever their role.
"""

from __future__ import annotations

import numpy as np

from data.simulation import market
from data.simulation.account import Unit
from data.simulation.flows import MICROS
from data.simulation.ledger import (
    NATIVE,
    NO_METHOD,
    SCREENED_CODES,
    TO_CONTRACT,
    TO_RECEIVER,
    TOKEN,
    TRANSFER,
    TRANSFER_FROM,
)
from data.simulation.parameters import PRIORS

DUST_MICROS = (1, 900)
"""Value of dust, in micro-dollars."""


def add_noise(unit: Unit) -> None:
    """Add noise to every account of a unit that has been played."""
    for account in unit.accounts:
        _poison(unit, account.node)
        _spam(unit, account.node)
        _fail(unit, account.node)


def _times(unit: Unit, mean: float) -> np.ndarray:
    count = int(unit.rng.poisson(mean))
    return np.sort(unit.clock.start + unit.rng.random(count) * unit.clock.length)


def _poison(unit: Unit, node: int) -> None:
    """Zero-value `transferFrom` in the account's name by a stranger, and dust sent to it."""
    rng = unit.rng
    time = _times(unit, PRIORS["poisoned"].one(rng))
    dust = rng.random(len(time)) < 0.4
    other = unit.strangers(len(time))
    attacker = unit.strangers(len(time))
    micros = np.where(dust, rng.integers(*DUST_MICROS, len(time)), 0)
    token = market.asset_code(unit.chain, market.USDT)
    transaction = unit.ledger.transactions(len(time))
    unit.ledger.write(
        time=time,
        tx=transaction,
        log=2 + transaction % 180,
        kind=TOKEN,
        sender=np.where(dust, other, node),
        receiver=np.where(dust, node, other),
        asset=token,
        micros=micros,
        initiator=np.where(dust, other, attacker),
        to=TO_CONTRACT,
        method=np.where(dust, TRANSFER, TRANSFER_FROM),
        screened=np.where(
            dust, SCREENED_CODES.index("dust"), SCREENED_CODES.index("spoofed_sender")
        ),
    )


def _spam(unit: Unit, node: int) -> None:
    """Counterfeit USDT and unlisted tokens, sent unasked."""
    rng = unit.rng
    time = _times(unit, PRIORS["spammed"].one(rng))
    fake = rng.random(len(time)) < 0.5
    sender = unit.strangers(len(time))
    transaction = unit.ledger.transactions(len(time))
    reasons = SCREENED_CODES.index("counterfeit_asset"), SCREENED_CODES.index("unlisted_asset")
    unit.ledger.write(
        time=time,
        tx=transaction,
        log=2 + transaction % 180,
        kind=TOKEN,
        sender=sender,
        receiver=node,
        asset=np.where(fake, market.COUNTERFEIT, market.UNLISTED) + unit.chain,
        micros=rng.integers(1, 50_000, len(time)) * MICROS,
        initiator=sender,
        to=TO_CONTRACT,
        method=TRANSFER,
        screened=np.where(fake, *reasons),
    )


def _fail(unit: Unit, node: int) -> None:
    """Own native payments that were reverted: no value moved."""
    rng = unit.rng
    time = _times(unit, PRIORS["failed"].one(rng))
    unit.ledger.write(
        time=time,
        tx=unit.ledger.transactions(len(time)),
        log=-1,
        kind=NATIVE,
        sender=node,
        receiver=unit.strangers(len(time)),
        asset=market.asset_code(unit.chain, market.NATIVE),
        micros=rng.integers(5, 500, len(time)) * MICROS,
        initiator=node,
        to=TO_RECEIVER,
        method=NO_METHOD,
        screened=SCREENED_CODES.index("failed"),
    )
