"""The filter both sides of a comparison pass: legs, chains, cuts, and who is linked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import Refused
from data.schema import COVERAGE, QUARANTINE, TRANSFERS, empty, sort_transfers
from data.storage import write_store
from pipelines.observation import (
    Filter,
    View,
    both_ways,
    observe,
    party_of_store,
    payouts_alone,
    shared_legs,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
NATIVE = View("native", ("native_in", "native_out"))
SHORT = Filter(fewest=2)


def address(number: int) -> str:
    return f"0x{number:040x}"


def store(
    out: Path,
    payments: list[tuple[int, int, int]],
    covered: dict[int, str],
    *,
    chain: str = "ethereum",
    kind: str = "native",
) -> Path:
    """Write a store of ``(day, sender, receiver)``, and who is covered through which legs."""
    n = len(payments)
    token = "0xdac17f958d2ee523a2206206994597c13d831ec7"
    rows = pl.DataFrame(
        {
            "chain": [chain] * n,
            "block_time": [START + timedelta(days=day) for day, *_ in payments],
            "tx_id": [f"0x{i:064x}" for i in range(n)],
            "log_index": [0] * n,
            "kind": [kind] * n,
            "sender": [address(a) for _, a, _ in payments],
            "receiver": [address(b) for *_, b in payments],
            "asset": ["native" if kind == "native" else token] * n,
            "amount_raw": [str(10**18 * (i + 1)) for i in range(n)],
            "usd_micros": [50_000_000 * (i + 1) for i in range(n)],
        }
    )
    transfers = rows.with_columns(
        pl.lit(None, kind_).alias(name)
        for name, kind_ in TRANSFERS.items()
        if name not in rows.columns
    ).select(pl.col(name).cast(kind_) for name, kind_ in TRANSFERS.items())
    coverage = pl.DataFrame(
        {"address": [address(a) for a in covered], "legs": list(covered.values())}
    ).select(
        chain=pl.lit(chain),
        address="address",
        **{"from": pl.lit(None), "to": pl.lit(START + timedelta(days=999))},
        complete=pl.lit(True),
        legs="legs",
        source=pl.lit("test"),
        fetched_as_of=pl.lit(None),
    )
    facts = {"as_of": (START + timedelta(days=1000)).isoformat(), "synthetic": False}
    write_store(
        out,
        sort_transfers(transfers),
        coverage.cast(pl.Schema(COVERAGE)),
        empty(QUARANTINE),
        facts,
    )
    return out


BOTH = "native_in,native_out"


def test_both_sides_are_cut_to_the_shorter_span_and_the_smaller_number(tmp_path):
    # The world's longest history: 40 transfers over 390 days. The reference's: 3 over 100 days.
    long = [(10 * i, 1 + i % 2, 2 - i % 2) for i in range(40)]
    world = party_of_store(store(tmp_path / "w", long, {1: BOTH}))
    few = [(0, 7, 8), (50, 8, 7), (100, 7, 9)]
    real = party_of_store(store(tmp_path / "r", few, {7: BOTH}))
    ours, theirs, cut = observe(world, real, NATIVE, SHORT)
    assert (cut.days, cut.transfers, cut.chains) == (100.0, 3, ("ethereum",))
    assert ours.measured.histories.counts.tolist() == [3]
    assert theirs.measured.histories.counts.tolist() == [3]
    # the first three, and amounts relative to what is left
    assert ours.measured.signals["days_in_use"].to_list() == [20.0]
    history = ours.measured.histories[0]
    assert float(np.median(history.value / history.scale)) == pytest.approx(1.0)


def test_the_first_days_are_cut_from_each_historys_own_beginning(tmp_path):
    payments = [(d, 1, 2) for d in (0, 10, 29, 31)] + [(d, 3, 4) for d in (500, 510, 540)]
    world = party_of_store(store(tmp_path / "w", payments, {1: BOTH, 3: BOTH}))
    early = View("early", NATIVE.legs, 30)
    ours, theirs, cut = observe(world, world, early, SHORT)
    assert cut.days == 30
    assert ours.measured.histories.counts.tolist() == [3, 2]
    assert theirs.measured.histories.counts.tolist() == [3, 2]


def test_short_histories_are_dropped_after_the_cut(tmp_path):
    payments = [(d, 1, 2) for d in (0, 1, 2)] + [(d, 3, 4) for d in (0, 40, 50)]
    world = party_of_store(store(tmp_path / "w", payments, {1: BOTH, 3: BOTH}))
    ours, _, _ = observe(world, world, View("early", NATIVE.legs, 30), SHORT)
    assert ours.measured.histories.keys["address"].to_list() == [address(1)]


def test_of_too_many_histories_some_are_drawn_and_always_the_same(tmp_path):
    payments = [(d, a, 99) for a in range(1, 31) for d in (a, a + 1)]
    world = party_of_store(store(tmp_path / "w", payments, dict.fromkeys(range(1, 31), BOTH)))
    some = Filter(fewest=2, most=10, seed=4)
    ours, theirs, _ = observe(world, world, NATIVE, some)
    assert len(ours.groups) == 10
    assert ours.measured.histories.keys.equals(theirs.measured.histories.keys)


def test_the_worlds_accounts_are_those_on_the_references_chains(tmp_path):
    payments = [(0, 1, 2), (1, 1, 2)]
    other = store(tmp_path / "o", payments, {1: BOTH}, chain="polygon")
    real = party_of_store(store(tmp_path / "r", payments, {1: BOTH}))
    # A world without any account on the reference's chains is compared as it is.
    ours, _, cut = observe(party_of_store(other), real, NATIVE, SHORT)
    assert cut.chains == ()
    assert len(ours.groups) == 1


def test_legs_are_those_that_every_account_has(tmp_path):
    covered = {1: "native_in,native_out,token_out", 2: "native_in,native_out,token_in"}
    party = party_of_store(store(tmp_path / "r", [(0, 1, 2)], covered))
    assert shared_legs(party) == ("native_in", "native_out")
    apart = party_of_store(store(tmp_path / "a", [(0, 1, 2)], {1: "native_in", 2: "native_out"}))
    with pytest.raises(Refused, match="no leg in common"):
        shared_legs(apart)
    assert both_ways(("native_in", "token_in", "token_out")) == ("token_in", "token_out")


def test_accounts_that_pay_each_other_are_one_group(tmp_path):
    payments = [(0, 1, 2), (1, 2, 3), (2, 4, 99), (3, 5, 99)]
    party = party_of_store(store(tmp_path / "r", payments, dict.fromkeys((1, 2, 3, 4, 5), BOTH)))
    assert party.accounts["group"].to_list() == [address(n) for n in (1, 1, 1, 4, 5)]


def test_pay_outs_are_outgoing_tokens_in_dollars(tmp_path):
    payments = [(0, 1, 2), (1, 2, 1), (2, 1, 3)]
    legs = "token_out,token_in"
    party = party_of_store(store(tmp_path / "t", payments, {1: legs}, kind="token"))
    seen = payouts_alone(party, Filter())
    assert seen.measured.histories.counts.tolist() == [2]
    assert seen.measured.signals["value_out"].to_list() == [200.0]


def test_a_store_that_covers_nobody_is_refused(tmp_path):
    with pytest.raises(Refused, match="whose histories"):
        party_of_store(store(tmp_path / "r", [(0, 1, 2)], {}))
