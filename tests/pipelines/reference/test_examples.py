"""Examples: every signal has one, it is what the code computes, and the stories can be read."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from features.catalogue import catalogue
from features.computing import compute_signals, explain_signal
from pipelines.alerting.red_flags import red_flags
from pipelines.reference.examples import _best, examples, wanted_low
from pipelines.reference.histories import ToldHistories, read, tell
from pipelines.reference.stories import STORIES
from pipelines.reference.story import Story

SIGNALS = {signal.name: signal for signal in catalogue().signals}
each_signal = pytest.mark.parametrize("name", SIGNALS)


@pytest.fixture(scope="module")
def told() -> ToldHistories:
    return tell(STORIES)


@each_signal
def test_every_signal_tells_something_on_its_story(name):
    example = examples()[name]
    low, high = SIGNALS[name].bounds
    assert example.signal is SIGNALS[name]
    assert example.value != 0 and math.isfinite(example.value)
    assert low <= example.value <= high
    assert example.shown, "nothing to highlight"
    assert set(example.shown) <= set(example.rows) <= set(range(len(example.transfers)))
    assert list(example.rows) == sorted(set(example.rows))
    assert list(example.shown) == sorted(set(example.shown))
    assert example.sentence.numbers[0].shown in example.sentence.text


def test_the_value_is_the_one_that_a_run_would_find(told):
    """The kernels, on all stories at once, find what the definitions found one by one."""
    found = compute_signals(told.histories)
    place = {story.name: i for i, story in enumerate(STORIES)}
    for name, example in examples().items():
        value = found[name][place[example.story.name]]
        assert value == pytest.approx(example.value, rel=1e-9), name


def test_the_transfers_are_those_of_the_history(told):
    for i, story in enumerate(STORIES):
        history, transfers = told.histories[i], told.transfers[i]
        own = [t for t in read(story) if t.is_own]
        assert len(history) == len(transfers) == len(own)
        assert sorted(own) == sorted(transfers)
        assert [t.receiver == "it" for t in transfers] == history.incoming.tolist()
        assert [int(t.dollars * 10**6) for t in transfers] == history.value.tolist()
        moments = [int(t.moment.timestamp()) * 10**6 for t in transfers]
        assert moments == history.time.tolist()
        assert history.as_of == int(told.as_of[i].timestamp()) * 10**6
        parties = [t.sender if t.receiver == "it" else t.receiver for t in transfers]
        assert len(set(parties)) == len(np.unique(history.counterparty))


@each_signal
def test_a_story_that_plays_a_red_flag_comes_first(name):
    signal, example = SIGNALS[name], examples()[name]
    raised = set(signal.red_flags)
    raised -= set() if wanted_low(signal) else set(signal.flags_when_low)
    playing = [story for story in STORIES if raised & set(story.red_flags)]
    claimed = [story for story in STORIES if name in story.also]
    assert len(claimed) <= 1, "claimed twice"
    if claimed:
        assert [example.story] == claimed
    elif playing:
        assert example.story in playing


@each_signal
def test_among_stories_alike_the_value_is_the_most_telling(name, told):
    """No other story of the same rank has a greater value (a lesser one, where low warns)."""
    signal, example = SIGNALS[name], examples()[name]
    alike = [
        explain_signal(told.histories, i, signal)
        for i, story in enumerate(STORIES)
        if set(story.red_flags) == set(example.story.red_flags) and name not in story.also
    ]
    values = [found.value for found in alike if found is not None and found.value != 0]
    values = [value for value in values if value not in signal.bounds]
    if values and name not in example.story.also and example.value not in signal.bounds:
        assert example.value == (min(values) if wanted_low(signal) else max(values))


def test_a_signal_that_tells_nothing_anywhere_is_named():
    example = examples()["swaps"]
    with pytest.raises(LookupError, match=r"swaps .*stories\.py"):
        _best(example.signal, [replace(example, value=0.0), replace(example, shown=())])


def test_the_stories_are_in_order():
    names = [story.name for story in STORIES]
    assert len(names) == len(set(names))
    for story in STORIES:
        assert set(story.red_flags) <= set(red_flags()), story.name
        assert set(story.also) <= set(SIGNALS), story.name
        assert len(story.tells) < 90, story.name
        assert not story.tells.endswith("."), story.name
        assert len([t for t in read(story) if t.is_own]) < 14, story.name
    shown_on = {example.story.name for example in examples().values()}
    assert set(names) == shown_on, "a story that shows no signal"


@pytest.mark.parametrize(
    "line, problem",
    [
        ("1 09:00   A > it    1,200", "No line of a story"),
        ("1 09:00   A > it 1,200 USDT", "No line of a story"),
        ("1 9:00    A > it    1,200 USDT", "No line of a story"),
        ("09:00     A > it    1,200 USDT", "No line of a story"),
        ("+         A > it    1,200 USDT", "No line of a story"),
        ("2 09:00   A > it    1 USDT\n1 10:00   A > it    1 USDT", "runs forward"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line, problem):
    with pytest.raises(ValueError, match=problem):
        read(Story("broken", "Nothing", (), line))


def test_a_plus_joins_the_transaction_before():
    swap, rest = STORIES[0], "1 10:00   it > B    0.25 ETH"
    lines = f"1 09:00   it > router 1    10 USDT\n+         router 1 > it    9.5 DAI\n{rest}"
    first, second, third = read(replace(swap, transfers=lines))
    assert (first.transaction, second.transaction, third.transaction) == (0, 0, 1)
    assert first.moment == second.moment < third.moment
    assert (first.receiver, second.amount) == ("router 1", Decimal("9.5"))
    assert third.dollars == 625


def test_what_passes_between_others_is_no_transfer_of_it():
    story = replace(
        STORIES[0], transfers="1 09:00   A > B    5 USDT\n1 09:05   B > it    4 USDT", also=()
    )
    told = tell((story,))
    assert [(t.sender, t.receiver) for t in told.transfers[0]] == [("B", "it")]
    assert [(t.sender, t.receiver) for t in told.others[0]] == [("A", "B")]
    assert len(told.histories[0]) == 1


def test_several_names_are_several_transfers():
    [*many, last] = read(
        replace(STORIES[0], transfers="1 09:00  P8..P10 > it  5 USDT\n1 09:05  it > Z  9 USDT")
    )
    assert [t.sender for t in many] == ["P8", "P9", "P10"]
    assert [t.transaction for t in (*many, last)] == [0, 1, 2, 3]
    assert {t.moment for t in many} == {many[0].moment}


def test_a_chain_that_is_named_is_another_history():
    lines = """
        1 09:00   A > it           1,000 USDT
        1 09:30   it > bridge      1,000 USDT
        1 09:45   bridge > it        998 USDT@arbitrum
    """
    told = tell((Story("crossing", "It crosses", (), lines),))
    assert [t.receiver for t in told.transfers[0]] == ["it", "bridge"]
    assert [(t.chain, t.receiver) for t in told.others[0]] == [("arbitrum", "it")]
    crossing = told.histories[0].crossing
    assert crossing.best[1] > 0.99, "one key opens the same address on both"
    assert crossing.other.tolist() == [-1, told.their_rows[0][0]]


def test_stories_know_nothing_of_each_other():
    """A story told alone gives every signal the value that it has among the others.

    But for this: where its own list names no exchange (or bridge, …) on its chain, nothing is said
    of exchanges; once the others' list names some, it had dealt with none of them.
    """
    among = tell(STORIES)
    for i, story in enumerate(STORIES):
        alone = tell((story,))
        assert alone.transfers[0] == among.transfers[i]
        for signal in SIGNALS.values():
            here, there = (
                explain_signal(t.histories, k, signal) for t, k in ((alone, 0), (among, i))
            )
            if here is None and signal.exposure:
                assert there is None or there.value == 0, (story.name, signal.name)
                continue
            assert (here is None) == (there is None), (story.name, signal.name)
            if here is not None and there is not None:
                assert here.value == there.value, (story.name, signal.name)


def test_other_legs_are_told_with_their_transfers():
    legs = examples()["hop_sequence"]
    assert legs.elsewhere
    for other, leg in legs.elsewhere.items():
        position, probability = leg.position, leg.probability
        assert position is not None and probability is not None
        assert legs.others[other].chain != "ethereum"
        assert position in legs.rows
        assert 0 < probability <= 1
        apart = abs(legs.others[other].moment - legs.transfers[position].moment)
        assert apart < timedelta(hours=2)
    assert not examples()["swaps"].elsewhere
