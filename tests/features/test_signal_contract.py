"""The contract that registering a signal buys: every relation below, for every signal there is.

A relation is a function of a family and histories that fails for the signal that breaks it. Each
states its domain once, and no signal is excused. The last part breaks each relation on purpose, in
a family made for it, because a suite that cannot fail proves nothing.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.ahead import kernel_signature
from features.catalogue import catalogue
from features.evidence import Evidence, evidence
from features.history import HOUR, Columns, History
from features.recomputation import recompute
from features.signal import EVIDENCE_KINDS, NEEDS, UNITS, Family, Signal
from tests.features.histories import columns_of, histories, history, hub

FAMILIES = {f.name: f for f in catalogue().families if f.scope == "address"}
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def values_of(family: Family, *some: History) -> np.ndarray:
    """Return the kernel's values, one row per history."""
    out = np.full((len(some), len(family.signals)), -math.pi)
    family.kernel(columns_of(some), 0, len(some), out)
    return out


def agree(left: float, right: float) -> bool:
    """Say whether two values are the same to nine digits, or both null."""
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)


def value_by_definition(signal: Signal, of: History) -> float:
    shown = signal.definition(of)
    return math.nan if shown is None else shown.value


def unchanged(family: Family, before: History, after: History, signals: Sequence[Signal]) -> None:
    """Fail for the first of some signals whose kernel values differ between two histories."""
    left, right = values_of(family, before, after)
    for k, signal in enumerate(family.signals):
        assert signal not in signals or agree(left[k], right[k]), (signal.name, left[k], right[k])


# --- The relations ---


COUNTED = ("transfers", "addresses", "swaps", "days")
"""Units of what a share or a median can be counted from."""


def is_documented(family: Family, flags: set[str]) -> None:
    """Domain: every signal."""
    names = [signal.name for signal in family.signals]
    assert names
    assert len(names) == len(set(names))
    assert len(family.cost) > 10, (family.name, "how the kernel's work grows")
    for signal in family.signals:
        name = signal.name
        assert signal.family == family.name, name
        assert name.isidentifier(), name
        assert name == name.lower(), name
        assert signal.meaning.endswith((".", ")")), (name, "one sentence of meaning")
        assert len(signal.meaning) > 15, name
        assert signal.formula, name
        assert signal.null_meaning, name
        for says in filter(None, (signal.says, signal.says_low)):
            assert re.search(r"\{(value|counts|[a-z]+:[a-z]+)\}", says), (name, says)
            rest = re.sub(r"\{(value|counts|[a-z]+:([a-z]+s|share))\}", "", says)
            assert "{" not in rest, (name, says)
            assert not re.search(r"\b(only|never|all of whose)\b", says), (name, "is it plain?")
            assert says.count("{value}") <= 1, (name, says)
        assert signal.says_low != signal.says, name
        habits = "median|entropy|standard deviation|squared shares|mean, by value, of each"
        if re.search(habits, signal.formula) or "{counts}" in signal.says:
            assert signal.fewest, (name, "from how many does it show a habit?")
        for column, least in signal.fewest:
            assert column == "n_transfers" or catalogue().by_name[column].unit in COUNTED, name
            assert least >= 3, name
        parties = [n for column, n in signal.fewest if column.endswith(("senders", "receivers"))]
        if parties and "{counts}" in signal.says:
            assert sum(parties) >= 10, (name, "a share of too few is no habit")
        assert signal.unit in UNITS, (name, signal.unit)
        assert signal.needs in NEEDS, (name, signal.needs)
        assert signal.evidence in EVIDENCE_KINDS, (name, signal.evidence)
        assert signal.risk in {None, "up", "down"}, name
        low, high = signal.bounds
        assert low < high, name
        assert signal.unit != "share" or (low >= 0 and high <= 1), (name, signal.bounds)
        assert set(signal.red_flags) <= flags, (name, set(signal.red_flags) - flags)
        assert set(signal.flags_when_low) <= set(signal.red_flags), name


def keeps_its_bounds(family: Family, some: History) -> None:
    """Domain: every history. Infinity is no value."""
    for signal, value in zip(family.signals, values_of(family, some)[0], strict=True):
        low, high = signal.bounds
        kept = math.isnan(value) or (low <= value <= high and math.isfinite(value))
        assert kept, (signal.name, value)


def kernel_equals_definition(family: Family, some: History) -> None:
    """Domain: every history."""
    for signal, value in zip(family.signals, values_of(family, some)[0], strict=True):
        defined = value_by_definition(signal, some)
        assert agree(value, defined), (signal.name, value, defined)


def evidence_gives_the_value(family: Family, some: History) -> None:
    """Domain: every history in which the signal is defined."""
    for signal in family.signals:
        shown = signal.definition(some)
        if shown is None:
            continue
        again = recompute(signal, some, shown)
        assert agree(again, shown.value), (signal.name, again, shown.value)
        assert set(shown.telling.tolist()) <= set(shown.rows.tolist()), signal.name
        assert set(shown.rows.tolist()) <= set(range(len(some))), signal.name
        names = {"{counts": ("numerator", "denominator"), "{count:": ("count",)}
        for name in (n for field, ns in names.items() if field in signal.says for n in ns):
            counted = shown.statistics[name]
            assert counted == int(counted), (signal.name, name, counted)  # type: ignore[arg-type]


def evidence_is_minimal(family: Family, some: History) -> None:
    """Domain: members and extremal evidence; histories without equal moments or amounts."""
    for signal in family.signals:
        shown = signal.definition(some) if signal.evidence in ("members", "extremal") else None
        if shown is None:
            continue
        for row in shown.rows:
            rest = replace(shown, rows=shown.rows[shown.rows != row])
            again = recompute(signal, some, rest)
            assert again != shown.value, (signal.name, "does not need row", row)


def ignores_who(family: Family, some: History, shuffle: Sequence[int]) -> None:
    """Domain: any renaming of the counterparties (no registry is in a history)."""
    ids = np.unique(some.counterparty)
    renamed = np.asarray(shuffle[: len(ids)], dtype=np.int32)[ids.searchsorted(some.counterparty)]
    unchanged(family, some, replace(some, counterparty=renamed), family.signals)


def ignores_when(family: Family, some: History, hours: int) -> None:
    """Domain: shifts by any whole number of hours, of the history and its cut."""
    shift = hours * HOUR
    later = replace(some, time=some.time + shift, as_of=some.as_of + shift)
    unchanged(family, some, later, family.signals)


def ignores_scale(family: Family, some: History) -> None:
    """Domain: all amounts times seven, for signals that do not compare with dollar amounts.

    Those in the unit of value must follow: with the scale times seven too, they stay.
    """
    scaled = replace(some, value=some.value * 7)
    free = [s for s in family.signals if not s.dollars]
    unchanged(family, some, scaled, [s for s in free if s.unit != "value"])
    unchanged(family, some, replace(scaled, scale=some.scale * 7), free)


def ignores_what_it_does_not_need(family: Family, some: History) -> None:
    """Domain: rows outside a signal's need. A one-sided export must not fabricate behaviour."""
    kept = {
        "in": some.inflows,
        "out": some.outflows,
        "both": np.flatnonzero(some.two_sided),
        "token_both": np.flatnonzero(some.two_sided),
    }
    for need, rows in kept.items():
        signals = [signal for signal in family.signals if signal.needs == need]
        unchanged(family, some, some.take(rows), signals)


def ignores_its_neighbours(family: Family, some: Sequence[History]) -> None:
    """Domain: every history. Beside others, and part of a run, it has the value it has alone.

    The histories after it in the arrays stand for its own future, too.
    """
    together = values_of(family, *some)
    for i, alone in enumerate(some):
        np.testing.assert_array_equal(together[i], values_of(family, alone)[0])
    out = np.full((len(some), len(family.signals)), -math.pi)
    family.kernel(columns_of(some), 1, len(some) - 1, out)
    np.testing.assert_array_equal(out[1:-1], together[1:-1])
    assert (out[[0, -1]] == -math.pi).all(), f"{family.name} writes outside first:last"


def ignores_its_future(family: Family, some: History, cut: int) -> None:
    """Domain: every cut. With later transfers lying behind the cut, the value is the cut's."""
    seen = some.take(np.arange(cut))
    columns = columns_of([some])._replace(offsets=np.array([0, cut], dtype=np.int64))
    out = np.full((1, len(family.signals)), -math.pi)
    family.kernel(columns, 0, 1, out)
    np.testing.assert_array_equal(out, values_of(family, seen))


def moves_with_as_of_only_where_declared(family: Family, some: History) -> None:
    """Domain: later cuts without a further transfer."""
    signals = [signal for signal in family.signals if not signal.depends_on_as_of]
    unchanged(family, some, replace(some, as_of=some.as_of + 1000 * HOUR), signals)


# --- Every signal keeps them ---

SMALL = [
    history(),
    history((0, "in", 1, 5)),
    history((0, "out", 1, 5)),
    history((0, "in", 1, 5), two_sided=False),
]


@pytest.fixture(scope="module")
def flags(repository) -> set[str]:
    with (repository / "data/registry/red_flags.csv").open(encoding="utf-8") as file:
        return {row["id"] for row in csv.DictReader(file)}


def test_kernels_are_tried_on_the_types_that_runs_lay():
    """Of others they would be compiled once more, which takes a minute."""
    assert numba.typeof(columns_of([history()])) == kernel_signature()[0]


def test_names_are_unique_over_all_families():
    names = [signal.name for signal in catalogue().signals]
    assert len(names) == len(set(names))


@each_family
def test_documented(family, flags):
    is_documented(family, flags)


@each_family
@given(some=histories())
def test_values(family, some):
    keeps_its_bounds(family, some)
    kernel_equals_definition(family, some)


@each_family
@pytest.mark.parametrize("some", SMALL, ids=["empty", "one in", "one out", "one unseen"])
def test_empty_and_one_transfer(family, some):
    keeps_its_bounds(family, some)
    kernel_equals_definition(family, some)
    evidence_gives_the_value(family, some)


@each_family
@pytest.mark.parametrize("parties", [1, 30, 5_000])
def test_hub(family, parties):
    some = hub(2_000, parties)
    keeps_its_bounds(family, some)
    kernel_equals_definition(family, some)


@pytest.mark.slow
@each_family
@pytest.mark.parametrize("parties", [30, 300_000])
def test_hub_of_a_million(family, parties):
    """No kernel's work grows with the square of a history: it would not come back."""
    keeps_its_bounds(family, hub(1_000_000, parties))


@each_family
@given(some=histories())
def test_evidence(family, some):
    evidence_gives_the_value(family, some)


@each_family
@given(some=histories(ties=False, max_size=20))
def test_minimal_evidence(family, some):
    evidence_is_minimal(family, some)


@each_family
@given(
    some=histories(),
    shuffle=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=40, max_size=40, unique=True),
)
def test_relabelling(family, some, shuffle):
    ignores_who(family, some, shuffle)


@each_family
@given(some=histories(), hours=st.integers(-100_000, 100_000))
def test_time_shift(family, some, hours):
    ignores_when(family, some, hours)


@each_family
@given(some=histories())
def test_scale(family, some):
    ignores_scale(family, some)


@each_family
@given(some=histories())
def test_needs(family, some):
    ignores_what_it_does_not_need(family, some)


@each_family
@given(some=st.lists(histories(max_size=12), min_size=3, max_size=5))
def test_neighbours(family, some):
    ignores_its_neighbours(family, some)


@each_family
@given(some=histories(min_size=1), data=st.data())
def test_future(family, some, data):
    ignores_its_future(family, some, data.draw(st.integers(0, len(some))))


@each_family
@given(some=histories())
def test_as_of(family, some):
    moves_with_as_of_only_where_declared(family, some)


# --- Each relation can be broken ---

ORDINARY = history(
    (0, "in", 4, 60),
    (2 * HOUR, "out", 3, 20),
    (3 * HOUR, "out", 2, 30),
    (5 * HOUR, "in", 4, 40),
    (9 * HOUR, "out", 1, 10),
)
Number = Callable[[History], float]


def toy(
    number: Number,
    *,
    rows: Callable[[History], np.ndarray] = lambda h: h.outflows,
    value: Number | None = None,
    meaning: str = "Number of transfers sent.",
    **declared: object,
) -> Family:
    """Return a family of one signal: `number` in the kernel, `value` (the same) by definition."""

    def kernel(columns: Columns, first: int, last: int, out: np.ndarray) -> None:
        for i in range(first, last):
            out[i] = number(_view(columns, i))

    def sent(of: History) -> Evidence | None:
        number_of = (value or number)(of)
        return None if math.isnan(number_of) else evidence(number_of, rows(of))

    sent.__doc__ = meaning
    family = Family("toy", kernel, cost="linear (one pass)")
    facts = {"unit": "transfers", "needs": "out", "evidence": "members", "formula": "count"}
    family.signal(**{**facts, "says": "sent {value}", **declared})(sent)  # type: ignore[arg-type]
    return family


def _view(columns: Columns, i: int) -> History:
    cut = slice(columns.offsets[i], columns.offsets[i + 1])
    return replace(
        history(),
        **{name: getattr(columns, name)[cut] for name in ("time", "value", "incoming", "tx")},
        **{name: getattr(columns, name)[cut] for name in ("counterparty", "asset", "two_sided")},
        party=columns.party[cut],
        neighbours=columns.neighbours.take(cut),
        as_of=int(columns.as_of[i]),
        scale=float(columns.scale[i]),
        registry=int(columns.registry[i]),
    )


def outgoing(of: History) -> float:
    return float(len(of.outflows))


def reading_on() -> Family:
    """Return a family whose kernel reads one transfer past the end of each history."""
    family = toy(outgoing)

    def kernel(columns: Columns, first: int, last: int, out: np.ndarray) -> None:
        for i in range(first, last):
            out[i] = (~columns.incoming[columns.offsets[i] : columns.offsets[i + 1] + 1]).sum()

    family.kernel = kernel
    return family


def of_unknown_cost() -> Family:
    """Return a family that does not say how its kernel's work grows."""
    family = toy(outgoing)
    family.cost = ""
    return family


CUT, LATER = ORDINARY.take(np.arange(2)), ORDINARY.take(np.arange(2, 5))
RELATIONS: dict[str, Callable[[Family], None]] = {
    "documented": lambda f: is_documented(f, {"rapid_fan_out"}),
    "bounds": lambda f: keeps_its_bounds(f, ORDINARY),
    "definition": lambda f: kernel_equals_definition(f, ORDINARY),
    "evidence": lambda f: evidence_gives_the_value(f, ORDINARY),
    "minimal": lambda f: evidence_is_minimal(f, ORDINARY),
    "who": lambda f: ignores_who(f, ORDINARY, range(10, 20)),
    "when": lambda f: ignores_when(f, ORDINARY, 7),
    "scale": lambda f: ignores_scale(f, ORDINARY),
    "needs": lambda f: ignores_what_it_does_not_need(f, ORDINARY),
    "neighbours": lambda f: ignores_its_neighbours(f, [CUT, LATER, ORDINARY]),
    "future": lambda f: ignores_its_future(f, ORDINARY, 2),
    "as_of": lambda f: moves_with_as_of_only_where_declared(f, ORDINARY),
}

BREACHES: list[tuple[str, Family]] = [
    ("documented", toy(outgoing, meaning="")),
    ("documented", of_unknown_cost()),
    ("documented", toy(outgoing, unit="furlongs")),
    ("documented", toy(outgoing, needs="luck")),
    ("documented", toy(outgoing, says="sent some")),
    ("documented", toy(outgoing, red_flags=("no_such_flag",))),
    ("documented", toy(outgoing, unit="share", bounds=(0, 2))),
    ("bounds", toy(outgoing, bounds=(0, 2))),
    ("bounds", toy(lambda h: math.inf)),
    ("definition", toy(lambda h: outgoing(h) + 1, value=outgoing)),
    ("definition", toy(lambda h: math.nan, value=outgoing)),
    ("evidence", toy(outgoing, rows=lambda h: h.outflows[1:])),
    ("minimal", toy(outgoing, rows=lambda h: np.arange(len(h)))),
    ("who", toy(lambda h: float((h.counterparty[~h.incoming] > 2).sum()))),
    ("when", toy(lambda h: float((h.time[~h.incoming] // HOUR % 24 < 3).sum()))),
    ("scale", toy(lambda h: float((h.value[~h.incoming] > 25).sum()))),
    ("scale", toy(lambda h: float(h.value[~h.incoming].sum()), unit="value")),
    ("needs", toy(lambda h: float(len(h)))),
    ("needs", toy(lambda h: float(len(h)), needs="in")),
    ("neighbours", reading_on()),
    ("future", reading_on()),
    ("as_of", toy(lambda h: float(h.as_of - h.time[-1]))),
]


@pytest.mark.parametrize("relation", RELATIONS)
def test_an_honest_signal_keeps_every_relation(relation):
    RELATIONS[relation](toy(outgoing))


@pytest.mark.parametrize("relation, family", BREACHES)
def test_each_breach_is_found(relation, family):
    with pytest.raises(AssertionError):
        RELATIONS[relation](family)


def test_no_relation_is_without_a_breach():
    assert {relation for relation, _ in BREACHES} == set(RELATIONS)


def test_a_one_sided_row_fabricates_nothing():
    seen = toy(lambda h: float(len(h)), needs="both")
    one_sided = replace(ORDINARY, two_sided=np.array([True, True, False, True, True]))
    with pytest.raises(AssertionError):
        ignores_what_it_does_not_need(seen, one_sided)
