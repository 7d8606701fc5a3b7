"""Labels that the rest of the labels contradict: what to look at again, and what not to learn from.

Some labels are wrong: a reviewer cleared a mule, a list named the wrong address. Confident learning
(Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, 2021,
section 3) finds those that trees grown on other cases contradict with more confidence than they
usually have in the other class:

* a negative whose chance is at least the mean chance of all that are labelled positive;
* a positive whose chance is at most the mean chance of all that are labelled negative.

The thresholds are the model's own, so neither prevalence nor calibration matters. A doubt is **no
correction**: an unusual launderer is doubted too. So nothing is ever relabelled; a doubted row is
named for a second look, and can be left out of training (`METHODS`), never out of validation or
test. `python -m benchmarks.label_noise` measures what that is worth where labels are wrong, and
what it costs where they are right.
"""

from __future__ import annotations

import numpy as np

from models.material import Material
from models.out_of_fold import judged_by_others

METHODS = ("keep", "leave_out")


def doubted(rows: Material, *, seed: int = 1, threads: int = 1) -> np.ndarray:
    """Mark the labelled rows that trees grown on other groups contradict.

    Parameters
    ----------
    rows
        Labelled rows of both classes; of others there is nothing to doubt.
    seed
        Of the folds and the trees.
    threads
        Changes the time it takes, never the result.

    Returns
    -------
    numpy.ndarray
        bool per row; False for rows that nobody judged.
    """
    chance = judged_by_others(rows, seed=seed, threads=threads)
    positive, negative = rows.certain & (rows.label == 1), rows.certain & (rows.label == 0)
    if not positive.any() or not negative.any():
        return np.zeros(len(rows.label), dtype=bool)
    usual_positive = np.average(chance[positive], weights=rows.weight[positive])
    usual_negative = np.average(chance[negative], weights=rows.weight[negative])
    found = (negative & (chance >= usual_positive)) | (positive & (chance <= usual_negative))
    return np.asarray(found, dtype=bool)
