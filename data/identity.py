"""Addresses as 64-bit numbers: a fixed hash, the same on every machine and in every version.

Strings are slow to group; numbers are not. `address_ids` maps "chain:address" to a signed 64-bit
integer with MurmurHash64A (Austin Appleby, public domain), seeded with the hash of the chain's
name. Two addresses with one id would merge two histories, so whoever groups by id compares
a second hash with another seed (`checked_address_ids`), and refuses a collision.
"""

from __future__ import annotations

import numba
import numpy as np
import polars as pl

from data.errors import Refused
from data.text_views import length_of, place_of, text_views, word_of

_M = np.uint64(0xC6A4A7935BD1E995)
_R = np.uint64(47)
_ID_SEED = np.uint64(0x9E3779B97F4A7C15)
_WORD = np.uint64(8)
_CHECK_SEED = np.uint64(0xD1B54A32D192ED03)


def address_ids(chain: pl.Series, address: pl.Series) -> np.ndarray:
    """Hash addresses to their ids.

    Parameters
    ----------
    chain, address
        String (or, for `chain`, categorical) columns of one length, without nulls.

    Returns
    -------
    numpy.ndarray
        int64, one id per row.

    Examples
    --------
    >>> one = address_ids(pl.Series(["tron"]), pl.Series(["TXYZ"]))
    >>> one.tolist() == address_ids(pl.Series(["tron"]), pl.Series(["TXYZ"])).tolist()
    True
    >>> one.tolist() == address_ids(pl.Series(["bsc"]), pl.Series(["TXYZ"])).tolist()
    False
    """
    return checked_address_ids(chain, address)[0]


def checked_address_ids(
    chain: pl.Series | str, address: pl.Series
) -> tuple[np.ndarray, np.ndarray]:
    """Hash addresses to their ids, and a second time, independently (both int64).

    Two addresses with one id but different second hashes are a collision. `chain` may be one name
    for all.
    """
    if isinstance(chain, str):
        names, codes = pl.Series([chain]), np.zeros(len(address), dtype=np.uint8)
    else:
        names = chain.unique().cast(pl.String).sort()
        codes = chain.cast(pl.Enum(names)).to_physical().to_numpy()
    seeds = [_hash_text(names, seed).view(np.uint64) for seed in (_ID_SEED, _CHECK_SEED)]
    ids, checks = np.empty((2, len(address)), dtype=np.uint64)
    for rows, text in text_views(address):
        murmur64a_twice(text.views, text.buffers, codes[rows], *seeds, ids[rows], checks[rows])
    return ids.view(np.int64), checks.view(np.int64)


def text_ids(text: pl.Series) -> np.ndarray:
    """Hash any strings, such as transaction ids, to int64."""
    return _hash_text(text, _ID_SEED)


def address_dictionary(chain: pl.Series, address: pl.Series) -> pl.DataFrame:
    """List every address once: ``id``, ``chain``, ``address``, sorted by chain and address.

    A store's codes are rows of this list.

    Raises
    ------
    Refused
        Two addresses share an id.
    """
    named = pl.DataFrame({"chain": chain, "address": address}).unique().sort("chain", "address")
    ids = pl.Series("id", address_ids(named["chain"], named["address"]))
    found = named.select(ids, "chain", "address")
    if ids.n_unique() != found.height:
        twice = found.filter(pl.col("id").is_duplicated()).sort("id")["address"].to_list()[:2]
        raise Refused(
            f"the addresses {twice[0]} and {twice[1]} have the same 64-bit id.",
            hint="Leave one of them out; their histories could not be told apart.",
        )
    return found


def with_address_ids(transfers: pl.DataFrame, addresses: pl.DataFrame) -> pl.DataFrame:
    """Add ids and codes of senders and receivers to a transfers table.

    Parameters
    ----------
    transfers
        With ``chain``, ``sender``, ``receiver``.
    addresses
        A dictionary (`address_dictionary`) that lists them all; a code is a row of it.
    """
    order = addresses["id"].arg_sort().to_numpy()
    ascending = addresses["id"].to_numpy()[order]
    columns = []
    for side in ("sender", "receiver"):
        ids = address_ids(transfers["chain"], transfers[side])
        codes = order[np.searchsorted(ascending, ids)]
        columns += [pl.Series(f"{side}_id", ids), pl.Series(f"{side}_code", codes, dtype=pl.Int32)]
    return transfers.with_columns(*columns[::2], *columns[1::2])


def _hash_text(text: pl.Series, seed: np.uint64) -> np.ndarray:
    out = np.empty(len(text), dtype=np.uint64)
    for rows, piece in text_views(text):
        murmur64a_each(piece.views, piece.buffers, seed, out[rows])
    return out.view(np.int64)


@numba.njit(nogil=True)
def murmur64a_each(
    views: np.ndarray, buffers: np.ndarray, seed: np.uint64, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Hash each string."""
    for i in range(len(out)):
        out[i], _ = _murmur64a(views[i, 0], views[i, 1], buffers, seed, seed)


@numba.njit(nogil=True)
def murmur64a_twice(
    views: np.ndarray,
    buffers: np.ndarray,
    codes: np.ndarray,
    id_seeds: np.ndarray,
    check_seeds: np.ndarray,
    ids: np.ndarray,
    checks: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Hash each string with both seeds of its chain."""
    for i in range(len(ids)):
        ids[i], checks[i] = _murmur64a(
            views[i, 0], views[i, 1], buffers, id_seeds[codes[i]], check_seeds[codes[i]]
        )


@numba.njit(nogil=True, inline="always")
def _murmur64a(
    head: np.uint64, tail: np.uint64, buffers: np.ndarray, one: np.uint64, two: np.uint64
) -> tuple[np.uint64, np.uint64]:  # pragma: no cover (compiled)
    """Hash a string with two seeds; what does not depend on the seed is worked out once."""
    length = length_of(head)
    place = place_of(head, tail, buffers)
    g, h = one ^ (length * _M), two ^ (length * _M)
    at = np.uint64(0)
    while at + _WORD <= length:
        k = word_of(head, tail, place, at) * _M
        k = (k ^ (k >> _R)) * _M
        g, h = (g ^ k) * _M, (h ^ k) * _M
        at += _WORD
    if at < length:
        k = word_of(head, tail, place, at)
        g, h = (g ^ k) * _M, (h ^ k) * _M
    return _finished(g), _finished(h)


@numba.njit(nogil=True, inline="always")
def _finished(h: np.uint64) -> np.uint64:  # pragma: no cover (compiled)
    h = (h ^ (h >> _R)) * _M
    return h ^ (h >> _R)
