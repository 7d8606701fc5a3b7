"""What each scam case draws for itself: pace, care, the way it layers, and what befalls it.

Drawn once a case, so that two cases, and two worlds, differ in more than noise: the members of one
case share a style. Sources as in `parameters.py`; figures of FIELD.md that stem from reports rather
than from measurement are named with the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data.simulation.prior import Prior

_ALL = (
    Prior(
        "pace",
        "chance",
        "beta",
        (3.0, 1.5),
        "chance that a member of the case passes money on quickly",
        "DFPI: 21 of 48 pass on 80 % within a day, 14 at most 20 %",
    ),
    Prior(
        "patience",
        "factor",
        "lognormal",
        (0.5, 0.6),
        "length of the case's rests, relative to other cases",
        "DFPI: dwell 8.6 h at the median, quartiles 0.4 h and 140 h",
    ),
    Prior(
        "hoards",
        "chance",
        "chance",
        (0.25,),
        "the case gathers for weeks and empties its wallets at the end",
        "DFPI: 29 % pass on at most a fifth within a day; calibration part of the phishing "
        "accounts: a fifth pays nothing out in its first 30 days",
    ),
    Prior(
        "outsiders",
        "share",
        "uniform",
        (0.15, 0.7),
        "payments of a member that come from or go to nobody else in the case",
        "assumed: launderers serve several scams at once (Chainalysis 2026)",
    ),
    Prior(
        "brokered",
        "chance",
        "uniform",
        (0.0, 0.6),
        "each of two brokers, who serve other cases too, works for the case",
        "DFPI: 5.6 % of receivers are shared by two wallets or more",
    ),
    Prior(
        "groomed",
        "share",
        "uniform",
        (0.35, 0.95),
        "of a collector's payers, those who are groomed: a small test, then growing deposits",
        "FinCEN FIN-2023-Alert005 (read as an excerpt)",
    ),
    Prior(
        "one_timers",
        "share",
        "uniform",
        (0.6, 1.0),
        "of the groomed, those who stop after one payment",
        "assumed: from patient grooming to mass campaigns",
    ),
    Prior(
        "waves",
        "count",
        "uniform",
        (-1.0, 4.0),
        "waves in which victims come (whole part); below 1: spread over the whole time",
        "assumed: campaigns",
    ),
    Prior(
        "wave_hours",
        "hours",
        "lognormal",
        (30, 1.2),
        "how long a wave takes to ebb",
        "assumed",
    ),
    Prior(
        "gathers",
        "chance",
        "chance",
        (0.5,),
        "collectors gather many payments and sweep them on in one, to few receivers",
        "DFPI: one receiver takes half of a wallet's native payments at the median",
    ),
    Prior(
        "test_payment",
        "share",
        "loguniform",
        (0.02, 0.4),
        "a victim's first payment relative to the next",
        "FIELD.md section 1: first payment small, later ones grow",
    ),
    Prior(
        "growth",
        "factor",
        "uniform",
        (1.15, 3.2),
        "from one of a victim's payments to the next",
        "FIELD.md section 1",
    ),
    Prior(
        "grooming_gap",
        "days",
        "lognormal",
        (5.0, 0.7),
        "between a victim's payments",
        "assumed: days to weeks",
    ),
    Prior(
        "tax",
        "chance",
        "chance",
        (0.3,),
        "a victim who wants to withdraw is asked for a 'tax' first",
        "victim reports (FIELD.md)",
    ),
    Prior(
        "induces",
        "chance",
        "chance",
        (0.4,),
        "a case pays some victims a little back",
        "Griffin & Mei: some 98,000 such payments a year",
    ),
    Prior(
        "drains",
        "chance",
        "chance",
        (0.12,),
        "the case steals by approval: victims' wallets are emptied by a third party",
        "Forta's approval-phishing rule (FIELD.md); share assumed",
    ),
    Prior(
        "direct_share",
        "share",
        "uniform",
        (0.05, 0.5),
        "of a collector's payers, those who pay straight from an exchange's hot wallet",
        "DFPI: 32 of 58 wallets are funded in part by tagged hot wallets",
    ),
    Prior(
        "rebrands",
        "chance",
        "chance",
        (0.3,),
        "collectors of a case follow one another instead of working side by side",
        "FinCEN section 311 rule on Huione: rebrands happen; share assumed",
    ),
    Prior(
        "frozen",
        "chance",
        "chance",
        (0.12,),
        "an issuer freezes a neighbour while the case runs",
        "Tether's freezes of Nov 2023 (FIELD.md); share assumed",
    ),
    Prior(
        "mimics",
        "chance",
        "chance",
        (0.10,),
        "a member imitates an ordinary person or a victim: a running balance, few partners",
        "assumed: launderers adapt to detection",
    ),
    Prior(
        "structures",
        "chance",
        "chance",
        (0.2,),
        "the case keeps cash-outs just below round limits",
        "FATF 2020, size and frequency; share assumed",
    ),
    Prior(
        "relay_minutes",
        "minutes",
        "lognormal",
        (14, 1.0),
        "dwell in a relay ('motorcade')",
        "UNODC 2024; Chainalysis 2026: large tickets cleared in 1.6 minutes",
    ),
    Prior(
        "peel_share",
        "share",
        "uniform",
        (0.02, 0.2),
        "peeled off at each step of a peel chain",
        "Elliptic2 / RevTrack: paths forwarding 80 to 98 %",
    ),
    Prior(
        "desk_fee",
        "share",
        "loguniform",
        (0.002, 0.05),
        "commission of the case's desks and escrows",
        "AUSTRAC OTC flags (second-hand)",
    ),
)

CASE_PRIORS: Mapping[str, Prior] = {prior.name: prior for prior in _ALL}
"""Priors that each case draws from, by name."""


@dataclass(frozen=True)
class Style:
    """One case's draw from `CASE_PRIORS` (fields as there; chances are yes or no)."""

    pace: float
    patience: float
    hoards: bool
    outsiders: float
    brokered: float
    groomed: float
    one_timers: float
    waves: float
    wave_hours: float
    gathers: bool
    test_payment: float
    growth: float
    grooming_gap: float
    tax: float
    induces: bool
    drains: bool
    direct_share: float
    rebrands: bool
    frozen: bool
    mimics: float
    structures: bool
    relay_minutes: float
    peel_share: float
    desk_fee: float


_PER_VICTIM_OR_MEMBER = ("tax", "mimics")


def draw_style(rng: np.random.Generator) -> Style:
    """Draw the style of a case."""
    drawn: dict[str, float | bool] = {}
    for name, prior in CASE_PRIORS.items():
        if name in _PER_VICTIM_OR_MEMBER:
            drawn[name] = prior.numbers[0]
        else:
            drawn[name] = prior.happens(rng) if prior.law == "chance" else prior.one(rng)
    return Style(**drawn)  # type: ignore[arg-type]  # bool and float by the prior's law
