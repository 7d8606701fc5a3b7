"""What an audit looks at: the labelled rows in their parts, and what lies around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from features.signal import Signal
from models.leakage.limits import Limits
from models.splits import PARTS
from models.status import SCORED

HELD = PARTS[1:]
"""The parts a model must not have seen: validation and test."""

MOST_SHOWN = 3


@dataclass(frozen=True)
class Ties:
    """Whom labelled addresses dealt with, each before its own cut.

    Attributes
    ----------
    pairs : polars.DataFrame
        ``row`` (uint32, of the labels given), ``chain``, ``other`` (an address), ``partners``
        (how many addresses the other dealt with; null where its own history is not covered, so
        that nobody knows); each pair once. Screened transfers and parties that the registry knows
        do not count.
    listed : polars.DataFrame
        ``row``, ``chain``, ``other``: ties to parties that the registry names as not licit.
    """

    pairs: pl.DataFrame
    listed: pl.DataFrame


@dataclass(frozen=True)
class Replay:
    """The signals of some labelled rows computed again in another world.

    Attributes
    ----------
    rows : polars.Series
        uint32: which of the labelled rows, in the order of the frames.
    as_known : polars.DataFrame
        Their signals from nothing but what was known before the cut.
    poisoned : mapping
        By the check (``future_sensitive``, ``registry_after_cut``): their signals where what came
        after was made up.
    """

    rows: pl.Series
    as_known: pl.DataFrame
    poisoned: Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Surroundings:
    """What the table of labels and signals does not show; None where nobody looked."""

    ties: Ties | None = None
    replay: Replay | None = None


@dataclass(frozen=True)
class Subject:
    """Labels beside their signals, split.

    Attributes
    ----------
    rows : polars.DataFrame
        One row per labelled address that has a part: ``_row``, ``chain``, ``address``, ``as_of``,
        ``label``, ``part``, ``group``, ``moment``, ``status``, the columns of a signals frame, and
        where known ``case_id``, ``available_at``, ``as_of_given``.
    inputs : sequence of Signal
        What the model is to learn from.
    basis : str
        Value basis of the signals.
    surroundings : Surroundings
        For the checks that look beyond the table.
    limits : Limits
        How much may be without a finding.
    """

    rows: pl.DataFrame
    inputs: Sequence[Signal]
    basis: str
    surroundings: Surroundings = field(default_factory=Surroundings)
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def scored(self) -> pl.DataFrame:
        """The rows with enough history, in the one order: what a model learns from."""
        usable = self.rows.filter(pl.col("status") == SCORED)
        return usable.sort("chain", "address", "as_of", "label")

    @cached_property
    def label(self) -> np.ndarray:
        """Labels of `scored`."""
        return self.scored["label"].to_numpy().astype(np.float64)

    def has(self, column: str) -> bool:
        """Say whether a column is there and holds something."""
        return column in self.rows.columns and self.rows[column].null_count() < self.rows.height


def some(addresses: pl.Series) -> tuple[str, ...]:
    """Return the first few addresses in order, as examples."""
    return tuple(addresses.unique().sort().head(MOST_SHOWN))
