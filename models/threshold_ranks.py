"""Ranks: each input's place among the thresholds that a model compares it with, in one byte.

A model asks thousands of questions of the form "is the input at most t", about some hundred inputs.
If `rank` is the number of thresholds below the input, the answer is "no" exactly where
`rank > position of t`: found once per input and row, it answers all of them, compared as bytes.

A question also says which way a row goes whose input is missing. So each rank has two columns: one
in which what is missing goes left everywhere (rank 0), one in which it goes right (rank 255). An
input with more than 255 thresholds is ranked among them piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from features.compilation import keep_compiled, kernel
from models.tree_text import DEFAULT_LEFT, NAN, NEARLY_ZERO, ZERO, Tree

HIGHEST = 255
"""The rank that is above every position, and the number of thresholds in a piece."""


class Question(NamedTuple):
    """Where a question is answered: "right" where the rank in `column` is above `limit`."""

    column: int
    limit: int


class Pieces(NamedTuple):
    """Thresholds by input and by what it counts as missing, at most 255 together.

    Attributes
    ----------
    feature : numpy.ndarray
        int64 per piece: the input.
    nan_is_missing, zero_is_missing : numpy.ndarray
        bool per piece; where NaN is not missing it is read as 0.
    steps : numpy.ndarray
        int64 per piece: halvings until a place is found.
    thresholds : numpy.ndarray
        float64, a row of 255 per piece, ascending, then infinity.
    """

    feature: np.ndarray
    nan_is_missing: np.ndarray
    zero_is_missing: np.ndarray
    steps: np.ndarray
    thresholds: np.ndarray


def pieces(trees: Iterable[Tree]) -> tuple[Pieces, dict[tuple[int, int, float], Question]]:
    """Gather the thresholds of all trees, and say where each question is answered.

    Returns
    -------
    pieces : Pieces
        For `rank`.
    questions : dict
        By feature, kind and threshold of a node.
    """
    asked: dict[tuple[int, int], dict[float, set[int]]] = {}
    for tree in trees:
        columns = (tree.feature.tolist(), tree.kind.tolist(), tree.threshold.tolist())
        for feature, kind, threshold in zip(*columns, strict=True):
            kinds = asked.setdefault((feature, kind >> 2), {}).setdefault(threshold, set())
            kinds.add(kind)
    keys: list[tuple[int, int]] = []
    chunks: list[list[float]] = []
    questions: dict[tuple[int, int, float], Question] = {}
    for key, thresholds in sorted(asked.items()):
        ascending = sorted(thresholds)
        for start in range(0, len(ascending), HIGHEST):
            for limit, threshold in enumerate(ascending[start : start + HIGHEST]):
                for kind in thresholds[threshold]:
                    column = 2 * len(keys) + (not kind & DEFAULT_LEFT)
                    questions[key[0], kind, threshold] = Question(column, limit)
            keys.append(key)
            chunks.append(ascending[start : start + HIGHEST])
    return _pieces(keys, chunks), questions


def _pieces(keys: list[tuple[int, int]], chunks: list[list[float]]) -> Pieces:
    asked = np.array(keys, dtype=np.int64).reshape(-1, 2)
    padded = [chunk + [np.inf] * (HIGHEST - len(chunk)) for chunk in chunks]
    return Pieces(
        feature=asked[:, 0].copy(),
        nan_is_missing=asked[:, 1] == NAN,
        zero_is_missing=asked[:, 1] == ZERO,
        steps=np.array([len(chunk).bit_length() for chunk in chunks], dtype=np.int64),
        thresholds=np.array(padded, dtype=np.float64).reshape(-1, HIGHEST),
    )


def rank(found: Pieces, inputs: np.ndarray, ranks: np.ndarray) -> None:
    """Fill the two columns of ranks of every piece.

    Parameters
    ----------
    inputs
        float64, one row per address.
    ranks
        uint8, two rows per piece and at least as many columns as `inputs` has rows; filled here.

    Examples
    --------
    >>> some = Pieces(*(np.array(c) for c in ([0], [True], [False], [2], [[1.0, 2.0, np.inf]])))
    >>> ranks = np.zeros((2, 4), dtype=np.uint8)
    >>> rank(some, np.array([[1.0], [1.5], [7.0], [np.nan]]), ranks)
    >>> ranks.tolist()
    [[0, 1, 2, 0], [0, 1, 2, 255]]
    """
    keep_compiled(_rank)
    height = len(inputs)
    _rank(found, inputs, NEARLY_ZERO, np.empty(height), np.empty(height, dtype=np.int64), ranks)


@kernel
def _rank(
    found: Pieces,
    inputs: np.ndarray,
    nearly_zero: float,
    value: np.ndarray,
    place: np.ndarray,
    ranks: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Halve all rows of a piece together, so that several are looked up at once."""
    for piece in range(len(found.feature)):
        feature, nan_is_missing = found.feature[piece], found.nan_is_missing[piece]
        for row in range(len(inputs)):
            given = inputs[row, feature]
            if abs(given) <= nearly_zero or (given != given and not nan_is_missing):
                given = 0.0
            value[row], place[row] = given, 0
        thresholds = found.thresholds[piece]
        for step in range(found.steps[piece] - 1, -1, -1):
            ahead = (1 << step) - 1
            for row in range(len(inputs)):
                place[row] += (thresholds[place[row] + ahead] < value[row]) << step
        zero_is_missing = found.zero_is_missing[piece]
        for row in range(len(inputs)):
            missing = value[row] != value[row] or (zero_is_missing and value[row] == 0)
            ranks[2 * piece, row] = 0 if missing else place[row]
            ranks[2 * piece + 1, row] = 255 if missing else place[row]
