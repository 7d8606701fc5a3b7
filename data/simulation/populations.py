"""Who launders, who is robbed, and where the money is cashed in.

Criminal roles and ordinary businesses (`ordinary.py`) are played by the same machinery (`life.py`).
Their ranges overlap on purpose, column by column: deposit addresses are as quick as mules, payrolls
fan out wider than any collector, P2P merchants know as many strangers. Only combinations tell.

The criminal rows follow the DFPI wallets (see `parameters`): 14.5 payments in and 26.5 out from 8
senders to 8.5 receivers at the median; 44 % pass on at least 80 % within a day, 29 % at most 20 %;
dwell 8.6 h at the median with quartiles 0.4 h and 140 h; nearly everything is passed on in the end.
How quick, how patient and how careful the members of one case are, the case draws for all of them
(`case_parameters.py`).
"""

from __future__ import annotations

from dataclasses import replace

from data.simulation.profile import Profile


def _laundering(profile: Profile) -> Profile:
    """Add what all launderers share: everything is passed on, and counterparties wear out.

    Swaps go one way (Griffin & Mei: mostly into Tether).
    """
    return replace(
        profile,
        share=(0.999, 1.0),
        sweeps=0.93,
        keeps=0.05,
        tests_first=0.15,
        tries=0.1,
        transient=(0.45, 1.0),
        rotation=(0.6, 1.0),
        one_way=0.7,
        paydays=0.0,
        parks=(0.03, 0.1),
        scale=1.3,
    )


CRIMINAL = {
    profile.role: _laundering(profile)
    for profile in (
        Profile(
            "scam_collector",
            "collector",
            "Takes the victims' deposits to the platform and passes them on.",
            payments=(16, 1.05),
            senders=(0.8, 1.0),
            batch=(1, 4),
            pieces=(1.3, 3.4),
            payees=(0.5, 0.95),
            reciprocal=(0.0, 0.06),
            ladder=(0.4, 1.0),
            swaps=(0.3, 0.4),
            bridges=(0.06, 0.3),
        ),
        Profile(
            "consolidator",
            "consolidator",
            "Gathers what several collectors or mules bring.",
            payments=(13, 0.9),
            senders=(0.55, 0.95),
            batch=(1.5, 6),
            pieces=(1.2, 3),
            payees=(0.4, 0.9),
            swaps=(0.25, 0.4),
            bridges=(0.06, 0.3),
        ),
        Profile(
            "mule",
            "mule",
            "Lends a wallet: takes a payment, keeps a little, passes the rest on.",
            payments=(11, 0.9),
            senders=(0.55, 0.95),
            batch=(1, 2.2),
            pieces=(1.2, 3),
            payees=(0.45, 0.9),
            swaps=(0.18, 0.4),
            commission=(0, 0.03),
            near=0.25,
        ),
        Profile(
            "swapper",
            "swapper",
            "Hops between coins, and between chains.",
            payments=(12, 0.9),
            senders=(0.45, 0.9),
            batch=(1, 3),
            pieces=(1.2, 2.8),
            payees=(0.4, 0.85),
            swaps=(1.0, 0.3),
            bridges=(0.3, 0.3),
            venue="mixer",
            venue_share=(0.0, 0.1),
        ),
        Profile(
            "criminal_otc",
            "otc_desk",
            "Sells dirty coins for cash: takes large tickets, pays out in many small ones.",
            payments=(20, 0.9),
            senders=(0.6, 0.95),
            batch=(1, 3),
            pieces=(1.4, 4.5),
            payees=(0.55, 0.95),
            reciprocal=(0.02, 0.25),
            swaps=(0.15, 0.4),
            commission=(0.005, 0.03),
            near=0.2,
        ),
        Profile(
            "marketplace_escrow",
            "escrow",
            "Holds deals of a guarantee marketplace for a day or two, for a fee.",
            payments=(22, 0.8),
            senders=(0.6, 0.95),
            batch=(1, 1.5),
            pieces=(1, 1.8),
            payees=(0.5, 0.85),
            reciprocal=(0.1, 0.4),
            swaps=(0.05, 0.2),
            commission=(0.01, 0.05),
            venue="guarantee_marketplace",
            venue_share=(0.05, 0.4),
        ),
    )
}
"""The criminal profiles by role."""

CRIMINAL_ROLES = tuple(CRIMINAL)
"""Roles that count as criminal in the truth."""

VICTIM = Profile(
    "victim",
    "victim",
    "A person's own wallet: little everyday business, and coins bought for the scam.",
    payments=(6, 0.8),
    senders=(0.2, 0.7),
    fast=0.4,
    batch=(1, 3),
    share=(0.1, 0.6),
    pieces=(1, 2),
    payees=(0.3, 0.9),
    floats=0.8,
)
"""What a victim's wallet does besides paying the scam."""

VICTIMS = {
    name: replace(VICTIM, population=name, story=story, payments=payments)
    for name, story, payments in (
        ("victim", "A wallet of long standing, used for the scam too.", (6, 0.8)),
        ("fresh_victim", "Opened for the scam: coins bought, sent on, nothing else.", (6, 0.8)),
        ("recovery_victim", "Pays a recovery fraud after the first one.", (4, 0.8)),
    )
}
"""Kinds of victims' wallets by population."""

VICTIM_SHARES = {"victim": 0.45, "fresh_victim": 0.40, "recovery_victim": 0.15}
"""Shares of victims' wallets (assumed)."""

DEPOSIT = Profile(
    "exchange_deposit",
    story="An exchange's deposit address: whatever comes is swept into the hot wallet.",
    payments=(10, 1.0),
    senders=(0.0, 0.65),
    fast=0.7,
    batch=(1, 2.2),
    share=(1, 1),
    pieces=(1, 1),
    payees=(0, 0),
    reciprocal=(0, 0),
    swaps=(0, 0),
    parks=(0, 0),
    commission=(0, 0),
    near=0.0,
    scheduled=0.3,
    floats=0.0,
    sweeps=1.0,
    keeps=0.0,
    tries=0.0,
    rounds=0.0,
)
