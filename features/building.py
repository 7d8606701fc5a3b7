"""From transfers to histories: who is asked for, until when, seen through which legs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import LEGS, TIME, leg_set, leg_text
from data.transfers import Transfers
from features.basis import relative_values, scales
from features.compilation import keep_compiled, kernel
from features.history import STABLECOIN, Columns, Histories
from features.loading import Events, load_events, numbers

_LARGEST_SUM = 2.0**62
_ALL_LEGS = (1 << len(LEGS)) - 1


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
    address is asked for once; `alike`: every request sees every transfer that was read.
    """

    first: np.ndarray
    following: np.ndarray
    masks: np.ndarray
    cut: np.ndarray
    alone: bool
    alike: bool


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


def build_histories(
    transfers: Transfers,
    requests: pl.DataFrame | None = None,
    *,
    as_of: datetime,
    basis: str = "usd",
    legs: Iterable[str] | None = None,
) -> Histories:
    """Build the histories of some addresses, or of every covered one.

    Parameters
    ----------
    requests
        ``chain``, ``address`` and, where it differs from the common one, ``as_of``; in the order
        in which the histories are wanted. None: every address with a coverage row (or, under
        ``assume_complete``, every address that occurs), by chain and address.
    as_of
        The common cut: only transfers before it are seen.
    legs
        Look at these legs only; None for all that the coverage shows.

    Raises
    ------
    Refused
        An unknown basis or leg.

    Notes
    -----
    A history whose values do not fit 62 bits together is left empty: all its transfers count as
    unvalued, and `Histories.notes` says so.
    """
    asked = _requests(transfers, requests, as_of)
    latest = asked["as_of"].max() if asked.height else as_of
    assert isinstance(latest, datetime)
    events = load_events(transfers, before=latest, basis=basis)
    if requests is None and transfers.assume_complete:
        asked = _everybody(events).with_columns(as_of=pl.lit(as_of, dtype=TIME))
    else:
        asked = _with_codes(asked, events)
    keys = _with_legs(asked, transfers, legs)
    return _assemble(events, keys, basis)


def _requests(transfers: Transfers, requests: pl.DataFrame | None, as_of: datetime) -> pl.DataFrame:
    if requests is None:
        coverage = None if transfers.assume_complete else transfers.coverage
        if coverage is None and not transfers.assume_complete:
            raise Refused(
                "the transfers have no coverage table beside them, so it is not known whose "
                "histories they hold.",
                hint="Pass --assume-complete if they hold every transfer of every address.",
            )
        requests = (
            pl.DataFrame(schema={"chain": pl.String, "address": pl.String})
            if coverage is None
            else coverage.select("chain", "address").unique().sort("chain", "address")
        )
    if "as_of" not in requests.columns:
        requests = requests.with_columns(as_of=pl.lit(None, dtype=TIME))
    common = pl.lit(as_of, dtype=TIME)
    return requests.select("chain", "address", pl.col("as_of").cast(TIME).fill_null(common))


def _everybody(events: Events) -> pl.DataFrame:
    """Return all addresses that occur, with their codes, by chain and address."""
    present = np.zeros(events.addresses.height, dtype=bool)
    present[events.sender] = True
    present[events.receiver] = True
    coded = events.addresses.with_row_index("code").filter(pl.Series(present))
    ordered = coded.with_columns(pl.col("code").cast(pl.Int32)).sort("chain", "address")
    return ordered.select("chain", "address", "code", occurs=pl.lit(True))


def _with_legs(
    asked: pl.DataFrame, transfers: Transfers, legs: Iterable[str] | None
) -> pl.DataFrame:
    """Join the coverage: whether covered, complete, and the legs in force."""
    allowed = frozenset(LEGS) if legs is None else leg_set(",".join(legs))
    if transfers.assume_complete:
        every = leg_text(allowed)
        return asked.with_columns(
            covered=pl.lit(True), complete=pl.lit(True), legs=pl.lit(every, dtype=pl.String)
        )
    coverage = transfers.coverage
    if coverage is None:
        coverage = pl.DataFrame(
            schema={"chain": pl.String, "address": pl.String, "complete": pl.Boolean,
                    "legs": pl.String}
        )  # fmt: skip
    merged = (
        coverage.group_by("chain", "address", maintain_order=True)
        .agg(pl.col("complete").all(), pl.col("legs").str.join(","))
        .with_columns(covered=pl.lit(True))
    )
    in_force = {
        text: leg_text(leg_set(text) & allowed) for text in merged["legs"].unique().to_list()
    }
    merged = merged.with_columns(
        pl.col("legs").replace_strict(in_force, default="", return_dtype=pl.String)
    )
    return asked.join(merged, on=["chain", "address"], how="left", maintain_order="left").select(
        "chain",
        "address",
        "code",
        "as_of",
        "occurs",
        pl.col("covered").fill_null(False),
        pl.col("complete").fill_null(False),
        pl.col("legs").fill_null(""),
    )


def _assemble(events: Events, keys: pl.DataFrame, basis: str) -> Histories:
    """Lay each request's transfers end to end, and put a number on each."""
    for compiled in _KERNELS:
        keep_compiled(compiled)
    masks = _leg_masks(keys["legs"])
    laid, offsets, unvalued = _lay(events, keys, masks)
    value = _values(events, laid, offsets, basis)
    notes: tuple[str, ...] = ()
    if len(beyond := _beyond(offsets, value, _LARGEST_SUM)):
        notes = (
            f"{len(beyond)} histories, the first that of {keys['address'][int(beyond[0])]}, are "
            "left empty: their values add up to more than 62 bits hold.",
        )
        missing = np.diff(offsets)[beyond] + unvalued[beyond]
        masks[beyond] = 0
        laid, offsets, unvalued = _lay(events, keys, masks)
        unvalued[beyond] = missing
        value = _values(events, laid, offsets, basis)
    columns = Columns(
        offsets=offsets,
        time=laid.time,
        value=value,
        incoming=laid.incoming,
        counterparty=laid.counterparty,
        asset=laid.asset,
        tx=laid.tx,
        two_sided=laid.two_sided,
        as_of=numbers(keys["as_of"]),
        scale=scales(basis, keys["chain"]),
        asset_kind=events.asset_kind,
        asset_group=events.asset_group,
    )
    keys = keys.drop("code").with_columns(n_unvalued=pl.Series(unvalued))
    return Histories(columns, laid.source, events.row, keys, basis, notes)


def _lay(
    events: Events, keys: pl.DataFrame, masks: np.ndarray
) -> tuple[Laid, np.ndarray, np.ndarray]:
    """Return the arrays, the offsets and, per request, how many transfers have no value.

    Writing transfers one by one to their places would miss the cache each time, so they go first
    into buckets of requests (few enough streams), then bucket by bucket to their places; a run of
    requests at a time.
    """
    first, following = _requests_by_code(numbers(keys["code"]), events.addresses.height)
    cut = numbers(keys["as_of"])
    alike = bool((masks == _ALL_LEGS).all() and (cut == cut[:1]).all())
    asked = Asked(first, following, masks, cut, bool((following < 0).all()), alike)
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


def _with_codes(keys: pl.DataFrame, events: Events) -> pl.DataFrame:
    """Add each address's code, -1 for none, and whether a transfer before its cut names it."""
    coded = events.addresses.with_row_index("code").with_columns(pl.col("code").cast(pl.Int32))
    found = keys.join(
        coded, on=["chain", "address"], how="left", maintain_order="left"
    ).with_columns(pl.col("code").fill_null(-1))
    earliest = np.full(events.addresses.height + 1, np.iinfo(np.int64).max)
    for side in (events.sender, events.receiver):
        # Of several values for one place the last stays: in reverse, the earliest.
        own = np.full(len(earliest), np.iinfo(np.int64).max)
        own[side[::-1]] = events.time[::-1]
        earliest = np.minimum(earliest, own)
    occurs = earliest[numbers(found["code"])] < numbers(found["as_of"])
    return found.with_columns(occurs=pl.Series(occurs))


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


def _leg_masks(legs: pl.Series) -> np.ndarray:
    """Return the legs in force as bits, in the order of `LEGS`."""
    masks = {
        text: sum(1 << k for k, leg in enumerate(LEGS) if leg in leg_set(text))
        for text in legs.unique().to_list()
    }
    coded = legs.replace_strict(masks, return_dtype=pl.UInt8)
    return numbers(coded.cast(pl.UInt8))  # the type of nothing replaced is not the one asked for


def _values(events: Events, laid: Laid, offsets: np.ndarray, basis: str) -> np.ndarray:
    if basis != "relative":
        return laid.amount
    stable = (events.asset_kind[laid.asset] & STABLECOIN) > 0
    value = np.empty(len(laid.amount), dtype=np.int64)
    classes = np.where(stable, -1, laid.asset).astype(np.int32)
    relative_values(offsets, laid.amount.view(np.float64), classes, value)
    return value


_BUCKET_BITS = 14
"""Transfers to a bucket, as a power of two: their arrays fit the second-level cache."""

_RECORD = 5
_MOST_RECORDS, _MOST_PASSES = 1 << 23, 4
"""Each pass over the transfers serves so many places that their records take little memory.

Fresh memory costs time too, but so does each pass; hence no more than a few.
"""

_MOST_ASSETS = 1 << 21
"""What a record's 21 bits can tell apart."""


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
            request = asked.first[seen.receiver[j] if side == 0 else seen.sender[j]]
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
            request = asked.first[own]
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
def _beyond(
    offsets: np.ndarray, value: np.ndarray, limit: float
) -> np.ndarray:  # pragma: no cover (compiled)
    """Return the histories whose values add up to more than a limit."""
    found = np.zeros(len(offsets) - 1, dtype=np.bool_)
    for i in range(len(offsets) - 1):
        total = 0.0
        for j in range(offsets[i], offsets[i + 1]):
            total += value[j]
        found[i] = total > limit
    return np.flatnonzero(found)


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


_KERNELS = (_count, _partition, _place, relative_values, _inflows_first, _beyond)
