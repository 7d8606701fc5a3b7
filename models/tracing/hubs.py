"""Hubs: addresses that too many deal with to be traced through, and since when they are.

An alert is traced as of its own moment, a run's alerts as of many. So for each address the moment
is kept at which it met one counterparty more than a limit; it is a hub at any later moment.
"""

from __future__ import annotations

import numpy as np

from features.events import Events

_NEVER = np.iinfo(np.int64).max


class Hubs:
    """Says who is a hub at a moment; what that takes is found once for each limit.

    Parameters
    ----------
    events
        All transfers, up to the last moment that will be asked about.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._since: dict[int, np.ndarray] = {}

    def among(self, codes: np.ndarray, most: int, at_micros: int) -> np.ndarray:
        """Return those of some addresses that had met more than `most` others before a moment."""
        if most not in self._since:
            self._since[most] = hubs_since(self._events, most)
        return codes[self._since[most][codes] < at_micros]


def hubs_since(events: Events, most: int) -> np.ndarray:
    """Return when each address met its counterparty number `most` + 1, by code.

    Returns
    -------
    numpy.ndarray
        int64 microseconds; the greatest number where it never did.
    """
    nodes = events.addresses.height
    since = np.full(nodes, _NEVER)
    sides = ((events.sender, events.receiver), (events.receiver, events.sender))
    busy = np.bincount(np.concatenate([own for own, _ in sides]), minlength=nodes) > most
    pairs, times = [], []
    for own, other in sides:
        here = busy[own]
        pairs.append(own[here].astype(np.int64) * nodes + other[here])
        times.append(events.time[here])
    pair, time = np.concatenate(pairs), np.concatenate(times)
    order = np.lexsort((time, pair))
    pair, time = pair[order], time[order]
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    owner, met = pair[first] // nodes, time[first]
    order = np.lexsort((met, owner))
    owner, met = owner[order], met[order]
    own, start, count = np.unique(owner, return_index=True, return_counts=True)
    many = count > most
    since[own[many]] = met[start[many] + most]
    return since
