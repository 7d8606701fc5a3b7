"""Links to explorers: only from ids that have the form of their chain, only to named hosts."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.addresses import CHAINS, chain_family
from data.errors import Refused
from data.explorers import NO_EXPLORERS, Explorers, load_explorers
from tests.pipelines.hostile import FORMULAS, XSS

ADDRESSES = {
    "evm": "0xdac17f958d2ee523a2206206994597c13d831ec7",
    "tron": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    "bitcoin": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
}
TRANSACTIONS = {"evm": "0x" + "0a" * 32, "tron": "0a" * 32, "bitcoin": "0a" * 32}
LINKED = [chain for chain in CHAINS if chain != "generic"]
HEADER = "chain,transaction,address\n"


@pytest.mark.parametrize("chain", LINKED)
def test_every_chain_with_a_form_has_an_explorer(chain):
    explorers, family = load_explorers(), chain_family(chain)
    for link, text in (
        (explorers.transaction(chain, TRANSACTIONS[family]), TRANSACTIONS[family]),
        (explorers.address(chain, ADDRESSES[family]), ADDRESSES[family]),
    ):
        assert link is not None
        at = urlsplit(link.href)
        assert at.scheme == "https"
        assert at.netloc == link.host
        assert link.href.count(text) == 1


def test_what_is_not_of_the_chain_gets_no_link():
    explorers = load_explorers()
    for text in (*XSS, *FORMULAS, "", "0x12", "0x" + "g" * 64, "0x" + "0" * 63, "０x" + "0" * 64):
        for chain in CHAINS:
            assert explorers.transaction(chain, text) is None
            assert explorers.address(chain, text) is None
    assert explorers.transaction("ethereum", TRANSACTIONS["evm"] + "\n") is None
    assert explorers.transaction("tron", TRANSACTIONS["evm"]) is None
    assert explorers.address("tron", ADDRESSES["evm"]) is None
    assert explorers.address("tron", ADDRESSES["tron"][:-1] + "u") is None  # the checksum is wrong
    assert explorers.transaction("generic", TRANSACTIONS["evm"]) is None
    assert explorers.transaction("dogecoin", TRANSACTIONS["tron"]) is None
    assert NO_EXPLORERS.transaction("ethereum", TRANSACTIONS["evm"]) is None


@given(st.sampled_from(CHAINS), st.text())
def test_no_text_escapes_from_a_link(chain, text):
    explorers = load_explorers()
    for link in (explorers.transaction(chain, text), explorers.address(chain, text)):
        if link is not None:
            assert re.fullmatch(r"https://[a-z.]+/[#/a-zA-Z0-9]+", link.href)
            assert unquote(link.href) == link.href


def test_an_address_in_another_spelling_leads_to_the_same_place():
    explorers, lower = load_explorers(), ADDRESSES["evm"]
    mixed = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
    assert explorers.address("bsc", mixed) == explorers.address("bsc", lower)


def test_a_table_of_ones_own_replaces_rows_of_the_registry(tmp_path: Path):
    own = tmp_path / "own.csv"
    row = "tron,https://look.example:8443/t?id={id},https://look.example:8443/a/{id}/all\n"
    own.write_text(HEADER + row)
    explorers = load_explorers(own)
    link = explorers.transaction("tron", TRANSACTIONS["tron"])
    assert link is not None
    assert link.host == "look.example:8443"
    assert link.href == f"https://look.example:8443/t?id={TRANSACTIONS['tron']}"
    assert explorers.transaction("ethereum", TRANSACTIONS["evm"]) == load_explorers().transaction(
        "ethereum", TRANSACTIONS["evm"]
    )


GOOD = "https://look.example/{id}"


@pytest.mark.parametrize(
    "row, told",
    [
        (f"ethereum,http://look.example/{{id}},{GOOD}", "not https://"),
        (f"ethereum,{GOOD},javascript:alert({{id}})", "not https://"),
        (f"ethereum,https://look.example/,{GOOD}", "not https://"),
        (f"ethereum,{GOOD}{{id}},{GOOD}", "not https://"),
        (f"ethereum,https://{{id}}/x,{GOOD}", "not https://"),
        (f"ethereum,https://name:word@look.example/{{id}},{GOOD}", "not https://"),
        (f"ethereum,https://look.example/\\{{id}},{GOOD}", "not https://"),
        (f"ethereum,https://look.example/<b>{{id}},{GOOD}", "not https://"),
        (f"ethereum,https://lооk.example/{{id}},{GOOD}", "not https://"),  # Cyrillic letters
        (f"ethereum,,{GOOD}", "not https://"),
        (f"generic,{GOOD},{GOOD}", "'generic' is none of"),
        (f"etherium,{GOOD},{GOOD}", "'etherium' is none of"),
        (f"tron,{GOOD},{GOOD}\ntron,{GOOD},{GOOD}", "line 3: tron stands twice"),
    ],
)
def test_a_table_that_could_lead_astray_is_refused(row: str, told: str, tmp_path: Path):
    own = tmp_path / "own.csv"
    own.write_text(HEADER + row + "\n", encoding="utf-8")
    with pytest.raises(Refused, match=re.escape(told)):
        load_explorers(own)


def test_without_explorers_there_are_none():
    assert Explorers() == NO_EXPLORERS
