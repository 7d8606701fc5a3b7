"""Lifecycle signals against their formulas in plain Python, and against stories worked by hand."""

from __future__ import annotations

from itertools import pairwise
from math import isnan, nan
from statistics import median

import pytest
from hypothesis import given

from features.history import DAY, HOUR
from features.lifecycle import FAMILY
from tests.features.histories import histories, history
from tests.features.plain import (
    Transfer,
    check,
    received,
    sent,
    share,
    transfers_of,
    values_of,
)


def by_formula(flows: list[Transfer]) -> dict[str, float]:
    into, out = [one.value for one in received(flows)], [one.value for one in sent(flows)]
    typical = median([one.value for one in flows]) if flows else nan
    rises = sum(later > earlier for earlier, later in pairwise(into))
    falls = sum(later < earlier for earlier, later in pairwise(into))
    return {
        "smallest_receipt_ratio": min(into) / typical if into else nan,
        "smallest_payment_ratio": min(out) / typical if out else nan,
        "first_receipt_ratio": into[0] / typical if into else nan,
        "last_payment_ratio": out[-1] / typical if out else nan,
        "receipts_rising": share(rises - falls, rises + falls) if len(into) > 2 else nan,
        "days_to_first_payment": days_to_first_payment(flows),
        "winding_down_share": winding_down(flows),
    }


def days_to_first_payment(flows: list[Transfer]) -> float:
    if not received(flows) or not sent(flows) or not flows[0].incoming:
        return nan
    return (sent(flows)[0].time - flows[0].time) / DAY


def winding_down(flows: list[Transfer]) -> float:
    if not received(flows):
        return nan
    last = flows[-1].time
    return share(last - received(flows)[-1].time, last - flows[0].time)


@given(histories())
def test_every_signal_is_its_formula(some):
    check(FAMILY, some, by_formula(transfers_of(some, both=True)))


def test_a_wallet_tried_with_a_little_and_closed_with_everything():
    found = values_of(
        FAMILY,
        history(
            (0, "in", 1, 10),
            (DAY, "in", 2, 200),
            (3 * DAY, "in", 3, 100),
            (3 * DAY + 12 * HOUR, "out", 8, 50),
            (4 * DAY, "out", 9, 260),
        ),
    )
    # The median of all five is 100.
    assert found["smallest_receipt_ratio"] == found["first_receipt_ratio"] == 1 / 10
    assert found["smallest_payment_ratio"] == 1 / 2
    assert found["last_payment_ratio"] == pytest.approx(2.6)
    assert found["receipts_rising"] == 0, "one rise, one fall"
    assert found["days_to_first_payment"] == 3.5
    assert found["winding_down_share"] == 1 / 4


def test_a_payment_before_any_receipt_is_not_waited_for():
    paid_first = history((0, "out", 1, 5), (1, "in", 1, 5), (2, "out", 1, 5))
    assert isnan(values_of(FAMILY, paid_first)["days_to_first_payment"])


def test_receipts_of_one_amount_neither_rise_nor_fall():
    level = history(*((k, "in", 1, 5) for k in range(4)))
    assert isnan(values_of(FAMILY, level)["receipts_rising"])
    risen = history((0, "in", 1, 5), (1, "in", 1, 5), (2, "in", 1, 6))
    assert values_of(FAMILY, risen)["receipts_rising"] == 1


def test_what_is_seen_in_one_direction_only_is_not_looked_at():
    some = history((0, "in", 1, 5), (DAY, "out", 1, 5), two_sided=False)
    assert all(isnan(found) for found in values_of(FAMILY, some).values())
