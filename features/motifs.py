"""Motifs: money spread and gathered again, sent round in circles, driven on through many hands.

Layering has shapes. Money is scattered over several addresses that pay one and the same;
is gathered from several and paid out to several; comes back after a few hops; is driven on from
address to address, nearly whole (a "motorcade") or with a small part peeled off at each (a peel
chain). Each shape is counted inside windows of one hour and of 24 hours, most with the value of the
address's own transfers in it. What is a shape, exactly, is said in the files of the kernels:
`features.motif_routes`, `features.motif_gathers`, `features.motif_cycles` and
`features.motif_relay`. A stack (several pay several, who pay several) shows at its middle as
several scatter-gather pairs, at its top as shared receivers.

These signals follow money beyond the address, so they see what the loaded exports show, of
whomever. A figure may be too low where much was not loaded, and no figure at all is given where
nothing of those it dealt with was loaded and nothing was found. What goes into or out of a pool
that the services registry knew at the cut (an exchange's hot wallet, a bridge, a router, a mixer)
is part of no shape: everybody's money goes through it. A pool that it does not know is looked
through for its 200 nearest transfers only; `motifs_capped` says how often there were more.

They are context for an analyst and, for now, no model's input: what they find depends on whose
exports happen to be loaded. Most of them rest on what others do afterwards, which is **exposure**:
a victim's money is scattered and driven on, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import islice, product
from typing import NamedTuple

import numpy as np

from features import motif_instances as instances
from features.compilation import keep_compiled, kernel
from features.evidence import Evidence
from features.found import Found
from features.graph import OTHER, Graph
from features.history import HOUR
from features.motif_counts import MOTIF_COLUMNS, SHAPES, count_motifs
from features.motif_cycles import CYCLE_HOPS
from features.motif_instances import Instances, Sight
from features.motif_walks import Limits
from features.network import ALIKE, AROUND, IN_LOADED, ONWARD, OUT_LOADED, Network, Surroundings
from features.signal import GraphFamily

WINDOWS = {"1h": HOUR, "24h": 24 * HOUR}
"""Windows by the ending of the names, in microseconds."""

LIMITS = Limits()

_ALWAYS = 8
_SEEN_BY = (ONWARD, ONWARD, AROUND, AROUND, ALIKE, ALIKE, _ALWAYS, _ALWAYS,
            *([ONWARD] * 5), *([ONWARD] * 3))  # fmt: skip
"""What must be seen around an address for nothing found to mean something, by column."""

_COLUMNS = MOTIF_COLUMNS[:-1]
_IN_VALUE = np.array([name.endswith("value") for name in _COLUMNS])
_IN_HOPS = np.array([name in ("relay_hops", "peel_hops") for name in _COLUMNS])
_NOTHING = _IN_HOPS.astype(np.int64)
"""The figures that say no more than that nothing was found: a relay of one hop is a payment."""

_BY_AMOUNT = _IN_VALUE | _IN_HOPS
"""Columns that compare or add up amounts of different addresses or assets."""


def measure(network: Network, as_of: np.ndarray, scale: np.ndarray, threads: int) -> Found:
    """Measure the family's signals; see `features.signal.GraphFamily`."""
    known = np.flatnonzero(network.node >= 0)
    node, moments = network.node[known], as_of[known]

    def count(part: tuple[int, str]) -> tuple[np.ndarray, np.ndarray]:
        window, shape = part
        found = count_motifs(
            network.graph, node, moments, LIMITS._replace(window=window), shapes=[shape]
        )
        filled = np.flatnonzero(found.any(axis=0))
        return filled, found[:, filled]  # most columns are of other shapes, and wait for nobody

    keep_compiled(_look_around)
    seen = np.full(len(as_of), _ALWAYS, np.int64)
    around = np.zeros(len(known), np.int64)
    _look_around(network.graph, node, moments, network.loaded, around)
    seen[known] |= around
    values, capped = [], np.zeros(len(as_of), np.int64)
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        parts = pool.map(count, product(WINDOWS.values(), SHAPES))
        for _ in WINDOWS:
            counted = np.zeros((len(as_of), len(MOTIF_COLUMNS)), np.int64)
            for filled, found in islice(parts, len(SHAPES)):
                counted[np.ix_(known, filled)] += found
            capped += counted[:, -1]
            values.append(_known(counted[:, :-1], seen, scale, network.comparable))
    return Found(np.concatenate(values, axis=1), capped)


def _known(
    counted: np.ndarray, seen: np.ndarray, scale: np.ndarray, comparable: bool
) -> np.ndarray:
    """Put amounts into whole units, and null where nothing found means nothing."""
    values = counted.astype(np.float64)
    values[:, _IN_VALUE] /= scale[:, np.newaxis]
    hops = _COLUMNS.index("relay_hops")
    found = counted > _NOTHING
    found[:, hops + 1] = found[:, hops]
    values[~found & ((seen[:, np.newaxis] & np.array(_SEEN_BY)) == 0)] = np.nan
    if not comparable:
        values[:, _BY_AMOUNT] = np.nan
    return values


@kernel
def _look_around(
    graph: Graph, node: np.ndarray, as_of: np.ndarray, loaded: np.ndarray, seen: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Set the bits of what can be seen around each node; as `Network.seen`."""
    for r in range(len(node)):
        paid, payers, v = 0, 0, node[r]
        for o in range(graph.out_offsets[v], graph.out_offsets[v + 1]):
            if graph.sent[o, 0] >= as_of[r]:
                break
            paid |= loaded[graph.sent[o, 1] & OTHER]
        for i in range(graph.in_offsets[v], graph.in_offsets[v + 1]):
            if graph.got[i, 0] >= as_of[r]:
                break
            payers |= loaded[graph.got[i, 1] & OTHER]
        seen[r] |= ONWARD * ((paid & OUT_LOADED) > 0) | ALIKE * ((paid & IN_LOADED) > 0)
        seen[r] |= AROUND * ((payers & OUT_LOADED) > 0)


FAMILY = GraphFamily(
    "motifs",
    measure,
    cost="near linear in all loaded transfers: each is followed at most a few hops, and no address "
    "is looked through further than its 200 nearest transfers at a time",
)


class _Figure(NamedTuple):
    """One column: how it is declared (texts take the window's words), and what it counts."""

    name: str
    column: str
    find: Callable[[Sight], Instances]
    meaning: str
    formula: str
    says: str
    unit: str = "value"
    needs: str = "out"
    evidence: str = "members"
    flags: tuple[str, ...] = ("layering_motifs",)
    exposure: bool = True


def _declare(figure: _Figure, label: str, window: int) -> None:
    words = "1 hour" if window == HOUR else f"{window // HOUR} hours"

    def definition(around: Surroundings) -> Evidence | None:
        return _explain(around, figure, LIMITS._replace(window=window))

    definition.__name__ = f"{figure.name}_{label}"
    definition.__doc__ = figure.meaning.format(window=words)
    FAMILY.signal(
        unit=figure.unit,
        needs=figure.needs,
        evidence=figure.evidence,
        formula=figure.formula.format(window=words),
        says=figure.says.replace("{window}", words),
        null="; or ".join(_when_null(figure.column)),
        red_flags=figure.flags,
        window=timedelta(microseconds=window),
        model_input=False,
        exposure=figure.exposure,
    )(definition)


def _when_null(column: str) -> list[str]:
    k = _COLUMNS.index(column)
    unseen = {
        ONWARD: ["nothing was found, and of nobody it paid are outgoing transfers loaded"],
        ALIKE: ["nothing was found, and of nobody it paid are incoming transfers loaded"],
        AROUND: ["nothing was found, and of nobody who paid it are outgoing transfers loaded"],
        _ALWAYS: [],
    }[_SEEN_BY[k]]
    return [*unseen, "the basis is relative"] if _BY_AMOUNT[k] else unseen


def _explain(around: Surroundings, figure: _Figure, limits: Limits) -> Evidence | None:
    """Find a figure's instances, and the transfers they cannot do without."""
    k = _COLUMNS.index(figure.column)
    if _BY_AMOUNT[k] and not around.comparable:
        return None
    found = figure.find(Sight(around, limits))
    if figure.evidence == "extremal":
        value = _of_a_relay(around, found, bool(_IN_VALUE[k]))
    else:
        value = sum(int(around.graph.value[e]) for e in found) if _IN_VALUE[k] else len(found)
    meant = _SEEN_BY[k] == _ALWAYS or around.seen & _SEEN_BY[k]
    if not meant and (len(found) <= 1 if figure.evidence == "extremal" else not found):
        return None
    places = sorted({place for instance in found.values() for place in instance})
    rest = _sufficient(around, np.array(places, np.int64), figure.column, limits, value)
    return rest.evidence(value / around.scale if _IN_VALUE[k] else value)


def _of_a_relay(around: Surroundings, walk: Instances, in_value: bool) -> int:
    """Return a relay's hops, or what its last hop moved."""
    if not in_value or not walk:
        return len(walk)
    (last,) = walk[max(walk)]
    return int(around.graph.value[last])


_MOST_PRUNED = 1_000


def _sufficient(
    around: Surroundings, places: np.ndarray, column: str, limits: Limits, value: int
) -> Surroundings:
    """Return the surroundings of the transfers from which the value recomputes, none to spare.

    An instance may be made up of others' transfers, so some of its own may be spared; beyond a
    thousand transfers nobody looks for them. Where a hub was cut short, its other transfers must
    stand by, or more would be found than was.
    """
    rest = around.at(places)
    if _count(rest, column, limits) != value:
        return around.at(_near(around, places, limits.window))
    if len(places) <= _MOST_PRUNED and not column.startswith("relay"):  # which spares none
        for row in rest.rows:
            fewer = rest.at(np.flatnonzero(rest.rows != row))
            rest = fewer if _count(fewer, column, limits) == value else rest
    return rest


def _count(around: Surroundings, column: str, limits: Limits) -> int:
    node, as_of = np.array([around.node]), np.array([around.as_of])
    shape = next(shape for shape in SHAPES if column.startswith(shape))
    counted = count_motifs(around.graph, node, as_of, limits, shapes=[shape])
    return int(counted[0, MOTIF_COLUMNS.index(column)])


def _near(around: Surroundings, places: np.ndarray, window: int) -> np.ndarray:
    """Return all transfers, around the time of some, of the addresses that these join."""
    graph = around.graph
    receiver, time = graph.sent[:, 1] & OTHER, graph.sent[:, 0]
    sender = np.repeat(np.arange(len(graph.out_offsets) - 1), np.diff(graph.out_offsets))
    nodes = np.unique(np.concatenate([sender[places], receiver[places]]))
    first, last = time[places].min() - window, time[places].max() + window
    theirs = np.isin(sender, nodes) | np.isin(receiver, nodes)
    return np.flatnonzero(theirs & (time > first) & (time < last) & (time < around.as_of))


def _pairs(sight: Sight) -> Instances:
    return {pair: places for pair, _, places in instances.carried(sight)}


def _carried(sight: Sight) -> Instances:
    return {own: places for _, own, places in instances.carried(sight)}


def _returning(sight: Sight) -> Instances:
    found: Instances = {}
    for hops in CYCLE_HOPS:
        found |= instances.returning(sight, hops)
    return found


def _figures() -> Iterable[_Figure]:
    yield _Figure(
        "scatter_gather_targets",
        "scatter_gather_targets",
        instances.targets,
        "Addresses that two or more of those it paid then paid in common, within {window}.",
        "distinct w with v → a → w and v → b → w, a ≠ b, each second leg later, all within "
        "{window}",
        "paid several others, two or more of whom then paid {value} in common, within {window}",
        unit="addresses",
    )
    yield _Figure(
        "scatter_gather_value",
        "scatter_gather_value",
        instances.scattered,
        "Value paid to those who then paid an address in common, within {window}.",
        "value of its payments v → a with v → a → w, v → b → w, a ≠ b, each second leg later, "
        "all within {window}",
        "paid {value} to others who then paid an address in common, within {window}",
    )
    yield _Figure(
        "scatter_gather_pairs",
        "scatter_gather_pairs",
        _pairs,
        "Pairs of a payer and a payee between whom it stood beside another, within {window}.",
        "distinct (u, w) with u → v → w and u → m → w, m ≠ v, each second leg later, all within "
        "{window}",
        "stood, beside another address, between {value} of a payer and a payee within {window}",
        unit="pairs",
        needs="both",
    )
    yield _Figure(
        "scatter_gather_carried_value",
        "scatter_gather_carried_value",
        _carried,
        "Value it passed on from a payer to a payee whom another joined too, within {window}.",
        "value of its payments v → w with u → v → w, u → m → w, m ≠ v, each second leg later, all "
        "within {window}",
        "passed on {value} between others whom a further address joined too, within {window}",
        needs="both",
    )
    yield _Figure(
        "bipartite_senders",
        "bipartite_senders",
        instances.co_senders,
        "Other senders with whom it had two or more receivers in common, within {window}.",
        "distinct u with v → a, v → b, u → a, u → b, a ≠ b, in any order, all within {window}",
        "had two or more receivers in common with each of {value}, within {window}",
        unit="addresses",
    )
    yield _Figure(
        "bipartite_value",
        "bipartite_value",
        instances.shared,
        "Value paid to receivers that another sender paid too, two or more, within {window}.",
        "value of its payments v → a with v → b, u → a, u → b, a ≠ b, in any order, all within "
        "{window}",
        "paid {value} to two or more receivers that another address paid too, within {window}",
    )
    yield _Figure(
        "gather_scatter_payments",
        "gather_scatter_count",
        instances.gathered,
        "Payments to several receivers after receipts from several senders, within {window}.",
        "payments v → c with another v → d, c ≠ d, both later than a → v and b → v, a ≠ b, all "
        "within {window}",
        "made {value} to several receivers after receipts from several senders, within {window}",
        unit="transfers",
        needs="both",
        flags=("gather_scatter",),
        exposure=False,
    )
    yield _Figure(
        "gather_scatter_value",
        "gather_scatter_value",
        instances.gathered,
        "Value paid to several receivers after receipts from several senders, within {window}.",
        "value of its payments v → c with another v → d, c ≠ d, both later than a → v and b → v, "
        "a ≠ b, all within {window}",
        "paid {value} to several receivers after receipts from several senders, within {window}",
        needs="both",
        flags=("gather_scatter",),
        exposure=False,
    )
    for hops in CYCLE_HOPS:
        yield _Figure(
            f"cycle_{hops}_hops",
            f"cycle_{hops}_count",
            partial(instances.returning, hops=hops),
            f"Payments after which money came back to it over {hops} hops, within {{window}}.",
            f"payments v → x that begin a cycle of {hops} transfers, each later than the one "
            "before, over different addresses, all within {window}",
            f"made {{value}} after which money came back to it over {hops} hops, within {{window}}",
            unit="transfers",
            needs="both",
        )
    yield _Figure(
        "cycle_value",
        "cycle_value",
        _returning,
        "Value paid out after which money came back to it over 2 to 5 hops, within {window}.",
        "value of its payments that begin a cycle of 2 to 5 transfers, each later than the one "
        "before, over different addresses, all within {window}",
        "paid {value} after which money came back to it over 2 to 5 hops, within {window}",
        needs="both",
    )
    yield _Figure(
        "relay_hops",
        "relay_hops",
        instances.longest_relay,
        "Hops over which what it paid was driven on, nearly whole, each within {window}.",
        "most transfers in a row (up to 10) that begin with its own, each leaving the receiver of "
        "the one before less than {window} later, with 80 to 100 % of its value, not straight back",
        "had a payment driven on, nearly whole, over {value}, each less than {window} later",
        unit="hops",
        evidence="extremal",
        flags=(),
    )
    yield _Figure(
        "relay_value",
        "relay_value",
        instances.longest_relay,
        "Value that the last hop of its longest relay moved, with hops within {window}.",
        "greatest value of the last transfer among its longest relays (see relay_hops), hops less "
        "than {window} apart",
        "had {value} moved by the last hop of its longest relay (hops less than {window} apart)",
        evidence="extremal",
        flags=(),
    )
    yield _Figure(
        "peel_hops",
        "peel_hops",
        partial(instances.longest_relay, peeled=True),
        "Hops over which what it paid was driven on, a part peeled off at each, within {window}.",
        "most transfers in a row (up to 10) that begin with its own, each leaving the receiver of "
        "the one before less than {window} later, with 80 to 98 % of its value, not straight back, "
        "beside a peel, as soon, of at most a fifth of it to somebody else",
        "had a payment driven on over {value}, each less than {window} later, while each address "
        "on the way peeled off a small part",
        unit="hops",
        evidence="extremal",
        flags=("peel_chain",),
    )


for _label, _window in WINDOWS.items():
    for _figure in _figures():
        _declare(_figure, _label, _window)
