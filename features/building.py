"""From transfers to histories: who is asked for, until when, seen through which legs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import LEGS, TIME, leg_set, leg_text
from data.services import Services
from data.transfers import Transfers
from features.basis import relative_values, scales
from features.bridges import crossings_of
from features.compilation import keep_compiled, kernel
from features.events import Events
from features.history import STABLECOIN, Columns, Histories
from features.laying import Laid, lay
from features.loading import load_events, numbers
from features.meeting import counted_of, neighbours_of
from features.neighbours import unknown
from features.network import network_of
from features.parties import Parties, known_parties

_LARGEST_SUM = 2.0**62
_NEVER = np.iinfo(np.int64).max


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
    asked = _requests(transfers, requests, as_of)
    latest = asked["as_of"].max() if asked.height else as_of
    assert isinstance(latest, datetime)
    events = load_events(transfers, before=latest, basis=basis)
    if requests is None and transfers.assume_complete:
        asked = _everybody(events).with_columns(as_of=pl.lit(as_of, dtype=TIME))
    else:
        asked = _with_codes(asked, events)
    keys = _with_legs(asked, transfers, legs)
    parties = known_parties(events.addresses, services)
    histories = _with_crossings(_assemble(events, keys, basis, parties), transfers, events, parties)
    if network:
        shown = _legs_of_everybody(events, transfers, legs)
        laid = network_of(events, numbers(keys["code"]), shown, basis=basis)
        histories = replace(histories, network=laid, notes=histories.notes + laid.notes)
    if not neighbours:
        return histories
    columns = histories.columns
    counted = counted_of(events.addresses, transfers, legs)
    met = neighbours_of(
        events, histories.source, columns, parties, counted, summable=basis != "relative"
    )
    return replace(histories, columns=columns._replace(neighbours=met))


def _with_crossings(
    histories: Histories, transfers: Transfers, events: Events, parties: Parties
) -> Histories:
    columns = histories.columns
    laid = histories.source, columns.party, columns.offsets
    crossed = crossings_of(transfers, events, parties, laid, columns.as_of)
    return replace(
        histories,
        columns=columns._replace(crossings=crossed.crossings),
        notes=histories.notes + crossed.notes,
        elsewhere=crossed.elsewhere,
    )


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
    """Return all addresses that occur, with their codes, by chain and address (as codes are)."""
    keep_compiled(_mark)
    present = np.zeros(events.addresses.height, dtype=np.bool_)
    _mark(events.table, present)
    coded = events.addresses.with_row_index("code")
    coded = coded if present.all() else coded.filter(pl.Series(present))
    return coded.select("chain", "address", pl.col("code").cast(pl.Int32), occurs=pl.lit(True))


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


def _legs_of_everybody(
    events: Events, transfers: Transfers, legs: Iterable[str] | None
) -> np.ndarray:
    """Return the legs in force of every address that occurs, as bits."""
    everybody = events.addresses.with_columns(
        code=pl.int_range(pl.len(), dtype=pl.Int32),
        as_of=pl.lit(None, dtype=TIME),
        occurs=pl.lit(True),
    )
    return _leg_masks(_with_legs(everybody, transfers, legs)["legs"])


def _assemble(events: Events, keys: pl.DataFrame, basis: str, parties: Parties) -> Histories:
    """Lay each request's transfers end to end, and put a number on each."""
    for compiled in (relative_values, _beyond):
        keep_compiled(compiled)
    masks = _leg_masks(keys["legs"])
    laid, offsets, unvalued = lay(events, keys, masks)
    value = _values(events, laid, offsets, basis)
    notes: tuple[str, ...] = ()
    if len(beyond := _beyond(offsets, value, _LARGEST_SUM)):
        notes = (
            f"{len(beyond)} histories, the first that of {keys['address'][int(beyond[0])]}, are "
            "left empty: their values add up to more than 62 bits hold.",
        )
        missing = np.diff(offsets)[beyond] + unvalued[beyond]
        masks[beyond] = 0
        laid, offsets, unvalued = lay(events, keys, masks)
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
        party=parties.met(laid.counterparty, offsets, numbers(keys["as_of"])),
        neighbours=unknown(0),
        as_of=numbers(keys["as_of"]),
        scale=scales(basis, keys["chain"]),
        registry=parties.in_force(keys["chain"], numbers(keys["as_of"])),
        asset_kind=events.asset_kind,
        asset_group=events.asset_group,
    )
    keys = keys.drop("code").with_columns(n_unvalued=pl.Series(unvalued))
    return Histories(columns, laid.source, events.row, keys, basis, notes)


def _with_codes(keys: pl.DataFrame, events: Events) -> pl.DataFrame:
    """Add each address's code, -1 for none, and whether a transfer before its cut names it."""
    coded = events.addresses.with_row_index("code").with_columns(pl.col("code").cast(pl.Int32))
    found = keys.join(
        coded, on=["chain", "address"], how="left", maintain_order="left"
    ).with_columns(pl.col("code").fill_null(-1))
    earliest = np.append(_earliest(events), _NEVER)  # the last stands for no code
    occurs = earliest[numbers(found["code"])] < numbers(found["as_of"])
    return found.with_columns(occurs=pl.Series(occurs))


def _earliest(events: Events) -> np.ndarray:
    """Return the moment of the first transfer that names each address."""
    keep_compiled(_first_moments)
    earliest = np.full(events.addresses.height, _NEVER)
    _first_moments(events.table, earliest)
    return earliest


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


@kernel
def _mark(table: np.ndarray, present: np.ndarray) -> None:  # pragma: no cover (compiled)
    for event in table:
        present[event.sender] = present[event.receiver] = True


@kernel
def _first_moments(table: np.ndarray, earliest: np.ndarray) -> None:  # pragma: no cover (compiled)
    for event in table:
        earliest[event.sender] = min(earliest[event.sender], event.time)
        earliest[event.receiver] = min(earliest[event.receiver], event.time)


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
