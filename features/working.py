"""Working memory of kernels: taken anew for each call, or cut from one that is brought along.

A kernel's working arrays hold as many entries as its longest history has transfers. For nearly all
histories that is little, and it is taken anew. For the history of a hub it is gigabytes, and
whoever calls brings it along as `Columns.room`: bytes that need not lie in memory
(`features.mapped`).
"""

from __future__ import annotations

import numpy as np

from features.compilation import kernel

ALIGNED = 64
"""Bytes: each working array begins at a multiple of it, from where the room begins."""

NO_ROOM = np.empty(0, np.uint8)
"""Where a kernel takes its own."""


@kernel
def carved(
    room: np.ndarray, n: int, kind: type[np.generic]
) -> tuple[np.ndarray, np.ndarray]:  # pragma: no cover (compiled)
    """Return a working array of `n` entries, with whatever is in it, and what is left of the room.

    Cut from the room, or taken anew where it is too small.
    """
    size = n * np.empty(0, kind).itemsize
    size = (size + ALIGNED - 1) // ALIGNED * ALIGNED
    if len(room) < size:
        return np.empty(n, kind), room
    return room[:size].view(kind)[:n], room[size:]


@kernel
def carved_rows(
    room: np.ndarray, rows: int, n: int
) -> tuple[np.ndarray, np.ndarray]:  # pragma: no cover (compiled)
    """Return so many working arrays of `n` int64, as the rows of one; and what is left."""
    flat, left = carved(room, rows * n, np.int64)
    return flat.reshape((rows, n)), left
