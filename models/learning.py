"""What a training learns from its train rows: parameters, then trees, unlabelled rows beside.

Nothing here looks at a row of validation or test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from features.signal import Signal
from models.material import Material, material
from models.preparing import train_rows, unlabelled_rows
from models.search import Searched, search
from models.settings import Settings
from models.training import Trained, train_material
from models.unlabelled import Taught, taught


@dataclass(frozen=True)
class Learned:
    """Trees, and how they came about.

    Attributes
    ----------
    trained : Trained
        The trees.
    searched : Searched, optional
        What a search of parameters found, where one was asked for.
    n_unlabelled : int
        Unlabelled rows that were at hand for training: with enough history, cut before validation.
    taught : Taught
        What they were made of.
    """

    trained: Trained
    searched: Searched | None
    n_unlabelled: int
    taught: Taught

    def facts(self, settings: Settings) -> dict[str, Any]:
        """Return what a bundle keeps of it."""
        method = settings.unlabelled.method
        return {
            "search": None if self.searched is None else self.searched.facts(),
            "unlabelled": {
                "method": method,
                "prior": settings.unlabelled.prior,
                "n": 0 if method == "leave_out" else self.n_unlabelled,
                "labelled_share": self.taught.labelled_share,
                "expected_positives": self.taught.expected_positives,
            },
        }


def learn(
    table: pl.DataFrame,
    known: pl.DataFrame,
    inputs: list[Signal],
    settings: Settings,
    trial_done: Callable[[int], None] | None = None,
) -> Learned:
    """Search parameters where asked for, then fit the trees.

    Parameters
    ----------
    table, known
        All rows, and the labelled ones in their parts (`models.preparing`).
    inputs
        The signals to learn from.
    settings
        Everything else.
    trial_done
        Called with the number of trials done in each step of a search.
    """
    train = train_rows(known)
    rows = material(train, train, inputs)
    beside = _unlabelled(unlabelled_rows(table, known, settings), inputs)
    found = None
    if settings.budget is not None:
        found = search(
            rows, settings.budget, seed=settings.seed, threads=settings.threads, done=trial_done
        )
    told = taught(rows, beside, settings.unlabelled, seed=settings.seed, threads=settings.threads)
    trained = train_material(
        told.rows,
        seed=settings.seed,
        params={**(found.best if found else {}), **settings.params},
        monotone=settings.monotone,
        threads=settings.threads,
    )
    return Learned(trained, found, len(beside.label), told)


def learned_from(
    table: pl.DataFrame, known: pl.DataFrame, inputs: list[Signal], settings: Settings
) -> Material:
    """Return the rows that `learn` would grow trees on; parameters as there."""
    train = train_rows(known)
    beside = _unlabelled(unlabelled_rows(table, known, settings), inputs)
    rows = material(train, train, inputs)
    return taught(
        rows, beside, settings.unlabelled, seed=settings.seed, threads=settings.threads
    ).rows


def _unlabelled(rows: pl.DataFrame, inputs: list[Signal]) -> Material:
    """Return rows without a label as material; their weight is 1, their label is never read."""
    posing = rows.select(
        label=pl.lit(0, dtype=pl.Int8), group=pl.col("address"), moment=pl.col("as_of")
    )
    return material(rows, posing, inputs)
