"""One canonical form per chain, so that an address is the same text wherever it stands.

An address comes in several spellings: EVM hex in any case, a Tron account as base58check or as
`41…` hex, a bech32 address in capitals. Joining exports on text would split one wallet into
several histories, and a mistyped address would silently name a stranger. So every address is
brought into one form on the way in, and one whose checksum fails is refused.

| family | canonical form | accepted besides |
|---|---|---|
| evm | `0x` and 40 lower-case hex digits | all capitals; mixed case with a right EIP-55 checksum |
| tron | base58check, `T…`, 34 characters | `41…` hex (42 digits, with or without `0x`) |
| bitcoin | base58check (`1…`, `3…`), lower-case bech32 and bech32m (`bc1…`) | bech32 in capitals |
| generic | the text itself, 1 to 128 characters | |

White space around an address is dropped in every family.

>>> canonical_address("ethereum", "0xdAC17F958D2ee523a2206206994597C13D831ec7")
'0xdac17f958d2ee523a2206206994597c13d831ec7'
>>> canonical_address("tron", "41a614f803b6fd780986a42c78ec9c7f77e6ded13c")
'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'
>>> canonical_address("ethereum", "0xdAC17F958D2ee523a2206206994597C13D831eC7")
Traceback (most recent call last):
    ...
ValueError: the EIP-55 checksum (the capitals) of '0xdAC17F958D2ee523a2206206994597C13D831eC7' is \
wrong: a character was probably mistyped

References
----------
EIP-55 (mixed-case checksum); BIP-173 and BIP-350 (bech32, bech32m). A Tron address is the
base58check of the byte 0x41 and 20 bytes of key hash.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from hashlib import sha256

import polars as pl

from data.errors import did_you_mean

EVM_CHAINS = ("ethereum", "bsc", "polygon", "arbitrum", "base", "optimism", "avalanche")
CHAINS = (*EVM_CHAINS, "tron", "bitcoin", "generic")
"""Every chain whose addresses can be read; `generic`: any ledger whose addresses are opaque ids."""

OTHER_CHAINS = (
    "algorand", "aptos", "bitcoin_cash", "cardano", "cosmos", "dogecoin", "hedera", "litecoin",
    "monero", "near", "polkadot", "ripple", "solana", "stellar", "sui", "tezos", "ton", "zcash",
)  # fmt: skip
"""Chains that are known by name only. Who asks about them gets a row that says so."""

_SPACE = " \t\r\n"
_EVM_FORM = r"^0[xX][0-9a-fA-F]{40}$"
_EVM_CANONICAL = r"^0x[0-9a-f]{40}$"
_TRON_HEX_FORM = r"^(0[xX])?41[0-9a-fA-F]{40}$"
_TRON_FORM = r"^T[1-9A-HJ-NP-Za-km-z]{33}$"
_BITCOIN_FORM = r"^([13][1-9A-HJ-NP-Za-km-z]{24,34}|bc1[0-9a-z]{5,87}|BC1[0-9A-Z]{5,87})$"
_LONGEST_GENERIC = 128
_UNPRINTABLE = ("Cc", "Cf", "Zl", "Zp")  # control, invisible format, line and paragraph separators

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUE = {character: value for value, character in enumerate(_BASE58)}
_TRON_VERSION = 0x41
_HIGHEST_RESERVED = 0xFFFF
_BITCOIN_ZERO = "1111111111111111111114oLvT2"
_BITCOIN_VERSIONS = {"1": 0x00, "3": 0x05}  # pay to public key hash, pay to script hash


def chain_family(chain: str) -> str:
    """Return which address form a chain uses: `evm`, `tron`, `bitcoin` or `generic`.

    Raises
    ------
    ValueError
        The chain is not one of `CHAINS`; the message lists them and the nearest name.

    Examples
    --------
    >>> chain_family("polygon")
    'evm'
    """
    if chain in EVM_CHAINS:
        return "evm"
    if chain in CHAINS:
        return chain
    message = f"the chain must be one of {', '.join(CHAINS)}; got {chain!r}."
    raise ValueError(" ".join(filter(None, (message, did_you_mean(str(chain), CHAINS)))))


def canonical_address(chain: str, text: str) -> str:
    """Return the canonical form of one address.

    Parameters
    ----------
    chain
        One of `CHAINS`.
    text
        The address in any accepted spelling.

    Raises
    ------
    ValueError
        Unknown chain, or not an address of this chain; the message says what is wrong with it.

    Examples
    --------
    >>> canonical_address("bitcoin", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4")
    'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'
    >>> canonical_address("generic", " account 17 ")
    'account 17'
    """
    canonical = _ONE_ADDRESS[chain_family(chain)]
    return canonical(text.strip(_SPACE))


def canonical_addresses(chain: str, s: pl.Series) -> pl.Series:
    """Return the canonical form of many addresses of one chain.

    Parameters
    ----------
    chain
        One of `CHAINS`.
    s
        Text in any accepted spelling.

    Returns
    -------
    pl.Series
        As long as `s`, with its name. Null where `s` is null or holds no address of this chain;
        `canonical_address` gives the reason.

    Examples
    --------
    >>> canonical_addresses("base", pl.Series(["0x" + "AB" * 20, "0x12", None])).to_list()
    ['0xabababababababababababababababababababab', None, None]
    """
    family = chain_family(chain)
    s = s.cast(pl.String)
    if family == "evm":
        return _evm_addresses(s)
    return _by_distinct_text(s, _ONE_ADDRESS[family])


def checksum_address(address: str) -> str:
    """Return an EVM address with its EIP-55 capitals, for display.

    Examples
    --------
    >>> checksum_address("0xdac17f958d2ee523a2206206994597c13d831ec7")
    '0xdAC17F958D2ee523a2206206994597C13D831ec7'
    """
    if not re.fullmatch(_EVM_FORM, address):
        raise ValueError(f"an EVM address is 0x and 40 hex digits; got {address!r}")
    # Imported here: keccak is needed for mixed-case input and display only.
    from eth_hash.auto import keccak

    digits = address[2:].lower()
    digest = keccak(digits.encode("ascii")).hex()
    return "0x" + "".join(
        d.upper() if n >= "8" else d for d, n in zip(digits, digest, strict=False)
    )


def guess_chains(text: str) -> tuple[str, ...]:
    """Return the chains whose address form a text has; empty when it has none.

    Only the form is looked at, not the checksum, so that a mistyped address is still reported as
    an address of its chain.

    Examples
    --------
    >>> guess_chains("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
    ('tron',)
    >>> guess_chains("0x" + "0" * 40) == EVM_CHAINS
    True
    >>> guess_chains("not an address")
    ()
    """
    text = text.strip(_SPACE)
    forms = (
        (_EVM_FORM, EVM_CHAINS),
        (_TRON_FORM, ("tron",)),
        (_TRON_HEX_FORM, ("tron",)),
        (_BITCOIN_FORM, ("bitcoin",)),
    )
    for form, chains in forms:
        if re.fullmatch(form, text):
            return chains
    return ()


def is_reserved_address(chain: str, address: str) -> bool:
    """Say whether a canonical address is nobody's: zero, a precompile or a system contract.

    EIP-1352 keeps the numbers up to 0xffff for them; Tron's addresses carry the same numbers.
    Bitcoin has only the hash of zeros, which nobody can spend from.

    Examples
    --------
    >>> is_reserved_address("bsc", "0x" + "0" * 36 + "dead")
    True
    >>> is_reserved_address("tron", "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb")
    True
    >>> is_reserved_address("ethereum", "0xdac17f958d2ee523a2206206994597c13d831ec7")
    False
    """
    family = chain_family(chain)
    if family == "evm":
        return int(address, 16) <= _HIGHEST_RESERVED
    if family == "tron":
        return int.from_bytes(_base58check_payload(address)[1:], "big") <= _HIGHEST_RESERVED
    return family == "bitcoin" and address == _BITCOIN_ZERO


def _evm_addresses(s: pl.Series) -> pl.Series:
    """Bring EVM addresses into lower case; only distinct mixed-case ones are hashed."""
    if s.str.contains(_EVM_CANONICAL).all():  # nulls are ignored and stay null
        return s
    text = s.str.strip_chars(_SPACE)
    formed = text.str.contains(_EVM_FORM)
    lower = text.str.to_lowercase()
    mixed = formed & text.str.contains("[a-f]") & text.str.contains("[A-F]")
    valid = formed
    if mixed.any():
        spellings = text.filter(mixed).unique()
        wrong = [t for t in spellings.to_list() if checksum_address(t)[2:] != t[2:]]
        valid = formed & ~text.is_in(pl.Series(wrong, dtype=pl.String).implode())
    return pl.select(pl.when(valid).then(lower)).to_series().alias(s.name)


def _by_distinct_text(s: pl.Series, canonical: Callable[[str], str]) -> pl.Series:
    """Apply a one-address function once per distinct text."""

    def or_none(text: str) -> str | None:
        try:
            return canonical(text.strip(_SPACE))
        except ValueError:
            return None

    distinct = s.drop_nulls().unique()
    forms = pl.Series([or_none(t) for t in distinct.to_list()], dtype=pl.String)
    if forms.equals(distinct):
        return s
    return s.replace_strict(distinct, forms, default=None, return_dtype=pl.String)


def _evm(text: str) -> str:
    if not re.fullmatch(_EVM_FORM, text):
        raise ValueError(f"an EVM address is 0x and 40 hex digits; got {text!r}")
    digits = text[2:]
    mixed = digits != digits.lower() and digits != digits.upper()
    if mixed and checksum_address(text)[2:] != digits:
        raise ValueError(
            f"the EIP-55 checksum (the capitals) of {text!r} is wrong: "
            "a character was probably mistyped"
        )
    return "0x" + digits.lower()


def _tron(text: str) -> str:
    if re.fullmatch(_TRON_HEX_FORM, text):
        return _base58check_encoded(bytes.fromhex(text[-42:]))
    if not re.fullmatch(_TRON_FORM, text):
        raise ValueError(
            f"a Tron address is T and 33 base58 characters, or 41 and 40 hex digits; got {text!r}"
        )
    if _base58check_payload(text)[0] != _TRON_VERSION:
        raise ValueError(f"{text!r} is base58check, but not of a Tron account")
    return text


def _bitcoin(text: str) -> str:
    if text[:3] in ("bc1", "BC1"):
        return _bech32(text)
    if text[:1] not in _BITCOIN_VERSIONS or not re.fullmatch(_BITCOIN_FORM, text):
        raise ValueError(f"a Bitcoin address begins with 1, 3 or bc1; got {text!r}")
    if _base58check_payload(text)[0] != _BITCOIN_VERSIONS[text[0]]:
        raise ValueError(f"{text!r} is base58check, but not of a Bitcoin address")
    return text


def _bech32(text: str) -> str:
    # Imported here: bip-utils takes seconds, and only Bitcoin needs it.
    from bip_utils import SegwitBech32Decoder
    from bip_utils.bech32 import Bech32ChecksumError

    try:
        SegwitBech32Decoder.Decode("bc", text)
    except (Bech32ChecksumError, ValueError, IndexError) as error:
        raise ValueError(f"{text!r} is no valid bech32 address: {error}") from None
    return text.lower()


def _generic(text: str) -> str:
    if not 1 <= len(text) <= _LONGEST_GENERIC:
        raise ValueError(
            f"an id has 1 to {_LONGEST_GENERIC} characters; got {len(text)} in {text[:20]!r}"
        )
    if any(unicodedata.category(character) in _UNPRINTABLE for character in text):
        raise ValueError(f"an id must not contain control or invisible characters; got {text!r}")
    return text


def _base58check_payload(text: str) -> bytes:
    """Return the version byte and the 20 bytes of a base58check address."""
    number = 0
    for character in text:
        number = number * 58 + _BASE58_VALUE[character]
    if number >= 256**25:
        raise ValueError(f"{text!r} is too long for an address")
    raw = number.to_bytes(25, "big")
    if _base58check_encoded(raw[:21]) != text:
        raise ValueError(
            f"the checksum of {text!r} is wrong: a character was probably mistyped or is missing"
        )
    return raw[:21]


def _base58check_encoded(payload: bytes) -> str:
    raw = payload + sha256(sha256(payload).digest()).digest()[:4]
    number = int.from_bytes(raw, "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    leading_zeros = len(raw) - len(raw.lstrip(b"\0"))
    return "1" * leading_zeros + text


_ONE_ADDRESS: dict[str, Callable[[str], str]] = {
    "evm": _evm,
    "tron": _tron,
    "bitcoin": _bitcoin,
    "generic": _generic,
}
