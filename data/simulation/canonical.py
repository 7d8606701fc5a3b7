"""From ledgers to the canonical transfers table: blocks, positions, ids and exact amounts.

Every row's place depends on its own content alone, never on the order in which rows arrive, so a
world can be written slice by slice.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from data.schema import TRANSFERS, sort_transfers
from data.simulation import identities, market
from data.simulation.ledger import (
    KIND_NAMES,
    METHODS,
    SCREENED_CODES,
    TO_CONTRACT,
    TO_RECEIVER,
    Rows,
)
from data.simulation.prior import DAY

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
"""The first moment of every world."""

SLOT_SECONDS = np.array([12, 3, 3, 1])
"""Seconds between two blocks of each chain (Arbitrum's four a second are joined)."""

_FIRST_BLOCK = np.array([18_908_895, 57_900_000, 34_800_000, 165_000_000])


def transfers_frame(rows: Rows, seed: int, days: int) -> pl.DataFrame:
    """Make the canonical transfers table.

    Parameters
    ----------
    rows
        Columns of ledgers; all rows of a block together.
    seed, days
        Of the world.
    """
    chain = identities.chains_of(rows["sender"])
    slot = slots(rows["time"], chain)
    raw, usd = _amounts(rows, chain, market.daily_prices(seed, days))
    names = _Names(seed, rows)
    frame = pl.DataFrame(
        {
            "chain": _picked(identities.CHAINS, chain),
            "block_time": _block_times(slot * SLOT_SECONDS[chain]),
            "block_number": slot + _FIRST_BLOCK[chain],
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


def slots(time: np.ndarray, chain: np.ndarray) -> np.ndarray:
    """Return the number of the block, since the world began, that holds each moment."""
    return np.floor(time / SLOT_SECONDS[chain]).astype(np.int64)


def moments(seconds: np.ndarray) -> pl.Series:
    """Turn world times into UTC timestamps, to the whole second."""
    return _block_times(np.floor(seconds).astype(np.int64))


class _Names:
    """Addresses of all nodes that occur, looked up by node."""

    def __init__(self, seed: int, rows: Rows) -> None:
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


def _positions(rows: Rows, chain: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """Place each transaction in its block: in the order in which they really happened."""
    order = np.lexsort((rows["tx"], rows["time"], slot, chain))
    block = slot[order] * len(identities.CHAINS) + chain[order]
    new_block = np.diff(block, prepend=-1) != 0
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
    chains = range(len(identities.CHAINS))
    spam = [
        identities.node_number(990 + market.worthless(chain, kind), 0, chain)
        for chain in chains
        for kind in (0, 1)
    ]
    names = (*listed, *identities.addresses(seed, np.array(spam)))
    return _picked(names, codes)


def _amounts(rows: Rows, chain: np.ndarray, prices: np.ndarray) -> tuple[pl.Series, pl.Series]:
    """Return exact base units as text, and micro-dollars (null for worthless tokens)."""
    codes = rows["asset"].astype(np.int64)
    native = market.is_native(codes)
    day = np.clip((rows["time"] // DAY).astype(np.int64), 0, prices.shape[1] - 1)
    units, worth = market.native_units(rows["micros"], prices[chain, day], chain)
    units = np.where(native, units, rows["micros"])
    usd = np.where(native, worth, rows["micros"])
    worthless = [6] * (2 * len(identities.CHAINS))
    decimals = np.array([a.decimals for a in market.assets()] + worthless)[codes]
    kept = np.where(native, market.decimals_kept(chain), 6)
    zeros = pl.Series(["0" * n for n in range(19)]).gather(decimals - kept)
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
