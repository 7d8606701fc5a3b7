"""Histories: everything an address sent and received before a moment, as flat arrays.

All histories of a run lie end to end in one set of arrays, with an offsets array over them
(compressed sparse rows), so that a compiled loop streams through memory. `History` is the view of
one of them in plain numpy, for definitions, explanations and anyone who wants to look.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from data.service_table import CATEGORIES
from features.neighbours import Neighbours, unknown
from features.working import NO_ROOM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.found import Found
    from features.network import Network

MICROSECONDS = 1_000_000
MINUTE = 60 * MICROSECONDS
HOUR = 3_600 * MICROSECONDS
DAY = 86_400 * MICROSECONDS

STABLECOIN, FREEZABLE, NATIVE = 1, 2, 4
"""Bits of an asset's kind: at par with the dollar; its issuer can freeze it; a chain's own coin,
or that coin wrapped."""

USD_PER_MICRO = 1_000_000


LISTED = 128
"""Bit of a party that a registry names as not licit; the other bits say what it is (`party_of`)."""

WHAT = LISTED - 1
"""Those other bits."""


def party_of(category: str) -> int:
    """Return the number under which `Columns.party` holds a category of service.

    >>> party_of("exchange_hot"), party_of("bridge")
    (1, 3)
    """
    return 1 + CATEGORIES.index(category)


EXCHANGES, BRIDGES, ILLICIT, MARKETPLACES, BLOCKED = 1, 2, 4, 8, 16
"""Bits of what a registry knows some of on a chain: addresses of exchanges, bridges, parties that
are not licit, guarantee marketplaces, addresses that the issuer of a token has frozen."""

KINDS_OF_PARTY = (EXCHANGES, BRIDGES, ILLICIT, MARKETPLACES, BLOCKED)
EVERYBODY = sum(KINDS_OF_PARTY)


def kinds_of(party: np.ndarray) -> np.ndarray:
    """Return as which of `EXCHANGES` and so on parties are known (uint8).

    >>> kinds_of(np.array([party_of("bridge"), party_of("mixer") | LISTED, 0])).tolist()
    [2, 4, 0]
    """
    what = party & WHAT
    exchange = np.isin(what, [party_of("exchange_hot"), party_of("exchange_deposit")])
    kinds = (
        EXCHANGES * exchange
        | BRIDGES * (what == party_of("bridge"))
        | ILLICIT * ((party & LISTED) > 0)
        | MARKETPLACES * (what == party_of("guarantee_marketplace"))
        | BLOCKED * (what == party_of("issuer_blocked"))
    )
    return np.asarray(kinds, dtype=np.uint8)


class Crossings(NamedTuple):
    """The transfers over bridges that have settled, few among all: one entry each, in order.

    Attributes
    ----------
    at
        int64, ascending: its position among the events of all histories.
    matched
        float32: the probability that a leg on another chain belongs to it (`features.crossings`).
    best
        float32: that of the likeliest such leg; above one half, the two belong to no others.
    low_fee
        bool: the likeliest leg is on a chain with low fees.
    """

    at: np.ndarray
    matched: np.ndarray
    best: np.ndarray
    low_fee: np.ndarray


NO_CROSSINGS = Crossings(
    np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0, np.bool_)
)


class Columns(NamedTuple):
    """The arrays a kernel reads. Event arrays have one entry per transfer of each history.

    Attributes
    ----------
    offsets
        int64; history ``i`` is ``offsets[i]:offsets[i + 1]``.
    time
        int64, microseconds since 1970, ascending within a history.
    value
        int64 above zero, in the basis's fixed-point unit; divide by ``scale[i]``.
    incoming
        bool; True where the address received.
    counterparty
        int32 code of the other side; only equality has a meaning.
    asset
        int32 code into `asset_kind` and `asset_group`.
    tx
        int64; equal for transfers of one transaction.
    two_sided
        bool; both directions of this kind of transfer are in force.
    party
        uint8; what the services registry says of the other side: 0 nothing, else `party_of` its
        category, and `LISTED`. Only rows of the registry that were known at the cut.
    neighbours
        Of the other side of each transfer, before it: `features.neighbours.Neighbours`.
    as_of, scale
        Per history: the cut (int64 microseconds) and the fixed-point units in one whole.
    registry
        Per history: uint8; of what the registry knew some on its chain at the cut, as bits
        (`EXCHANGES`, …): where it knew no bridge, that none was met says nothing.
    asset_kind, asset_group
        Per asset: bits (`STABLECOIN`, …), and a code shared by one coin's contracts.
    crossings
        The settled transfers over bridges.
    room
        Bytes that a kernel cuts its working arrays from (`features.working`); mostly none, and it
        takes them anew.
    """

    offsets: np.ndarray
    time: np.ndarray
    value: np.ndarray
    incoming: np.ndarray
    counterparty: np.ndarray
    asset: np.ndarray
    tx: np.ndarray
    two_sided: np.ndarray
    party: np.ndarray
    neighbours: Neighbours
    as_of: np.ndarray
    scale: np.ndarray
    registry: np.ndarray
    asset_kind: np.ndarray
    asset_group: np.ndarray
    crossings: Crossings = NO_CROSSINGS
    room: np.ndarray = NO_ROOM


class Crossing(NamedTuple):
    """`Crossings` of one history, with an entry per transfer.

    Attributes
    ----------
    matched, best
        float32; NaN where the transfer is no settled leg over a bridge.
    low_fee
        bool.
    other
        int64: row of the likeliest other leg in the transfers table; -1 where there is none.
    """

    matched: np.ndarray
    best: np.ndarray
    low_fee: np.ndarray
    other: np.ndarray


@dataclass(frozen=True)
class History:
    """One address's transfers in time order; arrays as in `Columns`, cut to this history."""

    time: np.ndarray
    value: np.ndarray
    incoming: np.ndarray
    counterparty: np.ndarray
    asset: np.ndarray
    tx: np.ndarray
    two_sided: np.ndarray
    party: np.ndarray
    neighbours: Neighbours
    as_of: int
    scale: float
    registry: int
    asset_kind: np.ndarray
    asset_group: np.ndarray
    crossing: Crossing

    def __len__(self) -> int:
        return len(self.time)

    @property
    def inflows(self) -> np.ndarray:
        """Positions of incoming transfers."""
        return np.flatnonzero(self.incoming)

    @property
    def outflows(self) -> np.ndarray:
        """Positions of outgoing transfers."""
        return np.flatnonzero(~self.incoming)

    def kind_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the asset-kind bits of some transfers."""
        return self.asset_kind[self.asset[rows]]

    def largest_first(self, rows: np.ndarray) -> np.ndarray:
        """Return some transfers by falling value, equals as they stood."""
        return rows[np.argsort(-self.value[rows], kind="stable")]

    def take(self, rows: np.ndarray) -> History:
        """Return the history that holds only some of the transfers, in time order."""
        return replace(
            self,
            time=self.time[rows],
            value=self.value[rows],
            incoming=self.incoming[rows],
            counterparty=self.counterparty[rows],
            asset=self.asset[rows],
            tx=self.tx[rows],
            two_sided=self.two_sided[rows],
            party=self.party[rows],
            neighbours=self.neighbours.take(rows),
            crossing=Crossing(*(entries[rows] for entries in self.crossing)),
        )

    def two_sided_part(self) -> tuple[History, np.ndarray]:
        """Return the transfers of the kinds that are seen in both directions, and where they stand.

        The positions are those in this history.
        """
        positions = np.flatnonzero(self.two_sided)
        return self.take(positions), positions


@dataclass(frozen=True)
class Histories:
    """The histories of a run.

    Attributes
    ----------
    columns
        The arrays.
    source
        int32 per event: its position among the transfers that were read; empty where that is not
        wanted (`build_histories` without `evidence`).
    row
        uint32 per transfer read: its row in the transfers table.
    keys
        One row per history, in the order requested: ``chain``, ``address``, ``as_of``,
        ``occurs`` (some transfer before the cut names it), ``covered`` (has a coverage row),
        ``complete``, ``legs`` (in force), ``n_unvalued`` (transfers left out because they have no
        value in the basis).
    basis
        ``usd``, ``native`` or ``relative``.
    notes
        What a reader must know: of histories that had to be left empty, of crowded bridges.
    elsewhere
        int64 per entry of `Columns.crossings`: row of the likeliest other leg in the transfers
        table, -1 where there is none. No kernel needs it.
    networks
        All transfers around them, where signals of scope ``graph`` are wanted: each history is in
        one of these.
    found
        Or what families of that scope, by name, have measured of them already.
    """

    columns: Columns
    source: np.ndarray
    row: np.ndarray
    keys: pl.DataFrame
    basis: str
    notes: tuple[str, ...] = ()
    elsewhere: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    networks: tuple[Network, ...] = ()
    found: Mapping[str, Found] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns.offsets) - 1

    @property
    def counts(self) -> np.ndarray:
        """Transfers per history (int64)."""
        return np.diff(self.columns.offsets)

    def __getitem__(self, i: int) -> History:
        c = self.columns
        cut = slice(int(c.offsets[i]), int(c.offsets[i + 1]))
        return History(
            time=c.time[cut],
            value=c.value[cut],
            incoming=c.incoming[cut],
            counterparty=c.counterparty[cut],
            asset=c.asset[cut],
            tx=c.tx[cut],
            two_sided=c.two_sided[cut],
            party=c.party[cut],
            neighbours=_neighbours(c.neighbours, cut),
            as_of=int(c.as_of[i]),
            scale=float(c.scale[i]),
            registry=int(c.registry[i]),
            asset_kind=c.asset_kind,
            asset_group=c.asset_group,
            crossing=self._crossing_of(cut),
        )

    def _crossing_of(self, cut: slice) -> Crossing:
        """Spread the few entries of `Columns.crossings` over one history's transfers."""
        c, n = self.columns.crossings, cut.stop - cut.start
        first, last = np.searchsorted(c.at, [cut.start, cut.stop])
        entries = Crossing(
            np.full(n, np.nan, np.float32),
            np.full(n, np.nan, np.float32),
            np.zeros(n, np.bool_),
            np.full(n, -1, np.int64),
        )
        held = (c.matched, c.best, c.low_fee, self.elsewhere)
        for each, entry in zip(entries, held, strict=True):
            each[c.at[first:last] - cut.start] = entry[first:last]
        return entries

    def rows_of(self, i: int) -> np.ndarray:
        """Return the table rows behind history `i`'s transfers.

        Raises
        ------
        ValueError
            The histories were built without `evidence`.
        """
        if len(self.source) < len(self.columns.time):
            raise ValueError("Histories that were built without evidence do not know their rows.")
        positions = self.source[self.columns.offsets[i] : self.columns.offsets[i + 1]]
        return self.row[positions].astype(np.int64)

    def spans(self) -> pl.DataFrame:
        """Return ``n_transfers``, ``first_seen`` and ``last_seen`` per history."""
        c, counts = self.columns, self.counts
        some = counts > 0
        first = np.zeros(len(self), dtype=np.int64)
        last = np.zeros(len(self), dtype=np.int64)
        first[some] = c.time[c.offsets[:-1][some]]
        last[some] = c.time[c.offsets[1:][some] - 1]
        moments = pl.DataFrame({"n_transfers": counts, "first_seen": first, "last_seen": last})
        return moments.with_columns(
            pl.when(pl.col("n_transfers") > 0)
            .then(pl.from_epoch(pl.col(c), time_unit="us").dt.replace_time_zone("UTC"))
            .alias(c)
            for c in ("first_seen", "last_seen")
        )


def _neighbours(of_all: Neighbours, cut: slice) -> Neighbours:
    return of_all.take(cut) if len(of_all.flags) else unknown(cut.stop - cut.start)


def microseconds(moment: datetime) -> int:
    """Return a moment as microseconds since 1970.

    >>> microseconds(datetime(1970, 1, 2, tzinfo=UTC)) == DAY
    True
    """
    if moment.tzinfo is None:
        raise ValueError(f"A moment needs a time zone. Got {moment.isoformat()}.")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _ONE_MICROSECOND


_ONE_MICROSECOND = datetime(1970, 1, 1, 0, 0, 0, 1) - datetime(1970, 1, 1)
