"""The matching against an oracle that moves single coins, one at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.counterparties import renumber, table_size
from features.history import DAY, HOUR, History
from features.matching import (
    Piece,
    Pieces,
    balances,
    match,
    matched,
    middle_dwell,
    returned,
    value_returned,
)
from tests.features.histories import histories, history, hub

small = st.builds(
    lambda some, values: replace(some, value=np.array(values[: len(some)], dtype=np.int64)),
    histories(max_size=20),
    st.lists(st.integers(1, 9), min_size=20, max_size=20),
)


def coins(some: History) -> Counter[tuple[int, int]]:
    """Move coin by coin, oldest first; count the coins of each pair of transfers."""
    purse: list[int] = []
    moved: Counter[tuple[int, int]] = Counter()
    for row in range(len(some)):
        for _ in range(some.value[row]):
            if some.incoming[row]:
                purse.append(row)
            elif purse:
                moved[purse.pop(0), row] += 1
    return moved


def by_kernel(some: History) -> tuple[list[Piece], np.ndarray, np.ndarray, Pieces]:
    n = len(some)
    left, held = np.empty(n, np.int64), np.empty(n, np.int64)
    pieces = Pieces(*(np.empty(n, np.int64) for _ in range(3)))
    count = match(some.value, some.incoming, left, held, pieces)
    cut = Pieces(*(array[:count] for array in pieces))
    return [Piece(*map(int, p)) for p in zip(*cut, strict=True)], left, held, cut


def codes(some: History) -> tuple[np.ndarray, int]:
    n = len(some)
    code = np.empty(n, np.int32)
    table = np.empty(table_size(n), np.int32)
    return code, renumber(some.counterparty, table, np.empty(n, np.int64), code)


def test_an_outflow_spends_the_oldest_inflow_first():
    some = history((0, "in", 1, 10), (1, "in", 2, 5), (2, "out", 3, 12), (3, "out", 3, 9))
    assert matched(some) == [Piece(0, 2, 10), Piece(1, 2, 2), Piece(1, 3, 3)]
    assert balances(some) == [10, 15, 3, 0]


@given(small)
def test_pieces_are_what_single_coins_do(some):
    pieces, left, held, _ = by_kernel(some)
    assert pieces == matched(some)
    assert {(p.inflow, p.outflow): p.value for p in pieces} == coins(some)
    assert held.tolist() == balances(some)
    arrived = int(some.value[some.incoming].sum())
    assert (
        int(left.sum()) == (held[-1] if len(some) else 0) == arrived - sum(p.value for p in pieces)
    )


@given(small)
def test_the_middle_dwell_is_that_of_the_middle_coin(some):
    pieces, _, _, arrays = by_kernel(some)
    dwells = sorted(
        int(some.time[out] - some.time[into])
        for (into, out), count in coins(some).items()
        for _ in range(count)
    )
    if dwells:
        middle = middle_dwell(some.time, arrays, len(pieces))
        assert middle == dwells[(len(dwells) - 1) // 2]


@given(small, st.sampled_from([1, HOUR, 7 * DAY]))
def test_coins_return_to_their_own_sender_while_they_are_young(some, width):
    back: Counter[tuple[int, int]] = Counter()
    for party in np.unique(some.counterparty):
        purse: list[int] = []
        for row in np.flatnonzero(some.counterparty == party):
            purse = [old for old in purse if some.time[row] - some.time[old] < width]
            for _ in range(some.value[row]):
                if some.incoming[row]:
                    purse.append(int(row))
                elif purse:
                    back[purse.pop(0), int(row)] += 1
    assert {(p.inflow, p.outflow): p.value for p in returned(some, width)} == back
    n = len(some)
    code, count = codes(some)
    left, order, ends = (np.empty(size, np.int64) for size in (n, n, count))
    found = value_returned(some.time, some.value, some.incoming, code, width, left, order, ends)
    assert found == sum(back.values())


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), max_size=60))
def test_ids_are_numbered_as_they_first_appear(ids):
    some = replace(history(), time=np.zeros(len(ids)), counterparty=np.array(ids, dtype=np.int64))
    code, count = codes(some)
    first = list(dict.fromkeys(ids))
    assert count == len(first)
    assert code.tolist() == [first.index(i) for i in ids]


def test_a_hub_is_matched_whole():
    some = hub(20_000, 500)
    pieces, left, _, _ = by_kernel(some)
    assert pieces == matched(some)
    assert int(left.sum()) + sum(p.value for p in pieces) == int(some.value[some.incoming].sum())
