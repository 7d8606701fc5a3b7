"""The `monitor` job: whether what a model is asked about has drifted, and whether it still holds.

Two windows of addresses are compared in every input of the model, in scores, statuses and coverage
(`models.drift_questions`), and, where labels are given, what the model does on mature ones with
what its evaluation promised (`models.promised`). All questions together raise a false alarm in at
most one of a thousand pairs of windows between which nothing changed (`models.drift`). What could
not have been found, because too few addresses stand on both sides, is said beside it: no alarm is
never a claim that nothing changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from data.storage import refuse_foreign, sha256_file, whole_directory, write_manifest
from models.drift import (
    FALSE_ALARMS,
    LEAST_EFFECT,
    POWER,
    STEPS_PER_DOUBLING,
    Finding,
    detectable,
    judged,
    pairs_needed,
)
from models.drift_questions import AGE, Model, findings
from models.facts import BundleFacts
from models.status import SCORED
from pipelines.alerting.alerts import notices
from pipelines.console import UNSHOWN, progress
from pipelines.inputs import counts, unscored_exit
from pipelines.labelling.labels_in_time import measured_in_time
from pipelines.moments import iso
from pipelines.outputs import program, write_json
from pipelines.pages.monitor import headline, monitor_page
from pipelines.score import Scored, input_notes, score_addresses, use_notes
from pipelines.windows import Window, Windows, windows

SIZE_ASKED = 0.3
"""The shift, in standard deviations, for which the page says how many pairs it takes."""


@dataclass(frozen=True)
class MonitorResult:
    """What the job found.

    Attributes
    ----------
    out
        The folder: monitor.json, monitor.html, manifest.json.
    page
        The page.
    alarm
        Whether anything differs by more than chance and by enough to matter.
    alarms
        What does, as sentences.
    reference
        What the list was compared with.
    questions
        Questions asked at once.
    pairs
        Pairs of scored addresses of equal age.
    detectable_sd
        The least shift of a signal, in standard deviations, that would have been found with 95 %;
        None without pairs.
    statuses
        Addresses of the list by status.
    decision_use, bundle_sha256
        Of the model.
    notes
        What must be said besides.
    exit_code
        4 on an alarm; else 3 where lines of a list were unusable or too many addresses have no
        score; else 0.
    """

    out: Path
    page: Path
    alarm: bool
    alarms: tuple[str, ...]
    reference: str
    questions: int
    pairs: int
    detectable_sd: float | None
    statuses: Mapping[str, int]
    decision_use: bool = field(metadata=UNSHOWN)
    bundle_sha256: str
    notes: tuple[str, ...]
    exit_code: int


def monitor(
    bundle: str | Path,
    transfers: str | Path,
    addresses: str | Path,
    out: str | Path,
    *,
    as_of: datetime | None = None,
    reference: str | Path | None = None,
    reference_as_of: datetime | None = None,
    labels: str | Path | None = None,
    label_lag: float | None = None,
    least_effect: float = LEAST_EFFECT,
    research_use: bool = False,
    services: str | Path | Sequence[str | Path] | None = None,
    threads: int | None = None,
    max_unscored: float | None = None,
    assume_complete: bool = False,
) -> MonitorResult:
    """Compare a list of addresses with a reference, and raise an alarm where they differ.

    Parameters
    ----------
    bundle, transfers, addresses
        Paths of a bundle, of transfers, and of the list as it stands.
    out
        The folder to write: monitor.json, monitor.html, manifest.json.
    as_of
        The moment of the list; default: the one recorded at ingest.
    reference
        The list to compare with, such as the addresses that were scored a year ago, each with its
        own `as_of`; a scores file will do. Default: the same list 52 weeks earlier, or 4 weeks
        where the transfers do not reach back so far (`pipelines.windows`).
    reference_as_of
        The moment of the reference: of the same list, or of the rows of `reference` without one.
    labels
        Training labels; those that are mature are held against the bundle's evaluation.
    label_lag
        Days after which labels count as mature; default: told from the labels
        (`models.label_lag`).
    least_effect
        Differences below it, in standard deviations, never alarm.
    research_use, services, threads, assume_complete
        As for `score`.
    max_unscored
        The largest tolerable share of the list without a score.

    Raises
    ------
    Refused
        An input is unusable, or no reference can be made.
    """
    refuse_foreign(Path(out))
    run = score_addresses(
        bundle,
        transfers,
        addresses,
        as_of=as_of,
        research_use=research_use,
        services=services,
        threads=threads,
        assume_complete=assume_complete,
    )
    both = windows(
        run,
        reference=None if reference is None else Path(reference),
        reference_as_of=reference_as_of,
        threads=threads,
    )
    facts = run.bundle.facts
    measured = (
        (None, [])
        if labels is None
        else measured_in_time(run, Path(bundle), Path(labels), lag_days=label_lag, threads=threads)
    )
    report = drift_report(run, both, *measured, least_effect=least_effect)
    said = notices(run)
    with whole_directory(Path(out)) as folder:
        write_json(report, folder / "monitor.json")
        page = monitor_page(report, notices=said)
        (folder / "monitor.html").write_text(page, encoding="utf-8", newline="\n")
        inputs = {"addresses": addresses, "reference": reference, "labels": labels}
        hashes = {
            f"{name}_sha256": sha256_file(Path(path))
            for name, path in inputs.items()
            if path is not None
        }
        facts_of_run = {
            "program": program(),
            "as_of": iso(run.as_of),
            "bundle_sha256": run.bundle.sha256,
            "transfers_sha256": run.transfers.sha256,
            "decision_use": facts.decision_use,
            **hashes,
        }
        write_manifest(folder, "monitor", facts_of_run)
    problems = len(run.asked.problems) + len(both.asked.problems)
    statuses = counts(run.scores["status"])
    partly = unscored_exit(statuses, problems, max_unscored)
    return MonitorResult(
        out=Path(out),
        page=Path(out) / "monitor.html",
        alarm=report["alarm"],
        alarms=tuple(report["alarms"]),
        reference=both.chosen,
        questions=report["design"]["questions"],
        pairs=report["design"]["pairs"],
        detectable_sd=report["design"]["detectable"],
        statuses=statuses,
        decision_use=facts.decision_use,
        bundle_sha256=run.bundle.sha256,
        notes=(*input_notes(run), *both.asked.notes, headline(report), *use_notes(run.bundle)),
        exit_code=4 if report["alarm"] else partly,
    )


def drift_report(
    run: Scored,
    both: Windows,
    performance: Mapping[str, Any] | None = None,
    asked_besides: Sequence[Finding] = (),
    *,
    least_effect: float = LEAST_EFFECT,
) -> dict[str, Any]:
    """Compare two windows, and return the content of `monitor.json`.

    Parameters
    ----------
    run, both
        The list as it stands, and the windows made of it.
    performance, asked_besides
        What labels say, and the questions that they add.
    least_effect
        As for `monitor`.
    """
    facts = run.bundle.facts
    model = Model(facts.signals, facts.thresholds, facts.legs)
    with progress("Comparing signals", total=len(facts.signals)) as advance:
        found = list(
            findings(
                both.current.rows,
                both.reference.rows,
                model,
                ask_age=both.ages_compare,
                progress=advance,
            )
        )
    told = judged([*found, *asked_besides], least_effect=least_effect)
    return _report(run, both, told, performance, least_effect)


def _report(
    run: Scored,
    both: Windows,
    told: list[Finding],
    performance: Mapping[str, Any] | None,
    least_effect: float,
) -> dict[str, Any]:
    """Return the content of `monitor.json`."""
    questions = sum(finding.counted for finding in told)
    pairs = next(f.compared.n for f in told if (f.about, f.name) == ("score", "log_odds"))
    limits = {"least_effect": least_effect}
    facts: BundleFacts = run.bundle.facts
    return {
        "alarm": any(finding.alarm for finding in told),
        "alarms": [_sentence(finding) for finding in told if finding.alarm],
        "bundle_sha256": run.bundle.sha256,
        "training_basis": facts.training_basis,
        "decision_use": facts.decision_use,
        "transfers_sha256": run.transfers.sha256,
        "generated_by": program(),
        "windows": {
            "kind": both.kind,
            "chosen": both.chosen,
            "on_both": both.n_on_both,
            "current": _window(both.current),
            "reference": _window(both.reference),
        },
        "design": {
            "false_alarms": FALSE_ALARMS,
            "least_effect": least_effect,
            "power": POWER,
            "equal_age": 2 ** (1 / STEPS_PER_DOUBLING) - 1,
            "questions": questions,
            "pairs": pairs,
            "detectable": detectable(pairs, questions, **limits),
            "size_asked": SIZE_ASKED,
            "pairs_needed": pairs_needed(SIZE_ASKED, max(1, questions), **limits),
        },
        "findings": [_told(finding, questions, limits) for finding in told],
        "performance": performance,
    }


def _window(window: Window) -> dict[str, Any]:
    ages = window.rows[AGE].drop_nulls()
    return {
        "earliest": iso(window.earliest),
        "latest": iso(window.latest),
        "asked": window.n_asked,
        "looked_at": window.rows.height,
        "scored": int((window.rows["status"] == SCORED).sum()),
        "median_age_days": ages.median(),
        "statuses": counts(window.rows["status"]),
    }


def _told(finding: Finding, questions: int, limits: Mapping[str, float]) -> dict[str, Any]:
    compared = finding.compared
    return {
        **{k: v for k, v in asdict(finding).items() if k != "compared"},
        "pairs": compared.n,
        "effect": compared.effect,
        "p": compared.p,
        "detectable": detectable(compared.n, questions, **limits),
    }


def _sentence(finding: Finding) -> str:
    """Say what differs, from what to what, and by how much.

    >>> from models.drift import Compared
    >>> _sentence(Finding("status", "scored", "share", 0.5, 0.25, Compared(900, -0.52, 0.0, 0.0)))
    'status scored: share 0.5 → 0.25 (-0.52 sd)'
    """
    values = " → ".join(
        "none" if value is None else f"{value:.4g}"
        for value in (finding.reference, finding.current)
    )
    words = {"place": "median", "spread": "distance between quartiles"}
    what = words.get(finding.what, finding.what)
    return f"{finding.about} {finding.name}: {what} {values} ({finding.compared.effect:+.2f} sd)"
