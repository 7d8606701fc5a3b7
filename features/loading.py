"""Reading the few columns that histories need, in the one order of transfers, as numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import polars as pl

from data.assets import asset_lookup
from data.errors import Refused
from data.identity import text_ids
from data.transfers import Transfers
from data.wyhash import hash_each
from features.basis import exact_amount, unscaled_amount
from features.compilation import keep_compiled, kernel
from features.encoding import Encoder
from features.events import (
    ASKED,
    ASSET_SHIFT,
    EVENT,
    MOST_ASSETS,
    PLACED,
    PULLED,
    Events,
    empty_table,
)
from features.history import FREEZABLE, NATIVE, STABLECOIN
from features.ordering import text_order
from features.reading import Ascent, Source
from features.text_codes import TextCodes

_ORDER = ("block_time", "block_number", "tx_index", "log_index")
"""What orders the transfers of one chain where every place is known."""

_PLACE = ("block_number", "tx_index")
_PLACE_SHIFT = 21
"""Bits of `tx_index`: more than the transactions of any block."""

_SIDES = ("sender", "receiver")


def load_events(
    transfers: Transfers, *, before: datetime, basis: str, initiators: bool = False
) -> Events:
    """Read the transfers before a moment.

    Parameters
    ----------
    initiators
        Read who asked for each (`features.events.ASKED`).

    Raises
    ------
    Refused
        Two addresses share an id, or the files cannot be read.
    """
    with readable():
        return Loading(Source(transfers, before), basis, initiators=initiators).events()


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Refuse where the transfers cannot be read."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Refused(f"the transfers cannot be read ({str(error).splitlines()[0]}).") from error


def numbers(column: pl.Series) -> np.ndarray:
    """Return a column without nulls as one writable array, of the type it is stored in.

    A copy; so every array has one type to the compiler.
    """
    column = column.to_physical()
    out = np.empty(len(column), dtype=column.clear(1).fill_null(0).to_numpy().dtype)
    if len(column):
        np.concatenate([chunk.to_numpy() for chunk in column.get_chunks()], out=out)
    return out


class Loading:
    """Turns pieces of the transfers into events, in one table or piece by piece."""

    def __init__(self, source: Source, basis: str, *, initiators: bool = False) -> None:
        self._source, self._basis = source, basis
        self._initiators = initiators and source.tells("initiator")
        self._assets, self._addresses = TextCodes("assets"), TextCodes("addresses")
        self._transactions = _Transactions(source)

    def pieces(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read a store piece by piece: `EVENT` of each transfer, and its row.

        Assets are coded by order of first appearance; `of_pieces` says how they are ranked.
        """
        assert self._source.coded
        for piece, numbered in self._source.pieces(self._columns()):
            table = empty_table(len(numbered))
            _write(table, self._fields(piece))
            yield table, numbered

    def of_pieces(self) -> tuple[Events, np.ndarray]:
        """Return what all pieces that were read share, and the rank of each asset's code.

        Without transfers, and without the addresses, which stay in the store.
        """
        assets, ranks = _ranked(self._assets)
        nobody = pl.DataFrame(schema={"chain": pl.String, "address": pl.String})
        return self._described(empty_table(0), np.empty(0, np.uint32), assets, nobody), ranks

    def events(self) -> Events:
        """Read everything, in one pass where the rows stand in the one order."""
        source, looked, filled = self._source, Ascent(), 0
        table, rows = empty_table(source.height), np.empty(source.height, dtype=np.uint32)
        for piece, numbered in source.pieces(self._columns()):
            if source.ordered is None:
                looked.see([piece[key].to_physical().to_numpy() for key in _ORDER])
            end = filled + len(numbered)
            _write(table[filled:end], self._fields(piece))
            rows[filled:end] = numbered
            filled = end
        table, rows = table[:filled], rows[:filled]
        ordered = looked.holds if source.ordered is None else source.ordered
        if not ordered:
            order = source.sorted(rows)
            table, rows = table[order], rows[order]
        self._transactions.settle(table, rows, ordered=ordered)
        assets, asset_ranks = _ranked(self._assets)
        if source.coded:
            addresses = source.dictionary()
            translate(table, asset_ranks, None)
        else:
            addresses, ranks = _ranked(self._addresses)
            addresses = addresses.rename({"text": "address"})
            translate(table, asset_ranks, ranks)
        return self._described(table, rows, assets, addresses)

    def _described(
        self, table: np.ndarray, rows: np.ndarray, assets: pl.DataFrame, addresses: pl.DataFrame
    ) -> Events:
        if assets.height > MOST_ASSETS:
            raise Refused(f"{assets.height:,} assets are more than can be told apart.")
        kinds, groups, units = _asset_facts(assets)
        return Events(
            table=table,
            row=rows,
            placed=self._source.placed,
            basis=self._basis,
            asset_kind=kinds,
            asset_group=groups,
            asset_unit=units,
            addresses=addresses,
        )

    def _columns(self) -> list[str | pl.Expr]:
        """Return what is read, beside what always is."""
        wanted: list[str] = ["asset", *self._transactions.columns]
        if self._source.chain is None:
            wanted.append("chain")
        if self._source.ordered is None:
            wanted += _ORDER
        wanted += [f"{s}_code" if self._source.coded else s for s in _SIDES]
        wanted += ["amount_raw", "usd_micros"] if self._basis == "relative" else []
        columns: list[str | pl.Expr] = list(dict.fromkeys(c for c in wanted if c != "block_time"))
        if self._initiators:
            columns.append(_asked().alias("asked"))
        if self._basis != "relative":
            columns.append(exact_amount(self._basis).alias("amount"))
        return columns

    def _fields(self, piece: pl.DataFrame) -> dict[str, np.ndarray]:
        """Return the fields of `EVENT`; assets and addresses by order of first appearance."""
        chain = piece["chain"] if self._source.chain is None else self._source.chain
        asset = self._assets.encode_repeated(chain, piece["asset"])
        if self._basis == "relative":
            kinds, _, _ = _asset_facts(self._assets.names())
            stable = pl.Series((kinds[asset] & STABLECOIN) > 0, dtype=pl.Boolean)
            amount = unscaled_amount(piece["amount_raw"], piece["usd_micros"], stable)
        else:
            amount = piece["amount"]
        detail = asset << ASSET_SHIFT
        detail |= np.where(piece["placed"].to_numpy(), np.int32(PLACED), np.int32(0))
        detail |= piece["leg_kind"].to_numpy()
        if self._initiators:
            detail |= piece["asked"].to_numpy()
        sender, receiver = (self._codes(chain, piece, side) for side in _SIDES)
        return {
            "time": piece["block_time"].to_physical().to_numpy(),
            "amount": amount.fill_null(-1).to_numpy().view(np.int64),
            "sender": sender,
            "receiver": receiver,
            "tx": self._transactions.codes(piece),
            "detail": detail,
        }

    def _codes(self, chain: pl.Series | str, piece: pl.DataFrame, side: str) -> np.ndarray:
        if not self._source.coded:
            return self._addresses.encode(chain, piece[side])
        codes = piece[f"{side}_code"].to_numpy()
        if len(codes) and (codes.min() < 0 or codes.max() >= self._source.known):
            raise Refused("the store's address dictionary is incomplete.", hint="Ingest again.")
        return codes


def _asked() -> pl.Expr:
    """Return `ASKED` and `PULLED` of each transfer."""
    initiator = pl.col("initiator")
    asked = pl.when(initiator == pl.col("sender")).then(ASKED).otherwise(ASKED | PULLED)
    return pl.when(initiator.is_null()).then(0).otherwise(asked).cast(pl.Int32)


class _Transactions:
    """Numbers the transactions in order: as a store has them, by place in the chain, or by id."""

    def __init__(self, source: Source) -> None:
        self._source = source
        if source.coded:
            self.columns: tuple[str, ...] = ("transaction",)
        elif source.placed:
            self.columns, self._rises = _PLACE, _Rises()
        else:
            keep_compiled(hash_each)
            self.columns, self._encoder = ("tx_id",), Encoder()

    def codes(self, piece: pl.DataFrame) -> np.ndarray:
        """Return int32 codes of more rows."""
        if self._source.coded:
            return piece["transaction"].to_numpy()
        if self._source.placed:
            return self._rises.codes(_places(*piece[_PLACE]))
        return self._encoder.encode(text_ids(piece["tx_id"]))[0]

    def settle(self, table: np.ndarray, rows: np.ndarray, *, ordered: bool) -> None:
        """Number them anew where the files had another order, or places fall."""
        if self._source.coded:
            return
        if not self._source.placed:
            if not ordered:
                table["tx"] = Encoder().encode(table["tx"].astype(np.int64))[0]
        elif not (ordered and self._rises.holds):
            place = _places(*(self._source.read(column, rows) for column in _PLACE))
            rises = _Rises()
            codes = rises.codes(place)
            table["tx"] = codes if rises.holds else Encoder().encode(place)[0]


class _Rises:
    """Codes of ascending numbers, part after part: each rise is a new one."""

    def __init__(self) -> None:
        self.holds = True
        self._last, self._code = np.empty(0, dtype=np.int64), np.int32(0)

    def codes(self, ascending: np.ndarray) -> np.ndarray:
        """Return int32 codes of more numbers; meaningless once `holds` is False."""
        if not len(ascending):
            return np.empty(0, dtype=np.int32)
        before = self._last if len(self._last) else ascending[:1]
        steps = np.diff(ascending, prepend=before)
        self.holds &= not np.any(steps < 0)
        codes = self._code + np.cumsum(steps > 0, dtype=np.int32)
        self._last, self._code = ascending[-1:], codes[-1]
        return codes


def _places(block_number: pl.Series, tx_index: pl.Series) -> np.ndarray:
    """Return one number for each place in a chain, in the order of the chain."""
    return (block_number.to_numpy() << _PLACE_SHIFT) + tx_index.to_numpy()


def _write(block: np.ndarray, fields: dict[str, np.ndarray]) -> None:
    """Write fields of events, event by event: each is half a line of the cache."""
    keep_compiled(_put)
    views = [fields[name].view() for name in EVENT.names or ()]
    for view in views:
        view.flags.writeable = False  # some are, some are not; to the compiler they are all alike
    _put(block, *views)


@kernel
def _put(
    block: np.ndarray,
    time: np.ndarray,
    amount: np.ndarray,
    sender: np.ndarray,
    receiver: np.ndarray,
    tx: np.ndarray,
    detail: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    for i in range(len(block)):
        event = block[i]
        event.time, event.amount = time[i], amount[i]
        event.sender, event.receiver = sender[i], receiver[i]
        event.tx, event.detail = tx[i], detail[i]


def translate(table: np.ndarray, assets: np.ndarray, addresses: np.ndarray | None) -> None:
    """Replace codes by order of first appearance by others (none: addresses stay)."""
    if addresses is None and np.all(assets == np.arange(len(assets))):
        return
    keep_compiled(_relabel)
    _relabel(table, assets, np.empty(0, np.int32) if addresses is None else addresses)


@kernel
def _relabel(
    table: np.ndarray, assets: np.ndarray, addresses: np.ndarray
) -> None:  # pragma: no cover (compiled)
    for i in range(len(table)):
        event = table[i]
        asset, others = event.detail >> ASSET_SHIFT, event.detail & ((1 << ASSET_SHIFT) - 1)
        event.detail = (assets[asset] << ASSET_SHIFT) | others
        if len(addresses):
            event.sender, event.receiver = addresses[event.sender], addresses[event.receiver]


def _ranked(codes: TextCodes) -> tuple[pl.DataFrame, np.ndarray]:
    """Return ``chain`` and ``text`` in order of both, and the rank of each code in it.

    Ranks do not depend on the order of rows, and whoever asks for everybody in order finds them in
    step with memory.
    """
    names = codes.names()
    order = _order_of(names)
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return names[order], ranks


def _order_of(names: pl.DataFrame) -> np.ndarray:
    """Return the positions of texts in order of chain and text."""
    chains = names["chain"].unique().sort()
    places = [np.flatnonzero((names["chain"] == chain).to_numpy()) for chain in chains]
    orders = [place[text_order(names["text"].gather(place))] for place in places]
    return np.concatenate([np.empty(0, dtype=np.int64), *orders])


def _asset_facts(assets: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Look assets up: `Columns.asset_kind`, `Columns.asset_group` and `Events.asset_unit`.

    Groups follow the coin's name, so they do not depend on the order of rows.
    """
    known = assets.rename({"text": "asset"}).join(
        asset_lookup(), on=["chain", "asset"], how="left", maintain_order="left"
    )
    kind = numbers(
        (known["asset_class"] == "stablecoin").fill_null(False).cast(pl.UInt8) * STABLECOIN
        + known["freezable"].fill_null(False).cast(pl.UInt8) * FREEZABLE
        + (
            known["asset_class"].is_in(["native", "wrapped_native"]).fill_null(False)
            | (known["asset"] == "native")
        ).cast(pl.UInt8)
        * NATIVE
    )
    group = known.select(
        pl.coalesce("asset_group", pl.concat_str("chain", pl.lit(":"), "asset"))
    ).to_series()
    groups = group.cast(pl.Enum(group.unique().sort())).to_physical().to_numpy()
    units = 10.0 ** known["decimals"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return kind, groups.astype(np.int32), units
