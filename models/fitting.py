"""From labelled signals to a bundle: split, train, calibrate, set the bands, measure, describe.

The steps, and what each may look at:

| step | rows |
|---|---|
| leakage audit | all; it looks at labels and parts, chooses nothing, and stops what leaks |
| search of parameters, trees | train |
| calibration, bands, shares by score | validation |
| populations for percentiles | train |
| roles | train and validation, each judged by trees that did not see it |
| evaluation | each split by itself; test decides nothing |
| rivals | learn from train, are judged on test |

Rows whose history is too short, cut off, uncovered or unpriced take no part in any of them,
because the model will not score such addresses either; they are counted in the evaluation.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.errors import Refused
from data.labels.origin import told as labels_told
from data.schema import LEGS
from models.ablation import ablation
from models.bands import FALSE_POSITIVE_RATES, from_negatives
from models.bundle import write_bundle
from models.by_score import ByScore, by_score
from models.calibration import Calibration, calibrate, resampled
from models.evaluation import Judge, evaluate_splits
from models.facts import (
    BundleFacts,
    SignalCatalogue,
    ThresholdPopulation,
    running_catalogue,
    signal_hashes,
)
from models.leakage import Surroundings, audit
from models.learning import learn
from models.material import matrix, row_weights
from models.model_card import model_card
from models.percentiles import Population, population
from models.preparing import in_parts, labelled, subject, train_rows, with_scores
from models.rivals import against_rivals
from models.roles import RoleModel, learn_roles
from models.roles.measuring import roles_told
from models.search import Searched
from models.settings import Settings
from models.splits import PARTS, Split
from models.status import SCORED
from models.training import Trained


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
    searched : Searched, optional
        The trials of a search, where one was asked for.
    roles : RoleModel, optional
        What tells victims, where the labels name enough of them.
    """

    facts: BundleFacts
    model: str
    card: str
    evaluation: Mapping[str, Any]
    split: Split
    rows: pl.Series
    searched: Searched | None = None
    roles: RoleModel | None = None

    def write(self, out: str | Path) -> str:
        """Write the bundle, whole or not at all, and return its `bundle_sha256`."""
        return write_bundle(
            out,
            self.facts,
            model=self.model,
            card=self.card,
            evaluation=self.evaluation,
            roles=self.roles,
        )


def fit(
    frame: pl.DataFrame,
    labels: pl.DataFrame,
    settings: Settings,
    *,
    surroundings: Surroundings | None = None,
    trial_done: Callable[[int], None] | None = None,
    family_done: Callable[[int], None] | None = None,
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
        `population`, `source`.
    settings
        Everything else.
    surroundings
        What the audit is to look at beyond the table; without it some checks are not made, which
        the bundle tells.
    trial_done
        Called with the number of trials done in each step of a search.
    family_done
        Called with 1 after each fit of an ablation.
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
    known, split = in_parts(table, settings)
    looked_at = subject(known, settings, surroundings or Surroundings(), of_code)
    audited = audit(looked_at, settings.allow)
    audited.gate()
    learned = learn(table, known, list(looked_at.inputs), settings, trial_done)
    trained = learned.trained
    scored = _raw_scores(known, trained, settings.threads)
    calibration = _calibrate(scored, settings)
    scored = scored.with_columns(log_odds=calibration.log_odds(scored["raw"].to_numpy()))
    facts = _facts(scored, trained, calibration, settings, of_code)
    told = _told(trained, settings, split, of_code)
    told |= {"n_unlabelled": table["label"].null_count()}
    origin = labels_told(known) if "source" in known.columns else None
    told |= {"labels_from": origin, "audit": audited.facts(), **learned.facts(settings)}
    roles = learn_roles(
        known.filter(pl.col("part").is_in(PARTS[:2]) & (pl.col("status") == SCORED)),
        looked_at.inputs,
        seed=settings.seed,
        threads=settings.threads,
    )
    facts = replace(facts, training=told, roles=None if roles is None else roles.facts)
    judge = Judge(calibration, facts.thresholds)
    measured = evaluate_splits(with_scores(known, scored), judge, seed=settings.seed)
    rivals = against_rivals(
        train_rows(known),
        scored.filter(pl.col("part") == "test"),
        looked_at.inputs,
        seed=settings.seed,
        threads=settings.threads,
    )
    evaluation = {
        "audit": audited.facts(),
        "labels_from": origin,
        "rivals": rivals,
        "roles": roles_told(
            scored, roles, facts.signals, facts.thresholds, threads=settings.threads
        ),
        **measured,
    }
    if settings.ablation:
        evaluation["ablation"] = ablation(
            learned.taught.rows,
            scored.filter(pl.col("part") == "test"),
            trained.parameters,
            threads=settings.threads,
            done=family_done,
        )
    card = model_card(facts, evaluation)
    rows = known["_row"]
    return Fitted(facts, trained.model, card, evaluation, split, rows, learned.searched, roles)


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
    raw, label, weight = rows["raw"].to_numpy(), rows["label"].to_numpy(), row_weights(rows)
    found = calibrate(raw, label, base_rate=settings.base_rate, weight=weight)
    groups = rows["group"].to_numpy()
    return resampled(found, raw, label, groups, weight=weight, seed=settings.seed)


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
        thresholds=from_negatives(negatives["log_odds"].to_numpy(), row_weights(negatives)),
        threshold_population=ThresholdPopulation(
            "negatives of the validation split",
            negatives.height,
            _date(negatives),
            FALSE_POSITIVE_RATES,
        ),
        by_score=_by_score(scored, settings.seed),
        **_populations(scored, trained.signals),
        roles=None,
        training={},
        training_basis=settings.training_basis,
        decision_use=settings.training_basis == "reviewed" and test["label"].n_unique() == 2,
        versions=_versions(settings.versions),
        files={},
    )


def _by_score(scored: pl.DataFrame, seed: int) -> ByScore | None:
    rows = scored.filter(pl.col("part") == "validation").sort("chain", "address", "as_of", "label")
    log_odds, label, group = (rows[name].to_numpy() for name in ("log_odds", "label", "group"))
    return by_score(log_odds, label, group, row_weights(rows), seed=seed)


def _told(
    trained: Trained,
    settings: Settings,
    split: Split,
    of_code: SignalCatalogue,
) -> dict[str, Any]:
    """Return what the bundle tells of its training."""
    return {
        "n": trained.n,
        "n_positive": trained.n_positive,
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
