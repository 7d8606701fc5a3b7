"""Cases: every alert in one, and an id that lasts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.cases.accounts import Ledger, accounts_of
from models.cases.ground import lay
from models.cases.grouping import Case, case_id_of, group
from models.cases.limits import Kind, Limits
from models.cases.links import Key, Link, find_links
from tests.data.canonical import START, table
from tests.generated import cases
from tests.models.cases.test_links import A, B, C, D, X, Y, key, moved, parties, pay, subjects

KEYS = [("ethereum", name) for name in "abcdefgh"]


def seen(*order: Key) -> dict[Key, Any]:
    return {k: START + timedelta(days=n) for n, k in enumerate(order)}


def tie(*alerts: Key) -> Link:
    return Link(Kind.DIRECT_FLOW, alerts, None, (1,))


@settings(max_examples=cases(100), deadline=None)
@given(st.lists(st.sets(st.sampled_from(KEYS), min_size=2, max_size=4), max_size=8))
def test_cases_are_what_can_be_reached(sets):
    links = [tie(*sorted(some)) for some in sets]
    made = group(seen(*KEYS), links)
    for case in made:
        reached, before = {case.members[0]}, 0
        while len(reached) > before:
            before = len(reached)
            reached |= {k for link in links if reached & set(link.alerts) for k in link.alerts}
        assert set(case.members) == reached
        assert case.links == tuple(link for link in links if set(link.alerts) <= reached)
    assert sorted(k for case in made for k in case.members) == KEYS
    assert group(seen(*KEYS), links[::-1])[0].case_id == made[0].case_id


def test_an_id_outlives_a_new_member_and_a_merger():
    a, b, c, d = KEYS[:4]
    [before, alone] = group(seen(a, b, c), [tie(a, b)])
    assert (before.case_id, alone.case_id) == (case_id_of(a), case_id_of(c))
    [after] = group(seen(a, b, c, d), [tie(a, b), tie(b, d), tie(c, d)])
    assert after.case_id == before.case_id
    # An older member renames it; the old id is that of one of the members.
    [renamed] = group(seen(d, a, b, c), [tie(a, b), tie(b, d), tie(c, d)])
    assert renamed.case_id == case_id_of(d)
    assert before.case_id in {case_id_of(k) for k in renamed.members}


def test_the_books_of_a_case():
    rows = [
        *(pay(1, X, A, 100), pay(2, A, B, 90), pay(3, B, Y, 80), pay(4, C, Y, 70)),
        *(pay(5, X, C, 60), pay(6, Y, D, 1), pay(7, X, Y, 5)),
    ]
    who = subjects([A, B, C], victims=[X])
    ground = lay(table(rows).with_row_index("row").lazy(), who, Limits())
    links = find_links(ground, who, Limits()).links
    [case] = group(seen(key(A), key(B), key(C)), links)
    books = accounts_of(case, Ledger(ground.own), Ledger(ground.around), [key(X)])
    dollars = {
        name: getattr(books, name).usd_micros // 10**6
        for name in ("received", "sent", "between", "all")
    }
    assert dollars == {"received": 160, "sent": 150, "between": 90, "all": 400}
    assert (books.all.n, books.all.first) == (5, START + timedelta(minutes=1))
    [victim] = books.victims
    assert (victim.key, victim.paid.usd_micros // 10**6, victim.got.n) == (key(X), 160, 0)
    # A possible victim is no key node; who stands between is one, and is no member.
    assert [(n.key, n.member, n.passed // 10**6) for n in books.nodes] == [
        (key(B), True, 170),
        (key(Y), False, 150),
        (key(A), True, 90),
        (key(C), True, 70),
    ]


@settings(max_examples=cases(60), deadline=None)
@given(moved(), parties())
def test_books_balance(rows, who):
    ground = lay(table(rows).with_row_index("row").lazy(), who, Limits())
    links = find_links(ground, who, Limits()).links
    alerts = [key(a) for a in sorted(who.alerts["address"])]
    victims = set(who.victims.iter_rows())
    for case in group(seen(*alerts), links):
        books = accounts_of(case, Ledger(ground.own), Ledger(ground.around), victims)
        parts = (books.received, books.sent, books.between)
        ends = [{key(r["sender"]), key(r["receiver"])} for r in rows]
        own = [
            r
            for r, sides in zip(rows, ends, strict=True)
            if len(sides) == 2 and sides & set(case.members)
        ]
        assert books.all.n == sum(part.n for part in parts) == len(own)
        assert books.all.usd_micros == sum(r["usd_micros"] or 0 for r in own)
        assert sum(sum(part.amounts.values()) for part in parts) == sum(
            int(r["amount_raw"]) for r in own
        )
        assert sum(n.got.n for n in books.nodes) == sum(n.paid.n for n in books.nodes)
        assert not {n.key for n in books.nodes} & (victims - set(case.members))
        assert isinstance(case, Case)
