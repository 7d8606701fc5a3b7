"""A list scored again: what is computed, what is taken over, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.scoring import score_frame
from pipelines.moments import iso
from pipelines.outputs import program
from pipelines.recorded import environment
from pipelines.rescoring.kept import STATE_VERSION, Kept
from pipelines.rescoring.marks import Before, Marks, marks
from pipelines.rescoring.moved import differs, sentence
from pipelines.rescoring.remeasured import Remeasured, measured_again
from pipelines.resuming import Stage
from pipelines.score import Scored
from pipelines.to_score import ToScore


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
    given: ToScore,
    earlier: Kept | None,
    *,
    full: bool,
    threads: int | None,
    kept: Stage | None = None,
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
    kept
        Where the signals that are computed are kept, in case the run is killed.
    """
    now, then = facts_of(given), None if earlier is None else earlier.facts
    same = (
        then is not None
        and all(now[name] == then[name] for name in ("bundle_sha256", "environment"))
        and now["inputs"]["program_sha256"] == then["inputs"]["program_sha256"]
    )
    why_not = () if then is None else differs(now, then)
    if full:
        why_not = ("it was asked for (--full)",)
    before = _before(now, earlier) if earlier is not None and same and not full else None
    known = marks(given.transfers, given.services, given.as_of, before)
    found = measured_again(given, known, earlier, why_not, threads=threads, kept=kept)
    scores = score_frame(given.bundle, found.signals, given.services, threads=threads or 1)
    measured = replace(found.measured, signals=found.signals)
    run = Scored(
        given.bundle, given.transfers, given.services, given.asked, measured, scores, given.as_of
    )
    return ScoredAgain(run, found, known, _how(found, earlier), same)


def _before(now: Mapping[str, Any], earlier: Kept) -> Before:
    """Say what of an earlier run's marks holds; a full run, which is to be compared, asks not."""
    then = earlier.facts
    covered = ("coverage_sha256", "assume_complete")
    return Before(
        earlier.marks,
        same_transfers=now["transfers_sha256"] == then["transfers_sha256"],
        same_coverage=all(now["inputs"][name] == then["inputs"][name] for name in covered),
    )


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
