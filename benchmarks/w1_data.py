"""Workload W1: a neutral transfers table, as a canonical file and in the peers' two forms.

N transfers over 90 days, heavy-tailed activity, about one address per 8 transfers, 5 tokens.
`write(folder, n, seed)`, or ``python -m benchmarks.w1_data FOLDER N``, makes

* ``plain/transfers.parquet`` – canonical columns, addresses as 42-character strings, no manifest;
* ``store/`` – the same rows as a store, with the id columns that `unrinse ingest` writes;
* ``codes.parquet`` – what a peer would keep after encoding: sender, receiver and asset as integers,
  time in microseconds, usd_micros.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from data.schema import QUARANTINE, TIME, empty, sort_transfers
from data.storage import write_parquet, write_store

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


def write(folder: Path, n: int, seed: int = 1) -> Path:
    """Make the three forms for `n` transfers below `folder`, and return that folder."""
    rng = np.random.default_rng(seed)
    sender, receiver = _parties(rng, n)
    frame = _canonical(rng, n, sender, receiver)
    (folder / "plain").mkdir(parents=True, exist_ok=True)
    write_parquet(frame, folder / "plain" / "transfers.parquet")
    facts = {"as_of": AS_OF.isoformat(), "synthetic": True}
    write_store(folder / "store", frame, _coverage(frame), empty(QUARANTINE), facts)
    names = pl.Enum(pl.concat([frame["sender"], frame["receiver"]]).unique().sort())
    codes = frame.select(
        pl.col("sender", "receiver").cast(names).to_physical().cast(pl.Int64),
        pl.col("asset").cast(pl.Enum(sorted(t for t, _ in TOKENS))).to_physical().cast(pl.Int64),
        "block_time",
        "usd_micros",
    )
    write_parquet(codes, folder / "codes.parquet")
    return folder


def _parties(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw both sides from a heavy-tailed popularity; nobody pays himself."""
    addresses = max(n // TRANSFERS_PER_ADDRESS, 2)
    weight = (1.0 / np.arange(1, addresses + 1) ** 0.75)[rng.permutation(addresses)]
    reach = np.cumsum(weight / weight.sum())
    sender = np.minimum(np.searchsorted(reach, rng.random(n)), addresses - 1)
    receiver = np.minimum(np.searchsorted(reach, rng.random(n)), addresses - 1)
    return sender, np.where(sender == receiver, (receiver + 1) % addresses, receiver)


def _canonical(
    rng: np.random.Generator, n: int, sender: np.ndarray, receiver: np.ndarray
) -> pl.DataFrame:
    seconds = np.sort(rng.integers(0, DAYS * 86_400, n))
    cents = np.maximum(1, rng.lognormal(9.5, 2.0, n)).astype(np.int64)
    cents = np.where(rng.random(n) < 0.2, (cents // 10_000 + 1) * 10_000, cents)
    token = rng.choice(len(TOKENS), n, p=[share for _, share in TOKENS])
    draw = rng.integers(0, 1 << 62, size=(max(sender.max(), receiver.max()) + 1, 3))
    names = pl.Series([f"0x{a:016x}{b:016x}{c & 0xFFFFFFFF:08x}" for a, b, c in draw.tolist()])
    contracts = pl.Series([address for address, _ in TOKENS])
    block = seconds // 12
    starts = np.searchsorted(block, block)
    frame = pl.DataFrame(
        {
            "chain": pl.repeat("ethereum", n, eager=True),
            "block_time": (pl.Series(seconds * 1_000_000).cast(pl.Datetime("us"))),
            "block_number": 18_900_000 + block,
            "tx_index": (np.arange(n) - starts).astype(np.int32),
            "tx_id": _transaction_ids(n),
            "log_index": (np.arange(n) - starts).astype(np.int32),
            "kind": pl.repeat("token", n, eager=True),
            "sender": names.gather(sender),
            "receiver": names.gather(receiver),
            "asset": contracts.gather(token),
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


def _transaction_ids(n: int) -> pl.Series:
    """Number the transactions, spread over 256 bits as hashes would be."""
    mixed = (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    words = pl.Series(mixed.view(np.int64) & ((1 << 62) - 1)).cast(pl.String).str.zfill(19)
    return pl.select("0x" + words + words + words + words.str.slice(0, 7)).to_series()


def _coverage(frame: pl.DataFrame) -> pl.DataFrame:
    addresses = pl.concat([frame["sender"], frame["receiver"]]).unique().sort()
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


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
