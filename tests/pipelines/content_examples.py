"""What stands in the hand-made alert beside its score and reasons."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from models.saying import count, on, share, tell, worth
from models.sentences import Number
from pipelines.alerting.dated_facts import DIRECTION_RULE
from pipelines.alerting.fact_choice import RULE
from pipelines.tracing.spoken import spoken

PAYEE = "0x" + hashlib.sha256(b"payee").hexdigest()[:40]
DEPOSIT = "0x" + hashlib.sha256(b"deposit").hexdigest()[:40]
TX_IDS = ["0x" + hashlib.sha256(f"fact {k}".encode()).hexdigest() for k in range(3)]
AT = "2024-04-01T00:00:00Z"
PERCENTILE = {
    "population": "benign look-alikes",
    "n": 2412,
    "date": "2026-11-03",
    "share_below": 0.94,
    "share_above": 0.05,
}


def example_content() -> dict[str, Any]:
    """Return the parts that `pipelines.alerting.alert_content` makes."""
    return {
        "facts": {"rule": RULE, "direction_rule": DIRECTION_RULE, "told": _facts()},
        "trace": trace_block(),
        "innocent_explanations": [
            _innocent("merchant", "A shop", "fits", 1.0),
            _innocent("treasury", "A treasury", "not_testable", None),
            _innocent("payroll", "A firm's wage account", "does_not_fit", 0.0),
        ],
        "innocence": {
            "leading": "merchant",
            **spoken(tell("One innocent explanation fits, and no other: a shop.")),
        },
        "gaps": [
            {"kind": "legs", **spoken(tell("Internal transfers received were not supplied."))},
            {"kind": "elsewhere", **spoken(tell("Other addresses were not looked for."))},
        ],
        "overturn": [
            {
                "kind": "payee",
                **spoken(tell("A listing of the address that took {p}.", p=share(0.41))),
                "bears_on": [{"place": 1, "signal": "forwarded_24h"}],
                "concerned": [PAYEE],
                "n_concerned": 7,
            }
        ],
        **example_parties(),
    }


def example_parties() -> dict[str, Any]:
    """Return where the score stands, what was asked, and who the counterparties are."""
    reference = tell("Of {n} at most {p} score as high.", n=count(2412, "address"), p=share(0.01))
    interval = tell("The interval reaches from high into severe.")
    alike = tell(
        "Of {n} that scored about like this one, {p} launder.",
        n=count(52, "address"),
        p=share(31 / 52),
    )
    together = tell(
        "Together they make the odds {x} what they were.", x=Number("31.5 times", 31.5, "ratio")
    )
    sums = {"n_in": 3, "value_in": 1500.0, "n_out": 1, "value_out": 12.5}
    dealt = {"first": AT, "last": AT, **sums, "share_in": 0.25, "share_out": None}
    [tag] = _who(DEPOSIT)["tags"]
    known = {"supplied": {"in": True, "out": False}, "in_run": None}
    hot = {"chain": "ethereum", "address": DEPOSIT, "kind": "exchange_hot", "tags": [tag], **known}
    run = {"status": "scored", "score": 0.4, "band": "high"}
    alerted = hot | {"address": PAYEE, "kind": "alerted", "tags": [], "in_run": run}
    return {
        "standing": {
            "n_scored": 812,
            "band_low": "high",
            "band_high": "severe",
            "reference_at_least": {"more_than": None, "at_most": 0.01, "low": 0.006, "high": 0.02},
            "alike": {
                "score_from": 0.1,
                "score_below": None,
                "n": 52,
                "n_positive": 31,
                "share": 31 / 52,
                "low": 0.42,
                "high": 0.76,
                "n_all": 812,
                "n_positive_all": 90,
            },
            "made_of": {"reasons": 31.5, "unusual": 1.2, "ordinary": 2.0, "lowering": 0.3},
            "said": [
                {"kind": "reference", **spoken(reference)},
                {"kind": "alike", **spoken(alike)},
                {"kind": "interval", **spoken(interval)},
                {"kind": "band", **spoken(tell("High begins at {p}.", p=share(0.1978)))},
                {"kind": "made_of", **spoken(together)},
            ],
        },
        "questions": {
            "victim": {
                "answer": "not_supported",
                **spoken(tell("Whether it is a victim’s was asked; the data do not support it.")),
            },
            "parts": {
                "known": ["collector", "mule", "otc_desk"],
                "never_told": ["otc_desk"],
                "unknown": ["consolidator", "swapper", "escrow"],
                **spoken(tell("The model tells two; consolidator and others it cannot name.")),
            },
            "exchange_deposit": {
                "by_rule": False,
                "proven": None,
                **spoken(tell("A deposit address is no part that is learnt.")),
            },
        },
        "counterparties": {
            "unit": "usd",
            "n": 41,
            "value_in": 6000.0,
            "value_out": 0.0,
            "kinds": [{"kind": "exchange_hot", "n_addresses": 2, **dealt}],
            "rows": [hot | dealt, alerted | dealt],
            "rest": {"n_addresses": 39, **dealt},
        },
        "known": [alerted],
    }


def _leads() -> list[dict[str, Any]]:
    party = {"chain": "ethereum", "address": DEPOSIT, "name": "Made-up mixer"}
    sentences = {
        "own": tell("{p} came to the same address elsewhere.", p=share(0.51)),
        "dark": tell("{p} of what was traced forward came to a mixer.", p=share(0.21)),
        "deposit": tell("It paid none of them itself."),
        "fetch": tell("Fetch next the transfers of one that took {usd}.", usd=worth(5e4)),
        "more": tell("{usd} were traced forward, more than received.", usd=worth(9e5)),
    }
    return [
        {"kind": kind, **spoken(said), "parties": [party], "n_parties": 4}
        for kind, said in sentences.items()
    ]


def trace_block() -> dict[str, Any]:
    """Return a trace of one exit and one source, by both conventions."""
    ways = {"forward": ("exchange_deposit", DEPOSIT), "backward": ("not_supplied", PAYEE)}
    return {
        "made": True,
        "n_transfers": 240,
        "limits": {
            "max_hops": 6,
            "min_usd": 1.0,
            "max_degree": 500,
            "swaps": True,
            "bridges": True,
            "ambiguous": False,
            "max_transfers": 20_000,
            "fewer_hops": False,
        },
        "coverage": dict.fromkeys(
            ("native_in", "native_out", "token_in", "token_out", "complete"), True
        ),
        "directions": {
            way: {name: _side(*end) for name in ("fifo", "haircut")} for way, end in ways.items()
        },
        "crossings": {"followed": 1},
        "least_sure": {
            "probability": 0.97,
            "proven": {
                "above": 0.9,
                "up_to": 0.99,
                "n": 404,
                "right": 404,
                "low": 0.99,
                "high": 1.0,
            },
        },
        "freezability": {
            "holders": [
                {
                    **_who(DEPOSIT),
                    "issuer": "Tether",
                    "traced_fifo": "5",
                    "traced_haircut": "4.5",
                    "traced_usd_most": 5.0,
                    "net_of_supplied": "5",
                    "lower": "0",
                    "upper": None,
                    "speed": None,
                }
            ],
            "n": 1,
            "own_speed": [],
        },
        "key_nodes": {name: _nodes() for name in ("fifo", "haircut")},
        "leads": _leads(),
        "said": [
            {
                "kind": "exits",
                **spoken(tell("Of {usd} traced, {p} to exchanges.", usd=worth(9e5), p=share(0.97))),
            }
        ],
    }


def _side(end: str, address: str) -> dict[str, Any]:
    sums = {"usd": 873_000.0, "share": 0.97, "n_transfers": 12, "n_unpriced": 0}
    times = {"first": AT, "last": AT}
    return {
        "usd": 900_000.0,
        "kinds": [{"end": end, "is_cap": False, **sums, "n_addresses": 1, **times}],
        "ends": [
            {
                "end": end,
                "is_cap": False,
                "is_custodial": True,
                **_who(address),
                "by_behaviour": False,
                "amount": "873000.25",
                "over_bridges": "0",
                **sums,
                **times,
                "hops_least": 1,
                "hops_most": 3,
            }
        ],
        "n_ends": 14,
    }


def _who(address: str) -> dict[str, Any]:
    tag = {
        "name": "Made-up exchange",
        "category": "exchange_hot",
        "licit": True,
        "source": "a list",
        "date": "2024-01-01",
        "confidence": "service_data",
        "verified": False,
        "origin": "user",
    }
    asset = {"asset_chain": "ethereum", "asset": "0xdac1", "symbol": "USDT"}
    return {"chain": "ethereum", "address": address, "tags": [tag], **asset}


def _nodes() -> dict[str, Any]:
    node = {
        **{k: v for k, v in _who(DEPOSIT).items() if k in ("chain", "address", "tags")},
        "end": None,
        "usd": 873_000.0,
        "share": 0.97,
        "ended_share": 0.5,
        "n_transfers": 12,
        "n_unpriced": 0,
        "first": AT,
        "last": AT,
        "hops_least": 1,
    }
    return {"usd": 900_000.0, "n": 3, "nodes": [node]}


def _facts() -> list[dict[str, Any]]:
    day = on(datetime(2024, 4, 1, tzinfo=UTC))
    said = tell(
        "From {day} it paid {who} {sum} within 24 hours.",
        day=day, who=count(14, "address", "addresses"), sum=worth(212_400.0),
    )  # fmt: skip
    fact = {
        "kind": "spread",
        "direction": "for",
        "date": AT,
        **spoken(said),
        "value": 212_400.0,
        "n_transfers": 14,
        "n_counterparties": 14,
        "counterparty": None,
        "counterparty_kind": None,
        "tx_ids": TX_IDS,
        "n_tx_ids": 14,
        "digest": hashlib.sha256(b"all").hexdigest(),
    }
    exit_ = fact | {
        "kind": "exit",
        "direction": "neutral",
        "counterparty": {"chain": "ethereum", "address": DEPOSIT},
    }
    return [fact, exit_]


def _innocent(name: str, title: str, outcome: str, value: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "supposes": "Something innocent goes on.",
        "outcome": outcome,
        **spoken(tell("Of {n} all fit.", n=count(1, "sign"))),
        "signs": [
            {
                "signal": "forwarded_24h",
                "meaning": "What this sign measures.",
                "unit": "share",
                "value": value,
                "least": 0.5,
                "most": None,
                "expected": "at least 50 %",
                "tells": True,
                "state": _state(value),
                "missing": "nothing came in" if value is None else None,
                "percentile_look_alikes": PERCENTILE if value == 1.0 else None,
            }
        ],
        "source": "an assumption",
        "shown_by": "orders and invoices",
    }


def _state(value: float | None) -> str:
    if value is None:
        return "not_testable"
    return "fits" if value >= 0.5 else "does_not_fit"
