"""Labels and the signals of their addresses, row by row: what `train` and `evaluate` share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from data.content_hash import content_hash
from data.errors import Refused
from data.labels.mapping import Mapped, folder_of, mapped
from data.labels.training import TRAINING_LABELS, read_training_labels
from data.schema import LEGS, leg_set
from data.service_table import SERVICES
from data.services import Services
from data.transfers import Transfers
from features.catalogue import catalogue
from models.leakage import Ties
from models.splits import assign
from pipelines.console import progress
from pipelines.engines import local
from pipelines.inputs import known_addresses, resolved_as_of
from pipelines.labelling.ties import linked, ties_of


@dataclass(frozen=True)
class Labelled:
    """Labels and signals in one order.

    Attributes
    ----------
    labels
        As `data.labels.training` reads them, unlabelled rows included, every `as_of` filled, with
        ``as_of_given`` (whether the file gave it) and ``group`` (`ties.linked`).
    signals
        The signals frame of the same rows.
    legs
        The leg profile in force.
    ties
        Whom the positives deal with.
    """

    labels: pl.DataFrame
    signals: pl.DataFrame
    legs: tuple[str, ...]
    ties: Ties

    def parts_as_trained(self) -> pl.Series:
        """Split the labels as training on them did; unlabelled rows belong to no part."""
        beside = self.labels.drop("as_of", "chain", "address")
        table = pl.concat([self.signals, beside], how="horizontal").with_row_index("_row")
        known = table.filter(pl.col("label").is_not_null())
        parts = known.select("_row", part=assign(known).part)
        return table.join(parts, on="_row", how="left", maintain_order="left")["part"]


def read_labels(given: Path | Mapped, transfers: Transfers, as_of: datetime | None) -> pl.DataFrame:
    """Read training labels, or what a folder of labels teaches, and settle each row's cut.

    Where a row of a split lacks its own `as_of`, all rows of that split are cut at one stated
    moment: were only the unknown ones filled, the kind of cut would tell the classes apart.
    """
    labels = given_labels(given, transfers)
    labels = labels.with_columns(as_of_given=pl.col("as_of").is_not_null())
    if not labels["as_of"].null_count():
        return labels
    common = pl.lit(resolved_as_of(transfers, as_of))
    incomplete = pl.col("as_of").is_null().any().over(pl.col("split").fill_null(""))
    cut = labels.with_columns(pl.when(incomplete).then(common).otherwise("as_of").alias("as_of"))
    _refuse_torn(cut)
    return cut


def _refuse_torn(labels: pl.DataFrame) -> None:
    """Refuse labels of several moments that one cut has made labels of one, and that disagree."""
    judged = labels.filter(pl.col("label").is_not_null())
    torn = judged.filter(pl.col("label").n_unique().over("chain", "address", "as_of") > 1)
    if torn.height:
        named = torn.unique(["chain", "address"], maintain_order=True)
        raise Refused(
            f"cut at one moment, since some rows have no as_of, {named.height:,} addresses are "
            f"both 1 and 0, the first {named['address'][0]}.",
            expected="one label for each address and moment",
            hint="Give as_of for every row, or for none and each address once.",
        )


def given_labels(given: Path | Mapped, transfers: Transfers) -> pl.DataFrame:
    """Read training labels, or what a folder of labels teaches.

    Raises
    ------
    Refused
        The labels cannot be used.
    """
    if isinstance(given, Path):
        folder = folder_of(given)
        if folder is None:
            return read_training_labels(given, known_addresses(transfers))
        given = mapped(folder)
    return given.rows


def label_hash(labels: pl.DataFrame) -> str:
    """Return a SHA-256 by which training labels are known again.

    Neither the order of the rows nor the file's format counts, nor what may be filled in: `as_of`
    and `source`.
    """
    content = labels.select(name for name in TRAINING_LABELS if name not in ("as_of", "source"))
    return content_hash(content.sort(content.columns))


USUAL = 0.9
"""A leg counts for training if more than this share of the judged addresses are covered for it."""


def measure_labelled(
    labels: pl.DataFrame,
    transfers: Transfers,
    *,
    basis: str,
    legs: Iterable[str] | None,
    threads: int | None,
    services: Services | None = None,
    names: Iterable[str] | None = None,
) -> Labelled:
    """Compute the signals of labelled addresses.

    Parameters
    ----------
    legs
        The leg profile; None: the legs that more than nine tenths of the judged addresses are
        covered for. Addresses that lack one of them get the status ``partial_coverage``.
    services
        What is publicly known of counterparties.
    names
        The signals needed, else all: families that look beyond a history cost more.

    Raises
    ------
    Refused
        There is no such leg.
    """
    profile = tuple(legs) if legs is not None else _usual_legs(labels, transfers)
    latest = labels["as_of"].max()
    assert isinstance(latest, datetime)
    measured = local.measure(
        transfers,
        labels.select("chain", "address", "as_of"),
        as_of=latest,
        basis=basis,
        legs=profile,
        threads=threads,
        services=services,
        families=None if names is None else catalogue().families_of(names),
    )
    with progress("Looking for ties between labels"):
        known = Services(pl.DataFrame(schema=SERVICES)) if services is None else services
        ties = ties_of(labels, transfers, known)
        labels = labels.with_columns(linked(labels, ties))
    used = tuple(leg for leg in LEGS if leg in profile)
    return Labelled(labels, measured.signals, used, ties)


def _usual_legs(labels: pl.DataFrame, transfers: Transfers) -> tuple[str, ...]:
    """Return the legs that nearly all judged addresses are covered for.

    A single one-sided export would otherwise blind the model to what all others show.
    """
    if transfers.assume_complete or transfers.coverage is None:
        return LEGS
    judged = labels.filter(pl.col("label").is_not_null()).select("chain", "address").unique()
    covered = (
        transfers.coverage.join(judged, on=["chain", "address"], how="semi")
        .group_by("chain", "address")
        .agg(pl.col("legs").str.join(","))
    )
    seen = [(leg_set(text), n) for text, n in covered["legs"].value_counts().iter_rows()]
    share = {
        leg: sum(n for legs, n in seen if leg in legs) / max(1, covered.height) for leg in LEGS
    }
    usual = tuple(leg for leg in LEGS if share[leg] > USUAL)
    if not usual:
        raise Refused(
            "there is no leg that nearly all labelled addresses are covered for.",
            expected=f"one of {', '.join(LEGS)}, shown by more than {USUAL:.0%} of their exports",
            hint="Name the legs to train on with --legs; addresses without them are left out.",
        )
    return usual
