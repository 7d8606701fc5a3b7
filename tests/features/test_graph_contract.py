"""The contract of `test_signal_contract`, for signals that look at the graph of all transfers.

The relations are the same where they can be, over worlds of transfers instead of histories; each
states its domain once, no signal is excused, and the last part breaks each of them on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import motifs
from features.catalogue import catalogue
from features.evidence import Evidence
from features.found import Found
from features.graph import unpacked
from features.history import DAY, HOUR
from features.motif_walks import Limits
from features.network import IN_LOADED, OUT_LOADED, Network, Surroundings
from features.recomputation import recompute
from features.signal import NEVER, GraphFamily
from tests.features.graph_worlds import (
    APART,
    CROWD,
    START,
    Pay,
    World,
    crowded,
    hub,
    world,
    worlds,
)
from tests.features.test_signal_contract import agree, flags, is_documented

__all__ = ["flags"]

FAMILIES = {f.name: f for f in catalogue().families if isinstance(f, GraphFamily)}
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def values_of(family: GraphFamily, some: World, asked: Sequence[int] | None = None) -> np.ndarray:
    """Return the measured values, one row per address asked for."""
    network = some.network(asked)
    n = len(network.node)
    as_of = np.full(n, START + some.as_of)
    return family.measure(network, as_of, np.full(n, some.scale), 1).values


def unchanged(family: GraphFamily, before: np.ndarray, after: np.ndarray, names: set[str]) -> None:
    """Fail for the first of some signals whose values differ."""
    assert before.shape == after.shape
    for k, signal in enumerate(family.signals):
        if signal.name in names:
            for v, pair in enumerate(zip(before[:, k], after[:, k], strict=True)):
                assert agree(*pair), (signal.name, v, pair)


def named(family: GraphFamily) -> set[str]:
    return {signal.name for signal in family.signals}


# --- The relations ---


def keeps_its_bounds(family: GraphFamily, some: World) -> None:
    """Domain: every world. Infinity is no value."""
    for row in values_of(family, some):
        for signal, value in zip(family.signals, row, strict=True):
            low, high = signal.bounds
            kept = math.isnan(value) or (low <= value <= high and math.isfinite(value))
            assert kept, (signal.name, value)


def measure_equals_definition(family: GraphFamily, some: World) -> None:
    """Domain: every world."""
    for v, row in zip(some.busiest, values_of(family, some, some.busiest), strict=True):
        around = some.around(v)
        for signal, value in zip(family.signals, row, strict=True):
            shown = signal.definition(around)
            defined = math.nan if shown is None else shown.value
            assert agree(value, defined), (signal.name, v, value, defined)


def evidence_gives_the_value(family: GraphFamily, some: World) -> None:
    """Domain: every world in which the signal is defined."""
    for v in some.busiest:
        around = some.around(v)
        for signal in family.signals:
            shown = signal.definition(around)
            if shown is None:
                continue
            again = recompute(signal, around, shown)
            assert agree(again, shown.value), (signal.name, v, again, shown.value)
            rows = set(shown.rows.tolist())
            assert rows <= set(range(len(around.own_rows))), signal.name
            assert {*shown.telling.tolist()} <= rows, signal.name
            beyond = {*shown.others.tolist()}
            assert not beyond & {*around.own_rows.tolist()}, signal.name
            assert beyond <= {*around.rows.tolist()}, signal.name


def evidence_is_minimal(family: GraphFamily, some: World) -> None:
    """Domain: members and extremal evidence; worlds without equal moments or amounts, or hubs."""
    for v in some.busiest:
        around = some.around(v)
        for signal in family.signals:
            kind = signal.evidence in ("members", "extremal")
            shown = signal.definition(around) if kind else None
            if shown is None:
                continue
            parts = [replace(shown, rows=shown.rows[shown.rows != row]) for row in shown.rows]
            for leg in shown.elsewhere:
                others = tuple(other for other in shown.elsewhere if other != leg)
                parts.append(replace(shown, elsewhere=others))
            for rest in parts:
                again = recompute(signal, around, rest)
                assert again != shown.value, (signal.name, v, "does not need all of", shown)


def ignores_who(family: GraphFamily, some: World, names: Sequence[int]) -> None:
    """Domain: any renaming of the addresses."""
    pays = [p._replace(sender=names[p.sender], receiver=names[p.receiver]) for p in some.pays]
    loaded = [some.loaded[names.index(v)] for v in range(len(some))]
    renamed = some.but(pays=tuple(pays), loaded=tuple(loaded))
    unchanged(family, values_of(family, some), values_of(family, renamed, names), named(family))


def ignores_the_order_of_rows(family: GraphFamily, some: World, shuffled: Sequence[Pay]) -> None:
    """Domain: any order of the table, equal moments included."""
    again = some.but(pays=tuple(shuffled))
    np.testing.assert_array_equal(values_of(family, some), values_of(family, again))


def ignores_when(family: GraphFamily, some: World, hours: int) -> None:
    """Domain: shifts of all transfers and the moment by any whole number of hours."""
    shift = hours * HOUR
    pays = tuple(p._replace(time=p.time + shift) for p in some.pays)
    later = some.but(pays=pays, as_of=some.as_of + shift)
    unchanged(family, values_of(family, some), values_of(family, later), named(family))


def ignores_scale(family: GraphFamily, some: World) -> None:
    """Domain: all amounts times seven; in the unit of value, with the scale times seven too."""
    scaled = some.but(pays=tuple(p._replace(value=7 * p.value) for p in some.pays))
    free = {s.name for s in family.signals if s.unit != "value"}
    before = values_of(family, some)
    unchanged(family, before, values_of(family, scaled), free)
    followed = values_of(family, scaled.but(scale=7 * some.scale))
    unchanged(family, before, followed, {s.name for s in family.signals if not s.dollars})


def ignores_what_it_does_not_need(family: GraphFamily, some: World) -> None:
    """Domain: signals that need one direction; what the address has in the other may go."""
    for v in some.busiest:
        for need, side in (("out", "receiver"), ("in", "sender")):
            kept = tuple(p for p in some.pays if getattr(p, side) != v)
            names = {s.name for s in family.signals if s.needs == need}
            left = some.but(pays=kept)
            unchanged(family, values_of(family, some, [v]), values_of(family, left, [v]), names)


def ignores_other_requests(family: GraphFamily, some: World, moments: Sequence[int]) -> None:
    """Domain: every world. Asked for beside others, it has the value it has alone."""
    asked = [v for v in range(len(some)) for _ in moments]
    network, as_of = some.network(asked), START + np.array([*moments] * len(some))
    together = family.measure(network, as_of, np.full(len(asked), some.scale), 2).values
    for k, (v, moment) in enumerate(zip(asked, as_of - START, strict=True)):
        alone = values_of(family, some.but(as_of=int(moment)), [v])[0]
        np.testing.assert_array_equal(together[k], alone)


def ignores_the_unrelated(family: GraphFamily, some: World, more: Sequence[Pay]) -> None:
    """Domain: any transfers among addresses that have nothing to do with these."""
    n = len(some)
    apart = [Pay(p.sender + n, p.receiver + n, p.time, p.value) for p in more]
    addresses = max([n, *(1 + max(p[:2]) for p in apart)])
    loaded = (*some.loaded, *[3] * (addresses - n))
    beside = some.but(pays=(*apart, *some.pays), loaded=loaded)
    after = values_of(family, beside, range(n))
    np.testing.assert_array_equal(values_of(family, some), after)


def ignores_its_future(family: GraphFamily, some: World, poison: Sequence[Pay]) -> None:
    """Domain: every world. What is at the moment or later may be deleted, or be anything."""
    past = tuple(p for p in some.pays if p.time < some.as_of)
    later = tuple(p._replace(time=some.as_of + p.time, value=10**12) for p in poison)
    later = tuple(p for p in later if max(p[:2]) < len(some))
    expected = values_of(family, some.but(pays=past))
    for pays in (some.pays, past + later):
        np.testing.assert_array_equal(values_of(family, some.but(pays=pays)), expected)


def moves_with_as_of_only_where_declared(family: GraphFamily, some: World) -> None:
    """Domain: later moments without a further transfer."""
    names = {s.name for s in family.signals if not s.depends_on_as_of}
    past = some.but(pays=tuple(p for p in some.pays if p.time < some.as_of))
    later = past.but(as_of=past.as_of + 1000 * HOUR)
    unchanged(family, values_of(family, past), values_of(family, later), names)


def zero_is_seen(family: GraphFamily, some: World) -> None:
    """Domain: worlds of which nothing but one address's own transfers was loaded.

    Nothing found then means nothing: null, unless the address's own transfers say it all.
    """
    for v in range(len(some)):
        alone = some.but(
            pays=tuple(p for p in some.pays if v in p[:2]),
            loaded=tuple(3 * (u == v) for u in range(len(some))),
        )
        for signal, value in zip(family.signals, values_of(family, alone, [v])[0], strict=True):
            assert value != 0 or not signal.exposure, (signal.name, v)


def null_where_it_says(family: GraphFamily, some: World) -> None:
    """Domain: every world, in every basis. Where something was found, it was seen."""
    for v in range(len(some)):
        row = values_of(family, some, [v])[0]
        for signal, value in zip(family.signals, row, strict=True):
            said = signal.null_meaning.split("; or ")
            unseen = [one for one in said if one in LOADED and not _sees(some, v, *LOADED[one])]
            always = [one for one in said if one == "the basis is relative" and not some.comparable]
            nothing = value <= float(signal.name.startswith(("relay_hops", "peel_hops")))
            assert math.isnan(value) or not (always or (unseen and nothing)), (signal.name, said)
            assert not math.isnan(value) or always or unseen, (signal.name, said)
            assert {*said} <= {*LOADED, "the basis is relative", NEVER}, (signal.name, said)


LOADED = {
    "nothing was found, and of nobody it paid are outgoing transfers loaded": (1, OUT_LOADED),
    "nothing was found, and of nobody it paid are incoming transfers loaded": (1, IN_LOADED),
    "nothing was found, and of nobody who paid it are outgoing transfers loaded": (0, OUT_LOADED),
}
"""What must be loaded, and of whom: the receivers (1) of what it sent, or the senders (0)."""


def _sees(some: World, v: int, side: int, bit: int) -> bool:
    met = {p[side] for p in some.pays if p[1 - side] == v and p.time < some.as_of}
    return any(some.loaded[u] & bit for u in met)


# --- Every signal keeps them ---

SMALL = [
    world(),
    world((0, 1, 0, 5)),
    world((0, 1, 0, 5), loaded=0),
    World((), (3, 3), DAY),
]
pays_ = st.lists(
    st.builds(Pay, st.integers(0, 4), st.integers(5, 9), st.integers(0, 2 * DAY), st.just(950)),
    max_size=20,
)


@each_family
def test_documented(family, flags):
    is_documented(family, flags)
    assert all(signal.scope == "graph" for signal in family.signals)


@each_family
@given(some=worlds())
def test_values(family, some):
    keeps_its_bounds(family, some)
    measure_equals_definition(family, some)


@each_family
@pytest.mark.parametrize("some", SMALL, ids=["no address", "one payment", "unseen", "no transfer"])
def test_empty_and_one_transfer(family, some):
    keeps_its_bounds(family, some)
    measure_equals_definition(family, some)
    evidence_gives_the_value(family, some)


@each_family
@given(some=worlds(), cap=st.integers(1, 3))
def test_hubs_by_definition(family, some, cap):
    """With hubs too: what is looked at is the same, and the evidence gives the value."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(motifs, "LIMITS", Limits(cap=cap, depth=4))
        measure_equals_definition(family, some)
        evidence_gives_the_value(family, some)


@each_family
@pytest.mark.parametrize("n", [300, 1_000])
def test_hub(family, n):
    some = hub(n)
    keeps_its_bounds(family, some)
    around = some.around(0)
    for signal, value in zip(family.signals, values_of(family, some, [0])[0], strict=True):
        shown = signal.definition(around)
        assert agree(value, shown.value), signal.name
        assert agree(recompute(signal, around, shown), shown.value), signal.name


@each_family
def test_hub_of_a_million(family, monkeypatch):
    """A hub ends, whom it cut short is told so, and all others have what no cap would change."""
    asked = [0, *range(1, 200), *range(CROWD + 1, CROWD + 1 + APART)]
    network = crowded(1_000_000, asked)
    as_of, scale = np.full(len(asked), START + 30 * DAY), np.ones(len(asked))
    found = family.measure(network, as_of, scale, 2)
    assert (found.capped[:200] > 0).all()
    whole = np.flatnonzero(found.capped == 0)
    assert len(whole) >= APART // 2
    assert (found.values[whole] > 0).any(axis=0).all()
    monkeypatch.setattr(motifs, "LIMITS", motifs.LIMITS._replace(cap=1 << 40))
    some = replace(network, of=network.of[: len(whole)], node=network.node[whole])
    exact = family.measure(some, as_of[whole], scale[whole], 2)
    assert not exact.capped.any()
    np.testing.assert_array_equal(found.values[whole], exact.values)


@each_family
@given(some=worlds())
def test_evidence(family, some):
    evidence_gives_the_value(family, some)


@each_family
@given(some=worlds(ties=False, max_size=20))
def test_minimal_evidence(family, some):
    evidence_is_minimal(family, some)


@each_family
@given(some=worlds(max_size=15), comparable=st.booleans())
def test_null_where_it_says_and_nowhere_else(family, some, comparable):
    null_where_it_says(family, some.but(comparable=comparable))


@each_family
@given(some=worlds(), data=st.data())
def test_relabelling(family, some, data):
    ignores_who(family, some, data.draw(st.permutations(range(len(some)))))


@each_family
@given(some=worlds(), data=st.data())
def test_row_order(family, some, data):
    ignores_the_order_of_rows(family, some, data.draw(st.permutations(some.pays)))


@each_family
@given(some=worlds(), hours=st.integers(-100_000, 100_000))
def test_time_shift(family, some, hours):
    ignores_when(family, some, hours)


@each_family
@given(some=worlds())
def test_scale(family, some):
    ignores_scale(family, some)


@each_family
@given(some=worlds())
def test_needs(family, some):
    ignores_what_it_does_not_need(family, some)


@each_family
@given(some=worlds(), moments=st.lists(st.integers(0, 5 * DAY), min_size=1, max_size=3))
def test_other_requests(family, some, moments):
    ignores_other_requests(family, some, moments)


@each_family
@given(some=worlds(), more=pays_)
def test_unrelated_addresses(family, some, more):
    ignores_the_unrelated(family, some, more)


@each_family
@given(some=worlds(), poison=pays_)
def test_future(family, some, poison):
    ignores_its_future(family, some, poison)


@each_family
@given(some=worlds())
def test_as_of(family, some):
    moves_with_as_of_only_where_declared(family, some)


@each_family
@given(some=worlds())
def test_nothing_seen_is_not_zero(family, some):
    zero_is_seen(family, some)


# --- Each relation can be broken ---

ORDINARY = world(
    (0, 1, 1, 60), (1, 2, HOUR, 20), (2, 0, 2 * HOUR, 30), (0, 2, 3 * HOUR, 40), (0, 1, 9 * HOUR, 9)
)
ORDINARY = ORDINARY.but(as_of=4 * HOUR)
Number = Callable[[Surroundings], float]


def toy(
    number: Number,
    *,
    value: Number | None = None,
    places: Callable[[Surroundings], np.ndarray] | None = None,
    meaning: str = "Number of transfers sent.",
    **declared: object,
) -> GraphFamily:
    """Return a family of one signal: `number` measures, `value` (the same) is its definition."""

    def measure(network: Network, as_of: np.ndarray, scale: np.ndarray, _: int) -> Found:
        found = [
            number(around(network, int(v), int(t), float(s)))
            for v, t, s in zip(network.node, as_of, scale, strict=True)
        ]
        return Found(np.array(found, dtype=float)[:, np.newaxis], np.zeros(len(as_of), np.int64))

    def sent(of: Surroundings) -> Evidence | None:
        found = (value or number)(of)
        kept = of.at((places or outgoing)(of))
        return None if math.isnan(found) else kept.evidence(found)

    sent.__doc__ = meaning
    family = GraphFamily("toy", measure, cost="one look at each transfer")
    facts = {"unit": "transfers", "needs": "out", "evidence": "members", "formula": "count"}
    family.signal(**{**facts, "says": "sent {value}", **declared})(sent)  # type: ignore[arg-type]
    return family


def around(network: Network, node: int, as_of: int, scale: float) -> Surroundings:
    rows = np.empty(0, np.int64)
    return Surroundings(network.graph, node, as_of, scale, network.rows, rows, 0, True)


def outgoing(of: Surroundings) -> np.ndarray:
    """Return the places of what the address sent before the moment."""
    a, b = (int(of.graph.out_offsets[of.node + k]) for k in (0, 1))
    return np.array([o for o in range(a, b) if of.graph.sent[o, 0] < of.as_of], dtype=np.int64)


def number(of: Surroundings) -> float:
    return float(len(outgoing(of)))


def receivers(of: Surroundings) -> np.ndarray:
    return unpacked(of.graph.sent[outgoing(of), 1])[0]


def incoming(of: Surroundings) -> float:
    return float(of.graph.in_offsets[of.node + 1] - of.graph.in_offsets[of.node])


def hours(of: Surroundings) -> float:
    return float((of.graph.sent[outgoing(of), 0] // HOUR % 24 < 23).sum())


def value_sent(of: Surroundings) -> float:
    return float(of.graph.value[outgoing(of)].sum())


def crowd(network: Network, as_of: np.ndarray, scale: np.ndarray, threads: int) -> Found:
    """Measure how many requests there are."""
    return Found(np.full((len(as_of), 1), float(len(as_of))), np.zeros(len(as_of), np.int64))


def in_a_crowd() -> GraphFamily:
    family = toy(number)
    family.measure = crowd
    return family


MORE = [Pay(0, 1, 5, 5)]
SHUFFLED = (*ORDINARY.pays[2:], *ORDINARY.pays[:2])
RELATIONS: dict[str, Callable[[GraphFamily], None]] = {
    "documented": lambda f: is_documented(f, {"layering_motifs"}),
    "bounds": lambda f: keeps_its_bounds(f, ORDINARY),
    "definition": lambda f: measure_equals_definition(f, ORDINARY),
    "evidence": lambda f: evidence_gives_the_value(f, ORDINARY),
    "minimal": lambda f: evidence_is_minimal(f, ORDINARY),
    "who": lambda f: ignores_who(f, ORDINARY, [2, 0, 1]),
    "order": lambda f: ignores_the_order_of_rows(f, ORDINARY, SHUFFLED),
    "when": lambda f: ignores_when(f, ORDINARY, 7),
    "scale": lambda f: ignores_scale(f, ORDINARY),
    "needs": lambda f: ignores_what_it_does_not_need(f, ORDINARY),
    "requests": lambda f: ignores_other_requests(f, ORDINARY, [HOUR, DAY]),
    "unrelated": lambda f: ignores_the_unrelated(f, ORDINARY, MORE),
    "future": lambda f: ignores_its_future(f, ORDINARY, MORE),
    "as_of": lambda f: moves_with_as_of_only_where_declared(f, ORDINARY),
    "zero": lambda f: zero_is_seen(f, ORDINARY),
    "null": lambda f: null_where_it_says(f, ORDINARY),
}
BREACHES: list[tuple[str, GraphFamily]] = [
    ("documented", toy(number, meaning="")),
    ("documented", toy(number, unit="furlongs")),
    ("bounds", toy(number, bounds=(0, 1))),
    ("bounds", toy(lambda of: math.inf)),
    ("definition", toy(lambda of: number(of) + 1, value=number)),
    ("definition", toy(lambda of: math.nan, value=number)),
    ("evidence", toy(number, places=lambda of: outgoing(of)[1:])),
    ("minimal", toy(number, places=lambda of: np.arange(len(of.rows)))),
    ("null", toy(lambda of: math.nan)),
    ("null", toy(number, null="the basis is relative; or by chance")),
    ("who", toy(lambda of: float((receivers(of) > 1).sum()))),
    ("order", toy(lambda of: float(of.rows[outgoing(of)].sum()))),
    ("when", toy(hours)),
    ("scale", toy(value_sent)),
    ("scale", toy(value_sent, unit="value")),
    ("needs", toy(incoming)),
    ("needs", toy(number, needs="in")),
    ("requests", in_a_crowd()),
    ("unrelated", toy(lambda of: float(len(of.rows)))),
    ("future", toy(lambda of: float(len(of.rows)))),
    ("as_of", toy(lambda of: float(of.as_of))),
    ("zero", toy(lambda of: 0.0, exposure=True)),
]


@pytest.mark.parametrize("relation", RELATIONS)
def test_an_honest_signal_keeps_every_relation(relation):
    RELATIONS[relation](toy(number))


@pytest.mark.parametrize("relation, family", BREACHES)
def test_each_breach_is_found(relation, family):
    with pytest.raises(AssertionError):
        RELATIONS[relation](family)


def test_no_relation_is_without_a_breach():
    assert {relation for relation, _ in BREACHES} == set(RELATIONS)
