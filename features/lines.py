"""Lines: what passed between an address and one counterparty in one coin, moment by moment.

A coin is its contracts on all chains together (`asset_group`). Transfers of one line at one moment
count as one of their sum: nobody waits for the outcome of a payment that stands in the same block,
and the order within a moment plays no part.

A **returning sender** paid in one coin at two moments or more; if in several coins, the one it used
most often stands for it, of those used equally often the one seen first. Compiled functions serve
kernels; the plain ones below them serve definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from features.compilation import kernel
from features.history import History


class Lines(NamedTuple):
    """Payments laid side by side by line (one counterparty, one coin), in order of time.

    Line ``p`` is ``begin[p]:end[p]`` of `moment` and `amount`.
    """

    begin: np.ndarray
    end: np.ndarray
    moment: np.ndarray
    amount: np.ndarray


@kernel
def lay(
    time: np.ndarray,
    value: np.ndarray,
    line: np.ndarray,
    wanted: np.ndarray,
    lines: int,
    laid: Lines,
) -> None:  # pragma: no cover (compiled)
    """Lay some transfers by line, those of one moment added up."""
    laid.end[:lines] = 0
    for j in range(len(time)):
        laid.end[line[j]] += wanted[j]
    start = 0
    for p in range(lines):
        laid.begin[p] = start
        start += laid.end[p]
        laid.end[p] = laid.begin[p]
    for j in range(len(time)):
        if not wanted[j]:
            continue
        p = line[j]
        at = laid.end[p]
        if at > laid.begin[p] and laid.moment[at - 1] == time[j]:
            laid.amount[at - 1] += value[j]
        else:
            laid.moment[at], laid.amount[at] = time[j], value[j]
            laid.end[p] += 1


@kernel
def choose_usual(
    party: np.ndarray,
    line: np.ndarray,
    value: np.ndarray,
    wanted: np.ndarray,
    laid: Lines,
    usual: np.ndarray,
    total: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Find each sender's line of most payments (the first seen of several; -1: it sent nothing).

    Adds up what it sent in all coins, too.
    """
    usual[:] = -1
    total[: len(usual)] = 0
    for j in range(len(party)):
        if not wanted[j]:
            continue
        c, p = party[j], line[j]
        total[c] += value[j]
        best = usual[c]
        if best < 0 or laid.end[p] - laid.begin[p] > laid.end[best] - laid.begin[best]:
            usual[c] = p


@dataclass(frozen=True)
class Ladder:
    """A returning sender's payments in its usual coin: their transfers, moments and amounts."""

    sender: int
    rows: list[int]
    moments: list[int]
    amounts: list[int]


def returning_senders(history: History) -> list[Ladder]:
    """Return the returning senders, in the order of their first receipts."""
    usual: dict[int, Ladder] = {}
    for (sender, _), rows in by_line(history, history.inflows).items():
        payments = by_moment(history, rows)
        if sender not in usual or len(payments) > len(usual[sender].amounts):
            usual[sender] = Ladder(sender, rows, list(payments), list(payments.values()))
    return [ladder for ladder in usual.values() if len(ladder.amounts) > 1]


def by_line(history: History, rows: np.ndarray) -> dict[tuple[int, int], list[int]]:
    """Return some transfers by counterparty and coin, in the order of their first appearance."""
    lines: dict[tuple[int, int], list[int]] = {}
    for row in rows.tolist():
        line = int(history.counterparty[row]), int(history.asset_group[history.asset[row]])
        lines.setdefault(line, []).append(row)
    return lines


def by_moment(history: History, rows: Sequence[int]) -> dict[int, int]:
    """Return what some transfers moved at each of their moments."""
    amounts: dict[int, int] = {}
    for row in rows:
        moment = int(history.time[row])
        amounts[moment] = amounts.get(moment, 0) + int(history.value[row])
    return amounts
