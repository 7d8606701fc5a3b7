"""Buckets, first meetings and budgets, compared with what plain Python says of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import Refused
from features import budget
from features.bucket_files import record_bytes
from features.buckets import cut, share_out
from features.events import EVENT, Events
from features.laying import asked_for
from features.pair_file import PairFile
from features.prefixes import Counted
from features.spill import spill
from tests.generated import cases

MIB = 1 << 20


@settings(max_examples=cases(100))
@given(transfers=st.lists(st.integers(0, 9), max_size=20), most=st.integers(1, 12))
def test_buckets_are_runs_of_requests_that_fit(transfers, most):
    buckets = cut(np.array(transfers, dtype=np.int64), most)
    starts = buckets.starts.tolist()
    assert starts[0] == 0
    assert starts[-1] == len(transfers) == len(buckets.of_request)
    for k in range(len(buckets)):
        held = transfers[starts[k] : starts[k + 1]]
        assert buckets.transfers[k] == sum(held)
        assert sum(held) <= most or len(held) == 1
        assert (buckets.of_request[starts[k] : starts[k + 1]] == k).all()
        following = transfers[starts[k + 1] : starts[k + 1] + 1]
        assert not following or sum(held) + following[0] > most  # none is needlessly small
    assert len(buckets) >= 1


transfers_drawn = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 4), st.integers(0, 2)),
    max_size=25,
)
"""Sender, receiver, time, kind."""


def table_of(transfers: list[tuple[int, int, int, int]]) -> np.ndarray:
    table = np.zeros(len(transfers), EVENT)
    for name, values in zip(("sender", "receiver", "time", "detail"), zip(*transfers, strict=True),
                            strict=False):  # fmt: skip
        table[name] = values
    table["amount"] = 1
    return table


@settings(max_examples=cases(80))
@given(
    transfers=transfers_drawn,
    requests=st.lists(
        st.tuples(st.integers(-1, 5), st.integers(0, 6), st.sampled_from([63, 0, 1, 48, 21])),
        max_size=8,
    ),
    most=st.integers(1, 9),
)
def test_each_bucket_gets_what_its_requests_see_once_and_in_order(transfers, requests, most):
    code, until, masks = (
        np.array([r[k] for r in requests], dtype=kind)
        for k, kind in enumerate((np.int32, np.int64, np.uint8))
    )
    transfers = sorted(t for t in transfers if t[2] < max(until, default=0))
    transfers.sort(key=lambda t: t[2])
    buckets = cut(np.ones(len(requests), dtype=np.int64), most)
    asked = asked_for(code, until, masks, known=6)
    order, starts = share_out(table_of(transfers), asked, buckets)
    for k in range(len(buckets)):
        own = range(buckets.starts[k], buckets.starts[k + 1])
        seen = [
            j
            for j, (sender, receiver, time, kind) in enumerate(transfers)
            if any(
                time < until[i]
                and (
                    (code[i] == receiver and masks[i] >> (2 * kind) & 1)
                    or (code[i] == sender and masks[i] >> (2 * kind + 1) & 1)
                )
                for i in own
            )
        ]
        assert order[starts[k] : starts[k + 1]].tolist() == seen


@settings(max_examples=cases(80))
@given(
    transfers=transfers_drawn,
    kinds=st.lists(st.integers(0, 7), min_size=6, max_size=6),
    files=st.integers(1, 5),
    piece=st.integers(1, 25),
)
def test_first_meetings_are_found_whatever_the_files(
    tmp_path_factory, transfers, kinds, files, piece
):
    table = table_of(transfers)
    counted = Counted(np.array(kinds, dtype=np.uint8), np.ones(6, dtype=np.bool_))
    starts = range(0, len(table), piece)
    with spill(tmp_path_factory.mktemp("pairs")) as spilled:
        pairs = PairFile(spilled, len(table), files)
        for start in starts:
            pairs.add(start, events_of(table[start : start + piece]), counted)
        found = pairs.look()
        assert not list(spilled.folder.iterdir())
    expected = tuple(
        [
            kinds[t[side]] >> t[3] & 1 == 1
            and not any(u[:2] == t[:2] and kinds[u[side]] >> u[3] & 1 for u in transfers[:j])
            for j, t in enumerate(transfers)
        ]
        for side in (0, 1)
    )
    for start in starts:
        end = min(start + piece, len(table))
        part = tuple(bits.tolist() for bits in found.of(start, end))
        assert part == tuple(side[start:end] for side in expected)


def events_of(table: np.ndarray) -> Events:
    none = np.empty(0)
    return Events(table, none, True, "usd", none, none, none, pl.DataFrame())


# --- budgets --------------------------------------------------------------------------------------


def size(**given: int | bool) -> budget.Size:
    usual = {"addresses": 10**6, "requests": 10**6, "kept": 0, "named": 0, "transfers": 10**7,
             "neighbours": True}  # fmt: skip
    return budget.Size(**(usual | given))  # type: ignore[arg-type]


def test_a_cap_that_is_too_small_is_refused_with_the_one_that_is_not(monkeypatch):
    monkeypatch.setattr(budget, "resident", lambda: 200 * MIB)
    with pytest.raises(Refused) as refused:
        budget.divided(300 * MIB, size())
    found = re.search(r"Expected: ([\d,]+) MiB or more", str(refused.value))
    assert found is not None
    least = int(found[1].replace(",", "")) * MIB
    assert budget.divided(least, size()).piece >= 1 << 14
    with pytest.raises(Refused):
        budget.divided(least - 2 * MIB, size())


@pytest.mark.parametrize(
    "more",
    [{"addresses": 2 * 10**6}, {"requests": 2 * 10**6}, {"kept": 100}, {"named": 10**6},
     {"transfers": 10**9}],
)  # fmt: skip
def test_more_of_anything_leaves_less_room(monkeypatch, more):
    monkeypatch.setattr(budget, "resident", lambda: 200 * MIB)
    plenty = budget.divided(4096 * MIB, size())
    larger = size(**more)
    less = budget.divided(4096 * MIB, larger)
    stages = ("while_read", "while_counted", "while_passing", "while_laid")
    needs = [getattr(larger, stage)() - getattr(size(), stage)() for stage in stages]
    assert max(needs) > 0 <= min(needs)
    assert less.bucket <= plenty.bucket
    assert less.history <= plenty.history
    assert less.whole <= plenty.whole
    assert less.bucket == min(2**21, less.whole)  # a long history is alone in its bucket
    assert less.history > less.whole  # and laid on disk, where memory has no room for it


def test_a_hub_of_twenty_million_transfers_fits_under_two_gibibytes(monkeypatch):
    monkeypatch.setattr(budget, "resident", lambda: 600 * MIB)
    chain = size(addresses=12_500_000, requests=1, transfers=10**8)
    limits = budget.divided(2048 * MIB, chain)
    assert limits.whole < 20_000_000 < limits.history


@pytest.mark.parametrize("memory", [842, 900, 4096])  # with and without room for a window
@pytest.mark.parametrize("beyond", [1, 10**5, 10**7, 10**9])
def test_a_history_that_is_too_large_is_refused_with_the_cap_that_is_not(
    monkeypatch, memory, beyond
):
    monkeypatch.setattr(budget, "resident", lambda: 200 * MIB)
    some = size(addresses=1000, requests=1000, transfers=10**6)
    limits = budget.divided(memory * MIB, some)
    refuse = budget.refuse_large_history
    refuse(memory * MIB, limits, limits.history, "0xa")
    with pytest.raises(Refused) as refused:
        refuse(memory * MIB, limits, limits.history + beyond, "0xa")
    found = re.search(r"Expected: ([\d,]+) MiB or more", str(refused.value))
    assert found is not None
    enough = int(found[1].replace(",", "")) + 1  # whole pieces leave a rest
    assert budget.divided(enough * MIB, some).history >= limits.history + beyond
    if enough > memory + 3:
        assert budget.divided((enough - 3) * MIB, some).history < limits.history + beyond


def test_what_the_process_holds_is_read():
    held = budget.resident()
    if not Path("/proc/self/statm").exists():
        assert held >= 0
        return
    ballast = np.ones(64 * MIB, dtype=np.uint8)
    assert budget.resident() >= held + 50 * MIB
    del ballast


def test_neighbours_and_epochs_take_disk():
    assert record_bytes(neighbours=False, epochs=0) == 36
    assert record_bytes(neighbours=True, epochs=0) == 36 + 2 * 19
    assert record_bytes(neighbours=True, epochs=3) == 36 + 2 * (19 + 3 * 12)
