"""wyhash v4.2 of strings (Wang Yi, public domain): a 64-bit hash made of wide products.

A string of 42 characters takes four products, of which a processor does one in a few cycles. Every
string is hashed with two seeds at once, since what is read of it serves both.
"""

from __future__ import annotations

import numba
import numpy as np

from data.memory import product, word_at
from data.text_views import length_of, place_of, word_of

_S0 = np.uint64(0x2D358DCCAA6C78A5)
_S1 = np.uint64(0x8BB84B93962EACC9)
_S2 = np.uint64(0x4B33A62ED433D4A3)
_S3 = np.uint64(0x4D5A2DA51DE1AA47)

_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_ZERO, _ONE, _TWO, _THREE, _FOUR = (np.uint64(n) for n in (0, 1, 2, 3, 4))
_WORD, _SHORT, _BLOCK = np.uint64(8), np.uint64(16), np.uint64(48)


@numba.njit(nogil=True)
def hash_each(
    views: np.ndarray, buffers: np.ndarray, seed: np.uint64, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Hash each string."""
    ready = _ready(seed)
    for i in range(len(out)):
        out[i], _ = _hashes(views[i, 0], views[i, 1], buffers, ready, ready)


@numba.njit(nogil=True)
def hash_each_twice(
    views: np.ndarray,
    buffers: np.ndarray,
    codes: np.ndarray,
    seeds: np.ndarray,
    ids: np.ndarray,
    checks: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Hash each string with both seeds of its code: a row of `seeds`, uint64."""
    ready = np.empty_like(seeds)
    for k in range(len(seeds)):
        ready[k, 0], ready[k, 1] = _ready(seeds[k, 0]), _ready(seeds[k, 1])
    for i in range(len(ids)):
        one, two = ready[codes[i], 0], ready[codes[i], 1]
        ids[i], checks[i] = _hashes(views[i, 0], views[i, 1], buffers, one, two)


@numba.njit(nogil=True)
def _mixed(a: np.uint64, b: np.uint64) -> np.uint64:  # pragma: no cover (compiled)
    low, high = product(a, b)
    return low ^ high


@numba.njit(nogil=True)
def _ready(seed: np.uint64) -> np.uint64:  # pragma: no cover (compiled)
    """Return what a seed becomes before it meets the first string."""
    return seed ^ _mixed(seed ^ _S0, _S1)


@numba.njit(nogil=True)
def _hashes(
    head: np.uint64, tail: np.uint64, buffers: np.ndarray, g: np.uint64, h: np.uint64
) -> tuple[np.uint64, np.uint64]:  # pragma: no cover (compiled)
    """Hash the string of a view with two seeds."""
    length, place = length_of(head), place_of(head, tail, buffers)
    if length <= _SHORT:
        a, b = _ends_of_short(head, tail, place)
    else:
        g, h = _absorbed(place, length, g, h)
        a, b = word_at(place + length - _SHORT), word_at(place + length - _WORD)
    return _finished(a, b, g, length), _finished(a, b, h, length)


@numba.njit(nogil=True)
def _ends_of_short(
    head: np.uint64, tail: np.uint64, place: np.uint64
) -> tuple[np.uint64, np.uint64]:  # pragma: no cover (compiled)
    """Return two words that hold all of a string of up to 16 bytes."""
    length = length_of(head)
    if length < _FOUR:
        word = word_of(head, tail, place, _ZERO)
        if length == _ZERO:
            return _ZERO, _ZERO
        first, middle = word & np.uint64(255), (word >> (_WORD * (length >> _ONE))) & np.uint64(255)
        last = (word >> (_WORD * (length - _ONE))) & np.uint64(255)
        return (first << np.uint64(16)) | (middle << _WORD) | last, _ZERO
    step = (length >> _THREE) << _TWO
    end = length - _FOUR
    a = (_four(head, tail, place, _ZERO) << _HALF) | _four(head, tail, place, step)
    b = (_four(head, tail, place, end) << _HALF) | _four(head, tail, place, end - step)
    return a, b


@numba.njit(nogil=True)
def _four(
    head: np.uint64, tail: np.uint64, place: np.uint64, at: np.uint64
) -> np.uint64:  # pragma: no cover (compiled)
    return word_of(head, tail, place, at) & _LOW


@numba.njit(nogil=True)
def _absorbed(
    place: np.uint64, length: np.uint64, g: np.uint64, h: np.uint64
) -> tuple[np.uint64, np.uint64]:  # pragma: no cover (compiled)
    """Take in a string of more than 16 bytes, but for its last 16 or fewer."""
    rest = length
    if rest >= _BLOCK:
        g1, g2, h1, h2 = g, g, h, h
        while rest >= _BLOCK:
            g, h = _taken(place, _S1, g, h)
            g1, h1 = _taken(place + _SHORT, _S2, g1, h1)
            g2, h2 = _taken(place + _SHORT + _SHORT, _S3, g2, h2)
            place, rest = place + _BLOCK, rest - _BLOCK
        g, h = g ^ g1 ^ g2, h ^ h1 ^ h2
    while rest > _SHORT:
        g, h = _taken(place, _S1, g, h)
        place, rest = place + _SHORT, rest - _SHORT
    return g, h


@numba.njit(nogil=True)
def _taken(
    place: np.uint64, secret: np.uint64, g: np.uint64, h: np.uint64
) -> tuple[np.uint64, np.uint64]:  # pragma: no cover (compiled)
    """Take in 16 bytes."""
    a, b = word_at(place) ^ secret, word_at(place + _WORD)
    return _mixed(a, b ^ g), _mixed(a, b ^ h)


@numba.njit(nogil=True)
def _finished(
    a: np.uint64, b: np.uint64, seed: np.uint64, length: np.uint64
) -> np.uint64:  # pragma: no cover (compiled)
    low, high = product(a ^ _S1, b ^ seed)
    return _mixed(low ^ _S0 ^ length, high ^ _S1)
