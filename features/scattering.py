"""Receivers that are new, and gathering before scattering, as definitions see them.

The kernel of `features.fan_out` does the same in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.by_value import share_by_value
from features.counterparties import first_of_each
from features.evidence import Evidence, evidence
from features.history import History


def most_new_receivers(history: History, width: int) -> Evidence:
    """Return the inflow, the first payments after it, and the payments before it that show none."""
    positions = np.flatnonzero(history.two_sided)
    history = history.take(positions)
    outflows = history.outflows
    _, index = np.unique(history.counterparty[outflows], return_index=True)
    firsts = np.sort(outflows[index])
    best, counted = -1, firsts[:0]
    for inflow in history.inflows:
        later = firsts[firsts.searchsorted(inflow) :]
        within = later[history.time[later] < history.time[inflow] + width]
        if len(within) > len(counted):
            best, counted = int(inflow), within
    shown = positions[np.append(counted, best)] if len(counted) else counted
    before = positions[outflows[outflows < best]]
    return evidence(len(counted), np.concatenate([before, shown]), shown)


def share_to_unseen(history: History) -> Evidence | None:
    """Return the share, by value, of the payments after the first inflow to unseen addresses.

    What is earlier is as the history has it, within one moment too: of two payments at once to an
    unseen address, the second goes to one that has been seen.
    """
    part, positions = history.two_sided_part()
    first_inflow = min(part.inflows, default=len(part))
    after = part.outflows[part.outflows > first_inflow]
    unseen = after[np.isin(after, first_of_each(part, np.arange(len(part))))]
    return share_by_value(history, positions[unseen], positions[after])


def gathered_and_scattered(history: History, width: int) -> Evidence:
    """Return as many senders as receivers around the first inflow with the most of both."""
    positions = np.flatnonzero(history.two_sided)
    history = history.take(positions)
    best: Sequence[int] = ()
    for pivot in history.inflows:
        moment = history.time[pivot]
        start = history.time.searchsorted(moment - width, side="right")
        end = history.time.searchsorted(moment + width, side="left")
        before = np.arange(pivot, start - 1, -1)
        before = before[history.incoming[before]]
        after = np.arange(pivot + 1, end)
        after = after[~history.incoming[after]]
        if min(len(before), len(after)) <= len(best) // 2:
            continue
        gathered, scattered = first_of_each(history, before), first_of_each(history, after)
        both = min(len(gathered), len(scattered))
        if both > len(best) // 2:
            best = [*gathered[:both], *scattered[:both]]
    return evidence(len(best) // 2, positions[np.asarray(best, dtype=np.int64)])
