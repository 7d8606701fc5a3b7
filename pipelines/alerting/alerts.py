"""Alerts: one object per scored address, with its reasons down to the transactions.

The object is the product; pages are drawn from it and add nothing. It obeys
``pipelines/schemas/alert.v1.schema.json``, holds each contribution exactly, and holds every number
that one of its sentences shows.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.schema import LEGS
from features.catalogue import catalogue
from features.signal import Signal
from models.bands import bands
from models.deposit_address import NOTICE, looks_like_deposit_address
from models.explanation import Contribution, Explanation, explain_rows, without_repeats
from models.material import matrix
from models.percentiles import Population
from models.sentences import Scene, sentence, verdict
from models.status import SCORED
from pipelines.alerting.alert_content import content
from pipelines.alerting.alert_parts import Told
from pipelines.alerting.alert_traces import Followed, alert_traces
from pipelines.alerting.counterparties import counterparties
from pipelines.alerting.dossier import Dossier, dossiers
from pipelines.alerting.known_parties import Around
from pipelines.alerting.part import parts_told
from pipelines.alerting.questions import questions
from pipelines.alerting.red_flags import red_flags
from pipelines.alerting.standing import standing
from pipelines.moments import iso
from pipelines.outputs import program
from pipelines.score import Scored, use_notes
from pipelines.tracing.spoken import spoken

SCHEMA_VERSION = "1.5"
SCHEMA = Path(__file__).parent.parent / "schemas" / "alert.v1.schema.json"
TYPOLOGY = "pig_butchering_laundering"
MOST_REASONS = 5
MOST_COUNTERS = 3
LEAST_TOLD = 0.05
"""Contributions (log-odds) nearer to nothing than this are neither a reason nor counter-evidence:
they change the odds by less than a twentieth."""


def alerts(run: Scored, chosen: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Build the alerts of some scored addresses.

    Parameters
    ----------
    run
        The scored list.
    chosen
        Rows of ``run.scores`` with their position as ``position``, in the order wanted;
        all of status ``scored``.

    Yields
    ------
    dict
        Plain values, ready for JSON.
    """
    positions = chosen["position"].to_list()
    signals = run.measured.signals[positions]
    explained = explain_rows(run.bundle, signals)
    deposits = signals.select(looks_like_deposit_address()).to_series()
    files = dossiers(run.measured.histories, run.transfers, positions)
    rows = chosen.to_dicts()
    traces = alert_traces(run.transfers, run.services, rows)
    values = signals.iter_rows(named=True)
    around = Around(run.scores)
    inputs = matrix(signals, run.bundle.facts.signals)
    roles = parts_told(run.bundle.facts, run.bundle.roles, rows, inputs)
    n_scored = run.scores.filter(pl.col("status") == SCORED).height
    for row, role, explanation, dossier, followed, own, deposit in zip(
        rows, roles, explained, files, traces, values, deposits, strict=True
    ):
        alert = _alert(run, row, role, explanation, dossier)
        alert |= _content(run, alert, explanation, dossier, followed, own)
        alert |= {
            "standing": standing(run.bundle.facts, alert, explanation, n_scored),
            "questions": questions(run.bundle, row, _deposit(own, deposit)),
            **counterparties(alert, dossier, followed.parties, around),
        }
        yield alert | {"notices": [*alert["notices"], *([NOTICE] if deposit else [])]}


def alert_id(chain: str, address: str) -> str:
    """Return an alert's id, the same in every run over the same address.

    >>> alert_id("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
    'alert-336313c579798059'
    """
    text = "".join(f"{part}\n" for part in (chain, address, TYPOLOGY))
    return "alert-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def json_line(alert: Mapping[str, Any]) -> str:
    """Write an alert as one line of JSON, floats in their shortest round-trip form."""
    return json.dumps(alert, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def notices(run: Scored) -> tuple[str, ...]:
    """Return the sentences that must stand wherever these scores are shown.

    The first sentence of each is the one that a page shows in bold.
    """
    facts = run.bundle.facts
    said = list(use_notes(run.bundle))
    if not facts.decision_use and not run.transfers.synthetic:
        said.append(
            "Research use. Real transfers were scored with this model because it was asked for; "
            "nobody may be judged by the result."
        )
    if run.transfers.synthetic:
        said.append("Synthetic transfers. The addresses and transactions here are made up.")
    return tuple(said)


def _alert(
    run: Scored,
    row: Mapping[str, Any],
    role: Mapping[str, Any] | None,
    explanation: Explanation,
    dossier: Dossier,
) -> dict[str, Any]:
    facts = run.bundle.facts
    by_name = catalogue().by_name
    scene = Scene(
        n_transfers=row["n_transfers"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        basis=facts.basis,
        coin=dossier.coin,
    )
    # What the score alone says; a list may have raised the row's band above it.
    own_band = bands(np.array([explanation.log_odds]), facts.thresholds)[0]
    reference = facts.threshold_population
    return {
        "schema_version": SCHEMA_VERSION,
        "alert_id": alert_id(row["chain"], row["address"]),
        "typology": TYPOLOGY,
        "generated_by": program(),
        "chain": row["chain"],
        "address": row["address"],
        "as_of": iso(row["as_of"]),
        "status": row["status"],
        "rank": row["rank"],
        **facts.calibration.chance(explanation.log_odds),
        "log_odds": explanation.log_odds,
        "band": row["band"],
        "role": role,
        "base_rate": facts.calibration.base_rate,
        "base": explanation.base,
        "thresholds": {name: facts.thresholds[name] for name in ("medium", "high", "severe")},
        "threshold_population": {
            "name": reference.name,
            "n": reference.n,
            "date": reference.date,
            "fpr": reference.rates.get(own_band or ""),
        },
        "verdict": verdict(own_band),
        "training_basis": facts.training_basis,
        "decision_use": facts.decision_use,
        "notices": list(notices(run)),
        "history": {
            "n_transfers": row["n_transfers"],
            "first_seen": iso(row["first_seen"]),
            "last_seen": iso(row["last_seen"]),
            "basis": facts.basis,
            "legs": _in_order(dossier.legs),
            "legs_missing": _in_order(frozenset(LEGS) - dossier.supplied_legs),
            "left_out": dossier.left_out(),
        },
        "timeline": dossier.timeline(facts.basis),
        "families": [
            {"family": family, "contribution": total, "odds_multiplier": math.exp(total)}
            for family, total in explanation.families.items()
        ],
        "contributions": [
            _contribution(part, by_name[part.signal], facts.population, facts.look_alikes)
            for part in explanation.contributions
        ],
        "reasons": [
            _said(part, by_name[part.signal], scene, dossier)
            | {"evidence": dossier.evidence(by_name[part.signal])}
            for part in _telling(explanation.told)[:MOST_REASONS]
        ],
        "counter": [
            _said(part, by_name[part.signal], scene, dossier)
            for part in _speaking_against(explanation)[:MOST_COUNTERS]
        ],
        "list_hits": run.services.hits.get((row["chain"], row["address"]), []),
        "bundle_sha256": run.bundle.sha256,
        "transfers_sha256": run.transfers.sha256,
        "inputs": run.inputs,
    }


def _content(
    run: Scored,
    alert: Mapping[str, Any],
    explanation: Explanation,
    dossier: Dossier,
    followed: Followed,
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the facts, the trace, what was tried in its favour, and what would overturn it."""
    by_name = catalogue().by_name
    told = [
        Told(place, by_name[part.signal], part.log_odds)
        for place, part in enumerate(_telling(explanation.told)[:MOST_REASONS], 1)
    ]
    return content(dossier, followed, told, values, alert["history"], run.bundle.facts)


def _deposit(values: Mapping[str, Any], looks_so: bool) -> bool | None:
    return looks_so if values["exchange_out_share"] is not None else None


def _telling(parts: Sequence[Contribution]) -> list[Contribution]:
    return [part for part in parts if abs(part.log_odds) >= LEAST_TOLD]


def _speaking_against(explanation: Explanation) -> list[Contribution]:
    """Return what lowered the score by being ordinary among look-alikes.

    Trees lower a score now and then for a value that would be a reason had it raised one, such as
    how soon the largest receipt was paid out. It counts, and stands among the contributions; but
    it speaks for nobody.
    """
    ordinary = [part for part in explanation.against if part.unusual is None]
    return _telling(without_repeats(ordinary))


def _contribution(
    part: Contribution, signal: Signal, everyone: Population, look_alikes: Population
) -> dict[str, Any]:
    return {
        "signal": part.signal,
        "family": part.family,
        "meaning": part.meaning,
        "value": part.value,
        "unit": part.unit,
        "contribution": part.log_odds,
        "odds_multiplier": part.odds_multiplier,
        "percentile": _percentile(everyone, part.n, part.below, part.above),
        "percentile_look_alikes": _percentile(
            look_alikes, part.n_look_alikes, part.look_alikes_below, part.look_alikes_above
        ),
        "red_flags": [red_flags()[flag].cited() for flag in part.red_flags],
        "evidence_kind": signal.evidence,
        "null_meaning": None if part.value is not None else _null_meaning(signal),
    }


def _percentile(
    population: Population, n: int, below: float | None, above: float | None
) -> dict[str, Any] | None:
    if below is None or above is None:
        return None
    return {
        "population": population.name,
        "n": n,
        "date": population.date,
        "share_below": below,
        "share_above": above,
    }


def _null_meaning(signal: Signal) -> str:
    legs = "the legs it needs are not in force"
    own = signal.null_meaning
    reasons = [legs] if own.startswith("never") else [own, f"or {legs}"]
    return ", ".join([*reasons, "or values are not in dollars"] if signal.dollars else reasons)


def _said(part: Contribution, signal: Signal, scene: Scene, dossier: Dossier) -> dict[str, Any]:
    assert part.value is not None  # reasons and counter-evidence have a value
    statistics = dossier.found(signal).statistics
    template = signal.template(low=part.unusual == "low")
    said = sentence(template, signal.unit, part.value, scene, statistics)
    return {
        "signal": part.signal,
        **spoken(said),
        "contribution": part.log_odds,
        "odds_multiplier": part.odds_multiplier,
    }


def _in_order(legs: frozenset[str] | Sequence[str]) -> list[str]:
    return [leg for leg in LEGS if leg in legs]
