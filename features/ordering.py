"""Sorting texts by their first bytes, read as one number: numbers sort several times faster.

Addresses of one chain differ within their first dozen characters but for a handful, and only that
handful is compared as text.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from data.text_views import place_of, text_views, word_of
from features.compilation import keep_compiled, kernel


def text_order(text: pl.Series) -> np.ndarray:
    """Return the positions of distinct texts in ascending order of their bytes.

    Examples
    --------
    >>> text_order(pl.Series(["0xb", "0xa", "0xab"])).tolist()
    [1, 2, 0]
    """
    if len(text) < 2:
        return np.arange(len(text))
    keep_compiled(_leading_words)
    common = np.uint64(_shared(str(text.min()).encode(), str(text.max()).encode()))
    words = np.empty(len(text), dtype=np.uint64)
    for rows, piece in text_views(text):
        _leading_words(piece.views, piece.buffers, common, words[rows])
    words.byteswap(inplace=True)  # the first byte weighs most
    order = np.argsort(words)
    words = words[order]
    equal = np.concatenate([[False], words[1:] == words[:-1], [False]])
    alike = np.flatnonzero(equal[1:] | equal[:-1])
    if len(alike):
        undecided = order[alike]
        order[alike] = undecided[text.gather(undecided).arg_sort().to_numpy()]
    return order


def _shared(least: bytes, greatest: bytes) -> int:
    """Return how many bytes the least and the greatest text begin with alike: so do all between."""
    differ = (k for k, (a, b) in enumerate(zip(least, greatest, strict=False)) if a != b)
    return next(differ, min(len(least), len(greatest)))


@kernel
def _leading_words(
    views: np.ndarray, buffers: np.ndarray, start: np.uint64, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    for i in range(len(out)):
        place = place_of(views[i, 0], views[i, 1], buffers)
        out[i] = word_of(views[i, 0], views[i, 1], place, start)
