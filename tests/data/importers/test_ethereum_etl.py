"""The four tables of an ethereum-etl dump know things of each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import Refused
from data.importers import AUTO
from pipelines.ingest import IngestResult, ingest
from tests.data.importers.samples import (
    DAI,
    DESK,
    ETL_BLOCKS,
    ETL_RECEIPTS,
    ETL_TOKEN_TRANSFERS,
    ETL_TRANSACTIONS,
    FRIEND,
    ROUTER,
    TXLIST,
    USDT,
    VICTIM,
    WALLET,
    Row,
    digest,
)

TABLES: dict[str, tuple[Row, ...]] = {
    "transactions.csv": ETL_TRANSACTIONS,
    "token_transfers.csv": ETL_TOKEN_TRANSFERS,
    "blocks.csv": ETL_BLOCKS,
    "receipts.csv": ETL_RECEIPTS,
}


def dump(folder: Path, *names: str, **changed: list[Row]) -> list[Path]:
    """Write some of the tables, with the rows of some changed."""
    paths = []
    for name in names:
        rows = changed.get(name.removesuffix(".csv"), list(TABLES[name]))
        paths.append(folder / name)
        frame = pl.DataFrame(rows, infer_schema_length=None)
        paths[-1].write_bytes(frame.write_csv().encode())
    return paths


def ingested(folder: Path, files: list[Path], **options: Any) -> tuple[IngestResult, pl.DataFrame]:
    """Read a dump, recognising every file."""
    result = ingest(AUTO, files, folder / "out", **options)
    return result, pl.read_parquet(folder / "out" / "transfers.parquet")


def coverage(folder: Path) -> list[dict[str, Any]]:
    return pl.read_parquet(folder / "out" / "coverage.parquet").to_dicts()


def quarantine(folder: Path) -> list[tuple[str, int, str]]:
    table = pl.read_parquet(folder / "out" / "quarantine.parquet")
    return table.select("file", "row", "reason").rows()


def test_a_whole_dump_has_the_rows_of_the_account_exports(tmp_path: Path) -> None:
    result, rows = ingested(tmp_path, dump(tmp_path, *TABLES))
    assert result.exit_code == 0
    assert {n: f.ignored_as for n, f in result.files.items() if f.ignored} == {
        "blocks.csv": {"block": 6},
        "receipts.csv": {"receipt": 6},
    }
    tokens = rows.filter(kind="token").select("sender", "receiver", "asset", "amount_raw")
    assert tokens.rows() == [
        (WALLET, DESK, USDT, "2700000000"),
        (VICTIM, DESK, USDT, "500000000"),
        (WALLET, ROUTER, DAI, str(3 * 10**20)),
        (ROUTER, WALLET, USDT, "299000000"),
    ]
    assert rows.filter(kind="native").select("amount_raw", "screened").rows() == [
        (str(2 * 10**18), None),
        (str(15 * 10**17), None),
        (str(10**17), "failed"),
    ]
    assert rows.filter(kind="fee")["amount_raw"].to_list() == [str(21_000 * 8 * 10**9)] * 6


def test_events_learn_moment_place_and_sender_of_their_transaction(tmp_path: Path) -> None:
    _, rows = ingested(tmp_path, dump(tmp_path, "transactions.csv", "token_transfers.csv"))
    third = rows.filter(kind="token", log_index=7).row(0, named=True)
    paid = TXLIST[3]
    assert third["block_time"].timestamp() == int(paid["timeStamp"])
    assert third["tx_index"] == int(paid["transactionIndex"])
    # Somebody else's money, taken with `transferFrom`: only the transaction shows who sent it.
    assert (third["sender"], third["initiator"]) == (VICTIM, WALLET)
    assert (third["tx_to"], third["method"]) == (USDT, "0x23b872dd")


def test_without_receipts_nothing_failed_and_nothing_cost(tmp_path: Path) -> None:
    _, rows = ingested(tmp_path, dump(tmp_path, "transactions.csv"))
    assert set(rows["kind"]) == {"native"}
    assert rows.filter(pl.col("amount_raw") != "0")["screened"].to_list() == [None] * 3
    # A mere call keeps its row, which says who called what.
    assert rows.filter(screened="zero_value")["tx_to"].to_list() == [USDT, USDT, ROUTER]
    # What a call asks for is not what it did: no token row is read from calldata.
    assert rows.filter(kind="token").is_empty()


def test_an_export_that_knows_the_outcome_is_believed_first(tmp_path: Path) -> None:
    listed = tmp_path / "txlist.json"
    listed.write_text(json.dumps({"status": "1", "message": "OK", "result": TXLIST}))
    files = [*dump(tmp_path, "transactions.csv"), listed]
    result, rows = ingested(tmp_path, files)
    assert result.exit_code == 0
    assert rows.filter(tx_id=TXLIST[4]["hash"], kind="native")["screened"].to_list() == ["failed"]


def test_receipts_may_stand_in_the_transactions_table(tmp_path: Path) -> None:
    inside = [
        {**t, "receipt_status": r["status"], "receipt_gas_used": r["gas_used"]}
        for t, r in zip(ETL_TRANSACTIONS, ETL_RECEIPTS, strict=True)
    ]
    _, joined = ingested(tmp_path, dump(tmp_path, "transactions.csv", transactions=inside))
    _, apart = ingested(tmp_path, dump(tmp_path, "transactions.csv", "receipts.csv"))
    assert joined.equals(apart)
    assert joined.filter(screened="failed").height == 1


def test_the_price_that_was_paid_comes_before_the_price_that_was_offered(tmp_path: Path) -> None:
    cheap = [{**r, "effective_gas_price": "1"} for r in ETL_RECEIPTS]
    old = [{k: v for k, v in r.items() if k != "effective_gas_price"} for r in ETL_RECEIPTS]
    for receipts, price in ((cheap, 1), (old, 8 * 10**9)):
        files = dump(tmp_path, "transactions.csv", "receipts.csv", receipts=receipts)
        _, rows = ingested(tmp_path, files)
        assert set(rows.filter(kind="fee")["amount_raw"]) == {str(21_000 * price)}


def test_events_without_any_times_are_refused_with_the_way_out(tmp_path: Path) -> None:
    for files in (("token_transfers.csv",), ("token_transfers.csv", "receipts.csv")):
        with pytest.raises(Refused, match=r"no times.*transactions\.csv.*blocks\.csv"):
            ingest(AUTO, dump(tmp_path, *files), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_events_of_a_block_without_a_time_are_quarantined(tmp_path: Path) -> None:
    files = dump(tmp_path, "blocks.csv", "token_transfers.csv", blocks=list(ETL_BLOCKS[:5]))
    result, rows = ingested(tmp_path, files)
    assert (result.exit_code, rows.height) == (3, 2)
    reason = "no file says when its block was"
    assert quarantine(tmp_path) == [
        ("token_transfers.csv", 3, reason),
        ("token_transfers.csv", 4, reason),
    ]


def test_a_block_with_two_times_has_none(tmp_path: Path) -> None:
    wrong = [{**b, "timestamp": str(int(b["timestamp"]) + 12)} for b in ETL_BLOCKS[:3]]
    blocks = [*ETL_BLOCKS, *wrong]
    _, rows = ingested(tmp_path, dump(tmp_path, "blocks.csv", "token_transfers.csv", blocks=blocks))
    assert rows.height == 3
    assert quarantine(tmp_path) == [("token_transfers.csv", 1, "its block has two different times")]


def test_a_receipt_that_contradicts_another_is_believed_in_neither_form(tmp_path: Path) -> None:
    other = {**ETL_RECEIPTS[4], "status": "1"}
    files = dump(tmp_path, "transactions.csv", "receipts.csv", receipts=[*ETL_RECEIPTS, other])
    _, rows = ingested(tmp_path, files)
    reason = "another receipt of this transaction differs"
    assert quarantine(tmp_path) == [("receipts.csv", 5, reason), ("receipts.csv", 7, reason)]
    unknown = rows.filter(tx_id=ETL_RECEIPTS[4]["transaction_hash"])
    assert unknown.select("kind", "screened").rows() == [("native", None)]


def test_dates_of_the_public_data_sets_are_times(tmp_path: Path) -> None:
    straight = ingested(tmp_path, dump(tmp_path, "transactions.csv"))[1]
    dated = pl.DataFrame(ETL_TRANSACTIONS).with_columns(
        pl.from_epoch(pl.col("block_timestamp").cast(pl.Int64)).dt.replace_time_zone("UTC")
    )
    dated.write_parquet(tmp_path / "transactions.parquet")
    assert ingested(tmp_path, [tmp_path / "transactions.parquet"])[1].equals(straight)


def test_a_dump_covers_nobody_by_itself(tmp_path: Path) -> None:
    ingested(tmp_path, dump(tmp_path, "transactions.csv", "token_transfers.csv"))
    assert coverage(tmp_path) == []


def test_a_query_for_an_account_is_its_whole_history(tmp_path: Path) -> None:
    ingested(tmp_path, dump(tmp_path, "transactions.csv", "token_transfers.csv"), account=WALLET)
    (row,) = coverage(tmp_path)
    assert (row["address"], row["complete"], row["from"]) == (WALLET, True, None)
    assert row["legs"] == "native_in,native_out,token_in,token_out"
    gap = [t for t in ETL_TRANSACTIONS if t["nonce"] != "2" or t["from_address"] != WALLET]
    ingested(tmp_path, dump(tmp_path, "transactions.csv", transactions=gap), account=WALLET)
    assert coverage(tmp_path)[0]["complete"] is False


def test_a_range_of_blocks_knows_nothing_of_what_came_before(tmp_path: Path) -> None:
    early = {**ETL_TRANSACTIONS[0], "from_address": FRIEND, "to_address": ROUTER}
    early |= {"hash": "0x" + digest("early"), "block_number": "19999990"}
    early["block_timestamp"] = str(int(early["block_timestamp"]) - 120)
    files = dump(tmp_path, "transactions.csv", transactions=[early, *ETL_TRANSACTIONS])
    ingested(tmp_path, files, account=WALLET)
    (row,) = coverage(tmp_path)
    assert row["complete"] is False
    assert row["from"].timestamp() == int(early["block_timestamp"])


def test_an_event_ties_a_transaction_to_the_account_it_pays(tmp_path: Path) -> None:
    # The victim calls the token contract; only the event says that the desk is paid by it.
    calls = [{**ETL_TRANSACTIONS[2], "from_address": VICTIM, "nonce": "9"}]
    events = [{**ETL_TOKEN_TRANSFERS[0], "from_address": VICTIM}]
    files = dump(
        tmp_path,
        "transactions.csv",
        "token_transfers.csv",
        transactions=calls,
        token_transfers=events,
    )
    ingested(tmp_path, files, account=DESK)
    assert [c["complete"] for c in coverage(tmp_path)] == [True]
    with pytest.raises(Refused, match=f"account {FRIEND} occurs in no row"):
        ingest(AUTO, files, tmp_path / "out", account=FRIEND)


def test_a_creation_that_moved_nothing_is_no_transfer(tmp_path: Path) -> None:
    made = [{**ETL_TRANSACTIONS[0], "to_address": "", "value": "0"}, *ETL_TRANSACTIONS[1:]]
    result, _ = ingested(tmp_path, dump(tmp_path, "transactions.csv", transactions=made))
    assert result.files["transactions.csv"].ignored_as == {"contract creation": 1}
    made[0] = {**made[0], "value": "5"}
    ingested(tmp_path, dump(tmp_path, "transactions.csv", transactions=made))
    assert "receipts.csv names it" in quarantine(tmp_path)[0][2]
    named = [{**ETL_RECEIPTS[0], "contract_address": ROUTER}, *ETL_RECEIPTS[1:]]
    files = dump(tmp_path, "transactions.csv", "receipts.csv", transactions=made, receipts=named)
    _, rows = ingested(tmp_path, files)
    assert rows.filter(kind="native", amount_raw="5")["receiver"].to_list() == [ROUTER]


def test_a_table_of_payments_is_no_list_of_blocks(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("number,timestamp,amount\n1,1717200000,5\n")
    with pytest.raises(Refused, match="no known export"):
        ingest(AUTO, [path], tmp_path / "out")


def test_another_chain_is_named(tmp_path: Path) -> None:
    files = dump(tmp_path, "transactions.csv")
    assert set(ingested(tmp_path, files, chain="bsc")[1]["chain"]) == {"bsc"}
    with pytest.raises(Refused, match="evm addresses"):
        ingest("ethereum_etl", files, tmp_path / "out", chain="tron")


@pytest.mark.real
def test_genuine_tables_are_read_whole(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "formats" / "ethereum_etl"
    path = folder / "mit_expected_transactions.csv"
    result, rows = ingested(tmp_path, [path])
    raw = pl.read_csv(path, infer_schema=False)
    assert result.exit_code == 0
    # The file holds exact integers, so its sum is the sum of what was read from it.
    assert sum(map(int, rows["amount_raw"])) == sum(map(int, raw["value"]))
    events = folder / "token_transfers.csv"
    numbers = pl.read_csv(events, infer_schema=False)["block_number"].unique().sort()
    blocks = tmp_path / "blocks.csv"
    pl.DataFrame({"number": numbers}).with_columns(timestamp=pl.lit("1623000000")).write_csv(blocks)
    result, rows = ingested(tmp_path, [events, blocks])
    told = pl.read_csv(events, infer_schema=False)
    assert result.exit_code == 0
    assert sum(f.kept for f in result.files.values()) == told.height == rows.height
    assert sum(map(int, rows["amount_raw"])) == sum(map(int, told["value"]))
