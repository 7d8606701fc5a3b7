"""Address ids as small consecutive codes, so that per-address arrays can be indexed directly.

A hash table with linear probing; ids are hashes already, so their low bits choose the slot. A slot
holds a code alone, and what the code stands for lies in a list: both then stay small enough for the
caches, and what is not in them is fetched some steps before it is needed. Where the ids were hashed
in this run, each carries a second, independent hash, and an id that comes with two of them is a
collision.
"""

from __future__ import annotations

import numpy as np

from data.memory import address_of, fetch
from features.compilation import keep_compiled, kernel

_SLOT_BYTES, _KNOWN_BYTES = np.uint64(4), np.uint64(16)
_AHEAD = 16
"""Steps between asking for memory and using it."""


class Encoder:
    """Gives ids consecutive codes in order of first appearance, part after part.

    Attributes
    ----------
    known
        How many ids have a code.
    collided
        Whether two different addresses shared an id.

    Examples
    --------
    >>> encoder = Encoder()
    >>> encoder.encode(np.array([70, 80, 70]))
    (array([0, 1, 0], dtype=int32), array([0, 1]))
    >>> encoder.encode(np.array([80, 90]))
    (array([1, 2], dtype=int32), array([1]))
    """

    def __init__(self) -> None:
        for compiled in (_encode, _enter):
            keep_compiled(compiled)
        self.known, self.collided = 0, False
        self._slots = np.full(1 << 12, -1, dtype=np.int32)
        self._pairs = np.empty((len(self._slots) // 2, 2), dtype=np.int64)

    def encode(
        self, ids: np.ndarray, checks: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Code some more ids.

        Parameters
        ----------
        ids
            int64.
        checks
            A second hash for each id, or None where the ids are vouched for.

        Returns
        -------
        codes, first
            int32 codes; the positions where the codes that are new first appear (int64).
        """
        out, first = np.empty(len(ids), dtype=np.int32), np.empty(len(ids), dtype=np.int64)
        before = self.known
        checks = ids if checks is None else checks
        done = 0
        while True:  # the compiled loop stops when the table is half full; grow and go on
            done, self.known, collided = _encode(
                ids,
                checks,
                done,
                self.known,
                (self._slots, address_of(self._slots)),
                (self._pairs, address_of(self._pairs)),
                out,
                first[self.known - before :],
            )
            self.collided |= collided
            if done == len(ids):
                return out, first[: self.known - before].copy()
            self._grow()

    def _grow(self) -> None:
        self._slots = np.full(len(self._slots) * 4, -1, dtype=np.int32)
        pairs = np.empty((len(self._slots) // 2, 2), dtype=np.int64)
        pairs[: self.known] = self._pairs[: self.known]
        self._pairs = pairs
        _enter(self._pairs, self.known, self._slots)


@kernel
def _encode(
    ids: np.ndarray,
    checks: np.ndarray,
    done: int,
    known: int,
    table: tuple[np.ndarray, np.uint64],
    listed: tuple[np.ndarray, np.uint64],
    out: np.ndarray,
    first: np.ndarray,
) -> tuple[int, int, bool]:  # pragma: no cover (compiled)
    slots, slots_at = table
    pairs, pairs_at = listed
    mask, last = len(slots) - 1, len(ids) - 1
    start, collided = known, False
    for i in range(done, len(ids)):
        later = ids[min(i + 2 * _AHEAD, last)] & mask
        fetch(slots_at + np.uint64(later) * _SLOT_BYTES)
        soon = slots[ids[min(i + _AHEAD, last)] & mask]
        fetch(pairs_at + np.uint64(max(soon, 0)) * _KNOWN_BYTES)
        slot = ids[i] & mask
        while slots[slot] >= 0 and pairs[slots[slot], 0] != ids[i]:
            slot = (slot + 1) & mask
        code = slots[slot]
        if code < 0:
            if known >= len(pairs):
                return i, known, collided
            pairs[known, 0], pairs[known, 1] = ids[i], checks[i]
            code = np.int32(known)
            slots[slot] = code
            first[known - start] = i
            known += 1
        elif pairs[code, 1] != checks[i]:
            collided = True
        out[i] = code
    return len(ids), known, collided


@kernel
def _enter(pairs: np.ndarray, known: int, slots: np.ndarray) -> None:  # pragma: no cover (compiled)
    """Put all codes into an empty table."""
    mask = len(slots) - 1
    for code in range(known):
        slot = pairs[code, 0] & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = code
