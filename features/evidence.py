"""Evidence: the transfers and numbers from which a signal's value can be computed again.

Four kinds, by how a value rests on transfers:

* **members** – a count or sum: exactly the rows that were counted; without one of them the value
  is another (equal amounts and ties aside);
* **extremal** – a maximum over windows: the rows of the window that attains it;
* **absence** – "not paid before": the counted rows, and the earlier rows that the absence rests on;
* **distribution** – a median, share, entropy or similar: the exact `statistics`, the number and a
  digest of all rows used, and in `rows` all of them (a page shows the most telling first).

`recompute` gives the value back from the evidence alone. Caps on what is shown never reach it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from features.history import History
    from features.signal import Signal


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
        For distributions: the exact numbers the value is computed from (see `recompute`).
    """

    value: float
    rows: np.ndarray
    telling: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    statistics: Mapping[str, float | Sequence[float]] = field(default_factory=dict)


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


def recompute(signal: Signal, history: History, shown: Evidence) -> float:
    """Compute a signal's value again from its evidence alone.

    Members, extremal and absence evidence: the definition is applied to a history that holds the
    evidence's rows only. Distribution evidence: from the statistics, one of

    * ``numerator``, ``denominator`` → their quotient;
    * ``middle`` (one or two numbers) → their mean, which is the median;
    * ``weights`` → Shannon entropy in bits of the weights' shares;
    * ``shares_of`` → sum of the squared shares (Herfindahl–Hirschman index);
    * ``n``, ``total``, ``squares`` → coefficient of variation, from exact integer sums;
    * ``mean``, ``sd`` → burstiness (sd - mean) / (sd + mean).
    """
    if signal.evidence != "distribution":
        again = signal.definition(history.take(shown.rows))
        return math.nan if again is None else again.value
    s = shown.statistics
    if "numerator" in s:
        return _number(s["numerator"]) / _number(s["denominator"])
    if "middle" in s:
        middle = _numbers(s["middle"])
        return sum(middle) / len(middle)
    if "weights" in s:
        weights = _numbers(s["weights"])
        total = sum(weights)
        return -sum(w / total * math.log2(w / total) for w in weights if w > 0)
    if "shares_of" in s:
        weights = _numbers(s["shares_of"])
        return sum((w / sum(weights)) ** 2 for w in weights)
    if "squares" in s:
        n, total, squares = (_number(s[k]) for k in ("n", "total", "squares"))
        return math.sqrt(max(0.0, n * squares - total * total)) / total
    mean, sd = _number(s["mean"]), _number(s["sd"])
    return (sd - mean) / (sd + mean)


def digest(tx_ids: Sequence[str]) -> str:
    """Return a SHA-256 over transaction ids, so that rows too many to show can still be named."""
    return hashlib.sha256("\n".join(tx_ids).encode()).hexdigest()


def _number(value: float | Sequence[float]) -> float:
    if isinstance(value, Sequence):
        raise TypeError(f"one number expected, got {value}")
    return value


def _numbers(value: float | Sequence[float]) -> Sequence[float]:
    return value if isinstance(value, Sequence) else [value]
