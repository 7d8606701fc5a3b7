"""Buckets: requests in their order, cut so that the transfers of each bucket fit into memory.

A bucket is a run of requests, hence what is computed bucket after bucket comes in the order asked
for. A transfer goes to the buckets of its sender's and its receiver's requests, to each once, and
within a bucket the transfers keep their order. So a bucket is a small set of transfers like any
other, and histories are built from it by the code that builds them in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.compilation import keep_compiled, kernel
from features.laying import Asked, within

MOST_REQUESTS = 1 << 18
"""Of one bucket: names and coverage of so many take little memory."""


@dataclass(frozen=True)
class Buckets:
    """The cut.

    Attributes
    ----------
    starts
        The first request of each bucket, and how many requests there are.
    of_request
        The bucket of each.
    transfers
        How many each bucket holds at most (one between two of its requests is counted twice).
    """

    starts: np.ndarray
    of_request: np.ndarray
    transfers: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def requests(self, bucket: int) -> tuple[int, int]:
        """Return the first request of a bucket, and that of the next one."""
        return int(self.starts[bucket]), int(self.starts[bucket + 1])


def cut(transfers: np.ndarray, most: int) -> Buckets:
    """Cut requests into buckets of at most so many transfers; one that has more is alone.

    Parameters
    ----------
    transfers
        Of each request.

    Examples
    --------
    >>> cut(np.array([3, 2, 9, 1, 1]), 5).starts.tolist()
    [0, 2, 3, 5]
    """
    ends = np.cumsum(transfers)
    starts, held = [0], []
    while starts[-1] < len(transfers):
        first = starts[-1]
        before = int(ends[first - 1]) if first else 0
        fitting = int(np.searchsorted(ends, before + most, side="right"))
        end = min(max(first + 1, fitting), first + MOST_REQUESTS, len(transfers))
        starts.append(end)
        held.append(int(ends[end - 1]) - before)
    if not held:  # nobody is asked for: one bucket with nobody in it
        starts, held = [0, 0], [0]
    of_request = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
    return Buckets(np.array(starts, dtype=np.int64), of_request, np.array(held))


def share_out(table: np.ndarray, asked: Asked, buckets: Buckets) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of transfers bucket by bucket, and where each bucket's begin."""
    keep_compiled(_share_out)
    return _share_out(table, asked, buckets.of_request, len(buckets))


@kernel
def _share_out(
    table: np.ndarray, asked: Asked, of_request: np.ndarray, buckets: int
) -> tuple[np.ndarray, np.ndarray]:  # pragma: no cover (compiled)
    """Find out how many go to each bucket, and then which."""
    starts = np.zeros(buckets + 1, np.int64)
    order, at = np.empty(0, np.int64), starts
    for is_second in range(2):
        latest = np.full(buckets, -1, np.int64)
        for j in range(len(table)):
            event = table[j]
            for side in range(2):
                request = asked.first[event.receiver if side == 0 else event.sender]
                while request >= 0:
                    bucket = of_request[request]
                    if latest[bucket] < j and within(
                        event.time, asked.cut[request], event.detail, asked.masks[request], side
                    ):
                        latest[bucket] = j
                        if is_second:
                            order[at[bucket]] = j
                            at[bucket] += 1
                        else:
                            starts[bucket + 1] += 1
                    request = asked.following[request]
        if not is_second:
            starts = np.cumsum(starts)
            order, at = np.empty(starts[-1], np.int64), starts.copy()
    return order, starts
