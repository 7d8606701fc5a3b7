"""The feedback loop: whom to review, and what the reviews teach.

`unrinse score --control-sample N` writes, beside the scores, a review file and its key
(`data.labels.reviews`); `unrinse labels review` turns them, filled in, into training labels with a
`selection_probability`, by which training weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from data.errors import Refused
from data.labels import teaching
from data.labels.collection import collected
from data.labels.reviews import (
    KEY,
    KEYS,
    REVIEW,
    TEACHES,
    read,
    read_keys,
    read_reviews,
    settle,
)
from data.labels.training import read_training_labels
from data.storage import refuse_foreign, sha256_file, whole_directory, write_manifest
from models.bands import LOWEST
from models.status import SCORED
from pipelines.labelling.labelled import label_hash
from pipelines.labelling.uses import REVIEWS_KIND, write_used
from pipelines.outputs import program, write_rows, write_table

LABELS_FILE, REVIEWS_FILE = "labels.csv", "reviews.csv"
REVIEWED = (*KEYS, "status", "band")
"""What `drawn` needs of scores."""


@dataclass(frozen=True)
class ReviewResult:
    """What the job did."""

    out: Path
    labels: Path
    positive: int
    negative: int
    unsure: int
    not_reviewed: int
    expired: int
    unsettled: int
    notes: tuple[str, ...]
    exit_code: int


def review_files(out: Path) -> tuple[Path, Path]:
    """Return where the review file and its key of a scores file stand.

    >>> [path.name for path in review_files(Path("runs/scores.parquet"))]
    ['scores.review.csv', 'scores.review-key.csv']
    """
    return out.with_name(f"{out.stem}.review.csv"), out.with_name(f"{out.stem}.review-key.csv")


def drawn(scores: pl.DataFrame, controls: int, *, bundle_sha256: str) -> pl.DataFrame:
    """Return whom to review: every alert, and some addresses from below the threshold.

    Parameters
    ----------
    scores
        The scores file's rows, `REVIEWED` of them at least.
    controls
        How many scored addresses of the lowest band are drawn. Their order is by a hash of bundle
        and address, which nobody chooses: the same run draws the same ones, another model or
        moment others.

    Returns
    -------
    polars.DataFrame
        `data.labels.reviews.KEY`, in an order that tells nothing.

    Raises
    ------
    Refused
        The model gives out no bands, so that there is no threshold to be below of.
    """
    rows = scores.filter(pl.col("status") == SCORED).unique(KEYS, maintain_order=True)
    if rows.height and rows["band"].null_count():
        raise Refused(
            "the model gives out no bands, so that there is no threshold to draw below of.",
            hint="Train it on more reviewed negatives; `medium` needs 200 in validation.",
        )
    rows = rows.with_columns(
        # Two lots: the drawn ones have the lowest of one, which must not order the file.
        pl.Series(name, [_lot(f"{name}|{bundle_sha256}", *row) for row in rows.select(KEYS).rows()])
        for name in ("_lot", "_place")
    ).sort("_lot")
    below = rows.filter(pl.col("band") == LOWEST)
    chosen = below.head(controls)
    parts = [
        (rows.filter(pl.col("band") != LOWEST), "alert", 1.0),
        (chosen, "control", chosen.height / max(1, below.height)),
    ]
    told = pl.concat(
        part.with_columns(drawn=pl.lit(word), selection_probability=pl.lit(chance))
        for part, word, chance in parts
    )
    return told.sort("_place").select(pl.col(name).cast(kind) for name, kind in KEY.items())


def _lot(of: str, chain: str, address: str, as_of: datetime) -> str:
    return hashlib.sha256(f"{of}|{chain}|{address}|{as_of}".encode()).hexdigest()


def write_review(key: pl.DataFrame, out: Path, *, bundle_sha256: str) -> None:
    """Write the review file, empty but for who is asked about, and its key."""
    review, sealed = review_files(out)
    facts = {"program": program(), "bundle_sha256": bundle_sha256}
    blank = (pl.lit(None, dtype=pl.String).alias(name) for name in REVIEW[3:])
    write_table(key.select(*KEYS, *blank), review, kind="review", facts=facts)
    write_table(key, sealed, kind="review_key", facts=facts)


def review_labels(
    reviews: Sequence[str | Path],
    out: str | Path,
    key: Sequence[str | Path],
    *,
    at: datetime | None = None,
) -> ReviewResult:
    """Turn reviews into training labels.

    Parameters
    ----------
    reviews
        Review files, filled in (`data.labels.reviews`).
    out
        The folder to write: ``labels.csv`` (for `train`), ``reviews.csv`` (every review, who, why,
        when, how the address came to be drawn, whether the review counts; for `labels import`),
        ``used.parquet`` (which review taught what, for `labels retract`), manifest.json.
    key
        The keys that were written beside the review files.
    at
        The moment at which reviews must not have expired; default: now.

    Raises
    ------
    Refused
        A file cannot be read, a cell is not what it should be, or an address stands in no key.
    """
    refuse_foreign(Path(out))
    files, keys = [Path(path) for path in reviews], [Path(path) for path in key]
    told, blank = read_reviews(files)
    of = read_keys(keys)
    strangers = told.join(of, on=KEYS, how="anti")
    if strangers.height:
        raise Refused(
            f"{strangers.height:,} reviewed addresses stand in no key, the first "
            f"{strangers['address'][0]}.",
            expected="the key of every review file: without it nobody knows how likely an address "
            "was to be reviewed",
            hint="Name them with --key.",
        )
    at = at or datetime.now(UTC)
    settled = settle(told, at=at)
    stand = settled.stand.join(of, on=KEYS, how="left", maintain_order="left")
    labels = stand.select(
        *KEYS[:2],
        label=pl.col("disposition").replace_strict(TEACHES, return_dtype=pl.Int8),
        as_of="as_of",
        available_at="reviewed_at",
        selection_probability="selection_probability",
        source=pl.lit("reviews"),
    )
    counted = (
        told.join(of, on=KEYS, how="left", maintain_order="left")
        .join(
            settled.stand.with_columns(counts=pl.lit(True)), on=list(told.columns), how="left",
            nulls_equal=True, maintain_order="left",
        ).with_columns(pl.col("counts").fill_null(False))
    )  # fmt: skip
    with whole_directory(Path(out)) as folder:
        write_rows(labels, folder / LABELS_FILE)
        write_rows(counted, folder / REVIEWS_FILE)
        # By the ids that the same reviews have in a folder of labels, where they can be retracted.
        write_used(teaching.settle(collected(read(folder / REVIEWS_FILE).labels), at=at), folder)
        facts = {
            "program": program(),
            "training_labels": label_hash(read_training_labels(folder / LABELS_FILE)),
            "files": {path.name: sha256_file(path) for path in (*files, *keys)},
        }
        write_manifest(folder, REVIEWS_KIND, facts)
    n = {word: stand.filter(pl.col("disposition") == word).height for word in TEACHES}
    return ReviewResult(
        out=Path(out),
        labels=Path(out) / LABELS_FILE,
        positive=n["confirmed"],
        negative=n["cleared"],
        unsure=n["unsure"],
        not_reviewed=blank,
        expired=settled.expired.height,
        unsettled=settled.unsettled.select(KEYS).n_unique(),
        notes=_notes(stand),
        exit_code=0,
    )


def _notes(stand: pl.DataFrame) -> tuple[str, ...]:
    controls = stand.filter(pl.col("drawn") == "control")
    if stand.is_empty() or controls.height:
        return ()
    return (
        "No control is among the reviews: a model trained on them learns only about what it "
        "already suspected.",
    )
