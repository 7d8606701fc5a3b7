"""Amounts, moments and calldata are exact or absent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.importers import calldata
from data.importers.amounts import (
    UINT256_MAX,
    base_units,
    product,
    scaled,
    scaled_by,
    shortest_text,
)
from data.importers.times import MINUTE_FORMATS, disagree, from_number, from_text

AMOUNTS = st.lists(st.integers(0, UINT256_MAX), min_size=1, max_size=20)


def text(values: list[object]) -> pl.Series:
    """Make a text column."""
    return pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)


@given(AMOUNTS)
def test_base_units_are_exact(values: list[int]) -> None:
    assert base_units(text(list(values))).to_list() == [str(v) for v in values]


@given(AMOUNTS, st.integers(0, 30))
def test_decimals_are_exact(values: list[int], places: int) -> None:
    shown = [f"{v // 10**places}.{v % 10**places:0{places}d}" if places else str(v) for v in values]
    assert scaled(text(list(shown)), places).to_list() == [str(v) for v in values]


@given(st.floats(1e-18, 1e15))
def test_floats_are_read_as_their_shortest_decimal(value: float) -> None:
    got = scaled(shortest_text(pl.Series([value])), 18)[0]
    want = Decimal(repr(value)) * 10**18
    assert got == (str(int(want)) if want == int(want) else None)


@given(st.lists(st.tuples(st.integers(0, 2**140), st.integers(0, 2**110)), min_size=1))
def test_products_are_exact(pairs: list[tuple[int, int]]) -> None:
    left, right = (text([p[i] for p in pairs]) for i in (0, 1))
    assert product(left, right).to_list() == [str(a * b) for a, b in pairs]


def test_more_than_a_contract_can_hold_is_nothing() -> None:
    values = [UINT256_MAX, UINT256_MAX + 1, 10**90]
    assert base_units(text(list(values))).to_list() == [str(UINT256_MAX), None, None]


def test_rows_with_different_decimals() -> None:
    got = scaled_by(text(["1.5", "1.5", "1.5"]), pl.Series([6, 18, None]))
    assert got.to_list() == ["1500000", "1500000000000000000", None]


@pytest.mark.parametrize(
    "shown", ["2024-06-01 13:05:09", "2024-06-01T13:05:09Z", "2024-06-01 13:05:09 UTC",
              "2024/06/01 13:05:09", "6/1/24 13:05:09", "6/1/2024 1:05:09 PM",
              "2024-06-01T13:05:09.000"],
)  # fmt: skip
def test_dates(shown: str) -> None:
    moment = datetime(2024, 6, 1, 13, 5, 9, tzinfo=UTC)
    assert from_text(text([shown])).to_list() == [moment]
    assert disagree(pl.Series([moment]), text([shown])).to_list() == [False]
    assert disagree(pl.Series([moment.replace(second=8)]), text([shown])).to_list() == [True]


def test_another_time_zone_is_not_read() -> None:
    assert from_text(text(["2024-06-01 13:05:09+08:00"])).to_list() == [None]
    assert from_text(text(["6/1/24 13:05"]), MINUTE_FORMATS)[0].year == 2024


def test_units_are_never_guessed() -> None:
    stamps = text(["1717246800", "1717246800000", "-1", "1e9", "", None, "9" * 30])
    seconds = from_number(stamps, "s").to_list()
    assert seconds == [datetime(2024, 6, 1, 13, tzinfo=UTC), *[None] * 6]
    assert from_number(stamps, "ms").to_list()[1] == seconds[0]


ADDRESS = st.binary(min_size=20, max_size=20).map(lambda b: "0x" + b.hex())


@given(st.lists(st.tuples(ADDRESS, ADDRESS, st.integers(0, UINT256_MAX)), min_size=1, max_size=9))
def test_calldata_is_decoded_exactly(payments: list[tuple[str, str, int]]) -> None:
    plain, third = [], []
    for payer, payee, amount in payments:
        words = payee[2:].rjust(64, "0") + f"{amount:064x}"
        plain.append(calldata.TRANSFER + words)
        third.append(calldata.TRANSFER_FROM + payer[2:].rjust(64, "0") + words + "ff")
    got = calldata.decode(pl.Series(plain)).rows()
    assert got == [(None, payee, str(amount)) for _, payee, amount in payments]
    assert calldata.decode(pl.Series(third)).rows() == [(a, b, str(v)) for a, b, v in payments]


@pytest.mark.parametrize(
    "data",
    ["", "0x", None, calldata.TRANSFER, calldata.TRANSFER + "0" * 127,
     calldata.TRANSFER + "f" * 128, calldata.TRANSFER + "0" * 100 + "g" * 28,
     "0x095ea7b3" + "0" * 128, calldata.TRANSFER_FROM + "0" * 128],
)  # fmt: skip
def test_what_is_no_token_payment(data: str | None) -> None:
    assert calldata.decode(pl.Series([data], dtype=pl.String)).rows() == [(None, None, None)]
