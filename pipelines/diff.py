"""The diff job: why scores changed between two runs.

A score that rose from 12 % to 41 % can have done so because the address moved funds, because a
counterparty was listed, because the model was trained again, or because somebody stated another
base rate. Usually several of these at once. The job finds the inputs of both runs again
(`pipelines.again.originals`), scores the addresses under every combination of old and new inputs
(`pipelines.again.combinations`), and shares each change out among the causes so that no order is
preferred and the parts sum to it (`models.attribution`).

Both runs are computed anew, and must come out as they were recorded: a change is never explained
that did not happen so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.errors import Refused
from models.attribution import TOLERANCE
from models.status import SCORED
from pipelines.again.change_words import percent
from pipelines.again.changed import changed
from pipelines.again.combinations import CAUSES, Combinations, differing_causes
from pipelines.again.originals import Given, Originals, Places, originals
from pipelines.again.runs import Run, read_run
from pipelines.console import UNSHOWN
from pipelines.outputs import check_output, program, write_table
from pipelines.recorded import environment

LARGEST = 5
"""Addresses that the summary tells of."""

NOTICED = 0.05
"""Log-odds from which a cause counts as having moved an address: odds times 1.05."""

_KEY = ("chain", "address")


@dataclass(frozen=True)
class DiffResult:
    """What the job found.

    Attributes
    ----------
    out
        The table.
    addresses
        Rows of it.
    rose, fell
        Addresses with a score in both runs whose log-odds did.
    causes
        What differs between the runs.
    by_cause
        Of each: the mean absolute part of the log-odds, and how many addresses it moved (by
        `NOTICED` or more).
    outcomes
        How many went from which band or status to which.
    unshared
        Addresses with a score in both runs whose change could not be shared out.
    largest
        The addresses that changed most, with their sentences.
    content_sha256
        Of the table's values.
    notes
        What must be said besides.
    exit_code
        0.
    """

    out: Path
    addresses: int
    rose: int
    fell: int
    causes: tuple[str, ...]
    by_cause: Mapping[str, Mapping[str, float]]
    outcomes: Mapping[str, int]
    unshared: int
    largest: Mapping[str, Mapping[str, str]]
    content_sha256: str = field(metadata=UNSHOWN)
    notes: tuple[str, ...]
    exit_code: int = 0


def diff(
    old: str | Path,
    new: str | Path,
    out: str | Path,
    bundle: Given,
    transfers: Given,
    *,
    services: Given | None = None,
    research_use: bool = False,
    threads: int | None = None,
) -> DiffResult:
    """Share the changes of scores between two runs out among what changed.

    Parameters
    ----------
    old, new
        Scores files with their manifests beside them, or folders that `explain` wrote.
    out
        Parquet, CSV or JSON Lines by its suffix.
    bundle, transfers, services
        Where the inputs of both runs lie today: a path or several, in any order; each recorded
        input is looked for among them by its hash.
    research_use, threads
        As for `score`.

    Raises
    ------
    Refused
        A run cannot be read, one of its inputs is missing, it does not come out again as it was
        recorded, or the runs have no address in common.
    """
    check_output(Path(out))
    places = Places.of(bundle, transfers, services)
    runs = read_run(Path(old)), read_run(Path(new))
    sides = _sides(runs, places)
    _check_use(sides, research_use=research_use)
    asked = _asked(*runs)
    moved = bool((asked["as_of_old"] != asked["as_of_new"]).any())
    causes = differing_causes(*sides, moments_differ=moved)
    combinations = Combinations(*sides, asked.drop("recorded"), causes, threads)
    for run, scores in zip(runs, (combinations.scores[0], combinations.scores[-1]), strict=True):
        _check_as_recorded(run, scores)
    table = changed(combinations, asked["recorded"])
    facts = {
        "program": program(),
        "causes": list(causes),
        **{name: _facts(run) for name, run in zip(("old", "new"), runs, strict=True)},
        "environment": environment(),
    }
    manifest = write_table(table, Path(out), kind="diff", facts=facts)
    result = _result(Path(out), table, causes, manifest["content_sha256"])
    return replace(result, notes=(*_base_rates(sides), *result.notes))


def _sides(runs: tuple[Run, Run], places: Places) -> tuple[Originals, Originals]:
    """Find the inputs of both runs; each that is missing is named, with its run."""
    found = [originals(run.recorded, places) for run in runs]
    missing = [
        f"{run.name}: {one}"
        for run, side in zip(runs, found, strict=True)
        if not isinstance(side, Originals)
        for one in side
    ]
    if missing:
        raise Refused(f"inputs are missing. {' '.join(missing)}")
    old, new = found
    assert isinstance(old, Originals)
    assert isinstance(new, Originals)
    return old, new


def _check_use(sides: tuple[Originals, Originals], *, research_use: bool) -> None:
    """Refuse models that are not for decisions on real transfers of either run."""
    real = any(not side.transfers.synthetic for side in sides)
    for side in sides:
        side.bundle.check_use(real=real, research_use=research_use)


def _asked(old: Run, new: Run) -> pl.DataFrame:
    """Return the addresses to compare, with their moment in each run.

    Of two scores files, those that stand in both. A folder of alerts holds the highest scores
    alone, so an address that stands in one run only is looked at in the other all the same, as of
    that run's moment.
    """
    moments = {"old": old.recorded.as_of, "new": new.recorded.as_of}
    rows = [
        run.rows.select(*_KEY, pl.col("as_of").alias(f"as_of_{side}"))
        for side, run in (("old", old), ("new", new))
    ]
    both = rows[1].join(
        rows[0],
        on=_KEY,
        how="inner" if old.whole and new.whole else "full",
        coalesce=True,
        maintain_order="left_right",
    )
    if both.is_empty():
        raise Refused(
            f"{old.name} and {new.name} have no address in common",
            expected="two runs over the same addresses",
        )
    recorded = (
        pl.when(pl.col("as_of_old").is_null())
        .then(pl.lit("new"))
        .when(pl.col("as_of_new").is_null())
        .then(pl.lit("old"))
        .otherwise(pl.lit("both"))
    )
    return both.with_columns(recorded=recorded).select(
        *_KEY,
        *(pl.col(f"as_of_{side}").fill_null(moments[side]) for side in ("old", "new")),
        "recorded",
    )


def _check_as_recorded(run: Run, scores: pl.DataFrame) -> None:
    """Refuse where a run does not come out again as it was written."""
    again = scores.select(*_KEY, now="status", band_now="band", log_odds_now="log_odds")
    both = run.rows.join(again, on=_KEY, how="inner", maintain_order="left")
    off = (pl.col("log_odds") - pl.col("log_odds_now")).abs() > TOLERANCE
    other = both.filter(
        (pl.col("status") != pl.col("now"))
        | pl.col("band").ne_missing(pl.col("band_now"))
        | off.fill_null(False)
    )
    if other.is_empty():
        return
    row = other.row(0, named=True)
    was, now = (_stands(row, *names) for names in (("status", "log_odds"), ("now", "log_odds_now")))
    raise Refused(
        f"{run.name} does not come out again: of {both.height:,} addresses {other.height:,} are "
        f"otherwise, first {row['address']} ({was} then, {now} now)",
        expected="what was recorded, from the same inputs",
        hint=f"It was made by {run.program}; compare with the version, the libraries and the kind "
        "of processor that made it.",
    )


def _stands(row: Mapping[str, Any], status: str, log_odds: str) -> str:
    at = row[log_odds]
    return str(row[status]) if at is None else f"log-odds {at:.12g}"


def _base_rates(sides: tuple[Originals, Originals]) -> tuple[str, ...]:
    """Say at what share of positives each run's probabilities hold, where it is not the same."""
    rates = [side.bundle.facts.calibration.base_rate for side in sides]
    if rates[0] == rates[1]:
        return ()
    old, new = (percent(rate) for rate in rates)
    return (f"Probabilities hold at a base rate of {old} in the old run, of {new} in the new one.",)


def _facts(run: Run) -> dict[str, Any]:
    recorded = run.recorded
    return {
        "program": run.program,
        "bundle_sha256": recorded.bundle,
        "transfers_sha256": recorded.transfers,
        "inputs": dict(recorded.inputs),
    }


def _result(out: Path, table: pl.DataFrame, causes: tuple[str, ...], content: str) -> DiffResult:
    scored = table.filter(status_old=SCORED, status_new=SCORED)
    shared = scored.filter(pl.col("orders") > 0)
    by_cause = {}
    for cause in causes:
        parts = np.abs(shared[f"log_odds_{cause}"].to_numpy())
        by_cause[cause] = {
            "mean_absolute_log_odds": float(parts.mean()) if len(parts) else 0.0,
            "addresses_moved": int((parts >= NOTICED).sum()),
        }
    unshared = scored.height - shared.height
    return DiffResult(
        out=out,
        addresses=table.height,
        rose=scored.filter(pl.col("log_odds_change") > 0).height,
        fell=scored.filter(pl.col("log_odds_change") < 0).height,
        causes=causes,
        by_cause=by_cause,
        outcomes=_outcomes(table),
        unshared=unshared,
        largest=_largest(scored),
        content_sha256=content,
        notes=tuple(_notes(table, causes, unshared)),
    )


def _outcomes(table: pl.DataFrame) -> dict[str, int]:
    """Count the changes of outcome, the most frequent first."""
    stood = [
        pl.when(pl.col(f"status_{side}") == SCORED)
        .then(pl.col(f"band_{side}").fill_null("no band"))
        .otherwise(f"status_{side}")
        for side in ("old", "new")
    ]
    told = table.filter("outcome_changed").select(way=pl.format("{} → {}", *stood))["way"]
    counted = told.value_counts().sort(["count", "way"], descending=[True, False])
    return dict(counted.iter_rows())


def _largest(scored: pl.DataFrame) -> dict[str, dict[str, str]]:
    moved = scored.filter(pl.col("log_odds_change") != 0)
    order = moved.with_columns(_by=pl.col("log_odds_change").abs()).sort(
        "_by", *_KEY, descending=[True, False, False]
    )
    return {
        f"{row['chain']} {row['address']}": {"change": row["sentence"]}
        for row in order.head(LARGEST).iter_rows(named=True)
    }


def _notes(table: pl.DataFrame, causes: tuple[str, ...], unshared: int) -> list[str]:
    notes = []
    if not causes:
        notes.append("The runs rest on the same inputs: nothing can have changed.")
    same = [cause for cause in CAUSES if cause not in causes]
    if causes and same:
        notes.append(f"The same in both runs: {', '.join(same)}.")
    if unshared:
        notes.append(
            f"The changes of {unshared:,} addresses could not be shared out: on every way from the "
            "one run to the other there is a combination without a score."
        )
    one_sided = table.filter(pl.col("recorded") != "both").height
    if one_sided:
        notes.append(
            f"{one_sided:,} addresses stand in one of the runs alone; for the other they were "
            "scored as of its moment."
        )
    return notes
