"""Address ids as small consecutive codes, so that per-address arrays can be indexed directly.

A hash table with linear probing; ids are hashes already, so their low bits choose the slot. Where
the ids were hashed in this run, each carries a second, independent hash, and an id that comes with
two of them is a collision.
"""

from __future__ import annotations

import numpy as np

from features.compilation import keep_compiled, kernel


def encode(
    ids: tuple[np.ndarray, ...], checks: tuple[np.ndarray, ...] | None = None
) -> tuple[tuple[np.ndarray, ...], np.ndarray, bool]:
    """Give ids consecutive codes in order of first appearance.

    Parameters
    ----------
    ids
        int64 arrays, read one after another as if they were joined.
    checks
        A second hash for each id, or None where the ids are vouched for.

    Returns
    -------
    codes, first, collided
        int32 codes for each array; per code the position of its first appearance in the joined
        arrays (int64); whether two different addresses shared an id.
    """
    for compiled in (_encode, _rehash):
        keep_compiled(compiled)
    table = _new_table(1 << 12)
    codes, firsts = [], []
    position, known, collided = 0, 0, False
    for k, part in enumerate(ids):
        check = part if checks is None else checks[k]
        out = np.empty(len(part), dtype=np.int32)
        first = np.empty(len(part), dtype=np.int64)
        done = 0
        while True:  # the compiled loop stops when the table is half full; grow and go on
            done, known_now, collided_now = _encode(
                part, check, done, known, position, table, out, first[: len(part)]
            )
            collided |= collided_now
            firsts.append(first[: known_now - known].copy())
            known = known_now
            if done == len(part):
                break
            table = _grown(table)
        codes.append(out)
        position += len(part)
    return tuple(codes), np.concatenate([np.empty(0, np.int64), *firsts]), collided


def _new_table(slots: int) -> np.ndarray:
    """Make a table of id, check and code per slot, side by side for the cache; code -1: free."""
    return np.full((slots, 3), -1, dtype=np.int64)


def _grown(table: np.ndarray) -> np.ndarray:
    larger = _new_table(len(table) * 4)
    _rehash(table, larger)
    return larger


@kernel
def _encode(
    ids: np.ndarray,
    checks: np.ndarray,
    done: int,
    known: int,
    position: int,
    table: np.ndarray,
    out: np.ndarray,
    first: np.ndarray,
) -> tuple[int, int, bool]:  # pragma: no cover (compiled)
    mask = len(table) - 1
    room = len(table) // 2
    start, collided = known, False
    for i in range(done, len(ids)):
        slot = ids[i] & mask
        while table[slot, 2] >= 0 and table[slot, 0] != ids[i]:
            slot = (slot + 1) & mask
        if table[slot, 2] < 0:
            if known >= room:
                return i, known, collided
            table[slot, 0], table[slot, 1], table[slot, 2] = ids[i], checks[i], known
            first[known - start] = position + i
            known += 1
        elif table[slot, 1] != checks[i]:
            collided = True
        out[i] = table[slot, 2]
    return len(ids), known, collided


@kernel
def _rehash(table: np.ndarray, larger: np.ndarray) -> None:  # pragma: no cover (compiled)
    mask = len(larger) - 1
    for i in range(len(table)):
        if table[i, 2] >= 0:
            slot = table[i, 0] & mask
            while larger[slot, 2] >= 0:
                slot = (slot + 1) & mask
            larger[slot] = table[i]
