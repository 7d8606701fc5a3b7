"""Values too large to add up empty one history, and say so; the others stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.storage import write_parquet
from data.transfers import open_transfers
from features.building import build_histories
from features.history import Histories
from tests.data.canonical import AS_OF, A, B, C, row, table


def built(folder: Path, rows: list[dict[str, Any]], basis: str) -> Histories:
    path = folder / "transfers.parquet"
    write_parquet(table(rows), path)
    transfers = open_transfers(path, assume_complete=True)
    return build_histories(transfers, as_of=AS_OF, basis=basis)


def amounts(values: list[int], **fields: Any) -> list[dict[str, Any]]:
    """Native payments from A to B, a second apart."""
    return [
        row(n, sender=A, receiver=B, asset="native", kind="native", amount_raw=str(value), **fields)
        for n, value in enumerate(values)
    ]


def test_a_gigantic_ratio_is_clipped(tmp_path: Path) -> None:
    histories = built(tmp_path, amounts([1, 1, 10**20]), "relative")
    assert histories[0].value.tolist() == [1_000_000, 1_000_000, 2**53]
    assert histories.notes == ()


@pytest.mark.parametrize(
    "basis, values",
    [("relative", [1] * 551 + [10**20] * 549), ("native", [9 * 10**27] * 2)],
)
def test_a_sum_beyond_62_bits_empties_its_history_alone(
    tmp_path: Path, basis: str, values: list[int]
) -> None:
    small = row(len(values), sender=C, receiver=C[:-1] + "1", asset="native", kind="native",
                amount_raw=str(10**18))  # fmt: skip
    histories = built(tmp_path, [*amounts(values), small], basis)
    by_address = dict(zip(histories.keys["address"], histories.counts.tolist(), strict=True))
    assert by_address == {A: 0, B: 0, C: 1, C[:-1] + "1": 1}
    unvalued = dict(zip(histories.keys["address"], histories.keys["n_unvalued"], strict=True))
    assert unvalued == {A: len(values), B: len(values), C: 0, C[:-1] + "1": 0}
    assert len(histories.notes) == 1
    assert A in histories.notes[0] and histories.notes[0].startswith("2 histories")
