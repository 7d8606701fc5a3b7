"""The conventions against slow, obvious ones: single units, and exact fractions."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tracing.books import Books, keep_books
from models.tracing.following import CONVENTIONS, DIRECTIONS, Traced, follow
from models.tracing.limits import CAPS, End, Limits
from models.tracing.moves import Kind, Move

ORIGIN, POTS = 0, 7
EVERYTHING = Limits(max_hops=99, min_usd_micros=0)


@dataclass(frozen=True)
class Ends:
    """Some pots at which a trace stops."""

    ends: dict[int, End] = field(default_factory=dict)

    def end_at(self, pot: int, *, forward: bool) -> End | None:
        return self.ends.get(pot)

    def is_origin(self, pot: int) -> bool:
        return pot == ORIGIN


def assets_of(moves: list[Move]) -> list[int]:
    swaps = any(move.kind is Kind.SWAP for move in moves)
    return [pot % 2 if swaps else 0 for pot in range(POTS)]


def run(
    moves: list[Move], convention: str, direction: str, stops: Ends, limits: Limits = EVERYTHING
) -> tuple[Traced, Books]:
    books, forward = keep_books(moves, POTS), direction == "forward"
    assets = assets_of(moves)
    found = follow(books, assets, stops, limits, convention=convention, forward=forward)
    return found, books


@st.composite
def payments(draw: st.DrawFn) -> list[Move]:
    """Payments among a few pots, of few units, so that they meet again and again."""
    sides = st.integers(0, POTS - 1)
    pairs = draw(
        st.lists(
            st.tuples(sides, sides, st.integers(1, 9)).filter(lambda p: p[0] != p[1]), max_size=25
        )
    )
    return [
        Move(Kind.PAYMENT, a, b, units, units, at, at) for at, (a, b, units) in enumerate(pairs)
    ]


@st.composite
def any_moves(draw: st.DrawFn) -> list[Move]:
    """Payments within two assets, swaps between them, sides that are shut, and dollars."""
    moves = []
    for at, move in enumerate(draw(payments())):
        if move.source % 2 == move.target % 2:
            shut = draw(st.sampled_from([(False, False)] * 6 + [(True, False), (False, True)]))
            usd = draw(st.integers(-1, 30))
            moves.append(move._replace(sent=at, usd=usd, source_shut=shut[0], target_shut=shut[1]))
        else:
            into = draw(st.integers(1, 40))
            moves.append(move._replace(kind=Kind.SWAP, into=into, hops=0))
    return moves


stopped = st.dictionaries(st.integers(1, POTS - 1), st.just(End.MIXER), max_size=3).map(Ends)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("convention", CONVENTIONS)
@given(moves=any_moves(), stops=stopped, hops=st.integers(1, 4), least=st.integers(0, 9))
def test_no_unit_is_lost_or_made(convention, direction, moves, stops, hops, least):
    limits = Limits(max_hops=hops, min_usd_micros=least)
    traced, books = run(moves, convention, direction, stops, limits)
    came: Counter[int] = Counter(traced.traced)
    went: Counter[int] = Counter()
    for asset, units in traced.converted_in.items():
        came[asset] += units
    for asset, units in traced.converted_out.items():
        went[asset] += units
    assets = assets_of(moves)
    for flow in traced.flows:
        move = books.moves[flow.move]
        pot = move.target if direction == "forward" else move.source
        went[assets[pot]] += flow.amount if flow.end else 0
        assert 0 < flow.amount <= flow.whole
        assert flow.hops <= hops
    for rest in traced.rests:
        went[assets[rest.pot]] += rest.amount
    assert +came == +went


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("convention", CONVENTIONS)
@given(moves=any_moves())
def test_what_is_traced_is_what_the_address_paid_or_was_paid(convention, direction, moves):
    traced, books = run(moves, convention, direction, Ends())
    if direction == "forward":
        paid = sum(m.out for m in moves if m.source == ORIGIN and not m.source_shut)
        assert sum(traced.traced.values()) == paid + books.held(ORIGIN)
    else:
        paid = sum(m.into for m in moves if m.target == ORIGIN and not m.target_shut)
        assert sum(traced.traced.values()) == paid


@given(moves=payments(), stops=stopped)
def test_fifo_is_what_single_units_do(moves, stops):
    """Every unit is an object in a queue."""
    pots: dict[int, deque[int | None]] = defaultdict(deque)
    ends: Counter[tuple[int, End | None, int]] = Counter()
    for move in moves:
        for _ in range(move.out):
            unit = pots[move.source].popleft() if pots[move.source] else None
            hops = 1 if move.source == ORIGIN else (None if unit is None else unit + 1)
            if hops is not None and move.target == ORIGIN:
                ends[ORIGIN, End.RETURNED, hops] += 1
            elif hops is not None and move.target in stops.ends:
                ends[move.target, End.MIXER, hops] += 1
                hops = None
            pots[move.target].append(None if move.target == ORIGIN else hops)
    for pot, units in pots.items():
        for unit in units:
            if pot == ORIGIN:
                ends[pot, End.UNSPENT, 0] += 1
            elif unit is not None:
                ends[pot, End.UNSPENT, unit] += 1
    assert found_forward(run(moves, "fifo", "forward", stops)) == ends


def found_forward(result: tuple[Traced, Books]) -> Counter[tuple[int, End | None, int]]:
    traced, books = result
    found: Counter[tuple[int, End | None, int]] = Counter()
    for flow in traced.flows:
        if flow.end:
            found[books.moves[flow.move].target, flow.end, flow.hops] += flow.amount
    for rest in traced.rests:
        found[rest.pot, rest.end, rest.hops] += rest.amount
    return found


@given(moves=payments(), stops=stopped)
def test_fifo_backward_is_the_past_of_single_units(moves, stops):
    """Every unit carries its whole past, which is read back from each arrival at the address."""
    pots: dict[int, deque[tuple[int, ...]]] = defaultdict(deque)
    ends: Counter[tuple[int, End | None, int]] = Counter()
    for at, move in enumerate(moves):
        for _ in range(move.out):
            past = (*(pots[move.source].popleft() if pots[move.source] else ()), at)
            pots[move.target].append(past)
            if move.target != ORIGIN:
                continue
            hops = 0
            for step in reversed(past):
                hops, source = hops + 1, moves[step].source
                if source == ORIGIN or source in stops.ends:
                    ends[source, End.RETURNED if source == ORIGIN else End.MIXER, hops] += 1
                    break
            else:
                ends[moves[past[0]].source, End.UNSEEN, hops] += 1
    traced, books = run(moves, "fifo", "backward", stops)
    found: Counter[tuple[int, End | None, int]] = Counter()
    for flow in traced.flows:
        if flow.end:
            found[books.moves[flow.move].source, flow.end, flow.hops] += flow.amount
    assert found == ends
    assert traced.rests == []


@given(moves=payments(), stops=stopped)
def test_haircut_is_mixing_in_proportion(moves, stops):
    """Pots hold exact fractions; rounding moves each end by less than a unit for each move."""
    held: Counter[int] = Counter()
    share: dict[int, Fraction] = defaultdict(Fraction)  # traced units in a pot
    ends: dict[tuple[int, End], Fraction] = defaultdict(Fraction)
    for move in moves:
        balance = held[move.source]
        leaving = min(move.out, balance)
        taken = share[move.source] * leaving / balance if balance else Fraction(0)
        share[move.source] -= taken
        held[move.source] -= leaving
        if move.source == ORIGIN:
            taken = Fraction(move.out)
        held[move.target] += move.into
        if move.target == ORIGIN:
            ends[ORIGIN, End.RETURNED] += taken
        elif move.target in stops.ends:
            ends[move.target, End.MIXER] += taken
        else:
            share[move.target] += taken
    traced, books = run(moves, "haircut", "forward", stops)
    found: Counter[tuple[int, End]] = Counter()
    for flow in traced.flows:
        if flow.end:
            found[books.moves[flow.move].target, flow.end] += flow.amount
    for rest in traced.rests:
        if rest.pot != ORIGIN:
            found[rest.pot, rest.end] += rest.amount
    for pot, units in share.items():
        if pot != ORIGIN:
            ends[pot, End.UNSPENT] += units
    for key in {*ends, *found}:
        assert abs(ends[key] - found[key]) <= len(moves), key
    assert traced.traced[0] == sum(m.out for m in moves if m.source == ORIGIN) + held[ORIGIN]


@given(moves=payments())
def test_haircut_backward_takes_from_what_was_mixed(moves):
    """Each pot's contents by source, in fractions: what reached the address, by first source."""
    mix: dict[int, dict[int, Fraction]] = defaultdict(dict)
    reached: dict[int, Fraction] = defaultdict(Fraction)
    for move in moves:
        own = mix[move.source]
        balance = sum(own.values())
        leaving = min(Fraction(move.out), Fraction(balance))
        taken = {s: u * leaving / balance for s, u in own.items()} if balance else {}
        mix[move.source] = {s: u - taken[s] for s, u in own.items() if balance}
        taken[move.source] = taken.get(move.source, Fraction(0)) + move.out - leaving
        if move.source == ORIGIN:
            taken = {ORIGIN: Fraction(move.out)}
        for source, units in taken.items():
            mix[move.target][source] = mix[move.target].get(source, Fraction(0)) + units
            reached[source] += units if move.target == ORIGIN else 0
    traced, books = run(moves, "haircut", "backward", Ends())
    found: Counter[int] = Counter()
    for flow in traced.flows:
        if flow.end:
            found[books.moves[flow.move].source] += flow.amount
    assert sum(found.values()) == sum(reached.values())
    for source in {*found, *reached}:
        assert abs(found[source] - reached[source]) <= len(moves)


@given(moves=payments())
def test_later_payments_change_nothing_before_them(moves):
    """Time is respected: what is traced up to a moment needs nothing from after it."""
    half = len(moves) // 2
    for convention in CONVENTIONS:
        whole, _ = run(moves, convention, "forward", Ends())
        start, _ = run(moves[:half], convention, "forward", Ends())
        assert [f for f in whole.flows if f.move < half] == start.flows


def pay(source: int, target: int, units: int, usd: int = -1) -> Move:
    return Move(Kind.PAYMENT, source, target, units, units, usd=usd)


def test_money_does_not_leave_before_it_came():
    moves = [pay(1, 2, 5), pay(0, 1, 5)]
    for convention in CONVENTIONS:
        traced, _ = run(moves, convention, "forward", Ends())
        assert [(r.pot, r.amount) for r in traced.rests] == [(1, 5)]


def test_the_conventions_differ_where_money_mixes():
    moves = [pay(0, 1, 10), pay(2, 1, 30), pay(1, 3, 10), pay(1, 4, 30)]
    fifo, _ = run(moves, "fifo", "forward", Ends())
    haircut, _ = run(moves, "haircut", "forward", Ends())
    assert [(r.pot, r.amount) for r in fifo.rests] == [(3, 10)]
    assert [(r.pot, r.amount) for r in haircut.rests] == [(3, 2), (4, 8)]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_what_a_limit_stops_is_told(convention):
    moves = [pay(0, 1, 100, usd=100), pay(1, 2, 60, usd=60), pay(1, 3, 4, usd=4), pay(2, 4, 60)]
    traced, _ = run(moves, convention, "forward", Ends(), Limits(max_hops=2, min_usd_micros=5))
    told = {f.end: f.amount for f in traced.flows if f.end in CAPS}
    assert told == {End.BEYOND_HOPS: 60, End.BELOW_VALUE: 4}
    assert [(r.pot, r.amount) for r in traced.rests] == [(1, 36)]


def test_amounts_may_be_larger_than_any_machine_number():
    wei = 10**30 + 7
    moves = [pay(0, 1, wei), pay(2, 1, 2 * wei), pay(1, 3, wei), pay(1, 4, 2 * wei)]
    for convention in CONVENTIONS:
        traced, _ = run(moves, convention, "forward", Ends())
        assert sum(r.amount for r in traced.rests) == wei


def test_a_lost_unit_would_be_noticed():
    traced = Traced()
    traced.traced[3] = 5
    traced.ended[3] = 4
    with pytest.raises(AssertionError, match="asset 3: 5 units"):
        traced.check()
