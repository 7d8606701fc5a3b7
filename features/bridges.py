"""Bridges: the legs of crossings among all transfers, and what each history may know of its own.

Legs are sought among all loaded transfers, also of addresses that nobody asked for, and matched
once (`features.crossings`). A transfer is a leg where exactly one side is a known bridge: between
two bridges money has not left the bridge. Amounts are compared in coins, whatever the value basis,
and only coins of the asset registry have one; other transfers over bridges are legs of which
nothing is said.

A bridge is known to a history if its registry row counts at the history's cut. So legs are matched
anew for each set of bridges that some cut knows: a list with many dates costs as many passes, over
the legs alone. And a leg says nothing to a history that is cut before it has settled.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from data.addresses import EVM_CHAINS
from data.transfers import Transfers
from features.compilation import keep_compiled, kernel
from features.crossings import MOST_RIVALS, WINDOW, Legs, Matches, match
from features.events import Events
from features.history import NO_CROSSINGS, WHAT, Columns, Crossings, party_of
from features.parties import Parties

LOW_FEE_CHAINS = (
    "tron", "bsc", "polygon", "arbitrum", "base", "optimism", "avalanche",
)  # fmt: skip
"""Chains where moving a stablecoin usually costs cents to a few dollars. Press on INTERPOL's
resolution of November 2025 names Tron and BSC; which others are like them is a choice made here:
all that are read but Ethereum and Bitcoin."""

_BRIDGE = party_of("bridge")
_PIECE_ROWS = 1 << 18
_MOST_KEPT = 4
"""Matchings that are kept: histories that come bucket after bucket ask for the same ones again."""

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Crossed:
    """What histories know of their own transfers over bridges.

    Attributes
    ----------
    crossings, elsewhere
        As in `Columns` and `Histories`.
    crowded, undecided
        How many of them are compared with legs of their own address alone, and left open by this.
    """

    crossings: Crossings = NO_CROSSINGS
    elsewhere: np.ndarray = field(default_factory=lambda: NO_CROSSINGS.at)
    crowded: int = 0
    undecided: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what crowded bridges leave open."""
        return crowd_notes(self.crowded, self.undecided)


@dataclass(frozen=True)
class BridgeLegs:
    """Every transfer over a bridge that can be compared, and the likeliest other leg of each.

    Attributes
    ----------
    event
        Positions among the events, ascending.
    deposit
        Whether it goes into a bridge.
    other
        The event of the likeliest other leg; -1 for none.
    probability
        Of that leg; NaN where nothing can be said.
    settled
        Whether no later transfer can change that any more.
    """

    event: np.ndarray
    deposit: np.ndarray
    other: np.ndarray
    probability: np.ndarray
    settled: np.ndarray


def bridge_legs(
    transfers: Transfers, events: Events, bridge: np.ndarray, as_of: int
) -> BridgeLegs | None:
    """Match all legs of some bridges; None where there is no leg.

    Parameters
    ----------
    bridge
        Of each address code, whether it is a bridge.
    as_of
        The moment at which the transfers end.
    """
    found = _legs(transfers, events, bridge, np.zeros(len(bridge), np.int64))
    if found is None:
        return None
    kept = np.flatnonzero(found.until == _NEVER)  # not between two bridges
    legs = Legs(*(entries[kept] for entries in found.legs))
    matches, event = match(legs), found.event[kept]
    other = np.where(matches.partner >= 0, event[matches.partner], -1)
    settled = legs.time <= as_of - WINDOW
    return BridgeLegs(event, legs.deposit, other, matches.best, settled)


@dataclass(frozen=True)
class BridgeTransfers:
    """All legs, in the order of events, with what decides to whom they are known.

    `event` of each, a number that ascends, and its `row` in the transfers table; `since` when its
    bridge is known, `until` when its other side is a known bridge too; the names of the chains by
    code.
    """

    event: np.ndarray
    row: np.ndarray
    legs: Legs
    since: np.ndarray
    until: np.ndarray
    chains: tuple[str, ...]
    _matched: dict[int, tuple[np.ndarray, Matches]] = field(default_factory=dict)

    def matched_at(self, moment: int) -> tuple[np.ndarray, Matches]:
        """Return which legs were known at a moment, and match them (a few moments are kept)."""
        if moment not in self._matched:
            if len(self._matched) == _MOST_KEPT:
                self._matched.pop(next(iter(self._matched)))
            kept = np.flatnonzero((self.since <= moment) & ~(self.until <= moment))
            legs = Legs(*(entries[kept] for entries in self.legs))
            self._matched[moment] = kept, match(legs)
        return self._matched[moment]


def is_bridge(parties: Parties) -> np.ndarray:
    """Say of each address code whether it is a bridge."""
    return (parties.party & WHAT) == _BRIDGE


def bridge_transfers(
    transfers: Transfers, events: Events, parties: Parties
) -> BridgeTransfers | None:
    """Find the legs of known bridges; None where there is none."""
    bridge = is_bridge(parties)
    return _legs(transfers, events, bridge, parties.since) if bridge.any() else None


def meets_bridges(columns: Columns) -> bool:
    """Say whether any history has transfers over bridges."""
    return len(_over_bridges(columns.party)) > 0


def crossings_of(found: BridgeTransfers | None, source: np.ndarray, columns: Columns) -> Crossed:
    """Match the legs of bridges, and say what each history may know of its own.

    Parameters
    ----------
    source
        Of each laid event, the event behind it, as `found` numbers them.
    """
    party, offsets, as_of = columns.party, columns.offsets, columns.as_of
    at = _over_bridges(party)
    if found is None or not len(at):
        return Crossed()
    place = np.minimum(np.searchsorted(found.event, source[at]), len(found.event) - 1)
    own = found.event[place] == source[at]  # not those of unlisted coins
    at, place = at[own], place[own]
    cut = as_of[np.searchsorted(offsets, at, side="right") - 1]
    settled = found.legs.time[place] <= cut - WINDOW
    at, place, cut = at[settled], place[settled], cut[settled]
    moments = np.unique(np.concatenate([found.since, found.until]))
    epoch = np.searchsorted(moments, cut, side="right")
    parts = [NO_CROSSINGS]
    rows, crowd = [NO_CROSSINGS.at], np.zeros(2, dtype=np.int64)
    for known in np.unique(epoch).tolist():
        here = epoch == known
        crossings, other, left = _known(found, int(moments[known - 1]), at[here], place[here])
        parts.append(crossings)
        rows.append(other)
        crowd += left
    whole = Crossings(*(np.concatenate(entries) for entries in zip(*parts, strict=True)))
    order = np.argsort(whole.at)
    return Crossed(
        Crossings(*(entries[order] for entries in whole)),
        np.concatenate(rows)[order],
        *crowd.tolist(),
    )


def _over_bridges(party: np.ndarray) -> np.ndarray:
    """Return the positions of the histories' transfers over bridges, a piece at a time."""
    starts = range(0, len(party), _PIECE_ROWS)
    pieces = (party[start : start + _PIECE_ROWS] for start in starts)
    places = [
        start + np.flatnonzero((piece & WHAT) == _BRIDGE)
        for start, piece in zip(starts, pieces, strict=True)
    ]
    return np.concatenate([NO_CROSSINGS.at, *places])


def _known(
    found: BridgeTransfers, moment: int, at: np.ndarray, place: np.ndarray
) -> tuple[Crossings, np.ndarray, np.ndarray]:
    """Match the legs known at a moment, and take what some places of histories show of it.

    Returns
    -------
    crossings, other, crowd
        The entries; the row of each likeliest other leg, -1 for none; how many of the places are
        in a crowd, and how many are undecided.
    """
    kept, matches = found.matched_at(moment)
    leg = np.full(len(found.event), -1)
    leg[kept] = np.arange(len(kept))
    at, mine = at[leg[place] >= 0], leg[place][leg[place] >= 0]
    crowd = np.array([matches.crowded[mine].sum(), matches.undecided[mine].sum()])
    said = ~np.isnan(matches.matched[mine])
    at, mine = at[said], mine[said]
    partner = matches.partner[mine]
    low = np.isin(found.legs.chain[kept], _low_fee_codes(found.chains))
    crossings = Crossings(
        at,
        matches.matched[mine].astype(np.float32),
        matches.best[mine].astype(np.float32),
        (partner >= 0) & low[partner],
    )
    return crossings, np.where(partner >= 0, found.row[kept][partner], -1), crowd


def _low_fee_codes(chains: tuple[str, ...]) -> list[int]:
    return [code for code, chain in enumerate(chains) if chain in LOW_FEE_CHAINS]


def crowd_notes(crowded: int, undecided: int) -> tuple[str, ...]:
    """Say how many transfers over bridges are in crowded moments, and how many left open."""
    if not crowded and not undecided:
        return ()
    return (
        f"{crowded:,} transfers over bridges stand in crowded moments, with more than "
        f"{MOST_RIVALS} possible other legs; they were compared with those of their own address "
        f"alone. {undecided:,} transfers over bridges are left undecided by this: they count "
        "neither as matched nor as unmatched.",
    )


def _legs(
    transfers: Transfers, events: Events, bridge: np.ndarray, since: np.ndarray
) -> BridgeTransfers | None:
    """Find the legs among all events, in their order; None where there is none."""
    keep_compiled(_near)
    count = _near(events.sender, events.receiver, bridge, np.empty(0, np.int64))
    event = np.empty(count, dtype=np.int64)
    _near(events.sender, events.receiver, bridge, event)
    asset = events.asset_of(event)
    amount = _raw_amounts(transfers, events.row[event]) / events.asset_unit[asset]
    fine = (amount > 0) & np.isfinite(amount)
    event, asset, amount = event[fine], asset[fine], amount[fine]
    if not len(event):
        return None
    sender, receiver = events.sender[event], events.receiver[event]
    into = np.where(bridge[receiver], since[receiver], _NEVER)
    out = np.where(bridge[sender], since[sender], _NEVER)
    deposit = into < out  # where both are bridges, until the second is known
    user = np.where(deposit, sender, receiver)
    chain = events.addresses["chain"].gather(user)
    chains = chain.unique().sort()
    legs = Legs(
        time=events.time[event],
        amount=amount,
        deposit=deposit,
        coin=events.asset_group[asset].astype(np.int64),
        chain=_codes(chain),
        who=_codes(events.addresses["address"].gather(user)),
        evm=chain.is_in(list(EVM_CHAINS)).to_numpy(),
    )
    first, second = np.minimum(into, out), np.maximum(into, out)
    row = events.row[event].astype(np.int64)
    return BridgeTransfers(event, row, legs, first, second, tuple(chains.to_list()))


def _codes(text: pl.Series) -> np.ndarray:
    """Number texts by their order."""
    return text.rank("dense").to_numpy().astype(np.int64) - 1


def _raw_amounts(transfers: Transfers, rows: np.ndarray) -> np.ndarray:
    """Read the amounts of some rows, in base units, piece by piece."""
    wanted, back = np.unique(rows.astype(np.int64), return_inverse=True)
    parts, done = [np.empty(0)], 0
    lazy = transfers.scan().select("amount_raw")
    for piece in lazy.collect_batches(chunk_size=_PIECE_ROWS, maintain_order=True):
        a, b = np.searchsorted(wanted, [done, done + piece.height])
        parts.append(piece["amount_raw"].gather(wanted[a:b] - done).cast(pl.Float64).to_numpy())
        done += piece.height
    return np.concatenate(parts)[back]


@kernel
def _near(
    sender: np.ndarray, receiver: np.ndarray, bridge: np.ndarray, out: np.ndarray
) -> int:  # pragma: no cover (compiled)
    """List the events that have a bridge on a side, as far as there is room; return how many."""
    count = 0
    for j in range(len(sender)):
        if bridge[sender[j]] or bridge[receiver[j]]:
            if count < len(out):
                out[count] = j
            count += 1
    return count
