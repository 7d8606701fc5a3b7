"""What is peculiar to one label list, and what its files can do to a careless reader."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.errors import Refused
from data.labels import read_label_list
from data.labels.chains import chain_meant
from data.labels.table import LabelList, Row, label_list
from tests.data.labels.samples import BITCOIN, EVM, SAMPLES, TAGPACK, TRON

HEADER = "title: t\ncreator: c\ncurrency: ETH\nabuse: phishing\n"


def read(folder: Path, file: str, text: str) -> LabelList:
    path = folder / file
    path.write_text(text)
    return read_label_list(path)


def tagpack(folder: Path, text: str) -> LabelList:
    return read(folder, "pack.yaml", text)


def fault(listed: LabelList) -> str:
    """Return the reason why the only row was set aside."""
    [reason] = listed.quarantine["reason"].to_list()
    assert listed.labels.is_empty()
    return reason


def test_a_tag_inherits_the_header_and_keeps_its_provenance(tmp_path):
    first, second, third, fourth = tagpack(tmp_path, TAGPACK).labels.iter_rows(named=True)
    assert first["source"] == "graphsense: Reserves of Example, Example team"
    assert first["source_url"] == "https://example.org/reserves"
    assert first["observed_at"] == datetime(2024, 5, 1, tzinfo=UTC)
    assert (second["chain"], third["confidence"]) == ("tron", "authority_data")
    # Its own moment; a network before a currency.
    assert fourth["observed_at"] == datetime(2023, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)
    assert fourth["chain"] == "bsc"


@pytest.mark.parametrize(
    "tag, reason",
    [
        ("- 17", "not a mapping"),
        (f"- {{address: {EVM[0]}, address: {EVM[1]}}}", "'address' twice"),
        ("- {label: x}", "no address"),
        (f"- {{address: [{EVM[0]}]}}", "address is not a plain text"),
        (f"- {{address: {EVM[0]}, concepts: {{a: b}}}}", "concepts is neither"),
        (f"- {{address: {EVM[0]}, confidence: certain}}", "'certain' is none of ledger_immanent"),
        (f"- {{address: {EVM[0]}, lastmod: yesterday}}", "neither an ISO 8601 moment"),
        (f"- {{address: {EVM[0]}, currency: XMR}}", "the chain 'XMR' is not supported"),
        (f"- {{address: {TRON}}}", "an EVM address is"),
        (f"- {{address: {'1' * 5000}}}", "its address has 5,000 characters"),
        (f"- {{address: !!python/object/apply:os.system [{EVM[0]}]}}", "not a plain text"),
    ],
)
def test_a_tag_that_cannot_be_used_is_set_aside(tmp_path, tag, reason):
    listed = tagpack(tmp_path, f"{HEADER}tags:\n{tag}\n")
    assert reason in fault(listed)
    assert listed.quarantine["raw"][0].strip("{}- ") == tag.strip("{}- ")[: 1 << 20]


def test_a_tag_without_category_and_one_without_chain_are_set_aside(tmp_path):
    text = f"title: t\ntags:\n- {{address: '{EVM[0]}', currency: ETH, label: Someone}}\n"
    assert "no category" in fault(tagpack(tmp_path, text))
    text = f"title: t\ntags:\n- {{address: '{EVM[0]}', abuse: scam}}\n"
    assert "names no chain" in fault(tagpack(tmp_path, text))


def test_an_address_is_never_taken_for_a_number(tmp_path):
    # YAML 1.1 reads this as the integer 0x1…, without zeros and without a checksum.
    address = "0x0000000000000000000000000000000000010000"
    listed = tagpack(tmp_path, f"{HEADER}tags:\n- address: {address}\n")
    assert listed.labels["address"].to_list() == [address]


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text, message",
    [
        (f"{HEADER}{bomb(20)}tags: [*a19]\n", "Line 6 of .* is an alias"),
        (f"{HEADER}tags:\n- &a {{address: {EVM[0]}}}\n- *a\n", "is an alias"),
        (f"{HEADER}tags: {'[' * 100_000}", "nested more than 8 deep"),
        (f"{HEADER}tags: {'- ' * 20}x", "broken YAML"),
        (f"{HEADER}tags:\n- {{address: {EVM[0]}\n", "broken YAML"),
        (f"{HEADER}tags:\n- address: {EVM[0]}\n---\ntags: []\n", "several YAML documents"),
        (f"{HEADER}tags: none\n", "no list of tags"),
        (f"{HEADER}title: u\ntags: []\n", "'title' twice"),
        (f"{HEADER}? [a, b]\n: c\ntags: []\n", "is no text"),
        (f"{HEADER}tags:\n- address: \x07\n", "broken YAML"),
    ],
)
def test_a_tagpack_that_is_refused(tmp_path, text, message):
    started = time.monotonic()
    with pytest.raises(Refused, match=message):
        tagpack(tmp_path, text)
    assert time.monotonic() - started < 20


def test_many_tags_on_one_line_do_not_multiply_their_text(tmp_path):
    tags = ", ".join(f"{{address: x{i}}}" for i in range(3_000))
    listed = tagpack(tmp_path, f"{HEADER}tags: [{tags}]\n")
    assert (listed.quarantine["raw"].str.len_bytes() < 100).all()
    assert (listed.rows, listed.quarantine.height) == (3_000, 3_000)


def test_without_the_compiled_parser_it_is_slower_and_the_same(tmp_path, monkeypatch):
    import yaml

    fast = tagpack(tmp_path, TAGPACK)
    monkeypatch.delattr(yaml, "CBaseLoader", raising=False)
    slow = tagpack(tmp_path, TAGPACK)
    assert slow.labels.equals(fast.labels)
    listed = tagpack(tmp_path, f"{HEADER}tags:\n- address: x  # y\n  label: a\n- {{address: z}}\n")
    assert listed.quarantine["raw"].str.strip_chars("{}").to_list() == [
        "address: x  # y\n  label: a",
        "address: z",
    ]


def test_an_empty_tagpack_is_an_empty_list(tmp_path):
    listed = tagpack(tmp_path, f"{HEADER}tags: []\n")
    assert (listed.rows, listed.labels.height) == (0, 0)


def test_fortas_folder_says_the_chain(tmp_path):
    for folder, chain in (("1", "ethereum"), ("10", "optimism"), ("mine", "ethereum")):
        (tmp_path / folder).mkdir()
        listed = read(tmp_path / folder, SAMPLES[1].file, SAMPLES[1].text)
        assert set(listed.labels["chain"]) == {chain}


def test_a_contract_with_a_faulty_deployer_is_set_aside_whole(tmp_path):
    sample = next(s for s in SAMPLES if s.file.startswith("malicious"))
    listed = read(tmp_path, sample.file, sample.text.replace(EVM[1], EVM[1][:-1]))
    assert listed.labels["address"].to_list() == [EVM[2].lower()]
    assert (listed.rows, listed.quarantine["row"].to_list()) == (2, [1])


def test_damaged_lines_of_a_csv_are_set_aside(tmp_path):
    text = f"Ethereum,{EVM[0]},Fraud\nEthereum,{EVM[1]}\nEthereum,{EVM[2]},Fraud,x\n,,\n"
    listed = read(tmp_path, "address_fraud.csv", text)
    assert (listed.rows, listed.labels.height) == (4, 1)
    assert listed.quarantine["row"].to_list() == [2, 3, 4]


@pytest.mark.parametrize(
    "coin, address, chain",
    [
        ("XBT", BITCOIN, "bitcoin"),
        ("TRX", TRON, "tron"),
        ("ARB", EVM[0], "arbitrum"),
        ("USDC", EVM[0], "ethereum"),
        ("USDT", BITCOIN, "bitcoin"),
    ],
)
def test_the_coin_of_an_ofac_list_is_its_chain(tmp_path, coin, address, chain):
    listed = read(tmp_path, f"sanctioned_addresses_{coin}.txt", f"{address}\n")
    assert listed.labels["chain"].to_list() == [chain]


def test_an_ofac_list_under_another_name_is_not_taken_for_one(tmp_path):
    with pytest.raises(Refused, match="no label list"):
        read(tmp_path, "addresses.txt", f"{EVM[0]}\n")
    path = tmp_path / "addresses.txt"
    with pytest.raises(Refused, match="Keep the name"):
        read_label_list(path, "ofac")


@pytest.mark.parametrize("file", ["labels.json", "etherscan_and_bscscan.json"])
def test_an_explorers_file_must_name_the_explorer(tmp_path, file):
    with pytest.raises(Refused, match="Rename it"):
        read(tmp_path, file, next(s for s in SAMPLES if s.file.endswith("json")).text)


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"0x1": {"name": "a", "labels": ["b"]}', "damaged JSON"),
        ('{"0x1": {"name": "a", "labels": ' + "[" * 100_000, "damaged JSON"),
        ('{"0x1": {"name": "a", "labels": ' + "9" * 5_000 + "}}", "damaged JSON"),
    ],
)
def test_damaged_json_is_refused(tmp_path, text, message):
    with pytest.raises(Refused, match=message):
        read(tmp_path, "etherscan.json", text)


def test_json_of_another_form_is_refused(tmp_path):
    path = tmp_path / "etherscan.json"
    path.write_text('["0x1"]')
    with pytest.raises(Refused, match="another form"):
        read_label_list(path, "etherscan_labels")


@pytest.mark.parametrize(
    "told, reason",
    [
        ('{"name": "a", "labels": []}', "no category"),
        ('{"name": "a"}', "not a list of texts"),
        ('{"name": "a", "labels": [1]}', "not a list of texts"),
        ('{"name": 1, "labels": ["b"]}', "name is not a text"),
        ('{"name": "a", "name": "b", "labels": ["b"]}', "a key stands twice"),
        ('{"name": "\\ud800", "labels": ["b"]}', "not UTF-8"),
        ("[1]", "no JSON object"),
        ("7", "no JSON object"),
    ],
)
def test_an_entry_that_cannot_be_used_is_set_aside(tmp_path, told, reason):
    text = f'{{"{EVM[0]}": {{"name": "a", "labels": ["b"]}}, "{EVM[1]}": {told}}}'
    listed = read(tmp_path, "etherscan.json", text)
    assert listed.labels.height == 1
    assert listed.quarantine["row"].to_list() == [2]
    assert reason in listed.quarantine["reason"][0]


def test_an_address_that_stands_twice_has_both_its_rows(tmp_path):
    entries = [f'"{EVM[0]}": {{"name": "{name}", "labels": ["b"]}}' for name in ("a", "c")]
    listed = read(tmp_path, "etherscan.json", f"{{{', '.join(entries)}}}")
    assert listed.labels["name"].to_list() == ["a", "c"]


def test_a_row_that_says_nothing_is_set_aside(tmp_path):
    assert "says nothing" in fault(label_list(tmp_path / "x", "ofac", [Row(1, "?")]))


def test_every_chain_is_named_by_itself():
    assert chain_meant("Polygon", EVM[0]) == "polygon"
    with pytest.raises(ValueError, match="'generic' is not supported"):
        chain_meant("generic", "x")
