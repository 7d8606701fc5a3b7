"""A hand-made alert that obeys every rule of the schema, for the tests of pages and sentences."""

from __future__ import annotations

import copy
import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from models.saying import share, tell
from models.sentences import Scene, sentence, verdict
from pipelines.tracing.spoken import spoken
from tests.pipelines.content_examples import example_content

FIRST = datetime(2024, 3, 3, 9, 12, tzinfo=UTC)
LAST = datetime(2024, 5, 9, 21, 40, tzinfo=UTC)
ADDRESS = "0x3f5CE5FBFe3E9af3971dD833D26bA9b5C936f0bE"
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
FLAGS = {
    "pass": {
        "id": "rapid-pass-through",
        "name": "Rapid pass-through",
        "source": "FinCEN FIN-2023-Alert005 (2023)",
        "verified": "second_hand",
    },
    "fan": {
        "id": "fan-out",
        "name": "Rapid fan-out",
        "source": "FATF Virtual Assets Red Flag Indicators (2020)",
        "verified": "second_hand",
    },
    "hop": {
        "id": "stablecoin-hopping",
        "name": "Stablecoin hopping",
        "source": "AUSTRAC (2025)",
        "verified": "no",
    },
}
# name, family, unit, value, says, contribution, share below, share below look-alikes, flag
SIGNALS: list[tuple[Any, ...]] = [
    ("forwarded_24h", "pass_through", "share", 0.9713,
     "sent on {value} of what it received within 24 hours", 1.42, 0.97, 0.94, "pass"),
    ("new_receivers_1h", "fan_out", "addresses", 14.0,
     "paid {value} not paid by it before within one hour of an inflow", 1.08, 0.99, 0.97, "fan"),
    ("hop_chain", "stablecoin_hopping", "swaps", 4.0,
     "made a chain of {value} with at most 1 hour between them", 0.71, 0.96, 0.93, "hop"),
    ("below_10k", "activity", "share", 0.18,
     "sent {value} of its payments in amounts just below $10,000", 0.33, 0.91, 0.9, None),
    ("median_dwell", "pass_through", "seconds", 2820.0,
     "held what it received for a median of {value}", 0.21, 0.12, 0.2, "pass"),
    ("active_days", "activity", "days", 44.0,
     "was active on {value}", -0.46, 0.62, 0.55, None),
    ("reciprocal", "otc", "share", 0.02,
     "exchanged {value} of its value with addresses that also paid it", -0.12, 0.3, 0.28, None),
    ("round_share", "otc", "share", None,
     "sent {value} of its payments in round amounts", 0.0, None, None, None),
]  # fmt: skip


def example() -> dict[str, Any]:
    """Return a new alert object."""
    return copy.deepcopy(_alert())


def _alert() -> dict[str, Any]:
    scene = Scene(214, FIRST, LAST)
    base = -4.1
    contributions = [_contribution(*row) for row in SIGNALS]
    log_odds = base + math.fsum(c["contribution"] for c in contributions)
    said = {
        name: sentence(says, unit, value, scene)
        for name, _, unit, value, says, *_ in SIGNALS
        if value is not None
    }
    families: dict[str, float] = {}
    for c in contributions:
        families[c["family"]] = families.get(c["family"], 0.0) + c["contribution"]
    return {
        "schema_version": "1.5",
        "alert_id": "alert-" + hashlib.sha256(ADDRESS.encode()).hexdigest()[:16],
        "typology": "pig_butchering_laundering",
        "generated_by": "unrinse 0.1.0",
        "chain": "ethereum",
        "address": ADDRESS,
        "as_of": "2024-05-10T00:00:00Z",
        "status": "scored",
        "rank": 3,
        "score": 1 / (1 + math.exp(-log_odds)),
        "score_low": 1 / (1 + math.exp(1 - log_odds)),
        "score_high": 1 / (1 + math.exp(-1 - log_odds)),
        "log_odds": log_odds,
        "band": "high",
        "role": {
            "name": "collector",
            "meaning": "takes deposits from many and passes them on",
            "confidence": 0.83,
            "told_apart_from": ["mule", "otc_desk"],
            "likely": [{"part": "collector", "share": 0.83}],
            "reliability": {
                "part": "collector",
                "n": 41,
                "right": 37,
                "low": 0.77,
                "high": 0.96,
                "true": {"collector": 37, "mule": 4},
            },
            **spoken(tell("Most like a collector, by the trees {p}.", p=share(0.83))),
        },
        "base_rate": 0.01,
        "base": base,
        "thresholds": {"medium": -3.0, "high": -1.4, "severe": 0.6},
        "threshold_population": {
            "name": "benign addresses of the synthetic world",
            "n": 2412,
            "date": "2026-11-03",
            "fpr": 0.01,
        },
        "verdict": verdict("high"),
        "training_basis": "synthetic",
        "decision_use": False,
        "notices": [
            "Not for decisions. The model behind these scores was trained on a synthetic world "
            "and never calibrated on reviewed cases."
        ],
        "history": {
            "n_transfers": 214,
            "first_seen": _iso(FIRST),
            "last_seen": _iso(LAST),
            "basis": "usd",
            "legs": ["native_in", "native_out", "token_in", "token_out"],
            "legs_missing": ["internal_in", "internal_out"],
            "left_out": {"zero_value": 12, "dust": 31, "counterfeit_asset": 4, "fee": 96},
        },
        "timeline": {"unit": "usd", "bin_days": 1, "bins": _bins()},
        "families": [
            {"family": f, "contribution": c, "odds_multiplier": math.exp(c)}
            for f, c in families.items()
        ],
        "contributions": contributions,
        "reasons": [_reason(c, said, i) for i, c in enumerate(contributions[:4])],
        "counter": [_said(c, said) for c in contributions[5:7]],
        "list_hits": [],
        **example_content(),
        "bundle_sha256": hashlib.sha256(b"bundle").hexdigest(),
        "transfers_sha256": hashlib.sha256(b"transfers").hexdigest(),
        "inputs": {
            "as_of": "2024-05-10T00:00:00Z",
            "addresses_sha256": hashlib.sha256(b"addresses").hexdigest(),
            "coverage_sha256": hashlib.sha256(b"coverage").hexdigest(),
            "assume_complete": False,
            "synthetic": True,
            "services_sha256": [],
            "registry_sha256": {"assets.csv": hashlib.sha256(b"assets").hexdigest()},
            "program_sha256": hashlib.sha256(b"program").hexdigest(),
        },
    }


def _contribution(
    name: str, family: str, unit: str, value: float | None, says: str,
    contribution: float, below: float | None, below_alike: float | None, flag: str | None,
) -> dict[str, Any]:  # fmt: skip
    def percentile(population: str, n: int, share: float | None) -> dict[str, Any] | None:
        if share is None:
            return None
        return {
            "population": population,
            "n": n,
            "date": "2026-11-03",
            "share_below": share,
            "share_above": round(1 - share - 0.01, 4),
        }

    return {
        "signal": name,
        "family": family,
        "meaning": "What this signal measures, in one sentence.",
        "value": value,
        "unit": unit,
        "contribution": contribution,
        "odds_multiplier": math.exp(contribution),
        "percentile": percentile("addresses of the synthetic world", 3000, below),
        "percentile_look_alikes": percentile("benign look-alikes", 2412, below_alike),
        "red_flags": [FLAGS[flag]] if flag else [],
        "evidence_kind": "distribution" if unit in ("share", "seconds") else "extremal",
        "null_meaning": "fewer than ten outgoing payments" if value is None else None,
    }


def _said(c: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    spoken = said[c["signal"]]
    return {
        "signal": c["signal"],
        "sentence": spoken.text,
        "numbers": [{"shown": n.shown, "value": n.value, "unit": n.unit} for n in spoken.numbers],
        "contribution": c["contribution"],
        "odds_multiplier": c["odds_multiplier"],
    }


def _reason(c: dict[str, Any], said: dict[str, Any], number: int) -> dict[str, Any]:
    rows = [_row(10 * number + k) for k in range(6 if number else 3)]
    evidence = {
        "kind": c["evidence_kind"],
        "rows": rows,
        "n_rows": len(rows) if number else 188,
        "shown": len(rows),
        "digest": hashlib.sha256("\n".join(r["tx_id"] for r in rows).encode()).hexdigest(),
        "statistics": {"numerator": 971300.0, "denominator": 1000000.0} if not number else {},
        "elsewhere": _beyond(rows[0]) if number < 2 else [],
        "n_elsewhere": (1, 7, 0)[min(number, 2)],
    }
    if number == 1:  # not the other leg of one of its own, but what the value rests on
        evidence["elsewhere"][0] |= {"of_tx_id": None, "of_log_index": None, "probability": None}
    return {**_said(c, said), "evidence": evidence}


def _beyond(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a transfer of others that one of its own belongs to."""
    paid = {name: row[name] for name in ("log_index", "block_time", "symbol", "amount", "usd")}
    parties = [hashlib.sha256(f"{side}{row['tx_id']}".encode()).hexdigest() for side in "sr"]
    return [
        {
            "of_tx_id": row["tx_id"],
            "of_log_index": row["log_index"],
            "probability": 0.93,
            "chain": "arbitrum",
            "tx_id": "0x" + hashlib.sha256(row["tx_id"].encode()).hexdigest(),
            "sender": "0x" + parties[0][:40],
            "receiver": "0x" + parties[1][:40],
            "asset": USDT,
            **paid,
        }
    ]


def _row(k: int) -> dict[str, Any]:
    outgoing = k % 4 != 0
    amount = 9_650.25 + 137 * k
    return {
        "tx_id": "0x" + hashlib.sha256(f"tx{k}".encode()).hexdigest(),
        "log_index": 17 + k,
        "block_time": _iso(FIRST + timedelta(days=1.3 * k, minutes=7 * k)),
        "direction": "out" if outgoing else "in",
        "counterparty": "0x" + hashlib.sha256(f"party{k}".encode()).hexdigest()[:40],
        "asset": USDT,
        "symbol": "USDT",
        "amount": f"{amount:.2f}",
        "usd": amount,
    }


def _bins() -> list[dict[str, Any]]:
    bins = []
    for day in range(67):
        if day % 3 == 1 and day % 2:
            continue
        size = 9000 + 42000 * (1 + math.sin(day / 4.2)) ** 2 * (day % 5 + 1) / 5
        bins.append({
            "start": _iso(datetime(2024, 3, 3, tzinfo=UTC) + timedelta(days=day)),
            "value_in": size if day % 5 else 0.0,
            "value_out": size * 0.97 if day % 4 else 0.0,
            "n_in": day % 5,
            "n_out": day % 4,
            "net_supplied": 20_000.0 * math.sin(day / 9),
        })  # fmt: skip
    return bins


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
