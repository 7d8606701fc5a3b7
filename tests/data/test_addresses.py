"""Addresses against the specifications' vectors, an independent base58check, and mutations."""

from __future__ import annotations

import hashlib
import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.addresses import (
    CHAINS,
    EVM_CHAINS,
    canonical_address,
    canonical_addresses,
    chain_family,
    checksum_address,
    guess_chains,
)
from tests.generated import cases

EIP_55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]
SEGWIT_VALID = [  # BIP-173 and BIP-350, mainnet
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
    "BC1SW50QGDZ25J",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
]
SEGWIT_INVALID = [
    "tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty",  # another ledger
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",  # checksum
    "bc1rw5uspcuh",  # program length
    "bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90",
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",  # program length for version 0
    "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du",  # padding
    "bc1gmk9yu",  # no data
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",  # bech32 for bech32m
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",  # bech32m for bech32
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",  # character
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",  # version
    "bc1pw5dgrnzv",
    "bc1Qw508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",  # mixed case
]
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58check(payload: bytes) -> str:
    """Encode by repeated long division of the digits, independent of the code under test."""
    check = hashlib.new("sha256", hashlib.new("sha256", payload).digest()).digest()[:4]
    digits = [0]
    for byte in payload + check:
        carry = byte
        for i, digit in enumerate(digits):
            carry, digits[i] = divmod(digit * 256 + carry, 58)
        while carry:
            carry, digit = divmod(carry, 58)
            digits.append(digit)
    zeros = sum(1 for _ in itertools.takewhile(lambda b: b == 0, payload))
    body = "".join(BASE58[d] for d in reversed(digits)).lstrip("1")
    return "1" * zeros + body


@pytest.mark.parametrize("text", EIP_55)
def test_eip_55_vectors(text):
    assert checksum_address(text.lower()) == text
    for chain in EVM_CHAINS:
        assert canonical_address(chain, text) == text.lower()


@pytest.mark.parametrize("text", EIP_55[4:])
def test_a_changed_capital_is_refused(text):
    for i, character in enumerate(text[2:], start=2):
        changed = text[:i] + character.swapcase() + text[i + 1 :]
        if changed != text and changed[2:].lower() != changed[2:] != changed[2:].upper():
            with pytest.raises(ValueError, match="EIP-55"):
                canonical_address("ethereum", changed)


def test_all_capitals_need_no_checksum():
    text = EIP_55[4]
    assert canonical_address("bsc", "0x" + text[2:].upper()) == text.lower()
    assert canonical_address("bsc", "0X" + text[2:].upper()) == text.lower()


@pytest.mark.parametrize("text", ["", "0x", "0x" + "g" * 40, "0x" + "1" * 39, "1" * 40, "0x1\n2"])
def test_no_evm_address(text):
    with pytest.raises(ValueError, match="40 hex digits"):
        canonical_address("ethereum", text)


@pytest.mark.parametrize("text", SEGWIT_VALID)
def test_segwit_vectors(text):
    assert canonical_address("bitcoin", text) == text.lower()
    assert canonical_address("bitcoin", text.upper()) == text.lower()


@pytest.mark.parametrize("text", SEGWIT_INVALID)
def test_segwit_invalid_vectors(text):
    with pytest.raises(ValueError, match="bech32|begins with"):
        canonical_address("bitcoin", text)


@given(st.binary(min_size=20, max_size=20), st.sampled_from([0x00, 0x05, 0x41, 0x6F, 0x80]))
@settings(max_examples=cases(200), deadline=None)
def test_base58check_against_an_independent_encoder(key, version):
    text = base58check(bytes([version]) + key)
    for chain, versions in {"tron": [0x41], "bitcoin": [0x00, 0x05]}.items():
        if version in versions:
            assert canonical_address(chain, text) == text
        else:
            with pytest.raises(ValueError, match="base58|begins with"):
                canonical_address(chain, text)


@given(st.binary(min_size=20, max_size=20))
@settings(max_examples=cases(100), deadline=None)
def test_tron_hex_means_the_same_account(key):
    text = base58check(b"\x41" + key)
    for spelling in ("41" + key.hex(), "0x41" + key.hex(), "41" + key.hex().upper()):
        assert canonical_address("tron", spelling) == text


@given(st.data())
@settings(max_examples=cases(300), deadline=None)
def test_one_mistyped_character_is_refused(data):
    chain, text, alphabet = data.draw(
        st.sampled_from(
            [
                ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", BASE58),
                ("bitcoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", BASE58),
                ("bitcoin", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", BASE58),
                ("bitcoin", SEGWIT_VALID[4], "qpzry9x8gf2tvdw0s3jn54khce6mua7l"),
            ]
        )
    )
    at = data.draw(st.integers(1, len(text) - 1))
    character = data.draw(st.sampled_from(alphabet).filter(lambda c: c != text[at]))
    with pytest.raises(ValueError, match="checksum|too long|base58check, but not|begins with"):
        canonical_address(chain, text[:at] + character + text[at + 1 :])


def test_generic_ids_stay_as_they_are():
    assert canonical_address("generic", "Ünïcode id / 7") == "Ünïcode id / 7"
    for bad in ("", " ", "a\x00b", "a\nb", "a\u202eb", "x" * 129):
        with pytest.raises(ValueError, match="id"):
            canonical_address("generic", bad)


@pytest.mark.parametrize("chain", CHAINS)
def test_the_series_agrees_with_one_by_one(chain):
    texts = [
        *EIP_55,
        *(t.swapcase() for t in EIP_55),
        *SEGWIT_VALID,
        *SEGWIT_INVALID,
        "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "41a614f803b6fd780986a42c78ec9c7f77e6ded13c",
        " 0x52908400098527886e0f7030069857d2e4169ee7\n",
        "",
        "junk",
        None,
    ]

    def one(text: str | None) -> str | None:
        try:
            return None if text is None else canonical_address(chain, text)
        except ValueError:
            return None

    got = canonical_addresses(chain, pl.Series("a", texts * 3))
    assert got.name == "a"
    assert got.to_list() == [one(t) for t in texts] * 3


def test_empty_and_null_series():
    for chain in CHAINS:
        assert canonical_addresses(chain, pl.Series([], dtype=pl.String)).len() == 0
        assert canonical_addresses(chain, pl.Series([None, None])).to_list() == [None, None]


def test_guesses_and_families():
    assert guess_chains(EIP_55[0]) == EVM_CHAINS
    assert guess_chains("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2") == ("bitcoin",)
    assert guess_chains("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4") == ("bitcoin",)
    assert guess_chains("41" + "0" * 40) == ("tron",)
    assert guess_chains("hello") == ()
    assert [chain_family(c) for c in CHAINS] == ["evm"] * 7 + ["tron", "bitcoin", "generic"]
    with pytest.raises(ValueError, match="Did you mean 'ethereum'"):
        chain_family("etherium")
