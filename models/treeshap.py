"""Exact TreeSHAP, path dependent, for many rows: what LightGBM's `pred_contrib` returns, sooner.

LightGBM walks every tree anew for every row and carries all subsets of the way along: hundreds of
times the cost of the prediction. What a row can meet in a shallow tree is finite, and is tabulated
once per model (`models.shapley_tables`); a row is then its ranks (`models.threshold_ranks`), and a
look-up for some leaves at a time. A model that does not fit (deep or categorical trees, several
classes, linear leaves, tables beyond their cap) is given to LightGBM; the result means the same.

The tables cost as much to make as LightGBM takes for some hundred rows, and are made at first use.
The same row gives the same bits alone, in company, and on any number of threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.memory import aligned_zeros
from models.shapley_tables import LARGEST, Tables, add_up, tables
from models.threshold_ranks import Pieces, pieces, rank
from models.tree_text import read_trees

if TYPE_CHECKING:
    import lightgbm

BLOCK = 2048
"""Rows that are taken through all tables together; a multiple of 64."""

_LINE = 64


class Tabulated(NamedTuple):
    """A model as ranks and tables.

    Attributes
    ----------
    pieces, tables
        See there.
    base : float
        The mean raw output over the training rows.
    """

    pieces: Pieces
    tables: Tables
    base: float


class TreeShap:
    """The contributions of one model.

    Parameters
    ----------
    booster
        A ``lightgbm.Booster``; not changed, and not to be changed afterwards.
    largest
        Bytes that its tables may take; beyond them LightGBM computes.
    """

    def __init__(self, booster: lightgbm.Booster, *, largest: int = LARGEST):
        self._booster = booster
        self._largest = largest

    def contributions(self, inputs: np.ndarray, *, threads: int = 1) -> np.ndarray:
        """Return what ``booster.predict(inputs, pred_contrib=True)`` returns.

        Parameters
        ----------
        inputs
            One row per address, one column per input of the model, NaN for null.
        threads
            Changes the time it takes, never a bit of the result.

        Returns
        -------
        numpy.ndarray
            float64, per row the contributions and then the base, which add up to the raw score.

        Raises
        ------
        ValueError
            The inputs are not as many as the model's.

        Examples
        --------
        >>> import lightgbm
        >>> inputs = np.arange(40.0).reshape(20, 2)
        >>> data = lightgbm.Dataset(inputs, label=inputs[:, 0] > 15)
        >>> options = {"objective": "binary", "min_data_in_leaf": 3, "verbosity": -1}
        >>> booster = lightgbm.train(options, data, num_boost_round=3)
        >>> found = TreeShap(booster).contributions(inputs)
        >>> bool(np.allclose(found.sum(axis=1), booster.predict(inputs, raw_score=True)))
        True
        """
        given = np.asarray(inputs, dtype=np.float64)
        wanted = self._booster.num_feature()
        if given.ndim != 2 or given.shape[1] != wanted:
            raise ValueError(f"expected rows of {wanted} inputs, got the shape {given.shape}")
        if self.tabulated is None:
            found = self._booster.predict(given, pred_contrib=True, num_threads=threads)
            return np.asarray(found)
        return _looked_up(self.tabulated, given, max(1, threads))

    @cached_property
    def tabulated(self) -> Tabulated | None:
        """The model's tables, or None where it does not fit them."""
        trees = read_trees(self._booster.model_to_string())
        if trees is None:
            return None
        ranked, questions = pieces(trees)
        found = tables(trees, questions, self._booster.num_feature(), self._largest)
        base = sum((tree.expected() for tree in trees), 0.0)
        return None if found is None else Tabulated(ranked, found, base)


def _looked_up(model: Tabulated, inputs: np.ndarray, threads: int) -> np.ndarray:
    out = np.empty((len(inputs), inputs.shape[1] + 1))
    out[:, -1] = model.base
    share = -(-len(inputs) // threads)
    each = max(BLOCK, -(-share // BLOCK) * BLOCK)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        begun = [
            pool.submit(_fill, model, inputs[start : start + each], out[start : start + each])
            for start in range(0, len(inputs), each)
        ]
        for one in begun:
            one.result()
    return out


def _fill(model: Tabulated, inputs: np.ndarray, out: np.ndarray) -> None:
    """Write the contributions of some rows, block by block, in memory that all blocks share."""
    height = min(BLOCK, -(-len(inputs) // _LINE) * _LINE)
    n_features = inputs.shape[1]
    ranks = _rows(2 * len(model.pieces.feature), height, np.dtype(np.uint8))
    sums = _rows(n_features + 1, height, np.dtype(np.float64))
    answers = aligned_zeros(height, np.dtype(np.uint8))
    for start in range(0, len(inputs), height):
        block = inputs[start : start + height]
        rank(model.pieces, block, ranks)
        sums[:] = 0
        add_up(model.tables, len(block), ranks, answers, sums)
        out[start : start + height, :-1] = sums[:n_features, : len(block)].T


def _rows(n: int, height: int, kind: np.dtype) -> np.ndarray:
    """Return rows of zeros that begin with lines of the cache; one more line between two rows.

    Rows a power of two apart would all fall into the same few places of the cache.
    """
    apart = height + _LINE // kind.itemsize
    return aligned_zeros(n * apart, kind).reshape(n, apart)[:, :height]
