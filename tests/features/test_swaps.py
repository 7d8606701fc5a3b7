"""Swaps: which transactions are one, which transfers are their legs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given

from features.history import HOUR, History
from features.swaps import ASIDE, BOUGHT, SOLD, Swap, mark_swaps, roles_of, swaps_of
from tests.features.histories import (
    COIN,
    DAI,
    USDC,
    USDT,
    USDT_ELSEWHERE,
    histories,
    history,
)

VICTIM, ROUTER, POOL = 1, 2, 3


def in_transactions(of: History, *tx: int) -> History:
    """Return the history with its transfers in the transactions named."""
    return replace(of, tx=np.array(tx, dtype=np.int64))


def test_one_coin_out_and_another_in_is_a_swap():
    swap = history((0, "out", ROUTER, 100), (0, "in", POOL, 99), asset=[USDT, DAI])
    assert swaps_of(in_transactions(swap, 7, 7)) == [Swap(sold=0, bought=1)]
    assert swaps_of(in_transactions(swap, 7, 8)) == [], "two transactions of one moment"


def test_wrapping_and_changing_contracts_of_one_coin_is_no_swap():
    wrap = history((0, "out", ROUTER, 100), (0, "in", ROUTER, 100), asset=[USDT, USDT_ELSEWHERE])
    assert swaps_of(in_transactions(wrap, 7, 7)) == []


def test_the_legs_are_the_largest_and_a_refund_stands_aside():
    routed = history(
        (0, "out", ROUTER, 30),
        (0, "out", POOL, 70),
        (0, "in", ROUTER, 5),
        (0, "in", POOL, 60),
        (0, "in", POOL, 33),
        asset=[USDT, USDT, USDT, DAI, USDC],
    )
    routed = in_transactions(routed, 7, 7, 7, 7, 7)
    swaps = swaps_of(routed)
    assert swaps == [Swap(sold=1, bought=3)]
    assert roles_of(routed, swaps).tolist() == [ASIDE, SOLD, ASIDE, BOUGHT, ASIDE]


def test_interleaved_transactions_of_one_moment_are_told_apart():
    mixed = history(
        (HOUR, "in", VICTIM, 9),
        (HOUR, "in", POOL, 99),
        (HOUR, "in", POOL, 50),
        (HOUR, "out", ROUTER, 100),
        (HOUR, "out", ROUTER, 51),
        asset=[USDT, DAI, COIN, USDT, USDC],
    )
    mixed = in_transactions(mixed, 5, 9, 2, 9, 2)
    assert swaps_of(mixed) == [Swap(3, 1), Swap(4, 2)]


@given(histories())
def test_the_compiled_search_equals_the_plain_one(drawn):
    n = len(drawn)
    role, partner = np.empty(n, np.int8), np.empty(n, np.int64)
    found = mark_swaps(
        drawn.time,
        drawn.value,
        drawn.incoming,
        drawn.asset_group[drawn.asset],
        drawn.tx,
        drawn.two_sided,
        role,
        partner,
    )
    seen = np.flatnonzero(drawn.two_sided)
    flows = drawn.take(seen)
    swaps = swaps_of(flows)
    assert found == len(swaps)
    assert role[seen].tolist() == roles_of(flows, swaps).tolist()
    assert [(s.sold, s.bought) for s in swaps] == [
        (int(np.searchsorted(seen, j)), int(np.searchsorted(seen, partner[j])))
        for j in np.flatnonzero(role == SOLD)
    ]
