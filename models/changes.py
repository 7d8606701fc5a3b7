"""What a retrained model changes, and why: two bundles on one fixed panel of addresses.

A better figure can hide that a thousand people are judged otherwise than yesterday. So the old and
the new model score the same panel, and every difference in log-odds is taken apart exactly: both
scores are sums of contributions, hence so is their difference,

    new - old = (new base - old base) + sum over signals (new contribution - old contribution)

which says for each address, and on average for each family, what moved it. The panel is chosen by
a hash of each address, so that it is the same from one retraining to the next as long as its
addresses are there. Addresses are pseudonyms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from models.bands import bands
from models.bundle import Bundle
from models.explanation import contributions
from models.material import matrix
from models.status import SCORED, Requirements, with_history
from models.wrong import pseudonym

PANEL = 2000
MOST_MOVED = 10
TOLD = 3

_RECORDED = ("n", "n_positive", "rounds", "parameters", "seed", "unlabelled", "labels_from")


def panel(frame: pl.DataFrame, old: Bundle, new: Bundle) -> pl.DataFrame:
    """Return the rows that both models score, at most `PANEL`, chosen by a hash of the address.

    Parameters
    ----------
    frame
        A signals frame with the signals of both.
    """
    kept = frame
    for bundle in (old, new):
        needs = Requirements(bundle.facts.legs, bundle.facts.min_transfers)
        kept = kept.filter(with_history(kept, needs) == SCORED)
    lot = [
        hashlib.sha256(f"{chain}|{address}".encode()).hexdigest()
        for chain, address in kept.select("chain", "address").iter_rows()
    ]
    chosen = kept.with_columns(_lot=pl.Series(lot, dtype=pl.String)).sort("_lot", "as_of")
    return chosen.unique(["chain", "address"], keep="last", maintain_order=True).head(PANEL)


def changes(frame: pl.DataFrame, old: Bundle, new: Bundle, *, threads: int = 1) -> dict[str, Any]:
    """Compare two models.

    Parameters
    ----------
    frame
        A signals frame on the value basis and legs of both.
    old, new
        The champion, and the model that was trained after it.

    Returns
    -------
    dict
        ``old`` and ``new`` (SHA-256), ``training`` (what differs in how they were made), ``panel``
        (addresses), ``rank_correlation`` (Spearman's; null for fewer than two), ``mean_shift`` and
        ``mean_absolute_shift`` of log-odds, ``bands`` (old band to new band to addresses),
        ``families`` (mean signed and absolute part of the shift, largest first, with ``base`` for
        what no signal did) and ``moved`` (the addresses that moved most, with what moved them).
    """
    rows = panel(frame, old, new)
    before, after = (_parts(rows, bundle, threads) for bundle in (old, new))
    shift = after.log_odds - before.log_odds
    return {
        "old": old.sha256,
        "new": new.sha256,
        "training": _training(old, new),
        "panel": rows.height,
        "rank_correlation": _rank_correlation(before.log_odds, after.log_odds),
        "mean_shift": float(shift.mean()) if rows.height else None,
        "mean_absolute_shift": float(np.abs(shift).mean()) if rows.height else None,
        "bands": _bands(before, after),
        "families": _families(before, after),
        "moved": _moved(rows, new, before, after),
    }


class _Parts:
    """One model's scores on the panel, taken apart by signal; a signal it lacks adds nothing."""

    def __init__(self, bundle: Bundle, log_odds: np.ndarray, parts: np.ndarray, base: float):
        self.log_odds, self.base = log_odds, base
        self.by_signal = dict(zip(bundle.facts.signals, parts.T, strict=True))
        self.family = {signal.name: signal.family for signal in bundle.inputs}
        self.calibration = bundle.facts.calibration
        self.bands = bands(log_odds, bundle.facts.thresholds)

    def of(self, signal: str) -> np.ndarray:
        """Return what a signal added to each score."""
        return self.by_signal.get(signal, np.zeros(len(self.log_odds)))


def _parts(rows: pl.DataFrame, bundle: Bundle, threads: int) -> _Parts:
    inputs = matrix(rows, bundle.facts.signals)
    parts, base = contributions(bundle, inputs, threads=threads)
    return _Parts(bundle, bundle.log_odds(inputs, threads=threads), parts, base)


def _training(old: Bundle, new: Bundle) -> dict[str, Any]:
    """Say what differs in how the two were made: each thing as [old, new]."""
    told: dict[str, Any] = {}
    pairs: dict[str, tuple[Any, Any]] = {
        name: (old.facts.training.get(name), new.facts.training.get(name)) for name in _RECORDED
    }
    pairs["labels_until"] = old.facts.population.date, new.facts.population.date
    pairs["base_rate"] = old.facts.calibration.base_rate, new.facts.calibration.base_rate
    pairs["slope"] = old.facts.calibration.slope, new.facts.calibration.slope
    pairs["thresholds"] = dict(old.facts.thresholds), dict(new.facts.thresholds)
    for name, (one, other) in pairs.items():
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            keys = sorted(k for k in {*one, *other} if one.get(k) != other.get(k))
            if keys:
                told[name] = {k: [one.get(k), other.get(k)] for k in keys}
        elif one != other:
            told[name] = [one, other]
    gone = [s for s in old.facts.signals if s not in new.facts.signals]
    came = [s for s in new.facts.signals if s not in old.facts.signals]
    return told | {"signals_left_out": gone, "signals_taken_in": came}


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    if len(one) < 2:
        return None
    ranks = [pl.Series(values).rank().to_numpy() for values in (one, other)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _bands(before: _Parts, after: _Parts) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for old, new in zip(before.bands, after.bands, strict=True):
        row = table.setdefault(old or "no band", {})
        row[new or "no band"] = row.get(new or "no band", 0) + 1
    return {old: dict(sorted(row.items())) for old, row in sorted(table.items())}


def _families(before: _Parts, after: _Parts) -> dict[str, dict[str, float]]:
    if not len(after.log_odds):
        return {}
    family = before.family | after.family
    shift: dict[str, np.ndarray] = {}
    for signal, name in family.items():
        moved = after.of(signal) - before.of(signal)
        shift[name] = shift.get(name, np.zeros(len(moved))) + moved
    told = {
        name: {"shift": float(by.mean()), "absolute": float(np.abs(by).mean())}
        for name, by in shift.items()
    }
    base = after.base - before.base
    told["base"] = {"shift": base, "absolute": abs(base)}
    return dict(sorted(told.items(), key=lambda item: (-item[1]["absolute"], item[0])))


def _moved(rows: pl.DataFrame, new: Bundle, before: _Parts, after: _Parts) -> list[dict[str, Any]]:
    shift = after.log_odds - before.log_odds
    names = sorted({*before.by_signal, *after.by_signal})
    told = []
    for at in np.argsort(-np.abs(shift), kind="stable")[:MOST_MOVED]:
        by = {name: float(after.of(name)[at] - before.of(name)[at]) for name in names}
        most = sorted(by, key=lambda name: (-abs(by[name]), name))[:TOLD]
        chain, address = rows["chain"][int(at)], rows["address"][int(at)]
        told.append(
            {
                "case": pseudonym(new, chain, address),
                "chain": chain,
                "score": [
                    side.calibration.chance(float(side.log_odds[at])) for side in (before, after)
                ],
                "band": [before.bands[at], after.bands[at]],
                "shift": float(shift[at]),
                "by": {name: by[name] for name in most},
            }
        )
    return told
