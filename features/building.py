"""From transfers to histories: who is asked for, until when, seen through which legs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import LEGS, TIME, leg_set, leg_text
from data.transfers import Transfers
from features.basis import relative_values, scales
from features.compilation import keep_compiled, kernel
from features.history import STABLECOIN, Columns, Histories
from features.loading import Events, load_events

_LARGEST_SUM = 2.0**62


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
        An unknown basis or leg, or a history whose values do not fit 63 bits together.
    """
    asked = _requests(transfers, requests, as_of)
    latest = asked["as_of"].max() if asked.height else as_of
    assert isinstance(latest, datetime)
    events = load_events(transfers, before=latest, basis=basis)
    if requests is None and transfers.assume_complete:
        asked = events.addresses.sort("chain", "address").with_columns(
            as_of=pl.lit(as_of, dtype=TIME)
        )
    keys = _with_legs(asked, transfers, legs)
    return _assemble(events, keys, basis)


def _requests(
    transfers: Transfers, requests: pl.DataFrame | None, as_of: datetime
) -> pl.DataFrame:
    if requests is None:
        coverage = transfers.coverage
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
    return asked.join(
        merged, on=["chain", "address"], how="left", maintain_order="left"
    ).select(
        "chain",
        "address",
        "as_of",
        pl.col("covered").fill_null(False),
        pl.col("complete").fill_null(False),
        pl.col("legs").fill_null(""),
    )


def _assemble(events: Events, keys: pl.DataFrame, basis: str) -> Histories:
    code = _codes_of(events.addresses, keys)
    masks = _leg_masks(keys["legs"])
    cut = keys["as_of"].to_physical().to_numpy()
    first, chained = _requests_by_code(code, events.addresses.height)
    counts, unvalued = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    sides = (events.sender, events.receiver)
    for compiled in (_count, _scatter, relative_values, _inflows_first):
        keep_compiled(compiled)
    _count(
        *sides, events.time, events.leg_kind, events.amount, first, chained, masks, cut, counts,
        unvalued,
    )  # fmt: skip
    offsets = np.concatenate([[0], np.cumsum(counts)])
    total = int(offsets[-1])
    source = np.empty(total, np.int64)
    incoming, other = np.empty(total, np.bool_), np.empty(total, np.int32)
    _scatter(
        *sides, events.time, events.leg_kind, events.amount, first, chained, masks, cut,
        offsets[:-1].copy(), source, incoming, other,
    )  # fmt: skip
    if not events.placed.all():
        _inflows_first(offsets, events.time, events.placed, source, incoming, other)
    leg_kind = events.leg_kind[source]
    columns = Columns(
        offsets=offsets,
        time=events.time[source],
        value=_values(events, source, offsets, basis),
        incoming=incoming,
        counterparty=other,
        asset=events.asset[source],
        tx=events.tx[source],
        two_sided=_two_sided(masks, leg_kind, counts),
        as_of=cut,
        scale=scales(basis, keys["chain"]),
        asset_kind=events.asset_kind,
        asset_group=events.asset_group,
    )
    _refuse_overflow(columns, keys)
    keys = keys.with_columns(n_unvalued=pl.Series(unvalued))
    return Histories(columns, events.row[source], keys, basis)


def _codes_of(addresses: pl.DataFrame, keys: pl.DataFrame) -> np.ndarray:
    """Return the code of each requested address, -1 where it does not occur."""
    coded = addresses.with_row_index("code")
    found = keys.select("chain", "address").join(
        coded, on=["chain", "address"], how="left", maintain_order="left"
    )
    return found["code"].cast(pl.Int32).fill_null(-1).to_numpy()


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
    return legs.replace_strict(masks, return_dtype=pl.UInt8).to_numpy()


def _two_sided(masks: np.ndarray, leg_kind: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Say of each event whether its kind of transfer is in force in both directions."""
    both = np.stack([(masks >> (2 * kind)) & 3 == 3 for kind in range(3)])
    return both[leg_kind, np.repeat(np.arange(len(masks)), counts)]


def _values(events: Events, source: np.ndarray, offsets: np.ndarray, basis: str) -> np.ndarray:
    amount = events.amount[source]
    if basis != "relative":
        return amount
    asset = events.asset[source]
    stable = (events.asset_kind[asset] & STABLECOIN) > 0
    value = np.empty(len(source), dtype=np.int64)
    relative_values(offsets, amount, np.where(stable, -1, asset).astype(np.int32), value)
    return value


def _refuse_overflow(columns: Columns, keys: pl.DataFrame) -> None:
    if not len(columns.value) or float(columns.value.max()) * len(columns.value) < _LARGEST_SUM:
        return
    counts = np.diff(columns.offsets)
    sums = np.bincount(
        np.repeat(np.arange(len(counts)), counts), columns.value.astype(float), len(counts)
    )
    if (sums > _LARGEST_SUM).any():
        worst = int(sums.argmax())
        raise Refused(
            f"the values of {keys['address'][worst]} add up to more than 63 bits hold.",
            hint="Score it with --basis relative, or leave it out.",
        )


@kernel
def _count(
    sender: np.ndarray, receiver: np.ndarray, time: np.ndarray, leg_kind: np.ndarray,
    amount: np.ndarray, first: np.ndarray, following: np.ndarray, masks: np.ndarray,
    cut: np.ndarray, counts: np.ndarray, unvalued: np.ndarray,
) -> None:  # fmt: skip  # pragma: no cover (compiled)
    """Count each request's transfers, with and without a value."""
    for j in range(len(sender)):
        for side in range(2):
            request = first[receiver[j]] if side == 0 else first[sender[j]]
            leg = np.uint8(1) << np.uint8(2 * leg_kind[j] + side)
            while request >= 0:
                if time[j] < cut[request] and masks[request] & leg:
                    if amount[j] > 0:
                        counts[request] += 1
                    else:
                        unvalued[request] += 1
                request = following[request]


@kernel
def _scatter(
    sender: np.ndarray, receiver: np.ndarray, time: np.ndarray, leg_kind: np.ndarray,
    amount: np.ndarray, first: np.ndarray, following: np.ndarray, masks: np.ndarray,
    cut: np.ndarray, at: np.ndarray, source: np.ndarray, incoming: np.ndarray,
    other: np.ndarray,
) -> None:  # fmt: skip  # pragma: no cover (compiled)
    """Lay each request's transfers end to end, keeping the order of the table."""
    for j in range(len(sender)):
        if not amount[j] > 0:
            continue
        for side in range(2):
            request = first[receiver[j]] if side == 0 else first[sender[j]]
            leg = np.uint8(1) << np.uint8(2 * leg_kind[j] + side)
            while request >= 0:
                if time[j] < cut[request] and masks[request] & leg:
                    k = at[request]
                    source[k], incoming[k] = j, side == 0
                    other[k] = sender[j] if side == 0 else receiver[j]
                    at[request] = k + 1
                request = following[request]


@kernel
def _inflows_first(
    offsets: np.ndarray, time: np.ndarray, placed: np.ndarray, source: np.ndarray,
    incoming: np.ndarray, other: np.ndarray,
) -> None:  # fmt: skip  # pragma: no cover (compiled)
    """Put inflows before outflows within a moment, where a place in the block is unknown."""
    for i in range(len(offsets) - 1):
        start = offsets[i]
        while start < offsets[i + 1]:
            end, unplaced = start + 1, not placed[source[start]]
            while end < offsets[i + 1] and time[source[end]] == time[source[start]]:
                unplaced |= not placed[source[end]]
                end += 1
            if unplaced and end - start > 1:
                order = np.concatenate(
                    (
                        start + np.flatnonzero(incoming[start:end]),
                        start + np.flatnonzero(~incoming[start:end]),
                    )
                )
                source[start:end] = source[order]
                incoming[start:end] = incoming[order]
                other[start:end] = other[order]
            start = end

