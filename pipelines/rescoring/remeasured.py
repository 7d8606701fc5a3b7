"""Signals of a list, computed where something changed and taken over where nothing did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from data.schema import TIME
from features.catalogue import catalogue
from features.settling import refreshed
from features.signal import Family
from pipelines.engines import local
from pipelines.rescoring.kept import Kept
from pipelines.rescoring.marks import Marks
from pipelines.rescoring.moved import KEY, Moved, active_since, again, moved
from pipelines.resuming import Stage
from pipelines.to_score import ToScore


@dataclass(frozen=True)
class Remeasured:
    """The signals of a run.

    Attributes
    ----------
    signals
        One row per request, in the order requested.
    each
        The same, one row per address.
    measured
        Histories and signals of those that were computed in this run; of one at least.
    anew
        How many addresses had to be.
    moved
        Why; None without an earlier run.
    """

    signals: pl.DataFrame
    each: pl.DataFrame
    measured: local.Measured
    anew: int
    moved: Moved | None

    def place(self, rows: pl.DataFrame) -> list[int] | None:
        """Return where some addresses stand among the computed; None where one is missing."""
        keys = self.measured.histories.keys.select(KEY).with_row_index("_place")
        places = rows.select(KEY).join(keys, on=KEY, how="left", maintain_order="left")["_place"]
        return None if places.null_count() else places.to_list()


def measured_again(
    given: ToScore,
    now: Marks,
    earlier: Kept | None,
    why_not: Sequence[str],
    *,
    threads: int | None,
    kept: Stage | None = None,
) -> Remeasured:
    """Compute what must be, and take over the rest.

    Parameters
    ----------
    given
        What is scored, all as of one moment.
    now
        What this run knows.
    earlier
        The run to go on from; None: everybody is computed.
    why_not
        Why nothing of it can be taken over; empty where it can.
    threads
        Worker threads.
    kept
        Where what is computed is kept, in case the run is killed.
    """
    requests = given.asked.requests.select(KEY).unique(maintain_order=True)
    families = catalogue().families_of(given.bundle.facts.signals)
    found = None if earlier is None else _moved(given, families, now, earlier, why_not)
    if earlier is None or found is None or found.everybody:  # its columns may be others
        measured = measure(given, requests, families, threads, kept)
        return _whole(given, measured.signals, measured, requests.height, found)
    assert found.since is not None
    active = active_since(given.transfers, now.days, found.since, given.as_of)
    must = again(requests, found, active, earlier.signals)
    # Who was told before is told again, most likely, and for that its history is needed.
    alerted = [(one["chain"], one["address"]) for one in earlier.told["alerts"].values()]
    names = dict.fromkeys(KEY, pl.String)
    wanted = requests.filter(
        must | _among(requests, pl.DataFrame(alerted, schema=names, orient="row"))
    )
    if not wanted.height:
        wanted = requests.head(1)
    measured = measure(given, wanted, families, threads, kept)
    rest = _taken(requests.filter(~_among(requests, wanted)), families, given, earlier)
    rows = pl.concat([measured.signals, rest.select(measured.signals.columns)])
    each = requests.join(rows, on=KEY, how="left", maintain_order="left")
    return _whole(given, each.select(measured.signals.columns), measured, int(must.sum()), found)


def measure(
    given: ToScore,
    requests: pl.DataFrame,
    families: Sequence[Family],
    threads: int | None,
    kept: Stage | None = None,
) -> local.Measured:
    """Compute the signals of some addresses, as `score` does."""
    facts = given.bundle.facts
    return local.measure(
        given.transfers,
        requests,
        as_of=given.as_of,
        basis=facts.basis,
        legs=facts.legs,
        threads=threads,
        services=given.services,
        families=families,
        kept=kept,
    )


def _moved(
    given: ToScore,
    families: Sequence[Family],
    now: Marks,
    earlier: Kept,
    why_not: Sequence[str],
) -> Moved:
    if why_not:
        return Moved(everybody=tuple(why_not))
    return moved(
        given.transfers,
        families,
        now=now,
        then=earlier.marks,
        as_of=given.as_of,
        earlier=earlier.as_of,
    )


def _among(requests: pl.DataFrame, some: pl.DataFrame) -> pl.Series:
    marked = some.select(KEY).with_columns(_is=pl.lit(True))
    return requests.join(marked, on=KEY, how="left", maintain_order="left")["_is"].fill_null(False)


def _taken(
    requests: pl.DataFrame, families: Sequence[Family], given: ToScore, earlier: Kept
) -> pl.DataFrame:
    """Return the earlier rows of some addresses, brought to this run's moment."""
    rows = requests.join(earlier.signals, on=KEY, how="inner", maintain_order="left")
    at_once = rows.with_columns(as_of=pl.lit(given.as_of, dtype=TIME))
    return refreshed(at_once, families).select(earlier.signals.columns)


def _whole(
    given: ToScore,
    each: pl.DataFrame,
    measured: local.Measured,
    anew: int,
    moved: Moved | None,
) -> Remeasured:
    """Spread the addresses over the requests, of which one may be asked for twice."""
    asked = given.asked.requests.select(KEY)
    if asked.height == each.height:
        return Remeasured(each, each, measured, anew, moved)
    spread = asked.join(each, on=KEY, how="left", maintain_order="left")
    return Remeasured(spread.select(each.columns), each, measured, anew, moved)
