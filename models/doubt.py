"""Labels that the rest of the labels contradict: what to look at again, and what not to learn from.

Some labels are wrong: a reviewer cleared a mule, a list named the wrong address. Confident learning
(Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, 2021,
section 3) finds those that trees grown on other cases contradict with more confidence than they
usually have in the other class:

* a negative whose chance is at least the mean chance of all that are labelled positive;
* a positive whose chance is at most the mean chance of all that are labelled negative.

The thresholds are the model's own, so neither prevalence nor calibration matters. A doubt is **no
correction**: an unusual launderer is doubted too. So nothing is relabelled and nothing is left out
of training, which gained nothing where labels were wrong (`python -m benchmarks.label_noise`); a
doubted label is named, for a second look at the case.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from models.material import ROW_KEY, Material
from models.out_of_fold import judged_by_others


def doubted(rows: Material, chance: np.ndarray) -> np.ndarray:
    """Mark the labelled rows that trees grown on other groups contradict.

    Parameters
    ----------
    rows
        Labelled rows; of others, and where a class is missing, there is nothing to doubt.
    chance
        Of each row to be positive, as `models.out_of_fold.judged_by_others` returns it.

    Returns
    -------
    numpy.ndarray
        bool per row; False for rows that nobody judged.
    """
    positive, negative = rows.certain & (rows.label == 1), rows.certain & (rows.label == 0)
    if not positive.any() or not negative.any():
        return np.zeros(len(rows.label), dtype=bool)
    usual_positive = np.average(chance[positive], weights=rows.weight[positive])
    usual_negative = np.average(chance[negative], weights=rows.weight[negative])
    found = (negative & (chance >= usual_positive)) | (positive & (chance <= usual_negative))
    return np.asarray(found, dtype=bool)


def second_look(rows: Material, *, seed: int = 1, threads: int = 1) -> pl.DataFrame:
    """Return the doubted rows, most contradicted first.

    Returns
    -------
    polars.DataFrame
        `ROW_KEY`, ``label`` (1 or 0) and ``chance``: of being positive, as trees that did not see
        the case have it.
    """
    chance = judged_by_others(rows, seed=seed, threads=threads)
    against = np.where(rows.label == 1, 1 - chance, chance)
    return (
        rows.keys.select(ROW_KEY)
        .with_columns(
            label=pl.Series(rows.label.astype(np.int8)),
            chance=pl.Series(chance),
            _against=pl.Series(against),
        )
        .filter(pl.Series(doubted(rows, chance)))
        .sort("_against", *ROW_KEY, descending=[True, False, False, False])
        .drop("_against")
    )
