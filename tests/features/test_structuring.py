"""Structuring: every signal against its formula in plain Python, and worked examples by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import nan
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings

from features.history import DAY, HOUR, STABLECOIN, History
from features.structuring import FAMILY
from tests.features.histories import COIN, DAI, USDC, USDT, columns_of, histories, history
from tests.features.plain import (
    Transfer,
    check,
    received,
    sent,
    share,
    some_of,
    transfers_of,
    windows,
)
from tests.generated import cases

NAMES = [signal.name for signal in FAMILY.signals]
DOLLAR = 1_000_000


def values(of: History) -> dict[str, float]:
    """Return the kernel's values by name."""
    out = np.empty((1, len(NAMES)))
    FAMILY.kernel(columns_of([of]), 0, 1, out)
    return dict(zip(NAMES, out[0].tolist(), strict=True))


def dollars(*transfers: tuple[str, float], asset: object = USDT, gap: int = HOUR) -> History:
    """Return a history of ("in"/"out", dollars), each `gap` after the last."""
    rows = [(k * gap, way, k, round(sum_ * DOLLAR)) for k, (way, sum_) in enumerate(transfers)]
    return history(*rows, asset=asset, scale=float(DOLLAR))  # type: ignore[arg-type]


def by_formula(flows: list[Transfer], both: list[Transfer], dollar: int) -> dict[str, float]:
    out, stable = sent(flows), [one for one in sent(flows) if one.kind & STABLECOIN]
    below = [one for one in out if just_below(one.value, dollar)]
    return {
        **{f"round_{sum_}_share": round_share(stable, sum_ * dollar) for sum_ in (10, 100, 1000)},
        "sub_threshold_share": share(len(below), len(out)) if len(out) >= 3 else nan,
        "sub_threshold_24h": max(map(len, windows(below, DAY)), default=0),
        **tickets([one.value for one in received(both)], [one.value for one in sent(both)], dollar),
        "repeated_in_share": repeated(received(flows)),
        "repeated_out_share": repeated(out),
        "stablecoin_payments": len(stable),
    }


def just_below(value: int, dollar: int) -> bool:
    return any(9 * t * dollar <= 10 * value < 10 * t * dollar for t in (1_000, 3_000, 10_000))


def round_share(stable: list[Transfer], sum_: int) -> float:
    whole = sum(one.value % sum_ == 0 for one in stable)
    return share(whole, len(stable)) if len(stable) >= 3 else nan


def tickets(into: list[int], out: list[int], dollar: int) -> dict[str, float]:
    names = ("fragmentation", "ticket_ratio", "small_tickets_share", "large_tickets_share")
    if not into or not out:
        return dict.fromkeys(names, nan)
    small_out = sum(value < 100 * dollar for value in out) / len(out)
    small_in = sum(value < 100 * dollar for value in into) / len(into)
    typical = median(into)
    tenths = sum(10 * value < typical for value in out) / len(out)
    tens = sum(value > 10 * typical for value in out) / len(out)
    shares = (small_out - small_in, median(out) / typical, tenths, tens)
    return dict(zip(names, shares, strict=True))


def repeated(flows: list[Transfer]) -> float:
    times = Counter((one.value, one.coin) for one in flows)
    return share(sum(count for count in times.values() if count > 1), len(flows))


# In and around the tenths below the thresholds, small, round, and ten times as much or as little.
SUMS = [9.99, 10, 99.99, 100, 899, 900, 999.5, 1_000, 2_700, 3_000, 9_000, 10_000]


@settings(max_examples=cases(200))
@given(histories(), some_of(SUMS, 40))
def test_every_signal_is_its_formula(some, sums):
    for of in (some, of_sums(some, sums)):
        flows, both = transfers_of(of), transfers_of(of, both=True)
        check(FAMILY, of, by_formula(flows, both, int(of.scale)))


def of_sums(some: History, sums: list[float]) -> History:
    """Return the history with other amounts, in dollars."""
    value = np.array([round(sum_ * DOLLAR) for sum_ in sums[: len(some)]], dtype=np.int64)
    return replace(some, value=value, scale=float(DOLLAR))


def test_the_worked_example_of_the_family():
    cut = values(dollars(("in", 10_000), *[("out", 950)] * 9, ("out", 1_450)))
    assert cut["sub_threshold_share"] == pytest.approx(0.9)
    assert cut["repeated_out_share"] == pytest.approx(0.9)
    assert cut["small_tickets_share"] == pytest.approx(0.9)
    assert cut["sub_threshold_24h"] == 9
    assert cut["ticket_ratio"] == pytest.approx(0.095)


@pytest.mark.parametrize(
    "amount, below",
    [
        (899.999999, False), (900, True), (999.999999, True), (1_000, False),
        (2_699.99, False), (2_700, True), (2_999, True), (3_000, False),
        (9_000, True), (9_999.99, True), (10_000, False), (12_000, False),
    ],
)  # fmt: skip
def test_the_tenth_below_each_threshold(amount, below):
    assert values(dollars(*[("out", amount)] * 3))["sub_threshold_share"] == below


def test_the_busiest_24_hours_roll():
    assert values(dollars(*[("out", 950)] * 5, gap=DAY))["sub_threshold_24h"] == 1
    assert values(dollars(*[("out", 950)] * 5, gap=DAY // 2))["sub_threshold_24h"] == 2
    assert values(dollars(("in", 950)))["sub_threshold_24h"] == 0


def test_round_sums_are_counted_to_the_last_unit_and_in_stablecoins_only():
    payments = [("out", 10), ("out", 300), ("out", 2_000), ("out", 2_000.000001), ("out", 5_000)]
    found = values(dollars(*payments, asset=[USDT, USDC, DAI, USDT, COIN]))
    assert [found[f"round_{m}_share"] for m in (10, 100, 1000)] == [3 / 4, 2 / 4, 1 / 4]
    assert np.isnan(values(dollars(("out", 10), asset=COIN))["round_10_share"])


def test_fragments_and_consolidation():
    fragments = values(dollars(("in", 5_000), ("in", 50), *[("out", 99.99)] * 4))
    assert fragments["fragmentation"] == pytest.approx(1 - 1 / 2)
    gathers = values(dollars(*[("in", 40)] * 6, ("out", 401), ("out", 400)))
    assert gathers["large_tickets_share"] == pytest.approx(1 / 2)
    assert gathers["small_tickets_share"] == 0
    assert gathers["fragmentation"] == -1


def test_an_amount_recurs_only_in_its_own_coin_and_direction():
    coins = [USDT, USDT, USDT, USDT, COIN]
    sums = [("in", 7), ("in", 7), ("in", 8), ("out", 7), ("out", 7)]
    mixed = dollars(*sums, asset=coins)
    assert values(mixed)["repeated_in_share"] == pytest.approx(2 / 3)
    assert values(mixed)["repeated_out_share"] == 0


def test_an_empty_history_has_no_shares():
    empty = values(history())
    assert empty.pop("sub_threshold_24h") == empty.pop("stablecoin_payments") == 0
    assert np.isnan(list(empty.values())).all()
