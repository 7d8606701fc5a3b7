"""The log of the openings of test parts: who looks twice at an exam has begun to learn it.

A part is logged when it is opened, before anybody has seen a figure; the figures follow.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from data.errors import Refused

LOG = Path(__file__).with_name("test_openings.md")


def log_opening(why: str | None) -> None:
    """Append the heading of an opening: the day, the commit and the reason.

    Raises
    ------
    Refused
        There is no reason.
    """
    if not (why or "").strip():
        raise Refused(
            "the test part is opened for a reason only, and the reason is logged.",
            hint='Say it with --open-test "why", or look at the calibration part.',
        )
    known = LOG.read_text(encoding="utf-8") if LOG.exists() else "# Openings of the test part\n"
    day = datetime.now(UTC).date().isoformat()
    LOG.write_text(f"{known}\n## {day}, after commit {_commit()}: {why}\n", encoding="utf-8")


def log_figures(found: str) -> None:
    """Append what the opening showed."""
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n{found}")


def _commit() -> str:
    here = Path(__file__).parent
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
    except OSError:
        return "unknown"
    return asked.stdout.strip() or "unknown"
