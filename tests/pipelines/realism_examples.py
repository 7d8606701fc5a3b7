"""A realism report as `realism.json` has it, small and made up, for tests of its page."""

from __future__ import annotations

from typing import Any

from models.wallet_measures import MEASURES, PAYOUT_MEASURES, Measure
from pipelines.comparison import CURVE


def realism_report(text: str | None = None) -> dict[str, Any]:
    """Return a report; with `text`, that text stands wherever a report has any."""
    said = text or "native legs, whole history"
    return {
        "synthetic": True,
        "world": {"transfers_sha256": text or "a" * 64, "as_of": said, "criminal": 9, "benign": 80},
        "filter": {"fewest": 5, "most": 1000, "seed": 1},
        "levels": list(CURVE),
        "published": [
            {
                "id": said,
                "name": text or "dwell, median",
                "unit": "seconds",
                "published": 30960.0,
                "seen_so": 14_000.0,
                "all_legs": None,
                "wallets": 7,
                "source": said,
                "note": said,
            }
        ],
        "comparisons": [_comparison(text, side) for side in ("criminal", "benign")],
    }


def _comparison(text: str | None, side: str) -> dict[str, Any]:
    return {
        "side": text or side,
        "reference": {
            "accounts": 14,
            "groups": 12,
            "legs": [text or "native_in"],
            "transfers_sha256": text or "b" * 64,
        },
        "views": [_view(text, tested=True), _view(text, tested=False)],
        "payouts": {
            "n_world": 5,
            "n_reference": 3,
            "measures": [_measure(m, text) for m in PAYOUT_MEASURES],
        },
    }


def _view(text: str | None, *, tested: bool) -> dict[str, Any]:
    auc = {"value": 0.8, "low": 0.7, "high": 0.9}
    giveaway = {
        "name": text or "senders",
        "meaning": text or "Number of distinct addresses that paid it.",
        "unit": "addresses",
        "gain": 0.3,
        "auc": 0.2,
        "world": 2.0,
        "reference": 5.0,
        "world_defined": 1.0,
        "reference_defined": 0.8,
        "strength": 0.3,
    }
    return {
        "name": text or ("native legs, whole history" if tested else "native legs, first 30 days"),
        "legs": [text or "native_in", text or "native_out"],
        "cut": {"days": 472.0, "transfers": 166, "chains": [text or "ethereum"]},
        "n_world": 60,
        "n_reference": 12,
        "measures": [_measure(m, text) for m in MEASURES],
        "two_sample": {
            "trees": auc,
            "linear": auc,
            "shuffled": {"value": 0.5, "low": 0.4, "high": 0.6},
            "path": [[text or "senders", 0.75], [text or "median_gap", 0.79]],
            "giveaways": [giveaway, {**giveaway, "reference": None, "reference_defined": 0.0}],
        }
        if tested
        else None,
    }


def _measure(measure: Measure, text: str | None) -> dict[str, Any]:
    top = 1.0 if measure.unit == "share" else 9000.0
    side = {
        "defined": 0.9,
        "quantiles": {str(q): q * top for q in (0.1, 0.25, 0.5, 0.75, 0.9)},
        "curve": [q * top for q in CURVE],
    }
    distance = {"value": 0.3, "low": 0.2, "high": 0.4, "halves": 0.1}
    absent = {"value": None, "low": None, "high": None, "halves": None}
    nothing = measure.name == "forwarded_share"  # nobody in the reference has it
    return {
        "name": measure.name,
        "title": text or measure.title,
        "unit": measure.unit,
        "world": side,
        "reference": {"defined": 0.0, "quantiles": None, "curve": None} if nothing else side,
        "kolmogorov_smirnov": absent if nothing else distance,
        "wasserstein": absent if nothing else {**distance, "halves": None},
    }
