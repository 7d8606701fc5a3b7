"""A folder of labels: every one that was ever brought in, whence, and whether it still stands.

    labels.parquet       `COLLECTED`, sorted; a label is known by `label_id`
    quarantine.parquet   rows of the lists that could not be used
    manifest.json        the files read, with their hashes, and the hashes of the tables

A label that comes a second time is the same label, whatever file it comes in. One that was
retracted stays so, however often it comes again.

>>> one = pl.DataFrame([{"chain": "tron", "address": "T1", "category": "scam", "source": "forta",
...     "confidence": "web_crawl", "status": "active"}], schema=LABELS)
>>> first, n = merged(collected(one.clear()), one)
>>> again, m = merged(first, one)
>>> n, m, again.equals(first)
(1, 0, True)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from data.errors import Refused
from data.labels.table import LABELS
from data.schema import QUARANTINE, TIME, empty
from data.storage import MANIFEST, read_manifest, whole_directory, write_manifest, write_parquet

LABELS_FILE, QUARANTINE_FILE = "labels.parquet", "quarantine.parquet"
KIND = "labels"

COLLECTED: dict[str, pl.DataType] = LABELS | {
    "label_id": pl.String(),
    "retracted_at": TIME,
    "retracted_by": pl.String(),
    "retraction_reason": pl.String(),
}

_LATER = ("as_of", "expires_at", "selection_probability", "reviewer", "reason")
"""Columns that came later: where they are null, a label keeps the id it had before."""

_IDENTITY = tuple(name for name in LABELS if name not in ("status", *_LATER))
_ORDER = ("chain", "address", "source", "category", "label_id")
_ID_DIGITS = 16
_UNIT = "\x1f"


def collected(labels: pl.DataFrame) -> pl.DataFrame:
    """Give labels (`LABELS`) their ids, and room for what a retraction says."""
    said = pl.concat_str(
        [pl.col(name).cast(pl.String).fill_null(_UNIT) for name in _IDENTITY], separator=_UNIT
    )
    beside = [pl.format(f"{_UNIT}{name}={{}}", name).fill_null("") for name in _LATER]
    texts = labels.select(pl.concat_str(said, *beside)).to_series()
    ids = [hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS] for text in texts]
    return labels.with_columns(
        pl.Series("label_id", ids, dtype=pl.String),
        *(pl.lit(None, dtype=COLLECTED[name]).alias(name) for name in list(COLLECTED)[-3:]),
    ).select(list(COLLECTED))


def merged(known: pl.DataFrame, labels: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Add labels (`LABELS`) to a collection; return it, and how many of them are new."""
    new = (
        collected(labels)
        .unique("label_id", keep="first", maintain_order=True)
        .join(known, on="label_id", how="anti")
    )
    return pl.concat([known, new]).sort(_ORDER), new.height


def retracted(
    known: pl.DataFrame, which: pl.Expr, *, at: datetime, by: str, reason: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Retract the active labels that an expression picks; return the collection, and those."""
    chosen = which & (pl.col("status") == "active")
    changed = known.with_columns(
        status=pl.when(chosen).then(pl.lit("retracted")).otherwise("status"),
        retracted_at=pl.when(chosen).then(pl.lit(at, dtype=TIME)).otherwise("retracted_at"),
        retracted_by=pl.when(chosen).then(pl.lit(by)).otherwise("retracted_by"),
        retraction_reason=pl.when(chosen).then(pl.lit(reason)).otherwise("retraction_reason"),
    )
    return changed, changed.filter(pl.col("label_id").is_in(known.filter(chosen)["label_id"]))


@dataclass(frozen=True)
class Collection:
    """A folder of labels, read.

    Attributes
    ----------
    labels
        `COLLECTED`.
    quarantine
        `schema.QUARANTINE`, of every list.
    inputs
        The lists by name, each with its ``sha256`` and ``source``.
    """

    labels: pl.DataFrame
    quarantine: pl.DataFrame
    inputs: Mapping[str, Mapping[str, str]]

    @classmethod
    def none(cls) -> Collection:
        """Return a collection without labels."""
        return cls(collected(empty(LABELS)), empty(QUARANTINE), {})

    @classmethod
    def read(cls, folder: Path) -> Collection:
        """Read a folder.

        Raises
        ------
        Refused
            It is no folder of labels, or not as it was written.
        """
        if not cls.is_at(folder):
            raise Refused(
                f"{folder} is no folder of labels",
                expected="a folder that `unrinse labels import` wrote",
            )
        manifest = read_manifest(folder)
        if manifest.get("kind") != KIND:
            raise Refused(
                f"{folder} holds something else than labels", expected="a folder of labels"
            )
        labels, quarantine = (
            pl.read_parquet(folder / name) for name in (LABELS_FILE, QUARANTINE_FILE)
        )
        # A folder of an earlier version lacks the columns that came later.
        lacking = [pl.lit(None, dtype=COLLECTED[c]).alias(c) for c in _LATER if c not in labels]
        labels = labels.with_columns(lacking).select(list(COLLECTED))
        return cls(labels, quarantine, manifest["inputs"])

    @staticmethod
    def is_at(folder: Path) -> bool:
        """Say whether a folder looks like one of labels."""
        return (folder / LABELS_FILE).is_file() and (folder / MANIFEST).is_file()

    def write(self, folder: Path, program: str) -> None:
        """Write the folder, whole or not at all; an earlier one is replaced."""
        with whole_directory(folder) as directory:
            write_parquet(self.labels.select(list(COLLECTED)), directory / LABELS_FILE)
            write_parquet(self.quarantine, directory / QUARANTINE_FILE)
            rows = {"labels": self.labels.height, "quarantine": self.quarantine.height}
            write_manifest(
                directory, KIND, {"program": program, "inputs": self.inputs, "rows": rows}
            )
