"""Codes of addresses, found fast: a sorted index of hashes, made once for a run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl


class Directory:
    """Finds addresses in a table of many, again and again.

    Examples
    --------
    >>> table = pl.DataFrame({"chain": ["tron", "bsc"], "address": ["T1", "0x2"]})
    >>> Directory().codes(table, [("bsc", "0x2"), ("bsc", "T1")])
    {('bsc', '0x2'): 1}
    """

    def __init__(self) -> None:
        self._table = pl.DataFrame()
        self._hashes, self._order = np.empty(0, np.uint64), np.empty(0, np.int64)

    def codes(
        self, table: pl.DataFrame, pairs: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], int]:
        """Return the rows in which some addresses stand, of those that are in the table.

        Parameters
        ----------
        table
            ``chain`` and ``address``, unique; indexed anew only where it is another object.
        pairs
            Chain and address of each.
        """
        if table is not self._table:
            hashes = _hashed(table)
            self._table, self._order = table, np.argsort(hashes, kind="stable")
            self._hashes = hashes[self._order]
        names = {"chain": pl.String(), "address": pl.String()}
        asked = pl.DataFrame(sorted(set(pairs)), schema=names, orient="row")
        wanted = _hashed(asked)
        first = np.searchsorted(self._hashes, wanted, side="left")
        last = np.searchsorted(self._hashes, wanted, side="right")
        found = {}
        for pair, start, end in zip(asked.iter_rows(), first.tolist(), last.tolist(), strict=True):
            for code in self._order[start:end].tolist():
                if table.row(code)[:2] == pair:
                    found[pair] = code
        return found


def _hashed(table: pl.DataFrame) -> np.ndarray:
    text = pl.concat_str("chain", pl.lit("\n"), "address")
    return table.select(text.hash(seed=1)).to_series().to_numpy()
