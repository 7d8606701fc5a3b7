"""The summary of a night as `summary.json` holds it, with any text where outside text can stand."""

from __future__ import annotations

from typing import Any


def alert_row(text: str = "word", **changed: Any) -> dict[str, Any]:
    return {
        "alert_id": "alert-0123456789abcdef", "chain": text, "address": text, "rank": 1,
        "band": "high", "score": 0.4, "score_low": 0.3, "score_high": 0.6, "role": "mule",
        "listed": True, "band_before": "medium", "score_before": 0.2,
        "why": [
            {"what": "band", "said": f"band medium → {text}", "worse": True},
            {"what": "part", "said": text, "worse": False},
        ],
        "reason": text, "since": "2024-05-01T00:00:00Z",
        "page": "alerts/alert-0123456789abcdef.html",
        "snooze": {"until": "2024-06-01T00:00:00Z", "reason": text, "by": text}, **changed,
    }  # fmt: skip


def nightly_report(text: str = "word") -> dict[str, Any]:
    """Return a summary with an alert in each group, an alarm, snoozes and unusable lines."""
    gone = {"rank": None, "band": None, "score": None, "score_low": None, "score_high": None}
    groups = {
        "new": [alert_row(text, band_before=None, score_before=None, why=[])],
        "changed": [alert_row(text)],
        "unchanged": [alert_row(text)],
        "snoozed": [alert_row(text)],
        "cleared": [alert_row(text, **gone, role=None, page=None)],
    }
    night = {
        "as_of": "2024-05-01T00:00:00Z", "compared": True, "scored": 90, "up_for_review": 4,
        "new": 1, "changed": 1, "unchanged": 1, "snoozed": 1, "cleared": 1,
        "bundle_sha256": "a" * 64,
    }  # fmt: skip
    return {
        "schema_version": "1.0",
        "generated_by": "unrinse 0.1.0",
        "as_of": "2024-05-02T00:00:00Z",
        "earlier": {
            "as_of": "2024-05-01T00:00:00Z", "bundle_sha256": "c" * 64, "same_model": False,
        },
        "decision_use": False,
        "training_basis": "synthetic",
        "notices": [f"Not for decisions. {text}"],
        "champion": {
            "bundle_sha256": "a" * 64, "base_rate": 0.01, "basis": "usd", "gives_bands": True,
        },
        "requested": 100,
        "scored": 90,
        "unreadable": 2,
        "statuses": [
            {"name": "scored", "n": 90, "before": 89, "meaning": None},
            {"name": "not_found", "n": 10, "before": 11, "meaning": text},
        ],
        "bands": [
            {"name": "below_review", "n": 86, "before": 86, "meaning": None},
            {"name": "high", "n": 4, "before": 3, "meaning": None},
        ],
        "alerts": {
            "up_for_review": 4, "explained": 3, "new": 1, "changed": 1, "unchanged": 1,
            "snoozed": 1, "cleared": 1,
        },
        "expected_precision": {
            "base_rate": 0.01,
            "up_for_review": {"n": 4, "value": 0.4, "low": 0.3, "high": 0.6},
            "new": {"n": 1, "value": 0.4, "low": None, "high": None},
        },
        "drift": {
            "measured_as_of": "2024-05-01T00:00:00Z", "alarm": True, "headline": text,
            "alarms": [text] * 7, "reference": text, "detectable_sd": 0.3, "why_not": None,
        },
        "snoozes": {
            "in_force": 2, "without_alert": 1, "snooze_ended": 0, "snooze_withdrawn": 0,
            "woken": 1, "faults": [f"line 2: {text}"],
        },
        "groups": {name: {"n": len(rows), "rows": rows} for name, rows in groups.items()},
        "transfers_sha256": "b" * 64,
        "nights": [night, night | {"as_of": "2024-05-02T00:00:00Z"}],
    }  # fmt: skip
