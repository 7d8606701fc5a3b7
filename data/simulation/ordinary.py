"""Ordinary life, population by population: what each does, how common it is, what it looks like.

Most rows are assumed: set to be the look-alikes that analysts name, and to overlap with the
criminal rows. That most people hold what they have for months is measured: of the real normals'
coins (calibration part) the median stays 107 days. The populations that are not played by one
profile alone (exchanges, custodians, circles, hobbyists, spammers) are built in `benign.py`.
"""

from __future__ import annotations

from data.simulation.firms import FIRMS
from data.simulation.ordinary_row import Ordinary
from data.simulation.people import PEOPLE
from data.simulation.traders import TRADERS

ORDINARY: dict[str, Ordinary] = {row.profile.population: row for row in FIRMS + TRADERS + PEOPLE}
"""The ordinary populations by name."""

DEPOSIT_SHARE = 0.05
"""Deposit addresses among ordinary accounts."""

HOT_WALLET_SHARE = 0.006
"""Exchange hot wallets among ordinary accounts (at least one on each chain)."""

COLD_WALLET_SHARE = 0.002
"""Exchange cold wallets among ordinary accounts."""

LOOKALIKES = (
    "exchange_deposit",
    *(name for name, row in ORDINARY.items() if row.lookalike),
)
"""Populations that analysts take for laundering."""
