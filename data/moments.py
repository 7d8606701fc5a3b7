"""Reading a moment that a person or an export wrote: ISO 8601 or unix seconds, always UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from data.schema import EARLIEST

_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_UNIX_SECONDS = r"[0-9]{9,10}(\.0+)?"


def read_moment(text: str) -> datetime:
    """Return the moment that a text names, in UTC.

    Parameters
    ----------
    text
        An ISO 8601 date (midnight UTC) or date and time (UTC where no offset is given), or unix
        seconds.

    Raises
    ------
    ValueError
        Neither of them, or outside 2009 (the first block) to 2100: most likely another unit.

    Examples
    --------
    >>> read_moment("2024-05-01").isoformat()
    '2024-05-01T00:00:00+00:00'
    >>> read_moment("2024-05-01T02:00:00+02:00") == read_moment("1714521600")
    True
    >>> read_moment("1714521600000")
    Traceback (most recent call last):
        ...
    ValueError: '1714521600000' is neither an ISO 8601 moment nor unix seconds
    """
    text = text.strip()
    if re.fullmatch(_UNIX_SECONDS, text):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(text.split(".")[0]))
    else:
        moment = _iso(text)
    if not EARLIEST <= moment < _LATEST:
        raise ValueError(f"{text!r} lies outside the years 2009 to 2099")
    return moment


def _iso(text: str) -> datetime:
    message = f"{text!r} is neither an ISO 8601 moment nor unix seconds"
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(message)
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        raise ValueError(message) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
