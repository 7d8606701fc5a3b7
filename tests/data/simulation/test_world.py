"""The world is canonical, repeatable, and obeys the laws of money."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.addresses import canonical_addresses
from data.assets import asset_lookup
from data.errors import Refused
from data.schema import TRANSFER_ORDER, TRANSFERS, validate_transfers
from data.screening import screen
from data.simulation import ledger
from data.simulation.populations import CRIMINAL_ROLES
from data.simulation.world import World, build
from data.storage import content_hash
from models.splits import assign

KEY = ["chain", "address"]


@pytest.fixture(scope="module")
def small() -> World:
    return build(seed=7, addresses=600, days=200)


def test_same_seed_same_world_and_other_seed_another(small: World) -> None:
    again = build(seed=7, addresses=600, days=200)
    other = build(seed=8, addresses=600, days=200)
    for name in ("transfers", "labels", "accounts", "services", "truth", "truth_flows"):
        assert content_hash(getattr(small, name)) == content_hash(getattr(again, name)), name
    assert content_hash(small.transfers) != content_hash(other.transfers)


def test_transfers_are_canonical(small: World) -> None:
    usable, faulty = validate_transfers(small.transfers, small.end)
    assert faulty.height == 0
    assert dict(usable.schema) == TRANSFERS
    assert usable.select(pl.struct("chain", "tx_id", "log_index").is_unique().all()).item()
    assert usable.equals(usable.sort(TRANSFER_ORDER))
    assert usable.filter(pl.col("sender") == pl.col("receiver")).height == 0


def test_addresses_have_their_chains_canonical_form(small: World) -> None:
    for chain in ("ethereum", "tron"):
        rows = small.transfers.filter(pl.col("chain") == chain)
        for column in ("sender", "receiver", "initiator", "tx_to"):
            texts = rows[column].unique()
            assert canonical_addresses(chain, texts).to_list() == texts.to_list()


def test_every_transaction_has_one_moment_and_one_place(small: World) -> None:
    places = small.transfers.group_by("chain", "tx_id").agg(
        pl.struct("block_time", "block_number", "tx_index").n_unique()
    )
    assert places["block_time"].max() == 1
    shared = small.transfers.group_by("chain", "block_number", "tx_index").agg(
        pl.col("tx_id").n_unique()
    )
    assert shared["tx_id"].max() == 1


def test_amounts_and_values_agree(small: World) -> None:
    """Stablecoins are worth a dollar, native coins whatever one price a day says."""
    rows = small.transfers.join(asset_lookup(), on=["chain", "asset"], how="inner")
    rows = rows.with_columns(
        units=pl.col("amount_raw").cast(pl.Float64) / 10.0 ** pl.col("decimals")
    )
    stable = rows.filter(pl.col("asset_class") == "stablecoin")
    assert ((stable["units"] * 1e6 - stable["usd_micros"]).abs() < 0.5).all()
    prices = (
        rows.filter(pl.col("asset_class") == "native", pl.col("units") > 0.01)
        .group_by("chain", pl.col("block_time").dt.date())
        .agg(low=(pl.col("usd_micros") / pl.col("units")).min(),
             high=(pl.col("usd_micros") / pl.col("units")).max())
    )  # fmt: skip
    assert ((prices["high"] - prices["low"]) / prices["low"] < 1e-3).all()


def test_nobody_spends_tokens_they_do_not_have(small: World) -> None:
    """Balances in order of the table never fall below zero; exchanges' own wallets excepted."""
    rows = small.transfers.filter(pl.col("screened").is_null(), pl.col("kind") == "token")
    mine = small.truth.filter(pl.col("population") != "exchange_hot_wallet").select(KEY)
    moves = [
        rows.with_row_index("at").select(
            "at", "chain", "asset", address=side, change=pl.col("usd_micros") * sign
        )
        for side, sign in (("receiver", 1), ("sender", -1))
    ]
    balance = (
        pl.concat(moves)
        .join(mine, on=KEY, how="semi")
        .sort("at")
        .with_columns(balance=pl.col("change").cum_sum().over(*KEY, "asset"))
    )
    assert (balance["balance"] >= 0).all()


def test_screening_finds_the_same_rows(small: World) -> None:
    """The marks are those that the screening of imports would have made itself."""
    blank = small.transfers.with_columns(
        status=pl.when(pl.col("screened") == "failed").then(pl.lit("failed")),
        token_symbol=pl.when(pl.col("screened") == "counterfeit_asset").then(pl.lit("USDT")),
        screened=pl.lit(None, dtype=pl.String),
    )
    found = screen(blank)["screened"]
    assert found.to_list() == small.transfers["screened"].to_list()
    assert small.transfers["screened"].n_unique() == 6


def test_coverage_is_complete_for_accounts_and_only_for_them(small: World) -> None:
    assert small.coverage.select(KEY).equals(small.accounts.select(KEY))
    assert small.coverage.select(KEY).equals(small.truth.select(KEY))
    assert small.accounts.height == 600 and small.accounts.select(KEY).is_unique().all()
    assert small.coverage["complete"].all()


@pytest.fixture(scope="module")
def larger() -> World:
    """A fifth of the demo's world."""
    return build(seed=1, addresses=3000)


def test_prevalence_and_cases(larger: World) -> None:
    criminal = larger.truth.filter(pl.col("role").is_in(CRIMINAL_ROLES))
    assert criminal.height == 210
    assert criminal["case_id"].n_unique() >= 60
    assert set(criminal["role"]) == set(CRIMINAL_ROLES)
    assert larger.truth["population"].n_unique() >= 15


def test_labels_suffice_for_every_part_of_a_split_by_time(larger: World) -> None:
    """In the demo's world, five times as large: 100 criminals and 1,000 others in each part."""
    labels = larger.labels.join(larger.truth.select(*KEY, "role"), on=KEY)
    known = labels.filter(pl.col("label").is_not_null())
    criminal = labels["role"].is_in(CRIMINAL_ROLES)
    assert 0.6 < labels.filter(criminal)["label"].is_not_null().to_numpy().mean() < 0.8
    split = assign(known)
    assert split.n_known_late < 0.1 * known.height
    counts = known.with_columns(part=split.part).group_by("part", "label").len()
    for part in ("validation", "test"):
        found = dict(counts.filter(pl.col("part") == part).select("label", "len").iter_rows())
        assert found[0] >= 200 and found[1] >= 15, part


def test_every_hot_wallet_is_a_listed_service(larger: World) -> None:
    hot = larger.truth.filter(pl.col("population") == "exchange_hot_wallet")
    assert hot.height >= 4
    assert hot.join(larger.services, on=KEY, how="anti").height == 0
    processors = larger.truth.filter(pl.col("population") == "payment_processor")
    assert 0 < processors.join(larger.services, on=KEY, how="anti").height < processors.height


def test_victims_payments_are_told_as_they_were_made(small: World) -> None:
    told = small.truth_flows.join(
        small.transfers, left_on=["tx_id", "victim", "collector"],
        right_on=["tx_id", "sender", "receiver"], how="left",
    )  # fmt: skip
    assert told["usd_micros_right"].equals(told["usd_micros"], check_names=False)
    collectors = small.truth.filter(pl.col("role") == "collector")
    assert set(told["collector"]) <= set(collectors["address"])
    cases = told.join(collectors, left_on=["chain", "collector"], right_on=KEY)
    assert (cases["case_id"] == cases["case_id_right"]).all()


def test_labels_are_late_partial_and_cut_by_one_rule(small: World) -> None:
    labels = small.labels.join(small.truth, on=KEY)
    known = labels.filter(pl.col("label").is_not_null())
    assert (known["available_at"] > known["as_of"]).all()
    assert (labels["as_of"] <= small.end).all()
    criminal = labels.filter(pl.col("role").is_in(CRIMINAL_ROLES))
    assert 0.3 < criminal["label"].is_not_null().to_numpy().mean() < 0.9
    assert (
        labels.filter(pl.col("label").is_null())["available_at"].null_count()
        == labels.filter(pl.col("label").is_null()).height
    )
    victims = labels.filter(pl.col("role") == "victim")
    assert (victims["label"].drop_nulls() == 0).to_numpy().mean() > 0.9


def test_cut_does_not_know_roles(small: World) -> None:
    """The time from the last transfer seen to `as_of` is spread alike for criminals and others."""
    rows = small.transfers.filter(pl.col("screened").is_null())
    sides = pl.concat(
        [rows.select("chain", "block_time", address=side) for side in ("sender", "receiver")]
    ).join(small.accounts, on=KEY)
    span = sides.group_by(KEY).agg(
        share=(pl.col("as_of").first() - pl.col("block_time").min())
        / (pl.col("block_time").max() - pl.col("block_time").min() + timedelta(hours=1))
    )
    joined = span.join(small.truth, on=KEY)
    criminal = joined["role"].is_in(CRIMINAL_ROLES)
    ours = np.median(joined.filter(criminal)["share"].to_numpy())
    theirs = np.median(joined.filter(~criminal)["share"].to_numpy())
    assert abs(ours - theirs) < 0.12


def test_cases_begin_throughout_the_period() -> None:
    world = build(seed=1, addresses=1500, days=365)
    starts = world.truth_flows.group_by("case_id").agg(pl.col("block_time").min())
    months = (starts["block_time"] - ledger.EPOCH).dt.total_days() // 30
    assert np.unique(months.to_numpy()).size >= 6


@pytest.mark.parametrize("wrong", [{"addresses": 10}, {"days": 5}, {"days": 5000}, {"seed": -1}])
def test_impossible_worlds_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Refused, match="synthetic world cannot be"):
        build(
            seed=wrong.get("seed", 1),
            addresses=wrong.get("addresses", 100),
            days=wrong.get("days", 60),
        )
