"""The books: every transfer of a unit as arrays, and all units together as the canonical table.

A `Ledger` only appends. Its transactions are numbered within its unit, so that units can be played
in any order; `transfers_frame` gives blocks, positions, ids and exact amounts to all rows at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import polars as pl

from data.schema import TRANSFERS, sort_transfers
from data.simulation import identities, market
from data.simulation.parameters import DAY

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
"""The first moment of every world."""

NATIVE, INTERNAL, TOKEN = range(3)
KIND_NAMES = ("native", "internal", "token")
TO_CONTRACT, TO_RECEIVER = -1, -2
"""`tx_to` of a row: the token's contract, or the receiver itself; else a node."""

METHODS = (None, "0xa9059cbb", "0x38ed1739", "0x23b872dd")
NO_METHOD, TRANSFER, SWAP, TRANSFER_FROM = range(4)
SCREENED_CODES = ("failed", "counterfeit_asset", "unlisted_asset", "spoofed_sender", "dust")

_SLOT_SECONDS = (12, 3)
_FIRST_BLOCK = (18_908_895, 57_900_000)
_COLUMNS = {
    "time": np.float64,
    "tx": np.int64,
    "log": np.int32,
    "kind": np.int8,
    "sender": np.int64,
    "receiver": np.int64,
    "asset": np.int8,
    "micros": np.int64,
    "initiator": np.int64,
    "to": np.int64,
    "method": np.int8,
    "screened": np.int8,
}
_WRITTEN = tuple((name, dtype) for name, dtype in _COLUMNS.items() if name != "time")


@dataclass
class Ledger:
    """The transfers of one unit.

    Parameters
    ----------
    unit
        The unit's number.
    end
        End of the world in seconds; later transfers are not written.
    """

    unit: int
    end: float
    _blocks: list[dict[str, np.ndarray]] = field(default_factory=list)
    _transactions: int = 0

    def transactions(self, count: int) -> np.ndarray:
        """Number `count` new transactions."""
        first = identities.transaction_number(self.unit, self._transactions)
        self._transactions += count
        return first + np.arange(count)

    def pay(
        self,
        time: np.ndarray,
        sender: np.ndarray | int,
        receiver: np.ndarray | int,
        asset: np.ndarray | int,
        micros: np.ndarray,
    ) -> np.ndarray:
        """Write plain payments, one transaction each, and return their transaction numbers."""
        transaction = self.transactions(len(time))
        token = ~market.is_native(np.full(len(time), asset))
        self.write(
            time=time,
            tx=transaction,
            log=np.where(token, 2 + transaction % 180, -1),
            kind=np.where(token, TOKEN, NATIVE),
            sender=sender,
            receiver=receiver,
            asset=asset,
            micros=micros,
            initiator=sender,
            to=np.where(token, TO_CONTRACT, TO_RECEIVER),
            method=np.where(token, TRANSFER, NO_METHOD),
        )
        return transaction

    def swap(
        self,
        time: np.ndarray,
        account: int,
        router: np.ndarray,
        given: tuple[np.ndarray, np.ndarray],
        taken: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Write swaps: both legs in one transaction; `given` and `taken` are (asset, micros)."""
        transaction = self.transactions(len(time))
        legs = (
            (given, account, router, NATIVE, -1, 5),
            (taken, router, account, INTERNAL, -1000, 9),
        )
        for (asset, micros), sender, receiver, coin_kind, coin_log, log in legs:
            native = market.is_native(asset)
            self.write(
                time=time,
                tx=transaction,
                log=np.where(native, coin_log, log),
                kind=np.where(native, coin_kind, TOKEN),
                sender=sender,
                receiver=receiver,
                asset=asset,
                micros=micros,
                initiator=account,
                to=router,
                method=SWAP,
            )

    def write(self, time: np.ndarray, **columns: np.ndarray | int) -> None:
        """Append rows; scalars are repeated, rows after the end of the world are left out."""
        inside = time < self.end
        whole = bool(inside.all())
        columns.setdefault("screened", -1)
        block = {"time": time if whole else time[inside]}
        rows = len(block["time"])
        for name, dtype in _WRITTEN:
            given = columns[name]
            if isinstance(given, np.ndarray):
                values = given.astype(dtype, copy=False)
                block[name] = values if whole else values[inside]
            else:
                block[name] = np.full(rows, given, dtype)
        self._blocks.append(block)

    def rows(self) -> dict[str, np.ndarray]:
        """Return everything written so far, as one array for each column."""
        return {
            name: np.concatenate([b[name] for b in self._blocks] or [np.empty(0, dtype)])
            for name, dtype in _COLUMNS.items()
        }


def joined(ledgers: list[Ledger]) -> dict[str, np.ndarray]:
    """Join ledgers into one set of columns, in the order given."""
    parts = [ledger.rows() for ledger in ledgers]
    return {name: np.concatenate([p[name] for p in parts]) for name in _COLUMNS}


def transfers_frame(rows: dict[str, np.ndarray], seed: int, days: int) -> pl.DataFrame:
    """Make the canonical transfers table.

    Parameters
    ----------
    rows
        Columns as `joined` returns them.
    seed, days
        Of the world.
    """
    chain = (rows["sender"] & 1).astype(np.int64)
    slot = np.floor(rows["time"] / np.array(_SLOT_SECONDS)[chain]).astype(np.int64)
    raw, usd = _amounts(rows, chain, market.daily_prices(seed, days))
    names = _Names(seed, rows)
    frame = pl.DataFrame(
        {
            "chain": _picked(identities.CHAINS, chain),
            "block_time": _block_times(slot * np.array(_SLOT_SECONDS)[chain]),
            "block_number": slot + np.array(_FIRST_BLOCK)[chain],
            "tx_index": _positions(rows, chain, slot),
            "tx_id": _transaction_ids(rows["tx"], chain, seed),
            "log_index": rows["log"],
            "kind": _picked(KIND_NAMES, rows["kind"]),
            "sender": names.of(rows["sender"]),
            "receiver": names.of(rows["receiver"]),
            "asset": _contracts(rows["asset"], seed),
            "amount_raw": raw,
            "usd_micros": usd,
            "initiator": names.of(rows["initiator"]),
        }
    )
    frame = frame.with_columns(
        tx_to=pl.when(pl.Series(rows["to"] == TO_CONTRACT))
        .then(pl.col("asset"))
        .when(pl.Series(rows["to"] == TO_RECEIVER))
        .then(pl.col("receiver"))
        .otherwise(names.of(rows["to"])),
        method=_picked(METHODS, rows["method"]),
        screened=_picked((*SCREENED_CODES, None), rows["screened"]),
    )
    return sort_transfers(frame.select([pl.col(c).cast(t) for c, t in TRANSFERS.items()]))


def moments(seconds: np.ndarray) -> pl.Series:
    """Turn world times into UTC timestamps, to the whole second."""
    return _block_times(np.floor(seconds).astype(np.int64))


class _Names:
    """Addresses of all nodes that occur, looked up by node."""

    def __init__(self, seed: int, rows: dict[str, np.ndarray]) -> None:
        used = [rows[c] for c in ("sender", "receiver", "initiator")]
        used.append(rows["to"][rows["to"] >= 0])
        self._nodes = np.unique(np.concatenate(used))
        self._texts = pl.Series(identities.addresses(seed, self._nodes), dtype=pl.String)

    def of(self, nodes: np.ndarray) -> pl.Series:
        at = np.searchsorted(self._nodes, nodes)
        return self._texts.gather(np.minimum(at, max(len(self._nodes) - 1, 0)))


def _picked(names: tuple[str | None, ...], codes: np.ndarray) -> pl.Series:
    """Name codes; a code of -1 takes the last name."""
    return pl.Series(names, dtype=pl.String).gather(codes.astype(np.int64) % len(names))


def _block_times(seconds: np.ndarray) -> pl.Series:
    micros = seconds * 1_000_000 + int(EPOCH.timestamp()) * 1_000_000
    return pl.Series(micros).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _positions(rows: dict[str, np.ndarray], chain: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """Place each transaction in its block: in the order in which they really happened."""
    order = np.lexsort((rows["tx"], rows["time"], slot, chain))
    new_block = np.diff(slot[order] * 2 + chain[order], prepend=-1) != 0
    new_tx = (np.diff(rows["tx"][order], prepend=-1) != 0) | new_block
    count = np.cumsum(new_tx)
    first = np.maximum.accumulate(np.where(new_block, count, 0))
    position = np.empty(len(slot), dtype=np.int64)
    position[order] = (slot[order] * 7919) % 97 + (count - first)
    return position


def _transaction_ids(transactions: np.ndarray, chain: np.ndarray, seed: int) -> pl.Series:
    unique, first, inverse = np.unique(transactions, return_index=True, return_inverse=True)
    texts = identities.transaction_ids(seed, unique, chain[first] == identities.TRON)
    return pl.Series(texts, dtype=pl.String).gather(inverse)


def _contracts(codes: np.ndarray, seed: int) -> pl.Series:
    listed = [asset.address for asset in market.assets()]
    spam = [identities.node_number(990 + code, 0, code % 2) for code in range(8, 12)]
    names = (*listed, *identities.addresses(seed, np.array(spam)))
    return _picked(names, codes)


def _amounts(
    rows: dict[str, np.ndarray], chain: np.ndarray, prices: np.ndarray
) -> tuple[pl.Series, pl.Series]:
    """Return exact base units as text, and micro-dollars (null for worthless tokens)."""
    codes = rows["asset"]
    native = market.is_native(codes)
    day = np.clip((rows["time"] // DAY).astype(np.int64), 0, prices.shape[1] - 1)
    units, worth = market.native_units(rows["micros"], prices[chain, day])
    units = np.where(native, units, rows["micros"])
    usd = np.where(native, worth, rows["micros"])
    decimals = np.array([a.decimals for a in market.assets()] + [6] * 4)[codes]
    zeros = pl.Series(["0" * n for n in range(13)]).gather(decimals - 6)
    text = pl.Series(units).cast(pl.String)
    priced = pl.Series(codes < market.COUNTERFEIT)
    frame = pl.DataFrame({"text": text, "zeros": zeros, "usd": usd, "priced": priced})
    out = frame.select(
        raw=pl.when(pl.col("text") == "0")
        .then(pl.col("text"))
        .otherwise(pl.col("text") + pl.col("zeros")),
        usd=pl.when(pl.col("priced")).then(pl.col("usd")),
    )
    return out["raw"], out["usd"]
