"""A happening: transfers of one history that belong together and are worth telling with a date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.history import MICROSECONDS, History


@dataclass(frozen=True)
class Happening:
    """Transfers that belong together.

    Attributes
    ----------
    kind
        One of `models.happenings.FINDERS`.
    rows
        Positions in the history, ascending: all of its transfers.
    chief
        Those of them that the sentence counts: the payments out, or in.
    value
        Of the chief ones, in the basis.
    parties
        Different counterparties of the chief ones.
    """

    kind: str
    rows: np.ndarray
    chief: np.ndarray
    value: float
    parties: int


def happening(history: History, kind: str, rows: object, chief: object) -> Happening:
    """Make a happening of positions in a history."""
    told = np.asarray(chief, dtype=np.int64)
    return Happening(
        kind,
        np.asarray(rows, dtype=np.int64),
        told,
        sum(history.value[told].tolist()) / history.scale,
        len(np.unique(history.counterparty[told])),
    )


def by_party(history: History, rows: np.ndarray) -> list[np.ndarray]:
    """Split positions by counterparty, each in time order.

    The counterparties come in the order of their codes.
    """
    if not len(rows):
        return []
    own = rows[np.argsort(history.counterparty[rows], kind="stable")]
    return np.split(own, np.flatnonzero(np.diff(history.counterparty[own])) + 1)


def worth_of(history: History, rows: np.ndarray) -> int:
    """Return the summed value of some transfers, in the history's fixed-point unit."""
    return sum(history.value[rows].tolist())


def seconds_between(history: History, first: int, last: int) -> float:
    """Return the seconds from one transfer of a history to another."""
    return float(history.time[last] - history.time[first]) / MICROSECONDS
