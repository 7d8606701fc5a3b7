"""A folder of labels as training labels: what its labels teach, address by address.

It is what `unrinse labels map` writes and what `train` learns from where it is given the folder
itself (or the table in it). `source` names the lists of the labels that decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from data.errors import Refused
from data.labels.collection import LABELS_FILE, Collection
from data.labels.origin import printable
from data.labels.table import BETWEEN
from data.labels.teaching import Settled, settle
from data.labels.training import TRAINING_LABELS

TAUGHT = ("positive", "negative")
"""Verdicts that make a training label."""


@dataclass(frozen=True)
class Mapped:
    """What a folder of labels teaches.

    Attributes
    ----------
    folder
        Where the labels stand.
    settled
        What was claimed, and what stands.
    rows
        `TRAINING_LABELS`.
    """

    folder: Path
    settled: Settled
    rows: pl.DataFrame


def folder_of(path: Path) -> Path | None:
    """Return the folder of labels that a path names, itself or by its table; None for others."""
    folder = path.parent if path.name == LABELS_FILE else path
    return folder if Collection.is_at(folder) else None


def table_of(path: Path) -> Path:
    """Return the file that labels stand in: of a folder of labels its table, else the path."""
    folder = folder_of(path)
    return path if folder is None else folder / LABELS_FILE


def mapped(folder: Path, *, at: datetime | None = None) -> Mapped:
    """Map the labels of a folder.

    Parameters
    ----------
    at
        Labels must not have expired by then; default: now.

    Raises
    ------
    Refused
        It is no folder of labels, or nothing in it teaches.
    """
    labels = Collection.read(folder).labels
    settled = settle(labels, at=at or datetime.now(UTC))
    rows = _training_rows(settled, labels)
    if rows.is_empty():
        raise Refused(
            f"no label in {folder} teaches anything about pig-butchering laundering",
            expected="labels such as pig_butchering, romance_scam or reviewed_benign",
            hint=f"See what there is: unrinse labels show {folder}",
        )
    return Mapped(folder, settled, rows)


def _training_rows(settled: Settled, labels: pl.DataFrame) -> pl.DataFrame:
    """Return `TRAINING_LABELS`; what no label says stays open, and what they disagree on."""
    sources = dict(labels.select("label_id", "source").iter_rows())
    roles = dict(labels.select("label_id", "role").iter_rows())
    taught = settled.verdicts.filter(pl.col("verdict").is_in(TAUGHT))
    named = [
        BETWEEN.join(sorted({sources[label] for label in labels})) for labels in taught["label_ids"]
    ]
    said = [{roles[label] for label in labels} - {None} for labels in taught["label_ids"]]
    rows = taught.with_columns(
        role=pl.Series([min(s) if len(s) == 1 else None for s in said], dtype=pl.String),
        label=(pl.col("verdict") == "positive").cast(pl.Int8),
        source=pl.Series([printable(name) for name in named], dtype=pl.String),
    )
    return rows.select(
        pl.col(name) if name in rows.columns else pl.lit(None, dtype=kind).alias(name)
        for name, kind in TRAINING_LABELS.items()
    )
