"""What a training run is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.search import Budget
from models.splits import Shares
from models.unlabelled import Unlabelled

MIN_TRANSFERS = 5
"""Default of the fewest transfers a history needs."""


@dataclass(frozen=True)
class Settings:
    """What a training run is told.

    Attributes
    ----------
    basis : str
        Value basis of the signals.
    legs : tuple of str
        Leg profile of the histories.
    min_transfers : int
        Shorter histories are neither trained on nor scored.
    training_basis : str
        ``synthetic``, ``research`` or ``reviewed``: where the labels come from.
    base_rate : float, optional
        Share of positives to state scores at; None: the prevalence of validation.
    seed : int
        Of every random choice.
    shares : Shares
        Of the split by time, unless the labels bring their own.
    params : mapping
        Overrides of `training.PARAMETERS`; they stand over what a search finds.
    budget : Budget, optional
        Search parameters within it first.
    monotone : bool
        Hold the score monotone in signals whose direction of risk is certain.
    unlabelled : Unlabelled
        What rows without a label teach; they change weights of training and nothing else.
    exposure : bool
        Whether signals that rest on others may be inputs (`models.association` caps them); those
        that are nothing in every training row are left out.
    also : tuple of str
        Families whose signals for context are inputs too.
    ablation : bool
        Whether to measure what each family of signals is worth, which takes a fit for each.
    allow : tuple of str
        Findings of the leakage audit (`models.leakage.CHECKS`) that the user accepts.
    threads : int
        Changes the time it takes, never the bundle.
    sources : mapping
        Hashes of the inputs (labels, transfers), recorded in the bundle.
    versions : mapping
        Further software versions to record.
    """

    basis: str
    legs: tuple[str, ...]
    min_transfers: int = MIN_TRANSFERS
    training_basis: str = "synthetic"
    base_rate: float | None = None
    seed: int = 1
    shares: Shares = field(default_factory=Shares)
    params: Mapping[str, Any] = field(default_factory=dict)
    budget: Budget | None = None
    monotone: bool = False
    unlabelled: Unlabelled = field(default_factory=Unlabelled)
    exposure: bool = True
    also: tuple[str, ...] = ()
    ablation: bool = False
    allow: tuple[str, ...] = ()
    threads: int = 1
    sources: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
