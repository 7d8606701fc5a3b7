"""The report of explained scores: alerts, their pages, their cases, an index, the outreach list."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data.explorers import Explorers
from data.storage import write_manifest
from models.bands import LOWEST
from models.cases.grouping import Case
from models.status import SCORED
from pipelines.alerting.alerts import alerts, json_line, notices
from pipelines.alerting.known_parties import VICTIM
from pipelines.alerting.outreach import outreach, outreach_table, told_first
from pipelines.casework.cases import Cases, find_cases
from pipelines.casework.sar import FOLDER as SAR
from pipelines.casework.sar import write_packages
from pipelines.console import progress
from pipelines.inputs import counts
from pipelines.moments import iso
from pipelines.outputs import program, write_json, write_rows
from pipelines.pages.cases import cases_page
from pipelines.pages.outreach import outreach_page
from pipelines.pages.pages import alert_file, alert_page, index_page
from pipelines.recorded import environment
from pipelines.resuming import Stage
from pipelines.score import Scored

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


def for_review() -> pl.Expr:
    """Say of rows of scores whether their band calls for review."""
    return (pl.col("band") != LOWEST).fill_null(False)


@dataclass(frozen=True)
class Report:
    """What was written of some alerts.

    Attributes
    ----------
    alerts
        What the index shows of each.
    cases
        Their cases.
    packages
        By case, the SHA-256 of its package's SHA256SUMS.
    """

    alerts: list[dict[str, Any]]
    cases: Cases
    packages: Mapping[str, str]


def write_report(
    run: Scored,
    chosen: pl.DataFrame,
    folder: Path,
    linked: Explorers,
    kept: Stage | None = None,
    *,
    sar: bool = False,
) -> Report:
    """Explain some scores: alerts, their pages, cases, the index, the outreach list, a manifest.

    Parameters
    ----------
    run, chosen
        The scored list, and what is explained of it; as for `alerts`.
    folder
        Empty; its caller makes it appear whole.
    linked
        The explorers that pages link to.
    kept
        Where the work is kept for a run that goes on; None: nowhere.
    sar
        Write packages too.
    """
    cases = find_cases(run, chosen)
    grouped = {key: _case_link(case) for key, case in cases.grouped().items()}

    def page_of(alert: Mapping[str, Any]) -> str:
        return alert_page(alert, linked, grouped.get((alert["chain"], alert["address"])))

    written, told = [], []
    with (folder / "alerts.jsonl").open("w", encoding="utf-8", newline="\n") as lines:
        for line, page, listed in _explained(run, chosen, page_of, kept):
            lines.write(line + "\n")
            (folder / listed["href"]).write_text(page, encoding="utf-8", newline="\n")
            written.append(listed)
            if sar:
                told.append(json.loads(line))
    _write_cases(cases, folder, linked)
    packages = write_packages(run, chosen, told, cases, folder / SAR) if sar else {}
    victims = _write_outreach(run, cases, written, folder)
    overview = _overview(run, written) | {"cases": cases.counted(), "victims": victims}
    (folder / "index.html").write_text(index_page(overview), encoding="utf-8", newline="\n")
    write_manifest(folder, "alerts", _facts(run, len(written)))
    return Report(written, cases, packages)


def _explained(
    run: Scored,
    chosen: pl.DataFrame,
    page_of: Callable[[Mapping[str, Any]], str],
    kept: Stage | None,
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each alert as a line of JSON, its page, and what the index shows of it."""

    def fresh() -> Iterator[pl.DataFrame]:
        for alert in alerts(run, chosen[0 if kept is None else kept.rows :]):
            listed = json.dumps(_listed(alert), allow_nan=False)
            row = {"line": json_line(alert), "page": page_of(alert), "listed": listed}
            yield pl.DataFrame([row])

    with progress("Explaining", total=chosen.height) as advance:
        for row in fresh() if kept is None else kept.tables(fresh()):
            line, page, listed = row.row(0)
            yield line, page, json.loads(listed)
            advance(1)


def _case_link(case: Case) -> dict[str, Any]:
    return {"href": f"{CASES_PAGE}#{case.case_id}", "n": len(case.members)}


def _write_cases(cases: Cases, folder: Path, linked: Explorers) -> None:
    write_json(cases.report, folder / CASES)
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
