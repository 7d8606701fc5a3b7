"""Who is asked for, in order, without holding all their names where the store lists them anyway."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

import numpy as np
import polars as pl

from data.transfers import Transfers
from features.history import microseconds
from features.loading import numbers
from features.requests import Legs, Occurring, everybody, in_slices, leg_masks, with_codes


class Roll(Protocol):
    """The requests of a run.

    Attributes
    ----------
    code
        int32: address code of each, -1 for none.
    cut
        int64 microseconds.
    masks
        uint8: the legs in force, as bits.
    """

    code: np.ndarray
    cut: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int: ...

    def keys(self, first: int, end: int) -> pl.DataFrame:
        """Return some requests as `Histories.keys` has them, but for ``n_unvalued``; with codes."""
        ...


class Listed:
    """Requests from a list, or from a coverage table."""

    def __init__(
        self, transfers: Transfers, asked: pl.DataFrame, earliest: np.ndarray, legs: Legs
    ) -> None:
        names = transfers.scan_addresses()
        assert names is not None
        self._asked = legs.of(with_codes(asked, in_slices(names), earliest))
        self.code, self.cut = numbers(self._asked["code"]), numbers(self._asked["as_of"])
        self.masks = leg_masks(self._asked["legs"])

    def __len__(self) -> int:
        return len(self.code)

    def keys(self, first: int, end: int) -> pl.DataFrame:
        """Return some requests."""
        return self._asked[first:end]


class Everybody:
    """Every address that the transfers name, in the order of the store's dictionary."""

    def __init__(
        self, transfers: Transfers, codes: np.ndarray, legs: Legs, as_of: datetime
    ) -> None:
        names = transfers.scan_addresses()
        assert names is not None
        self._names, self._legs, self._as_of = names, legs, as_of
        self.code = codes
        self.cut = np.full(len(codes), microseconds(as_of))
        one = leg_masks(legs.of(pl.DataFrame({"chain": ["any"]}))["legs"])
        self.masks = np.full(len(codes), one[0])

    def __len__(self) -> int:
        return len(self.code)

    def keys(self, first: int, end: int) -> pl.DataFrame:
        """Return some requests."""
        codes = self.code[first:end]
        start, stop = (int(codes[0]), int(codes[-1]) + 1) if len(codes) else (0, 0)
        part = self._names.slice(start, stop - start).collect()
        return self._legs.of(everybody(part[codes - start], codes, self._as_of))


def called(
    transfers: Transfers,
    asked: pl.DataFrame | None,
    occurring: Occurring,
    legs: Iterable[str] | None,
    as_of: datetime,
) -> Roll:
    """Return the requests of a run, once it is known who occurs; None asks for everybody."""
    in_force = Legs(transfers, legs)
    if asked is None:
        return Everybody(transfers, occurring.codes(), in_force, as_of)
    return Listed(transfers, asked, occurring.earliest, in_force)
