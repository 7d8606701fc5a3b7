"""Who behaves how: one row for each population, drawn afresh for each account.

Criminal roles and ordinary businesses are played by the same machinery (`account.py`) with these
ranges. They overlap on purpose, column by column: deposit addresses are as quick as mules, payrolls
fan out wider than any collector, P2P merchants know as many strangers. Only combinations tell.

The criminal rows follow the DFPI wallets (see `parameters`): 14.5 payments in and 26.5 out from 8
senders to 8.5 receivers at the median; 44 % pass on at least 80 % within a day, 29 % at most 20 %;
dwell 8.6 h at the median with quartiles 0.4 h and 140 h. Benign rows are assumed, set to be the
look-alikes that analysts name.
"""

from __future__ import annotations

from dataclasses import replace

from data.simulation.profile import Profile


def _laundering(profile: Profile) -> Profile:
    """Add what all launderers share: everything is passed on, and counterparties wear out.

    Swaps go one way (Griffin & Mei: mostly into Tether). One in twelve imitates an ordinary account
    and pays out of a running balance.
    """
    return replace(
        profile,
        share=(1.0, 1.0),
        transient=(0.5, 1.0),
        rotation=(0.7, 1.0),
        floats=0.08,
        one_way=0.7,
        scale=1.3,
    )


CRIMINAL = {
    profile.role: _laundering(profile)
    for profile in (
        Profile(
            "scam_collector",
            "collector",
            payments=(15, 0.9),
            senders=(0.6, 0.9),
            fast=0.72,
            batch=(1, 4),
            pieces=(1.3, 3.4),
            payees=(0.45, 0.85),
            reciprocal=(0.0, 0.06),
            ladder=(0.4, 1.0),
            swaps=(0.2, 0.4),
        ),
        Profile(
            "consolidator",
            "consolidator",
            payments=(13, 0.9),
            senders=(0.35, 0.8),
            fast=0.7,
            batch=(1.5, 6),
            pieces=(1.2, 3),
            payees=(0.3, 0.7),
            swaps=(0.15, 0.4),
        ),
        Profile(
            "mule",
            "mule",
            payments=(11, 0.9),
            senders=(0.3, 0.75),
            fast=0.78,
            batch=(1, 2.2),
            pieces=(1.2, 3),
            payees=(0.4, 0.8),
            swaps=(0.1, 0.4),
            commission=(0, 0.03),
        ),
        Profile(
            "swapper",
            "swapper",
            payments=(12, 0.9),
            senders=(0.25, 0.7),
            fast=0.7,
            batch=(1, 3),
            pieces=(1.2, 2.8),
            payees=(0.35, 0.75),
            swaps=(1.0, 0.3),
        ),
        Profile(
            "criminal_otc",
            "otc_desk",
            payments=(20, 0.9),
            senders=(0.45, 0.85),
            fast=0.74,
            batch=(1, 3),
            pieces=(1.4, 4.5),
            payees=(0.5, 0.9),
            reciprocal=(0.02, 0.25),
            swaps=(0.15, 0.4),
            commission=(0.005, 0.03),
        ),
    )
}
"""The criminal profiles by role."""

CRIMINAL_ROLES = tuple(CRIMINAL)
"""Roles that count as criminal in the truth."""

VICTIM = Profile(
    "victim",
    "victim",
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

DEPOSIT = Profile(
    "exchange_deposit",
    payments=(10, 1.0),
    senders=(0.1, 0.75),
    fast=0.7,
    batch=(1, 2.2),
    share=(1, 1),
    pieces=(1, 1),
    payees=(0, 0),
    swaps=(0, 0),
    commission=(0, 0),
    scheduled=0.3,
    floats=0.0,
    rounds=0.0,
)
"""An exchange's deposit address: whatever comes is swept into the hot wallet."""

BENIGN: dict[str, tuple[Profile, float, bool]] = {
    profile.population: (profile, weight, service)
    for profile, weight, service in (
        (
            Profile(
                "payroll",
                payments=(7, 0.8),
                senders=(0.0, 0.4),
                fast=0.6,
                batch=(1, 2),
                pieces=(3, 14),
                payees=(0.45, 0.8),
                rotation=(0.0, 0.3),
                even=(3, 30),
                scheduled=0.6,
                floats=0.3,
            ),
            0.06,
            True,
        ),
        (
            Profile(
                "merchant",
                payments=(22, 0.9),
                senders=(0.6, 0.97),
                fast=0.3,
                batch=(2, 9),
                pieces=(1, 3.5),
                payees=(0.2, 0.7),
                rotation=(0.0, 0.6),
                ladder=(0, 0.25),
                scheduled=0.4,
                floats=0.6,
            ),
            0.08,
            True,
        ),
        (
            Profile(
                "payment_processor",
                payments=(28, 1.0),
                senders=(0.7, 1.0),
                fast=0.75,
                batch=(1, 5),
                share=(0.97, 1),
                pieces=(1, 2.5),
                payees=(0.2, 0.8),
                transient=(0.3, 1.0),
                rotation=(0.0, 0.8),
                commission=(0, 0.03),
                scheduled=0.4,
                floats=0.2,
            ),
            0.06,
            True,
        ),
        (
            Profile(
                "market_maker",
                payments=(30, 1.0),
                senders=(0.1, 0.5),
                fast=0.7,
                batch=(1, 3),
                pieces=(1, 2.5),
                payees=(0.1, 0.5),
                rotation=(0.0, 0.5),
                reciprocal=(0.4, 0.95),
                swaps=(0.4, 0.3),
            ),
            0.04,
            False,
        ),
        (
            Profile(
                "dex_trader",
                payments=(9, 0.9),
                senders=(0.15, 0.6),
                fast=0.5,
                batch=(1, 3),
                share=(0.6, 1),
                pieces=(1, 2),
                payees=(0.15, 0.7),
                reciprocal=(0.05, 0.6),
                swaps=(1.0, 0.2),
                one_way=0.15,
            ),
            0.12,
            False,
        ),
        (
            Profile(
                "airdrop_farmer",
                payments=(10, 0.9),
                senders=(0.2, 0.8),
                fast=0.5,
                batch=(1, 4),
                pieces=(2, 9),
                payees=(0.5, 0.95),
                rotation=(0.2, 0.9),
                reciprocal=(0.05, 0.6),
                swaps=(0.5, 0.2),
                even=(2, 30),
                floats=0.3,
            ),
            0.06,
            False,
        ),
        (
            Profile(
                "legitimate_otc",
                payments=(20, 0.9),
                senders=(0.35, 0.8),
                fast=0.5,
                batch=(1, 2.5),
                pieces=(1, 3),
                payees=(0.35, 0.8),
                rotation=(0.0, 0.6),
                reciprocal=(0.1, 0.7),
                ladder=(0, 0.4),
                swaps=(0.15, 0.3),
                commission=(0.001, 0.02),
                floats=0.45,
            ),
            0.06,
            True,
        ),
        (
            Profile(
                "p2p_merchant",
                payments=(21, 0.9),
                senders=(0.55, 0.95),
                fast=0.5,
                batch=(1, 4),
                pieces=(1, 3.2),
                payees=(0.5, 0.95),
                rotation=(0.1, 0.9),
                reciprocal=(0.03, 0.3),
                ladder=(0, 0.4),
                commission=(0, 0.03),
                floats=0.55,
            ),
            0.10,
            False,
        ),
        (
            Profile(
                "remittance_shop",
                payments=(21, 0.9),
                senders=(0.5, 0.9),
                fast=0.5,
                batch=(1, 3),
                pieces=(1, 3),
                payees=(0.5, 0.9),
                rotation=(0.0, 0.7),
                ladder=(0, 0.3),
                commission=(0.005, 0.05),
                scheduled=0.2,
                floats=0.55,
            ),
            0.08,
            True,
        ),
        (
            Profile(
                "saver",
                payments=(9, 0.8),
                senders=(0.15, 0.7),
                fast=0.3,
                batch=(1, 6),
                share=(0.7, 1),
                pieces=(1, 2.2),
                payees=(0.2, 0.8),
                rotation=(0.4, 1.0),
                ladder=(0, 0.4),
                floats=0.4,
            ),
            0.08,
            False,
        ),
        (
            Profile(
                "salary_receiver",
                payments=(11, 0.8),
                senders=(0.0, 0.5),
                fast=0.4,
                batch=(1, 2),
                share=(0.5, 1),
                pieces=(1, 4.5),
                payees=(0.4, 0.9),
                floats=0.7,
            ),
            0.08,
            False,
        ),
        (
            Profile(
                "freelancer",
                payments=(11, 0.9),
                senders=(0.3, 0.8),
                fast=0.65,
                batch=(1, 2),
                pieces=(1, 2),
                payees=(0.1, 0.6),
                rotation=(0.0, 0.8),
                ladder=(0, 0.4),
                floats=0.2,
            ),
            0.08,
            False,
        ),
    )
}
"""Ordinary populations: profile, share among ordinary accounts, and whether it is a service."""

DEPOSIT_SHARE = 0.16
"""Deposit addresses among ordinary accounts."""

HOT_WALLET_SHARE = 0.008
"""Exchange hot wallets among ordinary accounts (at least two on each chain)."""
