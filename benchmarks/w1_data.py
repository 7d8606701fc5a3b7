"""Workload W1: a neutral transfers table, as a canonical file and in the peers' two forms.

N transfers over 90 days, heavy-tailed activity, about one address per 8 transfers, 5 tokens.
`write(folder, n, seed)`, or ``python -m benchmarks.w1_data FOLDER N``, makes, piece by piece,

* ``plain/transfers.parquet`` – canonical columns, addresses as 42-character strings, no manifest;
* ``store/`` – the same rows as a store, with the derived columns that `unrinse ingest` writes;
* ``codes.parquet`` – what a peer would keep after encoding: sender, receiver and asset as integers,
  time in microseconds, usd_micros.

``python -m benchmarks.w1_data FOLDER N HUB`` lets one address be a side of HUB of the transfers, by
turns sender and receiver; ``hub.txt`` has its name.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from data.derived import derived_part
from data.identity import address_dictionary
from data.parquet_parts import ParquetParts
from data.schema import QUARANTINE, TIME, empty, sort_transfers
from data.storage import whole_directory, write_manifest, write_parquet

DAYS = 90
TRANSFERS_PER_ADDRESS = 8
TOKENS = (
    ("0xdac17f958d2ee523a2206206994597c13d831ec7", 0.55),
    ("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", 0.25),
    ("0x6b175474e89094c44da98b954eedeac495271d0f", 0.10),
    ("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", 0.08),
    ("0x4fabb145d64652a948d72533023f6e7a623c7c53", 0.02),
)
START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = datetime(2024, 4, 1, tzinfo=UTC)

_PIECE_ROWS = 1 << 21
"""Transfers to be made and written at once: memory for all would be the limit of a benchmark."""


HUB = "hub.txt"


def write(folder: Path, n: int, seed: int = 1, hub: int = 0) -> Path:
    """Make the three forms for `n` transfers below `folder`, and return that folder."""
    drawn = _draw(np.random.default_rng(seed), n)
    if hub:
        _make_hub(drawn, hub)
    parties = np.unique(np.concatenate([drawn.sender, drawn.receiver]))
    chain = pl.repeat("ethereum", len(parties), eager=True)
    addresses = address_dictionary(chain, drawn.names.gather(parties))
    (folder / "plain").mkdir(parents=True, exist_ok=True)
    if hub:
        (folder / HUB).write_text(f"{drawn.names[0]}\n", encoding="utf-8")
    with whole_directory(folder / "store") as store:
        with (
            _Parts(folder / "plain" / "transfers.parquet") as plain,
            _Parts(store / "transfers.parquet") as stored,
            _Parts(folder / "codes.parquet") as codes,
        ):
            for start in range(0, n, _PIECE_ROWS):
                frame = _canonical(drawn, start, min(n, start + _PIECE_ROWS))
                plain.write(frame)
                derived = derived_part(frame, addresses, start)
                stored.write(derived)
                codes.write(_codes(derived))
        _finish_store(store, addresses, n)
    return folder


class _Drawn(NamedTuple):
    """What is drawn, for all transfers at once; they are in order of time."""

    sender: np.ndarray
    receiver: np.ndarray
    seconds: np.ndarray
    cents: np.ndarray
    token: np.ndarray
    names: pl.Series


def _draw(rng: np.random.Generator, n: int) -> _Drawn:
    sender, receiver = _parties(rng, n)
    seconds = np.sort(rng.integers(0, DAYS * 86_400, n))
    cents = np.maximum(1, rng.lognormal(9.5, 2.0, n)).astype(np.int64)
    cents = np.where(rng.random(n) < 0.2, (cents // 10_000 + 1) * 10_000, cents)
    token = rng.choice(len(TOKENS), n, p=[share for _, share in TOKENS])
    draw = rng.integers(0, 1 << 62, size=(max(sender.max(), receiver.max()) + 1, 3))
    names = pl.Series([f"0x{a:016x}{b:016x}{c & 0xFFFFFFFF:08x}" for a, b, c in draw.tolist()])
    return _Drawn(sender, receiver, seconds, cents, token, names)


def _parties(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw both sides from a heavy-tailed popularity; nobody pays himself."""
    addresses = max(n // TRANSFERS_PER_ADDRESS, 2)
    weight = (1.0 / np.arange(1, addresses + 1) ** 0.75)[rng.permutation(addresses)]
    reach = np.cumsum(weight / weight.sum())
    sender = np.minimum(np.searchsorted(reach, rng.random(n)), addresses - 1)
    receiver = np.minimum(np.searchsorted(reach, rng.random(n)), addresses - 1)
    return sender, np.where(sender == receiver, (receiver + 1) % addresses, receiver)


def _make_hub(drawn: _Drawn, transfers: int) -> None:
    """Let the first address be a side of so many transfers, spread over all of them."""
    for side in (drawn.sender, drawn.receiver):
        side[side == 0] = 1
    same = drawn.sender == drawn.receiver
    drawn.receiver[same] = 2
    at = np.linspace(0, len(drawn.sender) - 1, transfers).astype(np.int64)
    drawn.sender[at[::2]] = 0
    drawn.receiver[at[1::2]] = 0


def _canonical(drawn: _Drawn, first: int, last: int) -> pl.DataFrame:
    """Return some of the transfers, by place, as a canonical table."""
    n, seconds, cents = last - first, drawn.seconds[first:last], drawn.cents[first:last]
    contracts = pl.Series([address for address, _ in TOKENS])
    block = seconds // 12
    place = np.arange(first, last) - np.searchsorted(drawn.seconds, block * 12)
    frame = pl.DataFrame(
        {
            "chain": pl.repeat("ethereum", n, eager=True),
            "block_time": (pl.Series(seconds * 1_000_000).cast(pl.Datetime("us"))),
            "block_number": 18_900_000 + block,
            "tx_index": place.astype(np.int32),
            "tx_id": _transaction_ids(first, last),
            "log_index": place.astype(np.int32),
            "kind": pl.repeat("token", n, eager=True),
            "sender": drawn.names.gather(drawn.sender[first:last]),
            "receiver": drawn.names.gather(drawn.receiver[first:last]),
            "asset": contracts.gather(drawn.token[first:last]),
            "amount_raw": pl.Series(cents * 10_000).cast(pl.String),
            "usd_micros": cents * 10_000,
        }
    )
    return sort_transfers(
        frame.with_columns(
            (pl.col("block_time") + pl.duration(seconds=int(START.timestamp())))
            .dt.replace_time_zone("UTC")
            .cast(TIME),
            *(pl.lit(None, dtype=pl.String).alias(c) for c in ("initiator", "tx_to", "method")),
            screened=pl.lit(None, dtype=pl.String),
        )
    )


def _transaction_ids(first: int, last: int) -> pl.Series:
    """Number the transactions, spread over 256 bits as hashes would be."""
    mixed = (np.arange(first, last, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    words = pl.Series(mixed.view(np.int64) & ((1 << 62) - 1)).cast(pl.String).str.zfill(19)
    return pl.select("0x" + words + words + words + words.str.slice(0, 7)).to_series()


def _codes(derived: pl.DataFrame) -> pl.DataFrame:
    """Return the transfers as a peer would keep them after encoding."""
    return derived.select(
        pl.col("sender_code").cast(pl.Int64).alias("sender"),
        pl.col("receiver_code").cast(pl.Int64).alias("receiver"),
        pl.col("asset").cast(pl.Enum(sorted(t for t, _ in TOKENS))).to_physical().cast(pl.Int64),
        "block_time",
        "usd_micros",
    )


def _finish_store(store: Path, addresses: pl.DataFrame, n: int) -> None:
    """Write what a store has beside its transfers."""
    coverage, quarantine = _coverage(addresses["address"]), empty(QUARANTINE)
    write_parquet(addresses, store / "addresses.parquet")
    write_parquet(coverage, store / "coverage.parquet")
    write_parquet(quarantine, store / "quarantine.parquet")
    rows = {"transfers": n, "coverage": coverage.height, "quarantine": 0}
    facts = {"as_of": AS_OF.isoformat(), "synthetic": True, "rows": rows}
    write_manifest(store, "store", facts)


def _coverage(addresses: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"address": addresses}).select(
        pl.lit("ethereum").alias("chain"),
        "address",
        pl.lit(START).cast(TIME).alias("from"),
        pl.lit(AS_OF).cast(TIME).alias("to"),
        pl.lit(True).alias("complete"),
        pl.lit("token_in,token_out").alias("legs"),
        pl.lit("w1").alias("source"),
        pl.lit(AS_OF).cast(TIME).alias("fetched_as_of"),
    )


class _Parts(ExitStack):
    """A Parquet file in parts whose columns the first part says."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: ParquetParts | None = None

    def write(self, part: pl.DataFrame) -> None:
        """Write further rows."""
        if self._file is None:
            self._file = self.enter_context(ParquetParts(self._path, part.schema))
        self._file.write(part)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), hub=int(sys.argv[3]) if len(sys.argv) > 3 else 0)
