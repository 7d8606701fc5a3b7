"""A change in words: one or two sentences for people who must answer for a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

BASE = "(base)"
"""What no signal did: the log-odds before any is known."""

OTHERS = "(others)"
"""The signals that are not named, summed."""

CAUSES_SAID = {
    "funds": "funds moved",
    "labels": "labels or services changed",
    "model": "the model changed",
    "thresholds": "base rate or thresholds changed",
}

_NAMED = {
    "funds": "the funds",
    "labels": "labels or services",
    "model": "the model",
    "thresholds": "base rate or thresholds",
}

LEAST_SAID = math.log(1.005)
"""Smaller parts would be said as a factor of 1.00."""

_NO_SCORE = "no score"


def said(row: Mapping[str, Any], causes: Sequence[str]) -> str:
    """Say what became of one address, and what did it.

    Parameters
    ----------
    row
        A row of the table of changes.
    causes
        Those that differ between the runs.

    Examples
    --------
    >>> row = {"recorded": "both", "status_old": "scored", "status_new": "scored",
    ...     "score_old": 0.12, "score_new": 0.41, "log_odds_change": math.log(5.1),
    ...     "band_old": "medium", "band_new": "medium", "orders": 2, "outcome_changed": False,
    ...     "log_odds_funds": math.log(4.25), "log_odds_model": math.log(1.2), "signals": [],
    ...     "n_transfers_old": 7, "n_transfers_new": 9}
    >>> said(row, ("funds", "model"))  # doctest: +NORMALIZE_WHITESPACE
    'Rose from 12 % to 41 % (odds × 5.1): funds moved × 4.2 (own transfers 7 → 9), the model
    changed × 1.2.'
    """
    sentences = [_number(row, causes)]
    if row["outcome_changed"]:
        sentences.append(_outcome(row))
    if row["recorded"] != "both":
        absent = "old" if row["recorded"] == "new" else "new"
        sentences.append(
            f"It stands in the {row['recorded']} run alone; of the {absent} one this is what it "
            "would have said."
        )
    return " ".join(sentence for sentence in sentences if sentence)


def _number(row: Mapping[str, Any], causes: Sequence[str]) -> str:
    old, new = row["score_old"], row["score_new"]
    if old is None and new is None:
        both = row["status_old"] == row["status_new"]
        return f"No score in either run ({row['status_old']})." if both else ""
    if old is None or new is None:
        return ""
    change = row["log_odds_change"]
    if change == 0 and not any(row[f"log_odds_{cause}"] for cause in causes):
        return f"Unchanged at {percent(old)}."
    shown = apart(old, new)
    begun = (
        f"{'Rose' if change > 0 else 'Fell'} from {shown[0]} to {shown[1]} (odds × "
        f"{factor(change)})"
        if change
        else f"Stayed at {shown[0]}, on balance"
    )
    if not row["orders"]:
        return (
            f"{begun}; this cannot be shared out, because on every way from the one run to the "
            "other there is a combination without a score."
        )
    parts = sorted(
        ((row[f"log_odds_{cause}"], cause) for cause in causes), key=lambda part: -abs(part[0])
    )
    told = [
        f"{CAUSES_SAID[cause]} × {factor(part)}{_details(row, cause)}"
        for part, cause in parts
        if abs(part) >= LEAST_SAID
    ]
    return f"{begun}: {', '.join(told)}." if told else f"{begun}."


def _details(row: Mapping[str, Any], cause: str) -> str:
    """Name the signal that moved most under a cause, and for funds how many were its own."""
    told = []
    if cause == "funds":
        old, new = row["n_transfers_old"], row["n_transfers_new"]
        told.append(f"own transfers {old:,} → {new:,}" if old != new else "as many own transfers")
    for one in row["signals"] or ():
        if one["cause"] != cause or one["signal"] in (BASE, OTHERS):
            continue
        if abs(one["log_odds"]) >= LEAST_SAID:
            told.append(f"most: {one['signal']} × {factor(one['log_odds'])}")
        break
    return f" ({'; '.join(told)})" if told else ""


def _outcome(row: Mapping[str, Any]) -> str:
    old, new = (_standing(row, side) for side in ("old", "new"))
    alone = [c for c in (row["outcome_alone"] or "").split(";") if c]
    needed = [c for c in (row["outcome_needed"] or "").split(";") if c]
    went = f"It went from {old} to {new}"
    if alone == needed and len(alone) == 1:
        return f"{went} because {CAUSES_SAID[alone[0]]}, and for no other reason."
    enough = (
        f"{' or '.join(_NAMED[c] for c in alone)} alone would have been enough"
        if alone
        else "no one change alone would have been enough"
    )
    without = (
        f"{', or '.join(f'without {_NAMED[c]}' for c in needed)}, it would not"
        if needed
        else "no one change was needed for it"
    )
    return f"{went}: {enough}; {without}."


def _standing(row: Mapping[str, Any], side: str) -> str:
    """Say how an address stood: its band, or why it has no score."""
    if row[f"score_{side}"] is None:
        return f"{_NO_SCORE} ({row[f'status_{side}']})"
    band = row[f"band_{side}"] or "no band"
    if row["score_old"] is None or row["score_new"] is None:
        return f"{band} ({percent(row[f'score_{side}'])})"
    return str(band)


def percent(share: float, digits: int = 2) -> str:
    """Write a probability.

    >>> percent(0.12), percent(0.004567), percent(0.99987)
    ('12 %', '0.46 %', '99.987 %')
    """
    rest = min(share, 1 - share)
    places = max(0, digits - 1 - math.floor(math.log10(100 * rest))) if rest > 0 else 0
    return f"{100 * share:.{places}f} %"


def apart(one: float, other: float) -> tuple[str, str]:
    """Write two probabilities with as many digits as it takes to tell them apart.

    >>> apart(0.12, 0.41), apart(0.1231, 0.1233)
    (('12 %', '41 %'), ('12.31 %', '12.33 %'))
    """
    for digits in range(2, 9):
        shown = percent(one, digits), percent(other, digits)
        if shown[0] != shown[1]:
            return shown
    return percent(one), percent(other)


def factor(log_odds: float) -> str:
    """Write what odds were multiplied by.

    >>> factor(math.log(3.14159)), factor(math.log(0.0123)), factor(math.log(1234))
    ('3.1', '0.012', '1234')
    """
    value = math.exp(log_odds)
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 0.995 else _above(value)


def _above(value: float) -> str:
    return f"{value:.1f}" if value >= 1.05 else f"{value:.2f}"
