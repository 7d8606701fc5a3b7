"""The wanted rows of the transfers, piece by piece, so that the memory of one serves the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import polars as pl

from data.derived import leg_kind, placed
from data.schema import DERIVED_COLUMNS, TRANSFER_ORDER
from data.transfers import Transfers
from features.history import microseconds

_PIECE_ROWS = 1 << 18
"""A row group of the files that are written here."""


class Source:
    """Transfers before a moment that signals follow: neither screened nor fees.

    Attributes
    ----------
    height
        Rows of the files, wanted or not.
    chain
        The only chain, None where there are several.
    placed
        Whether every row's place in its block is known.
    coded
        Whether the store has derived columns, and a dictionary of addresses.
    known
        Addresses in that dictionary; 0 without one.
    """

    def __init__(self, transfers: Transfers, before: datetime) -> None:
        self._lazy = transfers.scan()
        self._before = microseconds(before)
        self._trusted = transfers.trusted
        derived = set(DERIVED_COLUMNS) <= set(self._lazy.collect_schema().names())
        self._listed = transfers.scan_addresses() if derived else None
        self.coded = self._listed is not None
        self.known = 0 if self._listed is None else self._listed.select(pl.len()).collect().item()
        self._leg_kind = pl.col("leg_kind") if derived else leg_kind()
        self._placed = pl.col("placed") if derived else placed()
        self.height, self.placed = self._lazy.select(pl.len(), self._placed.all()).collect().row(0)
        self.chain = self._only_chain()

    def dictionary(self) -> pl.DataFrame:
        """Return ``chain`` and ``address`` by code, of a store with derived columns."""
        assert self._listed is not None
        return self._listed.collect()

    @property
    def ordered(self) -> bool | None:
        """Whether the rows stand in the one order; None where they must be looked at."""
        if self._trusted:
            return True
        return None if self.placed and self.chain is not None else False

    def tells(self, column: str) -> bool:
        """Return whether some row has a value in a column."""
        some = self._lazy.select(column).drop_nulls().head(1).collect(engine="streaming")
        return some.height > 0

    def pieces(self, columns: Sequence[str | pl.Expr]) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
        """Read some columns, and ``block_time``, ``leg_kind`` and ``placed``.

        Yields the wanted rows of each piece, in the order of the files, and their row numbers.
        """
        always = ("block_time", self._leg_kind.alias("leg_kind"), self._placed.alias("placed"))
        lazy = self._lazy.select(*always, *columns)
        done = 0
        for piece in lazy.collect_batches(chunk_size=_PIECE_ROWS, maintain_order=True):
            rows = np.arange(done, done + piece.height, dtype=np.uint32)
            done += piece.height
            early = piece["block_time"].to_physical() < self._before
            wanted = early & piece["leg_kind"].is_not_null()
            if not wanted.all():
                piece, rows = piece.filter(wanted), rows[wanted.to_numpy()]
            yield piece, rows

    def read(self, column: str, rows: np.ndarray) -> pl.Series:
        """Read one column of some rows."""
        return self._lazy.select(column).collect().to_series().gather(rows)

    def sorted(self, rows: np.ndarray) -> np.ndarray:
        """Return the positions of some rows in the one order."""
        # Where positions are known they decide; transaction ids are read only where they must.
        keys = [c for c in TRANSFER_ORDER if c != "tx_id" or not self.placed]
        frame = pl.DataFrame([self.read(key, rows) for key in keys]).with_row_index("at")
        return frame.sort(keys, nulls_last=False, maintain_order=True)["at"].to_numpy()

    def _only_chain(self) -> str | None:
        if self._listed is not None:  # in order of chain
            ends = self._listed.select(first=pl.col("chain").first(), last=pl.col("chain").last())
            first, last = ends.collect().row(0)
            return first if first == last else None
        chain = pl.col("chain")
        facts = self._lazy.select(chain.first(), alone=(chain == chain.first()).all())
        first, alone = facts.collect().row(0)
        return first if alone else None


class Ascent:
    """Whether rows ascend by some keys, seen part after part.

    Examples
    --------
    >>> ascent = Ascent()
    >>> ascent.see([np.array([1, 1]), np.array([5, 6])])
    >>> ascent.see([np.array([1, 2]), np.array([6, 0])])
    >>> ascent.holds
    True
    >>> ascent.see([np.array([1]), np.array([9])])
    >>> ascent.holds
    False
    """

    def __init__(self) -> None:
        self.holds = True
        self._last: list[np.ndarray] = []

    def see(self, keys: Sequence[np.ndarray]) -> None:
        """Look at more rows, given by key."""
        if not len(keys[0]):
            return
        equal = np.ones(len(keys[0]), dtype=bool)
        for key, last in zip(keys, self._last or [key[:1] for key in keys], strict=True):
            before = np.concatenate([last, key[:-1]])
            self.holds &= not np.any(equal & (key < before))
            equal &= key == before
        self._last = [key[-1:].copy() for key in keys]
