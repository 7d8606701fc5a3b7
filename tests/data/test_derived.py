"""The derived columns of a store say what the canonical columns say."""

from __future__ import annotations

import polars as pl

from data.derived import derived_part, with_derived_columns
from data.schema import DERIVED_COLUMNS
from tests.data.canonical import A, B, C, row, table


def test_codes_are_rows_of_the_dictionary() -> None:
    rows = [row(0), row(1, sender=C, receiver=B), row(2, chain="bsc")]
    transfers, addresses = with_derived_columns(table(rows))
    named = addresses.select("chain", "address").rows()
    assert named == [("bsc", A), ("bsc", B), ("ethereum", A), ("ethereum", B), ("ethereum", C)]
    for side in ("sender", "receiver"):
        found = [named[code] for code in transfers[f"{side}_code"]]
        assert found == list(zip(transfers["chain"], transfers[side], strict=True))
    assert transfers.select(list(DERIVED_COLUMNS)).schema == pl.Schema(DERIVED_COLUMNS)


def test_kinds_of_legs_are_null_where_signals_ignore_the_row() -> None:
    kinds = ["native", "internal", "token", "mint", "burn", "fee"]
    rows = [row(n, kind=kind) for n, kind in enumerate(kinds)]
    transfers, _ = with_derived_columns(table([*rows, row(9, screened="dust")]))
    assert transfers["leg_kind"].to_list() == [0, 1, 2, 2, 2, None, None]


def test_transactions_are_told_apart_by_place_or_by_id() -> None:
    place = {"block_number": 5, "tx_index": 1}
    rows = [row(0, **place), row(1, **place), row(2, **place | {"tx_index": 2})]
    transfers, _ = with_derived_columns(table(rows))
    assert transfers["transaction"].to_list() == [0, 0, 2]
    unplaced = [row(0, tx_id="x"), row(1, tx_id="y"), row(2, tx_id="x", tx_index=None)]
    transfers, _ = with_derived_columns(table(unplaced))
    assert transfers["transaction"].to_list() == [0, 1, 0]


def test_columns_made_piece_by_piece_are_those_made_whole() -> None:
    place = {"block_number": 5, "tx_index": 1}
    rows = [row(n, tx_id=f"x{n // 2}", sender=(A, C)[n % 2], receiver=B) for n in range(6)]
    rows[1] |= place
    rows[2] |= place | {"tx_index": None}
    whole, addresses = with_derived_columns(table(rows))
    pieces = [derived_part(table(rows[a:b]), addresses, a) for a, b in ((0, 2), (2, 4), (4, 6))]
    assert pl.concat(pieces).drop("transaction").equals(whole.drop("transaction"))
    unplaced, _ = with_derived_columns(table([one | {"tx_index": None} for one in rows]))
    parts = [
        derived_part(table([one | {"tx_index": None} for one in rows[a:b]]), addresses, a)
        for a, b in ((0, 2), (2, 6))
    ]
    assert pl.concat(parts).equals(unplaced)
    assert unplaced["transaction"].to_list() == [0, 0, 2, 2, 4, 4]
