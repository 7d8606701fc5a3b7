"""Seeing a world as a crawl sees real accounts: the filter both sides of a comparison pass.

A reference is a set of exports: one account's own transfers each, some legs only, up to some
length. A world knows everything, so before they are compared both pass the same filter:

1. **first-order**: a history holds the account's own transfers, nothing of its counterparties';
2. **legs**: only those that every account of the reference has (`View.legs`);
3. **chains**: the world's accounts on the reference's chains, where it has any there;
4. **truncated**: both sides are cut to the shorter of their longest time spans and to the smaller
   of their greatest numbers of transfers (the first ones stay), or to the first days of the view;
5. **long enough**: histories with fewer than `Filter.fewest` transfers then left are dropped;
6. **relative**: amounts are multiples of the median of what is left.

Where more than `Filter.most` histories of a side remain, that many are drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import LEGS, TIME, leg_set, leg_text
from data.transfers import Transfers, open_transfers
from features.building import build_histories
from features.catalogue import catalogue
from features.history import DAY, Histories
from models.components import components
from pipelines.engines import local
from pipelines.engines.local import Measured

KEY = ["chain", "address"]
OPAQUE = "generic"
"""The chain of ledgers whose addresses are opaque ids; it restricts nobody to a chain."""


@dataclass(frozen=True)
class Party:
    """Accounts of one side: the transfers they are in, and who they are.

    Attributes
    ----------
    transfers
        A store.
    accounts
        ``chain``, ``address``, ``group`` (what is linked: a case, or accounts that pay each other).
    """

    transfers: Transfers
    accounts: pl.DataFrame

    @property
    def as_of(self) -> datetime:
        """The moment the store speaks for."""
        assert self.transfers.as_of is not None  # stores alone become parties
        return self.transfers.as_of


@dataclass(frozen=True)
class View:
    """What is looked at: some legs, over the whole of each history or its first days."""

    name: str
    legs: tuple[str, ...]
    days: int | None = None


@dataclass(frozen=True)
class Filter:
    """Numbers of the filter: fewest transfers of a history, most histories of a side."""

    fewest: int = 5
    most: int = 1000
    seed: int = 1


@dataclass(frozen=True)
class Seen:
    """One side after the filter.

    Attributes
    ----------
    measured
        Histories and signals, row by row.
    groups
        What is linked, per row.
    """

    measured: Measured
    groups: np.ndarray


@dataclass(frozen=True)
class Limits:
    """Where the filter cut: days, transfers, chains (empty: any)."""

    days: float
    transfers: int
    chains: tuple[str, ...]


def party_of_store(path: Path) -> Party:
    """Return the covered addresses of a store; those that pay each other are one group.

    Raises
    ------
    Refused
        It is no store, or covers nobody.
    """
    transfers = open_transfers(path)
    coverage = transfers.coverage
    if coverage is None or transfers.as_of is None or coverage.is_empty():
        raise Refused(
            f"{path} does not say whose histories it holds.",
            expected="a store, as `unrinse ingest` writes it, with covered addresses",
        )
    accounts = coverage.select(KEY).unique().sort(KEY)
    return Party(transfers, accounts.with_columns(group=_linked(transfers, accounts)))


def _linked(transfers: Transfers, accounts: pl.DataFrame) -> pl.Series:
    """Name each account's component among those that pay each other by its smallest address."""
    known = accounts["address"].implode()
    pairs = (
        transfers.scan()
        .filter(pl.col("sender").is_in(known), pl.col("receiver").is_in(known))
        .select("sender", "receiver")
        .unique()
        .collect()
        .sort("sender", "receiver")
    )
    component = components(accounts["address"], pairs.iter_rows())
    return pl.Series([component[address] for address in accounts["address"]], dtype=pl.String)


def shared_legs(party: Party) -> tuple[str, ...]:
    """Return the legs that every account of a party has, in their order.

    Raises
    ------
    Refused
        There is none.
    """
    coverage = party.transfers.coverage
    assert coverage is not None
    rows = coverage.join(party.accounts, on=KEY, how="semi")
    merged = rows.group_by(KEY).agg(pl.col("legs").str.join(","))
    held = frozenset.intersection(frozenset(LEGS), *map(leg_set, merged["legs"].unique()))
    if not held:
        raise Refused(
            "the accounts of the reference have no leg in common.",
            hint="Compare with accounts whose exports show the same kinds of transfer.",
        )
    return tuple(leg_text(held).split(","))


def both_ways(legs: Sequence[str]) -> tuple[str, ...]:
    """Return the legs of the kinds that are seen in both directions.

    >>> both_ways(["native_in", "native_out", "token_out"])
    ('native_in', 'native_out')
    """
    kinds = {leg.rpartition("_")[0] for leg in legs}
    whole = {k for k in kinds if {f"{k}_in", f"{k}_out"} <= set(legs)}
    return tuple(leg for leg in legs if leg.rpartition("_")[0] in whole)


def observe(
    world: Party, reference: Party, view: View, limits: Filter
) -> tuple[Seen, Seen, Limits]:
    """Pass both sides through the filter.

    Returns
    -------
    tuple
        World, reference, and where both were cut.
    """
    chains = _chains(world, reference)
    parties = [_on(world, chains), reference]
    whole = [_whole(party, view) for party in parties]
    days = float(min(_spans(one).max(initial=0.0) for one in whole))
    longest = int(min(one.counts.max(initial=0) for one in whole))
    days = days if view.days is None else float(view.days)
    seen = [
        _cut(party, one, view, days, longest, limits)
        for party, one in zip(parties, whole, strict=True)
    ]
    return seen[0], seen[1], Limits(days, longest, chains)


def observe_alone(party: Party, view: View, limits: Filter, *, basis: str = "relative") -> Seen:
    """See one side whole: nothing is cut, short histories are dropped."""
    whole = _whole(party, view)
    return _kept(party, whole, whole.keys["as_of"], view, limits, basis)


def payouts_alone(party: Party, limits: Filter) -> Seen:
    """See outgoing tokens in dollars, of every account that has any, however short its history."""
    view = View("token pay-outs", ("token_out",))
    return observe_alone(party, view, replace(limits, fewest=1), basis="usd")


def _chains(world: Party, reference: Party) -> tuple[str, ...]:
    theirs = reference.accounts["chain"].unique().sort().to_list()
    present = set(world.accounts["chain"].unique())
    return () if OPAQUE in theirs else tuple(c for c in theirs if c in present)


def _on(party: Party, chains: tuple[str, ...]) -> Party:
    if not chains:
        return party
    return Party(party.transfers, party.accounts.filter(pl.col("chain").is_in(chains)))


def _whole(party: Party, view: View) -> Histories:
    return build_histories(
        party.transfers,
        party.accounts.select(KEY),
        as_of=party.as_of,
        basis="relative",
        legs=view.legs,
    )


def _spans(histories: Histories) -> np.ndarray:
    """Return the days from first to last transfer of each history that has any."""
    c = histories.columns
    some = histories.counts > 0
    first, last = c.time[c.offsets[:-1][some]], c.time[c.offsets[1:][some] - 1]
    return np.asarray((last - first) / DAY)


def _cut(
    party: Party, whole: Histories, view: View, days: float, longest: int, limits: Filter
) -> Seen:
    """Give each history the moment from which on nothing of it is seen."""
    c, counts = whole.columns, whole.counts
    start = c.offsets[:-1]
    end = c.as_of.copy()
    some = counts > 0
    # One microsecond more: the transfer that ends the longest span is seen.
    end[some] = np.minimum(end[some], c.time[start[some]] + int(days * DAY) + 1)
    long = counts > longest
    end[long] = np.minimum(end[long], c.time[start[long] + longest])
    moments = pl.from_epoch(pl.Series(end), time_unit="us").dt.replace_time_zone("UTC").cast(TIME)
    return _kept(party, whole, moments, view, limits, "relative")


def _kept(
    party: Party,
    whole: Histories,
    ends: pl.Series,
    view: View,
    limits: Filter,
    basis: str,
) -> Seen:
    """Drop what is too short, draw where there is too much, and measure the rest."""
    c = whole.columns
    until = ends.dt.timestamp("us").to_numpy()
    counts = np.array(
        [
            np.searchsorted(c.time[a:b], t)
            for a, b, t in zip(c.offsets[:-1], c.offsets[1:], until, strict=True)
        ],
        dtype=np.int64,
    )
    rows = np.flatnonzero(counts >= limits.fewest)
    if len(rows) > limits.most:
        drawn = np.random.default_rng(limits.seed).choice(len(rows), limits.most, replace=False)
        rows = rows[np.sort(drawn)]
    requests = party.accounts.with_columns(as_of=ends)[rows]
    measured = local.measure(
        party.transfers,
        requests.drop("group"),
        as_of=party.as_of,
        basis=basis,
        legs=view.legs,
        families=catalogue().families_of(),
    )
    return Seen(measured, requests["group"].to_numpy())
