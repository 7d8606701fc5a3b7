"""A list scored again: what is computed, what is taken over, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from models.scoring import score_frame
from pipelines.moments import iso
from pipelines.outputs import program
from pipelines.recorded import environment
from pipelines.rescoring.kept import STATE_VERSION, Kept
from pipelines.rescoring.marks import Marks, marks
from pipelines.rescoring.moved import differs, sentence
from pipelines.rescoring.remeasured import Remeasured, measured_again
from pipelines.score import Scored, ToScore


@dataclass(frozen=True)
class ScoredAgain:
    """A list scored again.

    Attributes
    ----------
    run
        The scored list; its histories are those that were computed.
    found
        Its signals.
    marks
        What the run knew.
    how
        How many addresses were computed, of how many, and why, for machines and for people.
    same_program
        Whether there is an earlier run with the same model, program and libraries.
    """

    run: Scored
    found: Remeasured
    marks: Marks
    how: dict[str, Any]
    same_program: bool


def scored_again(
    given: ToScore, earlier: Kept | None, *, full: bool, threads: int | None
) -> ScoredAgain:
    """Score a list, going on from an earlier run.

    Parameters
    ----------
    given
        What is scored, all as of one moment.
    earlier
        The run to go on from; None: everybody is computed.
    full
        Compute everybody all the same.
    threads
        Worker threads.
    """
    now, before = facts_of(given), None if earlier is None else earlier.facts
    same = (
        before is not None
        and all(now[name] == before[name] for name in ("bundle_sha256", "environment"))
        and now["inputs"]["program_sha256"] == before["inputs"]["program_sha256"]
    )
    why_not = () if before is None else differs(now, before)
    if full:
        why_not = ("it was asked for (--full)",)
    known = marks(
        given.transfers,
        given.services,
        given.as_of,
        seen=earlier.marks.hours
        if earlier is not None
        and same
        and now["transfers_sha256"] == earlier.facts["transfers_sha256"]
        else None,
    )
    found = measured_again(given, known, earlier, why_not, threads=threads)
    scores = score_frame(given.bundle, found.signals, given.services, threads=threads or 1)
    measured = replace(found.measured, signals=found.signals)
    run = Scored(
        given.bundle, given.transfers, given.services, given.asked, measured, scores, given.as_of
    )
    return ScoredAgain(run, found, known, _how(found, earlier), same)


def facts_of(given: ToScore) -> dict[str, Any]:
    """Return what a run rests on, as its manifest records it."""
    return {
        "state_version": STATE_VERSION,
        "program": program(),
        "as_of": iso(given.as_of),
        "bundle_sha256": given.bundle.sha256,
        "transfers_sha256": given.transfers.sha256,
        "inputs": given.inputs,
        "environment": environment(),
        "training_basis": given.bundle.facts.training_basis,
        "decision_use": given.bundle.facts.decision_use,
    }


def _how(found: Remeasured, earlier: Kept | None) -> dict[str, Any]:
    if earlier is None or found.moved is None:
        said = "Everybody was computed: there is no earlier run to go on from."
    else:
        said = sentence(found.moved, earlier.as_of)
    since = None if found.moved is None else found.moved.since
    return {
        "computed": found.anew,
        "of": found.each.height,
        "since": None if since is None else iso(since),
        "how": said,
    }
