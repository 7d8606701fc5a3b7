"""Addresses as numbers: the same numbers ever after, and collisions, which are refused."""

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
    with_address_codes,
)
from tests.data.canonical import AS_OF, A, B, C, plain, row, store, table
from tests.data.test_wyhash import signed, wyhash

SEED, SECOND_SEED = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03


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
            signed(wyhash(a.encode(), wyhash(c.encode(), seed))) for c, a in pairs
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
    assert address_ids(chain, address).tolist() == [-4236895491718892258, -3837584359547780980]


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
    with_codes = with_address_codes(given_table, dictionary)
    assert with_codes.select(given_table.columns).equals(given_table)
    assert dictionary.select("chain", "address").rows() == [
        ("bsc", A), ("bsc", B), ("ethereum", A), ("ethereum", B), ("ethereum", C),
    ]  # fmt: skip
    assert dictionary["id"].to_list() == (
        address_ids(dictionary["chain"], dictionary["address"]).tolist()
    )
    for side in ("sender", "receiver"):
        assert (
            dictionary["address"]
            .gather(with_codes[f"{side}_code"])
            .equals(given_table[side], check_names=False)
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
