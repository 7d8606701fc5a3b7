"""From transfers to histories: who is asked for, until when, seen through which legs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from data.services import Services
from data.transfers import Transfers
from features.basis import relative_values, scales
from features.bridges import Crossed, bridge_transfers, crossings_of, meets_bridges
from features.compilation import keep_compiled, kernel
from features.events import Events
from features.history import Columns, Histories
from features.laying import lay
from features.loading import load_events, numbers
from features.meeting import Counting, look_around, neighbours_of
from features.neighbours import unknown
from features.network import Network, Wanted, networks_of
from features.parties import Parties, known_parties
from features.requests import (
    Legs,
    Occurring,
    everybody,
    leg_masks,
    named_in,
    requested,
    with_codes,
)

_LARGEST_SUM = 2.0**62


def build_histories(
    transfers: Transfers,
    requests: pl.DataFrame | None = None,
    *,
    as_of: datetime,
    basis: str = "usd",
    legs: Iterable[str] | None = None,
    services: Services | None = None,
    neighbours: bool = False,
    network: bool = False,
    evidence: bool = True,
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
    services
        What is publicly known of counterparties; a row counts from the day after its date, and one
        without a date not at all. None: nothing is known.
    neighbours
        Look at counterparties, for the families that read `Columns.neighbours`.
    network
        Lay all transfers down as a graph, for the families of scope ``graph``.
    evidence
        Remember which row of the table each transfer is, for `Histories.rows_of`; eight bytes a
        transfer and side.

    Raises
    ------
    Refused
        An unknown basis or leg.

    Notes
    -----
    A history whose values do not fit 62 bits together is left empty: all its transfers count as
    unvalued, and `Histories.notes` says so.
    """
    legs = None if legs is None else tuple(legs)
    asked = requested(transfers, requests, as_of)
    events = load_events(
        transfers, before=latest_cut(asked, as_of), basis=basis, initiators=neighbours
    )
    if requests is None and transfers.assume_complete:
        codes = named_in(events.table, events.addresses.height)
        asked = everybody(events.addresses[codes], codes, as_of)
    else:
        occurring = Occurring(events.addresses.height)
        occurring.see(events.table)
        asked = with_codes(asked, [(0, events.addresses)], occurring.earliest)
    in_force = Legs(transfers, legs)
    keys = in_force.of(asked)
    parties = known_parties(events.addresses, services)
    located = evidence or neighbours or network or any(parties.begins.values())
    histories, beyond = assemble(events, keys, basis, parties, source=located)
    crossed = Crossed()
    if meets_bridges(histories.columns):
        over_bridges = bridge_transfers(transfers, events, parties)
        crossed = crossings_of(over_bridges, histories.source, histories.columns)
    histories = with_crossings(histories, crossed)
    histories = replace(histories, notes=(*beyond_notes([beyond]), *crossed.notes))
    if network:
        shown = in_force.of_everybody(events.addresses)
        wanted = Wanted(numbers(keys["code"]), numbers(keys["as_of"]), shown, basis, evidence)
        laid = _networks(events, wanted, parties)
        notes = dict.fromkeys(note for one in laid for note in one.notes)
        histories = replace(histories, networks=laid, notes=(*histories.notes, *notes))
    if not neighbours:
        return histories
    columns = histories.columns
    counted = Counting(transfers, legs).of(events.addresses)
    found = look_around(
        events, histories.source, columns, parties, counted, summable=basis != "relative"
    )
    del events  # 32 bytes a transfer, free before what was found is spread
    met = neighbours_of(found, histories.source, columns.incoming)
    return replace(histories, columns=columns._replace(neighbours=met))


def _networks(events: Events, wanted: Wanted, parties: Parties) -> tuple[Network, ...]:
    return tuple(networks_of(lambda: (events,), len(events.table), wanted, parties))


def latest_cut(asked: pl.DataFrame, as_of: datetime) -> datetime:
    """Return the moment up to which transfers must be read."""
    latest = asked["as_of"].max() if asked.height else as_of
    assert isinstance(latest, datetime)
    return latest


def with_crossings(histories: Histories, crossed: Crossed) -> Histories:
    """Add what the histories know of their own transfers over bridges."""
    columns = histories.columns._replace(crossings=crossed.crossings)
    return replace(histories, columns=columns, elsewhere=crossed.elsewhere)


class Beyond(NamedTuple):
    """Histories that are left empty, because their values do not fit: how many, and the first."""

    histories: int
    first: str


def beyond_notes(found: Iterable[Beyond]) -> tuple[str, ...]:
    """Say of how many histories, in one or several parts of a run, values do not fit."""
    some = [beyond for beyond in found if beyond.histories]
    if not some:
        return ()
    return (
        f"{sum(beyond.histories for beyond in some)} histories, the first that of "
        f"{some[0].first}, are left empty: their values add up to more than 62 bits hold.",
    )


def assemble(
    events: Events, keys: pl.DataFrame, basis: str, parties: Parties, *, source: bool = True
) -> tuple[Histories, Beyond]:
    """Lay each request's transfers end to end, and put a number on each.

    Without what counterparties did, without crossings, and without notes; and, where `source` is
    False, mostly without `Histories.source`.
    """
    masks = leg_masks(keys["legs"])
    histories = unvalued(events, keys, masks, basis, parties, source=source)
    histories = valued(histories)
    left_empty = Beyond(0, "")
    if len(beyond := beyond_limit(histories.columns)):
        left_empty = Beyond(len(beyond), keys["address"][int(beyond[0])])
        missing = numbers(histories.keys["n_unvalued"]).copy()
        missing[beyond] += histories.counts[beyond]
        masks[beyond] = 0
        histories = valued(unvalued(events, keys, masks, basis, parties, source=source))
        keys = histories.keys.with_columns(n_unvalued=pl.Series(missing))
        histories = replace(histories, keys=keys)
    return histories, left_empty


def unvalued(
    events: Events,
    keys: pl.DataFrame,
    masks: np.ndarray,
    basis: str,
    parties: Parties,
    *,
    source: bool = True,
) -> Histories:
    """Lay each request's transfers end to end, with the amounts that their values follow from."""
    known = len(parties.party)
    laid, offsets, without = lay(events, keys, masks, known=known, source=source)
    columns = Columns(
        offsets=offsets,
        time=laid.time,
        value=laid.amount,
        incoming=laid.incoming,
        counterparty=laid.counterparty,
        asset=laid.asset,
        tx=laid.tx,
        two_sided=laid.two_sided,
        party=parties.met(laid.counterparty, offsets, numbers(keys["as_of"])),
        neighbours=unknown(0),
        as_of=numbers(keys["as_of"]),
        scale=scales(basis, keys["chain"]),
        registry=parties.in_force(keys["chain"], numbers(keys["as_of"])),
        asset_kind=events.asset_kind,
        asset_group=events.asset_group,
    )
    keys = keys.drop("code").with_columns(n_unvalued=pl.Series(without))
    return Histories(columns, laid.source, events.row, keys, basis)


def valued(histories: Histories, into: np.ndarray | None = None) -> Histories:
    """Put values in place of the amounts that they follow from; in `into`, where that is given."""
    columns = histories.columns
    if histories.basis != "relative":
        return histories
    keep_compiled(relative_values)
    value = np.empty(len(columns.value), dtype=np.int64) if into is None else into
    amount = columns.value.view(np.float64)
    relative_values(columns.offsets, amount, columns.asset, columns.asset_kind, value, columns.room)
    return replace(histories, columns=columns._replace(value=value))


def beyond_limit(columns: Columns) -> np.ndarray:
    """Return the histories whose values do not fit 62 bits together."""
    keep_compiled(_beyond)
    return _beyond(columns.offsets, columns.value, _LARGEST_SUM)


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
