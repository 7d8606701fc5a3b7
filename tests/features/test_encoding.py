"""Codes of ids against a plain dict, in growing tables and parts; collisions; order of texts."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.encoding import Encoder
from features.ordering import text_order

NEAR = st.integers(-6, 6).map(lambda k: k << 22)
"""Ids with the same low bits: they want the same slot whatever the table's size."""

IDS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9), NEAR)


def coded(parts: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Codes and first appearances as a dict gives them."""
    known: dict[int, int] = {}
    codes, firsts = [], []
    for part in parts:
        firsts.append([k for k, i in enumerate(part) if i not in known and i not in part[:k]])
        codes.append([known.setdefault(i, len(known)) for i in part])
    return codes, firsts


@given(st.lists(st.lists(IDS, max_size=60), max_size=5))
def test_codes_are_those_of_a_dict(parts):
    encoder = Encoder()
    found = [encoder.encode(np.array(part, dtype=np.int64)) for part in parts]
    codes, firsts = coded(parts)
    assert [c.tolist() for c, _ in found] == codes
    assert [f.tolist() for _, f in found] == firsts
    assert not encoder.collided


def test_the_table_grows_within_a_part_and_between_parts():
    ids = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 60_000)
    drawn = ids[np.random.default_rng(2).integers(0, len(ids), 200_000)]
    encoder = Encoder()
    parts = [drawn[:150_000], drawn[150_000:]]
    codes, firsts = zip(*(encoder.encode(part, ~part) for part in parts), strict=True)
    known: dict[int, int] = {}
    expected = [known.setdefault(i, len(known)) for i in drawn.tolist()]
    assert np.concatenate(codes).tolist() == expected
    assert (encoder.known, encoder.collided) == (len(known), False)
    appeared = np.concatenate([p[f] for p, f in zip(parts, firsts, strict=True)])
    assert appeared.tolist() == list(known)


@pytest.mark.parametrize("apart", [1, 5_000])
def test_one_id_with_two_checks_is_a_collision(apart):
    ids = np.arange(apart + 1, dtype=np.int64)
    ids[apart] = 0
    checks = np.arange(apart + 1, dtype=np.int64)
    within, between = Encoder(), Encoder()
    within.encode(ids, checks)
    between.encode(ids[:apart], checks[:apart])
    assert not between.collided
    between.encode(ids[apart:], checks[apart:])
    assert within.collided and between.collided


@given(
    st.sampled_from(["", "0x", "bc1q0000", "a text beyond a view"]),
    st.lists(st.text(max_size=24), unique=True, max_size=30),
)
def test_texts_are_ordered_by_their_bytes(prefix, texts):
    texts = [prefix + text for text in texts]
    found = text_order(pl.Series(texts, dtype=pl.String))
    assert [texts[k] for k in found] == sorted(texts, key=str.encode)


def test_texts_alike_for_longer_than_a_word_are_ordered_too():
    texts = [f"0x{'7' * (k % 11)}{k * 7919 % 1000:04d}{'0' * (k % 3)}" for k in range(1000)]
    found = text_order(pl.concat([pl.Series(texts[:300]), pl.Series(texts[300:])], rechunk=False))
    assert [texts[k] for k in found] == sorted(texts)
