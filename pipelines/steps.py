"""The long steps of a job: how far each is, how fast, and what all of them took.

A step is followed while it runs, whoever looks: people see a bar (`pipelines.console`), machines a
log (`pipelines.json_log`), and the summary at the end tells where the time went.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

now = time.monotonic
"""The clock of all steps, in seconds."""


@dataclass
class Step:
    """One long step.

    Attributes
    ----------
    what : str
        As a person would say it: "Reading files".
    total : int or None
        Number of units; None when it is not known.
    done : int
        Units so far.
    seconds, cpu_seconds : float
        Wall and CPU time so far (all threads); what they took, once it has ended.

    Examples
    --------
    >>> step = Step("Scoring", total=10)
    >>> step.advance(4)
    >>> step.seconds = 2.0
    >>> step.rate, step.seconds_left
    (2.0, 3.0)
    """

    what: str
    total: int | None = None
    done: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    _began: tuple[float, float] = field(default_factory=lambda: (now(), time.process_time()))

    def advance(self, units: int) -> None:
        """Count further units, and look at the clock."""
        self.done += units
        self.look()

    def look(self) -> None:
        """Bring the times up to now."""
        self.seconds = now() - self._began[0]
        self.cpu_seconds = time.process_time() - self._began[1]

    @property
    def rate(self) -> float | None:
        """Units a second so far; None before there is any."""
        return self.done / self.seconds if self.done and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; None where that cannot be said."""
        if self.rate is None or self.total is None:
            return None
        return max(0, self.total - self.done) / self.rate


def peak_memory_bytes() -> int | None:
    """Return the most memory this process ever held, in bytes; None where it is not told."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def spent(steps: list[Step], least: float = 0.05) -> str:
    """Say where the time went, steps of one name together; empty where nothing took any.

    >>> spent([Step("Reading", seconds=61.0), Step("Scoring", seconds=0.4), Step("Reading")])
    'reading 1:01, scoring 0.4 s'
    """
    took: dict[str, float] = {}
    for step in steps:
        took[step.what] = took.get(step.what, 0.0) + step.seconds
    return ", ".join(
        f"{what[:1].lower()}{what[1:]} {duration(seconds)}"
        for what, seconds in took.items()
        if seconds >= least
    )


def duration(seconds: float) -> str:
    """Write a duration as people read it.

    >>> duration(0.42), duration(9.96), duration(75), duration(3725)
    ('0.4 s', '10 s', '1:15', '1:02:05')
    """
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
