"""Laying transfers down: from one table in order of time to one run of memory per history."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import LEGS
from features.compilation import keep_compiled, kernel
from features.loading import Events, numbers

_ALL_LEGS = (1 << len(LEGS)) - 1

_BUCKET_BITS = 14
"""Transfers to a bucket, as a power of two: their arrays fit the second-level cache."""

_RECORD = 5
_MOST_RECORDS, _MOST_PASSES = 1 << 22, 8
"""Each pass over the transfers serves so many places that their records take little memory.

Fresh memory costs time too, but so does each pass; hence no more than a few.
"""

_MOST_ASSETS = 1 << 21
"""What a record's 21 bits can tell apart."""


class Seen(NamedTuple):
    """The transfers a kernel reads, as `Events` holds them; `amount` as 64 bits of any type."""

    sender: np.ndarray
    receiver: np.ndarray
    time: np.ndarray
    amount: np.ndarray
    tx: np.ndarray
    asset: np.ndarray
    leg_kind: np.ndarray
    valued: np.ndarray


class Asked(NamedTuple):
    """The requests.

    `first` of each address code, `following` of each request, legs in force, cut; `alone`: each
    address is asked for once; `alike`: every request sees every transfer that was read; `same`:
    codes are requests.
    """

    first: np.ndarray
    following: np.ndarray
    masks: np.ndarray
    cut: np.ndarray
    alone: bool
    alike: bool
    same: bool


class Laid(NamedTuple):
    """The histories' arrays, end to end, as they are laid."""

    time: np.ndarray
    amount: np.ndarray
    tx: np.ndarray
    source: np.ndarray
    counterparty: np.ndarray
    asset: np.ndarray
    incoming: np.ndarray
    two_sided: np.ndarray


_LAID_KINDS = (np.int64, np.int64, np.int32, np.int32, np.int32, np.int32, np.bool_, np.bool_)


def lay(
    events: Events, keys: pl.DataFrame, masks: np.ndarray
) -> tuple[Laid, np.ndarray, np.ndarray]:
    """Return the arrays, the offsets and, per request, how many transfers have no value.

    Writing transfers one by one to their places would miss the cache each time, so they go first
    into buckets of requests (few enough streams), then bucket by bucket to their places; a run of
    requests at a time.
    """
    for compiled in (_count, _partition, _place, _inflows_first):
        keep_compiled(compiled)
    first, following = _requests_by_code(numbers(keys["code"]), events.addresses.height)
    cut = numbers(keys["as_of"])
    alike = bool((masks == _ALL_LEGS).all() and (cut == cut[:1]).all())
    same = bool((first == np.arange(len(first))).all())
    asked = Asked(first, following, masks, cut, bool((following < 0).all()), alike, same)
    if len(events.asset_kind) > _MOST_ASSETS:
        raise Refused(f"{len(events.asset_kind):,} assets are more than can be told apart.")
    seen = Seen(
        events.sender, events.receiver, events.time, events.amount.view(np.int64), events.tx,
        events.asset, events.leg_kind, events.amount > 0,
    )  # fmt: skip
    counts, unvalued = np.zeros((2, keys.height), dtype=np.int64)
    _count(seen, asked, counts, unvalued)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    total = int(offsets[-1])
    laid = Laid(*(np.empty(total, kind) for kind in _LAID_KINDS))
    cuts = _passes(offsets)
    at, most = offsets[:-1].copy(), int(np.diff(offsets[cuts]).max(initial=0))
    records = np.empty((most, _RECORD), dtype=np.int64)
    for first_one, end in pairwise(cuts.tolist()):
        held = records[: offsets[end] - offsets[first_one]]
        _partition(seen, asked, offsets, first_one, end, held)
        _place(held, masks, at, laid)
    if not events.placed.all():
        _inflows_first(offsets, events.placed, laid)
    return laid, offsets, unvalued


def _passes(offsets: np.ndarray) -> np.ndarray:
    """Cut the requests into a few runs of about as many transfers each."""
    total = int(offsets[-1])
    size = max(_MOST_RECORDS, total // _MOST_PASSES + 1)
    marks = np.searchsorted(offsets[:-1], np.arange(size, total, size))
    return np.unique([0, *marks, len(offsets) - 1])


def _requests_by_code(code: np.ndarray, known: int) -> tuple[np.ndarray, np.ndarray]:
    """Chain the requests of one address: first request of a code, next request of a request."""
    first = np.full(known, -1, dtype=np.int32)
    following = np.full(len(code), -1, dtype=np.int32)
    _, representative = np.unique(code, return_index=True)
    alone = code[representative] >= 0
    first[code[representative[alone]]] = representative[alone]
    if len(representative) < len(code):  # an address asked for at several moments
        last: dict[int, int] = {}
        for request, c in enumerate(code.tolist()):
            if c >= 0 and c in last:
                following[last[c]] = request
            last[c] = request
    return first, following


@kernel
def _wanted(
    seen: Seen, asked: Asked, j: int, side: int, request: int
) -> bool:  # pragma: no cover (compiled)
    """Say whether a request sees transfer `j` from this side (0 in, 1 out)."""
    if asked.alike:
        return True
    leg = np.uint8(1) << np.uint8(2 * seen.leg_kind[j] + side)
    return seen.time[j] < asked.cut[request] and (asked.masks[request] & leg) != 0


@kernel
def _count(
    seen: Seen, asked: Asked, counts: np.ndarray, unvalued: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Count each request's transfers, with and without a value."""
    for j in range(len(seen.sender)):
        for side in range(2):
            own = seen.receiver[j] if side == 0 else seen.sender[j]
            request = own if asked.same else asked.first[own]
            while request >= 0:
                if _wanted(seen, asked, j, side, request):
                    if seen.valued[j]:
                        counts[request] += 1
                    else:
                        unvalued[request] += 1
                request = -1 if asked.alone else asked.following[request]


@kernel
def _partition(
    seen: Seen, asked: Asked, offsets: np.ndarray, first: int, end: int, records: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Copy the transfers of requests `first` up to `end` to their buckets, in table order.

    A record is time, amount, tx, request and counterparty, and row, asset and leg.
    """
    start = offsets[first]
    cursor = np.empty((len(records) >> _BUCKET_BITS) + 1, dtype=np.int64)
    bucket_of = np.empty(end - first, dtype=np.int32)
    for request in range(end - 1, first - 1, -1):
        bucket = (offsets[request] - start) >> _BUCKET_BITS
        bucket_of[request - first] = bucket
        cursor[bucket] = offsets[request] - start
    for j in range(len(seen.sender)):
        if not seen.valued[j]:
            continue
        for side in range(2):
            own, other = seen.receiver[j], seen.sender[j]
            if side == 1:
                own, other = other, own
            request = own if asked.same else asked.first[own]
            while request >= 0:
                if first <= request < end and _wanted(seen, asked, j, side, request):
                    bucket = bucket_of[request - first]
                    k = cursor[bucket]
                    cursor[bucket] = k + 1
                    records[k, 0], records[k, 1] = seen.time[j], seen.amount[j]
                    records[k, 2] = seen.tx[j]
                    records[k, 3] = (np.int64(request) << 32) | np.int64(other)
                    detail = (np.int64(seen.asset[j]) << 3) | (2 * seen.leg_kind[j] + side)
                    records[k, 4] = (np.int64(j) << 24) | detail
                request = -1 if asked.alone else asked.following[request]


@kernel
def _place(
    records: np.ndarray, masks: np.ndarray, at: np.ndarray, laid: Laid
) -> None:  # pragma: no cover (compiled)
    """Copy records to their places; `at` holds the next free place of each request."""
    for k in range(len(records)):
        request, detail = records[k, 3] >> 32, records[k, 4]
        leg = detail & 7
        place = at[request]
        at[request] = place + 1
        laid.time[place], laid.amount[place] = records[k, 0], records[k, 1]
        laid.tx[place] = records[k, 2]
        laid.counterparty[place] = records[k, 3] & 0xFFFFFFFF
        laid.source[place] = detail >> 24
        laid.asset[place] = (detail >> 3) & 0x1FFFFF
        laid.incoming[place] = (leg & 1) == 0
        laid.two_sided[place] = ((masks[request] >> (leg & 6)) & 3) == 3


@kernel
def _inflows_first(
    offsets: np.ndarray, placed: np.ndarray, laid: Laid
) -> None:  # pragma: no cover (compiled)
    """Put inflows before outflows within a moment, where a place in the block is unknown."""
    for i in range(len(offsets) - 1):
        start = offsets[i]
        while start < offsets[i + 1]:
            end, unplaced = start + 1, not placed[laid.source[start]]
            while end < offsets[i + 1] and laid.time[end] == laid.time[start]:
                unplaced |= not placed[laid.source[end]]
                end += 1
            if unplaced and end - start > 1:
                into = laid.incoming[start:end].copy()
                order = np.concatenate((np.flatnonzero(into), np.flatnonzero(~into)))
                laid.amount[start:end] = laid.amount[start:end][order]
                laid.tx[start:end] = laid.tx[start:end][order]
                laid.source[start:end] = laid.source[start:end][order]
                laid.counterparty[start:end] = laid.counterparty[start:end][order]
                laid.asset[start:end] = laid.asset[start:end][order]
                laid.incoming[start:end] = into[order]
                laid.two_sided[start:end] = laid.two_sided[start:end][order]
            start = end
