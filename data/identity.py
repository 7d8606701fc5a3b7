"""Addresses as 64-bit numbers: a fixed hash, the same on every machine and in every version.

Strings are slow to group; numbers are not. `address_ids` maps "chain:address" to a signed 64-bit
integer with MurmurHash64A (Austin Appleby, public domain), seeded with the hash of the chain's
name. Two addresses with one id would merge two histories, so whoever groups by id compares
`address_checks`, a second hash with another seed, and refuses a collision.
"""

from __future__ import annotations

import numba
import numpy as np
import polars as pl

from data.errors import Refused

_M = np.uint64(0xC6A4A7935BD1E995)
_R = np.uint64(47)
_ID_SEED = np.uint64(0x9E3779B97F4A7C15)
_CHECK_SEED = np.uint64(0xD1B54A32D192ED03)


def address_ids(chain: pl.Series, address: pl.Series) -> np.ndarray:
    """Hash addresses to their ids.

    Parameters
    ----------
    chain, address
        String columns of one length; nulls are not allowed.

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
    return _hash_pairs(chain, address, _ID_SEED)


def address_checks(chain: pl.Series, address: pl.Series) -> np.ndarray:
    """Hash addresses a second time, independently of `address_ids` (int64)."""
    return _hash_pairs(chain, address, _CHECK_SEED)


def text_ids(text: pl.Series) -> np.ndarray:
    """Hash any strings, such as transaction ids, to int64."""
    seeds = np.full(len(text), _ID_SEED, dtype=np.uint64)
    return _hash_text(text, seeds)


def address_dictionary(transfers: pl.DataFrame) -> pl.DataFrame:
    """Return every address of a transfers table once, with its id.

    Parameters
    ----------
    transfers
        With ``chain``, ``sender``, ``receiver``, ``sender_id``, ``receiver_id``.

    Returns
    -------
    polars.DataFrame
        ``id``, ``chain``, ``address``, sorted by chain and address.

    Raises
    ------
    Refused
        Two addresses share an id.
    """
    sides = [
        transfers.select("chain", id=pl.col(f"{side}_id"), address=pl.col(side)).unique()
        for side in ("sender", "receiver")
    ]
    found = pl.concat(sides).unique().sort("chain", "address").select("id", "chain", "address")
    if found["id"].n_unique() != found.height:
        twice = found.filter(pl.col("id").is_duplicated()).sort("id")["address"].to_list()[:2]
        raise Refused(
            f"the addresses {twice[0]} and {twice[1]} have the same 64-bit id.",
            hint="Leave one of them out; their histories could not be told apart.",
        )
    return found


def _hash_pairs(chain: pl.Series, address: pl.Series, seed: np.uint64) -> np.ndarray:
    names = chain.unique().sort()
    by_code = _hash_text(names, np.full(len(names), seed, dtype=np.uint64)).view(np.uint64)
    codes = chain.cast(pl.Enum(names)).to_physical().to_numpy()
    return _hash_text(address, by_code[codes])


def _hash_text(text: pl.Series, seeds: np.ndarray) -> np.ndarray:
    if text.null_count():
        raise ValueError("Addresses and transaction ids must not be null.")
    array = text.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets_buffer, bytes_buffer = array.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[
        array.offset : array.offset + len(array) + 1
    ]
    size = int(offsets[-1]) if len(text) else 0
    padded = np.zeros(size // 8 + 2, dtype=np.uint64)  # whole words may be read at the end
    if size:
        padded.view(np.uint8)[:size] = np.frombuffer(bytes_buffer, dtype=np.uint8)[:size]
    out = np.empty(len(text), dtype=np.uint64)
    _murmur64a(padded, offsets, seeds, out)
    return out.view(np.int64)


@numba.njit(nogil=True)
def _murmur64a(
    words: np.ndarray, offsets: np.ndarray, seeds: np.ndarray, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    for i in range(len(out)):
        start, length = offsets[i], offsets[i + 1] - offsets[i]
        h = seeds[i] ^ (np.uint64(length) * _M)
        for at in range(start, start + length - length % 8, 8):
            k = _word(words, at) * _M
            k = (k ^ (k >> _R)) * _M
            h = (h ^ k) * _M
        rest = length % 8
        if rest:
            mask = (np.uint64(1) << np.uint64(8 * rest)) - np.uint64(1)
            h = (h ^ (_word(words, start + length - rest) & mask)) * _M
        h = (h ^ (h >> _R)) * _M
        out[i] = h ^ (h >> _R)


@numba.njit(nogil=True, inline="always")
def _word(words: np.ndarray, at: int) -> np.uint64:  # pragma: no cover (compiled)
    """Read the eight bytes from byte `at` on, aligned or not."""
    shift = np.uint64(8 * (at & 7))
    low = words[at >> 3] >> shift
    if shift == np.uint64(0):
        return low
    return low | (words[(at >> 3) + 1] << (np.uint64(64) - shift))
