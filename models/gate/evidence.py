"""What the gate looks at: two models' results on the same held-out rows, and the bundle's facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from models.calibration import Calibration

SLICES = ("chain", "ticket_size", "hour_block")
"""Slices of every row: which chain, how large its payments are, at which hours it is active."""

ROLES = ("benign", "victim", "criminal")
"""What may be known of a row beside its label."""


@dataclass(frozen=True)
class Evidence:
    """The results that a verdict rests on.

    Attributes
    ----------
    rows : polars.DataFrame
        One row per address that the model never learnt from:

        - `label`: 1, 0, or null where nobody judged it; `group`: what belongs together;
        - `log_odds`, and `champion` (absent without a champion): calibrated log-odds, null where
          the model gives this address no score;
        - `suspect`: whether the scores file would show it with a band of `medium` or above;
        - the columns `SLICES`, and where known `population`, `typology` and `role` (of `ROLES`),
          `weight` and `selection_probability`.
    calibration : Calibration
        The model's own.
    audit : mapping, optional
        The leakage audit that the bundle tells of; None: it tells of none.
    decision_use : bool
        As the bundle says.
    gives_bands : bool
        Whether the bundle has thresholds at all; without, nobody is ever presented.
    research : bool
        The model is to be champion of a research registry, for decisions about nobody.
    seconds : mapping
        By ``model`` and ``champion``: seconds per thousand scores.
    """

    rows: pl.DataFrame
    calibration: Calibration
    audit: Mapping[str, Any] | None
    decision_use: bool
    gives_bands: bool
    research: bool = False
    seconds: Mapping[str, float] | None = None

    @property
    def judged(self) -> pl.DataFrame:
        """The rows with a label."""
        return self.rows.filter(pl.col("label").is_not_null())

    @property
    def benign(self) -> pl.DataFrame:
        """The rows of people who launder nothing: reviewed so, or known so.

        A label counts for more than what is known of the population. Victims stand apart.
        """
        known = (pl.col("role") == "benign") & pl.col("label").is_null()
        innocent = ((pl.col("label") == 0) | known) & pl.col("role").ne_missing("victim")
        return self.rows.filter(innocent)

    @property
    def victims(self) -> pl.DataFrame:
        """The rows of known victims."""
        return self.rows.filter(pl.col("role") == "victim")
