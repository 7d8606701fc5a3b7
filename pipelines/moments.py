"""Moments as every file and page writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """Write a moment: ISO 8601, UTC, with a Z.

    >>> iso(datetime(2024, 3, 3, 9, 12, tzinfo=UTC))
    '2024-03-03T09:12:00Z'
    """
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
