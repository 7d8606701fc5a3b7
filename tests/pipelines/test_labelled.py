"""The legs that a model is trained on: those that nearly all judged exports show."""

from __future__ import annotations

from math import ceil

import polars as pl
import pytest

from data.errors import Refused
from data.schema import LEGS, leg_set
from data.transfers import open_transfers
from pipelines.labelling.labelled import USUAL, measure_labelled, read_labels

KEY = ["chain", "address"]
ONE_SIDED = "native_in,native_out,token_out"


JUDGED = 400
"""The others of the world are left without a label."""


@pytest.fixture(scope="module")
def labels(world) -> pl.DataFrame:
    told = read_labels(world.labels, open_transfers(world.store), None)
    here = pl.int_range(pl.len()) < JUDGED
    return told.with_columns(label=pl.when(here & pl.col("label").is_not_null()).then("label"))


@pytest.fixture(scope="module")
def judged(labels) -> pl.DataFrame:
    return labels.filter(pl.col("label").is_not_null()).select(KEY).unique(maintain_order=True)


def legs_trained_on(world, labels, shown: pl.DataFrame, folder) -> tuple[str, ...]:
    """Return the profile where the exports of `shown` have these legs, and all others have all."""
    coverage = (
        world.coverage.drop("legs")
        .join(shown, on=KEY, how="left", maintain_order="left")
        .with_columns(pl.col("legs").fill_null(",".join(LEGS)))
        .select(world.coverage.columns)
    )
    store = open_transfers(world.copy(folder / "store", world.transfers, coverage))
    return measure_labelled(labels, store, basis="usd", legs=None, threads=2).legs


def showing(accounts: pl.DataFrame, legs: str) -> pl.DataFrame:
    return accounts.select(*KEY, legs=pl.lit(legs))


def test_a_few_one_sided_exports_blind_nobody(world, labels, judged, tmp_path):
    few = ceil((1 - USUAL) * judged.height) - 1
    assert few > 0
    assert legs_trained_on(world, labels, showing(judged.head(few), ONE_SIDED), tmp_path) == LEGS


def test_what_a_tenth_of_the_exports_lack_is_not_trained_on(world, labels, judged, tmp_path):
    many = ceil((1 - USUAL) * judged.height) + 1
    found = legs_trained_on(world, labels, showing(judged.head(many), ONE_SIDED), tmp_path)
    assert set(found) == leg_set(ONE_SIDED)


def test_exports_of_addresses_that_nobody_judged_do_not_count(world, labels, judged, tmp_path):
    others = world.coverage.select(KEY).join(judged, on=KEY, how="anti")
    assert others.height > 0.2 * judged.height
    assert legs_trained_on(world, labels, showing(others, ONE_SIDED), tmp_path) == LEGS


def test_without_a_usual_leg_the_user_has_to_name_one(world, labels, judged, tmp_path):
    half = judged.height // 2
    torn = pl.concat(
        [showing(judged.head(half), "native_in"), showing(judged.slice(half), "token_out")]
    )
    with pytest.raises(Refused, match="no leg that nearly all") as refused:
        legs_trained_on(world, labels, torn, tmp_path)
    assert "90%" in (refused.value.expected or "")
