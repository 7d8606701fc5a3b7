"""From labelled signals to a bundle: split, train, calibrate, set the bands, measure, describe.

The steps, and what each may look at:

| step | rows |
|---|---|
| leakage audit | all; it looks at labels and parts, chooses nothing, and stops what leaks |
| trees | train |
| calibration, bands | validation |
| populations for percentiles | train |
| evaluation | each split by itself; test decides nothing |

Rows whose history is too short, cut off, uncovered or unpriced take no part in any of them,
because the model will not score such addresses either; they are counted in the evaluation.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import LEGS
from features.signal import Signal
from models.bands import FALSE_POSITIVE_RATES, from_negatives
from models.bundle import Bundle, write_bundle
from models.calibration import Calibration, calibrate
from models.evaluation import Judge, evaluate_splits
from models.facts import (
    BundleFacts,
    SignalCatalogue,
    ThresholdPopulation,
    running_catalogue,
    signal_hashes,
)
from models.leakage import Subject, Surroundings, audit
from models.model_card import model_card
from models.percentiles import Population, population
from models.splits import Shares, Split, assign, groups
from models.status import SCORED, Requirements, with_history
from models.training import Trained, matrix, model_inputs, row_weights, train_model

MIN_TRANSFERS = 5
"""Default of the fewest transfers a history needs."""

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
)


@dataclass(frozen=True)
class Settings:
    """What a training run is told.

    Attributes
    ----------
    basis : str
        Value basis of the signals.
    legs : tuple of str
        Leg profile of the histories.
    min_transfers : int
        Shorter histories are neither trained on nor scored.
    training_basis : str
        ``synthetic``, ``research`` or ``reviewed``: where the labels come from.
    base_rate : float, optional
        Share of positives to state scores at; None: the prevalence of validation.
    seed : int
        Of every random choice.
    shares : Shares
        Of the split by time, unless the labels bring their own.
    params : mapping
        Overrides of `training.PARAMETERS`.
    monotone : bool
        Hold the score monotone in signals whose direction of risk is certain.
    exposure : bool
        Whether signals that rest on others may be inputs (`models.association` caps them); those
        that are nothing in every training row are left out.
    also : tuple of str
        Families whose signals for context are inputs too.
    allow : tuple of str
        Findings of the leakage audit (`models.leakage.CHECKS`) that the user accepts.
    threads : int
        Changes the time it takes, never the bundle.
    sources : mapping
        Hashes of the inputs (labels, transfers), recorded in the bundle.
    versions : mapping
        Further software versions to record.
    """

    basis: str
    legs: tuple[str, ...]
    min_transfers: int = MIN_TRANSFERS
    training_basis: str = "synthetic"
    base_rate: float | None = None
    seed: int = 1
    shares: Shares = field(default_factory=Shares)
    params: Mapping[str, Any] = field(default_factory=dict)
    monotone: bool = False
    exposure: bool = True
    also: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    threads: int = 1
    sources: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """A bundle that is not yet on disk.

    Attributes
    ----------
    facts, model, card, evaluation
        Its four files.
    split : Split
        Which labelled row served for what; `rows` numbers its rows.
    rows : polars.Series
        Positions of the labelled rows in the frame that was given.
    """

    facts: BundleFacts
    model: str
    card: str
    evaluation: Mapping[str, Any]
    split: Split
    rows: pl.Series

    def write(self, out: str | Path) -> str:
        """Write the bundle, whole or not at all, and return its `bundle_sha256`."""
        return write_bundle(
            out, self.facts, model=self.model, card=self.card, evaluation=self.evaluation
        )


def fit(
    frame: pl.DataFrame,
    labels: pl.DataFrame,
    settings: Settings,
    *,
    surroundings: Surroundings | None = None,
    catalogue: SignalCatalogue | None = None,
) -> Fitted:
    """Audit the labels, then train, calibrate and measure a model.

    Parameters
    ----------
    frame
        A signals frame on `settings.basis` and `settings.legs`, one row per row of `labels`.
    labels
        Training labels in the same order: `address`, `label` (1, 0, null), and where known
        `case_id`, `group`, `available_at`, `split`, `weight`, `selection_probability`,
        `population`.
    settings
        Everything else.
    surroundings
        What the audit is to look at beyond the table; without it some checks are not made, which
        the bundle tells.
    catalogue
        The signals to choose inputs from; default: those of the running code.

    Raises
    ------
    Refused
        The labels leak in a way that `settings.allow` does not name; too few labelled histories in
        train or validation; a base rate outside (0, 1): see the steps.
    """
    of_code = catalogue or running_catalogue()
    table = labelled(frame, labels)
    known, split = _in_parts(table, settings)
    subject = _subject(known, settings, surroundings or Surroundings(), of_code)
    audited = audit(subject, settings.allow)
    audited.gate()
    trained = _train(known, list(subject.inputs), settings)
    scored = _raw_scores(known, trained, settings.threads)
    calibration = _calibrate(scored, settings)
    scored = scored.with_columns(log_odds=calibration.log_odds(scored["raw"].to_numpy()))
    facts = _facts(scored, trained, calibration, settings, of_code)
    told = _told(trained, settings, split, table, of_code)
    facts = replace(facts, training={**told, "audit": audited.facts()})
    judge = Judge(calibration, facts.thresholds)
    measured = evaluate_splits(_with_scores(known, scored), judge, seed=settings.seed)
    evaluation = {"audit": audited.facts(), **measured}
    card = model_card(facts, evaluation)
    return Fitted(facts, trained.model, card, evaluation, split, known["_row"])


def subject_of(
    frame: pl.DataFrame, labels: pl.DataFrame, settings: Settings, surroundings: Surroundings
) -> Subject:
    """Return what the leakage audit looks at before `fit` trains; parameters as there."""
    known, _ = _in_parts(labelled(frame, labels), settings)
    return _subject(known, settings, surroundings, running_catalogue())


def _in_parts(table: pl.DataFrame, settings: Settings) -> tuple[pl.DataFrame, Split]:
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


def _subject(
    known: pl.DataFrame, settings: Settings, surroundings: Surroundings, of_code: SignalCatalogue
) -> Subject:
    inputs = _inputs(known, settings, of_code)
    in_parts = known.filter(pl.col("part").is_not_null())
    return Subject(in_parts, inputs, settings.basis, surroundings)


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


def evaluate_bundle(
    bundle: Bundle,
    frame: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    part: pl.Series | None = None,
    threads: int = 1,
) -> dict[str, Any]:
    """Measure a bundle on labels it may never have seen.

    Parameters
    ----------
    bundle
        The model.
    frame, labels
        As in `fit`.
    part
        Name of each row's split, null to leave it out; None: the labels' own `split` column where
        there is one, else everything is one split called ``all``.
    """
    table = labelled(frame, labels)
    if part is None:
        given = "split" in table.columns and table["split"].null_count() == 0
        part = table["split"] if given else pl.Series(["all"] * table.height, dtype=pl.String)
    facts = bundle.facts
    known = (
        table.with_columns(part.alias("part"), groups(table).alias("group"))
        .filter(pl.col("label").is_not_null())
        .pipe(lambda t: t.with_columns(with_history(t, _needs(facts))))
    )
    scored = known.filter(pl.col("status") == SCORED)
    log_odds = bundle.log_odds(matrix(scored, facts.signals), threads=threads)
    table = _with_scores(known, scored.with_columns(log_odds=pl.Series(log_odds, dtype=pl.Float64)))
    return evaluate_splits(table, Judge(facts.calibration, facts.thresholds))


def _needs(facts: BundleFacts) -> Requirements:
    return Requirements(facts.legs, facts.min_transfers)


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
    rows = _train_rows(known)
    return [s for s in inputs if not s.exposure or (rows[s.name] > 0).any()]


def _train_rows(known: pl.DataFrame) -> pl.DataFrame:
    return known.filter((pl.col("part") == "train") & (pl.col("status") == SCORED))


def _train(known: pl.DataFrame, inputs: list[Signal], settings: Settings) -> Trained:
    rows = _train_rows(known)
    return train_model(
        rows,
        rows,
        inputs,
        seed=settings.seed,
        params=settings.params,
        monotone=settings.monotone,
        threads=settings.threads,
    )


def _raw_scores(known: pl.DataFrame, trained: Trained, threads: int) -> pl.DataFrame:
    """Return the rows with enough history, with the model's raw log-odds."""
    import lightgbm

    rows = known.filter(pl.col("status") == SCORED)
    booster = lightgbm.Booster(model_str=trained.model)
    raw = booster.predict(matrix(rows, trained.signals), raw_score=True, num_threads=threads)
    return rows.with_columns(raw=pl.Series(np.asarray(raw), dtype=pl.Float64))


def _calibrate(scored: pl.DataFrame, settings: Settings) -> Calibration:
    # In the one order of rows, because sums of floats depend on it.
    rows = scored.filter(pl.col("part") == "validation").sort("chain", "address", "as_of", "label")
    return calibrate(
        rows["raw"].to_numpy(),
        rows["label"].to_numpy(),
        base_rate=settings.base_rate,
        weight=row_weights(rows),
    )


def _facts(
    scored: pl.DataFrame,
    trained: Trained,
    calibration: Calibration,
    settings: Settings,
    of_code: SignalCatalogue,
) -> BundleFacts:
    negatives = scored.filter((pl.col("part") == "validation") & (pl.col("label") == 0))
    test = scored.filter(pl.col("part") == "test")
    return BundleFacts(
        signals=trained.signals,
        signal_hashes=signal_hashes(of_code.signals),
        catalogue_hash=of_code.hash(),
        basis=settings.basis,
        legs=tuple(leg for leg in LEGS if leg in settings.legs),
        min_transfers=settings.min_transfers,
        calibration=calibration,
        thresholds=from_negatives(negatives["log_odds"].to_numpy()),
        threshold_population=ThresholdPopulation(
            "negatives of the validation split",
            negatives.height,
            _date(negatives),
            FALSE_POSITIVE_RATES,
        ),
        **_populations(scored, trained.signals),
        training={},
        training_basis=settings.training_basis,
        decision_use=settings.training_basis == "reviewed" and test["label"].n_unique() == 2,
        versions=_versions(settings.versions),
        files={},
    )


def _told(
    trained: Trained,
    settings: Settings,
    split: Split,
    table: pl.DataFrame,
    of_code: SignalCatalogue,
) -> dict[str, Any]:
    """Return what the bundle tells of its training."""
    return {
        "n": trained.n,
        "n_positive": trained.n_positive,
        "n_unlabelled_not_used": table["label"].null_count(),
        "n_known_too_late": split.n_known_late,
        "split": "given with the labels" if split.predefined else "by time and case",
        "rounds": trained.rounds,
        "parameters": trained.parameters,
        "exposure": [s.name for s in of_code.signals if s.exposure and s.name in trained.signals],
        "seed": settings.seed,
        "fingerprints": [trained.fingerprint],
        "sources": dict(settings.sources),
    }


def _populations(scored: pl.DataFrame, signals: tuple[str, ...]) -> dict[str, Population]:
    everyone = scored.filter(pl.col("part") == "train")
    look_alikes = everyone.filter(pl.col("label") == 0)
    named = {
        "population": ("training addresses", everyone),
        "look_alikes": ("training addresses reviewed as not laundering", look_alikes),
    }
    return {
        key: population(name, _date(rows), matrix(rows, signals), signals)
        for key, (name, rows) in named.items()
    }


def _date(rows: pl.DataFrame) -> str:
    """Return the ISO date of the latest `as_of`."""
    latest = rows["as_of"].dt.date().max() if rows.height else None
    if latest is None:
        raise Refused(
            "the validation part has no negative address with enough history",
            expected="some, to set the bands on",
        )
    return str(latest)


def _versions(further: Mapping[str, str]) -> dict[str, str]:
    named = {name: version(name) for name in ("lightgbm", "numpy", "polars")}
    return {**named, "python": platform.python_version(), **further}


def _with_scores(known: pl.DataFrame, scored: pl.DataFrame) -> pl.DataFrame:
    return known.join(
        scored.select("_row", "log_odds"), on="_row", how="left", maintain_order="left"
    )
