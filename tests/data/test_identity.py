"""Addresses as numbers: the hash against a plain second opinion, and collisions, which are refused.

The number that the second opinion itself must reach is the one that SMHasher, the hash's own test
suite, publishes for it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import identity
from data.errors import Refused
from data.identity import (
    address_dictionary,
    address_ids,
    checked_address_ids,
    text_ids,
    with_address_ids,
)
from tests.data.canonical import AS_OF, A, B, C, plain, row, store, table

WORD = 0xFFFFFFFFFFFFFFFF
MIX = 0xC6A4A7935BD1E995
SEED, SECOND_SEED = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03
SMHASHER_MURMUR64A = 0x1F0D3804


def murmur64a(key: bytes, seed: int) -> int:
    """MurmurHash64A, word by word as its author wrote it."""
    h = seed ^ (len(key) * MIX & WORD)
    whole = len(key) // 8 * 8
    for at in range(0, whole, 8):
        k = int.from_bytes(key[at : at + 8], "little") * MIX & WORD
        k = (k ^ (k >> 47)) * MIX & WORD
        h = (h ^ k) * MIX & WORD
    if len(key) > whole:
        h = (h ^ int.from_bytes(key[whole:], "little")) * MIX & WORD
    h = (h ^ (h >> 47)) * MIX & WORD
    return h ^ (h >> 47)


def signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def test_the_second_opinion_reaches_the_published_number():
    hashes = b"".join(murmur64a(bytes(range(n)), 256 - n).to_bytes(8, "little") for n in range(256))
    assert murmur64a(hashes, 0) & 0xFFFFFFFF == SMHASHER_MURMUR64A
    assert murmur64a(b"", 0) == 0


@given(st.lists(st.text(max_size=70), min_size=1, max_size=20))
def test_texts_of_any_length_and_alignment(texts):
    expected = [signed(murmur64a(text.encode(), SEED)) for text in texts]
    assert text_ids(pl.Series(texts)).tolist() == expected


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ethereum", "tron", "bitcoin", "generic"]), st.text(max_size=60)
        ),
        min_size=1,
        max_size=20,
    )
)
def test_an_id_is_the_hash_of_the_address_seeded_with_its_chain(pairs):
    chain = pl.Series([c for c, _ in pairs])
    address = pl.Series([a for _, a in pairs])
    ids, checks = checked_address_ids(chain, address)
    for found, seed in ((ids, SEED), (checks, SECOND_SEED)):
        assert found.tolist() == [
            signed(murmur64a(a.encode(), murmur64a(c.encode(), seed))) for c, a in pairs
        ]
    assert address_ids(chain, address).tolist() == ids.tolist()
    assert address_ids(chain.cast(pl.Categorical), address).tolist() == ids.tolist()


def test_a_slice_of_a_column_hashes_as_a_column_of_its_own():
    texts = pl.Series([f"0x{n:07x}" for n in range(50)])
    chain = pl.Series(["tron"] * 50)
    whole = address_ids(chain, texts)
    for start, length in ((0, 50), (3, 9), (49, 1), (50, 0)):
        part = address_ids(chain.slice(start, length), texts.slice(start, length))
        assert part.tolist() == whole[start : start + length].tolist()
    pieces = pl.concat([texts[:7], texts[7:]], rechunk=False)
    assert address_ids(chain, pieces).tolist() == whole.tolist()


def test_an_id_never_changes():
    """Stores on disk hold ids: another number here would tear every one of them."""
    chain, address = pl.Series(["ethereum", "tron"]), pl.Series([A, "TR7NHqjeKQxGTCi8q8ZY4pL8otS"])
    assert address_ids(chain, address).tolist() == [6230308861027156056, -6157544518952414675]


def test_nulls_are_no_addresses():
    with pytest.raises(ValueError, match="null"):
        address_ids(pl.Series(["tron", "tron"]), pl.Series(["T1", None]))


def test_the_dictionary_names_every_address_once():
    rows = [row(0), row(1, sender=A, receiver=C), row(2, chain="bsc"), row(3)]
    given_table = table(rows)
    dictionary = address_dictionary(
        pl.concat([given_table["chain"]] * 2),
        pl.concat([given_table["sender"], given_table["receiver"]]),
    )
    with_ids = with_address_ids(given_table, dictionary)
    assert with_ids.select(given_table.columns).equals(given_table)
    assert dictionary.select("chain", "address").rows() == [
        ("bsc", A), ("bsc", B), ("ethereum", A), ("ethereum", B), ("ethereum", C),
    ]  # fmt: skip
    assert dictionary["id"].to_list() == (
        address_ids(dictionary["chain"], dictionary["address"]).tolist()
    )
    for side in ("sender", "receiver"):
        assert (
            dictionary["address"]
            .gather(with_ids[f"{side}_code"])
            .equals(given_table[side], check_names=False)
        )
        assert (
            dictionary["id"]
            .gather(with_ids[f"{side}_code"])
            .equals(with_ids[f"{side}_id"], check_names=False)
        )


def test_a_collision_is_not_stored(monkeypatch, tmp_path):
    def colliding(chain: pl.Series, address: pl.Series) -> np.ndarray:
        return address.str.slice(0, 2).hash(seed=1).to_numpy().view(np.int64)

    monkeypatch.setattr(identity, "address_ids", colliding)
    with pytest.raises(Refused, match="same 64-bit id"):
        store(tmp_path / "store", [row(0)])
    assert list(tmp_path.iterdir()) == []


def test_a_collision_in_a_plain_file_is_refused(monkeypatch, tmp_path):
    from features import loading, text_codes

    def colliding(chain: object, address: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        ids, checks = checked_address_ids(pl.Series(["ethereum"] * len(address)), address)
        return np.zeros_like(ids), checks

    monkeypatch.setattr(text_codes, "checked_address_ids", colliding)
    transfers = plain(tmp_path, [row(0), row(1, sender=C)], None)
    with pytest.raises(Refused, match="same 64-bit id"):
        loading.load_events(transfers, before=AS_OF, basis="usd")
