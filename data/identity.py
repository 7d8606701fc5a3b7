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

_M = np.uint64(0xC6A4A7935BD1E995)
_R = np.uint64(47)
_ID_SEED = np.uint64(0x9E3779B97F4A7C15)
_PIECE_ROWS = 1 << 15
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
    for rows in _pieces(len(address)):
        words, offsets = _words(address[rows])
        murmur64a_twice(words, offsets, codes[rows], *seeds, ids[rows], checks[rows])
    return ids.view(np.int64), checks.view(np.int64)


def text_ids(text: pl.Series) -> np.ndarray:
    """Hash any strings, such as transaction ids, to int64."""
    return _hash_text(text, _ID_SEED)


def with_address_ids(transfers: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add ids and codes of senders and receivers to a transfers table, and list its addresses.

    Parameters
    ----------
    transfers
        With ``chain``, ``sender``, ``receiver``.

    Returns
    -------
    transfers, addresses
        The table with its derived columns; every address once (``id``, ``chain``, ``address``,
        sorted by chain and address). A code is a row of it.

    Raises
    ------
    Refused
        Two addresses share an id.
    """
    sides = ("sender", "receiver")
    transfers = transfers.with_columns(
        pl.Series(f"{side}_id", address_ids(transfers["chain"], transfers[side])) for side in sides
    )
    addresses = _address_dictionary(transfers)
    order = addresses["id"].arg_sort().to_numpy()
    ascending = addresses["id"].to_numpy()[order]
    return transfers.with_columns(
        pl.Series(
            f"{side}_code",
            order[np.searchsorted(ascending, transfers[f"{side}_id"].to_numpy())],
            dtype=pl.Int32,
        )
        for side in sides
    ), addresses


def _address_dictionary(transfers: pl.DataFrame) -> pl.DataFrame:
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


def _hash_text(text: pl.Series, seed: np.uint64) -> np.ndarray:
    out = np.empty(len(text), dtype=np.uint64)
    for rows in _pieces(len(text)):
        words, offsets = _words(text[rows])
        murmur64a_each(words, offsets, seed, out[rows])
    return out.view(np.int64)


def _pieces(length: int) -> list[slice]:
    """Cut rows into pieces whose bytes stay in the cache between copying and hashing."""
    return [slice(start, start + _PIECE_ROWS) for start in range(0, length, _PIECE_ROWS)]


def _words(text: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of all strings as 64-bit words, and where each string starts."""
    if text.null_count():
        raise ValueError("Addresses and transaction ids must not be null.")
    array = text.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets_buffer, bytes_buffer = array.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[
        array.offset : array.offset + len(array) + 1
    ]
    size = int(offsets[-1]) if len(text) else 0
    words = np.empty(size // 8 + 2, dtype=np.uint64)  # whole words may be read at the end
    words[-2:] = 0
    if size:
        words.view(np.uint8)[:size] = np.frombuffer(bytes_buffer, dtype=np.uint8)[:size]
    return words, offsets


@numba.njit(nogil=True)
def murmur64a_each(
    words: np.ndarray, offsets: np.ndarray, seed: np.uint64, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Hash each string."""
    for i in range(len(out)):
        out[i] = _murmur64a(words, offsets[i], offsets[i + 1] - offsets[i], seed)


@numba.njit(nogil=True)
def murmur64a_twice(
    words: np.ndarray,
    offsets: np.ndarray,
    codes: np.ndarray,
    id_seeds: np.ndarray,
    check_seeds: np.ndarray,
    ids: np.ndarray,
    checks: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Hash each string with both seeds of its chain."""
    for i in range(len(ids)):
        start, length = offsets[i], offsets[i + 1] - offsets[i]
        ids[i] = _murmur64a(words, start, length, id_seeds[codes[i]])
        checks[i] = _murmur64a(words, start, length, check_seeds[codes[i]])


@numba.njit(nogil=True, inline="always")
def _murmur64a(
    words: np.ndarray, start: int, length: int, seed: np.uint64
) -> np.uint64:  # pragma: no cover (compiled)
    h = seed ^ (np.uint64(length) * _M)
    for at in range(start, start + length - length % 8, 8):
        k = _word(words, at) * _M
        k = (k ^ (k >> _R)) * _M
        h = (h ^ k) * _M
    rest = length % 8
    if rest:
        mask = (np.uint64(1) << np.uint64(8 * rest)) - np.uint64(1)
        h = (h ^ (_word(words, start + length - rest) & mask)) * _M
    h = (h ^ (h >> _R)) * _M
    return h ^ (h >> _R)


@numba.njit(nogil=True, inline="always")
def _word(words: np.ndarray, at: int) -> np.uint64:  # pragma: no cover (compiled)
    """Read the eight bytes from byte `at` on, aligned or not."""
    shift = np.uint64(8 * (at & 7))
    low = words[at >> 3] >> shift
    if shift == np.uint64(0):
        return low
    return low | (words[(at >> 3) + 1] << (np.uint64(64) - shift))
