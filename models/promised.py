"""What a model does now beside what its own evaluation promised, at the thresholds of its bands.

Both sides are splits of an `evaluation.json`. Three rates per band: **recall**, the share of scored
positives that reach it; the **false-positive rate**, the share of scored negatives that do; and
**precision**, the share of those in it that are positive. Precision depends on how rare positives
are, so the promised one is restated at the prevalence of now; an interval of a promised precision
joins the limits of its recall and false-positive rate and is wide on purpose.

Wallets of one case are no independent witnesses. Intervals and tests count a rate as if it had been
seen on as many addresses as there are groups. A rate that so few cannot show is None, with the
reason: a recall needs 10 groups of positives, a false-positive rate what `models.metrics` asks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.bands import FALSE_POSITIVE_RATES
from models.drift import SHARE, Compared, Finding
from models.intervals import wilson
from models.metrics import RESOLUTION, negatives_for

RECALL, FALSE_POSITIVES, PRECISION = "recall", "false-positive rate", "precision"


@dataclass(frozen=True)
class Rate:
    """A rate with its 95 % Wilson interval.

    Attributes
    ----------
    value, low, high : float
        The rate and the limits of its interval.
    groups : int or None
        As how many independent addresses it counts; None for a precision restated.
    """

    value: float
    low: float
    high: float
    groups: int | None


@dataclass(frozen=True)
class Kept:
    """One rate at one band: now, and as promised.

    Attributes
    ----------
    band, rate : str
        Which; `rate` is `RECALL`, `FALSE_POSITIVES` or `PRECISION`.
    now, promised : Rate or None
        None where too few rows can show it.
    why_not : str or None
        Why one of them is None.
    """

    band: str
    rate: str
    now: Rate | None
    promised: Rate | None
    why_not: str | None


def kept(now: Mapping[str, Any], promised: Mapping[str, Any]) -> list[Kept]:
    """Compare two splits at every band that the model gives out.

    Parameters
    ----------
    now, promised
        Splits of `evaluation.json`: counts, groups, bands.
    """
    found = []
    for band in FALSE_POSITIVE_RATES:
        if band not in now["bands"] or band not in promised["bands"]:
            continue
        recall, recall_then = (_rate(s, band, "positive", RESOLUTION) for s in (now, promised))
        needed = negatives_for(FALSE_POSITIVE_RATES[band])
        false, false_then = (_rate(s, band, "negative", needed) for s in (now, promised))
        few_positives = _why(recall, recall_then, f"{RESOLUTION:,} independent positives")
        few_negatives = _why(false, false_then, f"{needed:,} independent negatives")
        found += [
            Kept(band, RECALL, recall, recall_then, few_positives),
            Kept(band, FALSE_POSITIVES, false, false_then, few_negatives),
            _precision(band, now, promised, recall_then, false_then),
        ]
    return found


def performance_findings(rates: list[Kept]) -> list[Finding]:
    """Turn recalls and false-positive rates that both sides show into questions to be judged.

    Precision is left out: it follows from these two and the prevalence.
    """
    return [
        Finding(
            "performance",
            f"{one.rate} at {one.band}",
            SHARE,
            one.promised.value,
            one.now.value,
            _compared(one.now, one.promised),
        )
        for one in rates
        if one.now is not None and one.promised is not None and one.rate != PRECISION
    ]


def _rate(split: Mapping[str, Any], band: str, label: str, needed: int) -> Rate | None:
    groups = split.get(f"n_groups_{label}") or 0
    n = sum(counts[f"{label}s"] for counts in split["bands"].values())
    if groups < needed or not n:
        return None
    value = _reaching(split, band, label) / n
    low, high = wilson(round(value * groups), groups)
    return Rate(value, min(low, value), max(high, value), groups)


def _reaching(split: Mapping[str, Any], band: str, label: str) -> int:
    """Count those that reach a band or a higher one."""
    names = list(FALSE_POSITIVE_RATES)
    at_least = names[names.index(band) :]
    return sum(split["bands"][name][f"{label}s"] for name in at_least if name in split["bands"])


def _precision(
    band: str,
    now: Mapping[str, Any],
    promised: Mapping[str, Any],
    recall: Rate | None,
    false: Rate | None,
) -> Kept:
    true, wrong = (_reaching(now, band, label) for label in ("positive", "negative"))
    flagged, seen = true + wrong, None
    if flagged >= RESOLUTION:
        groups = now.get("n_groups_positive", 0) + now.get("n_groups_negative", 0)
        alone = max(1, round(flagged * min(1.0, groups / now["n"])))
        low, high = wilson(round(true / flagged * alone), alone)
        value = true / flagged
        seen = Rate(value, min(low, value), max(high, value), alone)
    share = now["prevalence"]
    told = None
    if recall is not None and false is not None and share is not None:
        told = Rate(
            _restated(recall.value, false.value, share),
            _restated(recall.low, false.high, share),
            _restated(recall.high, false.low, share),
            None,
        )
    why = None
    if seen is None:
        why = f"fewer than {RESOLUTION} labelled addresses are in it now"
    elif told is None:
        why = "the evaluation of the model cannot show its recall and false-positive rate"
    return Kept(band, PRECISION, seen, told, why)


def _restated(recall: float, false: float, prevalence: float) -> float:
    flagged = recall * prevalence + false * (1 - prevalence)
    return recall * prevalence / flagged if flagged else 0.0


def _why(now: Rate | None, promised: Rate | None, needed: str) -> str | None:
    short = [side for side, rate in (("now", now), ("in the evaluation", promised)) if rate is None]
    return f"it takes {needed}; there are fewer {' and '.join(short)}" if short else None


def _compared(now: Rate, promised: Rate) -> Compared:
    """Compare two rates with Fisher's exact test."""
    from scipy.stats import fisher_exact, hypergeom

    assert now.groups is not None
    assert promised.groups is not None
    n, m = now.groups, promised.groups
    hits, promised_hits = round(now.value * n), round(promised.value * m)
    both = hits + promised_hits
    p = float(fisher_exact([[hits, n - hits], [promised_hits, m - promised_hits]]).pvalue)
    fewest, most = max(0, both - m), min(n, both)
    ends = [float(hypergeom.pmf(end, n + m, both, n)) for end in (fewest, most)]
    share = both / (n + m)
    deviation = math.sqrt(share * (1 - share))
    effect = (hits / n - promised_hits / m) / deviation if deviation else 0.0
    return Compared(round(2 * n * m / (n + m)), effect, min(1.0, p), min(p, *ends))
