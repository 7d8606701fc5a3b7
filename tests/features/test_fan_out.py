"""Fan-out signals against nested loops over every window, and against stories worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from features import fan_out
from features.history import DAY, HOUR, MINUTE, History
from tests.features.histories import columns_of, histories, history


def values(some: History) -> dict[str, float]:
    signals = fan_out.FAMILY.signals
    out = np.empty((1, len(signals)))
    fan_out.FAMILY.kernel(columns_of([some]), 0, 1, out)
    return {signal.name: value for signal, value in zip(signals, out[0], strict=True)}


def distinct(some: History, rows: list[int]) -> int:
    return len({int(some.counterparty[row]) for row in rows})


def busiest(some: History, incoming: bool, width: int) -> int:
    rows = [row for row in range(len(some)) if some.incoming[row] == incoming]
    windows = ([r for r in rows if 0 <= some.time[r] - some.time[s] < width] for s in rows)
    return max((distinct(some, window) for window in windows), default=0)


@given(histories(max_size=25))
def test_windows_are_the_best_of_all_windows(some):
    found = values(some)
    assert found["receivers_10min"] == busiest(some, False, 10 * MINUTE)
    assert found["receivers_1h"] == busiest(some, False, HOUR)
    assert found["receivers_24h"] == busiest(some, False, DAY)
    assert found["senders_10min"] == busiest(some, True, 10 * MINUTE)
    assert found["senders_1h"] == busiest(some, True, HOUR)
    assert found["senders_24h"] == busiest(some, True, DAY)


@given(histories(max_size=25))
def test_new_receivers_and_gather_scatter_by_brute_force(some):
    found, some = values(some), some.two_sided_part()[0]
    n, new, both = len(some), {10 * MINUTE: 0, HOUR: 0, DAY: 0}, 0
    for at in (row for row in range(n) if some.incoming[row]):
        before, after = range(at), range(at + 1, n)
        known = {int(some.counterparty[row]) for row in before if not some.incoming[row]}
        for width, best in new.items():
            near = [r for r in after if some.time[r] - some.time[at] < width]
            paid = {int(some.counterparty[r]) for r in near if not some.incoming[r]}
            new[width] = max(best, len(paid - known))
        gathered = [r for r in (*before, at) if some.time[at] - some.time[r] < DAY]
        senders = distinct(some, [r for r in gathered if some.incoming[r]])
        scattered = [r for r in after if some.time[r] - some.time[at] < DAY]
        receivers = distinct(some, [r for r in scattered if not some.incoming[r]])
        both = max(both, min(senders, receivers))
    assert found["new_receivers_10min"] == new[10 * MINUTE]
    assert found["new_receivers_1h"] == new[HOUR]
    assert found["new_receivers_24h"] == new[DAY]
    assert found["gathered_then_scattered"] == both


@given(histories(max_size=25))
def test_value_to_unseen_receivers_by_brute_force(some):
    found, some = values(some)["unseen_receiver_share"], some.two_sided_part()[0]
    paid, unseen = 0, 0
    for row in range(len(some)):
        if some.incoming[row] or not some.incoming[:row].any():
            continue
        paid += int(some.value[row])
        if int(some.counterparty[row]) not in some.counterparty[:row].tolist():
            unseen += int(some.value[row])
    assert found == pytest.approx(unseen / paid if paid else math.nan, nan_ok=True)


@pytest.mark.parametrize(
    "transfers, share",
    [
        # Paid before the first receipt: not counted, but no longer new to it afterwards.
        ([(0, "out", 7, 50), (1, "in", 1, 90), (2, "out", 7, 60), (3, "out", 8, 20)], 20 / 80),
        # Who paid it is not new to it.
        ([(0, "in", 1, 90), (1, "out", 1, 40), (2, "out", 8, 40)], 1 / 2),
        # Of two payments at once to one address the first goes to a new one.
        ([(0, "in", 1, 90), (5, "out", 8, 30), (5, "out", 8, 10)], 3 / 4),
        ([(0, "out", 8, 30), (1, "in", 1, 90)], None),
    ],
)
def test_value_to_unseen_receivers_by_hand(transfers, share):
    some = history(*transfers)
    shown = fan_out.unseen_receiver_share(some)
    assert (None if shown is None else shown.value) == share
    assert values(some)["unseen_receiver_share"] == pytest.approx(share or math.nan, nan_ok=True)


def test_the_evidence_of_unseen_receivers_is_what_was_paid_after_a_receipt():
    some = history(
        (0, "out", 7, 50), (1, "in", 1, 90), (2, "out", 7, 60), (3, "out", 8, 5), (4, "out", 9, 20)
    )
    shown = fan_out.unseen_receiver_share(some)
    assert shown is not None
    assert shown.rows.tolist() == [2, 3, 4]
    assert shown.telling.tolist() == [4, 3]


def test_a_splitter():
    """One receipt is split evenly over four receivers within nine minutes; one was paid before."""
    some = history(
        (0, "in", 1, 100),
        (HOUR, "out", 10, 100),
        (50 * DAY, "in", 1, 400),
        *((50 * DAY + k * 3 * MINUTE, "out", 9 + k, 100) for k in range(1, 5)),
    )
    found = values(some)
    assert found["receivers_10min"] == 4
    assert found["new_receivers_1h"] == 3
    assert found["top_receiver_share"] == pytest.approx(200 / 500)
    assert found["once_only_receiver_share"] == pytest.approx(3 / 4)
    entropy = -(0.4 * math.log2(0.4) + 3 * 0.2 * math.log2(0.2))
    assert found["receiver_evenness"] == pytest.approx(entropy / 2)
    assert found["receiver_share"] == pytest.approx(4 / 5)
    assert math.isnan(found["sender_evenness"])


def test_a_window_ends_before_its_width_is_over():
    """Half-open windows: what happens exactly ten minutes later belongs to the next."""
    some = history((0, "out", 1, 5), (10 * MINUTE, "out", 2, 5))
    assert values(some)["receivers_10min"] == 1
    assert values(some)["receivers_1h"] == 2


def test_a_gatherer_that_scatters():
    some = history(
        *((k * HOUR, "in", k, 10) for k in range(5)),
        *(((6 + k) * HOUR, "out", 10 + k, 10) for k in range(3)),
    )
    shown = fan_out.gathered_then_scattered(some)
    assert shown is not None
    assert shown.value == 3
    # The first moment at which three had paid and three were about to be paid: the third receipt.
    assert shown.rows.tolist() == [0, 1, 2, 5, 6, 7]


def test_the_evidence_of_new_receivers_shows_what_was_paid_before():
    late = 9 * DAY
    some = history(
        (0, "out", 7, 5), (late, "in", 1, 9), (late + 1, "out", 7, 2), (late + 2, "out", 8, 3)
    )
    shown = fan_out.new_receivers_1h(some)
    assert shown is not None
    assert shown.value == 1
    assert shown.telling.tolist() == [3, 1]
    assert shown.rows.tolist() == [0, 1, 3]


def test_two_way_counterparties():
    some = history((0, "in", 1, 5), (1, "in", 2, 5), (2, "out", 2, 5), (3, "out", 3, 5))
    assert values(some)["two_way_counterparty_share"] == pytest.approx(1 / 3)
    assert values(history())["receivers_1h"] == 0
    assert math.isnan(values(history())["two_way_counterparty_share"])
