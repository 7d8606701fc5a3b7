"""Evidence: the transfers and numbers from which a signal's value can be computed again.

Four kinds, by how a value rests on transfers:

* **members** – a count or sum: exactly the rows that were counted; without one of them the value
  is another (equal amounts and ties aside);
* **extremal** – a maximum over windows: the rows of the window that attains it;
* **absence** – "not paid before": the counted rows, and the earlier rows that the absence rests on;
* **distribution** – a median, share, entropy or similar: the exact `statistics`, the number and a
  digest of all rows used, and in `rows` all of them (a page shows the most telling first).

`features.recomputation` gives the value back from the evidence alone. Caps on what is shown never
reach it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Elsewhere:
    """A transfer beyond the history: the value rests on it, or an own transfer belongs to it.

    Attributes
    ----------
    row
        Of it, in the transfers table.
    position
        Of the own transfer that it is probably the other leg of, in the history; the value can be
        computed without it. None: it passed between others, and the value rests on it.
    probability
        That the two belong together; None where there is no `position`.
    """

    row: int
    position: int | None = None
    probability: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What a value rests on.

    Attributes
    ----------
    value
        The signal's value.
    rows
        Positions in the history, ascending: all rows used (uncapped).
    telling
        Positions worth showing first, most telling first; a subset of `rows`.
    statistics
        For distributions: the exact numbers the value is computed from.
    elsewhere
        Transfers beyond the history, in the order of the table where the value rests on them
        (motifs); else the other legs of own ones (crossings between chains). Uncapped.
    """

    value: float
    rows: np.ndarray
    telling: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    statistics: Mapping[str, float | Sequence[float]] = field(default_factory=dict)
    elsewhere: tuple[Elsewhere, ...] = ()

    @property
    def others(self) -> np.ndarray:
        """Rows of the transfers table, ascending, between others that the value rests on too."""
        rows = [beyond.row for beyond in self.elsewhere if beyond.position is None]
        return np.array(rows, dtype=np.int64)


def evidence(
    value: float,
    rows: Sequence[int] | np.ndarray,
    telling: Sequence[int] | np.ndarray = (),
    **statistics: float | Sequence[float],
) -> Evidence:
    """Build `Evidence`, with rows sorted and unique."""
    return Evidence(
        value=float(value),
        rows=np.unique(np.asarray(rows, dtype=np.int64)),
        telling=np.asarray(telling, dtype=np.int64),
        statistics=statistics,
    )


def digest(tx_ids: Sequence[str]) -> str:
    """Return a SHA-256 over transaction ids, so that rows too many to show can still be named."""
    return hashlib.sha256("\n".join(tx_ids).encode()).hexdigest()
