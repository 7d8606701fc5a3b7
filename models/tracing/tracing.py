"""Tracing an address: from transfers to what each convention says, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from data.services import Services
from data.transfers import Transfers
from features.bridges import bridge_legs
from features.events import PLACED, Events
from features.history import microseconds
from features.loading import load_events
from models.tracing.books import Books, keep_books
from models.tracing.crossings import Crossings, crossings_of
from models.tracing.following import CONVENTIONS, DIRECTIONS, Traced, follow
from models.tracing.hubs import Hubs
from models.tracing.laying import Laid, Rows, lay
from models.tracing.limits import End, Limits
from models.tracing.ordering import in_order
from models.tracing.parties import (
    TOKEN,
    Parties,
    Standing,
    bridges_of,
    known_parties,
    standing_of,
)
from models.tracing.reach import Edges, reachable

_READ = ("chain", "block_time", "tx_id", "log_index", "asset", "amount_raw")


@dataclass(frozen=True)
class Trace:
    """What was traced.

    Attributes
    ----------
    origins
        Codes of the traced addresses.
    parties
        Who everybody is.
    laid, books
        The moves, and what each pot held.
    rows
        The transfers behind the moves, one row for each place that `Move.sent` and `Move.received`
        name: chain, block_time, tx_id, log_index, sender, receiver (codes), asset, amount_raw,
        usd_micros.
    assets
        ``chain`` and ``asset`` by asset code.
    results
        By direction and convention.
    crossings
        Deposits by the traced side of the moves: places of deposit and release (-1: none), in the
        columns deposit, release, probability, settled, followed.
    limits
        What was followed.
    """

    origins: frozenset[int]
    parties: Parties
    laid: Laid
    books: Books
    rows: pl.DataFrame
    assets: dict[int, tuple[str, str]]
    results: dict[tuple[str, str], Traced]
    crossings: pl.DataFrame
    limits: Limits


@dataclass(frozen=True)
class Plan:
    """What a trace will look at.

    Attributes
    ----------
    origins, limits
        What is traced, and how far.
    held
        Codes of the addresses whose histories are needed.
    parties
        Who everybody is, hubs among them.
    crossings
        The crossings of the moment.
    chosen
        The events, in order.
    rows
        Their rows in the transfers table.
    """

    origins: tuple[int, ...]
    limits: Limits
    held: np.ndarray
    parties: Parties
    crossings: Crossings
    chosen: np.ndarray
    rows: np.ndarray


class Tracer:
    """Transfers read once, ready to trace any of their addresses.

    Parameters
    ----------
    before
        Only transfers before this moment count.
    read
        They, and what is known of their parties, where another tracer has read them.

    Raises
    ------
    data.errors.Refused
        The transfers cannot be read.
    """

    def __init__(
        self,
        transfers: Transfers,
        services: Services,
        *,
        before: datetime,
        read: tuple[Events, Standing, Hubs] | None = None,
    ) -> None:
        self._transfers, self._services = transfers, services
        self._at = microseconds(before)
        if read is None:
            events = load_events(transfers, before=before, basis="usd")
            read = events, standing_of(transfers, events.addresses, services), Hubs(events)
        self.events, self._standing, self._hubs = read
        self.parties = known_parties(self._standing, self.events, self._at)
        self._legs = bridge_legs(transfers, self.events, bridges_of(self.parties), self._at)

    def earlier(self, before: datetime) -> Tracer:
        """Return the same as it stood at a moment not after this one's; hardly anything is read."""
        known = self.events.time < microseconds(before)
        events = replace(self.events, table=self.events.table[known], row=self.events.row[known])
        read = events, self._standing, self._hubs
        return Tracer(self._transfers, self._services, before=before, read=read)

    def codes_of(self, addresses: list[tuple[str, str]]) -> list[int]:
        """Return the codes of those (chain, address) pairs that the transfers name."""
        names = {"chain": pl.String(), "address": pl.String()}
        wanted = pl.DataFrame(addresses, schema=names, orient="row")
        coded = self.events.addresses.with_row_index("code")
        return coded.join(wanted, on=["chain", "address"], how="semi")["code"].sort().to_list()

    def trace(self, origins: list[int], limits: Limits) -> Trace:
        """Trace from some addresses, taken as one.

        Raises
        ------
        data.errors.Refused
            The transfers cannot be read.
        """
        planned = self.plan(origins, limits)
        return self.follow(planned, read_amounts(self._transfers, planned.rows))

    def plan(self, origins: list[int], limits: Limits) -> Plan:
        """Find what a trace of some addresses, taken as one, would look at."""
        legs = self._legs if limits.bridges else None
        crossings = crossings_of(legs, ambiguous=limits.ambiguous)
        held, parties = self._needed(np.array(origins), crossings, limits)
        chosen = self._chosen(held, crossings)
        return Plan(
            tuple(origins), limits, held, parties, crossings, chosen, self.events.row[chosen]
        )

    def follow(self, planned: Plan, amounts: pl.DataFrame) -> Trace:
        """Trace what was planned by this tracer.

        Parameters
        ----------
        amounts
            The planned rows, and maybe more, as `read_amounts` returns them.
        """
        origins, limits, crossings = planned.origins, planned.limits, planned.crossings
        held, parties, chosen = planned.held, planned.parties, planned.chosen
        table, rows = self._rows(chosen, amounts)
        place = np.full(len(self.events.table) + 1, -1)  # the last place stands for no event
        place[chosen] = np.arange(len(chosen))
        pairs = crossings.followed & (place[crossings.deposit] >= 0)
        pairs &= place[crossings.release] >= 0
        joined = dict(
            zip(
                place[crossings.deposit[pairs]].tolist(),
                place[crossings.release[pairs]].tolist(),
                strict=True,
            )
        )
        laid = lay(rows, set(held.tolist()), joined, swaps=limits.swaps)
        books = keep_books(laid.moves, len(laid.holder))
        stops = _Stops(laid, parties, frozenset(origins))
        results = {
            (direction, convention): follow(
                books, laid.asset, stops, limits,
                convention=convention, forward=direction == "forward",
            )
            for direction in DIRECTIONS
            for convention in CONVENTIONS
        }  # fmt: skip
        return Trace(
            origins=frozenset(origins),
            parties=parties,
            laid=laid,
            books=books,
            rows=table,
            assets=_assets(table, rows),
            results=results,
            crossings=_told(crossings, place),
            limits=limits,
        )

    def _needed(
        self, origins: np.ndarray, crossings: Crossings, limits: Limits
    ) -> tuple[np.ndarray, Parties]:
        """Return the addresses whose histories are needed, and the parties with hubs as ends."""
        edges, hubs = _edges(self.events, crossings, limits), [np.empty(0, np.int64)]

        def closed(codes: np.ndarray, *, forward: bool) -> np.ndarray:
            shut = self.parties.is_closed(codes, forward=forward)
            found = self._hubs.among(codes[~shut], limits.max_degree, self._at)
            hubs.append(found)
            return shut | np.isin(codes, found)

        nodes = self.events.addresses.height
        ways = (
            (edges, lambda codes: closed(codes, forward=True)),
            (edges.reversed(), lambda codes: closed(codes, forward=False)),
        )
        sides = [
            reachable(way, origins, nodes, hops=limits.max_hops, is_closed=is_closed)
            for way, is_closed in ways
        ]
        parties = self.parties.with_end(np.unique(np.concatenate(hubs)), End.BEYOND_DEGREE)
        return np.union1d(*sides), parties

    def _chosen(self, held: np.ndarray, crossings: Crossings) -> np.ndarray:
        """Return the events that touch some addresses, or are the other leg of one that does."""
        events = self.events
        is_held = np.zeros(events.addresses.height, dtype=bool)
        is_held[held] = True
        touches = is_held[events.sender] | is_held[events.receiver]
        pairs = crossings.followed.nonzero()[0]
        deposit, release = crossings.deposit[pairs], crossings.release[pairs]
        either = touches[deposit] | touches[release]
        touches[deposit[either]] = touches[release[either]] = True
        told = crossings.release[touches[crossings.deposit]]  # and those not followed, to be shown
        touches[told[told >= 0]] = True
        some = np.flatnonzero(touches)
        order = in_order(
            events.time[some],
            (events.table["detail"][some] & PLACED) > 0,
            events.sender[some],
            events.receiver[some],
        )
        return some[order]

    def _rows(self, chosen: np.ndarray, amounts: pl.DataFrame) -> tuple[pl.DataFrame, Rows]:
        """Put together what is needed of some events, in their order."""
        events = self.events
        own = pl.DataFrame(
            {
                "row": _row_numbers(events.row[chosen]),
                "sender": events.sender[chosen],
                "receiver": events.receiver[chosen],
                "usd_micros": events.amount[chosen],
            }
        )
        table = own.join(amounts, on="row", how="left", maintain_order="left").drop("row")
        return table, Rows(
            sender=events.sender[chosen].tolist(),
            receiver=events.receiver[chosen].tolist(),
            asset=events.asset_of(chosen).tolist(),
            amount=[int(amount) for amount in table["amount_raw"].to_list()],
            usd=events.amount[chosen].tolist(),
            tx=events.table["tx"][chosen].tolist(),
            is_token=(events.leg_kind[chosen] == TOKEN).tolist(),
        )


def read_amounts(transfers: Transfers, rows: np.ndarray) -> pl.DataFrame:
    """Read what a trace needs of some rows of the transfers table, in one pass.

    Raises
    ------
    data.errors.Refused
        The transfers cannot be read.
    """
    lazy = transfers.scan().select(pl.col("row").cast(pl.UInt32), *_READ)
    wanted = _row_numbers(np.unique(rows)).to_frame()
    return lazy.join(wanted.lazy(), on="row", how="semi").collect()


def _row_numbers(rows: np.ndarray) -> pl.Series:
    return pl.Series("row", rows.astype(np.uint32), dtype=pl.UInt32)


@dataclass(frozen=True)
class _Stops:
    """Says of pots what `parties` says of their holders."""

    laid: Laid
    parties: Parties
    origins: frozenset[int]

    def end_at(self, pot: int, *, forward: bool) -> End | None:
        holder = self.laid.holder[pot]
        if holder < 0:
            return None
        return self.parties.end_at(holder, token=self.laid.token[pot], forward=forward)

    def is_origin(self, pot: int) -> bool:
        return self.laid.holder[pot] in self.origins


def _edges(events: Events, crossings: Crossings, limits: Limits) -> Edges:
    """Return who can have passed value on to whom, and when."""
    amount = events.amount
    enough = ~((amount >= 0) & (amount < limits.min_usd_micros))
    receiver, arrives = events.receiver.copy(), events.time.copy()
    deposit = crossings.deposit[crossings.followed]
    release = crossings.release[crossings.followed]
    receiver[deposit], arrives[deposit] = events.receiver[release], events.time[release]
    enough[deposit] = True
    return Edges(events.sender[enough], receiver[enough], events.time[enough], arrives[enough])


def _assets(table: pl.DataFrame, rows: Rows) -> dict[int, tuple[str, str]]:
    named = table.select("chain", "asset", code=pl.Series(rows.asset, dtype=pl.Int64)).unique()
    return {code: (chain, asset) for chain, asset, code in named.iter_rows()}


def _told(crossings: Crossings, place: np.ndarray) -> pl.DataFrame:
    """Return the deposits that are among the rows, by their places."""
    here = place[crossings.deposit] >= 0
    return pl.DataFrame(
        {
            "deposit": place[crossings.deposit[here]],
            "release": place[crossings.release[here]],
            "probability": crossings.probability[here],
            "settled": crossings.settled[here],
            "followed": crossings.followed[here],
        }
    ).sort("deposit")
