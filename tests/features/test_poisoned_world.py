"""The future of a whole world is deleted or poisoned, and no signal of anybody moves by a bit.

Two thousand accounts at five cuts each, measured in one pass over the whole world, must be equal
byte for byte to passes that never saw what came at or after the cut, or saw lies instead.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from benchmarks.family_costs import some_services
from data.schema import TIME
from data.services import Services
from data.transfers import Transfers, open_transfers
from features.building import build_histories
from features.computing import compute_signals
from pipelines.simulate import simulate
from tests.data.canonical import plain

CUTS, ACCOUNTS = 5, 2_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("poisoned") / "world"
    simulate(folder, seed=4, addresses=ACCOUNTS, days=150, prevalence=0.05, workers=1)
    return folder


def measured(transfers: Transfers, accounts: pl.DataFrame, services: Services) -> pl.DataFrame:
    """Return every signal of accounts at their cuts, motifs and neighbours included, sorted."""
    latest = accounts["as_of"].max()
    assert isinstance(latest, datetime)
    histories = build_histories(
        transfers,
        accounts,
        as_of=latest,
        services=services,
        neighbours=True,
        network=True,
    )
    return compute_signals(histories).sort("chain", "address", "as_of")


def lied(rows: pl.DataFrame, cut: pl.Series) -> pl.DataFrame:
    """Return transfers of which those at or after a cut are others: a thousandfold, misdirected."""
    past, future = rows.filter(rows["block_time"] < cut), rows.filter(rows["block_time"] >= cut)
    turned = future.with_columns(
        pl.col("sender").reverse().over("chain"),
        pl.col("receiver").shift(1, fill_value=pl.col("receiver").last()).over("chain"),
        pl.col("usd_micros") * 1_000,
        amount_raw=pl.col("amount_raw") + "000",
    )
    return pl.concat([past, turned, turned.with_columns(pl.col("log_index") + (1 << 20))])


@pytest.mark.slow
def test_a_world_knows_nothing_of_its_future(world, tmp_path):
    transfers = open_transfers(world)
    rows = pl.read_parquet(world / "transfers.parquet")
    services = some_services(transfers)
    accounts = pl.read_csv(world / "addresses.csv").select("chain", "address").head(ACCOUNTS)
    assert accounts.height == ACCOUNTS
    first, last = rows["block_time"].min(), rows["block_time"].max()
    assert isinstance(first, datetime) and isinstance(last, datetime)
    cuts = [first + (last - first) * k // (CUTS + 1) for k in range(1, CUTS + 1)]
    at = [accounts.with_columns(as_of=pl.lit(cut).cast(TIME)) for cut in cuts]
    whole = measured(transfers, pl.concat(at), services)
    assert whole["n_transfers"].sum() > 50 * ACCOUNTS
    for k, cut in enumerate(cuts):
        expected = whole.filter(pl.col("as_of") == at[k]["as_of"][0])
        for name, seen in (
            ("deleted", rows.filter(pl.col("block_time") < at[k]["as_of"][0])),
            ("poisoned", lied(rows, at[k]["as_of"].head(1))),
        ):
            folder = tmp_path / f"{name}{k}"
            folder.mkdir()
            found = measured(plain(folder, seen, transfers.coverage), at[k], services)
            wrong = [c for c in expected.columns if not expected[c].equals(found[c])]
            assert not wrong, (name, cut)
