"""Cutting a world's time into slices, so that no more than one slice of transfers is in memory.

Units are played in no order of time, and the table is in order of chain and time. So rows are put
aside by chain and stretch of time first, and each stretch is finished by itself: a row's place
depends on its own block alone, and no block is cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.simulation import identities
from data.simulation.canonical import SLOT_SECONDS
from data.simulation.ledger import COLUMNS, Rows, joined
from data.simulation.market import CHAIN_SHARES
from data.simulation.prior import DAY

TRANSFERS_PER_ACCOUNT = 60
"""About so many transfers come with each account; decides how finely a world is cut."""

SLICE_ROWS = 1_000_000
_STEP = float(np.lcm.reduce(SLOT_SECONDS))


@dataclass(frozen=True)
class Slices:
    """Stretches of a world: of each chain, in the order of the table.

    Parameters
    ----------
    edges
        Per chain (an index of `identities.CHAINS`), where its stretches begin, in seconds.
    first
        Per chain, the number of its first stretch.
    """

    edges: tuple[np.ndarray, ...]
    first: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(len(edges) for edges in self.edges)

    def of(self, rows: Rows) -> np.ndarray:
        """Return the number of each row's stretch."""
        chain = identities.chains_of(rows["sender"])
        number = np.empty(len(chain), dtype=np.int64)
        for c, edges in enumerate(self.edges):
            mine = chain == c
            at = np.searchsorted(edges, rows["time"][mine], side="right") - 1
            number[mine] = self.first[c] + at
        return number


def cut(addresses: int, days: int) -> Slices:
    """Cut a world of a size; how it is played does not matter."""
    edges = []
    for share in CHAIN_SHARES:
        pieces = 1 + int(addresses * TRANSFERS_PER_ACCOUNT * share / SLICE_ROWS)
        marks = np.arange(pieces) * (days * DAY / pieces)
        edges.append(np.floor(marks / _STEP) * _STEP)
    first, passed = [0] * len(edges), 0
    for chain in sorted(range(len(edges)), key=lambda c: identities.CHAINS[c]):
        first[chain] = passed
        passed += len(edges[chain])
    return Slices(tuple(edges), tuple(first))


def put_aside(rows: Rows, slices: Slices, folder: Path, name: str) -> None:
    """Write rows below `folder`, each stretch's to a file of its own under this name."""
    number = slices.of(rows)
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(slices.count + 1))
    for s in np.flatnonzero(np.diff(bounds)).tolist():
        mine = order[bounds[s] : bounds[s + 1]]
        target = folder / f"{s:05d}"
        target.mkdir(exist_ok=True)
        held = {column: rows[column][mine] for column in COLUMNS}
        np.savez(target / name, allow_pickle=False, **held)


def taken_up(folder: Path, number: int) -> Rows:
    """Read all rows of a stretch, in the order of the names they were put aside under."""
    parts = []
    for file in sorted((folder / f"{number:05d}").glob("*.npz")):
        with np.load(file) as held:
            parts.append({column: held[column] for column in COLUMNS})
    return joined(parts)
