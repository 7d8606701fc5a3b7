"""Bridges, end to end: from tables and a services file to what each history may know."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.addresses import EVM_CHAINS, canonical_address
from data.assets import asset_lookup
from data.services import load_services
from features import cash_out, cross_chain
from features.bridges import LOW_FEE_CHAINS
from features.building import build_histories
from features.computing import compute_signals
from features.history import NO_CROSSINGS, Histories, microseconds
from pipelines.signals import signals
from tests.data.canonical import AS_OF, DAI, START, USDT, A, B, C, covered, plain, row, store
from tests.features.crossing_oracle import TWO_HOURS, Leg, second_opinion
from tests.features.test_histories import as_frame
from tests.generated import cases

USDT_ON = {
    "ethereum": USDT,
    "arbitrum": "0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9",
    "bsc": "0x55d398326f99059ff775485246999027b3197955",
    "tron": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
}
DAI_ON_ARBITRUM = "0xda10009cbd5d07dd0cecc66161fc93d7c9000da1"
ON_TRON, TRON_BRIDGE = (canonical_address("tron", "41" + digit * 40) for digit in "12")
BRIDGE, LATE_BRIDGE, ROUTER = ("0x" + digit * 40 for digit in "789")
UNITS = {(r["chain"], r["asset"]): r["decimals"] for r in asset_lookup().iter_rows(named=True)}

LATE = (START + timedelta(days=1)).date().isoformat()
"""Rows of that date count from the second day on."""

SERVICES = [
    ("ethereum", BRIDGE, "bridge", "2020-01-01"),
    ("arbitrum", BRIDGE, "bridge", "2020-01-01"),
    ("bsc", BRIDGE, "bridge", ""),
    ("bsc", LATE_BRIDGE, "bridge", "2020-01-01"),
    ("tron", TRON_BRIDGE, "bridge", "2021-01-01"),
    ("arbitrum", LATE_BRIDGE, "bridge", LATE),
    ("ethereum", LATE_BRIDGE, "bridge", LATE),
    ("ethereum", ROUTER, "dex_router", "2020-01-01"),
]


def services_file(folder: Path, rows: Sequence[tuple[str, ...]] = SERVICES) -> Path:
    path = folder / "services.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["chain", "address", "category", "date", "licit"])
        writer.writerows([*r, "true"] for r in rows)
    return path


def paid(
    minute: float, chain: str, sender: str, receiver: str, coins: float, **given: Any
) -> dict[str, Any]:
    """Return a payment of some dollars in USDT (or in the asset given)."""
    asset = given.pop("asset", USDT_ON[chain])
    raw = round(coins * 1000) * 10 ** (UNITS.get((chain, asset), 6) - 3)
    n = given.pop("n", round(minute * 60) + 10**6 * len(chain))
    return row(
        n,
        chain=chain,
        block_time=START + timedelta(minutes=minute),
        sender=sender,
        receiver=receiver,
        asset=asset,
        amount_raw=str(raw),
        usd_micros=round(coins * 1_000_000),
        **given,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bridges")


@pytest.fixture(scope="module")
def services(folder: Path) -> Path:
    return services_file(folder)


def built(
    folder: Path,
    services: Path | None,
    rows: Sequence[Mapping[str, Any]],
    *requests: tuple[str, str, datetime],
    basis: str = "usd",
) -> Histories:
    people = [covered(A, B, C, BRIDGE, LATE_BRIDGE, chain=chain) for chain in USDT_ON]
    coverage = pl.concat([*people, covered(ON_TRON, TRON_BRIDGE, chain="tron")])
    return build_histories(
        plain(folder, rows, coverage),
        as_frame(requests),
        as_of=AS_OF,
        basis=basis,
        services=None if services is None else load_services(services),
    )


# --- against every pair ---------------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw payments of a few people and bridges on four chains, within three days."""
    rows = []
    for n in range(draw(st.integers(0, 14))):
        chain = draw(st.sampled_from(list(USDT_ON)))
        people = [ON_TRON] if chain == "tron" else [A, B]
        bridges = [TRON_BRIDGE] if chain == "tron" else [BRIDGE, BRIDGE, LATE_BRIDGE]
        sides = [draw(st.sampled_from(people)), draw(st.sampled_from([*bridges, *bridges, C]))]
        sender, receiver = draw(st.permutations(sides))
        day = draw(st.sampled_from([0, 0, 0, 1, 2]))
        minute = draw(st.sampled_from([0, 1, 9, 60, 118, 119.9, 120, 180, 239]))
        asset = draw(st.sampled_from([USDT_ON[chain], USDT_ON[chain], "0x" + "77" * 20]))
        coins = draw(st.sampled_from([1000, 1000, 999, 970, 500]))
        rows.append(
            paid(day * 1440 + minute, chain, sender, receiver, coins, asset=asset, n=n,
                 screened=draw(st.sampled_from([None, None, None, None, "dust"])))
        )  # fmt: skip
    return rows


def since(chain: str, address: str) -> datetime | None:
    for c, a, category, date in SERVICES:
        if (c, a, category) == (chain, address, "bridge") and date:
            return datetime.fromisoformat(date + "T00:00:00+00:00") + timedelta(days=1)
    return None


def known(chain: str, address: str, as_of: datetime) -> bool:
    moment = since(chain, address)
    return moment is not None and moment <= as_of


def legs_by_row(rows: Sequence[Mapping[str, Any]], as_of: datetime) -> dict[int, Leg]:
    """Return the legs among the rows, by row, as somebody sees them who looks at a moment."""
    legs = {}
    for number, r in enumerate(rows):
        into, out = (known(r["chain"], r[side], as_of) for side in ("receiver", "sender"))
        if r["screened"] is None and into != out and (r["chain"], r["asset"]) in UNITS:
            legs[number] = Leg(
                time=microseconds(r["block_time"]),
                amount=int(r["amount_raw"]) / 10 ** UNITS[r["chain"], r["asset"]],
                deposit=into,
                chain=list(USDT_ON).index(r["chain"]),
                who=hash(r["sender"] if into else r["receiver"]),
                evm=r["chain"] in EVM_CHAINS,
            )
    return legs


REQUESTS = [
    (chain, address, START + timedelta(minutes=minutes))
    for chain, address in (("ethereum", A), ("arbitrum", A), ("arbitrum", B), ("tron", ON_TRON),
                           ("ethereum", LATE_BRIDGE), ("bsc", A))
    for minutes in (121, 240, 359, 1440 + 240, 2 * 1440, 3 * 1440)
]  # fmt: skip


@settings(max_examples=cases(40))
@given(rows=tables(), basis=st.sampled_from(["usd", "relative"]))
def test_against_every_pair(
    folder: Path, services: Path, rows: list[dict[str, Any]], basis: str
) -> None:
    histories = built(folder, services, rows, *REQUESTS, basis=basis)
    for i, (chain, _, as_of) in enumerate(REQUESTS):
        legs = legs_by_row(rows, as_of)
        opinions = dict(zip(legs, second_opinion(list(legs.values())), strict=True))
        places = list(legs)
        seen = histories[i].crossing
        for k, number in enumerate(histories.rows_of(i).tolist()):
            leg, opinion = legs.get(number), opinions.get(number)
            other = rows[number]["sender" if histories[i].incoming[k] else "receiver"]
            if not known(chain, other, as_of):
                leg = None  # what a bridge itself pays and is paid is no crossing of its own
            if leg is None or leg.time + TWO_HOURS > microseconds(as_of):
                assert math.isnan(seen.matched[k]) and math.isnan(seen.best[k])
                assert seen.other[k] == -1
                continue
            assert opinion is not None
            assert seen.matched[k] == pytest.approx(opinion.matched, rel=1e-5, nan_ok=True)
            assert seen.best[k] == pytest.approx(opinion.best, rel=1e-5, nan_ok=True)
            if seen.other[k] < 0:
                assert not opinion.best > 0
                continue
            other = int(seen.other[k])
            assert opinion.pairs[places.index(other)] == pytest.approx(opinion.best)
            assert seen.low_fee[k] == (rows[other]["chain"] in LOW_FEE_CHAINS)


@settings(max_examples=cases(25))
@given(rows=tables(), minutes=st.sampled_from([121, 240, 359, 1440, 1440 + 240, 2 * 1440 + 1]))
def test_later_rows_and_later_requests_change_nothing(
    folder: Path, services: Path, rows: list[dict[str, Any]], minutes: int
) -> None:
    cut = START + timedelta(minutes=minutes)
    early = [(chain, address, cut) for chain, address, _ in REQUESTS[::6]]
    seen = built(folder, services, [r for r in rows if r["block_time"] < cut], *early)
    whole = built(folder, services, rows, *early, *REQUESTS)
    for i in range(len(early)):
        here, there = seen[i].crossing, whole[i].crossing
        np.testing.assert_array_equal(here.matched, there.matched)
        np.testing.assert_array_equal(here.best, there.best)
        np.testing.assert_array_equal(here.low_fee, there.low_fee)
        assert (here.other >= 0).tolist() == (there.other >= 0).tolist()


# --- by hand --------------------------------------------------------------------------------------

CROSSING = [
    paid(0, "ethereum", A, BRIDGE, 1000),
    paid(9, "arbitrum", BRIDGE, A, 999),
]


def test_a_leg_is_known_once_it_has_settled_and_the_other_is_named(
    folder: Path, services: Path
) -> None:
    moments = [START + timedelta(minutes=m) for m in (119.99, 120, 128.9, 129)]
    asked = [("ethereum", A, m) for m in moments] + [("arbitrum", A, m) for m in moments]
    histories = built(folder, services, CROSSING, *asked)
    known = [bool(histories[i].crossing.matched[0] > 0.99) for i in range(8)]
    assert known == [False, True, True, True, False, False, False, True]
    assert [histories[i].crossing.other[0] for i in (1, 7)] == [1, 0]
    assert histories[7].crossing.low_fee[0] == ("ethereum" in LOW_FEE_CHAINS)
    assert histories[1].crossing.low_fee[0]


def test_a_bridge_counts_from_the_day_after_its_date(folder: Path, services: Path) -> None:
    rows = [
        paid(0, "ethereum", A, BRIDGE, 1000),
        paid(3, "arbitrum", LATE_BRIDGE, B, 999.5),
        paid(9, "arbitrum", BRIDGE, B, 999.5),
    ]
    days = [START + timedelta(days=d) for d in (1.5, 2.5)]
    histories = built(folder, services, rows, *(("ethereum", A, d) for d in days))
    early, late = (histories[i].crossing for i in range(2))
    assert early.other[0] == 2 and early.best[0] > 0.6
    assert late.other[0] == 1 and late.best[0] < 0.6  # a rival, though it was there all the time


def test_between_two_bridges_money_has_not_left(folder: Path, services: Path) -> None:
    rows = [
        paid(0, "ethereum", LATE_BRIDGE, BRIDGE, 1000),
        paid(9, "arbitrum", BRIDGE, A, 999),
    ]
    days = [START + timedelta(days=d) for d in (1.5, 2.5)]
    histories = built(folder, services, rows, *(("ethereum", LATE_BRIDGE, d) for d in days))
    assert histories[0].crossing.other.tolist() == [1]
    assert np.isnan(histories[1].crossing.matched).all()


def test_coins_are_compared_and_not_units_or_prices(folder: Path, services: Path) -> None:
    rows = [
        paid(0, "ethereum", A, BRIDGE, 1000) | {"usd_micros": None},
        paid(9, "bsc", LATE_BRIDGE, A, 1000) | {"usd_micros": 5},
    ]
    assert len(rows[0]["amount_raw"]) < len(rows[1]["amount_raw"])  # 6 decimals, and 18
    assert built(folder, services, rows, ("bsc", A, AS_OF))[0].crossing.best[0] > 0.999


def test_each_task_of_a_run_sees_its_own_histories(
    folder: Path, services: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [START + timedelta(days=d) for d in (-3000, 40, -3000, 50)]
    asked = [(chain, A, m) for m in moments for chain in ("ethereum", "arbitrum")]
    histories = built(folder, services, CROSSING, *asked)
    families = [cash_out.FAMILY, cross_chain.FAMILY]
    whole = compute_signals(histories, families)
    assert whole["unmatched_crossing_share"].to_list() == [None, None, 0, 0] * 2
    monkeypatch.setattr("features.computing._EVENTS_PER_TASK", 1)
    assert compute_signals(histories, families).equals(whole)


def test_nothing_is_held_where_no_bridge_is_known(folder: Path) -> None:
    histories = built(folder, None, CROSSING, ("ethereum", A, AS_OF))
    assert histories.columns.crossings is NO_CROSSINGS
    assert np.isnan(histories[0].crossing.matched).all()


def test_a_crowd_is_reported(folder: Path, services: Path) -> None:
    rows = [paid(0, "ethereum", A, BRIDGE, 1000, n=n) for n in range(2)]
    rows += [paid(1, "tron", TRON_BRIDGE, ON_TRON, 1000, n=1000 + n) for n in range(300)]
    histories = built(folder, services, rows, ("ethereum", A, AS_OF))
    assert np.isnan(histories[0].crossing.matched).all()
    (note,) = histories.notes
    assert note.startswith("2 transfers over bridges") and "2 transfers over bridges are" in note


# --- through the job ------------------------------------------------------------------------------

JOURNEY = [
    paid(0, "tron", ON_TRON, TRON_BRIDGE, 1001),
    paid(10, "ethereum", BRIDGE, A, 1000),
    paid(30, "ethereum", A, ROUTER, 1000),
    paid(30, "ethereum", ROUTER, A, 998, asset=DAI, log_index=1),
    paid(89, "ethereum", A, BRIDGE, 998, asset=DAI),
    paid(100, "arbitrum", BRIDGE, A, 997, asset=DAI_ON_ARBITRUM),
]


def test_signals_of_a_journey_over_three_chains(tmp_path: Path) -> None:
    where = store(tmp_path / "store", JOURNEY, covered(A))
    out = tmp_path / "signals.parquet"
    signals(where, out, services=services_file(tmp_path), threads=1)
    told = pl.read_parquet(out).row(0, named=True)
    assert (told["chain"], told["address"]) == ("ethereum", A)
    names = ["bridge_transfers", "bridges_used", "one_to_one_crossing_share",
             "unmatched_crossing_share", "hop_sequence", "receipt_to_bridge", "bridged_1h_share",
             "first_arrival_bridge_share", "low_fee_chain_share"]  # fmt: skip
    expected = [2, 1, 1, 0, 3, 59 * 60, 998 / 1998, 1000 / 1998, 1]
    assert [told[name] for name in names] == pytest.approx(expected)
    of_tron = 11 / (1 + (1 / 1001) / 0.003) ** 2 * 9 / (1 + 10 / 15) ** 2
    of_arbitrum = 11 / (1 + (1 / 998) / 0.003) ** 2 * 9 / (1 + 11 / 15) ** 2 * 10_000
    found = 1000 * of_tron / (1 + of_tron) + 998 * of_arbitrum / (1 + of_arbitrum)
    assert told["matched_crossing_share"] == pytest.approx(found / 1998)


def test_before_anybody_is_known_on_a_chain_the_signals_of_a_journey_are_null(
    tmp_path: Path,
) -> None:
    """The rows of the registry that comes with the package are of a later day on Arbitrum."""
    where = store(tmp_path / "store", JOURNEY, covered(A, chain="arbitrum"))
    out = tmp_path / "signals.parquet"
    signals(where, out, threads=1)
    told = pl.read_parquet(out).row(0, named=True)
    assert told["bridge_transfers"] is None and told["hop_sequence"] is None
