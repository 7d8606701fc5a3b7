"""What a signal is.

A signal is a named function of one history. Its name is the column in the signals file, the input
of the model and the label on the explanation; its docstring says what it means to an analyst.
It exists twice, and a contract test holds the two together:

* its **definition**, plain Python over one `History`, which also returns the evidence. It is what
  an analyst reads, and what runs for the few addresses that are explained;
* its column in the family's **kernel**, one compiled loop that fills all of the family's columns
  for millions of histories.

A family file reads top-down: the story, the kernel, then one definition after another. The order
of the definitions is the order of the kernel's columns.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from features.evidence import Evidence
    from features.found import Found
    from features.network import Network

SCOPES = ("address", "graph")
"""What a signal looks at: one history (with what was known of its counterparties); or the graph of
all transfers around the address."""

NEEDS = ("in", "out", "any", "both", "token_both")
"""Legs a signal cannot do without.

``in``/``out``: one incoming/outgoing leg of any kind; ``any``: either; ``both``: a kind of transfer
(native, internal or token) seen in both directions, and only such rows are looked at;
``token_both``: tokens seen in both directions.
"""

EVIDENCE_KINDS = ("members", "extremal", "distribution", "absence", "neighbourhood")
"""How a value is shown to follow from transfers; see `features.evidence`."""

UNITS = (
    "transfers",
    "addresses",
    "assets",
    "pairs",
    "hops",
    "swaps",
    "steps",
    "days",
    "seconds",
    "share",
    "ratio",
    "value",
    "bits",
    "score",
)
"""``value`` is in the run's value basis: dollars, whole native coins, or medians of the history."""

NEVER = "never, where its legs are in force"
"""When a signal is null that says nothing of it."""

Definition = Callable[[Any], "Evidence | None"]
"""A function of a `History`; in a family of scope ``graph``, of `Surroundings`."""

Refresh = Callable[["np.ndarray", "np.ndarray"], "np.ndarray"]
"""A function of cuts and of last transfers, both as microseconds."""


@dataclass(frozen=True)
class Signal:
    """One behavioural signal: everything a reader, a model or an analyst must know about it.

    Attributes
    ----------
    name, family
        The column's name; the family whose kernel fills it.
    meaning
        One sentence for an analyst (first paragraph of the definition's docstring).
    formula
        The exact rule, short.
    unit
        One of `UNITS`.
    needs
        One of `NEEDS`; where the legs in force do not reach it, the signal is null, never zero.
    null_meaning
        When the signal is null though its legs are in force (and, with `dollars`, values are
        dollars).
    evidence
        One of `EVIDENCE_KINDS`.
    says
        What the value says of an address, in the past tense, with ``{value}`` (rendered with its
        unit), to follow "it". It claims no more than the data. Where few transfers would look like
        a habit, ``{counts}`` or ``{count:noun}`` says how many there were; see `models.sentences`.
    says_low
        The same for a value that is unusual because it is low; empty where `says` reads as well.
    red_flags
        Ids in ``data/registry/red_flags.csv``, of the flags that the value itself shows. What else
        must hold of the address before one is said stands in `models.flagging`.
    fewest
        Columns of the signals table with the least count from which the value shows a habit. Of
        fewer the value stands, but it is no reason, speaks for nobody and raises no red flag: half
        of two payments is one payment.
    lower_bound
        True where more may lie beyond what is loaded: a low value says nothing.
    flags_when_low
        Those of `red_flags` that a low value raises; a high value raises the others.
    risk
        ``up`` or ``down`` where risk certainly grows that way, else None. Certain is little: money
        from listed parties speaks for nobody. Money to them does not count, since victims send it;
        nor does a habit, since each has an innocent owner (a shop, a payroll, an exchange).
    window
        The time window, where there is one.
    bounds
        The least and greatest possible value.
    dollars
        True where it compares with dollar amounts; null off the ``usd`` basis.
    depends_on_as_of
        True where the value changes with `as_of` although no transfer is added.
    model_input
        False for context: a column for analysts, no input of a model and so no reason in an alert
        unless it was asked for (`--also`).
    exposure
        True where it rests on what others are or do, not on what the address does itself.
    definition
        The plain function, returning the evidence with its value, or None where null.
    scope
        One of `SCOPES`.
    """

    name: str
    family: str
    meaning: str
    formula: str
    unit: str
    needs: str
    null_meaning: str
    evidence: str
    says: str
    red_flags: tuple[str, ...]
    flags_when_low: tuple[str, ...]
    risk: str | None
    window: timedelta | None
    bounds: tuple[float, float]
    dollars: bool
    depends_on_as_of: bool
    model_input: bool
    exposure: bool
    definition: Definition = field(compare=False, repr=False)
    scope: str = "address"
    says_low: str = ""
    fewest: tuple[tuple[str, int], ...] = ()
    lower_bound: bool = False

    def template(self, *, low: bool = False) -> str:
        """Return what to say of a value, unusual for being low or not."""
        return self.says_low if low and self.says_low else self.says

    def facts(self) -> dict[str, Any]:
        """Return the declaration as plain values, for the catalogue and its hash."""
        facts = {k: v for k, v in self.__dict__.items() if k != "definition"}
        facts["window"] = None if self.window is None else self.window.total_seconds()
        facts["red_flags"] = list(self.red_flags)
        facts["flags_when_low"] = list(self.flags_when_low)
        facts["fewest"] = dict(self.fewest)
        facts["bounds"] = [None if abs(b) == float("inf") else b for b in self.bounds]
        return facts


class Family:
    """A family of signals that share one kernel.

    Parameters
    ----------
    name
        The family's name, as in the catalogue.
    kernel
        Compiled function ``kernel(columns, first, last, out)``: for each history ``i`` in
        ``first:last`` fills ``out[i]``, one float64 per signal in the order of declaration, NaN
        where null. `columns` is `features.history.Columns`.
    cost
        How the kernel's work grows with a history of n transfers, short, for the catalogue. What
        it takes per transfer is measured by ``benchmarks/family_costs.py``.
    reads_neighbours
        The kernel reads `Columns.neighbours`, which histories have where they are asked for.
    settles
        For how long after a history's last transfer its values may change though it gets no
        other: by transfers of others, or as `as_of` moves on. None: at any time. What a kernel
        reads of neighbours lies strictly before the shared transfer, so nothing later changes it.
        A test holds every family to it.
    refreshed
        Signals that change with `as_of` at any time, each with the rule that gives the new value
        of a history without new transfers, from the cut and its last transfer (microseconds).
    """

    scope = "address"

    def __init__(
        self,
        name: str,
        kernel: Callable[..., None],
        *,
        cost: str,
        reads_neighbours: bool = False,
        settles: timedelta | None = timedelta(0),
        refreshed: Mapping[str, Refresh] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.kernel = kernel
        self.cost = cost
        self.reads_neighbours = reads_neighbours
        self.settles = settles
        self.refreshed = refreshed
        self.signals: list[Signal] = []

    @property
    def is_dear(self) -> bool:
        """Whether it looks beyond the history itself, which costs more."""
        return self.reads_neighbours

    def signal(
        self,
        *,
        unit: str,
        needs: str,
        evidence: str,
        formula: str,
        says: str,
        says_low: str = "",
        null: str = "",
        red_flags: tuple[str, ...] = (),
        flags_when_low: tuple[str, ...] = (),
        risk: str | None = None,
        window: timedelta | None = None,
        bounds: tuple[float, float] = (0.0, float("inf")),
        dollars: bool = False,
        depends_on_as_of: bool = False,
        model_input: bool = True,
        exposure: bool = False,
        fewest: Mapping[str, int] = MappingProxyType({}),
        lower_bound: bool = False,
    ) -> Callable[[Definition], Definition]:
        """Declare the decorated function as this family's next signal; see `Signal`."""

        def declare(definition: Definition) -> Definition:
            documentation = inspect.getdoc(definition) or ""
            self.signals.append(
                Signal(
                    name=definition.__name__,
                    family=self.name,
                    meaning=" ".join(documentation.split("\n\n")[0].split()),
                    formula=formula,
                    unit=unit,
                    needs=needs,
                    null_meaning=null or NEVER + (" and values are in dollars" if dollars else ""),
                    evidence=evidence,
                    says=says,
                    red_flags=red_flags,
                    flags_when_low=flags_when_low,
                    risk=risk,
                    window=window,
                    bounds=bounds,
                    dollars=dollars,
                    depends_on_as_of=depends_on_as_of,
                    model_input=model_input,
                    exposure=exposure,
                    definition=definition,
                    scope=self.scope,
                    says_low=says_low,
                    fewest=tuple(fewest.items()),
                    lower_bound=lower_bound,
                )
            )
            return definition

        return declare


class GraphFamily(Family):
    """A family of signals of scope ``graph``: measured from all transfers at once, not by history.

    Parameters
    ----------
    name
        The family's name, as in the catalogue. Its column ``{name}_capped`` stands beside the
        signals.
    measure
        Function ``measure(network, as_of, scale, threads)`` of `features.network.Network` and, per
        history, the cut (int64 microseconds) and the fixed-point units in one whole.
    cost
        How its work grows, short, for the catalogue.
    """

    scope = "graph"

    def __init__(
        self,
        name: str,
        measure: Callable[[Network, np.ndarray, np.ndarray, int], Found],
        *,
        cost: str,
    ) -> None:
        super().__init__(name, _no_kernel, cost=cost, settles=None)
        self.measure = measure

    @property
    def is_dear(self) -> bool:
        """Always: it needs all transfers as a graph."""
        return True


def _no_kernel(*_: object) -> None:
    raise TypeError("A family of scope graph has no kernel over histories; call its `measure`.")
