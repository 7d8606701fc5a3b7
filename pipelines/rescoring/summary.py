"""The summary of a night: `summary.json`, whose page adds nothing to it.

It obeys ``pipelines/schemas/nightly.v1.schema.json``, and says nothing of how it was computed: a
run that took over what had not changed and one that computed everybody say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.bands import BANDS
from models.expected_precision import expected_precision
from models.status import SCORED, STATUSES
from pipelines.alerting.alerts import notices
from pipelines.inputs import counts
from pipelines.moments import iso
from pipelines.outputs import program
from pipelines.pages.pages import alert_file
from pipelines.rescoring.drift import Drift
from pipelines.rescoring.kept import Kept
from pipelines.rescoring.snoozes import Snooze, Snoozes
from pipelines.rescoring.split import CLEARED, GROUPS, NEW, RETURNED, Split, Told
from pipelines.rescoring.unscored import MEANINGS
from pipelines.score import Scored

SCHEMA_VERSION = "1.0"
SCHEMA = Path(__file__).parent.parent / "schemas" / "nightly.v1.schema.json"

MOST_LISTED = 200
"""Alerts of a group that the summary lists; `changes.csv` has all."""

MOST_NIGHTS = 60
"""Nights that the summary remembers."""


@dataclass(frozen=True)
class Found:
    """What a night found.

    Attributes
    ----------
    run
        The scored list.
    earlier
        The earlier run.
    up_for_review
        The rows of the scores that are alerts.
    split
        Into what they were split.
    explained
        By alert id, the strongest reason of each that has a page; None where no reason is strong.
    snoozes
        As they were read.
    drift
        What is known of it.
    """

    run: Scored
    earlier: Kept | None
    up_for_review: pl.DataFrame
    split: Split
    explained: Mapping[str, str | None]
    snoozes: Snoozes
    drift: Drift


def summary(found: Found) -> dict[str, Any]:
    """Return the content of `summary.json`."""
    run, earlier = found.run, found.earlier
    facts = run.bundle.facts
    groups = {group: len(found.split.of(group)) for group in GROUPS}
    up_for_review = sum(n for group, n in groups.items() if group != CLEARED)
    precision = _precision(found)
    told = {
        "schema_version": SCHEMA_VERSION,
        "generated_by": program(),
        "as_of": iso(run.as_of),
        "earlier": _earlier(earlier, run.bundle.sha256),
        "decision_use": facts.decision_use,
        "training_basis": facts.training_basis,
        "notices": list(notices(run)),
        "champion": {
            "bundle_sha256": run.bundle.sha256,
            "base_rate": facts.calibration.base_rate,
            "basis": facts.basis,
            "gives_bands": facts.thresholds["medium"] is not None,
        },
        "requested": run.scores.height,
        "scored": int((run.scores["status"] == SCORED).sum()),
        "unreadable": len(run.asked.problems),
        "statuses": _counted(run.scores["status"], earlier, STATUSES),
        "bands": _counted(run.scores["band"].drop_nulls(), earlier, BANDS),
        "alerts": {
            "up_for_review": up_for_review, "explained": len(found.explained), **groups,
        },
        "expected_precision": precision,
        "drift": found.drift.told(),
        "snoozes": _snoozes(found),
        "groups": _listed(found),
        "transfers_sha256": run.transfers.sha256,
    }  # fmt: skip
    return told | {"nights": _nights(told, earlier)}


def _earlier(earlier: Kept | None, bundle_sha256: str) -> dict[str, Any] | None:
    if earlier is None:
        return None
    return {
        "as_of": iso(earlier.as_of),
        "bundle_sha256": earlier.facts["bundle_sha256"],
        "same_model": earlier.facts["bundle_sha256"] == bundle_sha256,
    }


def _counted(values: pl.Series, earlier: Kept | None, names: Sequence[str]) -> list[dict[str, Any]]:
    """Count the addresses of each status or band, and those of the earlier run beside them."""
    now = counts(values)
    before = None if earlier is None else counts(earlier.scores[values.name].drop_nulls())
    return [
        {
            "name": name,
            "n": now.get(name, 0),
            "before": None if before is None else before.get(name, 0),
            "meaning": MEANINGS.get(name),
        }
        for name in names
        if name in now or (before or {}).get(name)
    ]


def _precision(found: Found) -> dict[str, Any]:
    """Return the share of alerts, and of new ones, that is expected to be right."""
    calibration = found.run.bundle.facts.calibration
    here = [one for one in found.split.told if one.now is not None]
    told: dict[str, Any] = {"base_rate": calibration.base_rate}
    for name, some in (
        ("up_for_review", here),
        ("new", [one for one in here if one.group == NEW]),
    ):
        odds = np.array([one.now["log_odds"] for one in some if one.now is not None])
        expected = expected_precision(calibration, odds)
        told[name] = None if expected is None else {"n": len(some), **asdict(expected)}
    return told


def _snoozes(found: Found) -> dict[str, Any]:
    known = {one.alert_id for one in found.split.told}
    why = [change.what for one in found.split.told for change in one.why]
    in_force = [s for s in found.snoozes.by_alert.values() if found.run.as_of < s.until]
    return {
        "in_force": len(in_force),
        "without_alert": sum(s.alert_id not in known for s in in_force),
        **{what: why.count(what) for what in RETURNED},
        "faults": list(found.snoozes.faults),
    }


def _listed(found: Found) -> dict[str, Any]:
    ranks = _ranks(found.up_for_review)
    return {
        group: {
            "n": len(some),
            "rows": [_row(one, found, ranks) for one in some[:MOST_LISTED]],
        }
        for group in GROUPS
        for some in [found.split.of(group)]
    }


def _ranks(up_for_review: pl.DataFrame) -> dict[tuple[str, str], Mapping[str, Any]]:
    told = up_for_review.select("chain", "address", "rank", "score_low", "score_high")
    return {(row["chain"], row["address"]): row for row in told.iter_rows(named=True)}


def _row(
    one: Told, found: Found, ranks: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[str, Any]:
    place = ranks.get((one.chain, one.address), {}) if one.now is not None else {}
    now, before = one.now or {}, one.before or {}
    explained = one.alert_id in found.explained
    return {
        "alert_id": one.alert_id,
        "chain": one.chain,
        "address": one.address,
        "rank": place.get("rank"),
        "band": now.get("band"),
        "score": now.get("score"),
        "score_low": place.get("score_low"),
        "score_high": place.get("score_high"),
        "role": now.get("role"),
        "listed": bool(now.get("list_hits")),
        "band_before": before.get("band"),
        "score_before": before.get("score"),
        "why": [asdict(change) for change in one.why],
        "reason": found.explained.get(one.alert_id),
        "since": one.since,
        "page": f"alerts/{alert_file({'alert_id': one.alert_id})}" if explained else None,
        "snooze": None if one.snooze is None else _snooze(one.snooze),
    }


def _snooze(snooze: Snooze) -> dict[str, str]:
    return {"until": iso(snooze.until), "reason": snooze.reason, "by": snooze.by}


def _nights(told: Mapping[str, Any], earlier: Kept | None) -> list[dict[str, Any]]:
    """Add this night to those that the earlier run remembers."""
    before = [] if earlier is None else list(earlier.summary["nights"])
    before = [night for night in before if night["as_of"] < told["as_of"]]
    here = {
        "as_of": told["as_of"],
        "compared": told["earlier"] is not None,
        "scored": told["scored"],
        **{name: told["alerts"][name] for name in ("up_for_review", *GROUPS)},
        "bundle_sha256": told["champion"]["bundle_sha256"],
    }
    return [*before, here][-MOST_NIGHTS:]


def changes_table(found: Found) -> pl.DataFrame:
    """Return every alert of the night with its group, as `changes.csv` holds it."""
    ranks = _ranks(found.up_for_review)
    rows = []
    for one in found.split.told:
        row = _row(one, found, ranks)
        snooze = row["snooze"] or {}
        rows.append(
            {name: row[name] for name in CHANGES if name in row}
            | {
                "group": one.group,
                "what": ";".join(dict.fromkeys(change.what for change in one.why)) or None,
                "why": "; ".join(change.said for change in one.why) or None,
                "snoozed_until": snooze.get("until"),
                "snooze_reason": snooze.get("reason"),
                "snoozed_by": snooze.get("by"),
            }
        )
    return pl.DataFrame(rows, schema=CHANGES)


CHANGES: dict[str, pl.DataType] = {
    "group": pl.String(),
    "alert_id": pl.String(),
    "chain": pl.String(),
    "address": pl.String(),
    "rank": pl.Int64(),
    "band": pl.String(),
    "band_before": pl.String(),
    "score": pl.Float64(),
    "score_before": pl.Float64(),
    "role": pl.String(),
    "what": pl.String(),
    "why": pl.String(),
    "since": pl.String(),
    "snoozed_until": pl.String(),
    "snooze_reason": pl.String(),
    "snoozed_by": pl.String(),
}
"""The columns of `changes.csv`; `what` names the kinds of change, `why` says them."""
