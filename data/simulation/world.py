"""A whole world: cast it, play every unit, close the books, and label what can be known.

>>> small = build(seed=3, addresses=200, days=120)
>>> small.accounts.height >= 200, small.transfers.height > 2_000
(True, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from data.errors import Refused
from data.simulation import canonical, tables
from data.simulation.ledger import joined
from data.simulation.plan import PREVALENCE, draw_plan
from data.simulation.playing import Played, joined_spans, play, stage_of, units_of
from data.simulation.tables import Tables

SMALLEST_WORLD = 100
"""Fewer accounts cannot hold every population."""

LARGEST_WORLD = 3_000_000
"""More would be some 200 million transfers, more than has been tried."""

DAYS = (30, 900)
"""Shortest and longest world: it begins on `canonical.EPOCH` and must not reach into the future."""

MOST_CRIMINAL = 0.25

UNITS_AT_ONCE = 400
"""Units that are played together; changes memory and time, never the world."""


@dataclass(frozen=True)
class World(Tables):
    """A played world in memory: `Tables`, and its transfers.

    Parameters
    ----------
    transfers
        The canonical table.
    """

    transfers: pl.DataFrame


@dataclass(frozen=True)
class Size:
    """How large a world is, and what fixes it.

    Parameters
    ----------
    seed
        Fixes everything, to the byte; not negative.
    addresses
        Accounts worth scoring, at least `SMALLEST_WORLD`; addresses that bridging opens on other
        chains come in addition.
    days
        Length of the world, within `DAYS`.
    prevalence
        Share of criminal accounts, above 0 and at most `MOST_CRIMINAL`.

    Raises
    ------
    Refused
        A number is out of its range.
    """

    seed: int = 1
    addresses: int = 15_000
    days: int = 730
    prevalence: float = PREVALENCE

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("seed", self.seed, 0, math.inf),
            ("number of addresses", self.addresses, SMALLEST_WORLD, LARGEST_WORLD),
            ("number of days", self.days, *DAYS),
        ):
            if not low <= value <= high:
                raise Refused(
                    f"the {name} of a synthetic world cannot be {value}",
                    expected=f"{low} to {high}" if high < math.inf else f"{low} or more",
                )
        if not 0 < self.prevalence <= MOST_CRIMINAL:
            raise Refused(
                f"the prevalence of a synthetic world cannot be {self.prevalence}",
                expected=f"a share above 0 and at most {MOST_CRIMINAL}",
            )


def build(
    *,
    seed: int = 1,
    addresses: int = 15_000,
    days: int = 730,
    prevalence: float = PREVALENCE,
    units_at_once: int = UNITS_AT_ONCE,
    progress: Callable[[int], None] | None = None,
) -> World:
    """Play a world in memory.

    Parameters
    ----------
    seed, addresses, days, prevalence
        See `Size`.
    units_at_once
        Changes memory and time, never the world.
    progress
        Called with the number of further accounts that have been played.

    Raises
    ------
    Refused
        A number is out of its range.
    """
    size = Size(seed, addresses, days, prevalence)
    plan = draw_plan(seed, addresses, prevalence)
    stage, units = stage_of(plan, seed, days), units_of(plan)
    parts: list[Played] = []
    for start in range(0, len(units), units_at_once):
        chosen = units[start : start + units_at_once]
        parts.append(play(stage, chosen))
        if progress:
            progress(sum(unit.accounts for unit in chosen))
    transfers = canonical.transfers_frame(joined([part.rows for part in parts]), seed, days)
    made = tables_of(size, parts)
    return World(**vars(made), transfers=transfers)


def tables_of(size: Size, parts: list[Played]) -> Tables:
    """Make everything but the transfers from what the units did."""
    accounts = [account for part in parts for account in part.accounts]
    told = [payments for part in parts for payments in part.told]
    spans = joined_spans([part.spans for part in parts])
    end = canonical.EPOCH + timedelta(days=size.days)
    return tables.make(accounts, told, spans, seed=size.seed, days=size.days, end=end)
