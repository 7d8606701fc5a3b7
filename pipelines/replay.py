"""The replay job: alerts made once more from their recorded inputs, and compared byte for byte.

An alert that somebody acts on must be checkable later, by others, on another machine. It names its
inputs by hash (`pipelines.recorded`); the job finds each of them again
(`pipelines.again.originals`) or names what is missing, computes the alert anew, and compares.

What a comparison can come to, worst first:

* ``differs``: a value is another one than was written. With the same inputs and the same program
  this means that the alert was changed after it was written, or that a library or the processor
  computes otherwise; the fields are named.
* ``missing``: an input is not there, so nothing was compared.
* ``other_program``: every value is the same, but for the name of the program that made it.
* ``rewritten``: every value is the same, but it is written in another way (spaces, order).
* ``rank_unchecked``: the same bytes, but its rank and what it says of other addresses of the run
  were taken as recorded (`OF_THE_LIST`), because the address list was not given.
* ``reproduced``: the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.moments import read_moment
from data.schema import TIME
from models.status import SCORED
from pipelines.again.originals import Given, Missing, Originals, Places, Recorded, originals
from pipelines.again.written import Written, differing, read_alerts
from pipelines.alerting.alerts import alerts, json_line
from pipelines.console import UNSHOWN, progress
from pipelines.inputs import Asked, read_requests
from pipelines.moments import iso
from pipelines.outputs import program
from pipelines.recorded import addresses_sha256, environment, program_sha256
from pipelines.score import Scored, score_asked

OUTCOMES = (
    "reproduced",
    "rank_unchecked",
    "rewritten",
    "other_program",
    "missing",
    "differs",
)
"""What a comparison can come to, from the best to the worst."""

CODE = "inputs.program_sha256"
OF_PROGRAM = frozenset({"generated_by", CODE})
"""Fields that name the program. A version that differs with the same code is no other program."""


MOST_FIELDS = 20
"""Fields that are named for each alert; how many more there are is said."""


OF_THE_LIST = ("rank", "standing", "known", "counterparties")
"""What an alert says of its place among all addresses of the run, and of others among them."""


@dataclass(frozen=True)
class ReplayResult:
    """What the job found.

    Attributes
    ----------
    alerts
        How many there are.
    outcomes
        How many came to what (`OUTCOMES`).
    differing
        By alert: the fields that are not as recorded, and the address.
    missing
        What was not there, for how many alerts.
    notes
        What must be said besides.
    exit_code
        4 where an alert differs; else 3 where one was not reproduced whole; else 0.
    """

    alerts: int
    outcomes: Mapping[str, int]
    differing: Mapping[str, Mapping[str, Any]]
    missing: Mapping[str, int] = field(metadata=UNSHOWN)
    notes: tuple[str, ...]
    exit_code: int


def replay(
    alert: str | Path,
    bundle: Given,
    transfers: Given,
    *,
    addresses: str | Path | None = None,
    services: Given | None = None,
    research_use: bool = False,
    threads: int | None = None,
) -> ReplayResult:
    """Make alerts again from their recorded inputs, and compare them byte for byte.

    Parameters
    ----------
    alert
        A file with one alert, a file of alerts (JSON Lines), or a folder that `explain` wrote.
    bundle, transfers, services
        Where the inputs lie today: a path or several, in any order; each recorded input is looked
        for among them by its hash.
    addresses
        The address list of the run; without it `rank` cannot be checked.
    research_use, threads
        As for `score`.

    Raises
    ------
    Refused
        No alert can be read, an input is missing for all of them, or the address list is another.
    """
    written, made_with = read_alerts(Path(alert))
    places = Places.of(bundle, transfers, services)
    listed = None if addresses is None else Path(addresses)
    told: list[_Told] = []
    missing: Counter[str] = Counter()
    groups = _by_inputs(written)
    found = [originals(recorded, places) for recorded, _ in groups]
    _refuse_without_any(found)
    for (recorded, group), inputs in zip(groups, found, strict=True):
        if isinstance(inputs, Originals):
            inputs.bundle.check_use(real=not inputs.transfers.synthetic, research_use=research_use)
            asked = _asked(recorded, group, inputs, listed, alone=len(groups) == 1)
            told += _compared(group, inputs, asked, threads)
        else:
            missing.update({str(one): len(group) for one in inputs})
            told += [_Told(one.alert, "missing", ()) for one in group]
    outcomes = Counter(one.outcome for one in told)
    others = [one for one in told if one.outcome == "differs"]
    return ReplayResult(
        alerts=len(told),
        outcomes={name: outcomes[name] for name in OUTCOMES if outcomes[name]},
        differing={
            one.alert["alert_id"]: {"fields": _named(one.fields), "address": one.alert["address"]}
            for one in others
        },
        missing=dict(missing),
        notes=(
            *(f"{what} ({n:,} alerts)" for what, n in missing.items()),
            *_program_notes(groups, outcomes, made_with),
            *_rank_notes(outcomes),
        ),
        exit_code=4 if others else 3 if set(outcomes) - {"reproduced"} else 0,
    )


@dataclass(frozen=True)
class _Told:
    """What a comparison came to."""

    alert: Mapping[str, Any]
    outcome: str
    fields: tuple[str, ...]


def _by_inputs(written: Sequence[Written]) -> list[tuple[Recorded, list[Written]]]:
    """Put together the alerts that rest on the same inputs."""
    groups: dict[str, tuple[Recorded, list[Written]]] = {}
    for one in written:
        recorded = Recorded.of(one.alert, f"the alert {one.alert['alert_id']!r}")
        key = json.dumps(
            [recorded.bundle, recorded.transfers, recorded.inputs], sort_keys=True, default=str
        )
        groups.setdefault(key, (recorded, []))[1].append(one)
    return list(groups.values())


def _refuse_without_any(found: Sequence[Originals | list[Missing]]) -> None:
    if any(isinstance(one, Originals) for one in found):
        return
    named = dict.fromkeys(str(one) for missing in found for one in missing)  # type: ignore[union-attr]
    raise Refused(f"inputs of the alerts are missing. {' '.join(named)}")


def _asked(
    recorded: Recorded,
    group: Sequence[Written],
    inputs: Originals,
    listed: Path | None,
    *,
    alone: bool,
) -> tuple[Asked, bool]:
    """Return what is to be scored, and whether it is the whole list of the run."""
    if listed is not None:
        asked = read_requests(listed, inputs.transfers)
        found, wanted = addresses_sha256(asked.requests), recorded.inputs["addresses_sha256"]
        if found == wanted:
            return asked, True
        if alone:
            raise Refused(
                f"{listed} is not the address list of the run: it asks for other addresses or "
                f"moments (SHA-256 {found})",
                expected=f"SHA-256 {wanted}, as recorded",
                hint="Give that list, or leave --addresses out: then rank alone is not checked.",
            )
    keys = [(one.alert["chain"], one.alert["address"], _moment(one)) for one in group]
    columns = {"chain": pl.String(), "address": pl.String(), "as_of": TIME}
    requests = pl.DataFrame(keys, schema=columns, orient="row").unique(maintain_order=True)
    return Asked(requests, ()), False


def _compared(
    group: Sequence[Written],
    inputs: Originals,
    asked: tuple[Asked, bool],
    threads: int | None,
) -> Iterator[_Told]:
    """Compute the alerts of a group again, and compare each."""
    requests, whole = asked
    run = score_asked(
        inputs.bundle, inputs.transfers, inputs.services, requests, inputs.as_of, threads=threads
    )
    again = _again(run, {_key(one.alert) for one in group})
    with progress("Comparing alerts", total=len(group)) as advance:
        for one in group:
            made = again.get(_key(one.alert))
            if isinstance(made, str) or made is None:
                status = made or "not_found"
                yield _Told(one.alert, "differs", (f"status: now {status}",))
            else:
                yield _told(one, made if whole else _with_rank_of(one.alert, made), whole=whole)
            advance(1)


def _again(run: Scored, keys: set[tuple[str, str, str]]) -> dict[tuple[str, str, str], Any]:
    """Return the alerts anew, by chain, address and moment; a status for those without a score."""
    rows = run.scores.with_row_index("position")
    asked = [_key(row) for row in rows.select("chain", "address", "as_of").iter_rows(named=True)]
    wanted = rows.filter(pl.Series([key in keys for key in asked], dtype=pl.Boolean))
    unscored = wanted.filter(pl.col("status") != SCORED)
    again: dict[tuple[str, str, str], Any] = {
        _key(row): row["status"] for row in unscored.iter_rows(named=True)
    }
    chosen = wanted.filter(pl.col("status") == SCORED)
    with progress("Making alerts", total=chosen.height) as advance:
        for alert in alerts(run, chosen):
            again[_key(alert)] = alert
            advance(1)
    return again


def _with_rank_of(old: Mapping[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Take from the record what only the whole list could tell."""
    listed = {"addresses_sha256": old["inputs"]["addresses_sha256"]}
    kept = {name: old[name] for name in OF_THE_LIST if name in old}
    return new | kept | {"inputs": new["inputs"] | listed}


def _told(one: Written, new: Mapping[str, Any], *, whole: bool) -> _Told:
    text = json_line(new)
    if text == one.text:
        return _Told(one.alert, "reproduced" if whole else "rank_unchecked", ())
    fields = tuple(differing(one.alert, json.loads(text)))
    if not fields:
        return _Told(one.alert, "rewritten", ())
    of_program = CODE in fields and OF_PROGRAM.issuperset(fields)
    return _Told(one.alert, "other_program" if of_program else "differs", fields)


def _named(fields: Sequence[str]) -> list[str]:
    more = len(fields) - MOST_FIELDS
    return [*fields[:MOST_FIELDS], *([f"and {more:,} more"] if more > 0 else [])]


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    at = row["as_of"]
    return row["chain"], row["address"], at if isinstance(at, str) else iso(at)


def _moment(one: Written) -> datetime:
    return read_moment(one.alert["as_of"])


def _program_notes(
    groups: Sequence[tuple[Recorded, list[Written]]],
    outcomes: Mapping[str, int],
    made_with: Mapping[str, str],
) -> Iterator[str]:
    """Say what of the program is another, where something came out otherwise."""
    if not (outcomes.get("differs") or outcomes.get("other_program")):
        return
    now = program_sha256()
    others = {
        (str(one.alert.get("generated_by")), recorded.inputs["program_sha256"])
        for recorded, group in groups
        for one in group
        if recorded.inputs["program_sha256"] != now
    }
    for name, code in sorted(others):
        yield (
            f"The program is another: {name!r} (code {code[:12]}…) made them, this is "
            f"{program()} (code {now[:12]}…)."
        )
    here = environment()
    libraries = [
        f"{name} {then} then, {here.get(name, 'none')} now"
        for name, then in made_with.items()
        if here.get(name) != then
    ]
    if libraries:
        yield f"The libraries or the processor are others: {', '.join(libraries)}."
    if outcomes.get("differs") and not others and not libraries:
        yield (
            "The recorded inputs and the program are the same. The alert was changed after it was "
            "written, or a library or the processor computes otherwise."
        )


def _rank_notes(outcomes: Mapping[str, int]) -> Iterator[str]:
    if n := outcomes.get("rank_unchecked"):
        yield (
            f"Of {n:,} alerts the rank, and what they say of other addresses of the run, was not "
            "checked. Give the run's list in --addresses."
        )
