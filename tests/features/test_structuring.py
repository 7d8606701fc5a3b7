"""Structuring: worked examples by hand; test_signal_contract.py compares with definitions."""

from __future__ import annotations

import numpy as np
import pytest

from features.history import DAY, HOUR, History
from features.structuring import FAMILY
from tests.features.histories import COIN, DAI, USDC, USDT, columns_of, history

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
