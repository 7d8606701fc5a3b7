"""Scores under every combination of an earlier run's inputs with a later run's.

Four things can change between two runs. Each combination of old and new ones is a run that can be
made, and is: with the transfers of then and the model of now, for example. Whatever does not differ
is not varied, so two runs that differ in one thing alone take two.

What belongs to which cause
---------------------------
funds
    The transfers, their coverage, and each address's moment: its own payments, its neighbours', the
    time that passed, and what exports came to show of them.
labels
    The services and listed parties.
model
    The trees, the signals they read, the calibration fitted for these trees, the role model, and
    what a history must have to be scored. A calibration belongs to its trees: through another
    model's it would mean nothing.
thresholds
    The bands' thresholds, and the base rate that was stated: what people set, apart from what the
    trees learnt. A base rate that was not stated is the model's own, its labels' prevalence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from features.catalogue import catalogue
from models.bundle import Bundle
from models.explanation import contributions
from models.material import matrix
from models.scoring import score_frame
from models.status import SCORED
from pipelines.again.change_words import BASE
from pipelines.again.originals import Originals
from pipelines.engines import local
from pipelines.recorded import coverage_sha256

CAUSES = ("funds", "labels", "model", "thresholds")
"""What can change, in the order in which results name them."""


def differing_causes(old: Originals, new: Originals, *, moments_differ: bool) -> tuple[str, ...]:
    """Return which of `CAUSES` are not the same in two runs."""
    differ = {
        "funds": moments_differ or _funds(old) != _funds(new),
        "labels": not old.services.table.equals(new.services.table, null_equal=True),
        "model": _model(old.bundle) != _model(new.bundle),
        "thresholds": _thresholds(old.bundle) != _thresholds(new.bundle),
    }
    return tuple(cause for cause in CAUSES if differ[cause])


@dataclass(frozen=True)
class Combinations:
    """Every combination of two runs' inputs on the same addresses.

    Attributes
    ----------
    old, new
        The inputs.
    asked
        ``chain``, ``address``, ``as_of_old``, ``as_of_new``.
    causes
        Those that differ. Bit i of a combination's number says that the i-th of them is new.
    threads
        Changes the time it takes, never a bit of the result.
    """

    old: Originals
    new: Originals
    asked: pl.DataFrame
    causes: tuple[str, ...]
    threads: int | None

    def __len__(self) -> int:
        return 1 << len(self.causes)

    @cached_property
    def scores(self) -> list[pl.DataFrame]:
        """The scores of each combination, in the order of `asked`."""
        return [
            score_frame(
                self._bundle(number),
                self._signals(number),
                self._side("labels", number).services,
                threads=self.threads or 1,
            )
            for number in range(len(self))
        ]

    @cached_property
    def signal_names(self) -> tuple[str, ...]:
        """The inputs of both models, and the base."""
        names = (*self.old.bundle.facts.signals, *self.new.bundle.facts.signals)
        return (*dict.fromkeys(names), BASE)

    def parts(self, rows: Sequence[int]) -> np.ndarray:
        """Return what each signal added to some addresses' log-odds.

        Returns
        -------
        numpy.ndarray
            By combination, address and `signal_names`; NaN where a combination has no score.
        """
        found = np.full((len(self), len(rows), len(self.signal_names)), np.nan)
        for number in range(len(self)):
            bundle, signals = self._bundle(number), self._signals(number)[list(rows)]
            scored = (self.scores[number]["status"][list(rows)] == SCORED).to_numpy()
            inputs = matrix(signals.filter(pl.Series(scored)), bundle.facts.signals)
            told, base = contributions(bundle, inputs, threads=self.threads or 1)
            own = [self.signal_names.index(name) for name in bundle.facts.signals]
            spread = np.zeros((len(inputs), len(self.signal_names)))
            spread[:, own], spread[:, -1] = told, base
            found[number, scored] = spread
        return found

    def _is_new(self, cause: str, number: int) -> bool:
        """Say whether a cause is new; one that does not differ is as in the old run."""
        return cause in self.causes and bool(number >> self.causes.index(cause) & 1)

    def _side(self, cause: str, number: int) -> Originals:
        return self.new if self._is_new(cause, number) else self.old

    def _bundle(self, number: int) -> Bundle:
        return self._bundles[self._is_new("model", number), self._is_new("thresholds", number)]

    @cached_property
    def _bundles(self) -> dict[tuple[bool, bool], Bundle]:
        """The models, each under both runs' thresholds."""
        old, new = self.old.bundle, self.new.bundle
        return {
            (False, False): old,
            (False, True): old.with_thresholds_of(new),
            (True, False): new.with_thresholds_of(old),
            (True, True): new,
        }

    def _signals(self, number: int) -> pl.DataFrame:
        model = self._is_new("model", number) and not self._read_alike
        return self._measured[self._is_new("funds", number), self._is_new("labels", number), model]

    @cached_property
    def _read_alike(self) -> bool:
        old, new = self.old.bundle.facts, self.new.bundle.facts
        return (old.basis, old.legs) == (new.basis, new.legs)

    @cached_property
    def _measured(self) -> dict[tuple[bool, bool, bool], pl.DataFrame]:
        numbers = range(len(self))
        wanted = {
            (
                self._is_new("funds", number),
                self._is_new("labels", number),
                self._is_new("model", number) and not self._read_alike,
            )
            for number in numbers
        }
        return {one: self._measure(*one) for one in sorted(wanted)}

    def _measure(self, funds: bool, labels: bool, model: bool) -> pl.DataFrame:
        side = self.new if funds else self.old
        read_as = (self.new if model else self.old).bundle.facts
        names = self.signal_names[:-1] if self._read_alike else read_as.signals
        moment = "as_of_new" if funds else "as_of_old"
        return local.measure(
            side.transfers,
            self.asked.select("chain", "address", as_of=moment),
            as_of=side.as_of,
            basis=read_as.basis,
            legs=read_as.legs,
            threads=self.threads,
            services=(self.new if labels else self.old).services,
            families=catalogue().families_of(names),
        ).signals


def _funds(run: Originals) -> tuple[object, ...]:
    store = run.transfers
    return store.sha256, coverage_sha256(store), store.assume_complete


def _model(bundle: Bundle) -> tuple[object, ...]:
    facts, roles = bundle.facts, bundle.roles
    map_ = facts.calibration
    return (
        bundle.model,
        facts.signals,
        (facts.basis, facts.legs, facts.min_transfers),
        (map_.slope, map_.intercept, map_.prevalence),
        None if roles is None else (roles.facts, roles.kinds, roles.parts),
    )


def _thresholds(bundle: Bundle) -> tuple[object, ...]:
    facts = bundle.facts
    return dict(facts.thresholds), facts.calibration.stated


def blocks(rows: Sequence[int], size: int = 2048) -> Iterator[list[int]]:
    """Yield rows some at a time: parts of many rows by signal and combination fill memory."""
    for start in range(0, len(rows), size):
        yield list(rows[start : start + size])
