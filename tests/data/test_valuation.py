"""Values against Python's own integers."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from data.prices import read_prices
from data.schema import LARGEST_USD_MICROS
from data.valuation import TOO_LARGE, micro_dollars, priced_micro_dollars, value_transfers

USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
CASES = 100_000


def exact(amount: int, numerator: int, power: int) -> int:
    value = amount * numerator // 10**power
    return value if value <= LARGEST_USD_MICROS else TOO_LARGE


def amounts(seed: int) -> list[int]:
    rng = random.Random(seed)
    edges = [0, 1, 2**256 - 1, 2**53, 2**53 + 1, 2**53 * 10**12, 2**53 * 10**12 + 10**12, 10**77]
    return edges + [rng.getrandbits(rng.randrange(1, 257)) for _ in range(CASES - len(edges))]


def test_par_is_exact_on_random_uint256():
    rng = random.Random(1)
    raw = amounts(2)
    decimals = [rng.choice([0, 2, 6, 8, 18, 30]) for _ in raw]
    got = micro_dollars(pl.Series(map(str, raw)), pl.Series(decimals))
    assert got.to_list() == [exact(a, 10**6, d) for a, d in zip(raw, decimals, strict=True)]


def test_prices_are_exact_on_random_uint256():
    rng = random.Random(3)
    raw = amounts(4)
    decimals = [rng.choice([0, 6, 8, 18]) for _ in raw]
    digits = [rng.randrange(1, 10 ** rng.randrange(1, 28)) for _ in raw]
    places = [rng.randrange(6, 28) for _ in raw]
    got = priced_micro_dollars(
        pl.Series(map(str, raw)),
        pl.Series(decimals),
        pl.Series(map(str, digits)),
        pl.Series(places),
    )
    rows = zip(raw, decimals, digits, places, strict=True)
    assert got.to_list() == [exact(a, p * 10**6, d + k) for a, d, p, k in rows]


def test_nulls_and_junk_have_no_value():
    junk = pl.Series(["1.5", "1e18", "-1", "", None, "1" * 79, "0x10", " 1"])
    six = pl.Series([6] * 8)
    assert micro_dollars(junk, six).null_count() == 8
    assert priced_micro_dollars(junk, six, pl.Series(["1000000"] * 8), six).null_count() == 8
    assert micro_dollars(pl.Series(["1"]), pl.Series([None], dtype=pl.Int64)).to_list() == [None]


def transfers(**columns: list[object]) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    base: dict[str, list[object]] = {
        "chain": ["ethereum"] * n,
        "block_time": [datetime(2024, 5, 1, 23, 59, 59, tzinfo=UTC)] * n,
        "asset": [USDT] * n,
        "amount_raw": ["1000000"] * n,
        "usd_micros": [None] * n,
    }
    return pl.DataFrame(base | columns).with_columns(pl.col("usd_micros").cast(pl.Int64))


def test_rows_keep_their_order_and_columns():
    frame = transfers(
        chain=["ethereum", "tron", "ethereum", "bsc", "generic"],
        asset=[USDT, "native", "0x" + "9" * 40, "0x55d398326f99059ff775485246999027b3197955", USDT],
        amount_raw=["1999999", "5", "7", "2" + "0" * 18, "1"],
    )
    got = value_transfers(frame)
    assert got.columns == frame.columns
    assert got["usd_micros"].to_list() == [1999999, None, None, 2_000_000, None]
    assert got.drop("usd_micros").equals(frame.drop("usd_micros"))


def test_a_value_already_there_stays_and_a_huge_one_is_marked():
    frame = transfers(amount_raw=["1", str(2**256 - 1)], usd_micros=[42, None])
    assert value_transfers(frame)["usd_micros"].to_list() == [42, TOO_LARGE]


def price_file(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text("chain,asset,date,usd\n" + "\n".join(rows) + "\n")
    return path


def test_a_price_counts_on_its_utc_day_only(tmp_path):
    prices = read_prices(
        price_file(
            tmp_path,
            "ethereum,native,2024-05-01,3012.45",
            "ethereum,0xdAC17F958D2ee523a2206206994597C13D831ec7,2024-05-01,0.9",
            "ethereum,0x9999999999999999999999999999999999999999,2024-05-01,5",
        )
    )
    frame = transfers(
        block_time=[
            datetime(2024, 5, 1, 0, 0, tzinfo=UTC),
            datetime(2024, 5, 2, 0, 0, tzinfo=UTC),
            datetime(2024, 5, 1, 12, 0, tzinfo=UTC),
            datetime(2024, 5, 2, 12, 0, tzinfo=UTC),
            datetime(2024, 5, 1, 12, 0, tzinfo=UTC),
        ],
        asset=["native", "native", USDT, USDT, "0x" + "9" * 40],
        amount_raw=["5" + "0" * 17, "5" + "0" * 17, "1000000", "1000000", "1"],
    )
    got = value_transfers(frame, prices)["usd_micros"].to_list()
    # The second has no price that day, the last no known decimals.
    assert got == [1_506_225_000, None, 900_000, 1_000_000, None]
