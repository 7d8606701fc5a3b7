"""A monitoring report as `monitor.json` holds it, with any text where outside text can stand."""

from __future__ import annotations

from typing import Any


def finding(about: str, name: str, what: str, effect: float, **changed: Any) -> dict[str, Any]:
    return {
        "about": about, "name": name, "what": what, "reference": 0.5, "current": 0.25,
        "p_adjusted": 1.0, "counted": True, "alarm": False, "pairs": 900, "effect": effect,
        "p": 0.5, "detectable": 0.31, **changed,
    }  # fmt: skip


def monitor_report(text: str = "word") -> dict[str, Any]:
    """Return a report with an alarm, a finding without a value, and labels held against it."""
    window = {
        "earliest": "2025-01-01T00:00:00Z", "latest": "2025-02-01T00:00:00Z", "asked": 2000,
        "looked_at": 1800, "scored": 900, "median_age_days": 90.0, "statuses": {text: 900},
    }  # fmt: skip
    rate = {"value": 0.5, "low": 0.4, "high": 0.6, "groups": 90}
    estimate = {"value": 0.9, "low": 0.85, "high": 0.93}
    return {
        "alarm": True,
        "alarms": [text],
        "bundle_sha256": "a" * 64,
        "training_basis": "synthetic",
        "decision_use": False,
        "transfers_sha256": "b" * 64,
        "generated_by": "unrinse 0.1.0",
        "windows": {
            "kind": "another list", "chosen": f"the list {text}", "current": window,
            "reference": window,
        },
        "design": {
            "false_alarms": 0.001, "least_effect": 0.1, "power": 0.95, "equal_age": 0.189,
            "questions": 250, "pairs": 900, "detectable": 0.31, "size_asked": 0.3,
            "pairs_needed": 937,
        },
        "findings": [
            finding("signal", text, "place", -0.6, alarm=True, p_adjusted=1e-9),
            finding("score", "high", "share", 0.1),
            finding("status", text, "share", 0.0, counted=False),
            finding("coverage", f"chain {text}", "share", 0.0, reference=None, detectable=None),
            finding("performance", text, "share", 0.2),
        ],
        "performance": {
            "labels": {
                "lag_days": 60.0, "lag_from": "labels", "n_labels": 19, "n_undated": 2,
                "n_learned_from": 3, "n_not_yet": 1, "n_immature": 4, "n_mature": 9,
            },
            "learned_until": "2024-01-01",
            "rates": [
                {"band": "high", "rate": "recall", "now": rate, "promised": None, "why_not": text},
            ],
            "metrics": {"roc_auc": {"now": estimate, "promised": {**estimate, "low": None}}},
            "why_not": text,
        },
    }  # fmt: skip
