"""Who met whom: the neighbours of laid histories, from the passes over all transfers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from data.schema import LEGS, leg_set
from data.transfers import Transfers
from features.events import Events
from features.history import Columns
from features.neighbours import EXPOSURE, TYPES, Neighbours
from features.parties import Parties
from features.prefixes import Counted, prefixes
from features.taint import taint

_KINDS = ("native", "internal", "token")


def neighbours_of(
    events: Events,
    source: np.ndarray,
    columns: Columns,
    parties: Parties,
    counted: Counted,
    *,
    summable: bool,
) -> Neighbours:
    """Return the neighbours of every laid event.

    Parameters
    ----------
    source
        Per laid event: its position among `events`.
    counted
        As `counted_of` says.
    summable
        Amounts of different assets add up; else nobody is drained, and there are no exposures.
    """
    behaviour = prefixes(events, counted, source, columns.incoming, summable=summable)
    exposure = tuple(np.zeros(0, kind) for kind in TYPES[EXPOSURE])
    if summable and columns.registry.any():
        exposure = _exposures(events, source, columns, parties)
    return Neighbours(*behaviour, *exposure)


def counted_of(
    addresses: pl.DataFrame, transfers: Transfers, legs: Iterable[str] | None
) -> Counted:
    """Say whose history is known, and which kinds of transfer count for whom.

    An address is known where its export is complete and shows some kind in both directions; those
    kinds count. For anybody else, whatever of the looked-at kinds was loaded counts.

    Parameters
    ----------
    addresses
        ``chain`` and ``address`` by code.
    legs
        The legs looked at; None: all.
    """
    allowed = frozenset(LEGS) if legs is None else leg_set(",".join(legs))
    anyway = sum(1 << k for k, kind in enumerate(_KINDS) if {f"{kind}_in", f"{kind}_out"} & allowed)
    kinds = np.full(addresses.height, anyway, dtype=np.uint8)
    if transfers.assume_complete:
        whole = _both_ways(allowed)
        if whole:
            kinds[:] = whole
        return Counted(kinds, np.full(addresses.height, whole > 0))
    known = np.zeros(addresses.height, dtype=np.bool_)
    if transfers.coverage is None:
        return Counted(kinds, known)
    merged = transfers.coverage.group_by("chain", "address").agg(
        pl.col("complete").all(), pl.col("legs").str.join(",")
    )
    shown = {text: _both_ways(leg_set(text) & allowed) for text in merged["legs"].unique()}
    merged = merged.select(
        "chain",
        "address",
        shown=pl.when("complete")
        .then(pl.col("legs").replace_strict(shown, return_dtype=pl.UInt8, default=0))
        .otherwise(0)
        .cast(pl.UInt8),
    )
    found = addresses.join(merged, on=["chain", "address"], how="left", maintain_order="left")
    shown_by = found["shown"].fill_null(0).to_numpy()
    known[shown_by > 0] = True
    kinds[known] = shown_by[known]
    return Counted(kinds, known)


def _both_ways(legs: frozenset[str]) -> int:
    return sum(1 << k for k, kind in enumerate(_KINDS) if {f"{kind}_in", f"{kind}_out"} <= legs)


def _exposures(
    events: Events, source: np.ndarray, columns: Columns, parties: Parties
) -> tuple[np.ndarray, ...]:
    """Pass once for each state of the registry that some history was cut in."""
    dates = np.unique(parties.since[parties.party > 0])
    state = np.searchsorted(dates, columns.as_of, side="right")
    out: tuple[np.ndarray, ...] = ()
    for current in np.unique(state[columns.registry > 0]):
        at = dates[current - 1] if current else -1
        party = np.where(parties.since <= at, parties.party, 0).astype(np.uint8)
        met = taint(events, party, source, columns.incoming)
        if not out and (state == current).all():  # as mostly: nothing to merge, nothing copied
            return met
        out = out or tuple(np.zeros(len(source), kind) for kind in TYPES[EXPOSURE])
        rows = np.repeat(state == current, np.diff(columns.offsets))
        for array, found in zip(out, met, strict=True):
            np.copyto(array, found, where=rows)
    return out
