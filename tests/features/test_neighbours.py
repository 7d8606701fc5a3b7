"""Neighbours, transfer by transfer, against a second opinion that reads all rows each time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.schema import LEGS
from data.service_table import SERVICES
from data.services import Services
from features.building import build_histories
from features.catalogue import catalogue
from features.computing import compute_signals, explain_signal
from features.history import Histories
from features.neighbours import (
    ASKED_FOR,
    DRAINED,
    KNOWN,
    MOST,
    NONE,
    SUMMED,
    TAKEN_BY_OTHERS,
    WHOLE,
    Neighbours,
)
from tests.data.canonical import AS_OF, START, A, B, C, D, E, F, covered, plain, row
from tests.features.test_histories import (
    LEG_KINDS,
    MOMENTS,
    PEOPLE,
    Row,
    as_frame,
    before_scaling,
    coverages,
    in_block,
    in_force,
    worlds,
)
from tests.generated import cases

DAY = timedelta(days=1)
KINDS = ("native", "internal", "token")
CATEGORY = {
    "hot": ("exchange_hot", True),
    "mixer": ("mixer", False),
    "bridge": ("bridge", True),
    "market": ("guarantee_marketplace", False),
    "frozen": ("issuer_blocked", False),
}
LISTED = {"mixer", "market", "frozen"}
REACH = [  # where payments lead to, or come from; whom; the most hops; the bits before its own
    ("receiver", {"hot"}, 5, 0),
    ("receiver", LISTED, 4, 3),
    ("receiver", {"market"}, 4, 5),
    ("receiver", {"frozen"}, 4, 7),
    ("sender", LISTED, 4, 9),
    ("sender", {"market"}, 4, 11),
    ("sender", {"frozen"}, 4, 13),
]
Listing = tuple[str, str, str, datetime]


def services(listed: Sequence[Listing]) -> Services:
    """Return a registry of (chain, address, `CATEGORY`, date)."""
    rows = [
        dict.fromkeys(SERVICES)
        | {"chain": chain, "address": address, "category": CATEGORY[what][0]}
        | {"licit": CATEGORY[what][1], "date": f"{date:%Y-%m-%d}", "origin": "user"}
        for chain, address, what, date in listed
    ]
    return Services(pl.DataFrame(rows, schema=SERVICES))


# --- the second opinion ---------------------------------------------------------------------------


class Opinion:
    """All rows of one chain with a value, and who is known there."""

    def __init__(
        self, rows: Sequence[Row], coverage: Sequence[Row], allowed: set[str], basis: str
    ) -> None:
        self.basis = basis
        self.rows = [
            r | {"value": before_scaling(r, basis), "kind": LEG_KINDS[r["kind"]]}
            for r in sorted(rows, key=in_block)
            if r["screened"] is None and r["kind"] != "fee" and before_scaling(r, basis)
        ]
        self.coverage, self.allowed = coverage, allowed

    def kinds(self, chain: str, who: str) -> tuple[set[str], bool]:
        force = in_force(self.coverage, (chain, who, AS_OF), self.allowed)
        both = {k for k in KINDS if {f"{k}_in", f"{k}_out"} <= force["legs"]}
        if force["complete"] and both:
            return both, True
        return {k for k in KINDS if {f"{k}_in", f"{k}_out"} & self.allowed}, False

    def before(self, chain: str, who: str, now: datetime, side: str) -> list[Row]:
        kinds, _ = self.kinds(chain, who)
        return [
            r
            for r in self.rows
            if r["chain"] == chain and r[side] == who and r["block_time"] < now
            and r["kind"] in kinds
        ]  # fmt: skip

    def age(self, chain: str, who: str, now: datetime) -> int:
        own = [*self.before(chain, who, now, "sender"), *self.before(chain, who, now, "receiver")]
        first = min((r["block_time"] for r in own), default=now)
        return int((now - first).total_seconds())

    def quick(self, chain: str, who: str, now: datetime) -> tuple[int, int]:
        sent = self.before(chain, who, now, "sender")
        got = self.before(chain, who, now, "receiver")
        answers = 0
        for s in sent:
            earlier = [r["block_time"] for r in got if r["block_time"] <= s["block_time"]]
            answers += bool(earlier) and s["block_time"] - max(earlier) < DAY
        return answers, len(sent)

    def passes_on(self, chain: str, who: str, now: datetime) -> bool:
        quick, sent = self.quick(chain, who, now)
        return sent >= 3 and quick * WHOLE // sent >= 8_000

    def first_funder(self, chain: str, who: str) -> Row | None:
        kinds, _ = self.kinds(chain, who)
        return next(
            (r for r in self.rows if (r["chain"], r["receiver"]) == (chain, who)
             and r["kind"] in kinds & {"native", "internal"}), None,
        )  # fmt: skip

    def met(self, event: Row, who: str) -> dict[str, int]:
        """Return the fields of behaviour of one side of a row."""
        chain, now = event["chain"], event["block_time"]
        sent = self.before(chain, who, now, "sender")
        got = self.before(chain, who, now, "receiver")
        flags = KNOWN if self.kinds(chain, who)[1] else 0
        if self.basis != "relative" and event["sender"] == who:
            held = sum(r["value"] for r in got) - sum(r["value"] for r in sent)
            flags |= SUMMED | (DRAINED if held > 0 and event["value"] >= 0.99 * held else 0)
        token = LEG_KINDS[event["kind"]] == "token"
        if event["sender"] == who and token and event["initiator"]:
            flags |= ASKED_FOR | (TAKEN_BY_OTHERS if event["initiator"] != who else 0)
        of_known = [r for r in got if self.kinds(chain, r["sender"])[1]]
        to_known = [r for r in sent if self.kinds(chain, r["receiver"])[1]]
        young = [r for r in of_known if self.age(chain, r["sender"], r["block_time"]) < 30 * 86_400]
        on = [r for r in to_known if self.passes_on(chain, r["receiver"], r["block_time"])]
        children = [self.first_funder(chain, p) for p in (*PEOPLE, E)]
        return {
            "flags": flags,
            "age": self.age(chain, who, now),
            "payers": len({r["sender"] for r in got}),
            "payees": len({r["receiver"] for r in sent}),
            "payments": len(sent),
            "quick": share(*self.quick(chain, who, now)),
            "fed": share(len(young), len(of_known)),
            "feeding": share(len(on), len(to_known)),
            "funded": sum(
                r is not None and r["sender"] == who and r["block_time"] < now for r in children
            ),
        }


def share(part: int, whole: int) -> int:
    return part * WHOLE // whole if whole else NONE


@settings(max_examples=cases(60))
@given(
    rows=worlds(placed=True),
    coverage=coverages(),
    basis=st.sampled_from(["usd", "native", "relative"]),
    legs=st.sampled_from([None, "native_in,native_out,token_out"]),
)
def test_behaviour_is_that_of_the_second_opinion(tmp_path_factory, rows, coverage, basis, legs):
    allowed = set(legs.split(",")) if legs else set(LEGS)
    requests = [(chain, p, AS_OF) for chain in ("ethereum", "tron") for p in PEOPLE]
    built = build_histories(
        plain(tmp_path_factory.mktemp("n"), rows, coverage),
        as_frame(requests),
        as_of=AS_OF,
        basis=basis,
        legs=iter(legs.split(",")) if legs else None,
        neighbours=True,
    )
    opinion = Opinion(rows, coverage.to_dicts(), allowed, basis)
    for i in range(len(built)):
        history = built[i]
        for j, number in enumerate(built.rows_of(i).tolist()):
            event = rows[number]
            event = event | {"value": before_scaling(event, basis)}
            who = event["sender"] if history.incoming[j] else event["receiver"]
            met = opinion.met(event, who)
            if not history.incoming[j]:
                met["flags"] &= KNOWN  # only what its sender held is asked for
            found = {name: int(getattr(history.neighbours, name)[j]) for name in met}
            assert found == met


# --- exposures ------------------------------------------------------------------------------------


def exposures(rows: Sequence[Row], listed: Sequence[Listing], event: Row, who: str, cut: datetime):
    """Return the five shares of one side of a row, by exact fractions and recursion."""
    known = {(chain, address): what for chain, address, what, date in listed if date + DAY <= cut}
    chain = event["chain"]

    def what(address: str) -> str | None:
        return known.get((chain, address))

    def shares(address: str, now: datetime) -> dict[str, Fraction]:
        if what(address):
            return dict.fromkeys(("in", "further", "out", "hot_in", "hot_out"), Fraction(0))
        got = [r for r in rows if r["chain"] == chain and r["receiver"] == address
               and r["block_time"] < now]  # fmt: skip
        sent = [r for r in rows if r["chain"] == chain and r["sender"] == address
                and r["block_time"] < now]  # fmt: skip
        came, went = (sum(r["value"] for r in some) for some in (got, sent))
        further = Fraction(0)
        for r in got:
            if what(r["sender"]) not in {*LISTED, "hot"}:
                carried = shares(r["sender"], r["block_time"])
                further += r["value"] * (carried["in"] + carried["further"])
        part = {
            "in": sum(r["value"] for r in got if what(r["sender"]) in LISTED),
            "further": further,
            "hot_in": sum(r["value"] for r in got if what(r["sender"]) == "hot"),
            "out": sum(r["value"] for r in sent if what(r["receiver"]) in LISTED),
            "hot_out": sum(r["value"] for r in sent if what(r["receiver"]) == "hot"),
        }
        whole = {"in": came, "further": came, "hot_in": came, "out": went, "hot_out": went}
        return {k: Fraction(v) / whole[k] if whole[k] else Fraction(0) for k, v in part.items()}

    found = shares(who, event["block_time"])
    return [found[name] * WHOLE for name in ("in", "further", "out", "hot_in", "hot_out")]


def fewest(rows, known, who: str, now: datetime, to: str, wanted: set[str]) -> float:
    """Return the hops of an address before a moment, by recursion; infinity for none."""
    other = {"receiver": "sender", "sender": "receiver"}[to]
    found = [float("inf")]
    for r in rows:
        if r["chain"] == "ethereum" and r[other] == who and r["block_time"] < now:
            what = known.get(r[to])
            further = fewest(rows, known, r[to], r["block_time"], to, wanted) if not what else None
            found.append(1 if what in wanted else 1 + further if further else float("inf"))
    return min(found)


def reached(rows, listed: Sequence[Listing], event: Row, who: str, cut: datetime) -> int:
    """Return what one side of a row held of its hops before it."""
    known = {address: what for _, address, what, date in listed if date + DAY <= cut}
    if event["chain"] != "ethereum" or who in known:
        return 0
    held = 0
    for to, wanted, limit, before in REACH:
        hops = fewest(rows, known, who, event["block_time"], to, wanted)
        held += int(max(0, limit - hops)) << before
    return held


def paid(n: int, sender: str, receiver: str, usd: int, days: float, **more: Any) -> Row:
    moment = START + timedelta(days=days)
    return row(
        n, block_time=moment, block_number=1000 + n, sender=sender, receiver=receiver,
        usd_micros=usd * 10**6, amount_raw=str(usd * 10**6), **more,
    )  # fmt: skip


@st.composite
def payments(draw: st.DrawFn) -> list[Row]:
    """Draw payments in dollars among few people, some of them in one moment."""
    pairs = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE))
    amounts = st.sampled_from([1, 7, 100, 2_500])
    moments = st.sampled_from([0, 0.5, 1, 1, 2, 3, 4, 5, 41, 60])
    days = sorted(draw(st.lists(moments, min_size=8, max_size=16)))
    return [
        paid(n, *draw(pairs.filter(lambda pair: pair[0] != pair[1])), draw(amounts), day)
        for n, day in enumerate(days)
    ]


listings = st.lists(
    st.tuples(
        st.just("ethereum"),
        st.sampled_from(PEOPLE),
        st.sampled_from(sorted(CATEGORY)),
        st.sampled_from([START - 5 * DAY, START, START + 40 * DAY]),
    ),
    max_size=3,
    unique_by=lambda one: one[1],
)


@settings(max_examples=cases(60))
@given(
    rows=payments(),
    listed=listings,
    cuts=st.lists(st.sampled_from([START + days * DAY for days in (3, 6, 50)]), max_size=2),
)
def test_exposures_are_those_of_the_second_opinion(tmp_path_factory, rows, listed, cuts):
    mixer = ("ethereum", D, "mixer", START - 5 * DAY)
    listed = [mixer, *(one for one in listed if one[1] != D)]
    requests = [("ethereum", p, cut) for p in PEOPLE for cut in (*cuts, AS_OF)]
    built = build_histories(
        plain(tmp_path_factory.mktemp("n"), rows, covered(*PEOPLE)),
        as_frame(requests),
        as_of=AS_OF,
        services=services(listed),
        neighbours=True,
    )
    valued = [
        r | {"value": r["usd_micros"]}
        for r in rows
        if r["screened"] is None and r["kind"] != "fee" and r["usd_micros"]
    ]
    for i, (_, _, cut) in enumerate(requests):
        history = built[i]
        for j, number in enumerate(built.rows_of(i).tolist() if history.registry else ()):
            event = rows[number]
            who = event["sender"] if history.incoming[j] else event["receiver"]
            exact = exposures(valued, listed, event, who, cut)
            found = [int(array[j]) for array in history.neighbours[9:14]]
            for one, other in zip(found, exact, strict=True):
                assert abs(one - other) <= Fraction(1, 2) + Fraction(1, 10**6)
            assert history.neighbours.reach[j] == reached(valued, listed, event, who, cut)


# --- by hand --------------------------------------------------------------------------------------


STORY = [
    paid(0, E, B, 900, 0.0),  # an exchange funds B,
    paid(1, F, B, 100, 0.1),  # a mixer too;
    paid(2, B, A, 995, 0.5),  # B is emptied at once: fresh, drained, mostly exchange-funded.
    paid(3, A, C, 500, 0.6),
    paid(4, A, C, 300, 1.0),
]


def built_story(folder: Path, rows: Sequence[Row] = STORY, **more: Any) -> Histories:
    listed = [("ethereum", E, "hot", START - 9 * DAY), ("ethereum", F, "mixer", START - 9 * DAY)]
    return build_histories(
        plain(folder, rows, covered(A, B, C)),
        as_frame([("ethereum", A, AS_OF), ("ethereum", C, AS_OF)]),
        as_of=AS_OF,
        services=services(listed),
        neighbours=True,
        **more,
    )


def test_a_worked_example(tmp_path):
    signals = compute_signals(built_story(tmp_path))
    of_a, of_c = signals.to_dicts()
    assert of_a["young_sender_share"] == of_a["drained_sender_share"] == 1
    assert of_a["drained_exchange_funded_share"] == 1
    assert of_a["listed_in_2_hops"] == pytest.approx(0.1)
    assert of_a["listed_in_3_hops"] == 0
    assert of_c["listed_in_2_hops"] == 0
    assert of_c["listed_in_3_hops"] == pytest.approx(0.1)
    assert of_c["drained_sender_share"] == 0  # 500 of 995, then 300 of 495
    assert of_a["young_receiver_share"] == 1


def near_signals(folder: Path, rows: Sequence[Row], who: str, **listed: str) -> dict[str, Any]:
    known = [("ethereum", address, what, START - 9 * DAY) for what, address in listed.items()]
    built = build_histories(
        plain(folder, rows, covered(who)),
        as_frame([("ethereum", who, AS_OF)]),
        as_of=AS_OF,
        services=services(known),
        neighbours=True,
    )
    return compute_signals(built).to_dicts()[0]


def chain_of(*people: str) -> list[Row]:
    """Return payments in which each had paid the next before it was paid itself."""
    pairs = list(pairwise(people))[::-1]
    return [paid(n, *pair, 100, float(n)) for n, pair in enumerate(pairs)]


def test_an_exchange_is_looked_for_over_five_payments_and_no_more(tmp_path):
    others = [f"0x{n:040x}" for n in range(5)]
    chain = [A, *others, E]
    for between in range(6):
        rows = chain_of(*chain[: between + 1], E)
        signals = near_signals(tmp_path, rows, A, hot=E)
        assert signals["hops_to_exchange"] == (between + 1 if between < 5 else None)
        assert signals["hops_to_listed"] is None  # nobody is listed here: not known


def test_listed_parties_are_looked_for_over_four_payments_either_way(tmp_path):
    others = [f"0x{n:040x}" for n in range(4)]
    for between in range(5):
        way = [A, *others[:between], F]
        for what, name in (("market", "marketplace"), ("frozen", "frozen"), ("mixer", "listed")):
            hops = between + 1 if between < 4 else None
            onward = near_signals(tmp_path, chain_of(*way), A, **{what: F})
            assert onward[f"hops_to_{name}"] == onward["hops_to_listed"] == hops
            back = [paid(n, *pair, 100, float(n)) for n, pair in enumerate(pairwise(way[::-1]))]
            came = near_signals(tmp_path, back, A, **{what: F})
            assert came[f"hops_from_{name}"] == came["hops_from_listed"] == hops


def test_a_chain_runs_neither_through_a_service_nor_against_time(tmp_path):
    through = near_signals(tmp_path, chain_of(A, B, F, C, E), A, hot=E, bridge=F)
    assert through["hops_to_exchange"] is None
    rows = [paid(0, A, B, 100, 0.0), paid(1, B, E, 100, 1.0)]
    assert near_signals(tmp_path, rows, A, hot=E)["hops_to_exchange"] is None
    at_once = [paid(0, B, E, 100, 0.0), paid(1, A, B, 100, 0.0)]
    assert near_signals(tmp_path, at_once, A, hot=E)["hops_to_exchange"] is None
    again = [*rows, paid(2, A, B, 1, 2.0)]
    assert near_signals(tmp_path, again, A, hot=E)["hops_to_exchange"] == 2


@pytest.mark.parametrize("asked_by, share", [(A, 1.0), (D, 1.0), (B, 0.0), (None, None)])
def test_whoever_else_asks_for_a_transfer_takes_it(tmp_path, asked_by, share):
    rows = [paid(0, E, B, 900, 0.0), paid(1, B, A, 900, 0.5, initiator=asked_by)]
    for basis in ("usd", "relative"):
        built = build_histories(
            plain(tmp_path, rows, covered(A, B)),
            as_frame([("ethereum", A, AS_OF)]),
            as_of=AS_OF,
            basis=basis,
            neighbours=True,
        )
        found = compute_signals(built)["taken_from_young_share"][0]
        assert found == (share if basis == "usd" else None)


def test_a_coin_of_the_chain_is_taken_by_nobody(tmp_path):
    rows = [
        paid(0, E, B, 900, 0.0),
        paid(1, B, A, 900, 0.5, initiator=D, kind="internal", asset="native"),
    ]
    built = built_story(tmp_path, rows)
    assert compute_signals(built)["taken_from_young_share"][0] is None


def test_without_looking_nothing_is_said(tmp_path):
    names = [s.name for f in catalogue().families if f.reads_neighbours for s in f.signals]
    unlooked = build_histories(
        plain(tmp_path, STORY, covered(A, B, C)), as_frame([("ethereum", A, AS_OF)]), as_of=AS_OF
    )
    assert compute_signals(unlooked).select(names).null_count().row(0) == (1,) * len(names)


def test_a_counterparty_without_an_export_counts_in_no_share(tmp_path):
    stranger = plain(tmp_path, STORY, covered(A))
    asked = as_frame([("ethereum", A, AS_OF)])
    alone = compute_signals(build_histories(stranger, asked, as_of=AS_OF, neighbours=True))
    assert alone["young_sender_share"][0] is None
    assert alone["young_receiver_share"][0] is None


def test_counts_stop_at_the_most(tmp_path):
    crowd = [paid(n, f"0x{n:040x}", B, 1, 0.1 + n / 10**7) for n in range(MOST + 3)]
    crowd.append(paid(MOST + 3, B, A, 1, 9))
    history = build_histories(
        plain(tmp_path, crowd, covered(A, B)),
        as_frame([("ethereum", A, AS_OF)]),
        as_of=AS_OF,
        neighbours=True,
    )[0]
    assert history.neighbours.payers.tolist() == [MOST]


# --- the future -----------------------------------------------------------------------------------


def same(a: Neighbours, b: Neighbours) -> bool:
    return all(np.array_equal(left, right) for left, right in zip(a, b, strict=True))


@settings(max_examples=cases(60))
@given(rows=worlds(placed=True), later=worlds(placed=True), listed=listings)
def test_what_comes_at_the_cut_or_later_is_not_read(tmp_path_factory, rows, later, listed):
    cut = MOMENTS[-1]
    past = [r for r in rows if r["block_time"] < cut]
    poison = [
        r | {"block_time": cut + timedelta(seconds=n), "block_number": 10**10 + n,
             "tx_id": f"0xff{n:04x}", "usd_micros": 10**12}
        for n, r in enumerate(later)
    ]  # fmt: skip
    asked = as_frame([("ethereum", p, cut) for p in PEOPLE])
    bare, poisoned = (
        build_histories(
            plain(tmp_path_factory.mktemp("n"), some, covered(*PEOPLE)),
            asked,
            as_of=cut + 90 * DAY,
            services=services(listed),
            neighbours=True,
        )
        for some in (past, past + poison)
    )
    for i in range(len(PEOPLE)):
        assert same(bare[i].neighbours, poisoned[i].neighbours)


@pytest.mark.unwatched
@settings(max_examples=cases(40))
@given(rows=worlds(placed=True), listed=listings)
def test_many_cuts_in_one_pass_are_those_of_many_passes(tmp_path_factory, rows, listed):
    transfers = plain(tmp_path_factory.mktemp("n"), rows, covered(*PEOPLE))
    asked = [("ethereum", p, cut) for cut in (*MOMENTS[2:], AS_OF) for p in (A, D)]

    def built(some: Sequence[tuple[str, str, datetime]]) -> Histories:
        return build_histories(
            transfers, as_frame(some), as_of=AS_OF, services=services(listed), neighbours=True
        )

    together = compute_signals(built(asked))
    for i, one in enumerate(asked):
        assert together[i].equals(compute_signals(built([one])))


def test_unrelated_addresses_change_nothing(tmp_path):
    others = [
        paid(100 + n, f"0x{1000 + n:040x}", f"0x{2000 + n % 3:040x}", 7, n / 5) for n in range(20)
    ]
    (tmp_path / "more").mkdir()
    alone = built_story(tmp_path)
    together = built_story(
        tmp_path / "more", sorted([*STORY, *others], key=lambda r: r["block_time"])
    )
    for i in range(2):
        assert same(alone[i].neighbours, together[i].neighbours)


UTC_MIDNIGHT = datetime(2024, 3, 1, tzinfo=UTC)


def test_a_listing_counts_from_the_day_after_its_date(tmp_path):
    def listed_in(cut: datetime) -> float | None:
        built = build_histories(
            plain(tmp_path, STORY, covered(A, B, C)),
            as_frame([("ethereum", A, cut)]),
            as_of=cut,
            services=services([("ethereum", F, "mixer", UTC_MIDNIGHT + 9 * DAY)]),
            neighbours=True,
        )
        return compute_signals(built)["listed_in_2_hops"][0]

    assert listed_in(UTC_MIDNIGHT + 10 * DAY - timedelta(microseconds=1)) is None
    assert listed_in(UTC_MIDNIGHT + 10 * DAY) == pytest.approx(0.1)


def test_without_a_registry_in_force_every_definition_still_works(tmp_path):
    """The exposure's arrays are empty then, and taking rows of a history must not mind."""
    built = build_histories(
        plain(tmp_path, STORY, covered(A, B, C)),
        as_frame([("ethereum", A, UTC_MIDNIGHT + 40 * DAY)]),
        as_of=UTC_MIDNIGHT + 40 * DAY,
        neighbours=True,
    )
    assert not len(built.columns.neighbours.listed_in)
    found = compute_signals(built)
    for signal in catalogue().signals:
        shown = explain_signal(built, 0, signal)
        value = found[signal.name][0]
        assert (shown is None) == (value is None), signal.name
        assert shown is None or shown.value == pytest.approx(value), signal.name
