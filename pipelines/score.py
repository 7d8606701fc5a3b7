"""The `score` job: a bundle applied to a list of addresses, one row for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from data.services import Services
from data.storage import ROW_GROUP_ROWS
from data.transfers import Transfers
from features.catalogue import catalogue
from models.bundle import Bundle
from models.scoring import score_frame
from pipelines.engines import local
from pipelines.engines.choice import Engine
from pipelines.inputs import (
    Asked,
    Capped,
    service_notes,
    unscored_exit,
)
from pipelines.outputs import check_output, program, write_table
from pipelines.recorded import environment, recorded_inputs
from pipelines.resuming import Earlier, Stage, resumable
from pipelines.review import REVIEWED, drawn, review_files, write_review
from pipelines.scores_in_parts import in_parts
from pipelines.to_score import ToScore, to_score


@dataclass(frozen=True)
class ScoreResult:
    """What the job did."""

    out: Path
    addresses: int
    statuses: Mapping[str, int]
    bands: Mapping[str, int]
    to_review: Path | None
    base_rate: float
    decision_use: bool
    bundle_sha256: str
    content_sha256: str
    spilled_bytes: int | None
    read_bytes: int | None
    read_share: float | None
    notes: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True)
class Scored:
    """Everything a scoring run has in hand: for the scores file and for explanations."""

    bundle: Bundle
    transfers: Transfers
    services: Services
    asked: Asked
    measured: local.Measured
    scores: pl.DataFrame
    as_of: datetime

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """What it all rests on, beside the bundle and the transfers; results record it."""
        return recorded_inputs(self.as_of, self.asked.requests, self.transfers, self.services)


def score_addresses(
    bundle: str | Path,
    transfers: str | Path,
    addresses: str | Path,
    *,
    as_of: datetime | None = None,
    reasons: int = 0,
    research_use: bool = False,
    services: str | Path | Sequence[str | Path] | None = None,
    threads: int | None = None,
    assume_complete: bool = False,
) -> Scored:
    """Score a list of addresses in memory; see `score` for the parameters."""
    given = to_score(
        bundle,
        transfers,
        addresses,
        as_of=as_of,
        research_use=research_use,
        services=services,
        assume_complete=assume_complete,
    )
    return score_asked(
        given.bundle,
        given.transfers,
        given.services,
        given.asked,
        given.as_of,
        reasons=reasons,
        threads=threads,
    )


def score_asked(
    bundle: Bundle,
    transfers: Transfers,
    services: Services,
    asked: Asked,
    as_of: datetime,
    *,
    reasons: int = 0,
    threads: int | None = None,
    kept: Stage | None = None,
) -> Scored:
    """Score addresses that have been read, with what has been loaded and may be used."""
    measured = local.measure(
        transfers,
        asked.requests,
        as_of=as_of,
        basis=bundle.facts.basis,
        legs=bundle.facts.legs,
        threads=threads,
        services=services,
        families=catalogue().families_of(bundle.facts.signals),
        kept=kept,
    )
    scores = score_frame(bundle, measured.signals, services, reasons=reasons, threads=threads or 1)
    return Scored(bundle, transfers, services, asked, measured, scores, as_of)


def score(
    bundle: str | Path,
    transfers: str | Path,
    addresses: str | Path | None,
    out: str | Path,
    *,
    as_of: datetime | None = None,
    reasons: int = 0,
    engine: str = "local",
    spark_master: str | None = None,
    research_use: bool = False,
    services: str | Path | Sequence[str | Path] | None = None,
    threads: int | None = None,
    max_unscored: float | None = None,
    control_sample: int | None = None,
    assume_complete: bool = False,
    memory: int | str | None = None,
    spill: str | Path | None = None,
    resume: bool = False,
    start_again: bool = False,
) -> ScoreResult:
    """Score addresses and write one row for each, in the order requested.

    Parameters
    ----------
    bundle
        A trained model, as `train` writes it.
    transfers
        A store, a canonical Parquet file, a folder of them or a glob.
    addresses
        Plain text, CSV or Parquet; one address a row. None: every covered address, by chain and
        address.
    out
        Parquet, CSV or JSON Lines by its suffix.
    as_of
        Score as things stood then; default: the moment recorded at ingest.
    reasons
        Fill ``top_reasons`` for that many of the highest scores.
    engine
        ``local``, this process, or ``spark``, a cluster; the result is the same.
    spark_master
        The cluster, as Spark names it; default: what Spark is set up for, else this machine.
    research_use
        Score real transfers with a model that is not for decisions; every row says so.
    services
        Further known services and listed parties: a file or several, each a services table or a
        label list (`data.labels.SOURCES`).
    max_unscored
        Exit code 3 where a larger share of the requested addresses has no score.
    control_sample
        Write a review file beside the scores, ``<out>.review.csv``: every alert and so many random
        addresses from below the threshold, without scores, for reviewers who must not know which
        is which; and its key, ``<out>.review-key.csv``, with how likely each was to be chosen.
        `review_labels` reads both.
    memory
        What the process may take, as bytes or as text (``2GiB``); what does not fit is spilled to
        disk, and the result is the same. Default: everything is held in memory.
    spill
        The folder to spill to; default: that of `out`.
    resume
        Go on where an earlier run with this `out` was stopped, if one was (`pipelines.resuming`).
    start_again
        Throw away what such a run has done.

    Raises
    ------
    Refused
        An input cannot be used; the message says what was expected.
    """
    out = Path(out)
    check_output(out)
    chosen = Engine(engine, spark_master)
    cap = chosen.cap(memory, spill, out)
    with resumable(
        out, Earlier(resume, start_again), spill=None if cap is None else cap.folder
    ) as work:
        run = to_score(
            bundle,
            transfers,
            addresses,
            as_of=as_of,
            research_use=research_use,
            services=services,
            assume_complete=assume_complete,
        )
        work.rests_on(run.rests_on | {"the job": "score", "--reasons": reasons})
        made = in_parts(run, chosen, cap, work.stage("scores"), reasons=reasons, threads=threads)
        key = None
        if control_sample is not None:
            rows = pl.concat(part.select(REVIEWED) for part in made.scored())
            key = drawn(rows, control_sample, bundle_sha256=run.bundle.sha256)
        manifest = write_scores(run, made.finished(), out)
        if key is not None:
            write_review(key, out, bundle_sha256=run.bundle.sha256)
    return ScoreResult(
        out=out,
        addresses=sum(made.statuses.values()),
        statuses=made.statuses,
        bands=made.bands,
        to_review=None if key is None else review_files(out)[0],
        base_rate=run.bundle.facts.calibration.base_rate,
        decision_use=run.bundle.facts.decision_use,
        bundle_sha256=run.bundle.sha256,
        content_sha256=manifest["content_sha256"],
        spilled_bytes=made.spilled_bytes,
        read_bytes=made.few.read_bytes,
        read_share=made.few.read_share,
        notes=(*_notes_on(run), *made.notes, *use_notes(run.bundle)),
        exit_code=unscored_exit(made.statuses, len(run.asked.problems), max_unscored),
    )


def write_scores(
    run: ToScore, scores: pl.DataFrame | Iterable[pl.DataFrame], out: Path
) -> dict[str, Any]:
    """Write a scores file with its manifest beside it, and return the manifest.

    Parameters
    ----------
    scores
        The rows, or the parts of them.
    """
    facts = {
        "program": program(),
        "transfers_sha256": run.transfers.sha256,
        "bundle_sha256": run.bundle.sha256,
        "as_of": run.as_of.isoformat(),
        "inputs": run.inputs,
        "environment": environment(),
        "training_basis": run.bundle.facts.training_basis,
        "decision_use": run.bundle.facts.decision_use,
        "base_rate": run.bundle.facts.calibration.base_rate,
    }
    if isinstance(scores, pl.DataFrame) and scores.height:
        scores = scores.iter_slices(ROW_GROUP_ROWS)
    return write_table(scores, out, kind="scores", facts=facts)


def input_notes(run: Scored) -> tuple[str, ...]:
    """Say what of the addresses, the services and the histories was not taken as it came."""
    capped = Capped()
    capped.seen(run.measured.signals)
    return (*_notes_on(run), *run.measured.histories.notes, *capped.notes())


def _notes_on(given: ToScore | Scored) -> tuple[str, ...]:
    return (*given.asked.notes, *service_notes(given.services))


def use_notes(bundle: Bundle) -> tuple[str, ...]:
    """Say, wherever a model that is not for decisions speaks, that it is not."""
    facts = bundle.facts
    return () if facts.decision_use else (f"Not for decisions. {_ORIGINS[facts.training_basis]}",)


_ORIGINS = {
    "synthetic": "The model behind these scores was trained on a synthetic world and never "
    "calibrated on reviewed cases.",
    "research": "The model behind these scores was trained on public research labels and never "
    "calibrated on reviewed cases.",
    "reviewed": "The model behind these scores has not been released for decisions.",
}
