"""The alerts of a night: explained, and as they are compared with those of the night before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from features.catalogue import catalogue
from models.status import SCORED
from pipelines.alerting.alerts import alert_id
from pipelines.inputs import explorers_of
from pipelines.report import STATUS_MEANINGS, write_report
from pipelines.rescoring.alert_changes import Change, content, flags_of
from pipelines.rescoring.moved import KEY
from pipelines.rescoring.remeasured import measure
from pipelines.rescoring.scored_again import ScoredAgain
from pipelines.rescoring.split import Night
from pipelines.resuming import Stage
from pipelines.to_score import ToScore

MOST_EXPLAINED = 500
"""Alerts that get a page where nothing else is asked for."""


@dataclass(frozen=True)
class About:
    """What an explanation adds to an alert: its strongest reason, the red flags under its reasons.

    `reason` is None where none is strong.
    """

    alert_id: str
    reason: str | None
    red_flags: list[str]


def explained(
    given: ToScore,
    again: ScoredAgain,
    chosen: pl.DataFrame,
    folder: Path,
    *,
    threads: int | None,
    kept: Stage | None = None,
) -> dict[str, About]:
    """Explain some scores into a folder, as `unrinse explain` does.

    The histories of nearly all of them were read when the signals were computed; where one is
    missing, those of all are read again. Alerts are `kept`, in case the run is killed.

    Returns
    -------
    dict
        By alert id.
    """
    measured = again.found.measured
    places = again.found.place(chosen)
    if places is None:
        families = catalogue().families_of(given.bundle.facts.signals)
        measured = measure(given, chosen.select(KEY), families, threads)
        places = list(range(chosen.height))
    folder.mkdir()
    run = replace(again.run, measured=measured)
    rows = chosen.with_columns(position=pl.Series(places, dtype=pl.UInt32))
    write_report(run, rows, folder, explorers_of(run.transfers, None, linked=True), kept)
    with (folder / "alerts.jsonl").open(encoding="utf-8") as lines:
        return {one.alert_id: one for one in (_about(json.loads(line)) for line in lines)}


def listed(up_for_review: pl.DataFrame, told: Mapping[str, About]) -> list[dict[str, Any]]:
    """Return the alerts of a night as `pipelines.rescoring.split` takes them."""
    rows = []
    for row in up_for_review.iter_rows(named=True):
        one = alert_id(row["chain"], row["address"])
        about = told.get(one)
        flags = None if about is None else about.red_flags
        rows.append(
            {
                "alert_id": one,
                "chain": row["chain"],
                "address": row["address"],
                "content": content({**row, "red_flags": flags}),
            }
        )
    return rows


def gone(
    night: Night, alerts: Sequence[Mapping[str, Any]], scores: pl.DataFrame
) -> dict[str, Change]:
    """Say what has become of each alert of the earlier run that is none any more."""
    here = {alert["alert_id"] for alert in alerts}
    before = {} if night.earlier is None else night.earlier["alerts"]
    left = {one: (was["chain"], was["address"]) for one, was in before.items() if one not in here}
    names = dict.fromkeys(KEY, pl.String)
    wanted = pl.DataFrame(list(left.values()), schema=names, orient="row")
    rows = scores.join(wanted, on=KEY, how="semi").unique(KEY, keep="first", maintain_order=True)
    now = {(row["chain"], row["address"]): row for row in rows.iter_rows(named=True)}
    return {one: _became(now.get(pair)) for one, pair in left.items()}


def _became(row: Mapping[str, Any] | None) -> Change:
    if row is None:
        return Change("left_the_list", "the list no longer names it", worse=False)
    status = row["status"]
    if status != SCORED:
        said = f"no score any more ({status}): {STATUS_MEANINGS[status]}"
        return Change("no_score", said, worse=False)
    return Change("below_review", "no longer up for review", worse=False)


def _about(alert: Mapping[str, Any]) -> About:
    reasons = alert["reasons"]
    reason = reasons[0]["sentence"] if reasons else None
    return About(alert["alert_id"], reason, flags_of(alert))
