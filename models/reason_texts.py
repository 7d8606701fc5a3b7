"""The reasons of many scores as text, found for all of them together.

`models.explanation` makes an object of every contribution of a score, for an alert to be written
from. A scores file tells three reasons a row: only what is told is looked at here, and says the
same to the letter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from models.bundle import Bundle
from models.explanation import BLOCK, NO_REASON, SAME_STORY, said, taken_apart
from models.material import matrix
from models.standing import Standing, counted_enough, standing


def told_texts(
    bundle: Bundle, signals: pl.DataFrame, most: int = 3, *, threads: int = 1
) -> list[str]:
    """Return `reasons_text` of each row of a signals frame, without the rest of its explanation.

    Parameters
    ----------
    bundle, signals, threads
        As in `explain_rows`.
    most
        Reasons a row.
    """
    inputs = matrix(signals, bundle.facts.signals)
    if not len(inputs):
        return []
    parts, _ = taken_apart(bundle, inputs, bundle.log_odds(inputs, threads=threads), threads)
    counted = counted_enough(signals, bundle.inputs)
    texts = []
    for start in range(0, len(inputs), BLOCK):
        rows = slice(start, start + BLOCK)
        stands = standing(bundle, inputs[rows], counted[rows])
        texts += _told(bundle, inputs[rows], parts[rows], stands, most)
    return texts


def _told(
    bundle: Bundle, inputs: np.ndarray, parts: np.ndarray, stands: Standing, most: int
) -> list[str]:
    """Write the strongest reasons of some rows; only the values that are told are looked at."""
    names = list(bundle.facts.signals)
    story = _stories(names)
    by_name = np.argsort(np.argsort(np.array(names)))
    row, column = np.nonzero((parts > 0) & (stands.unusual != 0))
    order = np.lexsort((by_name[column], -parts[row, column], row))
    row, column = row[order], column[order]
    first = np.sort(np.unique(row * len(names) + story[column], return_index=True)[1])
    told: list[list[str]] = [[] for _ in range(len(inputs))]
    for at, i in zip(row[first].tolist(), column[first].tolist(), strict=True):
        if len(told[at]) < most:
            high = stands.unusual[at, i] == 1
            share = (stands.look_alikes_below if high else stands.look_alikes_above)[at, i]
            n = bundle.facts.look_alikes.defined[names[i]]
            told[at].append(said(names[i], inputs[at, i], high, share, n, parts[at, i]))
    return ["; ".join(reasons) or NO_REASON for reasons in told]


def _stories(names: Sequence[str]) -> np.ndarray:
    """Return a number per signal, the same for those that say the same."""
    heads = {name: names[0] for names in SAME_STORY for name in names}
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(heads.get(name, name), len(numbers)) for name in names])
