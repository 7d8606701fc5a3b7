"""Scores made part after part: rows wait on disk, and only what ranks need stays in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import polars as pl

from features.catalogue import catalogue
from features.passes import Question
from models.scoring import NAMED_SCORE_BYTES, REASON_BYTES, SCORE_BYTES, RunningScores
from pipelines.engines.choice import Engine
from pipelines.inputs import Capped, Tally
from pipelines.memory import Cap
from pipelines.prepared.lists import Few, few_histories
from pipelines.resuming import Part, Stage
from pipelines.to_score import ToScore


@dataclass(frozen=True)
class InParts:
    """Scores that were made in parts and are kept in a run's work.

    Attributes
    ----------
    scored
        Yields the rows, in parts, without ranks and reasons; each time from the first.
    finished
        Yields the rows of the scores file, in parts; each time from the first.
    statuses, bands
        How many addresses have each.
    notes, spilled_bytes, few
        What of the histories was not taken as it came; bytes spilled; how the list was read.
    """

    scored: Callable[[], Iterable[pl.DataFrame]]
    finished: Callable[[], Iterator[pl.DataFrame]]
    statuses: Mapping[str, int]
    bands: Mapping[str, int]
    notes: tuple[str, ...]
    spilled_bytes: int | None
    few: Few


def in_parts(
    given: ToScore,
    engine: Engine,
    cap: Cap | None,
    kept: Stage,
    *,
    reasons: int,
    threads: int | None,
) -> InParts:
    """Score part after part.

    Parameters
    ----------
    given
        What is scored, by what.
    kept
        Where the parts are kept until all are ranked, and for a run that goes on.
    """
    facts, capped, statuses, bands = given.bundle.facts, Capped(), Tally(), Tally()
    families = catalogue().families_of(facts.signals)
    fresh_scores = partial(
        RunningScores, given.bundle, given.services, reasons=reasons, threads=threads or 1
    )
    scores, model = fresh_scores(), fresh_scores()  # a cluster is sent the one without rows
    few = few_histories(
        given.prepared,
        given.transfers,
        given.requests,
        families,
        Question(given.as_of, facts.basis, facts.legs, given.services),
        memory=None if cap is None else cap.memory,
    )
    nobody: list[pl.DataFrame] = []
    with engine.run(
        given.transfers,
        given.requests,
        as_of=given.as_of,
        basis=facts.basis,
        legs=facts.legs,
        services=given.services,
        families=families,
        cap=cap,
        kept=_bytes_of_each(given, reasons),
        threads=threads,
        few=few.histories,
    ) as histories:
        fresh = histories.through(partial(_scored, model=model), after=kept.rows)
        for part in kept.through(fresh):
            scores.take(part["scores"], part["highest"])
            statuses.see(part["scores"]["status"])
            bands.see(part["scores"]["band"])
            capped.seen(part["capped"])
            if not part["scores"].height:  # which is not kept, and may be all there is
                nobody = [part["scores"]]
        notes = (*histories.notes, *capped.notes(), *few.notes)
        spilled_bytes = histories.spilled_bytes

    def scored() -> Iterable[pl.DataFrame]:
        return chain(kept.again("scores"), nobody)

    return InParts(
        scored,
        partial(scores.finished, scored),
        statuses.counts,
        bands.counts,
        notes,
        spilled_bytes,
        few,
    )


def _bytes_of_each(given: ToScore, reasons: int) -> int:
    """Return what is kept of each address until all are ranked, in memory."""
    if given.requests is None:  # in the order of the store, which is that of ranks
        # How many they are is not known yet; where fewer than 1,024, reasons are few as well.
        return SCORE_BYTES + REASON_BYTES * reasons // 1024
    asked = given.requests.height
    return NAMED_SCORE_BYTES + REASON_BYTES * min(reasons, asked) // max(1, asked)


def _scored(signals: pl.DataFrame, model: RunningScores) -> Part:
    """Score a part, and return what must be known of it in the end."""
    scored, highest = model.scored(signals)
    capped = signals.select(pl.selectors.ends_with("_capped"))
    return {"scores": scored, "highest": highest, "capped": capped}
