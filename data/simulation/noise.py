"""What chains are full of: poisoning, dust, worthless tokens, failed transactions.

All of it is marked in `screened` and befalls accounts at one rate, whatever their role.
"""

from __future__ import annotations

import numpy as np

from data.simulation import identities, market
from data.simulation.ledger import (
    NATIVE,
    NO_METHOD,
    SCREENED_CODES,
    TO_CONTRACT,
    TO_RECEIVER,
    TOKEN,
    TRANSFER,
    TRANSFER_FROM,
    Rows,
)
from data.simulation.market import MICROS
from data.simulation.parameters import PRIORS
from data.simulation.spam import DUST_MICROS
from data.simulation.unit import Unit


def add_noise(unit: Unit) -> None:
    """Add noise to every account of a unit that has been played."""
    rows = unit.ledger.rows()
    for account in unit.accounts:
        there = unit.on(identities.chain_of(account.node))
        _poison(there, account.node, rows)
        _spam(there, account.node)
        _fail(there, account.node)


def _times(unit: Unit, mean: float) -> np.ndarray:
    count = int(unit.rng.poisson(mean))
    return np.sort(unit.clock.start + unit.rng.random(count) * unit.clock.length)


def _poison(unit: Unit, node: int, rows: Rows) -> None:
    """Zero-value `transferFrom` in the account's name, and dust sent to it, both by lookalikes.

    The lookalike resembles somebody whom the account has paid, so that a careless copy goes wrong.
    """
    rng = unit.rng
    time = _times(unit, PRIORS["poisoned"].one(rng))
    if len(time) == 0:
        return
    dust = rng.random(len(time)) < 0.4
    paid = rows["receiver"][rows["sender"] == node]
    liked = rng.choice(paid, len(time)) if len(paid) else unit.strangers(len(time))
    other = identities.lookalikes(liked)
    attacker = unit.strangers(len(time))
    micros = np.where(dust, rng.integers(*DUST_MICROS, len(time)), 0)
    transaction = unit.ledger.transactions(len(time))
    unit.ledger.write(
        time=time,
        tx=transaction,
        log=2 + transaction % 180,
        kind=TOKEN,
        sender=np.where(dust, other, node),
        receiver=np.where(dust, node, other),
        asset=market.asset_code(unit.chain, market.USDT),
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
        asset=np.where(fake, *(market.worthless(unit.chain, kind) for kind in (0, 1))),
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
