"""What has changed between two runs, and since when: who must be computed again.

Everything that can change the signals of an address without a transfer of its own happens at some
moment of the transfers, and changes nothing that lies before it (`features.settling`):

* transfers that came, went or read otherwise change what follows the first of them;
* an address whose export came to show more, or less, is known otherwise from its first transfer on;
* so is one that a list came to name, or no longer names.

So there is one moment, the earliest of these, and every address that has dealt with anybody since
is computed again; nobody else can have changed. A payment of last year that an export shows only
today therefore costs a year, and the run says so.

Where it is not certain that the earlier values still hold, everybody is computed again, and the run
says why: another model, another version of the program or of its libraries, other built-in tables,
and signals that may change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from data.days import days_since, rows_of
from data.moments import read_moment
from data.schema import LEGS, leg_text
from data.transfers import Transfers, followed
from features.history import kinds_of
from features.settling import settles, unsettled
from features.signal import Family
from pipelines.moments import iso
from pipelines.rescoring.marks import Marks

KEY = ["chain", "address"]

_RUN = {
    "bundle_sha256": "the model is another one",
    "environment": "a library, Python or the processor is another one",
}
_INPUTS = {
    "program_sha256": "the program is another version",
    "assume_complete": "--assume-complete was given in one of the runs only",
    "synthetic": "the transfers say otherwise whether they are invented",
}
"""What must be the same for earlier values to hold, and what to say where it differs."""

_SERVICES = "services.csv"  # compared address by address


@dataclass(frozen=True)
class Moved:
    """What must be computed again.

    Attributes
    ----------
    everybody
        Why everybody must; empty where the rest says who.
    since
        Who has dealt with anybody since then must.
    why
        What has changed, as sentences.
    rewritten
        Whether transfers from before the earlier run's moment changed.
    chains
        Chains on which services came to be known, or stopped: all of their addresses must.
    addresses
        Those whose coverage changed: they themselves must.
    """

    everybody: tuple[str, ...] = ()
    since: datetime | None = None
    why: tuple[str, ...] = ()
    rewritten: bool = False
    chains: tuple[str, ...] = ()
    addresses: pl.DataFrame | None = None


def differs(facts: Mapping[str, Any], earlier: Mapping[str, Any]) -> tuple[str, ...]:
    """Say why values of an earlier run do not hold for this one; empty where they do."""
    new, old = facts["inputs"], earlier["inputs"]
    said = [words for name, words in _RUN.items() if facts[name] != earlier[name]]
    said += [words for name, words in _INPUTS.items() if new[name] != old[name]]
    now, then = new["registry_sha256"], old["registry_sha256"]
    tables = [
        name for name in sorted({*now, *then} - {_SERVICES}) if now.get(name) != then.get(name)
    ]
    if tables:
        said.append(f"the built-in table {tables[0]} is another one")
    if read_moment(facts["as_of"]) < read_moment(earlier["as_of"]):
        said.append("the earlier run is of a later moment")
    return tuple(said)


def moved(
    transfers: Transfers,
    families: Sequence[Family],
    *,
    now: Marks,
    then: Marks,
    as_of: datetime,
    earlier: datetime,
) -> Moved:
    """Say what has changed between two runs of the same model and program.

    Parameters
    ----------
    transfers
        Of this run.
    families
        That are computed.
    now, then
        What this run knows, and what the earlier one did.
    as_of, earlier
        Their moments.
    """
    if never := unsettled(families):
        return Moved(everybody=(f"{never[0]} may change at any time",))
    since, why = _floor(earlier), []
    first = _first_difference(now.hours, then.hours, since)
    if first is not None:
        why.append(f"transfers from {iso(first)} on came, went or changed")
        since = first
    covered = _changed(now.coverage, then.coverage)
    named = _changed(now.parties, then.parties)
    for changed, what in ((covered, "the coverage"), (named, "what lists say")):
        if changed.height:
            met = _first_met(transfers, changed, as_of)
            n = f"{changed.height:,} address" + ("es" if changed.height > 1 else "")
            dealt = "who never dealt" if met is None else f"which first dealt at {iso(met)}"
            why.append(f"{what} of {n} changed, {dealt}")
            since = since if met is None else min(since, met)
    return Moved(
        since=since - settles(families),
        why=tuple(why),
        rewritten=since < _floor(earlier),
        chains=_other_chains(now.parties, then.parties),
        addresses=covered,
    )


def again(
    requests: pl.DataFrame, moved: Moved, active: pl.DataFrame, known: pl.DataFrame
) -> pl.Series:
    """Say of each request whether it must be computed again.

    Parameters
    ----------
    requests
        ``chain`` and ``address``, each pair once.
    moved
        What has changed.
    active
        Who has dealt with anybody since (`active_since`).
    known
        The signals table of the earlier run, each pair once.
    """
    taken = known.filter(~_unsure(moved)).select(KEY)
    kept = (
        requests.select(KEY)
        .with_row_index("_at")
        .join(taken, on=KEY, how="semi")
        .join(active, on=KEY, how="anti")
    )
    if moved.addresses is not None:
        kept = kept.join(moved.addresses, on=KEY, how="anti")
    kept = kept.filter(~pl.col("chain").is_in(list(moved.chains)))
    anew = np.ones(requests.height, dtype=bool)
    anew[kept["_at"].to_numpy()] = False
    return pl.Series(anew)


def active_since(
    transfers: Transfers, days: pl.DataFrame, since: datetime, as_of: datetime
) -> pl.DataFrame:
    """Return who has dealt with anybody from a moment on, before a cut.

    Parameters
    ----------
    days
        `Marks.days`: where there are any, no others' rows are read.
    """
    rows = rows_of(transfers, days, days_since(days, since)) if days.height else transfers.scan()
    during = pl.col("block_time").is_between(since, as_of, closed="left")
    parts = [
        side.filter(during).select(KEY).unique().collect(engine="streaming")
        for side in _sides(rows)
    ]
    return pl.concat(parts).unique()


def _unsure(moved: Moved) -> pl.Expr:
    """Say of earlier rows that something of theirs may be gone since.

    Only where the past was rewritten: a transfer that is no longer there names nobody. The earlier
    row says when its last one was, as far as it saw; what it did not see whole is computed again.
    """
    if not moved.rewritten:
        return pl.lit(False)
    unseen = (
        (pl.col("n_unvalued") > 0)
        | (pl.col("legs") != leg_text(frozenset(LEGS)))
        | (pl.col("occurs") & (pl.col("n_transfers") == 0))
    )
    return unseen | (pl.col("last_seen") >= moved.since).fill_null(False)


def _floor(moment: datetime) -> datetime:
    """Return the beginning of the hour.

    >>> _floor(datetime(2024, 5, 1, 3, 59)).isoformat()
    '2024-05-01T03:00:00'
    """
    return moment.replace(minute=0, second=0, microsecond=0)


def _first_difference(now: pl.DataFrame, then: pl.DataFrame, before: datetime) -> datetime | None:
    """Return the first hour, of those before a moment, that says something else."""
    old, new = (table.filter(pl.col("hour") < before) for table in (then, now))
    differ = pl.concat([_only(old, new), _only(new, old)])
    first = differ["hour"].min()
    assert first is None or isinstance(first, datetime)
    return first


def _changed(now: pl.DataFrame, then: pl.DataFrame) -> pl.DataFrame:
    """Return the addresses of which two tables say different things."""
    if now is then:  # taken over, not looked at again
        return now.clear().select(KEY)
    both = [_only(now, then), _only(then, now)]
    return pl.concat(both).select(KEY).unique().sort(KEY)


def _only(table: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    return table.join(other, on=table.columns, how="anti")


def _sides(rows: pl.LazyFrame) -> list[pl.LazyFrame]:
    some = followed(rows)
    return [
        some.select("chain", "block_time", address=pl.col(side)) for side in ("sender", "receiver")
    ]


def _first_met(transfers: Transfers, addresses: pl.DataFrame, as_of: datetime) -> datetime | None:
    """Return the first moment before a cut at which any of some addresses dealt with anybody."""
    wanted, found = addresses.select(KEY).lazy(), []
    for side in _sides(transfers.scan()):
        here = side.filter(pl.col("block_time") < as_of).join(wanted, on=KEY, how="semi")
        moment = here.select(pl.col("block_time").min()).collect(engine="streaming").item()
        found += [] if moment is None else [moment]
    return min(found, default=None)


def _other_chains(now: pl.DataFrame, then: pl.DataFrame) -> tuple[str, ...]:
    """Return the chains of which a registry came to know other kinds of parties."""
    old, new = _kinds(then), _kinds(now)
    return tuple(sorted(c for c in {*old, *new} if old.get(c, 0) != new.get(c, 0)))


def _kinds(parties: pl.DataFrame) -> dict[str, int]:
    kinds = pl.Series("kinds", kinds_of(parties["party"].to_numpy()), dtype=pl.UInt8)
    table = parties.with_columns(kinds).group_by("chain").agg(pl.col("kinds").bitwise_or())
    return dict(table.rows())


def sentence(moved: Moved, earlier: datetime) -> str:
    """Say who was computed again, and why, in one sentence."""
    if moved.everybody:
        return f"Everybody was computed again: {'; '.join(moved.everybody)}."
    assert moved.since is not None
    told = f"Computed again was who has dealt with anybody since {iso(moved.since)}"
    because = "; ".join(moved.why) or f"nothing from before {iso(_floor(earlier))} changed"
    return f"{told}: {because}."
