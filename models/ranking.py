"""Ranks of scores that come in parts, kept in a few bytes of each.

Only the scores themselves are kept. Equal scores are ranked by chain, address and moment, so where
rows do not come in that order, the names of those that share their score are looked up again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import polars as pl

KEY = ("chain", "address", "as_of")


class Ranking:
    """Ranks rows by their log-odds, from the highest; those without have no rank.

    Examples
    --------
    >>> part = pl.DataFrame({"chain": ["tron"] * 3, "address": ["T3", "T1", "T2"],
    ...     "as_of": [None] * 3, "log_odds": [-1.0, -1.0, 2.5]})
    >>> ranking = Ranking()
    >>> ranking.add(part)
    >>> ranking.ranks(lambda: [part]).tolist()
    [3, 2, 1]
    """

    def __init__(self) -> None:
        self._odds: list[np.ndarray] = []
        self._last: pl.DataFrame | None = None
        self._ascends = True

    def add(self, part: pl.DataFrame) -> None:
        """Look at further rows: `KEY` and ``log_odds``, null where there is none."""
        self._odds.append(part["log_odds"].fill_null(np.nan).to_numpy().astype(np.float64))
        if self._ascends and part.height:
            keys = part.select(KEY)
            joined = keys if self._last is None else pl.concat([self._last, keys])
            self._ascends = _ascends(joined)
            self._last = keys.tail(1)

    def ranks(self, again: Callable[[], Iterable[pl.DataFrame]]) -> np.ndarray:
        """Return the ranks of all rows (int64), 0 for none.

        Parameters
        ----------
        again
            Yields the parts once more, with `KEY` at least.
        """
        odds = np.concatenate([np.empty(0), *self._odds])
        known = np.flatnonzero(~np.isnan(odds))
        order = known[np.argsort(-odds[known], kind="stable")]
        if not self._ascends:
            order = _by_name(order, odds[order], again)
        ranks = np.zeros(len(odds), dtype=np.int64)
        ranks[order] = np.arange(1, len(order) + 1)
        return ranks


def _ascends(keys: pl.DataFrame) -> bool:
    """Say whether rows stand by `KEY`, equal ones included."""
    higher, equal = pl.lit(False), pl.lit(True)
    for name in KEY:
        here, later = pl.col(name), pl.col(name).shift(-1)
        higher = higher | (equal & (here > later))
        equal = equal & here.eq_missing(later)
    return not keys.select(higher.head(max(0, keys.height - 1)).any()).item()


def _by_name(
    order: np.ndarray, odds: np.ndarray, again: Callable[[], Iterable[pl.DataFrame]]
) -> np.ndarray:
    """Put rows of equal odds, which stand together in `order`, into the order of their names."""
    same = odds[1:] == odds[:-1]
    shared = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    if not len(shared):
        return order
    group = np.cumsum(np.insert(~same, 0, True))[shared]
    held = pl.DataFrame({"row": order[shared], "group": group})
    named = pl.concat(_named(again(), order[shared]))
    found = held.join(named, on="row", how="left", maintain_order="left")
    out = order.copy()
    out[shared] = found.sort("group", *KEY, "row")["row"].to_numpy()
    return out


def _named(parts: Iterable[pl.DataFrame], wanted: np.ndarray) -> Iterator[pl.DataFrame]:
    """Yield the names of some rows, with their numbers."""
    chosen = np.sort(wanted)
    first = 0
    for part in parts:
        a, b = np.searchsorted(chosen, [first, first + part.height]).tolist()
        yield part.select(KEY)[chosen[a:b] - first].with_columns(row=pl.Series(chosen[a:b]))
        first += part.height
