"""When things happen: an account's window, its sittings, its working hours.

Times are seconds since the first moment of the world (float64). Every account draws its window and
its hours from the same priors, whatever its role, so that neither the era, the length of a history
nor the hour of day can tell a launderer from a shopkeeper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.simulation.parameters import PRIORS
from data.simulation.prior import DAY, HOUR

LONGEST_SHARE = 0.85
"""A window covers at most this share of the world's time."""


@dataclass(frozen=True)
class Clock:
    """An account's window and habits.

    Parameters
    ----------
    start, end
        Window in seconds of world time.
    opens, open_for
        Working hours: start (seconds into the UTC day) and length in seconds; a length of a day
        or more means round the clock.
    weekend, rest_day
        Relative activity on the two rest days, and the first of them (0 to 6).
    """

    start: float
    end: float
    opens: float
    open_for: float
    weekend: float
    rest_day: int

    @property
    def length(self) -> float:
        """Length of the window in seconds."""
        return self.end - self.start


def draw_clock(rng: np.random.Generator, days: float, opens: float, start: float) -> Clock:
    """Draw a window and habits.

    Parameters
    ----------
    rng
        The unit's generator.
    days
        Length of the world in days.
    opens, start
        Shares in [0, 1): where the working day begins, and where among all possible places in the
        world's time the window lies.
    """
    length = _length(rng, days)
    begin = start * (days * DAY - length)
    return Clock(
        begin,
        begin + length,
        PRIORS["opens"].at(opens) * HOUR,
        PRIORS["open_for"].one(rng) * HOUR,
        PRIORS["weekend"].one(rng),
        int(PRIORS["rest_day"].one(rng)),
    )


def clock_near(rng: np.random.Generator, days: float, near: Clock) -> Clock:
    """Draw another window that overlaps with `near`, with the same habits.

    Where windows would begin before the world does, they are spread and not piled up: the world's
    first days would be full of cases otherwise.
    """
    length = _length(rng, days)
    latest = days * DAY - length
    low, high = near.start - 0.5 * length, near.end - 0.5 * length
    low, high = max(low, 0.0), min(high, latest)
    if high <= low:  # longer than near, at an edge of the world
        low, high = min(max(near.start - 0.9 * length, 0.0), latest), min(near.end, latest)
    begin = float(rng.uniform(low, max(low, high)))
    return replace(near, start=begin, end=begin + length)


def _length(rng: np.random.Generator, days: float) -> float:
    return min(PRIORS["lifetime"].one(rng), LONGEST_SHARE * days) * DAY


def sittings(rng: np.random.Generator, clock: Clock, events: int) -> np.ndarray:
    """Return the times of `events` events in the clock's window, in order.

    Events come in sittings: a few days of the window on which the account is used, the first at
    its start and the last at its end.
    """
    if events == 0:
        return np.empty(0)
    days = PRIORS["active_share"].one(rng) * events**0.5 * (clock.length / DAY) ** 0.25
    count = int(np.clip(round(days), 1, events))
    starts = rng.random(count)
    if count > 1:
        starts[0], starts[1] = 0.0, 1.0
    which = np.concatenate([np.arange(count), rng.integers(0, count, events - count)])
    spread = PRIORS["session_spread"].one(rng) * HOUR
    times = clock.start + starts[which] * (clock.length - HOUR) + rng.exponential(spread, events)
    return np.sort(opened(rng, clock, times))


def filling(times: np.ndarray, clock: Clock) -> np.ndarray:
    """Stretch times, in order, so that the first is at the window's start and the last at its end.

    How long an account lives is drawn for all roles alike; whoever pays it must not shorten that.
    """
    span = float(times[-1] - times[0])
    if span <= 0:
        return times
    return clock.start + (times - times[0]) * (clock.length / span)


def opened(rng: np.random.Generator, clock: Clock, times: np.ndarray) -> np.ndarray:
    """Move times that fall outside working hours or on a quiet rest day to the next opening."""
    times = np.asarray(times, dtype=np.float64).copy()
    resting = (((times // DAY).astype(np.int64) - clock.rest_day) % 7) < 2
    quiet = resting & (rng.random(len(times)) > clock.weekend)
    times[quiet] += 2 * DAY
    if clock.open_for < DAY:
        since_opening = (times - clock.opens) % DAY
        closed = since_opening > clock.open_for
        wait = DAY - since_opening + rng.exponential(0.5 * HOUR, len(times))
        times[closed] += wait[closed]
    return times
