"""Which transfers are the first from their sender to their receiver."""

from __future__ import annotations

from typing import Any

import numpy as np

from data.memory import address_of, fetch
from features.compilation import keep_compiled, kernel

_ODD = np.uint64(0x9E3779B97F4A7C15)
_SLOT_BYTES = np.uint64(8)
_AHEAD = 24
"""Steps between asking for memory and using it."""


def first_of_pair(table: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Say of each transfer whether it is the first that counts from its sender to its receiver.

    Parameters
    ----------
    table
        Records with ``sender`` and ``receiver``, in order.
    counts
        Per transfer: whether it counts.
    """
    keep_compiled(_first)
    bits = 10
    while (1 << bits) < 1.5 * np.count_nonzero(counts):
        bits += 1
    slots = np.full(1 << bits, -1, dtype=np.int64)
    found = np.zeros(len(counts), dtype=np.bool_)
    _first(table, counts, slots, address_of(slots), np.uint64(64 - bits), found)
    return found


@kernel
def _first(
    table: np.ndarray,
    counts: np.ndarray,
    slots: np.ndarray,
    slots_at: np.uint64,
    shift: np.uint64,
    found: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Enter each pair into a hash table with linear probing, where it is not yet there."""
    mask, last = len(slots) - 1, len(table) - 1
    for j in range(len(table)):
        fetch(slots_at + _slot(_pair(table[min(j + _AHEAD, last)]), shift) * _SLOT_BYTES)
        if not counts[j]:
            continue
        pair = _pair(table[j])
        slot = np.int64(_slot(pair, shift))
        while slots[slot] >= 0 and slots[slot] != pair:
            slot = (slot + 1) & mask
        found[j] = slots[slot] < 0
        slots[slot] = pair


@kernel
def _pair(event: Any) -> int:  # pragma: no cover (compiled)
    return (np.int64(event.sender) << 32) | event.receiver


@kernel
def _slot(pair: int, shift: np.uint64) -> np.uint64:  # pragma: no cover (compiled)
    return (np.uint64(pair) * _ODD) >> shift
