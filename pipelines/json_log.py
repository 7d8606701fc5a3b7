"""The log for machines, in place of bars and summary: `unrinse --log-json`.

One JSON object a line, on stderr, each with ``at`` (UTC) and ``event``:

| event | what else it holds |
|---|---|
| ``step_started`` | ``step``, ``total`` |
| ``step_progress`` | ``step``, ``done``, ``total``, ``seconds``, ``rate`` (units a second), ``seconds_left`` |
| ``step_ended``, ``step_failed`` | the same, ``cpu_seconds``, ``peak_memory_bytes`` |
| ``done`` | ``title``, ``result``: what stdout has |
| ``refused``, ``bug`` | ``message`` |
| ``stopped`` | ``notes``: how to go on |

What is not known is null. Progress is told at most every `EVERY` seconds.
"""  # noqa: E501 - a row of a table is a line

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import IO, Any

from pipelines import steps
from pipelines.steps import Step, peak_memory_bytes

EVERY = 5.0


class JsonLog:
    """Writes events to a stream."""

    def __init__(self, stream: IO[str], *, every: float = EVERY) -> None:
        self._stream, self._every = stream, every
        self._told: dict[int, float] = {}

    def event(self, event: str, **facts: Any) -> None:
        """Write one line, at once."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
        self._stream.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        self._stream.flush()

    def started(self, step: Step) -> None:
        """Say that a step begins."""
        self._told[id(step)] = steps.now()
        self.event("step_started", step=step.what, total=step.total)

    def advanced(self, step: Step) -> None:
        """Say how far a step is, unless that was said just now."""
        if (now := steps.now()) - self._told[id(step)] >= self._every:
            self._told[id(step)] = now
            self.event("step_progress", **_so_far(step))

    def ended(self, step: Step, *, failed: bool) -> None:
        """Say that a step has ended, and what it took."""
        del self._told[id(step)]
        self.event(
            "step_failed" if failed else "step_ended",
            **_so_far(step),
            cpu_seconds=round(step.cpu_seconds, 3),
            peak_memory_bytes=peak_memory_bytes(),
        )


def _so_far(step: Step) -> dict[str, Any]:
    return {
        "step": step.what,
        "done": step.done,
        "total": step.total,
        "seconds": round(step.seconds, 3),
        "rate": None if step.rate is None else round(step.rate, 3),
        "seconds_left": None if step.seconds_left is None else round(step.seconds_left, 1),
    }
