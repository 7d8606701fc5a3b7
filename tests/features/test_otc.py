"""OTC-like flows: every signal against its formula in plain Python, and worked examples by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import nan

import numpy as np
import pytest
from hypothesis import given, settings

from features.history import DAY, HOUR, MICROSECONDS, MINUTE, History
from features.otc import FAMILY
from tests.features.histories import COIN, DAI, START, USDT, columns_of, histories, history
from tests.features.plain import (
    Transfer,
    check,
    clearing_time,
    entropy,
    pairs_of,
    received,
    sent,
    share,
    some_of,
    total_value,
    transfers_of,
    typical,
)
from tests.generated import cases

NAMES = [signal.name for signal in FAMILY.signals]
CLIENT, PAYEE, THIRD = 1, 2, 3


def values(of: History) -> dict[str, float]:
    """Return the kernel's values by name."""
    out = np.empty((1, len(NAMES)))
    FAMILY.kernel(columns_of([of]), 0, 1, out)
    return dict(zip(NAMES, out[0].tolist(), strict=True))


def by_formula(flows: list[Transfer], both: list[Transfer], dollar: int) -> dict[str, float]:
    into, out = received(both), sent(both)
    times = Counter(one.other for one in flows)
    mutual = {one.other for one in into} & {one.other for one in out}
    regular = [one for one in flows if times[one.other] >= 3]
    return {
        **in_pairs([paid.value / got.value for got, paid in pairs_of(both)], len(out)),
        **in_time(both, dollar),
        "reciprocal_value_share": share(
            total_value(one for one in both if one.other in mutual), total_value(both)
        ),
        "transfers_per_counterparty": share(len(flows), len(times)),
        "regulars_share": share(len(regular), len(flows)),
        "receipts_per_payment": share(len(into), len(out)),
        "activity_hours_entropy": entropy(Counter(o.time // HOUR % 24 for o in flows).values()),
    }


def in_pairs(ratios: list[float], payments: int) -> dict[str, float]:
    low = sum(0.97 <= ratio <= 0.999 for ratio in ratios)
    enough = len(ratios) >= 3
    return {
        "paired_share": share(len(ratios), payments),
        "low_spread_share": share(low, len(ratios)) if enough else nan,
        "implied_commission": typical([1 - ratio for ratio in ratios]) if enough else nan,
        "paired_payments": len(ratios),
    }


def in_time(both: list[Transfer], dollar: int) -> dict[str, float]:
    into = [k for k, one in enumerate(both) if one.incoming]
    waits = {k: clearing_time(both, k) for k in into}
    # Of equals the first is the largest.
    largest = sorted(into, key=lambda k: -both[k].value)[:1]
    large = [k for k in into if both[k].value > 10_000 * dollar]
    cleared = [wait for k in large if (wait := waits[k]) is not None]
    return {
        "largest_clearing_time": typical([w for k in largest if (w := waits[k]) is not None]),
        "large_clearing_time": typical(cleared),
        "large_receipts_cleared": len(cleared),
    }


# A commission of nothing to four per cent apart, on either side of what pairs and of what is large.
SUMS = [5_000, 9_690, 9_700, 9_800, 9_980, 9_990, 9_995, 10_000, 10_100, 20_000]


@settings(max_examples=cases(200))
@given(histories(), some_of(SUMS, 40))
def test_every_signal_is_its_formula(some, sums):
    amounts = np.array(sums[: len(some)], dtype=np.int64) * int(some.scale)
    for of in (some, replace(some, value=amounts), quickly(replace(some, value=amounts))):
        flows, both = transfers_of(of), transfers_of(of, both=True)
        check(FAMILY, of, by_formula(flows, both, int(of.scale)))


def quickly(some: History) -> History:
    """Return the history with its transfers hours apart, and in one coin."""
    moments = START + np.arange(len(some)) * 2 * HOUR
    return replace(some, time=moments, asset=np.full(len(some), USDT, dtype=np.int32))


DESK = history(
    (0, "in", CLIENT, 1_000),
    (HOUR, "out", PAYEE, 990),
    (2 * HOUR, "in", CLIENT, 500),
    (3 * HOUR, "out", PAYEE, 495),
    (4 * HOUR, "in", CLIENT + 10, 200),
    (5 * HOUR, "out", PAYEE + 10, 198),
)


def test_the_worked_example_of_the_family():
    found = values(DESK)
    assert found["paired_share"] == found["low_spread_share"] == 1
    assert found["implied_commission"] == pytest.approx(0.01)
    fewer = values(DESK.take(np.arange(4)))  # two pairs are not enough to call anything typical
    assert fewer["paired_share"] == 1
    assert np.isnan([fewer["low_spread_share"], fewer["implied_commission"]]).all()
    assert found["largest_clearing_time"] == 3 * HOUR / MICROSECONDS
    assert found["receipts_per_payment"] == 1
    assert found["transfers_per_counterparty"] == 3 / 2
    assert found["regulars_share"] == found["reciprocal_value_share"] == 0


@pytest.mark.parametrize(
    "paid, pairs, low",
    [(969, 0, np.nan), (970, 1, 1), (999, 1, 1), (1_000, 1, 0), (1_001, 0, np.nan)],
)
def test_where_a_pair_and_a_commission_end(paid, pairs, low):
    one = [(0, "in", CLIENT, 1_000), (HOUR, "out", PAYEE, paid)]
    found = values(
        history(
            *((t + k * 3 * DAY, way, who, value) for k in range(3) for t, way, who, value in one)
        )
    )
    assert found["paired_share"] == pairs
    assert found["low_spread_share"] == pytest.approx(low, nan_ok=True)


def test_a_receipt_pairs_once_within_a_day_and_in_its_own_coin():
    once = history((0, "in", CLIENT, 100), (1, "out", PAYEE, 99), (2, "out", PAYEE, 99))
    assert values(once)["paired_share"] == 1 / 2
    late = history((0, "in", CLIENT, 100), (DAY + 1, "out", PAYEE, 99))
    assert values(late)["paired_share"] == 0
    both = history((0, "in", CLIENT, 100), (1, "out", PAYEE, 99), asset=[USDT, DAI])
    assert values(both)["paired_share"] == 1, "both are dollars"
    other = history((0, "in", CLIENT, 100), (1, "out", PAYEE, 99), asset=[USDT, COIN])
    assert values(other)["paired_share"] == 0


def test_pairs_look_ten_receipts_back():
    def interleaved(between: int) -> float:
        smalls = [(k + 1, "in", CLIENT, 1) for k in range(between)]
        rows = [(0, "in", CLIENT, 1_000), *smalls, (HOUR, "out", PAYEE, 990)]
        return values(history(*rows))["paired_share"]

    assert interleaved(9) == 1
    assert interleaved(10) == 0


def test_large_tickets_are_cleared_when_as_much_was_paid_after_them():
    flows = history(
        (0, "out", PAYEE, 50_000),
        (MINUTE, "in", CLIENT, 20_000),
        (2 * MINUTE, "out", PAYEE, 12_000),
        (5 * MINUTE, "out", PAYEE, 8_000),
        (6 * MINUTE, "in", CLIENT, 10_000),
        (7 * MINUTE, "in", CLIENT, 30_000),
    )
    found = values(flows)
    assert found["large_clearing_time"] == 4 * 60
    assert np.isnan(found["largest_clearing_time"]), "30,000 were never paid on"


def test_habits():
    rows = [(k, "in" if k % 2 else "out", CLIENT, 10) for k in range(3)]
    found = values(history(*rows, (9, "in", THIRD, 30)))
    assert found["regulars_share"] == 3 / 4
    assert found["transfers_per_counterparty"] == 2
    assert found["reciprocal_value_share"] == 1 / 2
    assert found["receipts_per_payment"] == 1


def test_hours_are_those_of_the_day_and_move_with_it():
    nightly = history(*((k * DAY, "in", CLIENT, 1) for k in range(5)))
    assert values(nightly)["activity_hours_entropy"] == 0
    always = history(*((k * HOUR, "in", CLIENT, 1) for k in range(48)))
    assert values(always)["activity_hours_entropy"] == pytest.approx(np.log2(24))
    some = history(*((k * k * HOUR, "in", CLIENT, 1) for k in range(9)))
    moved = replace(some, time=some.time + 5 * HOUR)
    assert values(moved) == pytest.approx(values(some), rel=0, abs=0, nan_ok=True)
    hours = next(s for s in FAMILY.signals if s.name == "activity_hours_entropy")
    assert not hours.model_input


def test_an_empty_history_says_nothing():
    empty = values(history())
    assert empty.pop("paired_payments") == empty.pop("large_receipts_cleared") == 0
    assert np.isnan(list(empty.values())).all()
