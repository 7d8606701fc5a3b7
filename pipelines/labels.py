"""The `labels` jobs: bring label lists in, see what they say, map them to training labels, retract.

Retracting a label does not mend what was made with it, so it says what that is: every set of
training labels below a folder that the label is in, every bundle trained on one of those, and
every alert that such a bundle wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.labels import AUTO, read_label_list
from data.labels.collection import (
    LABELS_FILE,
    QUARANTINE_FILE,
    Collection,
    collected,
    merged,
    retracted,
)
from data.labels.mapping import Mapped, mapped
from data.labels.teaching import Settled, settle, teaching_version
from data.labels.training import read_training_labels
from data.schema import QUARANTINE, TIME, empty
from data.storage import (
    refuse_foreign,
    sha256_file,
    whole_directory,
    write_manifest,
)
from pipelines.labelling.labelled import label_hash
from pipelines.labelling.uses import TRAINING_KIND, Uses, uses_of, write_used
from pipelines.outputs import program, write_rows

TRAINING_FILE, CONFLICTS_FILE = "labels.csv", "conflicts.csv"
_UNSETTLED = "nothing: the surest labels disagree"


@dataclass(frozen=True)
class ImportResult:
    """What the job did."""

    out: Path
    files: int
    rows: int
    labels: int
    new: int
    quarantined: int
    notes: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True)
class MapResult:
    """What the job did."""

    out: Path
    labels: Path
    positive: int
    negative: int
    set_apart: int
    conflicts: int
    unsettled: int
    notes: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True)
class RetractResult:
    """What the job did, and what was made with the labels before."""

    labels: Path
    retracted: int
    training_sets: tuple[str, ...]
    bundles: tuple[str, ...]
    alerts: dict[str, int]
    notes: tuple[str, ...]
    exit_code: int


def import_labels(
    files: Sequence[str | Path],
    out: str | Path,
    *,
    source: str = AUTO,
    available_at: datetime | None = None,
) -> ImportResult:
    """Bring label lists into a folder of labels, which may hold earlier ones.

    Parameters
    ----------
    files
        Label lists, each in a format of `data.labels.SOURCES`.
    out
        The folder; what it holds stays, and what comes again is not added again.
    source
        The lists' format; default: recognised.
    available_at
        When the lists could be known, for labels that do not say; never filled otherwise.

    Raises
    ------
    Refused
        A file is no label list, or `out` holds something else.
    """
    out = Path(out)
    before = Collection.read(out) if Collection.is_at(out) else Collection.none()
    refuse_foreign(out)
    lists = [read_label_list(Path(file), source) for file in files]
    given = pl.lit(available_at, dtype=TIME)
    known, inputs = before.labels, dict(before.inputs)
    gone = set(known.filter(status="retracted")["label_id"])
    new = again = 0
    for file, listed in zip(files, lists, strict=True):
        labels = listed.labels.with_columns(pl.col("available_at").fill_null(given))
        again += len(set(collected(labels)["label_id"]) & gone)
        known, added = merged(known, labels)
        new += added
        inputs[Path(file).name] = {"sha256": sha256_file(Path(file)), "source": listed.source}
    set_aside = pl.concat([empty(QUARANTINE), *(listed.quarantine for listed in lists)])
    quarantine = pl.concat([before.quarantine, set_aside]).unique(maintain_order=True)
    Collection(known, quarantine, inputs).write(out, program())
    rows = sum(listed.rows for listed in lists)
    undated = known.filter(pl.col("available_at").is_null()).height
    notes = []
    if set_aside.height:
        notes.append(f"Rows that could not be used: {set_aside.height:,}; see {QUARANTINE_FILE}.")
    if undated:
        notes.append(
            f"Labels that do not say since when they could be known: {undated:,}; --available-at "
            "says it for all of a list."
        )
    if again:
        notes.append(f"Labels that came again and stay retracted: {again:,}.")
    return ImportResult(
        out=out,
        files=len(files),
        rows=rows,
        labels=known.height,
        new=new,
        quarantined=set_aside.height,
        notes=tuple(notes),
        exit_code=3 if set_aside.height else 0,
    )


def show_labels(
    labels: str | Path, address: str | None = None, *, at: datetime | None = None
) -> list[dict[str, Any]]:
    """Show what is claimed of one address and what stands; or, of all, how many claims there are.

    Parameters
    ----------
    at
        What stands are labels that have not expired by then; default: now.

    Returns
    -------
    list of dict
        Of one address a record per label, then one per chain and moment with the verdict; of all
        one per source and category.
    """
    known = Collection.read(Path(labels)).labels
    if address is None:
        counted = known.group_by("source", "category").agg(
            labels=pl.len(),
            addresses=pl.struct("chain", "address").n_unique(),
            retracted=(pl.col("status") == "retracted").sum(),
        )
        rows = counted.sort("source", "category").iter_rows(named=True)
        return [{"path": f"{r.pop('source')}: {r.pop('category')}"} | r for r in rows]
    mine = known.filter(pl.col("address").str.to_lowercase() == address.strip().lower())
    if mine.is_empty():
        raise Refused(
            f"there is no label on {address}", expected=f"an address with one in {labels}"
        )
    settled = settle(mine, at=at or datetime.now(UTC))
    told = [
        {"path": row.pop("label_id")} | {k: v for k, v in row.items() if v is not None}
        for row in mine.drop("address").iter_rows(named=True)
    ]
    return told + [_standing(row) for row in settled.verdicts.iter_rows(named=True)]


def _standing(verdict: Mapping[str, Any]) -> dict[str, Any]:
    as_of = verdict["as_of"]
    when = "" if as_of is None else f" as of {as_of:%Y-%m-%d %H:%M}"
    return {
        "path": f"what stands on {verdict['chain']}{when}",
        "verdict": verdict["verdict"] or _UNSETTLED,
        "decided_by": verdict["decided_by"],
    }


def retract_labels(
    labels: str | Path,
    address: str,
    reason: str,
    by: str,
    *,
    source: str | None = None,
    at: datetime | None = None,
    below: str | Path = "runs",
) -> RetractResult:
    """Retract the labels of an address, and say what was made with them.

    Parameters
    ----------
    reason, by
        Why, and who says so; both are kept with the label.
    source
        Only labels of this source; default: every one.
    at
        When; default: now.
    below
        Where to look for training labels, bundles and alerts.

    Raises
    ------
    Refused
        No active label is meant.
    """
    folder = Path(labels)
    before = Collection.read(folder)
    which = pl.col("address").str.to_lowercase() == address.strip().lower()
    if source is not None:
        which &= pl.col("source").str.split(":").list.first() == source
    moment = at or datetime.now(UTC)
    changed, gone = retracted(before.labels, which, at=moment, by=by, reason=reason)
    if gone.is_empty():
        of = "" if source is None else f" of {source}"
        raise Refused(
            f"there is no active label{of} on {address}",
            expected="an address with a label that was not retracted yet",
            hint=f"See them all: unrinse labels show {labels} {address}",
        )
    uses = uses_of(gone["label_id"], Path(below))
    replace(before, labels=changed).write(folder, program())
    return RetractResult(
        labels=folder,
        retracted=gone.height,
        training_sets=uses.training_sets,
        bundles=uses.bundles,
        alerts=uses.alerts,
        notes=_what_to_do(uses, Path(below)),
        exit_code=0,
    )


def map_labels(labels: str | Path, out: str | Path, *, at: datetime | None = None) -> MapResult:
    """Map labels to training labels, by a stated and versioned rule.

    Parameters
    ----------
    out
        A folder: ``labels.csv`` for `train` and `evaluate`, ``conflicts.csv`` (every address about
        which lists disagree, and what stands), ``used.parquet`` (which label taught what).

    Raises
    ------
    Refused
        Nothing is left to learn from, or `out` holds something else.
    """
    refuse_foreign(Path(out))
    return write_mapped(mapped(Path(labels), at=at), Path(out))


def write_mapped(lists: Mapped, out: Path) -> MapResult:
    """Write what a folder of labels teaches, with which label taught what."""
    settled, rows = lists.settled, lists.rows
    counts = {
        v: settled.verdicts.filter(verdict=v).height for v in ("positive", "negative", "apart")
    }
    unsettled = settled.verdicts["verdict"].null_count()
    with whole_directory(out) as directory:
        write_rows(rows, directory / TRAINING_FILE)
        write_rows(settled.conflicts, directory / CONFLICTS_FILE)
        write_used(settled, directory)
        facts = {
            "program": program(),
            "labels_sha256": sha256_file(lists.folder / LABELS_FILE),
            "teaching_version": teaching_version(),
            "training_labels": label_hash(read_training_labels(directory / TRAINING_FILE)),
            "counts": counts | settled.counts | {"unsettled": unsettled},
        }
        write_manifest(directory, TRAINING_KIND, facts)
    return MapResult(
        out=out,
        labels=out / TRAINING_FILE,
        positive=counts["positive"],
        negative=counts["negative"],
        set_apart=counts["apart"],
        conflicts=settled.conflicts.height,
        unsettled=unsettled,
        notes=_map_notes(settled, rows),
        exit_code=0,
    )


def _map_notes(settled: Settled, rows: pl.DataFrame) -> tuple[str, ...]:
    notes = []
    if n := settled.counts.get("refused", 0):
        notes.append(
            "Labels that must not teach (what a model propagated; that a suspicion was reported): "
            f"{n:,}."
        )
    if n := settled.verdicts["verdict"].null_count():
        notes.append(
            f"Addresses left out, since their surest labels disagree: {n:,}; see {CONFLICTS_FILE}."
        )
    if n := settled.counts.get("teach_nothing", 0):
        notes.append(f"Labels that say nothing of pig-butchering laundering: {n:,}.")
    if n := settled.counts.get("retracted", 0):
        notes.append(f"Labels that were retracted: {n:,}.")
    if n := settled.counts.get("expired", 0):
        notes.append(f"Labels that have expired: {n:,}.")
    if n := settled.counts.get("reviewed_again", 0):
        notes.append(f"Reviews that another of the same address and moment replaced: {n:,}.")
    if rows["label"].n_unique() != 2:
        notes.append("All are of one class: training needs both.")
    if n := rows["as_of"].null_count():
        notes.append(
            f"Rows whose labels do not say as of when: {n:,} of {rows.height:,}. Where one row has "
            "no as_of, `train` cuts all at one moment, --as-of."
        )
    return tuple(notes)


def _what_to_do(uses: Uses, below: Path) -> tuple[str, ...]:
    if not uses.training_sets:
        return (f"No training labels below {below} were made with them.",)
    notes = ["Map the labels again."]
    if uses.bundles:
        notes.append("Train again: each bundle named learned from them.")
    if uses.alerts:
        notes.append("Look again at the alerts: each file named has some of such a bundle.")
    return tuple(notes)
