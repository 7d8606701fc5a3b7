"""What single formats do beyond the contract that all of them share."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import Refused
from data.importers import FORMATS, importer_named, recognise
from data.importers.importer import Context, Imported
from data.importers.mapping import read_mapping
from data.importers.source import open_source
from tests.data.importers.samples import (
    DESK,
    SAMPLES,
    START,
    T_DESK,
    T_WALLET,
    TABLE,
    TABLE_MAPPING,
    TRON_USDT,
    USDT,
    VICTIM,
    WALLET,
    digest,
    evm,
)

TXLIST, TRONGRID, TRONSCAN = SAMPLES[0], SAMPLES[6], SAMPLES[7]


def read(path: Path, content: bytes, **context: Any) -> Imported:
    """Recognise and read content."""
    path.write_bytes(content)
    source = open_source(path)
    found = importer_named("table") if "mapping" in context else recognise(source)
    return found.read(source, Context(**context))


def test_a_transaction_makes_up_to_three_rows(tmp_path: Path) -> None:
    rows = read(tmp_path / "x.json", TXLIST.content()).transfers
    shape = {row: sorted(part["kind"].to_list()) for (row,), part in rows.group_by("source_row")}
    assert shape == {
        1: ["fee", "native"],
        2: ["fee", "native"],
        3: ["fee", "token"],
        4: ["fee", "token"],
        5: ["fee", "native"],
        6: ["fee"],
        7: ["fee"],
    }
    token = rows.filter(kind="token").sort("source_row")
    columns = ["sender", "receiver", "initiator", "asset", "amount_raw", "log_index"]
    assert token.select(columns).rows() == [
        (WALLET, DESK, WALLET, USDT, "2700000000", -3),
        (VICTIM, DESK, WALLET, USDT, "500000000", -3),
    ]
    failed = rows.filter(source_row=5).sort("kind")
    assert failed.select("kind", "status").rows() == [("fee", None), ("native", "failed")]
    assert set(rows.filter(kind="fee")["amount_raw"]) == {str(21_000 * 8 * 10**9)}


def test_a_contract_creation_pays_the_contract(tmp_path: Path) -> None:
    paid = [{**TXLIST.rows[6], "value": "5"}]
    rows = read(tmp_path / "x.json", TXLIST.content(paid)).transfers
    assert rows.filter(kind="native").select("receiver", "tx_to").rows() == [
        (evm("contract"), None)
    ]
    nowhere = [{**paid[0], "contractAddress": ""}]
    result = read(tmp_path / "x.json", TXLIST.content(nowhere))
    assert result.quarantine["reason"].to_list() == ["receiver is missing"]


def test_a_gap_in_the_nonces_means_that_rows_are_missing(tmp_path: Path) -> None:
    rows = [r for r in TXLIST.rows if r["nonce"] != "3"]
    assert read(tmp_path / "x.json", TXLIST.content()).coverage["complete"].to_list() == [True]
    gapped = read(tmp_path / "x.json", TXLIST.content(rows)).coverage
    assert gapped["complete"].to_list() == [False]
    assert gapped["from"].null_count() == 0


def test_a_bare_list_is_an_answer_too(tmp_path: Path) -> None:
    content = json.dumps(list(TXLIST.rows)).encode()
    assert read(tmp_path / "x.json", content).rows == len(TXLIST.rows)
    mixed = json.dumps([*TXLIST.rows, 7, "x", None]).encode()
    assert read(tmp_path / "x.json", mixed).quarantine.height == 3


@pytest.mark.parametrize(
    "meta", [{"fingerprint": "abc"}, {"page_size": 200}, {"page_size": 4, "fingerprint": "x"}]
)
def test_another_trongrid_page(meta: dict[str, Any], tmp_path: Path) -> None:
    answer = {"data": list(TRONGRID.rows), "success": True, "meta": meta}
    result = read(tmp_path / "x.json", json.dumps(answer).encode())
    assert result.coverage["complete"].to_list() == [False]
    assert result.ignored == {"Approval": 1}
    assert result.transfers["confirmed"].null_count() == 3  # nothing says when it was asked


def test_17_an_event_of_the_last_minute_is_not_final(tmp_path: Path) -> None:
    at = (START + 3 * 3_600 + 30) * 1000
    answer = {"data": list(TRONGRID.rows), "meta": {"at": at}}
    result = read(tmp_path / "x.json", json.dumps(answer).encode())
    assert result.transfers["confirmed"].to_list() == [True, True, False]


def test_18_tronscan_wallets_are_doubted_one_by_one(tmp_path: Path) -> None:
    rows = [{**TRONSCAN.rows[0], "tx_id": digest(f"n{i}")} for i in range(20)]
    result = read(tmp_path / "x.csv", TRONSCAN.content([*rows, TRONSCAN.rows[2]]))
    assert dict(result.coverage.select("address", "complete").iter_rows()) == {
        T_WALLET: False,
        T_DESK: True,
    }


def old_page(**changed: str) -> bytes:
    """Write the older Tronscan page, non-breaking spaces included."""
    row = {
        "Txn\u00a0Hash": digest("old"),
        "Block": "62000000",
        "Time(UTC)": "2024-06-01 01:00:00",
        "From": T_WALLET,
        "To": T_DESK,
        "Token": TRON_USDT,
        "Token Symbol": "USDT",
        "Amount/TokenID": "1,480.5",
        "Result": "SUCCESS",
        "Status": "CONFIRMED",
        **changed,
    }
    out = io.StringIO()
    csv.writer(out).writerows([row.keys(), row.values()])
    return out.getvalue().encode()


def test_the_older_tronscan_page(tmp_path: Path) -> None:
    result = read(tmp_path / f"{T_WALLET}.csv", old_page())
    columns = ["sender", "receiver", "asset", "amount_raw", "confirmed", "status", "account"]
    assert result.transfers.select(columns).rows() == [
        (T_WALLET, T_DESK, TRON_USDT, "1480500000", True, None, T_WALLET)
    ]
    failed = read(tmp_path / "x.csv", old_page(Result="OUT_OF_ENERGY", Status="UNCONFIRMED"))
    assert failed.transfers.select("status", "confirmed").rows() == [("failed", False)]
    symbol_only = read(tmp_path / "x.csv", old_page(Token="Tether USD"))
    assert symbol_only.quarantine["reason"].to_list() == ["asset is not an address of tron"]


def table(rows: list[dict[str, Any]], folder: Path, **mapping: Any) -> Imported:
    """Read rows of the table sample with another mapping, from Parquet with types."""
    pl.DataFrame(rows).write_parquet(folder / "t.parquet")
    chain = mapping.pop("on", "ethereum")
    given = {k: v for k, v in {**TABLE_MAPPING, **mapping}.items() if v is not None}
    source = open_source(folder / "t.parquet")
    return importer_named("table").read(source, Context(chain=chain, mapping=given))


def test_a_table_with_types(tmp_path: Path) -> None:
    rows = [{**r, "Coins": float(str(r["Coins"])), "When": int(str(r["When"]))} for r in TABLE]
    typed = table(rows, tmp_path).transfers
    assert typed["amount_raw"].to_list() == [str(v * 10**17) for v in (20, 15, 1)]
    assert typed["status"].to_list() == [None, None, "failed"]
    with_time = [{**r, "When": typed["block_time"][i]} for i, r in enumerate(rows)]
    assert table(with_time, tmp_path, time_unit=None).transfers.equals(typed)
    in_floats = [{**r, "When": float(str(r["When"]))} for r in rows]
    assert table(in_floats, tmp_path).transfers.equals(typed)


def test_a_ledger_with_opaque_ids_and_dollars(tmp_path: Path) -> None:
    rows = [
        {"When": "01.06.2024 13:05", "Payer": "acct 1", "Payee": "Acct 2", "Coins": "12.3456789"}
    ]
    result = table(
        rows,
        tmp_path,
        on="generic",
        tx_id=None,
        failed=None,
        account=None,
        decimals=None,
        asset="=usd",
        amount_unit="usd",
        time_unit="%d.%m.%Y %H:%M",
    )
    columns = ["tx_id", "sender", "receiver", "asset", "amount_raw", "usd_micros", "kind"]
    assert result.transfers.select(columns).rows() == [
        ("t:1", "acct 1", "Acct 2", "usd", "12345678", 12345678, "token")
    ]


def test_decimals_from_the_registry(tmp_path: Path) -> None:
    rows = [{**TABLE[0], "Token": t} for t in (USDT, USDT.upper().replace("X", "x"), evm("fake"))]
    result = table(rows, tmp_path, asset="Token", decimals=None, legs="token_in,token_out")
    assert result.transfers["amount_raw"].to_list() == ["2000000", "2000000"]
    assert result.quarantine["source_row"].to_list() == [3]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"sender": None}, "lacks sender"),
        ({"sender": "Payerr"}, "Did you mean 'Payer'"),
        ({"sendr": "Payer"}, "unknown name 'sendr'.*Did you mean 'sender'"),
        ({"time_unit": "minutes"}, "time_unit 'minutes'"),
        ({"time_unit": None}, "lacks time_unit"),
        ({"amount_unit": "wei"}, "amount_unit is 'wei'"),
        ({"amount_unit": "usd"}, "not amounts of a coin"),
        ({"decimals": "-1"}, "decimals are '-1'"),
        ({"complete": "maybe"}, "complete is 'maybe'"),
        ({"legs": "native"}, "Legs must be among"),
        ({"tx_id": None}, "lacks tx_id"),
        ({"on": None}, "chain is not given"),
    ],
)
def test_a_mapping_that_makes_no_sense(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=f"(?i){message}"):
        table([dict(r) for r in TABLE], tmp_path, **change)


def test_a_mapping_in_three_forms(tmp_path: Path) -> None:
    lines = [f"{k}={v}" for k, v in TABLE_MAPPING.items()]
    lines = [line.replace("=True", "=true") for line in lines]
    file = tmp_path / "m.toml"
    file.write_text(
        "\n".join(f"{k} = {json.dumps(v)}" for k, v in TABLE_MAPPING.items()), encoding="utf-8"
    )
    assert read_mapping(lines) == read_mapping(file) == read_mapping(TABLE_MAPPING)
    for bad in (["sender"], ["a=1", "a=2"], tmp_path / "none.toml"):
        with pytest.raises(Refused):
            read_mapping(bad)


def test_formats_are_registered_by_their_name() -> None:
    for name in FORMATS:
        found = importer_named(name)
        assert found.name == name
        assert found.description


@pytest.mark.parametrize(
    "name, format",
    [
        (f"txlist_{WALLET}.json", "etherscan_txlist"),
        (f"{WALLET}-tokentx.json", "etherscan_tokentx"),
        (f"TRC20 {T_WALLET}.json", "trongrid_trc20"),
        (f"txlistinternal_{WALLET}.json", None),
        (f"txlist or tokentx of {WALLET}.json", None),
        (f"{WALLET}.json", None),
    ],
)
def test_the_name_tells_an_answer_without_rows(
    name: str, format: str | None, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text('{"status":"0","message":"No transactions found","result":[]}')
    if format is None:
        with pytest.raises(Refused, match="empty list.*txlist, tokentx, trc20"):
            recognise(open_source(path))
        return
    result = recognise(open_source(path)).read(open_source(path), Context())
    assert result.coverage["source"].to_list() == [format]
    assert result.coverage["complete"].to_list() == [True]
