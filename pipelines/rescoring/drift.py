"""Drift, for a nightly run: measured every few days, shown every night.

Comparing the list with itself weeks ago costs half a run, and what drifts does so over weeks. So a
report (`pipelines.monitor`) is made when there is none, when it is older than so many days, and
when the model or the program is another one; until then the earlier run's is shown with its date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from data.errors import Refused
from data.moments import read_moment
from pipelines.monitor import drift_report
from pipelines.pages.monitor import headline
from pipelines.rescoring.kept import Kept
from pipelines.score import Scored
from pipelines.windows import windows

EVERY = 7
"""Days after which drift is measured anew."""


@dataclass(frozen=True)
class Drift:
    """What is known of drift.

    Attributes
    ----------
    report
        The content of `monitor.json`; None where there is none.
    why_not
        Why there is none.
    """

    report: Mapping[str, Any] | None
    why_not: str | None = None

    def told(self) -> dict[str, Any]:
        """Return it in short."""
        if self.report is None:
            return {
                "measured_as_of": None, "alarm": None, "headline": None, "alarms": [],
                "reference": None, "detectable_sd": None, "why_not": self.why_not,
            }  # fmt: skip
        return {
            "measured_as_of": self.report["windows"]["current"]["latest"],
            "alarm": self.report["alarm"],
            "headline": headline(self.report),
            "alarms": list(self.report["alarms"]),
            "reference": self.report["windows"]["chosen"],
            "detectable_sd": self.report["design"]["detectable"],
            "why_not": None,
        }


def drift(
    run: Scored, earlier: Kept | None, *, every: int, same: bool, threads: int | None
) -> Drift:
    """Measure drift, or take the earlier run's word while it is fresh.

    Parameters
    ----------
    run
        The scored list.
    earlier
        The earlier run.
    every
        Days after which it is measured anew; 0: it is not measured.
    same
        Whether the earlier run had the same model and program.
    threads
        Worker threads.
    """
    if every == 0:
        return Drift(None, "It was not asked for (--drift-every 0).")
    report = earlier.drift if earlier is not None and same else None
    if report is not None:
        measured = read_moment(report["windows"]["current"]["latest"])
        if run.as_of - measured < timedelta(days=every):
            return Drift(report)
    try:
        return Drift(drift_report(run, windows(run, threads=threads)))
    except Refused as refused:
        return Drift(None, refused.message[:1].upper() + refused.message[1:])
