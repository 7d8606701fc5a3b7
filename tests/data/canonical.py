"""Small canonical tables, written by hand or drawn, for tests of whatever reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from data.schema import (
    COVERAGE,
    LEGS,
    QUARANTINE,
    TRANSFERS,
    empty,
    leg_text,
    sort_transfers,
)
from data.storage import write_parquet, write_store
from data.transfers import Transfers

START = datetime(2024, 3, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=100)

USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
DAI = "0x6b175474e89094c44da98b954eedeac495271d0f"
UNLISTED = "0x" + "77" * 20
A, B, C, D, E, F = (f"0x{digit * 40}" for digit in "abcdef")

ALL_LEGS = ",".join(LEGS)


def row(n: int, **given: Any) -> dict[str, Any]:
    """Return the n-th row of a table: B pays A a dollar, a minute after the row before."""
    return {
        "chain": "ethereum",
        "block_time": START + timedelta(minutes=n),
        "block_number": 1000 + n,
        "tx_index": 0,
        "tx_id": f"0x{n:064x}",
        "log_index": 0,
        "kind": "token",
        "sender": B,
        "receiver": A,
        "asset": USDT,
        "amount_raw": "1000000",
        "usd_micros": 1_000_000,
        "initiator": None,
        "tx_to": None,
        "method": None,
        "screened": None,
    } | given


def table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows as a transfers table, in their own order."""
    return pl.DataFrame(list(rows), schema=TRANSFERS)


def covered(
    *addresses: str, chain: str = "ethereum", legs: str = ALL_LEGS, complete: bool = True
) -> pl.DataFrame:
    """Return a coverage table of addresses that are all seen alike."""
    rows = [
        {
            "chain": chain,
            "address": address,
            "from": None,
            "to": AS_OF,
            "complete": complete,
            "legs": leg_text(set(legs.split(","))) if legs else "",
            "source": "test",
            "fetched_as_of": None,
        }
        for address in addresses
    ]
    return pl.DataFrame(rows, schema=COVERAGE)


def plain(
    folder: Path, rows: Sequence[Mapping[str, Any]] | pl.DataFrame, coverage: pl.DataFrame | None
) -> Transfers:
    """Write a plain Parquet file and describe it as `open_transfers` would, without its checks."""
    path = folder / "plain.parquet"
    write_parquet(rows if isinstance(rows, pl.DataFrame) else table(rows), path)
    sidecar = None if coverage is None else folder / "plain_coverage.parquet"
    if coverage is not None and sidecar is not None:
        write_parquet(coverage, sidecar)
    return Transfers(
        files=(path,),
        sidecar=sidecar,
        as_of=None,
        synthetic=False,
        trusted=False,
        assume_complete=coverage is None,
        recorded={},
    )


def store(
    out: Path,
    rows: Sequence[Mapping[str, Any]],
    coverage: pl.DataFrame | None = None,
    **facts: Any,
) -> Path:
    """Write a store."""
    transfers = sort_transfers(table(rows))
    coverage = covered(A) if coverage is None else coverage
    facts = {"as_of": AS_OF.isoformat(), "synthetic": False} | facts
    write_store(out, transfers, coverage, empty(QUARANTINE), facts)
    return out
