"""wyhash against a plain second opinion on strings of every length and place in memory.

The number that the second opinion itself must reach is the one that SMHasher3, a test suite of
hashes, publishes for wyhash v4.2.
"""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from data.identity import text_ids

WORD = 0xFFFFFFFFFFFFFFFF
SECRET = (0x2D358DCCAA6C78A5, 0x8BB84B93962EACC9, 0x4B33A62ED433D4A3, 0x4D5A2DA51DE1AA47)
SEED_OF_IDS = 0x9E3779B97F4A7C15
SMHASHER3_WYHASH = 0x9DAE7DD3


def wyhash(key: bytes, seed: int) -> int:
    """wyhash v4.2 by its definition: blocks of 48 bytes in three lanes, then pairs of words."""
    seed ^= mixed(seed ^ SECRET[0], SECRET[1])
    if len(key) < 4:
        a = key[0] << 16 | key[len(key) // 2] << 8 | key[-1] if key else 0
        b = 0
    elif len(key) <= 16:
        step = len(key) // 8 * 4
        a = number(key[:4]) << 32 | number(key[step : step + 4])
        end = len(key) - 4
        b = number(key[end:]) << 32 | number(key[end - step : end - step + 4])
    else:
        rest, lanes = key, [seed] * 3
        while len(rest) >= 48:
            for k in range(3):
                one, two = number(rest[16 * k :][:8]), number(rest[16 * k + 8 :][:8])
                lanes[k] = mixed(one ^ SECRET[k + 1], two ^ lanes[k])
            rest = rest[48:]
        seed = lanes[0] ^ lanes[1] ^ lanes[2] if len(key) >= 48 else seed
        while len(rest) > 16:
            seed = mixed(number(rest[:8]) ^ SECRET[1], number(rest[8:16]) ^ seed)
            rest = rest[16:]
        a, b = number(key[-16:-8]), number(key[-8:])
    product = (a ^ SECRET[1]) * (b ^ seed)
    return mixed(product & WORD ^ SECRET[0] ^ len(key), product >> 64 ^ SECRET[1])


def number(word: bytes) -> int:
    return int.from_bytes(word, "little")


def mixed(a: int, b: int) -> int:
    return a * b & WORD ^ a * b >> 64


def signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def test_the_second_opinion_reaches_the_published_number():
    hashes = b"".join(wyhash(bytes(range(n)), 256 - n).to_bytes(8, "little") for n in range(256))
    assert wyhash(hashes, 0) & 0xFFFFFFFF == SMHASHER3_WYHASH


@given(st.lists(st.text(max_size=150), min_size=1, max_size=20))
def test_texts_of_any_content(texts):
    expected = [signed(wyhash(text.encode(), SEED_OF_IDS)) for text in texts]
    assert text_ids(pl.Series(texts)).tolist() == expected


def test_texts_of_every_length():
    texts = ["".join(chr(33 + (7 * n + k) % 90) for k in range(n)) for n in range(200)]
    expected = [signed(wyhash(text.encode(), SEED_OF_IDS)) for text in texts]
    assert text_ids(pl.Series(texts)).tolist() == expected
