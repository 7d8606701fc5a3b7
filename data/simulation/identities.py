"""Who is who: node numbers, and the addresses and transaction ids derived from them.

A node is one 64-bit integer that holds the unit it was made in, its place there and its chain. Its
address is a hash of (seed, node), so that a unit (one case, one firm) can be played without
knowing any other, and a world gives the same addresses however its units are divided among workers.

>>> [chain_of(node_number(5, 2, chain)) for chain in (0, 1)]
[0, 1]
"""

from __future__ import annotations

import hashlib

import numpy as np

CHAINS = ("ethereum", "tron")
ETHEREUM, TRON = 0, 1

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PAIRS = [a + b for a in _BASE58 for b in _BASE58]
_TRON_LENGTH = 34
_LOCAL_BITS = 24


def node_number(unit: int, local: int, chain: int) -> int:
    """Number the `local`-th node of a unit on a chain (an index of `CHAINS`)."""
    return (unit << (_LOCAL_BITS + 1)) | (local << 1) | chain


def chain_of(node: int) -> int:
    """Return the chain of a node, as an index of `CHAINS`."""
    return node & 1


def transaction_number(unit: int, local: int) -> int:
    """Number the `local`-th transaction of a unit."""
    return (unit << 32) | local


def addresses(seed: int, nodes: np.ndarray) -> list[str]:
    """Return the canonical address of each node.

    Parameters
    ----------
    seed
        The world's seed.
    nodes
        int64; the chain is read from the node.

    Returns
    -------
    list of str
        Ethereum addresses in lower case, Tron addresses in base58check.
    """
    words = np.stack([_mixed(nodes, seed, salt) for salt in (1, 2, 3)], axis=1)
    digits = words.byteswap().tobytes().hex()
    texts = [digits[at : at + 40] for at in range(0, len(digits), 48)]
    on_tron = (nodes & 1).tolist()
    return [_tron(text) if tron else "0x" + text for text, tron in zip(texts, on_tron, strict=True)]


def transaction_ids(seed: int, transactions: np.ndarray, on_tron: np.ndarray) -> list[str]:
    """Return the transaction ids: 64 hex digits, with ``0x`` on Ethereum and without on Tron."""
    words = np.stack([_mixed(transactions, seed, salt) for salt in (11, 12, 13, 14)], axis=1)
    digits = words.byteswap().tobytes().hex()
    return [
        digits[at : at + 64] if tron else "0x" + digits[at : at + 64]
        for at, tron in zip(range(0, len(digits), 64), on_tron.tolist(), strict=True)
    ]


def _mixed(numbers: np.ndarray, seed: int, salt: int) -> np.ndarray:
    """Mix numbers into well-spread 64-bit words (two rounds of SplitMix64)."""
    offset = (seed * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03) & 0xFFFFFFFFFFFFFFFF
    z = numbers.astype(np.uint64) + np.uint64(offset)
    for _ in range(2):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return z


def _tron(hex40: str) -> str:
    payload = bytes.fromhex("41" + hex40)
    check = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number = int.from_bytes(payload + check, "big")
    pairs = []
    for _ in range(_TRON_LENGTH // 2):
        number, pair = divmod(number, 58 * 58)
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))
