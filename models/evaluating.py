"""A bundle held against labels: what `evaluation.json` says of it, beside a champion or by itself.

Nothing is fitted here but the trees of an ablation, and these are thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from data.errors import Refused
from models.ablation import ablation
from models.against import Champion, against
from models.bundle import Bundle
from models.evaluation import Judge, evaluate_splits
from models.facts import BundleFacts
from models.gate import Bounds, Evidence
from models.gate.comparison import champion_checks
from models.learning import learned_from
from models.material import matrix
from models.preparing import in_parts, labelled, with_scores
from models.roles.measuring import roles_told
from models.settings import Settings
from models.splits import groups
from models.status import SCORED, Requirements, with_history
from models.unlabelled import Unlabelled
from models.wrong import most_wrong


def evaluate_bundle(
    bundle: Bundle,
    frame: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    part: pl.Series | None = None,
    champion: Champion | None = None,
    named: bool = False,
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
    champion
        Another model, with its log-odds of the same rows, to compare with on the last split.
    named
        Show the addresses of the most wrong cases instead of pseudonyms.
    """
    table = labelled(frame, labels)
    if champion is not None:
        table = table.with_columns(champion.log_odds.alias("champion"))
    if part is None:
        given = "split" in table.columns and table["split"].null_count() == 0
        part = table["split"] if given else pl.Series(["all"] * table.height, dtype=pl.String)
    facts = bundle.facts
    needs = Requirements(facts.legs, facts.min_transfers)
    known = (
        table.with_columns(part.alias("part"), groups(table).alias("group"))
        .filter(pl.col("label").is_not_null())
        .pipe(lambda t: t.with_columns(with_history(t, needs)))
    )
    scored = known.filter(pl.col("status") == SCORED)
    log_odds = bundle.log_odds(matrix(scored, facts.signals), threads=threads)
    table = with_scores(known, scored.with_columns(log_odds=pl.Series(log_odds, dtype=pl.Float64)))
    measured = evaluate_splits(table, Judge(facts.calibration, facts.thresholds))
    if champion is not None:
        last = list(measured["splits"])[-1]
        rows = table.filter(pl.col("part") == last)
        measured["against"] = {"split": last, **_against(rows, champion, bundle.facts)}
    wrong = most_wrong(bundle, table.drop_nulls("part"), named=named, threads=threads)
    roles = roles_told(table, bundle.roles, facts.signals, facts.thresholds, threads=threads)
    return {**measured, "roles": roles, "most_wrong": wrong}


def ablate_bundle(
    bundle: Bundle,
    frame: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    threads: int = 1,
    done: Callable[[int], None] | None = None,
) -> dict[str, Any] | None:
    """Measure what each family of signals is worth to a bundle; see `models.ablation`.

    Parameters
    ----------
    frame, labels
        What it was trained on, as in `fit`.

    Raises
    ------
    Refused
        The train rows are not those the bundle learned from.
    """
    facts = bundle.facts
    use = facts.training["unlabelled"]
    settings = Settings(
        facts.basis, facts.legs, facts.min_transfers, seed=facts.training["seed"],
        unlabelled=Unlabelled(use["method"], use["prior"]), threads=threads,
    )  # fmt: skip
    table = labelled(frame, labels)
    known, _ = in_parts(table, settings)
    rows = learned_from(table, known, list(bundle.inputs), settings)
    if [rows.fingerprint()] != facts.training["fingerprints"]:
        raise Refused(
            "an ablation grows the model's trees again, and these are not the rows it learned from",
            expected="the transfers and labels that the model was trained on",
            hint="Leave --ablation out, or use `unrinse train --ablation` with the next model.",
        )
    test = known.filter(pl.col("part") == "test", pl.col("status") == SCORED)
    log_odds = bundle.log_odds(matrix(test, facts.signals), threads=threads)
    judged = test.with_columns(log_odds=pl.Series(log_odds, dtype=pl.Float64))
    return ablation(rows, judged, facts.training["parameters"], threads=threads, done=done)


def _against(rows: pl.DataFrame, champion: Champion, facts: BundleFacts) -> dict[str, Any]:
    """Compare with the champion at the budget, and say what the gate would say of these rows."""
    told = against(rows, champion, base_rate=facts.calibration.base_rate)
    evidence = Evidence(
        rows=rows,
        calibration=facts.calibration,
        audit=facts.training.get("audit"),
        decision_use=facts.decision_use,
        gives_bands=facts.thresholds["medium"] is not None,
    )
    return {**told, "gate": [c.facts() for c in champion_checks(evidence, Bounds())]}
