"""Ingest as a whole: merging exports, accounting, refusals, and genuine files counted by hand."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.content_hash import content_hash
from data.errors import Refused
from data.schema import TRANSFER_ORDER, TRANSFERS
from data.storage import read_manifest
from pipelines.ingest import IngestResult, ingest
from tests.data.importers.samples import (
    DESK,
    SAMPLES,
    START,
    T_DESK,
    T_WALLET,
    USDT,
    VICTIM,
    WALLET,
    Sample,
    evm,
)

CHAIN_SAMPLES = [s for s in SAMPLES if s.format != "table"]


def sample(file: str) -> Sample:
    """Return the sample whose file begins like this."""
    return next(s for s in SAMPLES if s.file.startswith(file))


def write(folder: Path, *files: str, **changed: bytes) -> list[Path]:
    """Write samples into a folder, some with other content, and the files that these need."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    beside = [other.file for file in files for other in sample(file).beside]
    for file in dict.fromkeys((*files, *beside)):
        path = folder / sample(file).file
        path.write_bytes(changed.get(file, sample(file).content()))
        paths.append(path)
    return paths


def store(result: IngestResult) -> pl.DataFrame:
    """Return a store's transfers."""
    return pl.read_parquet(result.out / "transfers.parquet")


def adds_up(result: IngestResult) -> bool:
    """Say whether every file's rows are accounted for, as the manifest says too."""
    inputs = read_manifest(result.out)["inputs"]
    for name, a in result.files.items():
        if a.kept + a.duplicates + a.superseded + a.ignored + a.quarantined != a.rows:
            return False
        if inputs[name]["rows"] != a.rows:
            return False
    return sum(a.transfers for a in result.files.values()) == result.transfers


def test_a_folder_of_every_format(tmp_path: Path) -> None:
    for one in CHAIN_SAMPLES:
        write(tmp_path / "in", one.file)
    result = ingest("auto", [tmp_path / "in"], tmp_path / "out")
    assert result.taken_as == {s.file: s.format for s in CHAIN_SAMPLES}
    assert result.exit_code == 0
    assert adds_up(result)
    rows = store(result)
    assert rows.columns[: len(TRANSFERS)] == list(TRANSFERS)
    assert rows.equals(rows.sort(TRANSFER_ORDER, nulls_last=False, maintain_order=True))
    assert not rows.select(pl.struct("chain", "tx_id", "log_index").is_duplicated().any()).item()


def test_a_payment_in_calldata_and_in_an_event_counts_once(tmp_path: Path) -> None:
    both = ingest("auto", write(tmp_path, "txlist.json", "tokentx"), tmp_path / "out")
    rows = store(both)
    paid = rows.filter(pl.col("screened").is_null(), asset=USDT, sender=WALLET, receiver=DESK)
    assert paid["amount_raw"].to_list() == ["2700000000"]
    assert 2**30 <= paid["log_index"][0] < 2**30 + 2**29  # no log index; paid by the initiator
    assert paid["initiator"][0] == WALLET  # the event export does not say it, the other one does
    assert both.files["txlist.json"].superseded == 0  # its fee row is still needed
    assert adds_up(both)


def test_equal_payments_in_one_transaction_are_both_kept(tmp_path: Path) -> None:
    result = ingest("auto", write(tmp_path, "tokentx"), tmp_path / "out")
    equal = store(result).filter(sender=VICTIM, asset=USDT)
    assert equal["amount_raw"].to_list() == ["1999000000"] * 2
    assert equal["log_index"].n_unique() == 2


@pytest.mark.parametrize("one", CHAIN_SAMPLES, ids=lambda s: s.file[:20])
def test_16_the_same_export_twice_changes_nothing(one: Sample, tmp_path: Path) -> None:
    once = ingest("auto", write(tmp_path / "a", one.file), tmp_path / "once")
    write(tmp_path / "b", one.file)
    twice = ingest("auto", [tmp_path / "a", tmp_path / "b"], tmp_path / "twice")
    assert content_hash(store(once)) == content_hash(store(twice))
    assert adds_up(twice)


@pytest.mark.parametrize("one", CHAIN_SAMPLES, ids=lambda s: s.file[:20])
def test_16_overlapping_pages_merge(one: Sample, tmp_path: Path) -> None:
    whole = ingest("auto", write(tmp_path / "a", one.file), tmp_path / "whole")
    write(tmp_path / "b", *(other.file for other in one.beside))
    # Equal payments of one transaction stand on one page: only there can they be told apart.
    cut = next(i for i in range(1, len(one.rows)) if one.rows[i] != one.rows[i - 1])
    for name, rows in (("1", one.rows), ("2", one.rows[cut:])):
        (tmp_path / "b" / f"{name}-{one.file}").write_bytes(one.content(rows))
    pages = ingest("auto", [tmp_path / "b"], tmp_path / "pages")
    assert content_hash(store(whole)) == content_hash(store(pages))


# Without log indices, rows that differ are different transfers: only numbered ones can conflict.
NUMBERED = [s for s in SAMPLES if s.format in ("etherscan_txlist", "etherscan_page_normal")]


@pytest.mark.parametrize("one", NUMBERED, ids=lambda s: s.file[:20])
def test_16_conflicting_copies_are_all_quarantined(one: Sample, tmp_path: Path) -> None:
    write(tmp_path / "a", one.file)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / one.file).write_bytes(one.edited("amount", "3"))
    result = ingest("auto", [tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    set_aside = pl.read_parquet(result.out / "quarantine.parquet")
    assert sorted(set_aside["row"].to_list()) == [2, 2]
    assert set_aside["reason"].str.contains("differs in amount_raw").all()
    assert result.exit_code == 3
    assert adds_up(result)


def test_a_payment_in_two_wallets_exports_counts_once(tmp_path: Path) -> None:
    result = ingest("auto", write(tmp_path, "tronscan_rows"), tmp_path / "out")
    paid = store(result).filter(sender=T_WALLET, receiver=T_DESK)
    assert paid.height == 1
    assert result.files["tronscan_rows.csv"].duplicates == 1
    coverage = pl.read_parquet(result.out / "coverage.parquet")
    assert sorted(coverage["address"].to_list()) == sorted([T_WALLET, T_DESK])


def test_17_21_unconfirmed_and_failed_rows_are_screened(tmp_path: Path) -> None:
    page = sample("tronscan_page")
    rows = [dict(r) for r in page.rows]
    rows[0]["isConfirm"] = "false"
    (tmp_path / "a.csv").write_bytes(page.content(rows))
    scan = sample("tronscan_rows")
    rows = [dict(r) for r in scan.rows]
    rows[3]["contract_return"] = "REVERT"
    (tmp_path / "b.csv").write_bytes(scan.content(rows[3:]))
    result = ingest("auto", [tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "out")
    reasons = Counter(store(result)["screened"].to_list())
    assert reasons == {"unconfirmed": 1, "failed": 1, None: 2}


def test_8_13_fakes_and_spoofs_have_no_value(tmp_path: Path) -> None:
    result = ingest("auto", write(tmp_path, "tokentx"), tmp_path / "out")
    rows = store(result)
    fake = rows.filter(asset=evm("fake"))
    assert fake.select("screened", "usd_micros").rows() == [("counterfeit_asset", None)]
    assert rows.filter(amount_raw="0")["screened"].to_list() == ["zero_value"]


def test_an_exact_copy_replaces_a_scaled_one(tmp_path: Path) -> None:
    tokentx, page = sample("tokentx"), sample("page_tokens")
    one, other = dict(tokentx.rows[4]), dict(page.rows[4])
    (tmp_path / "tokentx.json").write_bytes(tokentx.content([one]))
    (tmp_path / "page.csv").write_bytes(page.content([other]))
    result = ingest("auto", sorted(tmp_path.glob("*.*")), tmp_path / "out")
    assert store(result)["amount_raw"].to_list() == ["5000000000"]
    assert result.files["page.csv"].superseded == 1


def test_the_order_of_the_files_changes_nothing(tmp_path: Path) -> None:
    files = [p for s in CHAIN_SAMPLES for p in write(tmp_path / "in", s.file)]
    one = ingest("auto", files, tmp_path / "one")
    other = ingest("auto", files[::-1], tmp_path / "other")
    for name in ("transfers", "coverage", "quarantine", "manifest"):
        suffix = "json" if name == "manifest" else "parquet"
        file = f"{name}.{suffix}"
        assert (one.out / file).read_bytes() == (other.out / file).read_bytes()


def test_bad_files_are_all_named_and_nothing_is_written(tmp_path: Path) -> None:
    write(tmp_path / "in", "tokentx")
    (tmp_path / "in" / "empty.csv").write_bytes(b"")
    (tmp_path / "in" / "page.csv").write_bytes(b"<html>")
    with pytest.raises(Refused, match="2 of 3 files") as refusal:
        ingest("auto", [tmp_path / "in"], tmp_path / "out")
    assert "empty.csv" in str(refusal.value)
    assert "web page" in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_a_file_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    tokentx = sample("tokentx")
    rows = [{**r, "from": "0x12"} for r in tokentx.rows]
    (tmp_path / "x.json").write_bytes(tokentx.content(rows))
    with pytest.raises(Refused, match="None of the 6 rows.*not an address"):
        ingest("auto", [tmp_path / "x.json"], tmp_path / "out")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"format": "etherscan"}, "Did you mean 'etherscan_"),
        ({"chain": "tron"}, "evm addresses"),
        ({"chain": "etherium"}, "Unknown chain"),
        ({"account": DESK[:-1]}, "--account"),
        ({"account": evm("stranger")}, "occurs in no row"),
        ({"as_of": datetime(2020, 1, 1, tzinfo=UTC)}, "before the last transfer"),
        ({"format": "trongrid_trc20"}, "is not trongrid_trc20: it lacks"),
        ({"format": "table"}, "needs a column mapping"),
        ({"mapping": {"sender": "from"}}, "knows its columns"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    files = write(tmp_path, "tokentx")
    with pytest.raises(Refused, match=message):
        ingest(**{"format": "auto", "files": files, "out": tmp_path / "out", **options})
    assert not (tmp_path / "out").exists()


def test_no_files(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for files in ([], [tmp_path / "none.csv"], [tmp_path / "empty"]):
        with pytest.raises(Refused):
            ingest("auto", files, tmp_path / "out")


def test_the_moment_of_the_store(tmp_path: Path) -> None:
    files = write(tmp_path, "tokentx")
    result = ingest("auto", files, tmp_path / "out")
    assert result.as_of == datetime.fromtimestamp(START + 13 * 3_600 + 1, UTC)
    given = datetime(2025, 1, 1, tzinfo=UTC)
    later = ingest("auto", files, tmp_path / "out", as_of=given)
    assert read_manifest(later.out)["as_of"] == given.isoformat()
    assert pl.read_parquet(later.out / "coverage.parquet")["to"].to_list() == [given]


# Genuine exports, against counts made without polars.


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _expected_txlist(row: dict[str, str]) -> set[tuple[str, str, str, str, int]]:
    """Read one transaction as the importer should, in plain Python."""
    receiver = (row["to"] or row["contractAddress"]).lower()
    sender, hash_ = row["from"].lower(), row["hash"]
    out = {(hash_, "fee", sender, "", int(row["gasUsed"]) * int(row["gasPrice"]))}
    data = row["input"]
    if int(row["value"]) or len(data) < 10:
        out.add((hash_, "native", sender, receiver, int(row["value"])))
    words = [data[10 + 64 * i : 74 + 64 * i] for i in range(3)]
    if data.startswith("0xa9059cbb") and len(words[1]) == 64:
        out.add((hash_, "token", sender, "0x" + words[0][24:], int(words[1], 16)))
    if data.startswith("0x23b872dd") and len(words[2]) == 64:
        out.add((hash_, "token", "0x" + words[0][24:], "0x" + words[1][24:], int(words[2], 16)))
    return out


def test_real_dfpi_wallets(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "dfpi_scam_wallets" / "txlist"
    files = sorted(folder.glob("*.csv"))
    result = ingest("auto", [folder], tmp_path / "out")
    source = {f.name: _rows(f) for f in files}
    assert {n: a.rows for n, a in result.files.items()} == {n: len(r) for n, r in source.items()}
    want = {t for rows in source.values() for row in rows for t in _expected_txlist(row)}
    got = store(result).select("tx_id", "kind", "sender", "receiver", "amount_raw")
    assert {(*r[:4], int(r[4])) for r in got.iter_rows()} == want
    assert got.height == len(want)
    coverage = pl.read_parquet(result.out / "coverage.parquet")
    assert sorted(coverage["address"].to_list()) == sorted(f.stem.lower() for f in files)
    assert coverage["legs"].unique().to_list() == ["native_in,native_out,token_out"]
    not_complete = set(coverage.filter(~pl.col("complete"))["address"])
    assert not_complete == {f.stem.lower() for f in files if len(source[f.name]) == 20}


def test_real_etherscan_pages(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "formats" / "etherscan_csv"
    result = ingest("auto", [folder], tmp_path / "out")
    rows = store(result)
    for file, kinds in (
        ("privatefolio_0x003dc_etherscan-erc20.csv", ["token", "mint", "burn"]),
        ("privatefolio_0x003dc_etherscan-internal.csv", ["internal"]),
        ("privatefolio_0x003dc_etherscan.csv", ["fee"]),
    ):
        with (folder / file).open(newline="", encoding="utf-8") as handle:
            count = sum(1 for _ in csv.reader(handle)) - 1
        assert rows.filter(pl.col("kind").is_in(kinds)).height == count
        assert result.files[file].rows == count
    source = _rows(folder / "privatefolio_0x003dc_etherscan.csv")
    moved = [r for r in source if r["Value_IN(ETH)"] != "0" or r["Value_OUT(ETH)"] != "0"]
    assert rows.filter(kind="native").height == len(moved)
    assert result.exit_code == 0


def test_real_tron_exports(real_data: Path, tmp_path: Path) -> None:
    house = real_data / "tron_exchange_house" / "trc20_transfers.csv"
    source = _rows(house)
    result = ingest("auto", [house], tmp_path / "out")
    distinct = {(r["tx_id"], r["from_address"], r["to_address"], r["quant"]) for r in source}
    rows = store(result)
    got = rows.select("tx_id", "sender", "receiver", "amount_raw")
    assert set(got.iter_rows()) == distinct
    assert result.files[house.name].duplicates == len(source) - len(distinct) == 222
    wallets = Counter(r["wallet"] for r in source)
    coverage = pl.read_parquet(result.out / "coverage.parquet")
    complete = dict(coverage.select("address", "complete").iter_rows())
    assert complete == {w: n not in (20, 200, 1_000, 5_000, 10_000) for w, n in wallets.items()}

    broken = real_data / "formats" / "tronscan" / "trc20_rows_broken_header.csv"
    grid = real_data / "formats" / "trongrid" / "v1_accounts_transactions_trc20_TRIMMED.json"
    more = ingest("auto", [house, broken, grid], tmp_path / "more")
    records = json.loads(grid.read_text())["data"]
    assert more.transfers == len(distinct) + len(records)  # the 399 rows are all in the house
    assert sum(a.duplicates for a in more.files.values()) == 222 + 399
    assert adds_up(more)


def test_real_etherscan_api(real_data: Path, tmp_path: Path) -> None:
    file = real_data / "formats" / "etherscan_api" / "txlist_v2_as_csv.csv"
    result = ingest("auto", [file], tmp_path / "out")
    assert result.transfers == len({t for row in _rows(file) for t in _expected_txlist(row)})


def test_real_ethereum_accounts(real_data: Path, tmp_path: Path) -> None:
    file = real_data / "eth_accounts" / "transactions.parquet"
    mapping = {
        "tx_id": "TxHash",
        "block_number": "BlockHeight",
        "block_time": "TimeStamp",
        "sender": "From",
        "receiver": "To",
        "amount_raw": "Value",
        "failed": "isError",
        "account": "account",
        "asset": "=native",
        "time_unit": "s",
        "amount_unit": "decimal",
        "decimals": 18,
        "complete": True,
    }
    result = ingest("table", [file], tmp_path / "out", chain="ethereum", mapping=mapping)
    source = pl.read_parquet(file)
    known = [r for r in source.select("TxHash", "From", "To", "Value").iter_rows() if r[2]]
    want = {(h, f, t, _wei(repr(v))) for h, f, t, v in known}
    got = store(result).select("tx_id", "sender", "receiver", "amount_raw")
    assert {(*r[:3], int(r[3])) for r in got.iter_rows()} == want
    assert result.quarantined == source.height - len(known) == 27
    assert result.files[file.name].duplicates == len(known) - len(want)
    coverage = pl.read_parquet(result.out / "coverage.parquet")
    assert set(coverage["address"]) == set(source["account"])
    assert coverage["legs"].unique().to_list() == ["native_in,native_out"]
    assert coverage["complete"].all()


def _wei(ether: str) -> int:
    """Read the shortest decimal of a float exactly."""
    mantissa, _, exponent = ether.partition("e")
    whole, _, fraction = mantissa.partition(".")
    places = 18 + int(exponent or 0) - len(fraction)
    number = int(whole + fraction)
    assert places >= 0 or number % 10**-places == 0
    return number * 10**places if places >= 0 else number // 10**-places
