"""Prices keep every digit, and those that must not be believed are refused with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import Refused
from data.prices import read_prices


def price_file(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text("chain,asset,date,usd\n" + "\n".join(rows) + "\n")
    return path


def test_tiny_and_scientific_prices_lose_no_digit(tmp_path):
    prices = read_prices(
        price_file(
            tmp_path,
            "bsc,native,2024-05-01,1.25e-7",
            "bsc,native,2024-05-02,1E+2",
            "bsc,native,2024-05-03,67234.123456789012",
        )
    )
    pairs = prices.select("price_digits", "price_decimals").rows()
    assert [int(d) / 10**k for d, k in pairs] == [1.25e-7, 100.0, 67234.123456789012]
    assert all(k >= 6 for _, k in pairs)


@pytest.mark.parametrize(
    "rows",
    [
        ["ethereum,native,2024-05-01,-1"],
        ["ethereum,native,2024-05-01,0"],
        ["ethereum,native,2024-05-01,nan"],
        ["ethereum,native,2024-05-01,inf"],
        ["ethereum,native,2024-05-01,"],
        ["ethereum,native,2024-05-01,1e999999999"],
        ["ethereum,native,2024-05-01,0." + "1" * 30],
        ["ethereum,native,01/05/2024,1"],
        ["ethereum,USDT,2024-05-01,1"],
        ["etherium,native,2024-05-01,1"],
        ["ethereum,native,2024-05-01,1", "ethereum,native,2024-05-01T00:00:00,1"],
        ["ethereum,native,2024-05-01"],
    ],
)
def test_prices_that_are_refused(tmp_path, rows):
    with pytest.raises(Refused, match=r"(?i)line 2|lines 2 and 3"):
        read_prices(price_file(tmp_path, *rows))


def test_a_price_table_with_an_unknown_column_is_refused(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text("chain,asset,date,usdt\nethereum,native,2024-05-01,1\n")
    with pytest.raises(Refused, match="did you mean 'usd'"):
        read_prices(path)
