"""The explain job: alerts for the highest scores, as JSON and as pages."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from data.explorers import Explorers
from data.storage import refuse_foreign, whole_directory, write_manifest
from models.bands import LOWEST
from models.cases.grouping import Case
from models.status import SCORED
from pipelines.alerting.alerts import alerts, json_line, notices
from pipelines.alerting.diagnostic import WARNING, check_diagnostic, write_diagnostic
from pipelines.alerting.known_parties import VICTIM
from pipelines.alerting.outreach import outreach, outreach_table, told_first
from pipelines.casework.cases import Cases, find_cases
from pipelines.casework.sar import FOLDER as SAR
from pipelines.casework.sar import refuse_undecided, write_packages
from pipelines.console import UNSHOWN, progress
from pipelines.inputs import counts, explorers_of, unscored_exit
from pipelines.moments import iso
from pipelines.outputs import program, write_rows
from pipelines.pages.cases import cases_page
from pipelines.pages.outreach import outreach_page
from pipelines.pages.pages import alert_file, alert_page, index_page
from pipelines.recorded import environment
from pipelines.resuming import Earlier, Stage, resumable
from pipelines.score import Scored, input_notes, score_asked, to_score, use_notes

MOST_BY_DEFAULT = 50
MOST_UNSCORED_LISTED = 500
CASES, CASES_PAGE = "cases.json", "cases.html"

STATUS_MEANINGS = {
    "unsupported_chain": "On a chain whose addresses cannot be read.",
    "licit_service": "A licit service by the services list; its behaviour is not judged.",
    "not_found": "In none of the transfers, and covered by no export.",
    "partial_coverage": "The exports do not show the legs that the model needs.",
    "truncated_history": "The export may have been cut off.",
    "unpriced": "Too many of its transfers have no value in the model's basis.",
    "insufficient_history": "Too few transfers to score.",
    "possible_victim": "May be a victim's address, to be warned and helped; see outreach.html.",
}
"""What it means not to be scored; none of it means clean."""


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
        cases = find_cases(run, chosen)
        grouped = {key: _case_link(case) for key, case in cases.grouped().items()}

        def page_of(alert: Mapping[str, Any]) -> str:
            return alert_page(alert, linked, grouped.get((alert["chain"], alert["address"])))

        written, told, packages = [], [], {}
        with whole_directory(Path(out)) as folder:
            with (folder / "alerts.jsonl").open("w", encoding="utf-8", newline="\n") as lines:
                for line, page, listed in _explained(run, chosen, page_of, work.stage("alerts")):
                    lines.write(line + "\n")
                    (folder / listed["href"]).write_text(page, encoding="utf-8", newline="\n")
                    written.append(listed)
                    if sar:
                        told.append(json.loads(line))
            _write_cases(cases, folder, linked)
            if sar:
                packages = write_packages(run, chosen, told, cases, folder / SAR)
            victims = _write_outreach(run, cases, written, folder)
            overview = _overview(run, written) | {"cases": cases.counted(), "victims": victims}
            index = index_page(overview)
            (folder / "index.html").write_text(index, encoding="utf-8", newline="\n")
            write_manifest(folder, "alerts", _facts(run, len(written)))
            if diagnostic is not None:
                write_diagnostic(run, chosen, Path(diagnostic))
    statuses = counts(run.scores["status"])
    unseen = not written and SCORED in statuses
    hint = ("No score is up for review; --top N explains the N highest.",)
    more = run.scores.filter(_for_review()).height - len(written)
    cut = (
        f"{more:,} more scores are up for review and have no alert here, and cases may lack them; "
        "--top N explains the N highest.",
    )
    return ExplainResult(
        out=Path(out),
        index=Path(out) / "index.html",
        n_requested=run.scores.height,
        n_scored=statuses.get(SCORED, 0),
        n_alerts=len(written),
        cases=cases.counted()["n"],
        sar_packages=len(packages) if sar else None,
        sar=packages,
        statuses=statuses,
        bundle_sha256=run.bundle.sha256,
        diagnostic=None if diagnostic is None else Path(diagnostic),
        notes=(
            *input_notes(run),
            *use_notes(run.bundle),
            *(hint if unseen else ()),
            *(() if diagnostic is None else (f"{diagnostic}: {WARNING}",)),
            *(cut if written and more > 0 else ()),
        ),
        exit_code=unscored_exit(run.scores["status"], len(run.asked.problems), max_unscored),
    )


def _chosen(scores: pl.DataFrame, top: int | None) -> pl.DataFrame:
    """Return the rows to explain, highest first, with their ``position``."""
    ranked = scores.with_row_index("position").filter(pl.col("status") == SCORED).sort("rank")
    if top is not None:
        return ranked.head(top)
    return ranked.filter(_for_review()).head(MOST_BY_DEFAULT)


def _explained(
    run: Scored, chosen: pl.DataFrame, page: Callable[[Mapping[str, Any]], str], kept: Stage
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each alert as a line of JSON, its page, and what the index shows of it."""

    def fresh() -> Iterator[pl.DataFrame]:
        for alert in alerts(run, chosen[kept.rows :]):
            listed = json.dumps(_listed(alert), allow_nan=False)
            row = {"line": json_line(alert), "page": page(alert), "listed": listed}
            yield pl.DataFrame([row])

    with progress("Explaining", total=chosen.height) as advance:
        for row in kept.tables(fresh()):
            line, text, listed = row.row(0)
            yield line, text, json.loads(listed)
            advance(1)


def _for_review() -> pl.Expr:
    """Say of rows whether their band calls for review."""
    return (pl.col("band") != LOWEST).fill_null(False)


def _case_link(case: Case) -> dict[str, Any]:
    return {"href": f"{CASES_PAGE}#{case.case_id}", "n": len(case.members)}


def _write_cases(cases: Cases, folder: Path, linked: Explorers) -> None:
    text = json.dumps(cases.report, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / CASES).write_text(text + "\n", encoding="utf-8", newline="\n")
    page = cases_page(cases.report, linked)
    (folder / CASES_PAGE).write_text(page, encoding="utf-8", newline="\n")


def _write_outreach(
    run: Scored, cases: Cases, written: Sequence[Mapping[str, Any]], folder: Path
) -> dict[str, int]:
    """Write the addresses that may be victims', and return how many; below review is no alert."""
    up = [alert for alert in written if alert["band"] not in (LOWEST, None)]
    pages = {(alert["chain"], alert["address"]): alert["href"] for alert in up}
    victims = outreach(run, cases.own, pages)
    found = {"n": len(victims), "n_paid": sum(one["paid"]["n"] > 0 for one in victims)}
    page = outreach_page(_about(run) | found | {"victims": told_first(victims)})
    (folder / "outreach.html").write_text(page, encoding="utf-8", newline="\n")
    write_rows(outreach_table(victims), folder / "outreach.csv")
    return found


def _listed(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the index shows of an alert."""
    return {
        **{name: alert[name] for name in ("rank", "band", "chain", "address")},
        **{name: alert[name] for name in ("score", "score_low", "score_high")},
        "role": alert["role"] and alert["role"]["name"],
        "last_seen": alert["history"]["last_seen"],
        "received": math.fsum(part["value_in"] for part in alert["timeline"]["bins"]),
        "reason": alert["reasons"][0]["sentence"] if alert["reasons"] else None,
        "listed": bool(alert["list_hits"]),
        "href": alert_file(alert),
    }


def _about(run: Scored) -> dict[str, Any]:
    """Return what every page of a run says of it."""
    return {
        "generated_by": program(),
        "as_of": iso(run.as_of),
        "notices": list(notices(run)),
        "bundle_sha256": run.bundle.sha256,
        "transfers_sha256": run.transfers.sha256,
        "decision_use": run.bundle.facts.decision_use,
    }


def _overview(run: Scored, written: list[dict[str, Any]]) -> dict[str, Any]:
    scores = run.scores
    unscored = scores.filter(~pl.col("status").is_in([SCORED, VICTIM]))
    scored = scores.filter(pl.col("status") == SCORED)
    counted = scored["band"].value_counts().iter_rows()
    return _about(run) | {
        "base_rate": run.bundle.facts.calibration.base_rate,
        "basis": run.bundle.facts.basis,
        "n_requested": scores.height,
        "n_scored": scored.height,
        "bands": {band or "none": n for band, n in counted},
        "alerts": written,
        "statuses": [
            {"status": status, "n": n, "meaning": STATUS_MEANINGS[status]}
            for status, n in counts(scores["status"]).items()
            if status not in (SCORED, VICTIM)
        ],
        "unscored": unscored.select("chain", "address", "status")
        .head(MOST_UNSCORED_LISTED)
        .to_dicts(),
        "unscored_left_out": max(0, unscored.height - MOST_UNSCORED_LISTED),
        "problems": [
            {"line": p.line, "text": p.text, "reason": p.reason}
            for p in run.asked.problems[:MOST_UNSCORED_LISTED]
        ],
        "n_problems": len(run.asked.problems),
    }


def _facts(run: Scored, n_alerts: int) -> dict[str, Any]:
    return {
        "program": program(),
        "as_of": iso(run.as_of),
        "bundle_sha256": run.bundle.sha256,
        "transfers_sha256": run.transfers.sha256,
        "inputs": run.inputs,
        "environment": environment(),
        "decision_use": run.bundle.facts.decision_use,
        "rows": {"alerts": n_alerts, "requested": run.scores.height},
        "statuses": counts(run.scores["status"]),
    }
