"""From labels to services: the mapping, and who stands where lists disagree."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from data.errors import Refused
from data.labels import SOURCES, categories, read_label_list
from data.labels.categories import mapping_version, meaning, service_claims
from data.labels.table import LABELS
from data.service_table import CATEGORIES, SERVICES
from data.services import load_services
from data.small_tables import read_small_table
from tests.data.labels.samples import EVM, SAMPLES, TRON

A, B, C = (address.lower() for address in EVM)
UNISWAP = "0x7a250d5630b4cf539739df2c5dacb4c659f2488d"
TORNADO = "0x910cbd523d972eb0a6f4cae4618ad62622b39dbf"


def finos(folder: Path, *rows: str, name: str = "finos.csv") -> Path:
    path = folder / name
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def exchange(folder: Path, *addresses: str, category: str = "exchange") -> Path:
    tags = "".join(f"- address: '{a}'\n" for a in addresses)
    path = folder / "pack.yaml"
    path.write_text(
        f"title: t\ncurrency: ETH\nlabel: L\ncategory: {category}\nconfidence: service_data\n"
        f"lastmod: 2024-05-01\nsource: https://example.org\ntags:\n{tags}"
    )
    return path


def own(folder: Path, *rows: str) -> Path:
    path = folder / "own.csv"
    path.write_text("chain,address,category,licit,name\n" + "".join(f"{r}\n" for r in rows))
    return path


def rows_of(services, address: str) -> list[tuple[str, bool, str]]:
    found = services.table.filter(address=address, chain="ethereum")
    return found.select("category", "licit", "origin").rows()


def test_the_mapping_is_well_formed():
    table = read_small_table(categories._FILE, "the mapping")
    assert mapping_version().isdigit()
    assert set(table["source"]) == set(SOURCES)
    for row in table.iter_rows(named=True):
        meant = meaning(row["source"], row["their_category"].upper())
        assert meant is not None
        assert meant.category in (None, *CATEGORIES)
        assert (meant.category is None) == (meant.licit is None)
        abuse = ("sanctioned", "reported_abuse", "issuer_blocked")
        illicit = ("mixer", "guarantee_marketplace", *abuse)
        assert meant.licit in (None, meant.category not in illicit)


@pytest.mark.parametrize(
    "line", ["ofac,x,mixxer,no,", "ofac,x,mixer,,", "ofac,x,mixer,maybe,", "ofac,x,,,\nofac,X,,,"]
)
def test_a_faulty_mapping_is_refused(tmp_path, monkeypatch, line):
    path = tmp_path / "label_categories.csv"
    path.write_text(f"# version: 1\nsource,their_category,category,licit,note\n{line}\n")
    monkeypatch.setattr(categories, "_FILE", path)
    categories._meanings.cache_clear()
    try:
        with pytest.raises(Refused, match="label_categories.csv is wrong or stands twice"):
            meaning("ofac", "x")
    finally:
        categories._meanings.cache_clear()


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_every_sample_gives_services(sample, tmp_path):
    path = tmp_path / sample.file
    path.write_text(sample.text)
    claims, _ = service_claims(read_label_list(path).labels)
    assert claims.schema == pl.Schema(SERVICES)
    if sample.source == "reviews":  # what a reviewer found of somebody lists nobody
        assert claims.is_empty()
        return
    assert claims.height > 0
    services = load_services(path)
    mine = services.table.filter(origin="user")
    assert set(mine.select("chain", "address").rows()) == {label[:2] for label in sample.labels}
    assert services.table.height == load_services().table.height + mine.height


def test_what_a_label_becomes(tmp_path):
    [row] = service_claims(read_label_list(exchange(tmp_path, A)).labels)[0].to_dicts()
    assert row == {
        "chain": "ethereum",
        "address": A,
        "name": "L",
        "category": "exchange_hot",
        "licit": True,
        "source": "https://example.org",
        "date": "2024-05-01",
        "confidence": "service_data",
        "verified": False,
        "origin": "user",
    }


def test_words_without_a_meaning_are_counted(tmp_path):
    text = f'{{"{EVM[0]}": {{"name": "a", "labels": ["otc", "blue"]}}}}'
    path = tmp_path / "etherscan.json"
    path.write_text(text)
    services = load_services(path)
    assert services.table.equals(load_services().table)
    assert [note.partition(": ")[0] for note in services.notes] == ["etherscan.json"] * 2
    assert "1 labels name neither" in services.notes[0]
    assert "'blue'." in services.notes[1]


def test_retracted_labels_make_no_services():
    label = dict.fromkeys(LABELS) | {
        "chain": "ethereum", "address": A, "category": "sanctioned", "source": "ofac",
        "confidence": "authority_data", "status": "retracted",
    }  # fmt: skip
    claims, notes = service_claims(pl.DataFrame([label], schema=LABELS))
    assert claims.is_empty()
    assert notes == ("1 labels were retracted.",)


def test_rows_that_could_not_be_read_are_kept_and_counted(tmp_path):
    services = load_services(finos(tmp_path, f"Ethereum,{A},Fraud", f"Linea,{B},Fraud"))
    assert rows_of(services, A) == [("reported_abuse", False, "user")]
    assert services.quarantine["raw"].to_list() == [f"Linea,{B},Fraud"]
    [note] = services.notes
    assert note == (
        "finos.csv: 1 of 2 rows could not be read: 1 x the chain 'Linea' is not supported."
    )


@pytest.mark.parametrize("turned", [False, True])
def test_the_not_licit_row_stands_and_both_are_shown(tmp_path, turned):
    paths = [exchange(tmp_path, A), finos(tmp_path, f"Ethereum,{A},Sanctioned")]
    services = load_services(paths[::-1] if turned else paths)
    assert rows_of(services, A) == [("sanctioned", False, "user")]
    [note] = services.notes
    assert note == (
        f"{A} on ethereum: finos.csv (finos, sanctioned, not licit) before pack.yaml "
        "(L, exchange_hot, licit)."
    )


def test_an_address_on_two_lists_has_two_hits_and_one_said_twice_has_one(tmp_path):
    paths = [
        finos(tmp_path, f"Ethereum,{A},Sanctioned", f"Ethereum,{A},Fraud"),
        finos(tmp_path, f"Ethereum,{A},Fraud", name="again.csv"),
    ]
    services = load_services(paths)
    assert [row[0] for row in rows_of(services, A)] == ["sanctioned", "reported_abuse"]
    assert services.notes == ()


def test_a_list_does_not_make_licit_what_the_registry_lists(tmp_path):
    services = load_services(exchange(tmp_path, TORNADO))
    assert rows_of(services, TORNADO) == [("mixer", False, "registry")]
    assert "the registry" in services.notes[0]
    # A second list hit stands beside the registry's.
    services = load_services(finos(tmp_path, f"Ethereum,{TORNADO},Sanctioned"))
    assert {row[0] for row in rows_of(services, TORNADO)} == {"mixer", "sanctioned"}
    assert services.notes == ()


def test_a_list_that_accuses_a_service_of_the_registry_is_heard_and_reported(tmp_path):
    services = load_services(finos(tmp_path, f"Ethereum,{UNISWAP},Fraud"))
    assert rows_of(services, UNISWAP) == [("reported_abuse", False, "user")]
    assert "before the registry (Uniswap V2 Router 2, dex_router, licit)" in services.notes[0]


def test_among_licit_rows_the_registry_stands_before_a_list(tmp_path):
    services = load_services(exchange(tmp_path, UNISWAP))
    assert rows_of(services, UNISWAP) == [("dex_router", True, "registry")]
    assert "the registry (Uniswap V2 Router 2, dex_router, licit) before pack" in services.notes[0]
    services = load_services(exchange(tmp_path, UNISWAP, category="defi_dex"))
    assert services.notes == ()  # they agree


def test_the_users_own_table_replaces_the_registry_but_not_a_list(tmp_path):
    table = own(tmp_path, f"ethereum,{TORNADO},bridge,yes,Mine", f"ethereum,{A},bridge,yes,Mine")
    alone = load_services(table)
    assert rows_of(alone, TORNADO) == [("bridge", True, "user")]
    assert "your row (Mine, bridge, licit) replaces the registry's" in alone.notes[0]
    services = load_services([table, finos(tmp_path, f"Ethereum,{A},Fraud")])
    assert rows_of(services, A) == [("reported_abuse", False, "user")]
    assert "finos.csv" in services.notes[-1]
    assert "own.csv (Mine, bridge, licit)" in "".join(services.notes)
    # Both licit: the user's own word stands.
    services = load_services([exchange(tmp_path, A), table])
    assert rows_of(services, A) == [("bridge", True, "user")]


def test_no_address_is_both_licit_and_listed(tmp_path):
    rows = [f"Ethereum,{a},Fraud" for a in (A, UNISWAP)]
    services = load_services([exchange(tmp_path, A, B, TORNADO), finos(tmp_path, *rows)])
    licit = set(services.licit.select("chain", "address").rows())
    assert not licit & set(services.listed.select("chain", "address").rows())
    assert ("ethereum", B) in licit


def test_no_files_and_one_file_by_its_name(tmp_path):
    assert load_services([]).table.equals(load_services().table)
    path = own(tmp_path, f"tron,{TRON},otc_desk,no,Desk")
    assert load_services(str(path)).table.equals(load_services([path]).table)


def test_real_lists_make_services(real_data):
    paths = [
        *sorted((real_data / "labels" / "ofac").glob("*.txt")),
        *sorted((real_data / "labels" / "graphsense").glob("*.yaml")),
        *sorted((real_data / "labels" / "finos").glob("*.csv")),
    ]
    services = load_services(paths)
    table = services.table
    assert {"sanctioned", "mixer", "exchange_hot", "reported_abuse"} <= set(table["category"])
    licit = services.licit.select("chain", "address")
    assert not licit.is_duplicated().any()
    assert licit.join(services.listed, on=["chain", "address"], how="semi").is_empty()
    assert any(" before " in note for note in services.notes)
    assert services.quarantine.height > 50
