"""What ties alerts, held against a slow reading of the rules, and what never does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from data.schema import LEGS
from models.cases.ground import CROSSINGS, Subjects, lay, services_of
from models.cases.limits import SERVICES, Kind, Limits, Reason
from models.cases.links import Found, Key, find_links
from tests.data.canonical import ALL_LEGS, AS_OF, START, row, table
from tests.generated import cases

Rows = Sequence[Mapping[str, Any]]
ADDRESSES = tuple(f"0x{digit * 40}" for digit in "123456789abc")
A, B, C, D, X, Y, *MANY = ADDRESSES
SMALL = Limits(max_degree=4, max_shared=3, least_share=0.1)


def key(address: str, chain: str = "ethereum") -> Key:
    return chain, address


def pay(n: int, sender: str, receiver: str, dollars: int = 100, **given: Any) -> dict[str, Any]:
    units = {"amount_raw": str(dollars * 10**6), "usd_micros": dollars * 10**6}
    return row(n, sender=sender, receiver=receiver, **(units | given))


def coin(n: int, sender: str, receiver: str) -> dict[str, Any]:
    """Pay some native coins that have no price."""
    native = {"kind": "native", "asset": "native", "amount_raw": "1000", "usd_micros": None}
    return row(n, sender=sender, receiver=receiver, **native)


def keys(addresses: Iterable[str | Key], **more: Any) -> pl.DataFrame:
    found = [a if isinstance(a, tuple) else key(a) for a in addresses]
    schema = {"chain": pl.String, "address": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row").with_columns(
        **{name: pl.lit(value) for name, value in more.items()}
    )


def subjects(
    alerts: Iterable[str | Key] = (A, B, C, D),
    services: Iterable[str | Key] = (),
    victims: Iterable[str] = (),
    supplied: Iterable[str] | None = None,
) -> Subjects:
    return Subjects(
        alerts=keys(alerts, as_of=AS_OF),
        services=keys(services),
        victims=keys(victims),
        supplied=None if supplied is None else keys(supplied, legs=ALL_LEGS),
    )


def found(rows: Rows, who: Subjects, limits: Limits = Limits()) -> Found:  # noqa: B008
    moved = table(rows).with_row_index("row").lazy()
    return find_links(lay(moved, who, limits), who, limits)


def told(result: Found) -> set[tuple[Kind, str | None, tuple[str, ...]]]:
    return {
        (link.kind, link.via and link.via[1], tuple(address for _, address in link.alerts))
        for link in result.links
    }


# --- each kind ------------------------------------------------------------------------------------


def test_one_alert_paid_the_other():
    rows = [pay(1, A, B, 50), pay(2, X, A, 50), pay(3, B, A, 40)]
    [link] = found(rows, subjects()).links
    assert (link.kind, link.alerts, link.rows) == (Kind.DIRECT_FLOW, (key(A), key(B)), (0, 2))


def test_a_stray_payment_ties_nobody():
    """Somebody who sends an alerted merchant a small part of what it takes is not its partner."""
    rows = [pay(1, A, B, 10), pay(2, X, B, 5_000), pay(3, A, X, 10)]
    assert told(found(rows, subjects())) == set()
    assert (Kind.DIRECT_FLOW, None, (A, B)) in told(found(rows[:1], subjects()))


def test_both_paid_one_address_or_were_paid_by_one():
    rows = [pay(1, A, X), pay(2, B, X), pay(3, Y, C), pay(4, Y, D)]
    assert told(found(rows, subjects())) == {
        (Kind.SHARED_EXIT, X, (A, B)),
        (Kind.SHARED_PAYER, Y, (C, D)),
    }


def test_a_relay_passes_on_within_minutes_and_nearly_whole():
    def relayed(minutes: int, dollars: int) -> set[Any]:
        return told(found([pay(1, A, X, 100), pay(1 + minutes, X, B, dollars)], subjects()))

    assert relayed(9, 90) == {(Kind.RELAY, X, (A, B))}
    assert relayed(0, 100) == {(Kind.RELAY, X, (A, B))}
    for minutes, dollars in ((11, 90), (9, 79), (9, 101), (-1, 90)):
        assert relayed(minutes, dollars) == set(), (minutes, dollars)


def test_a_relay_ties_those_whose_money_it_was_and_nobody_else():
    rows = [
        *(pay(1, A, X, 100), pay(2, X, B, 99)),
        *(pay(5000, C, X, 300), pay(5001, X, D, 299)),
    ]
    relays = {t for t in told(found(rows, subjects())) if t[0] is Kind.RELAY}
    assert relays == {(Kind.RELAY, X, (A, B)), (Kind.RELAY, X, (C, D))}


def test_the_first_coins_for_fees_tie_and_later_ones_do_not():
    rows = [coin(1, X, A), coin(2, X, B), coin(3, Y, A), coin(4, Y, B), coin(5, X, C)]
    rows = [*rows, coin(0, Y, C)]
    gas = {t for t in told(found(rows, subjects())) if t[0] is Kind.GAS_FUNDER}
    assert gas == {(Kind.GAS_FUNDER, X, (A, B))}


def test_one_address_on_two_chains_of_the_ethereum_family():
    alerts = [key(A), key(A, "bsc"), key(B), ("tron", A)]
    [link] = found([], subjects(alerts)).links
    assert (link.kind, link.alerts) == (Kind.SAME_ADDRESS, (key(A, "bsc"), key(A)))


def test_shares_are_taken_in_the_asset_where_nothing_has_a_price():
    bare = {"usd_micros": None}
    rows = [pay(1, A, B, 50, **bare), pay(2, A, X, 10**6, **bare), pay(3, A, X, 10**9)]
    assert told(found(rows, subjects())) == set()
    assert told(found([rows[0], rows[2]], subjects())) == {(Kind.DIRECT_FLOW, None, (A, B))}


def test_nothing_after_the_cut_of_an_alert_counts():
    late: dict[str, Any] = {"block_time": AS_OF}
    assert told(found([pay(1, A, B, **late)], subjects())) == set()
    assert told(found([pay(1, A, X), pay(2, B, X, **late)], subjects())) == set()


def crossing(*pairs: tuple[int, int, float]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema=CROSSINGS, orient="row")


BRIDGES = (key(X), key(Y, "bsc"))


def over_a_bridge(dollars: int = 100) -> list[dict[str, Any]]:
    """X and Y are bridges: A pays one, B and C are paid by the other on another chain."""
    there: dict[str, Any] = {"chain": "bsc"}
    return [
        pay(1, A, X, dollars),
        pay(2, Y, B, dollars, **there),
        pay(3, Y, C, dollars, **there),
        pay(4, D, A, 2_000),
        pay(5, A, D, 2_000),
        pay(6, X, C, dollars),
    ]


def test_what_one_paid_into_a_bridge_came_out_for_the_other():
    alerts = [key(A), key(B, "bsc"), key(C, "bsc"), key(C)]
    who = replace(subjects(alerts, services=BRIDGES), crossings=crossing((0, 1, 0.97)))
    link, same = found(over_a_bridge(), who).links
    assert same.kind is Kind.SAME_ADDRESS
    assert (link.kind, link.via, link.rows) == (Kind.BRIDGE_CROSSING, None, (0, 1))
    assert link.alerts == (key(B, "bsc"), key(A))
    for crossings in (
        crossing(),
        crossing((0, 1, 0.89)),  # not sure enough
        crossing((3, 1, 0.97)),  # paid by somebody who is no alert
        crossing((0, 4, 0.97)),  # received by nobody who is one
        crossing((0, 5, 0.97)),  # on the same chain
    ):
        assert found(over_a_bridge(), replace(who, crossings=crossings)).links == (same,)


def test_a_small_part_over_a_bridge_ties_nobody():
    alerts = [key(A), key(B, "bsc")]
    who = replace(subjects(alerts, services=BRIDGES), crossings=crossing((0, 1, 0.97)))
    assert len(found(over_a_bridge(21), who).links) == 1
    assert found(over_a_bridge(19), who).links == ()  # below 1 % of what A paid
    more = pay(7, D, B, 4_000, chain="bsc")
    assert found([*over_a_bridge(30), more], who).links == ()  # below 1 % of what B got
    assert len(found([*over_a_bridge(50), more], who).links) == 1


def test_a_hub_is_not_tied_over_a_bridge():
    alerts = [key(A), key(B, "bsc")]
    who = replace(subjects(alerts, services=BRIDGES), crossings=crossing((0, 1, 0.97)))
    crowd = [pay(10 + n, f"0x{n:040x}", A, 1) for n in range(SMALL.max_degree)]
    limits = replace(SMALL, least_share=0.01)
    assert found(over_a_bridge(), who, replace(limits, max_degree=99)).links != ()
    assert found([*over_a_bridge(), *crowd], who, limits).links == ()


# --- what never ties ------------------------------------------------------------------------------


def test_a_popular_deposit_address_does_not_merge_two_cases():
    """A and B are one case, C and D another; both cash out where fifty others do too."""
    crowd = [pay(100 + n, f"0x{n:040x}", X) for n in range(50)]
    rows = [pay(1, A, B), pay(2, C, D), pay(3, B, X), pay(4, D, X), *crowd]
    result = found(rows, subjects())
    assert told(result) == {(Kind.DIRECT_FLOW, None, (A, B)), (Kind.DIRECT_FLOW, None, (C, D))}
    [one] = result.withheld
    assert (one.reason, one.via, one.alerts) == (Reason.BUSY, key(X), (key(B), key(D)))
    assert one.degree == 52
    quiet = found(rows[:4], subjects())
    assert (Kind.SHARED_EXIT, X, (B, D)) in told(quiet)


def test_whose_transfers_were_not_supplied_may_be_a_service():
    rows = [pay(1, A, X), pay(2, B, X)]
    result = found(rows, subjects(supplied=[A, B]))
    assert told(result) == set()
    assert [(w.reason, w.kinds) for w in result.withheld] == [
        (Reason.NOT_SUPPLIED, (Kind.SHARED_EXIT,))
    ]
    assert told(found(rows, subjects(supplied=[X]))) == {(Kind.SHARED_EXIT, X, (A, B))}
    half = replace(subjects(), supplied=keys([X], legs="native_in,native_out,token_in"))
    assert told(found(rows, half)) == set()


def test_a_victim_ties_those_it_paid_and_nobody_by_what_it_got():
    rows = [pay(1, X, A), pay(2, X, B), pay(3, C, X), pay(4, D, X)]
    result = found(rows, subjects(victims=[X]))
    assert told(result) == {(Kind.SHARED_PAYER, X, (A, B))}
    [one] = result.withheld
    assert one.reason is Reason.POSSIBLE_VICTIM
    assert (one.alerts, one.kinds) == ((key(C), key(D)), (Kind.SHARED_EXIT,))


def test_an_alert_that_deals_with_too_many_is_tied_to_nobody():
    crowd = [pay(10 + n, f"0x{n:040x}", A, 1) for n in range(SMALL.max_degree)]
    result = found([pay(1, A, B), *crowd], subjects(), SMALL)
    assert told(result) == set()
    [one] = result.withheld
    assert (one.reason, one.via, one.degree) == (Reason.BUSY, key(A), SMALL.max_degree + 1)
    assert told(found([pay(1, A, B), *crowd[1:]], subjects(), SMALL)) != set()


def test_every_category_that_serves_everybody_is_a_service():
    listed = keys([A, B, C]).with_columns(
        category=pl.Series(["mixer", "sanctioned", "exchange_hot"])
    )
    assert {"exchange_hot", "mixer", "bridge", "dex_router", "otc_desk"} <= SERVICES
    assert set(services_of(listed)["address"]) == {A, C}


# --- a slow reading of the rules ------------------------------------------------------------------

names = st.sampled_from(ADDRESSES[:9])


@st.composite
def moved(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw transfers among few addresses, in few minutes, so that much coincides."""
    rows = []
    for n in range(draw(st.integers(0, 24))):
        sender, receiver = draw(names), draw(names)
        dollars = draw(st.sampled_from([1, 10, 90, 100]))
        at = {"block_time": START + timedelta(minutes=draw(st.integers(0, 40)))}
        if draw(st.booleans()):
            kind = {"kind": "native", "asset": "native", "usd_micros": None}
            rows.append(pay(n, sender, receiver, dollars, **at, **kind))
        else:
            rows.append(pay(n, sender, receiver, dollars, **at))
    return sorted(rows, key=lambda r: r["block_time"])


def oracle(rows: Rows, who: Subjects, limits: Limits) -> set[tuple[Kind, str | None, Any]]:
    """Say which pairs of alerts are tied how, by reading the rules one pair at a time."""
    alerts, services, victims = (set(t["address"]) for t in (who.alerts, who.services, who.victims))
    supplied = None if who.supplied is None else set(who.supplied["address"])
    rows = [r for r in rows if r["sender"] != r["receiver"]]
    met = defaultdict(set)
    for r in rows:
        met[r["sender"]].add(r["receiver"])
        met[r["receiver"]].add(r["sender"])

    def unit(r: Mapping[str, Any]) -> tuple[str, int]:
        if r["usd_micros"] is None:
            return r["asset"], int(r["amount_raw"])
        return "usd", r["usd_micros"]

    def enough(some: Rows, payer: str | None, payee: str | None) -> bool:
        """Say whether what moved is enough of what the sides paid and got, in any unit."""
        for name in {unit(r)[0] for r in some}:
            weight = sum(unit(r)[1] for r in some if unit(r)[0] == name)
            fine = True
            for side, address in (("sender", payer), ("receiver", payee)):
                if address is not None:
                    whole = [unit(r)[1] for r in rows if r[side] == address and unit(r)[0] == name]
                    fine &= weight >= limits.least_share * sum(whole)
            if fine:
                return True
        return False

    def first_funder(address: str) -> str | None:
        coins = [r for r in rows if r["receiver"] == address and r["kind"] == "native"]
        return coins[0]["sender"] if coins else None

    def between(payer: str, payee: str) -> list[Mapping[str, Any]]:
        return [r for r in rows if (r["sender"], r["receiver"]) == (payer, payee)]

    def relayed(one: str, via: str, other: str) -> bool:
        pairs = [
            (i, o)
            for i in between(one, via)
            for o in between(via, other)
            if i["asset"] == o["asset"]
            and timedelta(0) <= o["block_time"] - i["block_time"] <= limits.relay
            and limits.least_passed * int(i["amount_raw"]) <= int(o["amount_raw"])
            and int(o["amount_raw"]) <= int(i["amount_raw"])
        ]
        into = {id(i): i for i, _ in pairs}.values()
        out = {id(o): o for _, o in pairs}.values()
        return enough(list(into), one, None) and enough(list(out), None, other)

    able = {a for a in alerts - services if len(met[a]) <= limits.max_degree}
    ties: set[tuple[Kind, str | None, Any]] = set()
    for one, other in combinations(sorted(able), 2):
        if enough(between(one, other), one, other) or enough(between(other, one), other, one):
            ties.add((Kind.DIRECT_FLOW, None, (one, other)))
    for via in set(met) - alerts - services:
        if len(met[via]) > limits.max_shared or (supplied is not None and via not in supplied):
            continue
        for one, other in combinations(sorted(able), 2):
            kinds = {
                Kind.SHARED_PAYER: all(enough(between(via, a), via, None) for a in (one, other)),
            }
            if via not in victims:
                kinds[Kind.SHARED_EXIT] = all(
                    enough(between(a, via), a, None) for a in (one, other)
                )
                kinds[Kind.RELAY] = relayed(one, via, other) or relayed(other, via, one)
                kinds[Kind.GAS_FUNDER] = all(first_funder(a) == via for a in (one, other))
            ties |= {(kind, via, (one, other)) for kind, holds in kinds.items() if holds}
    return ties


def pairs(result: Found) -> set[tuple[Kind, str | None, Any]]:
    return {
        (link.kind, link.via and link.via[1], (one[1], other[1]))
        for link in result.links
        for one, other in combinations(link.alerts, 2)
    }


@st.composite
def parties(draw: st.DrawFn) -> Subjects:
    some = st.sets(names, max_size=3)
    supplied = draw(st.none() | st.sets(names, min_size=5))
    return subjects(draw(st.sets(names, min_size=1, max_size=6)), draw(some), draw(some), supplied)


@settings(max_examples=cases(120), deadline=None)
@given(moved(), parties())
def test_links_are_those_of_a_slow_reading(rows, who):
    for limits in (Limits(), SMALL):
        assert pairs(found(rows, who, limits)) == oracle(rows, who, limits)


@settings(max_examples=cases(60), deadline=None)
@given(moved(), parties(), st.randoms(use_true_random=False))
def test_order_plays_no_part(rows, who, random):
    """Rows keep their numbers here, whatever the order in which they are met."""
    numbered = table(rows).with_row_index("row")
    order = list(range(len(rows)))
    random.shuffle(order)
    mixed = replace(who, alerts=who.alerts.sample(fraction=1.0, shuffle=True, seed=len(rows)))
    results = [
        find_links(lay(frame.lazy(), some, SMALL), some, SMALL)
        for frame, some in ((numbered, who), (numbered[order], mixed))
    ]
    assert results[0] == results[1]


@settings(max_examples=cases(60), deadline=None)
@given(moved(), parties())
def test_services_and_busy_addresses_never_tie(rows, who):
    met = defaultdict(set)
    for r in rows:
        if r["sender"] != r["receiver"]:
            met[r["sender"]].add(r["receiver"])
            met[r["receiver"]].add(r["sender"])
    services = set(who.services["address"])
    for link in found(rows, who, SMALL).links:
        tied = {address for _, address in link.alerts}
        assert not tied & services
        assert all(len(met[address]) <= SMALL.max_degree for address in tied)
        if link.via is not None:
            assert link.via[1] not in services
            assert len(met[link.via[1]]) <= SMALL.max_shared
        evidence = [rows[n] for n in link.rows]
        assert evidence or link.kind is Kind.SAME_ADDRESS
        near = tied | ({link.via[1]} if link.via else set())
        assert all({r["sender"], r["receiver"]} <= near for r in evidence)


def test_legs_named_are_legs():
    from models.cases.links import _NEEDED

    assert {leg for needed in _NEEDED.values() for leg in needed} <= set(LEGS)
