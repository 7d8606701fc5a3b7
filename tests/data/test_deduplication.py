"""Copies merge, equal payments do not, contradictions are set aside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.deduplication import (
    conflicting,
    deduplicate,
    number_rows,
    settle_numbers,
    share_transaction_facts,
)
from data.importers.importer import MADE
from data.importers.text import ROW

SCHEMA = pl.Schema({**MADE, "file": pl.Int32()})


def rows(*given: dict[str, Any]) -> pl.DataFrame:
    """Make transfers; what is not said is the same everywhere."""
    usual = {
        "chain": "tron",
        "block_time": datetime(2024, 6, 1, tzinfo=UTC),
        "tx_id": "t",
        "kind": "token",
        "sender": "a",
        "receiver": "b",
        "asset": "x",
        "amount_raw": "5",
        "exact": True,
        "file": 0,
    }
    made = [{**usual, ROW: i, **row} for i, row in enumerate(given, 1)]
    return pl.DataFrame(made, schema=SCHEMA)


def merged(*given: dict[str, Any]) -> list[int]:
    """Return the source rows that are kept."""
    return sorted(deduplicate(number_rows(rows(*given))).kept[ROW].to_list())


def test_equal_rows_of_one_file_are_different_payments() -> None:
    assert merged({}, {}, {"amount_raw": "6"}) == [1, 2, 3]


def test_equal_rows_of_two_files_are_one_payment() -> None:
    assert merged({}, {}, {"file": 1}, {"file": 1}, {"file": 1}) == [1, 2, 5]


def test_equal_rows_of_two_accounts_in_one_file_are_one_payment() -> None:
    assert merged({"account": "a"}, {"account": "b"}) == [1]


def test_a_number_depends_on_nothing_else_in_the_file() -> None:
    alone = number_rows(rows({}))["log_index"][0]
    among = number_rows(rows({"amount_raw": "1"}, {"sender": "z"}, {}))["log_index"][2]
    assert alone == among <= -2_000


@given(st.lists(st.tuples(st.sampled_from("tu"), st.integers(0, 3)), max_size=30))
def test_numbers_are_unique_within_a_file(what: list[tuple[str, int]]) -> None:
    numbered = number_rows(rows(*({"tx_id": t, "amount_raw": str(a)} for t, a in what)))
    assert not numbered.select(pl.struct("tx_id", "log_index").is_duplicated().any()).item()
    again = number_rows(numbered)
    assert again.equals(numbered)


def test_an_event_replaces_the_calldata_row_once() -> None:
    call = {"log_index": -3, "method": "0xa9059cbb"}
    assert merged(call, {"file": 1}) == [2]
    assert merged(call, {"file": 1, "amount_raw": "6"}) == [1, 2]
    assert merged({"log_index": -3, "kind": "native"}, {"file": 1}) == [1, 2]


def test_a_numbered_event_replaces_an_unnumbered_one_each() -> None:
    numbered = {"log_index": 7, "file": 1}
    assert merged({}, numbered) == [2]
    assert len(merged({}, {}, numbered)) == 2  # two payments, of which one is seen twice


def test_an_exact_row_replaces_a_scaled_one() -> None:
    assert merged({"exact": False, "amount_raw": "500"}, {"file": 1}) == [2]
    fee = {"log_index": -2, "kind": "fee"}
    assert merged({**fee, "exact": False, "amount_raw": "4"}, {**fee, "file": 1}) == [2]


def test_details_of_a_copy_are_taken_over() -> None:
    kept = deduplicate(
        rows(
            {"log_index": 1, "block_number": 9},
            {"log_index": 1, "file": 1, "initiator": "i", "method": "m"},
        )
    ).kept
    assert kept.select(ROW, "block_number", "initiator", "method").rows() == [(1, 9, "i", "m")]


@pytest.mark.parametrize(
    "told, kept",
    [((None, False), False), ((False, True), True), ((None, True), True), ((None, None), None)],
)
def test_a_confirmation_outweighs_its_lack_and_either_outweighs_silence(
    told: tuple[bool | None, ...], kept: bool | None
) -> None:
    for order in (told, told[::-1]):
        copies = [{"file": n, "confirmed": what} for n, what in enumerate(order)]
        left = deduplicate(number_rows(rows(*copies))).kept
        assert left["confirmed"].to_list() == [kept]


def test_contradictions_name_what_differs() -> None:
    native = {"log_index": -1, "kind": "native", "asset": "native"}
    later = datetime(2024, 6, 2, tzinfo=UTC)
    found = conflicting(
        rows(
            native,
            {**native, "file": 1, "amount_raw": "6", "block_time": later},
            {**native, "tx_id": "u"},
            {**native, "tx_id": "u", "file": 1, "exact": False, "amount_raw": "6"},
        )
    )
    assert sorted(found[ROW].to_list()) == [1, 2]
    assert set(found["reason"]) == {"another copy of transfer t differs in amount_raw, block_time"}


def test_every_row_ends_somewhere() -> None:
    given = rows({}, {}, {"file": 1}, {"log_index": -3}, {"log_index": 4, "file": 1}, {"file": 2})
    result = deduplicate(number_rows(given))
    ends = pl.concat([result.kept, result.duplicates, result.superseded])
    assert sorted(ends[ROW].to_list()) == list(range(1, 7))


def test_a_token_row_learns_who_sent_the_transaction() -> None:
    fee = {"log_index": -2, "kind": "fee", "initiator": "i", "tx_to": "router", "method": "m"}
    got = share_transaction_facts(rows({}, fee, {"tx_id": "other"}))
    assert got.select("initiator", "tx_to", "method").rows() == [
        ("i", "router", "m"),
        ("i", "router", "m"),
        (None, None, None),
    ]


def test_an_internal_payment_learns_what_was_called_where_its_page_told_who_called() -> None:
    inner = {"kind": "internal", "initiator": "i", "tx_to": "pool"}
    fee = {"log_index": -2, "kind": "fee", "initiator": "i", "tx_to": "pool", "method": "m"}
    got = share_transaction_facts(rows(inner, fee))
    assert got["method"].to_list() == ["m", "m"]


def test_every_row_of_a_transaction_knows_where_in_the_block_it_stood() -> None:
    placed = {"tx_index": 7, "block_number": 100}
    inner = {"kind": "internal", "block_number": 100}
    got = share_transaction_facts(rows(inner, placed, {"tx_id": "other"}, {**placed, "chain": "x"}))
    assert got.select("block_number", "tx_index").rows() == [
        (100, 7),
        (100, 7),
        (None, None),
        (100, 7),
    ]
    elsewhere = rows({**placed, "chain": "x"}, inner)
    assert share_transaction_facts(elsewhere)["tx_index"].to_list() == [7, None]


def test_a_swap_is_paid_before_it_pays_out() -> None:
    swap = {"initiator": "me", "tx_id": "swap"}
    value = {**swap, "kind": "native", "asset": "native", "log_index": -1, "sender": "me"}
    event = {**swap, "log_index": 9, "sender": "other"}
    legs = [{"sender": "me", "asset": a} for a in "uvwx"] + [{"receiver": "me", "asset": "y"}] * 2
    numbered = number_rows(rows(value, event, *({**swap, **leg} for leg in legs)))
    settled = settle_numbers(numbered).sort("log_index")
    assert settled["log_index"].is_unique().all()
    assert settled["log_index"].to_list()[:2] == [-1, 9]
    assert settled["sender"].to_list() == ["me", "other", *["me"] * 4, "a", "a"]
    # The number rests on what the row says, not on what stands beside it.
    alone = settle_numbers(number_rows(rows({**swap, **legs[2]})))["log_index"][0]
    assert alone in settled["log_index"]


def test_nothing() -> None:
    nothing = number_rows(rows())
    assert deduplicate(nothing).kept.is_empty()
    assert conflicting(nothing).is_empty()
    assert share_transaction_facts(nothing).is_empty()
