"""How many generated cases a test draws: some on every run, many in the nightly job."""

from __future__ import annotations

import os
from collections.abc import Sequence

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


def cases(many: int) -> int:
    """Return how many cases to draw where a thorough run draws `many`: half, or ten times that."""
    return 10 * many if NIGHTLY else many // 2


def some(texts: Sequence[str]) -> Sequence[str]:
    """Return all texts in the nightly job, and every eleventh on every run.

    >>> len(some("abcdefghijklmnopqrstuvw")) in (3, 23)
    True
    """
    return texts if NIGHTLY else texts[::11]
