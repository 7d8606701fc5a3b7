"""Computing a value again from its evidence alone: the proof that the evidence suffices."""

from __future__ import annotations

import math
from collections.abc import Sequence

from features.evidence import Evidence
from features.history import History
from features.network import Surroundings
from features.signal import Signal


def recompute(signal: Signal, of: History | Surroundings, shown: Evidence) -> float:
    """Compute a signal's value again from its evidence alone.

    Members, extremal and absence evidence: the definition is applied to a history (or, in scope
    ``graph``, to surroundings) that holds the evidence's rows only. Distribution evidence: from
    the statistics, one of

    * ``numerator``, ``denominator`` → their quotient;
    * ``middle`` (one or two numbers) → their mean, which is the median;
    * ``weights`` → Shannon entropy in bits of the weights' shares;
    * ``shares_of`` → sum of the squared shares (Herfindahl–Hirschman index);
    * ``n``, ``total``, ``squares`` → coefficient of variation, from exact integer sums;
    * ``mean``, ``sd`` → burstiness (sd - mean) / (sd + mean).
    """
    if signal.evidence != "distribution":
        rest = of.take(shown.rows) if isinstance(of, History) else of.only(shown)
        again = signal.definition(rest)
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


def _number(value: float | Sequence[float]) -> float:
    if isinstance(value, Sequence):
        raise TypeError(f"one number expected, got {value}")
    return value


def _numbers(value: float | Sequence[float]) -> Sequence[float]:
    return value if isinstance(value, Sequence) else [value]
