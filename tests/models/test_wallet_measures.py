"""Measures of wallets against slow plain Python, and their scales."""

from __future__ import annotations

import math
import statistics
from collections import Counter, deque

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from features.catalogue import catalogue
from features.computing import compute_signals
from features.history import DAY, HOUR, USD_PER_MICRO, Histories, History
from models.wallet_measures import (
    BY_NAME,
    MEASURES,
    PAYOUT_MEASURES,
    WIDE,
    measure_wallets,
    receivers_by_day,
)
from tests.features.histories import columns_of, histories, history
from tests.generated import cases

OWN = {measure.name: measure.of for measure in (*MEASURES, *PAYOUT_MEASURES) if measure.of}


def quantile(values: list[int], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def days_of(h: History) -> list[int]:
    paid: dict[int, set[int]] = {}
    for row in range(len(h)):
        if not h.incoming[row]:
            day = (int(h.time[row]) - int(h.time[0])) // DAY
            paid.setdefault(day, set()).add(int(h.counterparty[row]))
    return [len(receivers) for _, receivers in sorted(paid.items())]


def slow(name: str, h: History) -> float:
    """Say the same as a measure, in the words of its docstring."""
    n = len(h)
    amounts = [int(v) for v in h.value]
    paid = [row for row in range(n) if not h.incoming[row]]
    days = days_of(h)
    if name == "high_gap":
        gaps = [int(b) - int(a) for a, b in zip(h.time, h.time[1:], strict=False)]
        return quantile(gaps, 0.9) / 1e6 if gaps else math.nan
    if name in ("small_amount", "large_amount"):
        share = 0.1 if name == "small_amount" else 0.9
        return quantile(amounts, share) / statistics.median(amounts) if n else math.nan
    if name == "busiest_day_receivers":
        return max(days) if days else math.nan
    if name == "wide_day_share":
        return sum(d >= WIDE for d in days) / len(days) if days else math.nan
    if name == "top_receiver_transfers":
        counted = Counter(int(h.counterparty[row]) for row in paid)
        return max(counted.values()) / len(paid) if paid else math.nan
    if name == "payout":
        return statistics.median(amounts[row] for row in paid) / USD_PER_MICRO if paid else math.nan
    if name.startswith("payouts_round_"):
        unit = int(name.rpartition("_")[2]) * USD_PER_MICRO
        return sum(amounts[row] % unit == 0 for row in paid) / len(paid) if paid else math.nan
    assert name == "forwarded_share"
    waiting: deque[int] = deque()
    received = 0
    for row in range(n):
        if not h.two_sided[row]:
            continue
        if h.incoming[row]:
            waiting.append(amounts[row])
            received += amounts[row]
            continue
        left = amounts[row]
        while left and waiting:
            moved = min(left, waiting[0])
            left -= moved
            waiting[0] -= moved
            if not waiting[0]:
                waiting.popleft()
    return 1 - sum(waiting) / received if received else math.nan


@pytest.mark.parametrize("name", OWN, ids=str)
@given(h=histories())
@settings(max_examples=cases(60), deadline=None)
def test_a_measure_is_what_it_says(name, h):
    assert OWN[name](h) == pytest.approx(slow(name, h), rel=1e-9, abs=1e-12, nan_ok=True)


@given(h=histories())
@settings(max_examples=cases(30), deadline=None)
def test_days_count_from_the_first_transfer(h):
    assert receivers_by_day(h).tolist() == days_of(h)


def held(*of: History) -> Histories:
    keys = pl.DataFrame(
        {"address": [str(i) for i in range(len(of))], "legs": ["native_in,native_out"] * len(of)}
    )
    n = sum(len(h) for h in of)
    return Histories(
        columns_of(of), np.arange(n, dtype=np.int32), np.arange(n, dtype=np.uint32), keys, "usd"
    )


def test_every_measure_has_a_column_and_null_where_it_is_not_defined():
    one = history((0, "in", 1, 100), (HOUR, "out", 2, 60), (2 * DAY, "out", 3, 40))
    wallets = held(one, history())
    table = measure_wallets(wallets, compute_signals(wallets))
    assert table.columns == [measure.name for measure in MEASURES]
    first, empty = table.rows(named=True)
    assert first["transfers_out"] == 2
    assert first["forwarded_share"] == 1.0
    assert first["top_receiver_transfers"] == 0.5
    assert first["busiest_day_receivers"] == 1
    assert empty["transfers_in"] == 0
    assert {empty[measure.name] for measure in MEASURES if measure.of} == {None}


def test_a_measure_is_a_signal_or_has_a_function():
    signals = catalogue().by_name
    for measure in (*MEASURES, *PAYOUT_MEASURES):
        assert (measure.of is None) == (measure.name in signals), measure.name
        if measure.of is None:
            assert signals[measure.name].unit == measure.unit


def test_a_doubling_is_one_and_a_share_stays():
    values = np.array([1.0, 3.0, 7.0])
    assert BY_NAME["senders"].scaled(values).tolist() == [1.0, 2.0, 3.0]
    assert BY_NAME["large_amount"].scaled(values * 0 + 4.0).tolist() == [2.0] * 3
    assert BY_NAME["small_amount"].scaled(np.array([0.0])).tolist() == [math.log2(1e-6)]
    assert BY_NAME["forwarded_share"].scaled(values).tolist() == values.tolist()
