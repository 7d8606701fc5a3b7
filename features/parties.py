"""What is publicly known of counterparties, at the cut of each history.

A row of the services registry counts from the day after its date: what a source said later may not
be read into the past. A row without a date is not used at all, because an unknown moment is never
filled with one. Where several rows name an address, one that calls it illicit is taken, else the
oldest. So a history that is cut before the registry knows its first bridge has no exposure to
bridges, which is not the same as an exposure of nothing: `Parties.in_force` tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
import polars as pl

from data.schema import TIME
from data.service_table import CATEGORIES
from data.services import Services
from features.compilation import keep_compiled, kernel
from features.history import KINDS_OF_PARTY, LISTED, kinds_of, party_of

NEVER = np.iinfo(np.int64).max
"""Since when nothing is known."""


@dataclass(frozen=True)
class Parties:
    """Who is known, by address code.

    Attributes
    ----------
    party
        uint8 per code, as `Columns.party`.
    since
        int64 microseconds per code: from when on that is known.
    begins
        For each of `EXCHANGES` and so on: chain to the moment from which on one is known there.
    """

    party: np.ndarray
    since: np.ndarray
    begins: dict[int, dict[str, int]]

    @cached_property
    def dates(self) -> np.ndarray:
        """The moments at which somebody among the addresses becomes known, ascending."""
        return np.unique(self.since[self.party > 0])

    def at(self, epoch: int) -> np.ndarray:
        """Return `party` as it was known after so many of `dates`."""
        known = self.dates[epoch - 1] if epoch else -1
        return np.where(self.since <= known, self.party, 0).astype(np.uint8)

    def met(self, counterparty: np.ndarray, offsets: np.ndarray, as_of: np.ndarray) -> np.ndarray:
        """Return `Columns.party` of laid events: what was known of each at its history's cut."""
        out = np.zeros(len(counterparty), dtype=np.uint8)
        if any(self.begins.values()):
            keep_compiled(_meet)
            _meet(self.party, self.since, counterparty, offsets, as_of, out)
        return out

    def in_force(self, chains: pl.Series, as_of: np.ndarray) -> np.ndarray:
        """Return `Columns.registry`: of what some were known on its chain at each cut."""
        known = np.zeros(len(as_of), dtype=np.uint8)
        for kind, begins in self.begins.items():
            since = chains.replace_strict(begins, default=NEVER, return_dtype=pl.Int64)
            known |= np.where(since.to_numpy() <= as_of, np.uint8(kind), np.uint8(0))
        return known


def known_parties(addresses: pl.DataFrame, services: Services | None) -> Parties:
    """Look up addresses (``chain``, ``address``, by code) among the services with a date."""
    nobody = np.zeros(addresses.height, dtype=np.uint8)
    never = np.full(addresses.height, NEVER)
    if services is None:
        return Parties(nobody, never, {})
    numbers = {category: party_of(category) for category in CATEGORIES}
    day_after = pl.col("date").str.to_date(strict=False).cast(TIME) + timedelta(days=1)
    dated = services.table.select(
        "chain",
        "address",
        party=pl.col("category").replace_strict(numbers, return_dtype=pl.UInt8)
        + (~pl.col("licit")).cast(pl.UInt8) * LISTED,
        since=day_after.dt.epoch("us"),
    ).filter(pl.col("since").is_not_null())
    # Where several lists name an address, whoever calls it illicit comes first, then the older.
    listed = (pl.col("party") >= LISTED).alias("_listed")
    dated = dated.sort("chain", "address", ~listed, "since", "party")
    dated = dated.unique(["chain", "address"], keep="first", maintain_order=True)
    found = addresses.join(dated, on=["chain", "address"], how="left", maintain_order="left")
    kinds = pl.Series(kinds_of(dated["party"].to_numpy()))
    return Parties(
        found["party"].fill_null(0).to_numpy(),
        found["since"].fill_null(NEVER).to_numpy(),
        {
            kind: dict(
                dated.filter((kinds & kind) > 0).group_by("chain").agg(pl.col("since").min()).rows()
            )
            for kind in KINDS_OF_PARTY
        },
    )


def parties_in_parts(parts: Iterable[pl.DataFrame], services: Services | None) -> Parties:
    """Look up the addresses of `parts`, end to end, as `known_parties` does."""
    found = [known_parties(part, services) for part in parts]
    if not found:
        return known_parties(
            pl.DataFrame(schema={"chain": pl.String, "address": pl.String}), services
        )
    party, since = (np.concatenate([getattr(one, k) for one in found]) for k in ("party", "since"))
    return Parties(party, since, found[0].begins)


@kernel
def _meet(
    party: np.ndarray,
    since: np.ndarray,
    counterparty: np.ndarray,
    offsets: np.ndarray,
    as_of: np.ndarray,
    out: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    for i in range(len(as_of)):
        for j in range(offsets[i], offsets[i + 1]):
            code = counterparty[j]
            if party[code] and since[code] <= as_of[i]:
                out[j] = party[code]
