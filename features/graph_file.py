"""What families of scope ``graph`` found of the requests of a run, in files of a spill folder.

The graph of all transfers is the one thing that a run under a cap holds whole. It is measured
before any history is laid, and is gone by then; the figures wait on disk, in the order of the
requests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from features.basis import scales
from features.budget import Following
from features.found import Found
from features.network import Network
from features.roll import Roll
from features.signal import GraphFamily
from features.spill import Spill


class MeasuredGraphs:
    """The figures of one run; of none, where no family follows money.

    Attributes
    ----------
    notes
        What a reader must know of transfers that had to be left out.
    """

    def __init__(self, spilled: Spill, families: tuple[GraphFamily, ...], basis: str) -> None:
        self._spilled, self._families, self._basis = spilled, families, basis
        self._of: list[np.ndarray] = []
        self.notes: tuple[str, ...] = ()

    def measure(
        self,
        network: Network,
        roll: Roll,
        following: Following,
        done: Callable[[int], None],
    ) -> None:
        """Measure the histories whose network it is, some at a time."""
        k = len(self._of)
        self._of.append(network.of)
        self.notes = tuple(dict.fromkeys([*self.notes, *network.notes]))
        for start in range(0, len(network.of), following.requests):
            some = slice(start, start + following.requests)
            of = network.of[some]
            scale = scales(self._basis, roll.keys(int(of[0]), int(of[-1]) + 1)["chain"])
            part = replace(network, of=of, node=network.node[some])
            for family in self._families:
                found = family.measure(part, roll.cut[of], scale[of - of[0]], following.threads)
                self._spilled.append(f"{family.name}.{k}", _records(found))
            done(len(of))

    def of(self, first: int, end: int) -> dict[str, Found]:
        """Return what each family found of the requests from `first` up to `end`."""
        return {family.name: self._found(family, first, end) for family in self._families}

    def _found(self, family: GraphFamily, first: int, end: int) -> Found:
        width = len(family.signals)
        values = np.full((end - first, width), np.nan)
        capped = np.full(end - first, -1, np.int64)
        for k, of in enumerate(self._of):
            a, b = np.searchsorted(of, [first, end]).tolist()
            records = self._spilled.read(f"{family.name}.{k}", _record(width), a, b)
            values[of[a:b] - first] = records["values"]
            capped[of[a:b] - first] = records["capped"]
        return Found(values, capped)


def _record(width: int) -> np.dtype:
    return np.dtype([("values", np.float64, (width,)), ("capped", np.int64)])


def _records(found: Found) -> np.ndarray:
    records = np.empty(len(found.capped), _record(found.values.shape[1]))
    records["values"], records["capped"] = found.values, found.capped
    return records
