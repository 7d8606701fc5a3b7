"""W1 says the same in Unrinse, in every peer and in plain Python, so their times compare."""

from __future__ import annotations

import importlib
import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pytest

from benchmarks import w1_data
from benchmarks.throughput import PEERS, by_unrinse
from benchmarks.w1_kernel import NAMES

HOUR, DAY = 3_600_000_000, 86_400_000_000
WRAPPED_ETHER = w1_data.TOKENS[3][0]


@pytest.fixture(scope="module", params=[40, 3_000])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few transfers (addresses that only send or only receive) and many (hubs)."""
    return w1_data.write(tmp_path_factory.mktemp("w1"), request.param)


@pytest.fixture(scope="module")
def expected(folder: Path) -> pl.DataFrame:
    """The oracle's answer, by address."""
    frame = pl.read_parquet(folder / "plain" / "transfers.parquet").select(
        "sender", "receiver", "asset", "usd_micros", time=pl.col("block_time").dt.epoch("us")
    )
    histories: dict[str, list[tuple[bool, str, str, int, int]]] = {}
    for sender, receiver, asset, value, time in frame.iter_rows():
        histories.setdefault(sender, []).append((True, receiver, asset, value, time))
        histories.setdefault(receiver, []).append((False, sender, asset, value, time))
    rows = [{"address": a, **by_hand(histories[a])} for a in sorted(histories)]
    return pl.DataFrame(rows, infer_schema_length=None)


def by_hand(history: list[tuple[bool, str, str, int, int]]) -> dict[str, float | None]:
    """W1 of one address, from its definition (DESIGN of the workload: module `w1_data`)."""
    sent = [h for h in history if h[0]]
    times = [h[4] for h in history]
    waits = []
    for k, (out, *_, time) in enumerate(history):
        following = [later[4] for later in history[k + 1 :] if later[0]]
        if not out and following:
            waits.append(following[0] - time)
    tokens = Counter(h[2] for h in history).values()
    facts: dict[str, float | None] = {}
    for side, other, rows in (
        ("out", "receivers", sent),
        ("in", "senders", [h for h in history if not h[0]]),
    ):
        values = [h[3] for h in rows]
        mean = Fraction(sum(values), len(values)) if values else None
        squares = [(v - mean) ** 2 for v in values] if mean is not None else []
        facts |= {
            f"n_{side}": len(values),
            f"sum_{side}": sum(values),
            f"mean_{side}": None if mean is None else float(mean),
            f"sd_{side}": math.sqrt(sum(squares) / len(squares)) if squares else None,
            f"max_{side}": max(values, default=None),
            other: len({h[1] for h in rows}),
        }
    for name, width in (("max_out_1h", HOUR), ("max_out_24h", DAY)):
        sums = [sum(h[3] for h in sent if end - width < h[4] <= end) for *_, end in sent]
        facts[name] = max(sums, default=None)
    stable = sum(h[3] for h in history if h[2] != WRAPPED_ETHER)
    return facts | {
        "first": min(times),
        "last": max(times),
        "active_days": len({t // DAY for t in times}),
        "median_gap": median(b - a for a, b in pairwise(times)) / 1e6 if len(times) > 1 else None,
        "median_dwell": median(waits) / 1e6 if waits else None,
        "stable_share": stable / sum(h[3] for h in history),
        "entropy": -sum(n / len(history) * math.log2(n / len(history)) for n in tokens),
        "round_share": sum(h[3] % 10**8 == 0 for h in sent) / len(sent) if sent else None,
    }


@pytest.mark.parametrize("form", ["plain", "store"])
def test_unrinse_computes_w1(folder: Path, expected: pl.DataFrame, form: str) -> None:
    """From strings and from a store."""
    assert_same(by_unrinse(folder / form), expected)


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_computes_w1(folder: Path, expected: pl.DataFrame, peer: str) -> None:
    """From strings, and from codes, which stand for the addresses in ascending order."""
    job = importlib.import_module(f"benchmarks.peers.{peer}")
    assert_same(job.from_strings(folder / "plain" / "transfers.parquet"), expected)
    coded = expected.with_columns(address=pl.int_range(expected.height))
    assert_same(job.from_codes(folder / "codes.parquet"), coded)


def assert_same(found: Any, expected: pl.DataFrame) -> None:
    """Compare column by column, address by address; a missing value is null, and only that."""
    table = found if isinstance(found, pl.DataFrame) else pl.DataFrame(found)
    table = table.sort("address")
    assert table["address"].to_list() == expected["address"].to_list()
    for name in NAMES:
        ours = table[name].cast(pl.Float64).fill_nan(None)
        theirs = expected[name].cast(pl.Float64)
        assert ours.is_null().to_list() == theirs.is_null().to_list(), name
        assert ours.drop_nulls().to_list() == pytest.approx(
            theirs.drop_nulls().to_list(), rel=1e-9, abs=1e-6
        ), name
