"""Swaps and crossings laid as moves: nobody's net changes, whatever stands in a transaction."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from models.tracing.books import keep_books
from models.tracing.following import CONVENTIONS, DIRECTIONS, follow
from models.tracing.laying import Laid, Rows, lay
from models.tracing.limits import End, Limits
from models.tracing.moves import Kind

HELD = {0, 1, 2, 3}
BRIDGES = {8, 9}


@dataclass(frozen=True)
class OriginIsZero:
    """Address 0 is traced; those whose histories are not held end it."""

    laid: Laid

    def end_at(self, pot: int, *, forward: bool) -> End | None:
        holder = self.laid.holder[pot]
        return End.NOT_SUPPLIED if holder >= 0 and holder not in HELD else None

    def is_origin(self, pot: int) -> bool:
        return self.laid.holder[pot] == 0


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[Rows, dict[int, int]]:
    """Transactions of one to four transfers, and some crossings among the single ones."""
    columns: list[list[int]] = [[] for _ in range(6)]
    sender, receiver, asset, amount, usd, tx = columns
    crossings: dict[int, int] = {}
    for number in range(draw(st.integers(1, 12))):
        if draw(st.integers(0, 4)) == 0:  # a deposit, and its release
            who, units = draw(st.integers(0, 3)), draw(st.integers(2, 9))
            crossings[len(tx)] = len(tx) + 1
            sender += [who, 9]
            receiver += [8, draw(st.integers(0, 3))]
            asset += [0, 1]
            amount += [units, units - 1]
            usd += [units, units - 1]
            tx += [1000 + 2 * number, 1001 + 2 * number]
            continue
        for _ in range(draw(st.integers(1, 4))):
            a, b = draw(
                st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda p: p[0] != p[1])
            )
            sender.append(a)
            receiver.append(b)
            asset.append(draw(st.integers(0, 2)))
            amount.append(draw(st.integers(1, 9)))
            usd.append(draw(st.integers(-1, 9)))
            tx.append(number)
    return Rows(sender, receiver, asset, amount, usd, tx, [True] * len(tx)), crossings


@given(ledger=ledgers())
def test_nobodys_net_changes_by_being_laid(ledger):
    rows, crossings = ledger
    laid = lay(rows, HELD, crossings, swaps=True)
    books = keep_books(laid.moves, len(laid.holder))
    net: Counter[tuple[int, int]] = Counter()
    for row in range(len(rows)):
        net[rows.receiver[row], rows.asset[row]] += rows.amount[row]
        net[rows.sender[row], rows.asset[row]] -= rows.amount[row]
    for pot, (holder, asset) in enumerate(zip(laid.holder, laid.asset, strict=True)):
        if holder in HELD:
            assert books.held(pot) - books.unseen[pot] == net[holder, asset]
        if holder < 0:
            assert books.held(pot) == 0  # nothing stays in transit


@given(ledger=ledgers())
def test_every_unit_of_a_ledger_is_accounted_for(ledger):
    rows, crossings = ledger
    laid = lay(rows, HELD, crossings, swaps=True)
    books = keep_books(laid.moves, len(laid.holder))
    for direction in DIRECTIONS:
        for convention in CONVENTIONS:
            traced = follow(
                books, laid.asset, OriginIsZero(laid), Limits(max_hops=4, min_usd_micros=2),
                convention=convention, forward=direction == "forward",
            )  # fmt: skip
            traced.check()
            assert all(laid.holder[rest.pot] >= 0 for rest in traced.rests)
            assert direction == "forward" or traced.rests == []


def one_swap(extra: list[tuple[int, int, int, int]]) -> Laid:
    """Address 1 gives 10 of asset 0 to a pool and gets 7 of asset 1, and what else is told."""
    rows = [(1, 5, 0, 10), (6, 1, 1, 7), *extra]
    sender, receiver, asset, amount = (list(column) for column in zip(*rows, strict=True))
    same = [0] * len(rows)
    tokens = [True] * len(rows)
    return lay(Rows(sender, receiver, asset, amount, amount, same, tokens), HELD, {}, swaps=True)


def test_a_refund_makes_a_swap_smaller():
    [swap] = [m for m in one_swap([(5, 1, 0, 4)]).moves if m.kind is Kind.SWAP]
    assert (swap.out, swap.into, swap.usd) == (6, 7, 7)


def test_a_further_asset_of_a_swap_is_a_plain_receipt():
    moves = one_swap([(6, 1, 2, 3)]).moves
    assert [(m.kind, m.out) for m in moves if not m.source_shut and not m.target_shut] == [
        (Kind.SWAP, 10),
        (Kind.PAYMENT, 3),
    ]


def test_two_that_swap_with_each_other_both_go_on():
    moves = lay(
        Rows([1, 2], [2, 1], [0, 1], [10, 7], [10, 10], [0, 0], [True, True]), HELD, {}, swaps=True
    ).moves
    assert [(m.kind, m.out, m.into) for m in moves] == [(Kind.SWAP, 10, 7), (Kind.SWAP, 7, 10)]
