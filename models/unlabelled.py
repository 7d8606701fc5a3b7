"""Unlabelled is not benign: what rows that nobody judged may teach.

Most addresses of a store have no label, and some of them launder. Three ways of using them, all by
the weights of training rows alone; the map from raw to calibrated score is fitted on labelled rows
whatever is chosen here:

* ``leave_out`` – they teach nothing;
* ``negative`` – they count as reviewed and found not to launder, which is wrong of some;
* ``elkan_noto`` – each counts as both: as positive with the chance that it is one, as negative with
  the rest (Elkan and Noto, Learning classifiers from only positive and unlabeled data, 2008,
  section 3). The chance follows from a first model that tells labelled positives from unlabelled
  rows, g(x), and from the share c of positives that are labelled:

      chance = (1 - c) / c * g(x) / (1 - g(x)), at most 1

  c is what a stated prior implies, or else the mean g over positives the first model did not see.
  It holds if positives are labelled at random, which they are not: large cases are found first.

Reviewed negatives stay what they are. `python -m benchmarks.unlabelled` measures all three, with
random and with selective labelling, and how much a wrong prior costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from data.errors import Refused
from models.material import Material
from models.out_of_fold import judged_by_others

METHODS = ("leave_out", "negative", "elkan_noto")

_LEAST = 0.005
"""A smaller chance is none: a row that counts so little as a positive only costs time."""


@dataclass(frozen=True)
class Unlabelled:
    """How unlabelled rows are used.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    prior : float, optional
        Share of positives among the unlabelled, for ``elkan_noto``; None: estimated.

    Raises
    ------
    Refused
        There is no such method; a prior outside (0, 1), or for a method that takes none.
    """

    method: str = "leave_out"
    prior: float | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise Refused(
                f"--unlabelled: there is no way {self.method!r}.",
                expected=f"one of {', '.join(METHODS)}",
            )
        if self.prior is not None and self.method != "elkan_noto":
            raise Refused(
                f"--unlabelled-prior says nothing to {self.method}.",
                hint="Give it with --unlabelled elkan_noto.",
            )
        if self.prior is not None and not 0 < self.prior < 1:
            raise Refused(
                f"--unlabelled-prior is {self.prior:g}.", expected="a share between 0 and 1"
            )


@dataclass(frozen=True)
class Taught:
    """Training rows with what the unlabelled add.

    Attributes
    ----------
    rows : Material
        The labelled rows, and the unlabelled ones once or twice, not `Material.certain`.
    labelled_share : float, optional
        c: which share of the positives is labelled, as assumed; None where no method asks.
    expected_positives : float
        How many of the unlabelled count as positive, weights summed.
    """

    rows: Material
    labelled_share: float | None
    expected_positives: float


def taught(
    rows: Material, unlabelled: Material, how: Unlabelled, *, seed: int = 1, threads: int = 1
) -> Taught:
    """Add unlabelled rows to labelled ones.

    Parameters
    ----------
    rows
        Labelled rows.
    unlabelled
        Rows without a label, of the same inputs; their `Material.label` is not read.
    how
        Which way.
    seed, threads
        Of the first model of ``elkan_noto``.
    """
    if how.method == "leave_out" or not len(unlabelled.label):
        return Taught(rows, None, 0.0)
    chance = np.zeros(len(unlabelled.label))
    share: float | None = None
    if how.method == "elkan_noto":
        chance, share = _chances(rows, unlabelled, how.prior, seed, threads)
    as_positive = chance >= _LEAST
    parts = [
        rows,
        _counted(unlabelled, 0.0, 1 - chance),
        _counted(unlabelled.take(as_positive), 1.0, chance[as_positive]),
    ]
    return Taught(_together(parts), share, float((unlabelled.weight * chance).sum()))


def _chances(
    rows: Material, unlabelled: Material, prior: float | None, seed: int, threads: int
) -> tuple[np.ndarray, float]:
    """Return the chance of each unlabelled row to be a positive, and c.

    The first model judges groups that it has not seen, or it would know which were labelled.
    """
    positives = rows.take(rows.label == 1)
    n = len(positives.label)
    first = _together([_counted(positives, 1.0, 1.0), _counted(unlabelled, 0.0, 1.0)], certain=True)
    seen = judged_by_others(first, seed=seed, threads=threads)
    seen_positive, seen_unlabelled = seen[first.label == 1], seen[first.label == 0]
    if prior is None:
        share = float((positives.weight * seen_positive).sum() / positives.weight.sum())
    else:
        share = n / (n + prior * len(unlabelled.label))
    share = min(max(share, 1e-3), 1 - 1e-9)
    odds = seen_unlabelled / np.maximum(1 - seen_unlabelled, 1e-12)
    return np.clip((1 - share) / share * odds, 0.0, 1.0), share


def _counted(rows: Material, label: float, weight: np.ndarray | float) -> Material:
    n = len(rows.label)
    return replace(
        rows,
        label=np.full(n, label),
        weight=rows.weight * weight,
        certain=np.zeros(n, dtype=bool),
    )


def _together(parts: list[Material], *, certain: bool = False) -> Material:
    """Put rows below each other; `certain`: stop on the latest of all of them."""
    n = sum(len(part.label) for part in parts)
    known = np.concatenate([part.certain for part in parts])
    return Material(
        keys=pl.concat([part.keys for part in parts]),
        inputs=np.concatenate([part.inputs for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
        signals=parts[0].signals,
        certain=np.ones(n, dtype=bool) if certain else known,
    )
