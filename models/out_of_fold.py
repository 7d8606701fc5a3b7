"""What a model says of rows that it did not learn from: trees grown on the other groups."""

from __future__ import annotations

import numpy as np
import polars as pl

from models.material import Material
from models.metrics import logistic
from models.training import PARAMETERS, grown

FOLDS = 3


def judged_by_others(rows: Material, *, seed: int, threads: int) -> np.ndarray:
    """Return the chance of each row to be positive, by trees grown on other groups.

    Parameters
    ----------
    rows
        At least one group; of one group alone nothing is known, and its chance is one half.
    seed
        Of the folds and the trees.
    threads
        Changes the time it takes, never the result.
    """
    of_row = folds(rows.keys["group"], seed)
    found = np.full(len(rows.label), 0.5)
    for held in range(FOLDS):
        here = of_row == held
        if here.any() and not here.all():
            raw = grown(rows.take(~here), PARAMETERS, seed, threads)
            found[here] = logistic(raw(rows.inputs[here]))
    return found


def folds(group: pl.Series, seed: int) -> np.ndarray:
    """Return the fold (0 to `FOLDS` - 1) of each row; a group keeps together.

    >>> folds(pl.Series(["a", "b", "a", "c"]), seed=1).tolist()
    [0, 1, 0, 2]
    """
    names = group.unique().sort()
    order = np.random.default_rng(seed).permutation(len(names)) % FOLDS
    return group.replace_strict(names, pl.Series(order), return_dtype=pl.Int64).to_numpy()
