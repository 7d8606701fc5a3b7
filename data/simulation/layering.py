"""How a case layers its money: who pays whom, and what each layer's members do differently.

A typology is a list of layers; money moves downhill. The names are the field's: a relay is what
UNODC calls a motorcade, scatter-gather and gather-scatter are the patterns of IBM's AMLworld.

>>> layers("scatter_gather", 5)
(('collector',), ('mule', 'mule', 'mule'), ('consolidator',))
>>> sum(len(layer) for layer in layers("relay", 4))
4
"""

from __future__ import annotations

from dataclasses import replace

from data.simulation.case_parameters import Style
from data.simulation.populations import CRIMINAL
from data.simulation.profile import FAST_DWELL_HOURS, Profile

TYPOLOGIES = {
    "direct": 0.26,
    "relay": 0.14,
    "peel_chain": 0.10,
    "scatter_gather": 0.11,
    "gather_scatter": 0.11,
    "swap_hop": 0.11,
    "otc_desk": 0.11,
    "marketplace_escrow": 0.06,
}
"""Shares of cases (assumed). Bridges, freezes, drains and rebrands cut across all of them."""

MEAN_MEMBERS = 3.2
"""Criminal accounts in a case, mean (assumed): most are small, a few have a dozen."""

MOST_MEMBERS = 14

FEWEST_MEMBERS = {
    "direct": 1,
    "relay": 2,
    "peel_chain": 2,
    "scatter_gather": 4,
    "gather_scatter": 3,
    "swap_hop": 2,
    "otc_desk": 2,
    "marketplace_escrow": 2,
}
"""A typology needs so many members; a case too small for its own is a `direct` one."""


def layers(typology: str, members: int) -> tuple[tuple[str, ...], ...]:
    """Return the roles of a case's members, layer by layer, from the victims downhill."""
    rest = members - 1
    few = rest // 2
    found = {
        "direct": (("collector",) * members,),
        "relay": (("collector",), *(("mule",) for _ in range(rest))),
        "peel_chain": (("collector",), *(("mule",) for _ in range(rest))),
        "scatter_gather": (("collector",), ("mule",) * (rest - 1), ("consolidator",)),
        "gather_scatter": (("collector",) * max(1, few), ("consolidator",),
                           ("mule",) * (rest - max(1, few))),
        "swap_hop": (("collector",), ("swapper",) * max(1, rest - 1),
                     ("consolidator",) * (rest - max(1, rest - 1))),
        "otc_desk": (("collector",), ("mule",) * (rest - 1), ("otc_desk",)),
        "marketplace_escrow": (("collector",) * max(1, rest - 1), ("escrow",),
                               ("otc_desk",) * (rest - max(1, rest - 1))),
    }[typology]  # fmt: skip
    return tuple(layer for layer in found if layer)


def fits(typology: str, members: int) -> str:
    """Return the typology that a case of so many members can play."""
    return typology if members >= FEWEST_MEMBERS[typology] else "direct"


def profile_of(role: str, typology: str, style: Style) -> Profile:
    """Return the ranges of a member: its role's, bent by the case's style and typology."""
    base = CRIMINAL[role]
    profile = replace(
        base,
        fast=style.pace,
        dwell=style.patience,
        floats=style.mimics,
        near=0.7 if style.structures and role in ("mule", "otc_desk") else 0.02,
    )
    if style.gathers and role in ("collector", "consolidator"):
        profile = replace(
            profile, batch=(2, 9), pieces=(1, 1.3), payees=(0.0, 0.45), rotation=(0.0, 0.6)
        )
    if style.hoards:
        profile = replace(profile, fast=0.1, batch=(6, 40), pieces=(1, 2.5))
    if role in ("otc_desk", "escrow"):
        profile = replace(
            profile, sweeps=0.4, commission=(0.6 * style.desk_fee, 1.3 * style.desk_fee)
        )
    if role == "mule" and typology == "relay":
        profile = replace(
            profile,
            fast=1.0,
            dwell=style.relay_minutes / (60 * FAST_DWELL_HOURS[0]),
            batch=(1, 1.2),
            pieces=(1, 1.3),
            payees=(0.1, 0.5),
            floats=0.0,
        )
    if role == "mule" and typology == "peel_chain":
        profile = replace(
            profile,
            batch=(1, 1.6),
            peel=(0.7 * style.peel_share, 1.3 * style.peel_share),
            payees=(0.3, 0.7),
            floats=0.0,
        )
    if role == "mule" and typology == "scatter_gather":
        profile = replace(profile, pieces=(1, 1.6), payees=(0.0, 0.5))
    return profile
