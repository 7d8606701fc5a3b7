"""Reading the few columns that histories need, in the one order of transfers, as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from data.assets import asset_lookup
from data.derived import leg_kind, placed
from data.errors import Refused
from data.identity import checked_address_ids, murmur64a_each, murmur64a_twice, text_ids
from data.schema import DERIVED_COLUMNS, TRANSFER_ORDER
from data.transfers import Transfers
from features.basis import exact_amount, unscaled_amount
from features.compilation import keep_compiled
from features.encoding import Encoder
from features.history import FREEZABLE, NATIVE, STABLECOIN, microseconds
from features.ordering import text_order

_PIECE_ROWS = 1 << 18
"""Of texts, read in pieces: a row group of the files that are written here."""


@dataclass(frozen=True)
class Events:
    """Transfers as parallel arrays, in order; screened rows and fees are not among them.

    Attributes
    ----------
    time
        int64 microseconds.
    tx
        int32, shared by the transfers of one transaction.
    sender, receiver
        int32 codes: rows of `addresses`.
    amount
        int64 or float64 (``relative``); not above 0 where the basis gives the transfer no value.
    leg_kind
        int8: 0 native, 1 internal, 2 token (coins made or burnt move as tokens do).
    asset
        int32 code into `asset_kind` and `asset_group`.
    row
        uint32: the row in the transfers table.
    placed
        bool: the row's place in its block is known; else inflows precede outflows of its moment.
    asset_unit
        float64 per asset: base units in one whole; NaN where the registry does not know it.
    addresses
        ``chain`` and ``address`` of each code; in order of both.
    """

    time: np.ndarray
    tx: np.ndarray
    sender: np.ndarray
    receiver: np.ndarray
    amount: np.ndarray
    leg_kind: np.ndarray
    asset: np.ndarray
    row: np.ndarray
    placed: np.ndarray
    asset_kind: np.ndarray
    asset_group: np.ndarray
    asset_unit: np.ndarray
    addresses: pl.DataFrame


def load_events(transfers: Transfers, *, before: datetime, basis: str) -> Events:
    """Read the transfers before a moment.

    Raises
    ------
    Refused
        Two addresses share an id, or the files cannot be read.
    """
    try:
        table = _Table(transfers, before)
        return _events(table, basis)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Refused(f"the transfers cannot be read ({str(error).splitlines()[0]}).") from error


def _events(table: _Table, basis: str) -> Events:
    codes, kinds, groups, units = _assets(table)
    if basis == "relative":
        stable = pl.Series((kinds[codes] & STABLECOIN) > 0, dtype=pl.Boolean)
        amount = unscaled_amount(table.read("amount_raw"), table.read("usd_micros"), stable)
    else:
        amount = table.read(exact_amount(basis))
    sender, receiver, addresses = _addresses(table)
    return Events(
        time=table.time,
        tx=_transaction_codes(table),
        sender=sender,
        receiver=receiver,
        amount=numbers(amount.fill_null(-1)),
        leg_kind=table.leg_kind,
        asset=codes,
        row=table.rows,
        placed=table.placed,
        asset_kind=kinds,
        asset_group=groups,
        asset_unit=units,
        addresses=addresses,
    )


def numbers(column: pl.Series) -> np.ndarray:
    """Return a column without nulls as one writable array, of the type it is stored in.

    A copy into memory of numpy's, which asks for large pages; so every array has one type to the
    compiler, and the memory the column was decoded in is free for the next.
    """
    column = column.to_physical()
    out = np.empty(len(column), dtype=column.clear(1).fill_null(0).to_numpy().dtype)
    if len(column):
        np.concatenate([chunk.to_numpy() for chunk in column.get_chunks()], out=out)
    return out


class _Table:
    """The wanted rows of the transfers in their one order, read one column after another.

    So the memory one column was decoded in serves the next. `chain` is the only chain, None where
    there are several; `dictionary` lists the addresses by code where the store has derived columns,
    else it is None; `positioned`: every row's place in its block is known.
    """

    def __init__(self, transfers: Transfers, before: datetime) -> None:
        self._lazy = transfers.scan()
        derived = set(DERIVED_COLUMNS) <= set(self._lazy.collect_schema().names())
        self.dictionary = transfers.addresses() if derived else None
        self.chain = self._only_chain()
        self.time = numbers(self._column("block_time"))
        self.placed = self._column(pl.col("placed") if derived else placed()).to_numpy()
        self.positioned = bool(self.placed.all())
        legs = self._column(pl.col("leg_kind") if derived else leg_kind())
        wanted = legs.is_not_null().to_numpy() & (self.time < microseconds(before))
        self.leg_kind = numbers(legs.fill_null(0))
        self._wanted = None if wanted.all() else wanted
        self.rows = np.arange(len(wanted), dtype=np.uint32)
        self._order: np.ndarray | None = None
        if self._wanted is not None:
            self._take(self._wanted)
        if not transfers.trusted and not self._in_order():
            self._order = self._sorted()
            self._take(self._order)

    def read(self, column: str | pl.Expr) -> pl.Series:
        """Read one column, or an expression of some."""
        series = self._column(column)
        if self._wanted is not None:
            series = series.filter(pl.Series(self._wanted))
        return series if self._order is None else series.gather(self._order)

    def pieces(self, *columns: str) -> Iterator[pl.DataFrame]:
        """Read columns in pieces, so that their memory serves again; in the order of the file."""
        done = 0
        lazy = self._lazy.select(columns)
        for piece in lazy.collect_batches(chunk_size=_PIECE_ROWS, maintain_order=True):
            start, done = done, done + piece.height
            if self._wanted is None:
                yield piece
            else:
                yield piece.filter(pl.Series(self._wanted[start:done]))

    def arranged(self, parts: list[np.ndarray]) -> np.ndarray:
        """Join what was worked out from `pieces`, and put it into the one order."""
        whole = np.concatenate([np.empty(0, np.int32), *parts])
        return whole if self._order is None else whole[self._order]

    def _column(self, column: str | pl.Expr) -> pl.Series:
        return self._lazy.select(column).collect().to_series()

    def _take(self, some: np.ndarray) -> None:
        self.rows, self.time = self.rows[some], self.time[some]
        self.placed, self.leg_kind = self.placed[some], self.leg_kind[some]

    def _only_chain(self) -> str | None:
        if self.dictionary is not None:  # in order of chain
            chains = self.dictionary["chain"]
            return chains[0] if len(chains) and chains[0] == chains[-1] else None
        chain = pl.col("chain")
        facts = self._lazy.select(chain.first(), alone=(chain == chain.first()).all())
        first, alone = facts.collect().row(0)
        return first if alone else None

    def _in_order(self) -> bool:
        """Say whether rows stand in the one order already (where positions are known)."""
        if not self.positioned or self.chain is None:
            return False
        equal = np.ones(max(len(self.rows) - 1, 0), dtype=bool)
        for key in ("block_time", "block_number", "tx_index", "log_index"):
            held = self.time if key == "block_time" else numbers(self.read(key))
            if np.any(equal & (held[1:] < held[:-1])):
                return False
            equal &= held[1:] == held[:-1]
        return True

    def _sorted(self) -> np.ndarray:
        # Where positions are known they decide; transaction ids are read only where they must.
        keys = [c for c in TRANSFER_ORDER if c != "tx_id" or not self.positioned]
        frame = pl.DataFrame([self.read(key) for key in keys]).with_row_index("at")
        return frame.sort(keys, nulls_last=False, maintain_order=True)["at"].to_numpy()


def _addresses(table: _Table) -> tuple[np.ndarray, np.ndarray, pl.DataFrame]:
    """Code senders and receivers, and say which address each code is."""
    sides = ("sender", "receiver")
    if (dictionary := table.dictionary) is not None:
        codes = [numbers(table.read(f"{side}_code")) for side in sides]
        for code in codes:
            if len(code) and (code.min() < 0 or code.max() >= dictionary.height):
                raise Refused("the store's address dictionary is incomplete.", hint="Ingest again.")
        return codes[0], codes[1], dictionary.select("chain", "address")
    (sender, receiver), names = _text_codes(table, sides, "addresses")
    return sender, receiver, names.rename({"text": "address"})


def _text_codes(
    table: _Table, columns: tuple[str, ...], what: str
) -> tuple[list[np.ndarray], pl.DataFrame]:
    """Code the texts of some columns together, piece by piece; one text on two chains is two.

    Returns int32 codes per column, and ``chain`` and ``text`` of each code. Codes follow these two,
    so they do not depend on the order of rows, and whoever asks for everybody in order finds the
    codes in step with memory.
    """
    for hashing in (murmur64a_twice, murmur64a_each):  # the second hashes the names of chains
        keep_compiled(hashing)
    encoder = Encoder()
    parts: list[list[np.ndarray]] = [[] for _ in columns]
    found = [pl.DataFrame(schema={"chain": pl.String, "text": pl.String})]
    for piece in table.pieces(*columns, *(["chain"] if table.chain is None else [])):
        chain = table.chain if table.chain is not None else piece["chain"]
        for part, column in zip(parts, columns, strict=True):
            codes, first = encoder.encode(*checked_address_ids(chain, piece[column]))
            part.append(codes)
            new = chain if isinstance(chain, str) else chain.gather(first)
            # added to nothing: a copy, which does not keep the whole piece in memory
            text = piece[column].gather(first).alias("text") + ""
            found.append(text.to_frame().select(pl.lit(new).alias("chain"), "text"))
    if encoder.collided:
        raise Refused(f"two {what} among the transfers have the same 64-bit id.")
    names = pl.concat(found)
    order = _order_of(names)
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return [table.arranged([ranks[codes] for codes in part]) for part in parts], names[order]


def _order_of(names: pl.DataFrame) -> np.ndarray:
    """Return the positions of addresses in order of chain and text."""
    chains = names["chain"].unique().sort()
    places = [np.flatnonzero((names["chain"] == chain).to_numpy()) for chain in chains]
    orders = [place[text_order(names["text"].gather(place))] for place in places]
    return np.concatenate([np.empty(0, dtype=np.int64), *orders])


def _transaction_codes(table: _Table) -> np.ndarray:
    """Number the transactions, by their place in the chain where every place is known."""
    if table.dictionary is not None:
        return numbers(table.read("transaction"))
    if not table.positioned:
        keep_compiled(murmur64a_each)
        return Encoder().encode(text_ids(table.read("tx_id")))[0]
    place = numbers(table.read("block_number"))
    place <<= 21  # more than the transactions of any block
    place += numbers(table.read("tx_index"))
    rises = place[1:] > place[:-1]
    if not np.all(rises | (place[1:] == place[:-1])):  # several chains, or times against blocks
        return Encoder().encode(place)[0]
    codes = np.zeros(len(place), dtype=np.int32)
    np.cumsum(rises, out=codes[1:])
    return codes


def _assets(table: _Table) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Code the assets: codes per row; kinds, groups and base units in one whole per code.

    Codes follow (chain, asset), groups the coin's name, so neither depends on the order of rows.
    """
    (codes,), names = _text_codes(table, ("asset",), "assets")
    known = names.rename({"text": "asset"}).join(
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
    return codes, kind, groups.astype(np.int32), units
