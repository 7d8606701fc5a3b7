"""Pass-through signals on stories worked by hand, and the order that must hold between them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from features import pass_through
from features.history import DAY, HOUR, MINUTE, History
from tests.features.histories import columns_of, histories, history


def values(some: History) -> dict[str, float]:
    signals = pass_through.FAMILY.signals
    out = np.empty((1, len(signals)))
    pass_through.FAMILY.kernel(columns_of([some]), 0, 1, out)
    return {signal.name: value for signal, value in zip(signals, out[0], strict=True)}


def check(some: History, **expected: float) -> None:
    found = values(some)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, nan_ok=True), name


def test_a_mule_forwards_each_receipt_within_minutes():
    some = history(
        (0, "in", 1, 1000),
        (5 * MINUTE, "out", 9, 990),
        (2 * DAY, "in", 2, 2000),
        (2 * DAY + 30 * MINUTE, "out", 9, 2000),
    )
    check(
        some,
        forwarded_10min_share=990 / 3000,
        # The 10 left from the first receipt leave with the second, two days later.
        forwarded_1h_share=(990 + 1990) / 3000,
        forwarded_24h_share=2980 / 3000,
        forwarded_7d_share=2990 / 3000,
        dwell_of_value=30 * 60,
        wait_to_next_outflow=17.5 * 60,
        retained_share=10 / 3000,
        peak_balance_share=2010 / 3000,
        near_empty_share=(2 * DAY - 5 * MINUTE) / (2 * DAY + 30 * MINUTE),
        full_drains=2,
        sweep_share=1,
        one_in_one_out_share=1,
        answered_inflow_share=1,
        returned_to_sender_share=0,
        peel_share=0,
    )


def test_a_collector_gathers_and_then_lets_all_go_at_once():
    days = [0, 1, 2, 3]
    some = history(*((d * DAY, "in", d, 100) for d in days), (4 * DAY, "out", 50, 400))
    check(
        some,
        forwarded_24h_share=0,
        retained_share=0,
        peak_balance_share=1,
        full_drains=1,
        answered_inflow_share=1 / 4,
        # Taken together, what had come in since the last outflow.
        one_in_one_out_share=1,
        # The receipts of the last 72 hours, exclusive: those of days 2 and 3.
        senders_then_exit=4 * 200 / 400,
    )


def test_a_peel_chain_moves_most_of_the_balance_to_an_address_not_paid_before():
    some = history(
        (0, "in", 1, 1000),
        (1, "out", 2, 900),
        (2, "in", 1, 900),
        (3, "out", 2, 900),
        (4, "out", 3, 80),
    )
    # 90 % to a new address; 90 % to a known one; 80 % to a new one.
    check(some, peel_share=2 / 3, sweep_share=0, one_in_one_out_share=1 / 3)


def test_only_what_goes_back_to_its_own_sender_within_a_week_is_a_u_turn():
    some = history(
        (0, "in", 1, 100),
        (0, "in", 2, 100),
        (DAY, "out", 1, 30),
        (7 * DAY, "out", 2, 50),
        (8 * DAY, "in", 3, 10),
        (9 * DAY, "out", 3, 20),
    )
    check(some, returned_to_sender_share=(30 + 10) / 100)


def test_the_edges_of_an_echo():
    for out, whole in ((94, 0), (95, 1), (100, 1), (101, 0)):
        some = history((0, "in", 1, 7), (1, "out", 2, 7), (2, "in", 1, 100), (3, "out", 2, out))
        check(some, one_in_one_out_share=(1 + whole) / 2)


def test_rows_seen_in_one_direction_only_do_not_count():
    some = history((0, "in", 1, 100), (HOUR, "out", 2, 100), two_sided=False)
    assert all(math.isnan(value) for value in values(some).values())


@given(histories())
def test_wider_windows_forward_more_and_what_is_left_is_retained(some):
    found = values(some)
    if math.isnan(found["retained_share"]):
        return
    shares = [found[f"forwarded_{width}_share"] for width in ("10min", "1h", "24h", "7d")]
    assert shares == sorted(shares)
    assert shares[-1] + found["retained_share"] <= 1 + 1e-12
    assert found["retained_share"] <= found["peak_balance_share"] + 1e-12


def test_evidence_shows_first_what_tells_most():
    some = history(
        (0, "in", 1, 1000),
        (1, "in", 2, 10),
        (HOUR, "out", 9, 990),
        (9 * DAY, "in", 3, 400),
        (9 * DAY + HOUR, "out", 8, 419),
    )
    gone = pass_through.retained_share(some)
    assert gone is not None
    assert {2, 4} <= set(gone.telling.tolist())  # little is left: what left is shown
    kept = pass_through.retained_share(history((0, "in", 1, 9), (1, "in", 2, 9), (2, "out", 3, 1)))
    assert kept is not None
    assert kept.telling.tolist() == [1, 0]  # much is left: what came in last is
    empty = pass_through.near_empty_share(some)
    assert empty is not None
    assert empty.telling.tolist()[:2] == [2, 3]  # the longest stretch, with both its ends
