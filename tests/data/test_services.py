"""The services registry, and a user's own file over it."""

from __future__ import annotations

import pytest

from data.addresses import EVM_CHAINS, canonical_address
from data.errors import Refused
from data.service_table import SERVICES
from data.services import load_services

NOT_LICIT = ("mixer", "sanctioned", "guarantee_marketplace")
UNISWAP = "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D"


def test_the_registry_is_well_formed():
    table = load_services().table
    assert dict(table.schema) == SERVICES
    for row in table.iter_rows(named=True):
        assert canonical_address(row["chain"], row["address"]) == row["address"]
        assert row["name"]
        assert row["source"]
        assert len(row["date"]) == 10
        assert row["licit"] == (row["category"] not in NOT_LICIT)
    assert set(table["origin"]) == {"registry"}
    assert not table.select("chain", "address").is_duplicated().any()
    assert table.select("chain", "address").equals(
        table.select("chain", "address").sort("chain", "address")
    )


def test_what_everyone_must_recognise():
    services = load_services()
    licit = set(services.licit.select("chain", "address").rows())
    listed = set(services.listed.select("chain", "address").rows())
    for chain in EVM_CHAINS:
        assert (chain, "0x" + "0" * 40) in licit
    assert ("ethereum", UNISWAP.lower()) in licit
    assert ("tron", "TV6MuMXfmLbBqPZvBHdwFsDnQeVfnmiuSi") in licit
    assert ("ethereum", "0x910cbd523d972eb0a6f4cae4618ad62622b39dbf") in listed
    assert not licit & listed
    assert services.licit.height + services.listed.height == services.table.height


def write(tmp_path, text):
    path = tmp_path / "services.csv"
    path.write_text(text)
    return path


def test_user_rows_are_added_and_override_with_a_note(tmp_path):
    path = write(
        tmp_path,
        "chain,address,category,licit,name\n"
        f"ethereum,{UNISWAP},mixer,false,Mine\n"
        "tron,TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t,otc_desk,true,Ours\n"
        "tron,TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t,otc_desk,true,Ours\n",
    )
    base, got = load_services(), load_services(path)
    assert got.table.height == base.table.height + 1
    assert len(got.notes) == 1
    assert "Uniswap V2 Router 2" in got.notes[0]
    assert "Mine, mixer, not licit" in got.notes[0]
    row = got.table.filter(address=UNISWAP.lower(), chain="ethereum").row(0, named=True)
    assert (row["category"], row["licit"], row["origin"]) == ("mixer", False, "user")
    assert row["confidence"] == "unknown"
    assert load_services().table.equals(base.table)  # the registry itself is untouched


@pytest.mark.parametrize(
    "text, message",
    [
        ("chain,address,category\ntron,x,mixer\n", "no column 'licit'"),
        ("chain,address,category,licit,licence\ntron,x,mixer,no,\n", "unknown column 'licence'"),
        ("chain,address,category,licit\ntron,x,mixer,no\n", "Line 2"),
        (f"chain,address,category,licit\nethereum,{UNISWAP},mixxer,no\n", "mixxer"),
        (f"chain,address,category,licit\nethereum,{UNISWAP},mixer,maybe\n", "maybe"),
        (
            f"chain,address,category,licit\nethereum,{UNISWAP},mixer,no\n"
            f"ethereum,{UNISWAP.lower()},bridge,yes\n",
            "mixer, not licit on line 2, unnamed, bridge, licit on line 3",
        ),
    ],
)
def test_files_that_are_refused(tmp_path, text, message):
    with pytest.raises(Refused, match=message):
        load_services(write(tmp_path, text))
