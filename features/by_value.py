"""Shares and means by value, as evidence: for signals that weigh transfers by what they moved."""

from __future__ import annotations

import numpy as np

from features.evidence import Evidence, evidence
from features.history import History
from features.neighbours import WHOLE


def share_by_value(history: History, part: np.ndarray, rows: np.ndarray) -> Evidence | None:
    """Return the share of the value of `rows` that `part` of them moved; None of no rows."""
    if not len(rows):
        return None
    some, whole = int(history.value[part].sum()), int(history.value[rows].sum())
    return evidence(
        some / whole, rows, history.largest_first(part), numerator=some, denominator=whole
    )


def mean_by_value(history: History, rows: np.ndarray, field: np.ndarray) -> Evidence | None:
    """Return the mean by value of a share of neighbours (parts of `WHOLE`); None of no rows."""
    if not len(rows):
        return None
    whole = int(history.value[rows].sum())
    parts = [int(history.value[row]) * int(field[row]) for row in rows]
    order = np.argsort([-part for part in parts], kind="stable")
    telling = rows[order[: sum(part > 0 for part in parts)]]
    mean = sum(parts) / (whole * WHOLE)
    return evidence(mean, rows, telling, numerator=sum(parts), denominator=whole * WHOLE)
