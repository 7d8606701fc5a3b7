"""Whose export a file is, whether it is whole, and what several say together."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

from data.coverage import (
    account_of,
    address_in_name,
    coverage_rows,
    legs_text,
    merge_coverage,
    nonces_have_gaps,
)
from data.errors import Refused

A, B, C = ("0x" + d * 40 for d in "abc")
DAYS = [datetime(2024, 1, day, tzinfo=UTC) for day in range(1, 10)]


def parties(*rows: tuple[str, str]) -> pl.DataFrame:
    """Make the parties of an export."""
    return pl.DataFrame(rows, schema=["sender", "receiver"], orient="row")


def test_the_account_occurs_in_every_row() -> None:
    rows = parties((A, B), (C, A))
    assert account_of(rows, Path("export.csv")) == A
    assert account_of(rows, Path(f"{B}.csv")) == A  # the rows know better than the name


def test_the_file_name_decides_between_two() -> None:
    rows = parties((A, B), (B, A))
    assert account_of(rows, Path("export.csv")) is None
    assert account_of(rows, Path(f"export-{B.upper().replace('X', 'x')}.csv")) == B
    assert account_of(rows, Path(f"{A}_{B}.csv")) is None
    assert account_of(rows.clear(), Path(f"{B}.csv")) == B


def test_a_declared_account_must_occur() -> None:
    assert account_of(parties((A, B)), Path("x.csv"), B) == B
    with pytest.raises(Refused, match="in no row"):
        account_of(parties((A, B)), Path("x.csv"), C)


def test_addresses_in_names() -> None:
    assert address_in_name(Path(f"x-{A}.csv")) == A
    assert address_in_name(Path(f"x{A}0.csv")) is None


@pytest.mark.parametrize(
    "nonces, gaps", [([], False), ([0], False), ([1], True), ([0, 2], True), ([1, 0, 1], False)]
)
def test_nonces(nonces: list[int], gaps: bool) -> None:
    assert nonces_have_gaps(pl.Series(nonces, dtype=pl.Int64)) == gaps


def covered(address: str, first: int, last: int, complete: bool, *legs: str) -> pl.DataFrame:
    """Make the coverage of one export."""
    accounts = pl.DataFrame(
        {
            "chain": ["ethereum"],
            "address": [address],
            "first": [DAYS[first]],
            "last": [DAYS[last]],
            "complete": [complete],
        }
    )
    return coverage_rows(accounts, legs=legs, source="x", fetched=None)


def test_merging_does_not_depend_on_the_order() -> None:
    tables = [
        covered(A, 1, 3, False, "native_in", "native_out"),
        covered(A, 2, 5, True, "native_out", "token_out"),
        covered(B, 1, 2, False, "token_in"),
    ]
    merged = [merge_coverage(list(p)) for p in permutations(tables)]
    assert all(m.equals(merged[0]) for m in merged)
    got = merged[0].select("address", "from", "to", "complete", "legs").rows()
    assert got == [
        (A, DAYS[1], DAYS[3], False, "native_in"),
        (A, None, DAYS[5], True, "native_out,token_out"),
        (B, DAYS[1], DAYS[2], False, "token_in"),
    ]


def test_nothing_to_merge() -> None:
    assert merge_coverage([]).is_empty()


def test_unknown_legs_are_refused() -> None:
    with pytest.raises(Refused, match="native_in"):
        legs_text("native")
