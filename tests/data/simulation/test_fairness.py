"""Who is criminal must not show in what is mere context: chain, era, length, size, hour, coin.

A model that reads the season or the chain finds the criminals of a simulator, not of the world.
"""

from __future__ import annotations

import lightgbm
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from data.simulation.populations import CRIMINAL_ROLES
from data.simulation.world import World, build
from models.settings import MIN_TRANSFERS

pytestmark = pytest.mark.slow  # a world to be measured

KEY = ["chain", "address"]
SEEDS = (1, 2)
ADDRESSES = 3_000
ALLOWED = 0.55
"""ROC-AUC that context may reach."""

NAMED = ("chain", "main_asset")
NUMBERS = ("first_seen", "days", "transfers", "mean_receipt", "hour_sin", "hour_cos")
FOLDS = 5


def context(world: World, seed: int) -> pl.DataFrame:
    """Return the context of every criminal and ordinary account that a model would score."""
    rows = world.transfers.filter(pl.col("screened").is_null())
    sides = pl.concat(
        rows.select(
            "chain", "block_time", "asset", "usd_micros", address=own, out=pl.lit(own == "sender")
        )
        for own in ("sender", "receiver")
    )
    seen = sides.join(world.accounts, on=KEY).filter(pl.col("block_time") < pl.col("as_of"))
    hour = pl.col("block_time").dt.hour() * (2 * np.pi / 24)
    first, last = pl.col("block_time").min(), pl.col("block_time").max()
    measured = seen.group_by(KEY).agg(
        first_seen=first.dt.epoch("s").cast(pl.Float64),
        days=(last - first).dt.total_seconds() / 86_400,
        transfers=pl.len().cast(pl.Float64),
        mean_receipt=pl.col("usd_micros").filter(~pl.col("out")).mean(),
        hour_sin=hour.sin().mean(),
        hour_cos=hour.cos().mean(),
        main_asset=pl.col("asset").mode().sort().first(),
    )
    among = world.truth.filter(pl.col("role").is_in([*CRIMINAL_ROLES, "benign"])).select(
        *KEY,
        criminal=pl.col("role").is_in(CRIMINAL_ROLES),
        group=pl.format(f"{seed}:{{}}", pl.coalesce("case_id", "address")),
    )
    return (
        measured.filter(pl.col("transfers") >= MIN_TRANSFERS)
        .join(among, on=KEY)
        .sort("group", *KEY)
    )


@pytest.fixture(scope="module")
def measured() -> pl.DataFrame:
    worlds = [
        context(build(seed=seed, addresses=ADDRESSES, prevalence=0.1), seed) for seed in SEEDS
    ]
    return pl.concat(worlds)


def told_apart(frame: pl.DataFrame, names: list[str]) -> float:
    """Return the ROC-AUC of a forest that is asked about cases it has not seen."""
    columns = [
        (pl.col(name).rank("dense") if name in NAMED else pl.col(name)).cast(pl.Float64)
        for name in names
    ]
    x, criminal = frame.select(columns).to_numpy(), frame["criminal"].to_numpy()
    group = frame["group"].rank("dense").to_numpy()
    fold = np.random.default_rng(0).integers(0, FOLDS, int(group.max()) + 1)[group]
    settings = {
        "objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 30,
        "verbose": -1, "num_threads": 1, "seed": 0, "deterministic": True,
    }  # fmt: skip
    score = np.zeros(len(criminal))
    for held in range(FOLDS):
        train = lightgbm.Dataset(
            x[fold != held],
            criminal[fold != held],
            categorical_feature=[n for n, name in enumerate(names) if name in NAMED],
        )
        score[fold == held] = lightgbm.train(settings, train, 100).predict(x[fold == held])
    return float(roc_auc_score(criminal, score))


def test_context_does_not_tell_who_is_criminal(measured: pl.DataFrame) -> None:
    assert measured["criminal"].sum() > 400
    names = [*NAMED, *NUMBERS]
    reached = told_apart(measured, names)
    if reached > ALLOWED:
        without = {
            name: round(told_apart(measured, [n for n in names if n != name]), 3) for name in names
        }
        pytest.fail(f"context reaches {reached:.3f}; without one of it: {without}")


@pytest.mark.parametrize(
    "name, leak", [("first_seen", 90 * 86_400), ("days", -60), ("hour_sin", 1)]
)
def test_a_leak_would_be_seen(measured: pl.DataFrame, name: str, leak: float) -> None:
    leaky = measured.with_columns(pl.col(name) + leak * pl.col("criminal"))
    assert told_apart(leaky, [*NAMED, *NUMBERS]) > ALLOWED + 0.05


def test_money_of_all_roles_is_spread_over_all_chains_and_the_whole_time(
    measured: pl.DataFrame,
) -> None:
    for name in ("chain", "main_asset"):
        shares = measured.group_by(name).agg(pl.col("criminal").mean(), n=pl.len())
        often = shares.filter(pl.col("n") > 150)["criminal"].to_list()
        assert max(often) < 3 * min(often), name
