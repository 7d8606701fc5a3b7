"""Laying transfers down: from one table in order of time to one run of memory per history.

Writing transfers one by one to their places would miss the cache each time. So only their numbers
go first into buckets of requests (few enough streams to write to), and then, bucket by bucket, the
transfers are fetched from the table and written to places that the cache holds together.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from data.memory import address_of, fetch
from data.schema import LEGS
from features.compilation import keep_compiled, kernel
from features.events import ASSET_SHIFT, EVENT, LEG_KIND, PLACED, Events
from features.loading import numbers

_ALL_LEGS = (1 << len(LEGS)) - 1

_BUCKET_BITS = 14
"""Transfers to a bucket, as a power of two: their arrays fit the second-level cache."""

_MOST_MARKS, _MOST_PASSES = 1 << 25, 4
"""Each pass over the transfers serves so many places that their marks take little memory.

But each pass costs time, hence no more than a few.
"""

_AHEAD = 24
"""Steps between asking for a transfer and reading it."""

_EVENT_BYTES = np.uint64(EVENT.itemsize)


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
    events: Events, keys: pl.DataFrame, masks: np.ndarray, *, known: int, source: bool = True
) -> tuple[Laid, np.ndarray, np.ndarray]:
    """Return the arrays, the offsets and, per request, how many transfers have no value.

    Parameters
    ----------
    known
        How many address codes there are.
    source
        False: `Laid.source` is left empty, unless it is needed to lay them.
    """
    for compiled in (_partition, _place, _inflows_first):
        keep_compiled(compiled)
    asked = asked_for(numbers(keys["code"]), numbers(keys["as_of"]), masks, known=known)
    table = events.table
    counts, unvalued = np.zeros((2, keys.height), dtype=np.int64)
    count(table, asked, counts, unvalued)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    total = int(offsets[-1])
    laid = Laid(*(np.empty(total, kind) for kind in _LAID_KINDS))
    if events.placed and not source:
        laid = laid._replace(source=laid.source[:0].copy())
    cuts = _passes(offsets)
    at, most = offsets[:-1].copy(), int(np.diff(offsets[cuts]).max(initial=0))
    marks = np.empty(most, dtype=np.uint32 if asked.alone else np.int64)
    for first_one, end in pairwise(cuts.tolist()):
        held = marks[: offsets[end] - offsets[first_one]]
        _partition(table, asked, offsets, first_one, end, held)
        _place(table, address_of(table), asked, held, at, laid)
    if not events.placed:
        _inflows_first(offsets, table, laid)
    return laid, offsets, unvalued


def asked_for(code: np.ndarray, cut: np.ndarray, masks: np.ndarray, *, known: int) -> Asked:
    """Return requests, given by address code (-1 for none), ready to be looked up.

    It is assumed that no transfer was read that the latest cut does not let in.
    """
    first, following = _requests_by_code(code, known)
    alike = bool((masks == _ALL_LEGS).all() and (cut == cut[:1]).all())
    same = bool((first == np.arange(len(first))).all())
    return Asked(first, following, masks, cut, bool((following < 0).all()), alike, same)


def count(table: np.ndarray, asked: Asked, counts: np.ndarray, unvalued: np.ndarray) -> None:
    """Add each request's transfers in `table`, with and without a value, to its counts."""
    keep_compiled(_count)
    _count(table, asked, counts, unvalued)


def _passes(offsets: np.ndarray) -> np.ndarray:
    """Cut the requests into a few runs of about as many transfers each."""
    total = int(offsets[-1])
    size = max(_MOST_MARKS, total // _MOST_PASSES + 1)
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
def within(time: int, cut: int, detail: int, mask: int, side: int) -> bool:  # pragma: no cover
    """Say whether a transfer is before the cut and on a leg in force, seen from a side."""
    leg = np.uint8(1) << np.uint8(2 * (detail & LEG_KIND) + side)
    return time < cut and (mask & leg) != 0


@kernel
def _count(
    table: np.ndarray, asked: Asked, counts: np.ndarray, unvalued: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Count each request's transfers, with and without a value."""
    for j in range(len(table)):
        event = table[j]
        for side in range(2):
            own = event.receiver if side == 0 else event.sender
            request = own if asked.same else asked.first[own]
            while request >= 0:
                if asked.alike or within(
                    event.time, asked.cut[request], event.detail, asked.masks[request], side
                ):
                    if event.amount > 0:
                        counts[request] += 1
                    else:
                        unvalued[request] += 1
                request = -1 if asked.alone else asked.following[request]


@kernel
def _partition(
    table: np.ndarray, asked: Asked, offsets: np.ndarray, first: int, end: int, marks: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Mark the transfers of requests `first` up to `end` in their buckets, in table order.

    A mark is the transfer's position and the side, and before them the request, unless these two
    say which (then a mark has no room for it).
    """
    start = offsets[first]
    cursor = np.empty((len(marks) >> _BUCKET_BITS) + 1, dtype=np.int64)
    bucket_of = np.empty(end - first, dtype=np.int32)
    for request in range(end - 1, first - 1, -1):
        bucket = (offsets[request] - start) >> _BUCKET_BITS
        bucket_of[request - first] = bucket
        cursor[bucket] = offsets[request] - start
    for j in range(len(table)):
        event = table[j]
        if event.amount <= 0:
            continue
        for side in range(2):
            own = event.receiver if side == 0 else event.sender
            request = own if asked.same else asked.first[own]
            while request >= 0:
                if first <= request < end and (
                    asked.alike
                    or within(
                        event.time, asked.cut[request], event.detail, asked.masks[request], side
                    )
                ):
                    bucket = bucket_of[request - first]
                    k = cursor[bucket]
                    cursor[bucket] = k + 1
                    marks[k] = (np.int64(0 if asked.alone else request) << 32) | (j << 1) | side
                request = -1 if asked.alone else asked.following[request]


@kernel
def _place(
    table: np.ndarray,
    table_at: np.uint64,
    asked: Asked,
    marks: np.ndarray,
    at: np.ndarray,
    laid: Laid,
) -> None:  # pragma: no cover (compiled)
    """Copy marked transfers to their places; `at` holds the next free place of each request."""
    last = len(marks) - 1
    for k in range(len(marks)):
        later = (np.int64(marks[min(k + _AHEAD, last)]) & 0xFFFFFFFF) >> 1
        fetch(table_at + np.uint64(later) * _EVENT_BYTES)
        mark = np.int64(marks[k])
        request, j, side = mark >> 32, (mark & 0xFFFFFFFF) >> 1, mark & 1
        event = table[j]
        own, other = event.receiver, event.sender
        if side:
            own, other = other, own
        if asked.alone:
            request = np.int64(own if asked.same else asked.first[own])
        place = at[request]
        at[request] = place + 1
        laid.time[place], laid.amount[place] = event.time, event.amount
        laid.tx[place] = event.tx
        if len(laid.source):
            laid.source[place] = j
        laid.counterparty[place] = other
        laid.asset[place] = event.detail >> ASSET_SHIFT
        laid.incoming[place] = side == 0
        laid.two_sided[place] = ((asked.masks[request] >> (2 * (event.detail & LEG_KIND))) & 3) == 3


@kernel
def _inflows_first(
    offsets: np.ndarray, table: np.ndarray, laid: Laid
) -> None:  # pragma: no cover (compiled)
    """Put inflows before outflows within a moment, where a place in the block is unknown."""
    for i in range(len(offsets) - 1):
        start = offsets[i]
        while start < offsets[i + 1]:
            end, placed = start + 1, table[laid.source[start]].detail & PLACED
            while end < offsets[i + 1] and laid.time[end] == laid.time[start]:
                placed &= table[laid.source[end]].detail
                end += 1
            if not placed and end - start > 1:
                order, n = np.empty(end - start, dtype=np.int64), 0
                for into in (True, False):
                    for j in range(start, end):
                        if laid.incoming[j] == into:
                            order[n] = j - start
                            n += 1
                _rearrange(laid.amount[start:end], order)
                _rearrange(laid.tx[start:end], order)
                _rearrange(laid.source[start:end], order)
                _rearrange(laid.counterparty[start:end], order)
                _rearrange(laid.asset[start:end], order)
                _rearrange(laid.incoming[start:end], order)
                _rearrange(laid.two_sided[start:end], order)
            start = end


@kernel
def _rearrange(values: np.ndarray, order: np.ndarray) -> None:  # pragma: no cover (compiled)
    before = values.copy()
    for k in range(len(order)):
        values[k] = before[order[k]]
