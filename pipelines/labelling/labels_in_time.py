"""Labels held against what a bundle promised: only those that are mature, and none it learned from.

What was not known by the moment of the run does not count, and neither do labels so young that only
the quickly found could have one (`models.label_lag`). Where the rest cannot show a rate, it is null
with the reason.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from models.bundle import recorded_evaluation
from models.drift import Finding
from models.evaluating import evaluate_bundle
from models.label_lag import mature
from models.metrics import METRICS
from models.promised import kept, performance_findings
from pipelines.labelling.labelled import given_labels, measure_labelled
from pipelines.score import Scored

_PROMISED = "test"


def measured_in_time(
    run: Scored, bundle: Path, labels: Path, *, lag_days: float | None, threads: int | None
) -> tuple[dict[str, Any], list[Finding]]:
    """Measure a bundle on the mature ones of some labels.

    Parameters
    ----------
    run
        The list as it stands, scored: its bundle, transfers, services and moment are used.
    bundle
        The bundle's folder, for its `evaluation.json`.
    labels
        Training labels, or a folder of labels.
    lag_days
        The label lag; None: told from the labels.

    Returns
    -------
    tuple
        The part ``performance`` of `monitor.json`, and what there is to judge.
    """
    facts = run.bundle.facts
    rows, maturity = mature(
        given_labels(labels, run.transfers),
        run.as_of,
        learned_until=date.fromisoformat(facts.learned_until),
        lag_days=lag_days,
    )
    told: dict[str, Any] = {
        "labels": asdict(maturity),
        "learned_until": facts.learned_until,
        "rates": [],
        "metrics": {},
        "why_not": None,
    }
    promised = recorded_evaluation(bundle, facts)["splits"].get(_PROMISED)
    if not rows.height:
        reason = (
            "how long labels take is unknown: give --label-lag, or labels with as_of and "
            "available_at"
            if maturity.lag_days is None
            else "no label is mature"
        )
        return {**told, "why_not": reason}, []
    if promised is None:
        return {**told, "why_not": f"the model's evaluation has no {_PROMISED} split"}, []
    measured = measure_labelled(
        rows,
        run.transfers,
        basis=facts.basis,
        legs=facts.legs,
        threads=threads,
        services=run.services,
        names=facts.signals,
    )
    part = pl.Series("part", ["now"] * rows.height)
    evaluation = evaluate_bundle(
        run.bundle, measured.signals, measured.labels, part=part, threads=threads or 1
    )
    now = evaluation["splits"]["now"]
    rates = kept(now, promised)
    told["rates"] = [asdict(rate) for rate in rates]
    told["metrics"] = {name: {"now": now[name], "promised": promised[name]} for name in METRICS}
    told["n"], told["n_positive"] = now["n"], now["n_positive"]
    told["not_scored"] = now["not_scored"]
    if not rates:
        told["why_not"] = "the model gives out no band"
    return told, performance_findings(rates)
