"""The days of a store: what each holds, by hash, and the rows of some without reading the others.

A store keeps one hash of each day of each chain (`data.content`). Two tables of them say on which
days two states of a store differ. The rows stand in order of chain and time; so how many rows each
day has says where they begin, and nothing else must be read to find them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import polars as pl

from data.content import DAYS, content_sha256
from data.runs import Run, scan_runs, stretch_of
from data.transfers import Transfers


def days_of(transfers: Transfers) -> pl.DataFrame | None:
    """Return the days of transfers (`data.content.DAYS`).

    None where nothing vouches for any: for files that are no store, and for stores that were
    simulated and never added to.
    """
    if transfers.daily is None:
        return None
    days = pl.read_parquet(transfers.daily).select(pl.col(c).cast(t) for c, t in DAYS.items())
    return days if content_sha256(days) == transfers.sha256 else None


def changed_days(now: pl.DataFrame, then: pl.DataFrame) -> list[date]:
    """Return the days, of whatever chain, that two tables of days say different things of.

    >>> rows = [("tron", date(2024, 5, 1), 2, "a"), ("tron", date(2024, 5, 2), 1, "b")]
    >>> then = pl.DataFrame(rows, schema=DAYS, orient="row")
    >>> changed_days(then[:1], then)
    [datetime.date(2024, 5, 2)]
    """
    both = [one.join(other, on=list(DAYS), how="anti") for one, other in ((now, then), (then, now))]
    found: list[date] = pl.concat(both)["day"].unique().sort().to_list()
    return found


def days_since(days: pl.DataFrame, moment: datetime) -> list[date]:
    """Return the days from that of a moment on."""
    found: list[date] = days.filter(pl.col("day") >= moment.date())["day"].unique().to_list()
    return sorted(found)


def beginning(day: date) -> datetime:
    """Return the first moment of a day.

    >>> beginning(date(2024, 5, 1)).isoformat()
    '2024-05-01T00:00:00+00:00'
    """
    return datetime.combine(day, time(), UTC)


def rows_of(transfers: Transfers, days: pl.DataFrame, wanted: list[date]) -> pl.LazyFrame:
    """Scan the canonical columns of all transfers of some days, without the others' bytes.

    Parameters
    ----------
    days
        As `days_of` returns them.
    wanted
        Which of them.
    """
    ends = pl.col("rows").cum_sum()
    places = days.sort("chain", "day").select("day", start=ends - pl.col("rows"), end=ends)
    here = places.filter(pl.col("day").is_in(wanted)).select("start", "end")
    runs = transfers.runs or (Run(transfers.files[0].parent, 0, int(days["rows"].sum())),)
    parts = [run for range in _joined(here.iter_rows()) for run in stretch_of(runs, *range)]
    return scan_runs(parts or [runs[0].part(0, 0)], coded=False)


def _joined(ranges: Iterator[tuple[int, ...]]) -> list[tuple[int, int]]:
    """Join ranges that meet."""
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
