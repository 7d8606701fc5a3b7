"""Texts as small codes, piece after piece: addresses and assets of tables without stored codes."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.errors import Refused
from data.identity import checked_address_ids, murmur64a_each, murmur64a_twice
from data.text_views import text_views
from features.compilation import keep_compiled
from features.encoding import Encoder

_ODD, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


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
        for hashing in (murmur64a_twice, murmur64a_each):  # the second hashes the names of chains
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
                owner, places, codes = piece.owner, Encoder(), np.empty(0, dtype=np.int32)
            head, tail = np.ascontiguousarray(piece.views.T)
            mixed = head ^ (tail * _ODD)
            mixed ^= mixed >> _HALF  # the low bits choose the slot
            known, first = places.encode(mixed.view(np.int64), head.view(np.int64))
            if places.collided:  # a number and a head say which view it is, the number hardly ever
                return self.encode(chain, text)
            if len(first):
                new = self.encode(chain, text[rows].gather(first))
                codes = np.concatenate([codes, new])
            out[rows] = codes[known]
        return out

    def names(self) -> pl.DataFrame:
        """Return ``chain`` and ``text`` of each code so far."""
        return pl.concat(self._found, rechunk=True)  # who gathers from one chunk is quick
