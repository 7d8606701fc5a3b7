"""Parties: at whom a trace stops, and what is publicly known of everybody it meets.

It stops at services of the registry (and of the user's own lists): value that goes in is mixed with
everybody's, so what comes out is not traced through. It stops where the next transfers were not
supplied: an address whose exports do not show what it paid out (going back: what it was paid) would
else look as if it kept everything. It stops at hubs. And an address that passes all it gets on to
exchanges, where what it paid was supplied, is taken for a customer's deposit address there, by
behaviour alone, and said to be so.

All that the lists say is used and shown with its date, also what became known after the transfers:
a trace speaks of what is known when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from data.services import Services
from data.transfers import Transfers
from features.events import Events
from models.deposit_address import LEAST_SHARE, MOST_RECEIVERS
from models.tracing.limits import SERVICE_ENDS, End

ENDS = tuple(End)
TOKEN = 2
_NO_END = -1
LEG_KINDS = ("native", "token")
_ALWAYS, _NEVER = np.iinfo(np.int64).max, np.iinfo(np.int64).min


@dataclass(frozen=True)
class Parties:
    """What is known of each address, by code.

    Attributes
    ----------
    addresses
        ``chain`` and ``address`` by code.
    ends
        int8: position in `ENDS`, -1 for none.
    tags
        Rows of the services table of each tagged code.
    supplied
        By direction (``out``, ``in``) and kind of leg: whether the exports show it.
    complete
        Whether the exports of an address are whole and reach up to the moment of the trace.
    """

    addresses: pl.DataFrame
    ends: np.ndarray
    tags: dict[int, list[dict[str, object]]]
    supplied: dict[tuple[str, str], np.ndarray]
    complete: np.ndarray

    def end_at(self, code: int, *, token: bool, forward: bool) -> End | None:
        """Return the end that an address is for one kind of leg; None where value goes on."""
        if self.ends[code] != _NO_END:
            return ENDS[self.ends[code]]
        shown = self.supplied["out" if forward else "in", "token" if token else "native"]
        return None if shown[code] else End.NOT_SUPPLIED

    def is_closed(self, codes: np.ndarray, *, forward: bool) -> np.ndarray:
        """Say which addresses are left by no kind of leg."""
        side = "out" if forward else "in"
        shown = np.logical_or.reduce([self.supplied[side, kind][codes] for kind in LEG_KINDS])
        return (self.ends[codes] != _NO_END) | ~shown

    def with_end(self, codes: np.ndarray, end: End) -> Parties:
        """Return the same, with an end for those of some addresses that had none."""
        ends = self.ends.copy()
        ends[codes[ends[codes] == _NO_END]] = ENDS.index(end)
        return replace(self, ends=ends)


@dataclass(frozen=True)
class Standing:
    """What no moment changes: what lists and exports say of each address.

    Attributes
    ----------
    addresses, tags, supplied
        As in `Parties`.
    ends
        int8: of tagged addresses.
    whole_until
        int64 microseconds: up to when the exports of an address are whole; the least number where
        they are not.
    """

    addresses: pl.DataFrame
    tags: dict[int, list[dict[str, object]]]
    ends: np.ndarray
    supplied: dict[tuple[str, str], np.ndarray]
    whole_until: np.ndarray


def standing_of(transfers: Transfers, addresses: pl.DataFrame, services: Services) -> Standing:
    """Look every address up among the services and in the coverage."""
    tags = _tags(addresses, services)
    ends = np.full(addresses.height, _NO_END, dtype=np.int8)
    for code, rows in tags.items():
        found = [SERVICE_ENDS[str(r["category"])] for r in rows if r["category"] in SERVICE_ENDS]
        if found:
            ends[code] = ENDS.index(found[0])
    return Standing(addresses, tags, ends, *_coverage(transfers, addresses))


def known_parties(standing: Standing, events: Events, at_micros: int) -> Parties:
    """Say who everybody is at a moment.

    Parameters
    ----------
    events
        Those before it.
    at_micros
        The moment of the trace.
    """
    complete = standing.whole_until >= at_micros
    parties = Parties(standing.addresses, standing.ends, standing.tags, standing.supplied, complete)
    told = _deposit_addresses(events, standing.ends)
    # Of who is seen only through others, what he pays others is not known: that is closed.
    seen = told[~parties.is_closed(told, forward=True)]
    return parties.with_end(seen, End.EXCHANGE_DEPOSIT)


def bridges_of(parties: Parties) -> np.ndarray:
    """Say of each code whether it is a known bridge."""
    return parties.ends == ENDS.index(End.BRIDGE)


def _tags(addresses: pl.DataFrame, services: Services) -> dict[int, list[dict[str, object]]]:
    """Return what the lists say of each address, listed parties before licit services."""
    coded = addresses.with_row_index("code")
    found = coded.join(services.table, on=["chain", "address"], maintain_order="left_right")
    tags: dict[int, list[dict[str, object]]] = {}
    for row in found.sort("code", "licit", maintain_order=True).iter_rows(named=True):
        named = {k: v for k, v in row.items() if k not in ("code", "chain", "address")}
        tags.setdefault(row["code"], []).append(named)
    return tags


def _coverage(
    transfers: Transfers, addresses: pl.DataFrame
) -> tuple[dict[tuple[str, str], np.ndarray], np.ndarray]:
    nodes = addresses.height
    keys = [(side, kind) for side in ("out", "in") for kind in LEG_KINDS]
    if transfers.assume_complete:
        return {key: np.ones(nodes, dtype=bool) for key in keys}, np.full(nodes, _ALWAYS)
    if transfers.coverage is None:
        return {key: np.zeros(nodes, dtype=bool) for key in keys}, np.full(nodes, _NEVER)
    until = pl.when("complete").then(pl.col("to").dt.epoch("us")).fill_null(_NEVER)
    per = transfers.coverage.group_by("chain", "address").agg(
        pl.col("legs").str.join(",").alias("legs"),
        until.min().alias("until"),
    )
    found = addresses.join(per, on=["chain", "address"], how="left", maintain_order="left")
    legs = pl.concat_str(pl.lit(","), pl.col("legs").fill_null(""), pl.lit(","))
    shown = found.select(
        legs.str.contains(f",{kind}_{side},", literal=True).alias(f"{side} {kind}")
        for side, kind in keys
    )
    supplied = {key: shown[f"{key[0]} {key[1]}"].to_numpy() for key in keys}
    return supplied, found["until"].fill_null(_NEVER).to_numpy()


def _deposit_addresses(events: Events, ends: np.ndarray) -> np.ndarray:
    """Return addresses that pay hardly anybody but exchanges (`models.deposit_address`)."""
    hot = ends == ENDS.index(End.EXCHANGE_HOT)
    nodes = len(ends)
    candidate = np.zeros(nodes, dtype=bool)
    candidate[events.sender[hot[events.receiver]]] = True
    paid = candidate[events.sender] & (events.amount > 0)
    sender, receiver, amount = events.sender[paid], events.receiver[paid], events.amount[paid]
    to_hot = hot[receiver]
    facts = (
        pl.DataFrame({"code": sender, "receiver": receiver, "amount": amount, "hot": to_hot})
        .group_by("code")
        .agg(
            pl.col("receiver").n_unique().alias("receivers"),
            pl.col("amount").sum().alias("all"),
            pl.col("amount").filter("hot").sum().alias("swept"),
        )
        .filter(pl.col("swept").cast(pl.Float64) >= LEAST_SHARE * pl.col("all").cast(pl.Float64))
        .filter(pl.col("receivers") <= MOST_RECEIVERS, pl.col("all") > 0)
    )
    return facts["code"].sort().to_numpy()
