"""Those who fill chains with rubbish: senders of dust, and poisoners of address books.

What they send counts for nothing in anybody's history (it is screened); what is left of them is a
small purse that is filled and spent.
"""

from __future__ import annotations

import numpy as np

from data.simulation import identities, market
from data.simulation.clock import sittings
from data.simulation.ledger import (
    SCREENED_CODES,
    TO_CONTRACT,
    TOKEN,
    TRANSFER,
    TRANSFER_FROM,
)
from data.simulation.life import Life, Part, live
from data.simulation.market import MICROS
from data.simulation.parameters import PRIORS
from data.simulation.profile import Profile
from data.simulation.unit import Account, Unit

DUST_MICROS = (1, 900)
"""Value of dust, in micro-dollars."""


def play_spammer(unit: Unit, account: Account, profile: Profile, part: Part) -> Life:
    """Play somebody who sends dust and worthless tokens to many strangers at once."""
    life = live(unit, account, profile, part)
    rng = unit.rng
    count = int(PRIORS["spam_run"].one(rng))
    time = sittings(rng, part.clock, count)
    worthless = rng.random(count) < 0.6
    fake = rng.random(count) < 0.5
    spam = np.where(fake, market.worthless(unit.chain, 0), market.worthless(unit.chain, 1))
    reason = np.where(fake, *map(SCREENED_CODES.index, ("counterfeit_asset", "unlisted_asset")))
    transaction = unit.ledger.transactions(count)
    unit.ledger.write(
        time=time,
        tx=transaction,
        log=2 + transaction % 180,
        kind=TOKEN,
        sender=account.node,
        receiver=unit.strangers(count),
        asset=np.where(worthless, spam, market.asset_code(unit.chain, market.USDT)),
        micros=np.where(worthless, 1_000 * MICROS, rng.integers(*DUST_MICROS, count)),
        initiator=account.node,
        to=TO_CONTRACT,
        method=TRANSFER,
        screened=np.where(worthless, reason, SCREENED_CODES.index("dust")),
    )
    return life


def play_poisoner(unit: Unit, account: Account, profile: Profile, part: Part) -> Life:
    """Play somebody who writes payments of nothing into strangers' histories."""
    life = live(unit, account, profile, part)
    rng = unit.rng
    count = int(PRIORS["spam_run"].one(rng))
    targets = unit.strangers(count)
    transaction = unit.ledger.transactions(count)
    unit.ledger.write(
        time=sittings(rng, part.clock, count),
        tx=transaction,
        log=2 + transaction % 180,
        kind=TOKEN,
        sender=targets,
        receiver=identities.lookalikes(unit.strangers(count)),
        asset=market.asset_code(unit.chain, market.USDT),
        micros=0,
        initiator=account.node,
        to=TO_CONTRACT,
        method=TRANSFER_FROM,
        screened=SCREENED_CODES.index("spoofed_sender"),
    )
    return life
