"""Happenings against plain loops over every window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from features.history import DAY, HOUR, MINUTE, History, party_of
from models.habits import (
    BACK_AT_MOST,
    KEPT_LEAST,
    KEPT_MOST,
    MORE,
    SAME_PART,
    kept_the_same,
    paid_back_then_more,
    same_amount,
    taking_turns,
)
from models.happenings import (
    AS_MUCH,
    FEWEST,
    FINDERS,
    GREW,
    LARGE,
    LONG,
    MOST_OF_IT,
    RESTED,
    WINDOW,
    concentrated,
    gathered,
    passed_on,
    rested,
    same_second,
    spread,
    stepped_up,
)
from models.other_side import paid, third_parties
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
    own = third_parties(history)
    incoming = history.incoming[own]
    for finder, side in ((spread, own[~incoming]), (gathered, own[incoming])):
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
    own = paid(history)
    into, out = own[history.incoming[own]], own[~history.incoming[own]]
    all_of_it = sum(int(history.value[i]) for i in into)
    top = sorted(history.value[into].tolist())[-5:]
    group = [int(history.asset_group[asset]) for asset in history.asset]
    best = None
    for i in into.tolist():
        value = int(history.value[i])
        if value < LARGE * all_of_it and value not in top:
            continue
        left = 0
        for j in out[out > i].tolist():
            if group[j] != group[i]:
                continue
            left += int(history.value[j])
            if left >= AS_MUCH * value:
                wait = int(history.time[j] - history.time[i])
                if left <= value and wait <= WINDOW:
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
    for i in third_parties(history):
        if not history.incoming[i]:
            continue
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


@settings(max_examples=cases(150))
@given(histories(max_size=25))
def test_a_day_that_holds_most_is_that_of_every_window(history):
    found, own = concentrated(history), paid(history)
    best = 0.0
    for way in (True, False):
        side = [i for i in own.tolist() if history.incoming[i] == way]
        total = sum(int(history.value[i]) for i in side)
        for i in side:
            inside = [j for j in side if 0 <= history.time[j] - history.time[i] < WINDOW]
            best = max(best, sum(int(history.value[j]) for j in inside if j >= i) / total)
    if len(own) < 2 or history.time[own[-1]] - history.time[own[0]] < LONG or best < MOST_OF_IT:
        assert found is None
        return
    assert found is not None
    way = history.incoming[found.rows[0]]
    total = sum(int(history.value[i]) for i in own if history.incoming[i] == way)
    assert found.value * history.scale / total == pytest.approx(best)
    assert history.time[found.rows[-1]] - history.time[found.rows[0]] < WINDOW


@settings(max_examples=cases(150))
@given(histories(max_size=25))
def test_receipts_of_one_second_come_from_most_in_as_many_transactions(history):
    seconds: dict[int, list[int]] = {}
    for i in third_parties(history).tolist():
        if history.incoming[i]:
            seconds.setdefault(int(history.time[i]), []).append(i)
    many = [
        min(
            len({int(history.counterparty[i]) for i in rows}),
            len({int(history.tx[i]) for i in rows}),
        )
        for rows in seconds.values()
    ]
    found, most = same_second(history), max(many, default=0)
    assert (found is None) == (most < FEWEST)
    if found is not None:
        assert found.parties >= most
        assert len(set(history.time[found.rows].tolist())) == 1


@settings(max_examples=cases(150))
@given(histories(max_size=25))
def test_a_payer_paid_back_then_paid_more(history):
    best = 0
    own = third_parties(history).tolist()
    for who in {int(history.counterparty[i]) for i in own}:
        rows = [i for i in own if history.counterparty[i] == who]
        into = [i for i in rows if history.incoming[i]]
        back = [i for i in rows if into and not history.incoming[i] and into[0] < i < into[-1]]
        if not back:
            continue
        before = sum(int(history.value[i]) for i in into if i < back[0])
        after = sum(int(history.value[i]) for i in into if i > back[0])
        again = sum(int(history.value[i]) for i in back)
        if again <= BACK_AT_MOST * before and after >= MORE * again:
            best = max(best, after)
    found = paid_back_then_more(history)
    assert (0 if found is None else round(found.value * history.scale)) == best


@settings(max_examples=cases(150))
@given(histories(max_size=25))
def test_the_same_part_is_kept_again_and_again(history):
    found, own = kept_the_same(history), paid(history).tolist()
    group = [int(history.asset_group[asset]) for asset in history.asset]
    kept = []
    for i in own:
        later = [j for j in own if j > i and group[j] == group[i]]
        if not history.incoming[i] or not later or history.incoming[later[0]]:
            continue
        part = 1 - int(history.value[later[0]]) / int(history.value[i])
        soon = history.time[later[0]] - history.time[i] <= DAY
        if soon and KEPT_LEAST <= part <= KEPT_MOST:
            kept.append(part)
    most = max((sum(low <= part <= low + SAME_PART for part in kept) for low in kept), default=0)
    if most < FEWEST or 2 * most < len(kept):
        assert found is None
    else:
        assert found is not None
        assert len(found.chief) == most


def test_receivers_by_turns_one_odd_amount_and_rest():
    turns = history(*((day * DAY, "out", who, 100) for day, who in
                      enumerate((1, 1, 2, 2, 3, 3, 4))))  # fmt: skip
    found = taking_turns(turns)
    assert found is not None
    assert (found.parties, found.rows.tolist()) == (3, [0, 1, 2, 3, 4, 5])
    mixed = history(*((day * DAY, "out", who, 100) for day, who in enumerate((1, 2, 1, 2, 3, 3))))
    assert taking_turns(mixed) is None
    receipts = history(*((day * DAY, "in", who, 100) for day, who in enumerate((1, 2, 2, 3))))
    same = same_amount(receipts, ["1237.45", "1237.45", "8.5", "8.5"])
    assert same is not None
    assert same.rows.tolist() == [0, 1]
    assert same_amount(receipts, ["1237.45", "9", "1500", "1500"]) is None
    lay = history((0, "in", 1, 900), (RESTED, "out", 2, 899), (2 * RESTED, "out", 2, 1))
    assert rested(lay) is not None
    assert rested(history((0, "in", 1, 900), (RESTED - 1, "out", 2, 899))) is None


def test_a_hot_wallet_is_no_sender_that_comes_again_and_a_swap_no_receipt():
    ladder = ((0, "in", 1, 100), (DAY, "in", 1, 9_000), (9 * DAY, "in", 1, 90_000))
    assert stepped_up(history(*ladder)) is not None
    assert stepped_up(history(*ladder, party=party_of("exchange_hot"))) is None
    swap = history((0, "out", 1, 100), (0, "in", 1, 99), asset=[0, 3])
    swap = replace(swap, tx=np.zeros(2, dtype=np.int64))
    assert FINDERS["largest_receipt"](swap) is None
    assert FINDERS["largest_payment"](swap) is None


def test_another_coin_is_not_the_same_money():
    transfers = ((0, "in", 1, 100), (HOUR, "out", 2, 98))
    assert passed_on(history(*transfers)) is not None
    assert passed_on(history(*transfers, asset=[3, 0])) is None
    assert passed_on(history((0, "in", 1, 100), (HOUR, "out", 2, 120))) is None


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
