"""The world is canonical, repeatable, and obeys the laws of money."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from data.addresses import canonical_addresses
from data.assets import asset_lookup
from data.content_hash import content_hash
from data.errors import Refused
from data.schema import LEGS, TRANSFER_ORDER, TRANSFERS, leg_text, validate_transfers
from data.screening import screen
from data.simulation import canonical, identities, market
from data.simulation.layering import TYPOLOGIES
from data.simulation.ordinary import ORDINARY
from data.simulation.plan import PREVALENCE, draw_plan
from data.simulation.playing import units_of
from data.simulation.populations import CRIMINAL_ROLES, VICTIMS
from data.simulation.tables import ONE_SIDED_LEGS, prevalence_of
from data.simulation.world import World, build
from tests.unwatched import unwatched

KEY = ["chain", "address"]
SIZE: dict[str, Any] = {"addresses": 800, "days": 240, "prevalence": 0.1}
TABLES = tuple(field.name for field in fields(World) if field.name != "end")


@pytest.fixture(scope="module")
def world() -> World:
    return build(seed=7, **SIZE)


@pytest.fixture(scope="module")
def counted(world: World) -> pl.DataFrame:
    """Return the rows that signals look at."""
    return world.transfers.filter(pl.col("screened").is_null())


@pytest.mark.unwatched
def test_same_seed_same_world_and_other_seed_another(world: World) -> None:
    again, other = build(seed=7, **SIZE), build(seed=8, **SIZE)
    for name in TABLES:
        ours = content_hash(getattr(world, name))
        assert ours == content_hash(getattr(again, name)), name
        assert ours != content_hash(getattr(other, name)), name
    assert not set(world.truth["address"]) & set(other.truth["address"])


@pytest.mark.parametrize(
    "wrong",
    [{"addresses": 10}, {"days": 5}, {"days": 5000}, {"seed": -1}, {"prevalence": 0.0},
     {"prevalence": 0.5}],
)  # fmt: skip
def test_impossible_worlds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="synthetic world cannot be"):
        build(**({"seed": 1, "addresses": 100, "days": 60} | wrong))


# --- the canonical table --------------------------------------------------------------------------


def test_transfers_are_canonical(world: World) -> None:
    usable, faulty = validate_transfers(world.transfers, world.end)
    assert faulty.height == 0
    assert dict(usable.schema) == TRANSFERS
    assert usable.select(pl.struct("chain", "tx_id", "log_index").is_unique().all()).item()
    assert usable.equals(usable.sort(TRANSFER_ORDER))
    assert usable.filter(pl.col("sender") == pl.col("receiver")).height == 0
    assert set(usable["chain"]) == set(identities.CHAINS)


@pytest.mark.parametrize("chain", identities.CHAINS)
def test_addresses_have_their_chains_canonical_form(world: World, chain: str) -> None:
    rows = world.transfers.filter(chain=chain)
    for column in ("sender", "receiver", "initiator", "tx_to"):
        texts = rows[column].unique()
        assert canonical_addresses(chain, texts).to_list() == texts.to_list()


def test_every_transaction_has_one_moment_and_one_place(world: World) -> None:
    place = pl.struct("block_time", "block_number", "tx_index", "initiator", "tx_to", "method")
    by_transaction = world.transfers.group_by("chain", "tx_id").agg(place.n_unique())
    assert by_transaction["block_time"].max() == 1
    by_place = world.transfers.group_by("chain", "block_number", "tx_index").agg(
        pl.col("tx_id").n_unique()
    )
    assert by_place["tx_id"].max() == 1


def test_blocks_follow_one_another_in_time(world: World) -> None:
    blocks = world.transfers.select("chain", "block_number", "block_time").unique()
    slot = dict(zip(identities.CHAINS, canonical.SLOT_SECONDS.tolist(), strict=True))
    steps = blocks.sort("chain", "block_number").select(
        took=pl.col("block_time").diff().over("chain").dt.total_seconds(),
        due=pl.col("block_number").diff().over("chain") * pl.col("chain").replace_strict(slot),
    )
    assert (steps["took"].drop_nulls() == steps["due"].drop_nulls()).all()


def test_screening_finds_the_same_rows(world: World) -> None:
    """The marks are those that the screening of imports would have made itself."""
    blank = world.transfers.with_columns(
        status=pl.when(pl.col("screened") == "failed").then(pl.lit("failed")),
        token_symbol=pl.when(pl.col("screened") == "counterfeit_asset").then(pl.lit("USDT")),
        screened=pl.lit(None, dtype=pl.String),
    )
    assert screen(blank)["screened"].to_list() == world.transfers["screened"].to_list()
    assert world.transfers["screened"].n_unique() == 6


# --- money ----------------------------------------------------------------------------------------


def test_dollar_coins_are_at_par_and_native_coins_have_one_price_a_day(world: World) -> None:
    rows = world.transfers.join(asset_lookup(), on=["chain", "asset"], how="inner").with_columns(
        units=pl.col("amount_raw").cast(pl.Float64) / 10.0 ** pl.col("decimals"),
        date=pl.col("block_time").dt.date().cast(pl.String),
    )
    stable = rows.filter(pl.col("asset_class") == "stablecoin")
    assert ((stable["units"] * 1e6 - stable["usd_micros"]).abs() < 0.5).all()
    native = rows.filter(pl.col("asset_class") == "native").join(
        world.prices, on=["chain", "asset", "date"], how="left"
    )
    worth = native["units"] * native["usd"].cast(pl.Float64) * 1e6
    assert native.height + stable.height > 0.95 * world.transfers.height
    assert ((worth - native["usd_micros"]).abs() < 1 + 1e-9 * worth).all()


def test_nobody_spends_coins_they_do_not_have(world: World, counted: pl.DataFrame) -> None:
    """Balances in order of the table never fall below zero: swaps, pools and bridges included.

    In units of the coin, to the last one, whatever its price does. Excepted are exchanges' own
    wallets: what reaches them from outside is not in the world.
    """
    mine = world.truth.filter(~pl.col("population").str.starts_with("exchange_hot"))
    rows = counted.with_row_index("at").with_columns(pl.col("amount_raw").cast(pl.Int128))
    moves = [
        rows.select("at", "chain", "asset", address=side, change=pl.col("amount_raw") * sign)
        for side, sign in (("receiver", 1), ("sender", -1))
    ]
    balance = pl.concat(moves).join(mine, on=KEY, how="semi").sort("at")
    least = balance.with_columns(pl.col("change").cum_sum().over(*KEY, "asset"))["change"].min()
    assert balance.height > 20_000
    assert least == 0


def test_who_empties_a_wallet_of_native_coins_sends_the_coins_whatever_they_are_worth(
    world: World, counted: pl.DataFrame
) -> None:
    """Deposit addresses are swept: what is left of a coin is less than the fees of its payments."""
    mine = world.truth.filter(population="exchange_deposit")
    rows = counted.filter(asset="native").select(
        "chain", "sender", "receiver", pl.col("amount_raw").cast(pl.Int128)
    )
    moves = [
        rows.select("chain", address=side, change=pl.col("amount_raw") * sign)
        for side, sign in (("receiver", 1), ("sender", -1))
    ]
    left = (
        pl.concat(moves)
        .join(mine, on=KEY, how="semi")
        .group_by(KEY)
        .agg(left=pl.col("change").sum(), came=pl.col("change").filter(pl.col("change") > 0).sum())
        .filter(pl.col("came").cast(pl.Float64) > 1e18)
    )
    share = left["left"].cast(pl.Float64) / left["came"].cast(pl.Float64)
    assert left.height > 10
    assert share.filter(share < 0.02).len() > 0.8 * share.len(), share.sort()


def test_deposit_addresses_pay_nobody_but_exchanges(world: World, counted: pl.DataFrame) -> None:
    deposits = world.truth.filter(
        pl.col("population").is_in(["exchange_deposit"]) | (pl.col("role") == "cash_out_deposit")
    ).select("chain", sender="address")
    hot = world.truth.filter(population="exchange_hot_wallet").select("chain", receiver="address")
    paid = counted.join(deposits, on=["chain", "sender"], how="semi")
    assert paid.height > 300
    assert paid.join(hot, on=["chain", "receiver"], how="anti").height == 0


def test_brokers_serve_several_cases(world: World, counted: pl.DataFrame) -> None:
    """Some receivers that are no accounts of the world are paid by criminals of several cases."""
    cases = world.truth.filter(pl.col("role").is_in(CRIMINAL_ROLES))
    paid = counted.join(cases, left_on=["chain", "sender"], right_on=KEY)
    strangers = paid.join(world.truth, left_on=["chain", "receiver"], right_on=KEY, how="anti")
    shared = strangers.group_by("chain", "receiver").agg(pl.col("case_id").n_unique())
    public = world.services.select("chain", receiver="address")
    shared = shared.join(public, on=["chain", "receiver"], how="anti")
    share = (shared["case_id"] > 1).mean()
    assert 0.005 < float(share) < 0.1  # type: ignore[arg-type]


def test_nobody_pays_an_exchanges_hot_wallet_but_deposit_addresses_and_the_house(
    world: World, counted: pl.DataFrame
) -> None:
    """Customers pay in at deposit addresses; who pays a hot wallet directly is not a customer."""
    hot = world.truth.filter(population="exchange_hot_wallet").select("chain", receiver="address")
    payers = counted.join(hot, on=["chain", "receiver"], how="semi").join(
        world.truth, left_on=["chain", "sender"], right_on=KEY
    )
    assert payers.height > 50
    assert set(payers["population"]) <= {"exchange_deposit", "exchange_cold_wallet"}


# --- who there is ---------------------------------------------------------------------------------


def test_there_are_as_many_accounts_as_asked_and_the_doubles_of_those_who_bridge(
    world: World,
) -> None:
    assert world.accounts.select(KEY).is_unique().all()
    doubled = world.truth.filter(pl.col("address").is_duplicated())
    doubles = doubled.height - doubled["address"].n_unique()
    assert 0 < doubles <= world.accounts.height - SIZE["addresses"]  # Tron's form is its own
    same = doubled.group_by("address").agg(
        pl.struct("role", "population", "case_id", "typology").n_unique(),
        chains=pl.col("chain").n_unique(),
        n=pl.len(),
    )
    assert same["role"].max() == 1
    assert (same["chains"] == same["n"]).all()


def test_prevalence_is_what_is_asked_and_one_percent_by_default(world: World) -> None:
    assert prevalence_of(world.truth) == pytest.approx(SIZE["prevalence"], abs=0.01)
    plan = draw_plan(1, 6_000, PREVALENCE)
    criminals = sum(len(layer) for case in plan.cases for layer in case.layers)
    assert criminals == 60
    assert sum(unit.accounts for unit in units_of(plan)) == 6_000


def test_a_plan_casts_every_population_role_typology_and_kind_of_victim() -> None:
    plan = draw_plan(1, 3_000, 0.1)
    assert {one.population for one in plan.ordinary} == {*ORDINARY, "exchange_deposit"}
    assert {case.typology for case in plan.cases} == set(TYPOLOGIES)
    roles = {role for case in plan.cases for layer in case.layers for role in layer}
    assert roles == set(CRIMINAL_ROLES)
    assert {kind for case in plan.cases for kind in case.victims} == set(VICTIMS)
    assert {wallet.cold for wallet in plan.exchanges} == {False, True}
    assert {unit.chain for unit in plan.cases} == set(range(len(identities.CHAINS)))


def test_victims_pay_throughout_the_time(world: World) -> None:
    """Cases last for months, so in a short world most of them begin early; but all have money."""
    paid = world.truth_flows.select("case_id", at="block_time")
    months = (paid["at"] - canonical.EPOCH).dt.total_days() // 30
    assert np.unique(months.to_numpy()).size >= SIZE["days"] // 30 - 1
    starts = paid.group_by("case_id").agg(pl.col("at").min())["at"]
    assert np.unique(((starts - canonical.EPOCH).dt.total_days() // 30).to_numpy()).size >= 4


def test_victims_payments_are_told_as_they_were_made(world: World) -> None:
    told = world.truth_flows.join(
        world.transfers,
        left_on=["chain", "tx_id", "victim", "collector"],
        right_on=["chain", "tx_id", "sender", "receiver"],
        how="left",
    )
    assert told["usd_micros_right"].equals(told["usd_micros"], check_names=False)
    assert told["asset_right"].equals(told["asset"], check_names=False)
    collectors = world.truth.filter(role="collector")
    cases = told.join(collectors, left_on=["chain", "collector"], right_on=KEY)
    assert cases.height == told.height
    assert (cases["case_id"] == cases["case_id_right"]).all()
    hot = world.truth.filter(population="exchange_hot_wallet")
    assert set(told.filter("from_exchange")["victim"]) <= set(hot["address"])
    assert told["from_exchange"].any()


# --- what exports and registries know -------------------------------------------------------------


def test_coverage_is_there_for_accounts_and_only_for_them(world: World) -> None:
    assert world.coverage.select(KEY).equals(world.accounts.select(KEY))
    assert world.coverage.select(KEY).equals(world.truth.select(KEY))
    assert (world.coverage["from"] == canonical.EPOCH).all()
    assert (world.coverage["to"] == world.end).all()


@pytest.fixture(scope="module")
def broad() -> World:
    """Return a short world of many accounts."""
    with unwatched():
        return build(seed=5, addresses=2_500, days=30, prevalence=0.2)


def test_a_few_exports_are_cut_off_or_one_sided_whoever_it_is(broad: World) -> None:
    rows = broad.coverage.join(broad.truth, on=KEY).with_columns(
        criminal=pl.col("role").is_in(CRIMINAL_ROLES)
    )
    one_sided = pl.col("legs") == ONE_SIDED_LEGS
    assert set(rows["legs"]) == {ONE_SIDED_LEGS, leg_text(LEGS)}
    for mark in (one_sided, ~pl.col("complete")):
        shares = rows.group_by("criminal").agg(share=mark.mean())["share"].to_list()
        assert min(shares) > 0.003 and max(shares) < 0.05


def test_every_hot_wallet_is_listed_and_processors_in_part(broad: World) -> None:
    hot = broad.truth.filter(population="exchange_hot_wallet")
    assert set(hot["chain"]) == set(identities.CHAINS)
    assert hot.join(broad.services, on=KEY, how="anti").height == 0
    listed = dict(broad.services.group_by("category").len().iter_rows())
    processors = broad.truth.filter(population="payment_processor").height
    assert 0 < listed["payment_processor"] < processors
    places = len(market.places("bridge", 0)) * len(identities.CHAINS)
    assert listed["bridge"] == places
    shady = broad.services.filter(pl.col("licit").cast(pl.String) != "true")["category"]
    assert set(shady) == {"mixer", "guarantee_marketplace"}


def test_the_moment_of_cutting_does_not_know_roles(world: World, counted: pl.DataFrame) -> None:
    sides = pl.concat(
        [counted.select("chain", "block_time", address=side) for side in ("sender", "receiver")]
    )
    first, last = pl.col("block_time").min(), pl.col("block_time").max()
    cut = (
        sides.join(world.accounts, on=KEY)
        .group_by(KEY)
        .agg(share=(pl.col("as_of").first() - first) / (last - first + timedelta(hours=1)))
        .join(world.truth, on=KEY)
    )
    criminal = cut["role"].is_in(CRIMINAL_ROLES)
    ours, theirs = (cut.filter(who)["share"].median() for who in (criminal, ~criminal))
    assert abs(float(ours) - float(theirs)) < 0.12  # type: ignore[arg-type]
    assert (world.accounts["as_of"] <= world.end).all()
