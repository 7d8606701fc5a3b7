"""Activity signals against their formulas in plain Python, and against stories worked by hand."""

from __future__ import annotations

from itertools import pairwise
from math import isnan, nan
from statistics import fmean, median, pstdev

import pytest
from hypothesis import given

from features.activity import FAMILY
from features.history import DAY, HOUR, MICROSECONDS
from tests.features.histories import histories, history
from tests.features.plain import (
    Transfer,
    check,
    received,
    sent,
    share,
    total_value,
    transfers_of,
    values_of,
    windows,
)


def by_formula(flows: list[Transfer], as_of: int, scale: float) -> dict[str, float]:
    into, out = received(flows), sent(flows)
    return {
        "transfers_in": len(into),
        "transfers_out": len(out),
        "senders": len({one.other for one in into}),
        "receivers": len({one.other for one in out}),
        "value_in": total_value(into) / scale,
        "value_out": total_value(out) / scale,
        "largest_in_share": largest_share(into),
        "largest_out_share": largest_share(out),
        "variation_in": variation(into),
        "variation_out": variation(out),
        "value_out_24h_share": share(
            max(map(total_value, windows(out, DAY)), default=0), total_value(out)
        ),
        **in_time([one.time for one in flows]),
        "days_silent": (as_of - flows[-1].time) / DAY if flows else nan,
    }


def largest_share(flows: list[Transfer]) -> float:
    return share(max((one.value for one in flows), default=0), total_value(flows))


def variation(flows: list[Transfer]) -> float:
    values = [one.value for one in flows]
    return pstdev(values) / fmean(values) if len(values) > 1 else nan


def in_time(times: list[int]) -> dict[str, float]:
    """Return what follows from the moments of the transfers alone."""
    gaps = [later - earlier for earlier, later in pairwise(times)]
    span = sum(gaps)
    periods = {(moment - times[0]) // DAY for moment in times}
    return {
        "days_in_use": span / DAY if times else nan,
        "active_days": len(periods) if times else nan,
        "active_day_share": share(len(periods), len(range(0, span + 1, DAY)) if times else 0),
        "median_gap": median(gaps) / MICROSECONDS if gaps else nan,
        "longest_silence_share": share(max(gaps, default=0), span),
        "burstiness": burstiness(gaps) if len(gaps) > 1 and span else nan,
    }


def burstiness(gaps: list[int]) -> float:
    mean, deviation = fmean(gaps), pstdev(gaps)
    return (deviation - mean) / (deviation + mean)


@given(histories())
def test_every_signal_is_its_formula(some):
    check(FAMILY, some, by_formula(transfers_of(some), some.as_of, some.scale))


def test_a_wallet_that_is_tried_used_and_left():
    """One small receipt; on the third day two large ones leave again within the hour."""
    found = values_of(
        FAMILY,
        history(
            (0, "in", 1, 100),
            (2 * DAY, "in", 2, 500),
            (2 * DAY + HOUR, "in", 1, 400),
            (2 * DAY + 2 * HOUR, "out", 9, 600),
            (4 * DAY, "out", 9, 200),
        ),
    )
    counts = ("transfers_in", "transfers_out", "senders", "receivers", "value_in", "value_out")
    assert [found[name] for name in counts] == [3, 2, 2, 1, 1_000, 800]
    assert found["largest_in_share"] == 1 / 2
    assert found["largest_out_share"] == found["value_out_24h_share"] == 3 / 4
    assert found["days_in_use"] == 4
    # The fifth period, of which the last transfer is the first moment, counts.
    assert (found["active_days"], found["active_day_share"]) == (3, 3 / 5)
    assert found["median_gap"] == pytest.approx((1 + 46) / 2 * 3_600)
    assert found["longest_silence_share"] == 1 / 2
    assert found["days_silent"] == 1


def test_how_much_amounts_vary():
    found = values_of(FAMILY, history((0, "in", 1, 10), (1, "in", 1, 30), (2, "out", 1, 7)))
    assert found["variation_in"] == pytest.approx(10 / 20)
    assert isnan(found["variation_out"])


def test_a_clock_is_not_bursty_and_one_pause_among_many_transfers_is():
    clock = history(*((k * DAY, "in", 1, 5) for k in range(10)))
    assert values_of(FAMILY, clock)["burstiness"] == -1
    burst = history(*((k, "in", 1, 5) for k in range(200)), (90 * DAY, "in", 1, 5))
    assert values_of(FAMILY, burst)["burstiness"] > 0.8


def test_twenty_four_hours_end_before_they_are_over():
    apart = history((0, "out", 1, 5), (DAY, "out", 1, 5))
    assert values_of(FAMILY, apart)["value_out_24h_share"] == 1 / 2
    assert values_of(FAMILY, apart)["active_days"] == 2
    near = history((0, "out", 1, 5), (DAY - 1, "out", 1, 5))
    assert values_of(FAMILY, near)["value_out_24h_share"] == 1
    assert values_of(FAMILY, near)["active_days"] == 1
