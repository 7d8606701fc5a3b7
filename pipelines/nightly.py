"""The nightly job: a list scored again, what changed computed, what changed told.

The result is that of a full run, byte for byte: `scores.parquet` is what `unrinse score` writes,
`alerts/` what `unrinse explain` writes, and the summary says the same whether it was computed of
everybody or of the few addresses that anything has happened to (`pipelines.rescoring.moved`). How
it was computed stands in `computed.json` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.storage import refuse_foreign, whole_directory, write_manifest
from models.status import SCORED
from pipelines.inputs import counts, unscored_exit
from pipelines.outputs import write_json, write_rows
from pipelines.pages.nightly import nightly_page
from pipelines.report import for_review
from pipelines.rescoring.alert_changes import TOLERANCE
from pipelines.rescoring.drift import EVERY, drift
from pipelines.rescoring.explained import MOST_EXPLAINED, explained, gone, listed
from pipelines.rescoring.kept import KIND, MONITOR, SUMMARY, Kept, earlier_run, keep, read_kept
from pipelines.rescoring.scored_again import ScoredAgain, facts_of, scored_again
from pipelines.rescoring.snoozes import Snoozes, read_snoozes
from pipelines.rescoring.split import GROUPS, Night, split
from pipelines.rescoring.summary import Found, changes_table, summary
from pipelines.rescoring.unscored import unscored
from pipelines.resuming import Earlier, resumable
from pipelines.score import input_notes, use_notes, write_scores
from pipelines.to_score import ToScore, to_score


@dataclass(frozen=True)
class NightlyResult:
    """What the job did.

    Attributes
    ----------
    out
        The folder: summary.html, summary.json, changes.csv, unscored.csv, scores.parquet, alerts/,
        monitor.json where drift was measured, computed.json, state/, manifest.json.
    page
        The page to open first.
    earlier
        The moment of the run it went on from; None in a first run.
    addresses, computed
        Addresses asked for, and those of them that were computed anew.
    how
        Who was, and why.
    statuses
        Addresses by status.
    alerts
        Alerts by group.
    drift_alarm
        Whether drift alarms; None where it was not measured.
    decision_use, bundle_sha256
        Of the model.
    notes
        What must be said besides.
    exit_code
        4 while drift alarms; else 3 where lines of the list or snoozes were unusable or too many
        addresses have no score; else 0.
    """

    out: Path
    page: Path
    earlier: str | None
    addresses: int
    computed: int
    how: str
    statuses: Mapping[str, int]
    alerts: Mapping[str, int]
    drift_alarm: bool | None
    decision_use: bool
    bundle_sha256: str
    notes: tuple[str, ...]
    exit_code: int


def nightly(
    bundle: str | Path,
    transfers: str | Path,
    addresses: str | Path,
    out: str | Path,
    *,
    previous: str | Path | None = None,
    as_of: datetime | None = None,
    snoozes: str | Path | None = None,
    top: int | None = None,
    tolerance: float = TOLERANCE,
    drift_every: int = EVERY,
    full: bool = False,
    research_use: bool = False,
    services: str | Path | Sequence[str | Path] | None = None,
    threads: int | None = None,
    max_unscored: float | None = None,
    assume_complete: bool = False,
    resume: bool = False,
    start_again: bool = False,
) -> NightlyResult:
    """Score a list again, and say what is new since the earlier run.

    Parameters
    ----------
    bundle, transfers, addresses
        Paths of a bundle, of transfers, and of an address list without moments of its own.
    out
        The folder to write.
    previous
        The earlier run, or a folder of runs, of which the latest before this one's moment is
        taken. Default: none, everybody is computed and every alert is new.
    as_of
        Only transfers before this moment count; default: the one recorded at ingest.
    snoozes
        Alerts that people put off (`pipelines.rescoring.snoozes`).
    top
        The alerts are so many of the highest scores, whatever their band. By default, all whose
        band calls for review; the `MOST_EXPLAINED` highest of them get a page.
    tolerance
        Odds that change by no more than this factor are no change.
    drift_every
        Days after which drift is measured anew; 0: never.
    full
        Compute everybody, though less would do.
    research_use, services, threads, assume_complete
        As for `score`.
    max_unscored
        The largest tolerable share of addresses without a score.
    resume
        Go on where an earlier run with this `out` was stopped, if one was (`pipelines.resuming`).
    start_again
        Throw away what such a run has done.

    Raises
    ------
    Refused
        Any input is unusable, or the model may not be used on these transfers.
    """
    out = Path(out)
    refuse_foreign(out)
    if not tolerance > 1:
        raise Refused(f"the tolerance {tolerance:g}", expected="a factor above 1, such as 1.25")
    with resumable(out, Earlier(resume, start_again)) as work:
        given = to_score(
            bundle,
            transfers,
            addresses,
            as_of=as_of,
            research_use=research_use,
            services=services,
            assume_complete=assume_complete,
        )
        _refuse_own_moments(given, Path(addresses))
        put_off = read_snoozes(None if snoozes is None else Path(snoozes))
        earlier = _earlier(previous, out, given.as_of)
        work.rests_on(_rests_on(given, earlier, top=top, full=full))
        again = scored_again(given, earlier, full=full, threads=threads, kept=work.stage("signals"))
        up_for_review = _up_for_review(again.run.scores, top)
        chosen = up_for_review if top is not None else up_for_review.head(MOST_EXPLAINED)
        with whole_directory(out) as folder:
            told = explained(
                given, again, chosen, folder / "alerts", threads=threads, kept=work.stage("alerts")
            )
            alerts = listed(up_for_review, told)
            kept = None if earlier is None else earlier.told
            night = Night(given.as_of, put_off.by_alert, kept, tolerance)
            found = Found(
                run=again.run,
                earlier=earlier,
                up_for_review=up_for_review,
                split=split(night, alerts, gone(night, alerts, again.run.scores)),
                explained={one: about.reason for one, about in told.items()},
                snoozes=put_off,
                drift=drift(
                    again.run, earlier, every=drift_every, same=again.same_program, threads=threads
                ),
            )
            report = summary(found)
            _write(folder, given, again, found, report)
    more = up_for_review.height - chosen.height
    return _result(out, again, report, put_off, more, max_unscored)


def _refuse_own_moments(given: ToScore, addresses: Path) -> None:
    own = given.asked.requests["as_of"].count()
    if own:
        raise Refused(
            f"{own:,} rows of {addresses} have an as_of of their own",
            expected="a list that is scored as of one moment, the night's",
            hint="Leave the column as_of out.",
        )


def _earlier(previous: str | Path | None, out: Path, as_of: datetime) -> Kept | None:
    found = None if previous is None else earlier_run(Path(previous), out, as_of)
    return None if found is None else read_kept(found)


def _rests_on(
    given: ToScore, earlier: Kept | None, *, top: int | None, full: bool
) -> dict[str, Any]:
    """Say what the kept work rests on; what only sorts alerts and measures drift is not of it."""
    own = {
        "the job": "nightly",
        "the earlier run": None if earlier is None else earlier.facts["checksum"],
        "--top": top,
        "--full": full,
    }
    return given.rests_on | own


def _up_for_review(scores: pl.DataFrame, top: int | None) -> pl.DataFrame:
    """Return the rows that are alerts, each address once, highest first."""
    ranked = scores.filter(pl.col("status") == SCORED).sort("rank")
    once = ranked.unique(["chain", "address"], keep="first", maintain_order=True)
    return once.filter(for_review()) if top is None else once.head(top)


def _write(
    folder: Path, given: ToScore, again: ScoredAgain, found: Found, report: Mapping[str, Any]
) -> None:
    """Write everything but the alerts, which stand in the folder already."""
    scores = again.run.scores
    write_scores(given, scores, folder / "scores.parquet")
    write_rows(changes_table(found), folder / "changes.csv")
    lacking = unscored(given.bundle, again.found.signals, scores, given.asked.problems)
    write_rows(lacking, folder / "unscored.csv")
    write_json(report, folder / SUMMARY)
    page = nightly_page(report)
    (folder / "summary.html").write_text(page, encoding="utf-8", newline="\n")
    if found.drift.report is not None:
        write_json(found.drift.report, folder / MONITOR)
    write_json(again.how, folder / "computed.json")
    keep(folder, again.found.each, again.marks, found.split.kept)
    rows = {"requested": scores.height, "alerts": report["alerts"]["up_for_review"]}
    write_manifest(folder, KIND, {**facts_of(given), "rows": rows})


def _result(
    out: Path,
    again: ScoredAgain,
    report: Mapping[str, Any],
    put_off: Snoozes,
    more: int,
    max_unscored: float | None,
) -> NightlyResult:
    run, alarm = again.run, report["drift"]["alarm"]
    unusable = len(run.asked.problems) + len(put_off.faults)
    statuses = counts(run.scores["status"])
    partly = unscored_exit(statuses, unusable, max_unscored)
    return NightlyResult(
        out=out,
        page=out / "summary.html",
        earlier=None if report["earlier"] is None else report["earlier"]["as_of"],
        addresses=run.scores.height,
        computed=again.found.anew,
        how=again.how["how"],
        statuses=statuses,
        alerts={group: report["alerts"][group] for group in GROUPS},
        drift_alarm=alarm,
        decision_use=run.bundle.facts.decision_use,
        bundle_sha256=run.bundle.sha256,
        notes=(
            *input_notes(run),
            *(f"A snooze hides nothing, {fault}." for fault in put_off.faults[:5]),
            *use_notes(run.bundle),
            *((f"{more:,} alerts have no page; --top N explains more.",) if more else ()),
        ),
        exit_code=4 if alarm else partly,
    )
