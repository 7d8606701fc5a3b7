"""What the values of a table hash to, whatever file format, parts or order of columns it came in.

A column is laid out as arrays first: which are null, how long texts are, what the values are. Then
any run of its rows is hashed without being laid out again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from data.storage import ROW_GROUP_ROWS


def content_hash(frame: pl.DataFrame) -> str:
    """Return a SHA-256 of the values of a table, whatever the column order or file format.

    The order of the rows counts. Floats are hashed by their bits, with one NaN.

    >>> a = pl.DataFrame({"x": [1, 2], "y": ["a", None]})
    >>> content_hash(a) == content_hash(a.select("y", "x"))
    True
    >>> content_hash(a) == content_hash(a.reverse())
    False
    """
    whole = ContentHash()
    whole.add(frame)
    return whole.hexdigest()


class ContentHash:
    """The `content_hash` of a table that comes in parts.

    >>> whole, a = ContentHash(), pl.DataFrame({"x": [1, None, 3]})
    >>> for part in a.iter_slices(2):
    ...     whole.add(part)
    >>> whole.hexdigest() == content_hash(a)
    True
    """

    def __init__(self) -> None:
        self._rows = 0
        self._columns: dict[str, _ColumnHash] = {}

    def add(self, part: pl.DataFrame) -> None:
        """Add further rows, of the same columns; one column is laid out at a time."""
        self._rows += part.height
        for column in part.iter_columns():
            for start in range(0, max(1, part.height), ROW_GROUP_ROWS):
                rows = column[start : start + ROW_GROUP_ROWS]
                self._add(_laid_out(rows), 0, len(rows))

    def add_rows(self, part: Sequence[LaidOut], start: int, end: int) -> None:
        """Add the rows from `start` to before `end` of a table that was `laid_out`."""
        self._rows += end - start
        for column in part:
            self._add(column, start, end)

    def _add(self, column: LaidOut, start: int, end: int) -> None:
        if column.name not in self._columns:
            self._columns[column.name] = _ColumnHash(column.dtype)
        self._columns[column.name].add(column, start, end)

    def hexdigest(self) -> str:
        """Return the hash of the rows so far."""
        digest = hashlib.sha256()
        for name, column in sorted(self._columns.items()):
            digest.update(f"{name}:{column.dtype}:{self._rows}".encode())
            digest.update(column.digest())
        return digest.hexdigest()


class _ColumnHash:
    """The hash of one column: which are null, how long texts are, what the values are."""

    def __init__(self, dtype: pl.DataType) -> None:
        self.dtype = dtype
        self._nulls, self._lengths, self._values = (hashlib.sha256() for _ in range(3))

    def digest(self) -> bytes:
        return self._nulls.digest() + self._lengths.digest() + self._values.digest()

    def add(self, column: LaidOut, start: int, end: int) -> None:
        self._nulls.update(column.nulls[start:end].data)
        if column.ends is None:
            self._values.update(column.values[start:end].data)
        else:
            self._lengths.update(np.diff(column.ends[start : end + 1]).data)
            self._values.update(column.values[column.ends[start] : column.ends[end]].data)


class LaidOut(NamedTuple):
    """A column as its hash reads it, to hash many parts of it without laying out each.

    Attributes
    ----------
    nulls
        uint8: 1 where it is null.
    values
        A number a row; of text, all bytes in a row.
    ends
        Of text alone: where in `values` each row ends, after a 0.
    """

    name: str
    dtype: pl.DataType
    nulls: np.ndarray
    values: np.ndarray
    ends: np.ndarray | None = None


def laid_out(table: pl.DataFrame) -> list[LaidOut]:
    """Lay out the columns of a table for `ContentHash.add_rows`."""
    return [_laid_out(column) for column in table.iter_columns()]


def _laid_out(column: pl.Series) -> LaidOut:
    name, dtype = column.name, column.dtype
    nulls = column.is_null().cast(pl.UInt8).to_numpy()
    if dtype.is_float():
        floats = np.ascontiguousarray(column.fill_null(0.0).to_numpy())
        if (odd := np.isnan(floats)).any():  # there are many; one stands for all
            floats = np.where(odd, floats.dtype.type(np.nan), floats)
        return LaidOut(name, dtype, nulls, floats)
    if dtype.is_integer() or dtype == pl.Boolean:
        return LaidOut(name, dtype, nulls, column.cast(pl.Int64).fill_null(0).to_numpy())
    if dtype.is_temporal():
        moments = column.to_physical().cast(pl.Int64).fill_null(0)
        return LaidOut(name, dtype, nulls, moments.to_numpy())
    text = column.cast(pl.String).fill_null("")
    ends = np.zeros(len(text) + 1, dtype=np.int64)
    np.cumsum(text.str.len_bytes().cast(pl.Int64).to_numpy(), out=ends[1:])
    whole = text.str.join("").item().encode()  # joined they are one text
    return LaidOut(name, dtype, nulls, np.frombuffer(whole, np.uint8), ends)
