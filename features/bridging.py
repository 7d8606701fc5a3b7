"""Bridging: how soon what came in went into a bridge, for the kernel of `features.cross_chain`."""

from __future__ import annotations

import numpy as np

from features.compilation import kernel
from features.history import HOUR, MICROSECONDS, WHAT, Columns, party_of
from features.matching import Pieces, match
from features.numeric import median_in_place

_BRIDGE = party_of("bridge")


@kernel
def typical_wait(
    columns: Columns, a: int, b: int, group: np.ndarray, last_in: np.ndarray, waits: np.ndarray
) -> float:  # pragma: no cover (compiled)
    """Return the median seconds from a coin's last receipt to its deposit into a bridge."""
    n = 0
    for j in range(a, b):
        coin = group[j - a]
        if columns.two_sided[j] and columns.incoming[j]:
            last_in[coin] = columns.time[j]
        elif columns.two_sided[j] and (columns.party[j] & WHAT) == _BRIDGE and last_in[coin] >= 0:
            waits[n] = columns.time[j] - last_in[coin]
            n += 1
    last_in[group] = -1
    return median_in_place(waits[:n]) / MICROSECONDS if n > 0 else np.nan


@kernel
def bridged_soon(
    columns: Columns, a: int, b: int, work: np.ndarray, into: np.ndarray
) -> int:  # pragma: no cover (compiled)
    """Return the value that went into bridges less than an hour after it came in."""
    where, value, n = work[0], work[1], 0
    for j in range(a, b):
        if columns.two_sided[j]:
            where[n], value[n], into[n] = j, columns.value[j], columns.incoming[j]
            n += 1
    pieces = Pieces(work[4], work[5], work[6])
    count = match(value[:n], into[:n], work[2], work[3], pieces)
    soon = 0
    for p in range(count):
        left, source = where[pieces.outflow[p]], where[pieces.inflow[p]]
        bridged = (columns.party[left] & WHAT) == _BRIDGE
        if bridged and columns.time[left] - columns.time[source] < HOUR:
            soon += pieces.value[p]
    return soon
