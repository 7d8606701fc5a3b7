"""Living on several chains: what comes over a bridge is dealt with at the same address there.

On EVM chains one key opens the same address everywhere, so whoever bridges becomes an account of
the other chain too: in the same role, of the same case, with a little business of its own there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from data.simulation import identities
from data.simulation.life import Life, Part, live
from data.simulation.profile import Profile
from data.simulation.unit import Account, Unit

OWN_PAYMENTS = (2.0, 0.7)
"""Payments that the address on the other chain receives besides what was bridged (assumed)."""


def live_everywhere(
    unit: Unit,
    account: Account,
    profile: Profile,
    part: Part,
    receivers: Callable[[Unit], np.ndarray] | None = None,
) -> Life:
    """Play an account on its chain, and on the chain it bridges to, if it does.

    Parameters
    ----------
    receivers
        Given the unit's view on the other chain, nodes that the account pays there first.

    Returns
    -------
    Life
        What it did on its own chain, and what it paid beyond.
    """
    life = live(unit, account, profile, part)
    if life.bridged is None or len(life.bridged.arrived) == 0:
        return life
    there = unit.on(life.bridged.chain)
    double = there.add(
        profile,
        node=identities.on_chain(account.node, there.chain),
        service=account.service,
        case_id=account.case_id,
        typology=account.typology,
    )
    settled = replace(profile, payments=OWN_PAYMENTS, bridges=(0.0, 0.0))
    paid = np.empty(0, np.int64) if receivers is None else receivers(there)
    second = Part(
        part.clock,
        arrived=life.bridged.arrived,
        receivers=paid,
        loyalty=part.loyalty,
        alarm=part.alarm,
    )
    gone = live(there, double, settled, second)
    return replace(life, beyond=(double.node, gone.outflow))
