"""From labels and signals to rows in parts: what every step of a training starts from."""

from __future__ import annotations

import polars as pl

from features.signal import Signal
from models.facts import SignalCatalogue, running_catalogue
from models.leakage import Subject, Surroundings
from models.settings import Settings
from models.splits import PARTS, Split, assign
from models.status import SCORED, Requirements, with_history
from models.training import model_inputs

_LABEL_COLUMNS = (
    "label",
    "as_of_given",
    "case_id",
    "group",
    "available_at",
    "split",
    "weight",
    "selection_probability",
    "population",
    "role",
    "source",
    "typology",
    "ticket_size",
    "hour_block",
)


def labelled(frame: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Put labels beside their signals, row by row, with ``_row`` numbering them.

    Raises
    ------
    ValueError
        The rows are not those of the same addresses.
    """
    if frame["address"].to_list() != labels["address"].to_list():
        raise ValueError("The signals frame and the labels must name the same addresses in order.")
    told = [name for name in _LABEL_COLUMNS if name in labels.columns]
    beside = frame.drop([name for name in told if name in frame.columns])
    return pl.concat([beside, labels.select(told)], how="horizontal").with_row_index("_row")


def subject_of(
    frame: pl.DataFrame, labels: pl.DataFrame, settings: Settings, surroundings: Surroundings
) -> Subject:
    """Return what the leakage audit looks at before `fit` trains; parameters as there."""
    known, _ = in_parts(labelled(frame, labels), settings)
    return subject(known, settings, surroundings, running_catalogue())


def in_parts(table: pl.DataFrame, settings: Settings) -> tuple[pl.DataFrame, Split]:
    """Return the labelled rows with their part, group, moment and status, and their split."""
    known = table.filter(pl.col("label").is_not_null())
    split = assign(known, settings.shares)
    requirements = Requirements(settings.legs, settings.min_transfers)
    known = known.with_columns(
        split.part.alias("part"),
        split.group.alias("group"),
        split.moment.alias("moment"),
        with_history(known, requirements),
    )
    return known, split


def subject(
    known: pl.DataFrame, settings: Settings, surroundings: Surroundings, of_code: SignalCatalogue
) -> Subject:
    """Return what the leakage audit looks at; `known` as `in_parts` returns it."""
    inputs = _inputs(known, settings, of_code)
    with_part = known.filter(pl.col("part").is_not_null())
    return Subject(with_part, inputs, settings.basis, surroundings)


def with_scores(known: pl.DataFrame, scored: pl.DataFrame) -> pl.DataFrame:
    """Put the log-odds of the rows that have a score beside all of them."""
    return known.join(
        scored.select("_row", "log_odds"), on="_row", how="left", maintain_order="left"
    )


def train_rows(known: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that the trees learn from."""
    return known.filter((pl.col("part") == "train") & (pl.col("status") == SCORED))


def unlabelled_rows(table: pl.DataFrame, known: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Return rows without a label that were there to learn from when validation began.

    Those of addresses that validation or test judge at another moment are left out.
    """
    held = known.filter(pl.col("part").is_in(PARTS[1:]))
    begins = held["as_of"].min()
    rows = table.filter(pl.col("label").is_null(), pl.col("as_of") <= pl.lit(begins))
    rows = rows.join(held.select("address").unique(), on="address", how="anti")
    requirements = Requirements(settings.legs, settings.min_transfers)
    return rows.filter(with_history(rows, requirements) == SCORED)


def _inputs(known: pl.DataFrame, settings: Settings, of_code: SignalCatalogue) -> list[Signal]:
    """Return what the model may learn from; exposures that nobody in train has are left out."""
    inputs = model_inputs(
        of_code.signals,
        basis=settings.basis,
        legs=settings.legs,
        own_moments=known["as_of"].n_unique() > 1,
        exposure=settings.exposure,
        also=settings.also,
    )
    rows = train_rows(known)
    return [s for s in inputs if not s.exposure or (rows[s.name] > 0).any()]
