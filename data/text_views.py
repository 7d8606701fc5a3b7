"""A string column as it lies in memory, for compiled code: views of 16 bytes, and the long texts.

A view (Apache Arrow's ``string_view``) is two 64-bit words. The low half of the first is the
length. A text of up to 12 bytes follows in the view itself; of a longer one the second word says
which buffer it lies in (low half) and where (high half). Nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
import polars as pl

from data.memory import WORD_BYTES, word_at

_PIECE_ROWS = 1 << 15
_INLINE = 12
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class TextViews(NamedTuple):
    """Some strings. `views`: uint64, two a row; `buffers`: the address of each buffer.

    `owner` keeps the memory alive and is nothing to compiled code.
    """

    views: np.ndarray
    buffers: np.ndarray
    owner: object


def text_views(text: pl.Series) -> Iterator[tuple[slice, TextViews]]:
    """Yield a string column without nulls in pieces, each with the rows it covers.

    Pieces are small enough for what is worked out from one to stay in the cache.
    """
    if text.null_count():
        raise ValueError("Addresses and transaction ids must not be null.")
    done = 0
    for chunk in text.get_chunks():
        if chunk.is_empty():
            continue
        array = chunk.to_arrow(compat_level=pl.CompatLevel.newest())
        _, views, *long = array.buffers()
        rows = np.frombuffer(views, dtype=np.uint64).reshape(-1, 2)
        rows = rows[array.offset : array.offset + len(array)]
        addresses = [0 if buffer is None else buffer.address for buffer in long]
        buffers = np.array([*addresses, 0], dtype=np.uint64)
        for start in range(0, len(rows), _PIECE_ROWS):
            piece = rows[start : start + _PIECE_ROWS]
            yield slice(done, done + len(piece)), TextViews(piece, buffers, array)
            done += len(piece)


@numba.njit(nogil=True, inline="always")
def length_of(head: np.uint64) -> np.uint64:  # pragma: no cover (compiled)
    """Return the length of a text from the first word of its view, in bytes."""
    return head & _LOW


@numba.njit(nogil=True, inline="always")
def place_of(
    head: np.uint64, tail: np.uint64, buffers: np.ndarray
) -> np.uint64:  # pragma: no cover (compiled)
    """Return where a text too long for its view begins; 0 for one that is not."""
    if head & _LOW <= np.uint64(_INLINE):
        return np.uint64(0)
    return buffers[tail & _LOW] + (tail >> _HALF)


@numba.njit(nogil=True, inline="always")
def word_of(
    head: np.uint64, tail: np.uint64, place: np.uint64, start: np.uint64
) -> np.uint64:  # pragma: no cover (compiled)
    """Return the eight bytes of a text from byte `start` on; zeros where it has ended.

    Nothing beyond its end is read: a word that would reach over it is read from earlier on.
    """
    length = head & _LOW
    if length <= start:
        return np.uint64(0)
    rest = length - start
    if length <= np.uint64(_INLINE):
        late = tail >> _HALF  # bytes 8 to 11
        if start >= np.uint64(WORD_BYTES):
            word = late >> (np.uint64(8) * (start - np.uint64(WORD_BYTES)))
        else:
            word = (head >> _HALF) | (tail << _HALF)
            if start > np.uint64(0):
                shift = np.uint64(8) * start
                word = (word >> shift) | (late << (np.uint64(64) - shift))
    elif rest >= np.uint64(WORD_BYTES):
        return word_at(place + start)
    else:
        word = word_at(place + length - np.uint64(WORD_BYTES))
        return word >> (np.uint64(8) * (np.uint64(WORD_BYTES) - rest))
    if rest < np.uint64(WORD_BYTES):
        word &= (np.uint64(1) << (np.uint64(8) * rest)) - np.uint64(1)
    return word
