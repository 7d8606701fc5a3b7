"""Addresses as 64-bit numbers: a fixed hash, the same on every machine and in every version.

Strings are slow to group; numbers are not. `address_ids` maps "chain:address" to a signed 64-bit
integer with `data.wyhash`, seeded with the hash of the chain's name. Two addresses with one id
would merge two histories, so whoever groups by id compares a second hash with another seed
(`checked_address_ids`), and refuses a collision.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from data.errors import Refused
from data.text_views import text_views
from data.wyhash import hash_each, hash_each_twice

_ID_SEED = np.uint64(0x9E3779B97F4A7C15)
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
    seeds = np.stack([_hash_text(names, s).view(np.uint64) for s in (_ID_SEED, _CHECK_SEED)], 1)
    ids, checks = np.empty((2, len(address)), dtype=np.uint64)
    for rows, text in text_views(address):
        hash_each_twice(text.views, text.buffers, codes[rows], seeds, ids[rows], checks[rows])
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


def with_address_codes(transfers: pl.DataFrame, addresses: pl.DataFrame) -> pl.DataFrame:
    """Add the codes of senders and receivers to a transfers table.

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
        columns.append(pl.Series(f"{side}_code", codes, dtype=pl.Int32))
    return transfers.with_columns(columns)


def _hash_text(text: pl.Series, seed: np.uint64) -> np.ndarray:
    out = np.empty(len(text), dtype=np.uint64)
    for rows, piece in text_views(text):
        hash_each(piece.views, piece.buffers, seed, out[rows])
    return out.view(np.int64)
