"""Who is who: node numbers, and the addresses and transaction ids derived from them.

A node is one 64-bit integer that holds the unit it was made in, its place there and its chain. Its
address is a hash of (seed, node), so that a unit (one case, one firm) can be played without
knowing any other, and a world gives the same addresses however its units are divided among workers.
One key opens the same address on every EVM chain, as in life: there a node's chain does not enter
the hash.

>>> [chain_of(node_number(5, 2, chain)) for chain in range(len(CHAINS))]
[0, 1, 2, 3]
>>> here, there = node_number(5, 2, ETHEREUM), node_number(5, 2, BSC)
>>> on_chain(here, BSC) == there
True
>>> addresses(1, np.array([here]))== addresses(1, np.array([there]))
True
"""

from __future__ import annotations

import hashlib

import numpy as np

CHAINS = ("ethereum", "tron", "bsc", "arbitrum")
ETHEREUM, TRON, BSC, ARBITRUM = range(4)

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PAIRS = [a + b for a in _BASE58 for b in _BASE58]
_TRON_LENGTH = 34
_LOCAL_BITS = 24
_CHAIN_BITS = 2
_CHAIN_MASK = (1 << _CHAIN_BITS) - 1
_LOOKALIKE = np.int64(1) << np.int64(60)
STRIDE = 1 << _CHAIN_BITS
"""From one node of a unit to its next on the same chain."""


def node_number(unit: int, local: int, chain: int) -> int:
    """Number the `local`-th node of a unit on a chain (an index of `CHAINS`)."""
    return (unit << (_LOCAL_BITS + _CHAIN_BITS)) | (local << _CHAIN_BITS) | chain


def chain_of(node: int) -> int:
    """Return the chain of a node, as an index of `CHAINS`."""
    return node & _CHAIN_MASK


def chains_of(nodes: np.ndarray) -> np.ndarray:
    """Return the chains of nodes (int64)."""
    return (nodes & _CHAIN_MASK).astype(np.int64)


def on_chain(node: int, chain: int) -> int:
    """Return the node that the same owner has on another chain."""
    return (node & ~_CHAIN_MASK) | chain


def lookalikes(nodes: np.ndarray) -> np.ndarray:
    """Return nodes whose addresses look like those of the given ones, for poisoners to use.

    On EVM chains the first and the last four digits agree; a Tron address carries a checksum, and
    its lookalike is any other address.

    >>> real = np.array([node_number(5, 2, ETHEREUM)])
    >>> (one,), (other,) = addresses(1, real), addresses(1, lookalikes(real))
    >>> one != other and (one[:6], one[-4:]) == (other[:6], other[-4:])
    True
    """
    return nodes | _LOOKALIKE


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
        EVM addresses in lower case, Tron addresses in base58check.
    """
    tron = chains_of(nodes) == TRON
    keys = np.where(tron, nodes, nodes & ~_CHAIN_MASK)
    words = np.stack([_mixed(keys, seed, salt) for salt in (1, 2, 3)], axis=1)
    digits = words.byteswap().tobytes().hex()
    texts = [digits[at : at + 40] for at in range(0, len(digits), 48)]
    names = [
        _tron(text) if on_tron else "0x" + text
        for text, on_tron in zip(texts, tron.tolist(), strict=True)
    ]
    fake = np.flatnonzero(((nodes & _LOOKALIKE) != 0) & ~tron)
    if len(fake):
        real = addresses(seed, nodes[fake] & ~_LOOKALIKE)
        for at, like in zip(fake.tolist(), real, strict=True):
            names[at] = like[:6] + names[at][6:-4] + like[-4:]
    return names


def transaction_ids(seed: int, transactions: np.ndarray, on_tron: np.ndarray) -> list[str]:
    """Return the transaction ids: 64 hex digits, with ``0x``, and without on Tron."""
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
