"""Texts as small codes, piece after piece: addresses and assets of tables without stored codes."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.errors import Refused
from data.identity import checked_address_ids
from data.text_views import text_views
from data.wyhash import hash_each, hash_each_twice
from features.compilation import keep_compiled, kernel
from features.encoding import Encoder

_ODD, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)

_MOST_PLACES = 1 << 10
"""Beyond so many, places are not told apart faster than texts."""


class TextCodes:
    """Gives texts of chains consecutive codes in order of first appearance.

    One text on two chains is two.

    Examples
    --------
    >>> codes = TextCodes("assets")
    >>> codes.encode("tron", pl.Series(["b", "a", "b"]))
    array([0, 1, 0], dtype=int32)
    >>> codes.names()["text"].to_list()
    ['b', 'a']
    """

    def __init__(self, what: str) -> None:
        """Code some things; `what` they are is for the message."""
        for hashing in (hash_each_twice, hash_each):  # the second hashes the names of chains
            keep_compiled(hashing)
        self._what = what
        self._encoder = Encoder()
        self._found = [pl.DataFrame(schema={"chain": pl.String, "text": pl.String})]

    def encode(self, chain: pl.Series | str, text: pl.Series) -> np.ndarray:
        """Return int32 codes; `chain` may be one name for all.

        Raises
        ------
        Refused
            Two texts share an id.
        """
        codes, first = self._encoder.encode(*checked_address_ids(chain, text))
        if self._encoder.collided:
            raise Refused(f"two {self._what} among the transfers have the same 64-bit id.")
        if len(first):
            new = chain if isinstance(chain, str) else chain.gather(first)
            # added to nothing: a copy, which does not keep the whole piece in memory
            copied = text.gather(first).alias("text") + ""
            self._found.append(copied.to_frame().select(pl.lit(new).alias("chain"), "text"))
        return codes

    def encode_repeated(self, chain: pl.Series | str, text: pl.Series) -> np.ndarray:
        """Return the same, faster where few texts come often and there is one chain.

        Equal texts of a column that was stored with a dictionary lie at one place in memory, and
        places are told apart faster than texts.
        """
        if not isinstance(chain, str):
            return self.encode(chain, text)
        out, owner = np.empty(len(text), dtype=np.int32), None
        for rows, piece in text_views(text):
            if piece.owner is not owner:
                owner, places, codes = piece.owner, _Places(), np.empty(0, dtype=np.int32)
            numbers, first = places.number(piece.views)
            if numbers is None:
                return self.encode(chain, text)
            if len(first):
                codes = np.concatenate([codes, self.encode(chain, text[rows].gather(first))])
            out[rows] = codes[numbers]
        return out

    def names(self) -> pl.DataFrame:
        """Return ``chain`` and ``text`` of each code so far."""
        return pl.concat(self._found, rechunk=True)  # who gathers from one chunk is quick


class _Places:
    """Numbers the views of one column in order of first appearance, while they are few."""

    def __init__(self) -> None:
        keep_compiled(_number)
        self._known = 0
        self._views = np.zeros((_MOST_PLACES, 2), dtype=np.uint64)
        self._slots = np.full(4 * _MOST_PLACES, -1, dtype=np.int32)

    def number(self, views: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Return numbers (None: there are too many) and where the new ones first appear."""
        out = np.empty(len(views), dtype=np.int32)
        first = np.empty(_MOST_PLACES, dtype=np.int64)
        before = self._known
        self._known = _number(views, self._views, self._slots, before, out, first)
        if self._known < 0:
            return None, first[:0]
        return out, first[: self._known - before]


@kernel
def _number(
    views: np.ndarray,
    seen: np.ndarray,
    slots: np.ndarray,
    known: int,
    out: np.ndarray,
    first: np.ndarray,
) -> int:  # pragma: no cover (compiled)
    """Number views with a small hash table; return how many are known, -1 once it is full."""
    mask, start = np.uint64(len(slots) - 1), known
    for i in range(len(views)):
        head, tail = views[i, 0], views[i, 1]
        mixed = (head ^ (tail * _ODD)) * _ODD
        slot = (mixed >> _HALF) & mask
        number = slots[slot]
        while number >= 0 and (seen[number, 0] != head or seen[number, 1] != tail):
            slot = (slot + np.uint64(1)) & mask
            number = slots[slot]
        if number < 0:
            if known == len(seen):
                return -1
            number = np.int32(known)
            slots[slot] = number
            seen[number, 0], seen[number, 1] = head, tail
            first[known - start] = i
            known += 1
        out[i] = number
    return known
