"""A world's address book does not depend on the pieces in which it is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import Refused
from data.identity import address_dictionary
from data.simulation import address_book, identities
from data.simulation.address_book import write_address_book


def some_nodes() -> np.ndarray:
    """Return nodes of every chain, some of them lookalikes of others."""
    real = np.array(
        [
            identities.node_number(unit, local, chain)
            for unit in range(1, 40)
            for local in range(9)
            for chain in range(len(identities.CHAINS))
        ]
    )
    return np.unique(np.concatenate([real, identities.lookalikes(real[::7])]))


def dictionary_of(nodes: np.ndarray) -> pl.DataFrame:
    chains = pl.Series(identities.CHAINS).gather(identities.chains_of(nodes))
    return address_dictionary(chains, pl.Series(identities.addresses(1, nodes)))


@pytest.mark.parametrize("at_once", [10_000, 200, 37])
def test_the_parts_are_the_dictionary(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address_book, "NODES_AT_ONCE", at_once)
    nodes = some_nodes()
    parts, ids = write_address_book(nodes, 1, tmp_path / "book", map)
    assert (len(parts) > 40) == (at_once < len(nodes))
    whole = pl.concat(pl.read_parquet(part) for part in parts)
    assert whole.equals(dictionary_of(nodes))
    assert (ids == whole["id"].to_numpy()).all()


def test_twins_in_two_boxes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_book, "NODES_AT_ONCE", 100)
    parts, ids = write_address_book(some_nodes(), 1, tmp_path / "book", map)
    rows = pl.read_parquet(parts[-1])
    forged = rows.with_columns(id=pl.lit(int(ids[0]), dtype=pl.Int64)).head(1)
    forged.write_parquet(parts[-1])
    monkeypatch.setattr("data.identity.address_ids", lambda chain, address: np.zeros(len(chain)))
    with pytest.raises(Refused, match="the same 64-bit id"):
        address_book._refuse_twins(np.append(ids, ids[0]), parts)
