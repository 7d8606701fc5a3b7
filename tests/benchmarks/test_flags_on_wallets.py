"""Red flags on wallets: what fires, what never does, and the transfers shown for it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import flags_on_wallets
from benchmarks.cuts import NATIVE, TOKENS
from benchmarks.flag_evidence import pages
from benchmarks.flag_list import SHORT, by_wallet
from benchmarks.flag_rules import FEWEST, UNUSUAL, Citation, citations, fired, limit, seen
from benchmarks.flag_sights import REAL, SYNTHETIC, Sight, Wallets, sights
from data.transfers import open_transfers
from features.catalogue import catalogue
from pipelines.alerting.red_flags import red_flags
from pipelines.engines import local

HIGH, LOW = Citation("many", "senders", low=False), Citation("fast", "dwell", low=True)


@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.5, 7.0]) | st.floats(-9, 9), min_size=5, max_size=30),
    st.integers(FEWEST, FEWEST + 40),
)
def test_at_most_one_ordinary_account_in_twenty_is_unusual(drawn: list[float], n: int):
    values = [drawn[k * k % len(drawn)] for k in range(n)]
    series = pl.Series(values)
    for low in (False, True):
        bound = limit(series, low=low)
        assert bound is not None
        beyond = sum(v < bound if low else v > bound for v in values)
        assert beyond <= UNUSUAL * len(values)
        assert bound in values


def test_too_few_ordinary_accounts_say_nothing():
    known = pl.Series([1.0] * (FEWEST - 1) + [None] * 500)
    assert limit(known, low=False) is None
    ordinary = pl.DataFrame({"senders": known})
    wallet = pl.DataFrame({"address": ["w"], "senders": [99.0]})
    assert fired(wallet, ordinary, [HIGH]).is_empty()
    assert seen(wallet, ordinary, [HIGH]) == {}


def test_a_flag_fires_beyond_the_limit_on_the_side_it_is_cited_for():
    ordinary = pl.DataFrame(
        {"senders": [float(k) for k in range(200)], "dwell": [float(k) for k in range(200)]}
    )
    wallets = pl.DataFrame(
        {
            "address": ["many", "fast", "usual", "at the limit", "unknown"],
            "senders": [500.0, 0.0, 50.0, 190.0, None],
            "dwell": [900.0, 1.0, 50.0, 9.0, None],
        }
    )
    found = fired(wallets, ordinary, [HIGH, LOW])
    assert found.select("address", "flag", "signal", "value", "limit").rows() == [
        ("many", "many", "senders", 500.0, 190.0),
        ("fast", "fast", "dwell", 1.0, 9.0),
    ]
    assert seen(wallets, ordinary, [HIGH, LOW]) == {"many": 4, "fast": 4}


def test_counts_are_unusual_among_all_and_among_accounts_of_about_as_many_transfers():
    grows = Citation("many", "senders", low=False, grows=True)
    few, many = [float(k % 10) for k in range(200)], [float(k) for k in range(200)]
    ordinary = pl.DataFrame({"senders": few + many, "n_transfers": [10] * 200 + [100] * 200})
    wallets = pl.DataFrame(
        {
            "address": ["small", "not many at all", "busy", "busier", "busiest", "most of all"],
            "senders": [500.0, 12.0, 185.0, 199.0, 94.0, 199.0],
            "n_transfers": [12, 12, 200, 200, 100_000, 100_000],
        }
    )
    of_all = limit(ordinary["senders"], low=False)
    of_the_busy = limit(pl.Series(many), low=False)
    nearest = limit(pl.Series(many[:FEWEST]), low=False)  # the first of those equally near
    assert (of_all, of_the_busy, nearest) == (180.0, 190.0, 95.0)
    found = fired(wallets, ordinary, [grows])
    assert found.select("address", "limit").rows() == [
        ("small", of_all),
        ("busier", of_the_busy),
        ("most of all", of_all),
    ]
    assert seen(wallets, ordinary, [grows]) == {"many": 6}


def test_a_share_of_too_few_payments_raises_nothing():
    habit = Citation("pairs", "paired", low=False, fewest=(("transfers_out", 5),))
    ordinary = pl.DataFrame({"paired": [float(k) for k in range(200)]})
    wallets = pl.DataFrame(
        {"address": ["a", "b", "c"], "paired": [500.0] * 3, "transfers_out": [4.0, 5.0, None]}
    )
    assert fired(wallets, ordinary, [habit])["address"].to_list() == ["b"]
    assert seen(wallets, ordinary, [habit]) == {"pairs": 1}


def test_a_flag_with_several_parts_fires_where_all_of_them_hold():
    cited = Citation("rapid_pass_through", "x", low=False)
    ordinary = pl.DataFrame({"x": [float(k) for k in range(200)]})
    wallets = pl.DataFrame(
        {
            "address": ["quick", "slow", "keeps it", "unknown"],
            "x": [500.0] * 4,
            "exchange_out_share": [0.0] * 4,
            "receivers": [3.0] * 4,
            "forwarded_24h_share": [0.9, 0.1, 0.9, None],
            "retained_share": [0.0, 0.0, 0.8, 0.0],
        }
    )
    assert fired(wallets, ordinary, [cited])["address"].to_list() == ["quick"]
    assert seen(wallets, ordinary, [cited]) == {"rapid_pass_through": 4}


@pytest.mark.parametrize("flag, raised", [("cash_out", 2), ("gather_scatter", 4)])
def test_what_an_exchange_does_with_a_deposit_address_is_not_said_of_it(flag: str, raised: int):
    cited = Citation(flag, "x", low=False)
    ordinary = pl.DataFrame({"x": [float(k) for k in range(200)]})
    wallets = pl.DataFrame(
        {
            "address": ["deposit", "swept", "many receivers", "unknown"],
            "x": [500.0] * 4,
            "exchange_out_share": [1.0, 0.99, 1.0, None],
            "receivers": [1.0, 2.0, 3.0, 1.0],
            "exchange_out_2_hops": [1.0] * 4,
            "gathered_then_scattered": [9.0] * 4,
        }
    )
    assert fired(wallets, ordinary, [cited]).height == raised
    assert seen(wallets, ordinary, [cited]) == {flag: raised}


def test_every_citation_of_the_catalogue_is_read_and_clocks_are_not():
    found = citations(catalogue().signals)
    told = {(one.flag, one.signal): one.low for one in found}
    assert told["rapid_pass_through", "dwell_of_value"] is True
    assert told["rapid_pass_through", "forwarded_24h_share"] is False
    assert not {one.signal for one in found} & {
        s.name for s in catalogue().signals if s.depends_on_as_of
    }
    assert len(told) == len(found)


@pytest.fixture(scope="module")
def seen_in(worlds: list[Path]) -> list[Sight]:
    """Criminals of a world as wallets, its benign accounts as normals and as ordinary."""
    truth = pl.read_parquet(worlds[0] / "truth.parquet").filter(chain="ethereum")
    criminal = truth.filter(role="collector")["address"].unique().sort()
    benign = truth.filter(role="benign").select("chain", "address")
    transfers = open_transfers(worlds[0])
    assert transfers.as_of is not None
    normals = local.measure(
        transfers, benign, as_of=transfers.as_of, basis="relative", legs=NATIVE.split(",")
    ).signals
    wallets = Wallets("w", worlds[0], "ethereum", tuple(criminal), NATIVE, TOKENS)
    return sights(wallets, normals, worlds[0], citations(catalogue().signals))


def test_scale_free_signals_are_judged_by_normals_and_the_rest_by_a_world(seen_in: list[Sight]):
    real, synthetic = seen_in
    assert (real.population, synthetic.population) == (REAL, SYNTHETIC)
    by_normals = {one.signal for one in real.cited}
    by_world = {one.signal for one in synthetic.cited}
    assert not by_normals & by_world
    assert {"senders", "forwarded_24h_share"} <= by_normals
    assert "round_100_share" in by_world
    assert not any(catalogue().by_name[name].dollars for name in by_normals)
    assert real.wallets["address"].to_list() == synthetic.wallets["address"].to_list()


def test_the_table_counts_wallets_and_ordinary_accounts_by_one_rule(seen_in: list[Sight]):
    real = seen_in[0]
    wallets = Wallets("some wallets", real.store, "ethereum", (), NATIVE, TOKENS)
    text = flags_on_wallets.table(wallets, seen_in)
    line = next(row for row in text.splitlines() if row.startswith(f"| rapid_fan_in | {REAL}"))
    ours, ordinary = real.long_enough()
    cited = [one for one in real.cited if one.flag == "rapid_fan_in"]
    assert {one.grows for one in cited} == {True, False}

    def size(one: Citation, transfers: int) -> int:
        return next(k for k in range(40) if 3 ** (k + 1) > transfers) if one.grows else 0

    def unusual(value: float, values: list[float]) -> bool:
        passing = sum(v >= value for v in values)
        return passing <= UNUSUAL * (len(values) - 1) and value > min(values)

    def raised(rows: pl.DataFrame) -> tuple[int, int]:
        hit, able = set(), set()
        for one in cited:
            usual = ordinary.select(one.signal, "n_transfers").drop_nulls().rows()
            for row in rows.iter_rows(named=True):
                address, value, n = row["address"], row[one.signal], row["n_transfers"]
                counted = all((row[column] or 0) >= least for column, least in one.fewest)
                if value is None or len(usual) < FEWEST or not counted:
                    continue
                able.add(address)
                middle = size(one, n) + 0.5
                alike = [v for v, m in usual if size(one, m) == size(one, n)]
                if len(alike) < FEWEST:
                    nearest = sorted(usual, key=lambda each: abs(math.log(each[1], 3) - middle))
                    alike = [v for v, _ in nearest[:FEWEST]]
                held = (row["senders_24h"] or 0) >= 5  # what the flag needs, all in all
                if held and unusual(value, [v for v, _ in usual]) and unusual(value, alike):
                    hit.add(address)
        return len(hit), len(able)

    hits, able = raised(ours)
    assert f"| {hits} of {able} (" in line
    usual, able = raised(ordinary)
    assert f"| {usual / able:.0%} |" in line
    *rows, silent = text.strip().splitlines()
    named = silent.removeprefix("No signal that these exports show cites: ").rstrip(".").split(", ")
    shown = {row.split(" | ")[0].removeprefix("| ") for row in rows if row.count("|") > 4}
    assert shown.isdisjoint(named)
    assert (shown | set(named)) >= set(red_flags())


def test_the_evidence_is_of_the_wallet_and_of_the_signal(seen_in: list[Sight]):
    text = pages(seen_in, 2)
    assert text.count("\n## ") + text.startswith("## ") == 2
    address = text.split("\n")[0].removeprefix("## ")
    store = pl.read_parquet(seen_in[0].store / "transfers.parquet")
    own = store.filter((pl.col("sender") == address) | (pl.col("receiver") == address))
    shown = [
        line.split(" | ")[-1].rstrip(" |")
        for line in text.split("\n## ")[0].splitlines()
        if line.startswith("| 20")
    ]
    assert shown
    assert set(shown) <= set(own["tx_id"].str.head(16))


def test_the_list_tells_each_flag_once_and_names_no_whole_address(seen_in: list[Sight]):
    text = by_wallet(seen_in)
    told = {
        line.split("`")[1].removesuffix("…"): line
        for line in text.splitlines()
        if line.startswith("| `")
    }
    raised: dict[str, set[str]] = {}
    for sight in seen_in:
        ours, ordinary = sight.long_enough()
        assert not any(address in text for address in ours["address"])
        for row in fired(ours, ordinary, sight.cited).iter_rows(named=True):
            raised.setdefault(row["address"][:SHORT], set()).add(row["flag"])
    assert raised
    assert told.keys() == raised.keys()
    for address, flags in raised.items():
        assert all(told[address].count(f"**{flag}**") == 1 for flag in flags)
        assert told[address].count("**") == 2 * len(flags)
        assert f"| {len(flags)} |" in told[address]


def test_a_wallet_with_few_transfers_neither_fires_nor_counts(seen_in: list[Sight]):
    real = seen_in[0]
    short = replace(real, wallets=real.wallets.with_columns(n_transfers=pl.lit(4, pl.Int64)))
    wallets = Wallets("w", real.store, "ethereum", (), NATIVE, TOKENS)
    assert "| 0 of 0 |" in flags_on_wallets.table(wallets, [short])
    assert pages([short], 3) == ""
    assert by_wallet([short]).splitlines()[-1].startswith("0 more")
