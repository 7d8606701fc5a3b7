"""Snoozes: alerts that a person has put off, until when, why, and who.

A small CSV that people keep: a column `until` (a date, or a moment), `reason` and `by`, and either
`alert_id` or `address`, with `chain` where the address is to be put off on one chain alone. A date
is that day's midnight UTC: the first run as of it or later shows the alert again. To prolong a
snooze, add a row: the last one of an alert counts.

A row that cannot be used hides nothing. It is named, and the job ends with exit code 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from data.addresses import canonical_address, guess_chains
from data.moments import read_moment
from data.small_tables import data_lines, read_small_table, read_text, refuse_unknown_columns
from pipelines.alerting.alerts import alert_id

COLUMNS = ("alert_id", "chain", "address", "until", "reason", "by")
REQUIRED = ("until", "reason", "by")
_WHAT = "a table of snoozes (CSV: alert_id or address, until, reason, by)"
_LONGEST = 500


@dataclass(frozen=True)
class Snooze:
    """An alert that was put off.

    Attributes
    ----------
    alert_id
        Of the alert.
    until
        It is shown again from this moment on.
    reason, by
        Why, and who says so. Text from outside.
    line
        Where it stands.
    """

    alert_id: str
    until: datetime
    reason: str
    by: str
    line: int

    @property
    def what(self) -> list[str]:
        """What makes it the same snooze in another run."""
        return [self.until.isoformat(), self.reason, self.by]


@dataclass(frozen=True)
class Snoozes:
    """What a file of snoozes holds.

    Attributes
    ----------
    by_alert
        By alert id, the last row of each.
    faults
        One sentence for each row that cannot be used.
    """

    by_alert: Mapping[str, Snooze]
    faults: tuple[str, ...] = ()


def read_snoozes(path: Path | None) -> Snoozes:
    """Read a file of snoozes; without one there are none.

    Raises
    ------
    Refused
        It is no such table.
    """
    if path is None:
        return Snoozes({})
    if path.suffix.lower() == ".csv" and len(data_lines(read_text(path, _WHAT))) == 1:
        return Snoozes({})  # a header: everything that was put off is over
    table = read_small_table(path, _WHAT)
    refuse_unknown_columns(path, table.columns, COLUMNS, REQUIRED)
    found: dict[str, Snooze] = {}
    faults = []
    for row in table.iter_rows(named=True):
        try:
            for snooze in _of(row):
                found[snooze.alert_id] = snooze
        except ValueError as error:
            faults.append(f"line {row['line']}: {error}")
    return Snoozes(found, tuple(faults))


def _of(row: Mapping[str, Any]) -> Iterator[Snooze]:
    """Return what one row puts off: one alert, or an address on every chain it may be on."""
    empty = [name for name in REQUIRED if not row[name]]
    if empty:
        raise ValueError(f"it has no {empty[0]}")
    if long := [name for name in ("reason", "by") if len(row[name]) > _LONGEST]:
        raise ValueError(f"its {long[0]} has more than {_LONGEST} characters")
    until = read_moment(row["until"])
    for one in _alerts(row):
        yield Snooze(one, until, row["reason"], row["by"], row["line"])


def _alerts(row: Mapping[str, Any]) -> list[str]:
    named, address, chain = (row.get(name) or "" for name in ("alert_id", "address", "chain"))
    if not address:
        if not named:
            raise ValueError("it names neither an alert_id nor an address")
        if not named.startswith("alert-"):
            raise ValueError(f"{named[:40]!r} is no alert id, such as alert-336313c579798059")
        return [named]
    chains = (chain,) if chain else guess_chains(address)
    if not chains:
        raise ValueError(f"{address[:80]!r} is no address of a known form; its chain is needed")
    found = [alert_id(one, canonical_address(one, address)) for one in chains]
    if named and named not in found:
        raise ValueError("its alert_id is not that of its address")
    return [named] if named else found
