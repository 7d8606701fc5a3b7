"""Happenings against plain loops over every window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from features.history import DAY, HOUR, MINUTE, History
from models.happenings import (
    AS_MUCH,
    FEWEST,
    FINDERS,
    GREW,
    LARGE,
    TOO_MUCH,
    WINDOW,
    gathered,
    passed_on,
    spread,
    stepped_up,
)
from tests.features.histories import histories, history
from tests.generated import cases


def busiest(history: History, side: np.ndarray) -> tuple[int, int]:
    """Return the most counterparties of any 24 hours, and the most value among those windows."""
    best = (0, 0)
    for first in side:
        window = [j for j in side if 0 <= history.time[j] - history.time[first] < WINDOW]
        window = [j for j in window if j >= first]
        for end in range(1, len(window) + 1):
            part = window[:end]
            parties = len({int(history.counterparty[j]) for j in part})
            best = max(best, (parties, sum(int(history.value[j]) for j in part)))
    return best


@settings(max_examples=cases(150))
@given(histories(max_size=25))
def test_the_busiest_day_is_that_of_every_window(history):
    for finder, side in ((spread, history.outflows), (gathered, history.inflows)):
        most, value = busiest(history, side)
        found = finder(history)
        if most < FEWEST:
            assert found is None
            continue
        assert found is not None
        assert found.parties == most
        assert found.value == pytest.approx(value / history.scale)
        assert history.time[found.rows[-1]] - history.time[found.rows[0]] < WINDOW
        assert set(found.rows.tolist()) <= set(side.tolist())


@settings(max_examples=cases(150))
@given(histories(max_size=25))
def test_a_large_receipt_is_followed_by_about_as_much(history):
    found = passed_on(history)
    large = [
        int(history.value[i])
        for i in history.inflows
        if history.value[i] >= LARGE * history.value[history.inflows].sum()
    ]
    best = None
    for i in history.inflows.tolist():
        value = int(history.value[i])
        top = sorted(history.value[history.inflows].tolist())[-5:]
        if value <= 0 or (value not in large and value not in top):
            continue
        paid = 0
        for j in history.outflows[history.outflows > i].tolist():
            paid += int(history.value[j])
            if paid >= AS_MUCH * value:
                wait = int(history.time[j] - history.time[i])
                if paid <= TOO_MUCH * value and wait <= WINDOW:
                    best = wait if best is None else min(best, wait)
                break
    if best is None:
        assert found is None
        return
    assert found is not None
    receipt, payments = int(found.rows[0]), found.rows[1:]
    assert history.incoming[receipt]
    assert not history.incoming[payments].any()
    assert history.time[payments[-1]] - history.time[receipt] == best


@settings(max_examples=cases(150))
@given(histories(max_size=25))
def test_a_sender_that_stepped_up_paid_many_times_its_first_payment(history):
    found = stepped_up(history)
    sums: dict[int, list[int]] = {}
    for i in history.inflows:
        sums.setdefault(int(history.counterparty[i]), []).append(int(history.value[i]))
    beyond = [
        sum(paid) - paid[0]
        for paid in sums.values()
        if len(paid) > 1 and paid[0] > 0 and sum(paid) >= GREW * paid[0]
    ]
    assert (found is None) == (not beyond)
    if found is not None:
        own = history.value[found.rows].tolist()
        assert sum(own) - own[0] == max(beyond)
        assert found.parties == 1


def test_every_finder_says_nothing_of_nothing():
    assert all(finder(history()) is None for finder in FINDERS.values())


def test_the_story_of_one_day():
    told = history(
        (0, "in", 1, 1_000),
        (10 * MINUTE, "out", 2, 400),
        (20 * MINUTE, "out", 3, 300),
        (30 * MINUTE, "out", 4, 290),
        (2 * DAY, "in", 1, 90_000),
        (2 * DAY + HOUR, "out", 5, 50_000),
    )
    found = {name: finder(told) for name, finder in FINDERS.items()}
    many, soon, grown = (found[name] for name in ("spread", "passed_on", "stepped_up"))
    assert many is not None
    assert soon is not None
    assert grown is not None
    assert (many.parties, many.value) == (3, 990.0)
    assert soon.rows.tolist() == [0, 1, 2, 3]  # the larger one was not paid out
    assert grown.value == 91_000.0
    assert found["gathered"] is None
