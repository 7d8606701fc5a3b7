"""One address's transfers, as an alert shows them: evidence rows, timeline, what was left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from data.assets import asset_lookup
from data.schema import LEGS, leg_set
from data.transfers import Transfers
from features.evidence import Elsewhere, Evidence, digest
from features.history import DAY, Histories, History
from features.network import Surroundings, surroundings_of
from features.signal import Signal
from pipelines.amounts import coin_of, exact_amount
from pipelines.moments import iso
from pipelines.tracing.trace_names import moment_of

MOST_ROWS_SHOWN = 8
MOST_BINS = 120
_LEG_OF_KIND = {"mint": "token", "burn": "token"}


@dataclass(frozen=True)
class Dossier:
    """One explained address.

    Attributes
    ----------
    chain, address
        Whose dossier it is.
    history
        What the signals saw.
    rows
        Row numbers of the history's transfers, in its order.
    table
        Every transfer of the address before its cut, by ``row``, whether the signals saw it or
        not; canonical columns and the registry's ``symbol`` and ``decimals``.
    legs, supplied_legs
        Legs in force; legs that the exports show.
    beyond
        The transfers of others that own ones probably belong to, on other chains; columns as in
        `table`.
    transfers
        Where all of it comes from.
    around
        The network around it, where signals of scope ``graph`` were measured.
    """

    chain: str
    address: str
    history: History
    rows: np.ndarray
    table: pl.DataFrame
    legs: frozenset[str]
    supplied_legs: frozenset[str]
    beyond: pl.DataFrame
    transfers: Transfers
    around: Surroundings | None = None
    _found: dict[str, Evidence] = field(default_factory=dict, repr=False, compare=False)

    @property
    def coin(self) -> str:
        """Symbol of the chain's own coin, as the registry has it."""
        return coin_of(self.chain)

    def found(self, signal: Signal) -> Evidence:
        """Return a signal's evidence as its definition finds it, once."""
        if signal.name not in self._found:
            found = signal.definition(self.around if signal.scope == "graph" else self.history)
            if found is None:
                raise ValueError(f"{signal.name} has a value in the kernel but no evidence.")
            self._found[signal.name] = found
        return self._found[signal.name]

    def evidence(self, signal: Signal) -> dict[str, Any]:
        """Return a signal's evidence, the rows to show written out.

        Rows shown are at most `MOST_ROWS_SHOWN`, the most telling ones, in time order; the count
        and the digest cover all. ``elsewhere`` holds transfers beyond the history: those that rows
        shown probably belong to, on other chains; and the first that the value rests on besides,
        which the digest covers after its own. ``n_elsewhere`` counts them all.
        """
        found = self.found(signal)
        shown = _to_show(found, self.history, signal.evidence)
        legs = [self._other_leg(leg) for leg in found.elsewhere if leg.position in shown]
        between = self._between_others(found)
        tx_ids = [row["tx_id"] for row in between]
        return {
            "kind": signal.evidence,
            "rows": self._rows(shown),
            "n_rows": len(found.rows),
            "shown": len(shown),
            "digest": digest(self.tx_ids(found.rows) + tx_ids),
            "statistics": {name: _plain(value) for name, value in found.statistics.items()},
            "elsewhere": legs + [_elsewhere(row) for row in between[:MOST_ROWS_SHOWN]],
            "n_elsewhere": len(found.elsewhere),
        }

    def tx_ids(self, positions: np.ndarray) -> list[str]:
        """Return the transactions of some of the history's transfers, in that order."""
        return self.table["tx_id"].gather(self._at(positions)).to_list()

    def counterparty(self, position: int) -> str:
        """Return the other side of one of the history's transfers."""
        side = "sender" if self.history.incoming[position] else "receiver"
        return str(self.table[side][int(self._at(np.array([position]))[0])])

    def counterparties(self) -> pl.Series:
        """Return the other side of each of the history's transfers, in order."""
        at = self._at(np.arange(len(self.history)))
        sides = [self.table[side].gather(at) for side in ("sender", "receiver")]
        return sides[0].zip_with(pl.Series(self.history.incoming), sides[1])

    def amounts(self) -> list[str]:
        """Return the exact amount of each of the history's transfers, in whole units."""
        rows = self.table[self._at(np.arange(len(self.history)))]
        return [exact_amount(*row) for row in rows.select("amount_raw", "decimals").iter_rows()]

    def timeline(self, basis: str) -> dict[str, Any]:
        """Return value in and out per bin of whole UTC days, at most `MOST_BINS` of them.

        ``net_supplied`` is all that came up to the end of the bin, less all that went.
        """
        h = self.history
        if not len(h):
            return {"unit": basis, "bin_days": 1, "bins": []}
        first = int(h.time[0]) // DAY
        bin_days = max(1, math.ceil((int(h.time[-1]) // DAY - first + 1) / MOST_BINS))
        number = (h.time // DAY - first) // bin_days
        bins, net = [], 0
        for k in np.unique(number).tolist():
            into = (number == k) & h.incoming
            out = (number == k) & ~h.incoming
            net += int(h.value[into].sum()) - int(h.value[out].sum())
            bins.append(
                {
                    "start": moment_of((first + k * bin_days) * DAY),
                    "value_in": int(h.value[into].sum()) / h.scale,
                    "value_out": int(h.value[out].sum()) / h.scale,
                    "n_in": int(into.sum()),
                    "n_out": int(out.sum()),
                    "net_supplied": net / h.scale,
                }
            )
        return {"unit": basis, "bin_days": bin_days, "bins": bins}

    def left_out(self) -> dict[str, int]:
        """Count the transfers that the signals did not see, by reason."""
        leg_kind = pl.col("kind").replace(_LEG_OF_KIND)
        incoming = pl.col("receiver") == self.address
        leg = leg_kind + pl.when(incoming).then(pl.lit("_in")).otherwise(pl.lit("_out"))
        reason = pl.coalesce(
            "screened",
            pl.when(pl.col("kind") == "fee").then(pl.lit("fee")),
            pl.when(~leg.is_in(sorted(self.legs))).then(pl.lit("outside_legs")),
            pl.lit("unpriced"),
        ).alias("reason")
        seen = np.isin(self.table["row"].to_numpy(), self.rows)
        if seen.all():
            return {}
        counted = self.table.filter(~seen).select(reason)["reason"].value_counts()
        return dict(counted.sort(["count", "reason"], descending=[True, False]).iter_rows())

    def _at(self, positions: np.ndarray) -> np.ndarray:
        """Return where in the table some of the history's transfers stand, in that order."""
        return np.searchsorted(self.table["row"].to_numpy(), self.rows[positions])

    def _rows(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        # One by one: a gather of a few rows costs more, as it asks all threads.
        places = self._at(np.array(positions, dtype=np.int64)).tolist()
        return [
            self._row(position, self.table.row(at, named=True))
            for position, at in zip(positions, places, strict=True)
        ]

    def _row(self, position: int, row: Mapping[str, Any]) -> dict[str, Any]:
        incoming = bool(self.history.incoming[position])
        return {
            "tx_id": row["tx_id"],
            "log_index": row["log_index"],
            "block_time": moment_of(int(self.history.time[position])),
            "direction": "in" if incoming else "out",
            "counterparty": row["sender"] if incoming else row["receiver"],
        } | _paid(row)

    def _other_leg(self, leg: Elsewhere) -> dict[str, Any]:
        """Write out the transfer on another chain that an own one probably belongs to."""
        own = self.table.row(int(self._at(np.array([leg.position]))[0]), named=True)
        row = self.beyond.filter(pl.col("row") == leg.row).row(0, named=True)
        return _elsewhere(row, own, leg.probability)

    def _between_others(self, found: Evidence) -> list[dict[str, Any]]:
        """Read the transfers between others that a value rests on, in the order of the table."""
        rows = found.others.tolist()
        return _written_out(self.transfers, _among(rows)).to_dicts() if rows else []


def dossiers(
    histories: Histories, transfers: Transfers, positions: Sequence[int]
) -> Iterator[Dossier]:
    """Collect the dossiers of some histories; the transfers are read once for all of them.

    Parameters
    ----------
    histories
        Of the run.
    transfers
        Where they came from.
    positions
        Which of them, in the order wanted.
    """
    keys = histories.keys[list(positions)]
    beyond = {position: _rows_elsewhere(histories[position]) for position in positions}
    far = sorted({row for rows in beyond.values() for row in rows})
    table = _transfers_of(transfers, keys["address"].unique().to_list(), far)
    own = _own_rows(table, keys)
    supplied = _supplied(transfers, keys)
    for position, key in zip(positions, keys.iter_rows(named=True), strict=True):
        who = key["chain"], key["address"]
        theirs = table[own[who]] if who in own else table.clear()
        rows = beyond[position]
        yield Dossier(
            chain=key["chain"],
            address=key["address"],
            history=histories[position],
            rows=histories.rows_of(position),
            table=theirs.filter(pl.col("block_time") < key["as_of"]),
            legs=leg_set(key["legs"]),
            supplied_legs=frozenset(LEGS) if supplied is None else supplied.get(who, frozenset()),
            beyond=table.filter(pl.col("row").is_in(rows)) if rows else table.clear(),
            transfers=transfers,
            around=surroundings_of(histories, position),
        )


def _rows_elsewhere(history: History) -> list[int]:
    other = history.crossing.other
    return np.unique(other[other >= 0]).tolist()


def _transfers_of(transfers: Transfers, addresses: list[str], rows: list[int]) -> pl.DataFrame:
    """Read the transfers of some addresses, and some others by their rows."""
    theirs = pl.col("sender").is_in(addresses) | pl.col("receiver").is_in(addresses)
    return _written_out(transfers, theirs | _among(rows) if rows else theirs)


def _among(rows: list[int]) -> pl.Expr:
    return pl.col("row").is_in(pl.Series(rows, dtype=pl.UInt32).implode())


def _written_out(transfers: Transfers, which: pl.Expr) -> pl.DataFrame:
    """Read some transfers in the order of their rows, with what the registry says of the asset."""
    known = asset_lookup().lazy().select("chain", "asset", "symbol", "decimals")
    return (
        transfers.scan()
        .filter(which)
        .with_columns(pl.col("row").cast(pl.Int64))
        .join(known, on=["chain", "asset"], how="left")
        .sort("row")
        .collect()
    )


def _own_rows(table: pl.DataFrame, keys: pl.DataFrame) -> dict[tuple[str, str], pl.Series]:
    """Return where in the table the transfers of each address stand, in the table's order."""
    at = pl.int_range(pl.len(), dtype=pl.UInt32).alias("at")
    asked = keys.select("chain", "address").unique()
    sides = [table.select("chain", at, address=name) for name in ("sender", "receiver")]
    found = (
        pl.concat(sides)
        .join(asked, on=["chain", "address"], how="semi")
        .group_by("chain", "address")
        .agg(pl.col("at").unique().sort())
    )
    whose = found.select("chain", "address").iter_rows()
    return dict(zip(whose, found["at"], strict=True))


def _supplied(
    transfers: Transfers, keys: pl.DataFrame
) -> dict[tuple[str, str], frozenset[str]] | None:
    """Return the legs that the exports show of each address; None: all legs of all."""
    if transfers.assume_complete or transfers.coverage is None:
        return None
    asked = keys.select("chain", "address").unique()
    own = transfers.coverage.join(asked, on=["chain", "address"], how="semi")
    legs: dict[tuple[str, str], frozenset[str]] = {}
    for chain, address, text in own.select("chain", "address", "legs").iter_rows():
        legs[chain, address] = legs.get((chain, address), frozenset()) | leg_set(text)
    return legs


def _to_show(found: Evidence, history: History, kind: str) -> list[int]:
    """Choose the positions to show: the telling ones, then the largest or the first."""
    rest = np.setdiff1d(found.rows, found.telling)
    if kind == "distribution":
        rest = history.largest_first(rest)
    # a transfer that is telling in two ways is told once
    chosen = list(dict.fromkeys(np.concatenate([found.telling, rest]).tolist()))[:MOST_ROWS_SHOWN]
    return sorted(int(position) for position in chosen)


def _elsewhere(
    row: Mapping[str, Any],
    own: Mapping[str, Any] | None = None,
    probability: float | None = None,
) -> dict[str, Any]:
    """Write out a transfer beyond the history, with the own one that it probably belongs to."""
    return {
        "of_tx_id": None if own is None else own["tx_id"],
        "of_log_index": None if own is None else own["log_index"],
        "probability": probability,
        "chain": row["chain"],
        "tx_id": row["tx_id"],
        "log_index": row["log_index"],
        "block_time": iso(row["block_time"]),
        "sender": row["sender"],
        "receiver": row["receiver"],
    } | _paid(row)


def _paid(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write out what a transfer moved."""
    usd = row["usd_micros"]
    return {
        "asset": row["asset"],
        "symbol": row["symbol"],
        "amount": exact_amount(row["amount_raw"], row["decimals"]),
        "usd": None if usd is None else usd / 1_000_000,
    }


def _plain(value: float | Sequence[float]) -> float | list[float]:
    if isinstance(value, Sequence | np.ndarray):
        return [float(item) for item in value]
    return float(value)
