"""The explain job: alerts for the highest scores, as JSON and as pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from data.storage import refuse_foreign, whole_directory
from models.status import SCORED
from pipelines.alerting.diagnostic import WARNING, check_diagnostic, write_diagnostic
from pipelines.casework.sar import refuse_undecided
from pipelines.console import UNSHOWN
from pipelines.inputs import counts, explorers_of, unscored_exit
from pipelines.report import for_review, write_report
from pipelines.resuming import Earlier, resumable
from pipelines.score import input_notes, score_asked, use_notes
from pipelines.to_score import to_score

MOST_BY_DEFAULT = 50


@dataclass(frozen=True)
class ExplainResult:
    """What `explain` did.

    Attributes
    ----------
    out
        The folder: alerts.jsonl, index.html, a page per alert, cases.json, cases.html,
        outreach.html, outreach.csv, manifest.json; with packages, sar/.
    index
        The page to open first.
    n_requested, n_scored, n_alerts
        Addresses asked for, scored, and explained.
    cases
        Cases of two alerts or more.
    sar_packages, sar
        Cases with a package (None where none was asked for); by case, the SHA-256 of its
        SHA256SUMS.
    statuses
        Addresses by status.
    bundle_sha256
        The model.
    diagnostic
        The boundaries, where they were asked for; for analysts alone.
    notes
        What must be said besides.
    exit_code
        0, or 3 where lines of the list were unusable or too many addresses have no score.
    """

    out: Path
    index: Path
    n_requested: int
    n_scored: int
    n_alerts: int
    cases: int
    sar_packages: int | None
    sar: Mapping[str, str] = field(metadata=UNSHOWN)
    statuses: Mapping[str, int]
    bundle_sha256: str
    diagnostic: Path | None
    notes: tuple[str, ...]
    exit_code: int


def explain(
    bundle: str | Path,
    transfers: str | Path,
    addresses: str | Path,
    out: str | Path,
    *,
    as_of: datetime | None = None,
    top: int | None = None,
    research_use: bool = False,
    services: str | Path | Sequence[str | Path] | None = None,
    threads: int | None = None,
    max_unscored: float | None = None,
    assume_complete: bool = False,
    diagnostic: str | Path | None = None,
    sar: bool = False,
    resume: bool = False,
    start_again: bool = False,
    explorers: str | Path | None = None,
    explorer_links: bool = True,
) -> ExplainResult:
    """Score a list of addresses and explain the highest scores.

    Parameters
    ----------
    bundle, transfers, addresses
        Paths of a bundle, of transfers, and of an address list.
    out
        The folder to write.
    as_of
        Only transfers before this moment count; default: the one recorded at ingest.
    top
        Explain that many of the highest scores, whatever their band. By default, those whose band
        calls for review, at most `MOST_BY_DEFAULT`.
    research_use, services, threads, assume_complete
        As for `score`.
    max_unscored
        The largest tolerable share of addresses without a score.
    diagnostic
        Write here, as JSON Lines, which signals would have to change, and how far, for each
        explained address to fall below its band and below review: a guide to evasion, for analysts
        alone. Not in `out`, and nothing of it is.
    sar
        Write a package for a suspicious activity report for each case with an alert whose band
        calls for review: ``sar/CASE/``, a draft for a human. Only where the bundle is for
        decisions.
    resume
        Go on where an earlier run with this `out` was stopped, if one was (`pipelines.resuming`).
    start_again
        Throw away what such a run has done.
    explorers
        A table of explorers that pages link to, in place of the registry's: ``chain``,
        ``transaction`` and ``address``, https links with ``{id}`` in them.
    explorer_links
        Whether pages link to explorers at all. What is made up is never linked.

    Raises
    ------
    Refused
        Any input is unusable, or the model may not be used on these transfers, or not for `sar`.
    """
    if diagnostic is not None:
        check_diagnostic(Path(diagnostic), Path(out))
    if sar:
        refuse_undecided(Path(bundle))
    refuse_foreign(Path(out))
    with resumable(Path(out), Earlier(resume, start_again)) as work:
        given = to_score(
            bundle,
            transfers,
            addresses,
            as_of=as_of,
            research_use=research_use,
            services=services,
            assume_complete=assume_complete,
        )
        linked = explorers_of(given.transfers, explorers, linked=explorer_links)
        own = {"the job": "explain", "--top": top, "the explorers": linked.told()}
        work.rests_on(given.rests_on | own)
        run = score_asked(
            given.bundle,
            given.transfers,
            given.services,
            given.asked,
            given.as_of,
            threads=threads,
            kept=work.stage("signals"),
        )
        chosen = _chosen(run.scores, top)
        with whole_directory(Path(out)) as folder:
            report = write_report(run, chosen, folder, linked, work.stage("alerts"), sar=sar)
            if diagnostic is not None:
                write_diagnostic(run, chosen, Path(diagnostic))
    statuses = counts(run.scores["status"])
    unseen = not report.alerts and SCORED in statuses
    hint = ("No score is up for review; --top N explains the N highest.",)
    more = run.scores.filter(for_review()).height - len(report.alerts)
    cut = (
        f"{more:,} more scores are up for review and have no alert here, and cases may lack them; "
        "--top N explains the N highest.",
    )
    return ExplainResult(
        out=Path(out),
        index=Path(out) / "index.html",
        n_requested=run.scores.height,
        n_scored=statuses.get(SCORED, 0),
        n_alerts=len(report.alerts),
        cases=report.cases.counted()["n"],
        sar_packages=len(report.packages) if sar else None,
        sar=report.packages,
        statuses=statuses,
        bundle_sha256=run.bundle.sha256,
        diagnostic=None if diagnostic is None else Path(diagnostic),
        notes=(
            *input_notes(run),
            *use_notes(run.bundle),
            *(hint if unseen else ()),
            *(() if diagnostic is None else (f"{diagnostic}: {WARNING}",)),
            *(cut if report.alerts and more > 0 else ()),
        ),
        exit_code=unscored_exit(statuses, len(run.asked.problems), max_unscored),
    )


def _chosen(scores: pl.DataFrame, top: int | None) -> pl.DataFrame:
    """Return the rows to explain, highest first, with their ``position``."""
    ranked = scores.with_row_index("position").filter(pl.col("status") == SCORED).sort("rank")
    if top is not None:
        return ranked.head(top)
    return ranked.filter(for_review()).head(MOST_BY_DEFAULT)
