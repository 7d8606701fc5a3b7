"""A small run with a case of every kind of link, for the tests of reports and pages."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import polars as pl

from data.services import load_services
from data.transfers import open_transfers
from features.building import build_histories
from pipelines.casework.cases import find_cases
from tests.data.canonical import AS_OF, START, covered, row, store
from tests.features.test_bridges import USDT_ON

A, B, C, D, E, LONE = (f"0x{digit * 40}" for digit in "123456")
PAYER, EXIT, RELAY, BUSY, VICTIM, UNSEEN, LISTED = (f"0x{digit * 40}" for digit in "789abcd")
BRIDGE = f"0x{'e' * 40}"
ALERTS = (("ethereum", A), ("bsc", A), *(("ethereum", x) for x in (B, C, D, E, LONE)))

SERVICES = f"""chain,address,name,category,licit,source,date,confidence,verified
ethereum,{EXIT},A listed party,sanctioned,false,a list,2024-01-02,authority_data,yes
ethereum,{LISTED},Hot & Co,exchange_hot,true,a list,2024-01-02,service_data,yes
ethereum,{BRIDGE},A bridge,bridge,true,a list,2020-01-02,service_data,yes
bsc,{BRIDGE},A bridge,bridge,true,a list,2020-01-02,service_data,yes
"""


def pay(n: int, sender: str, receiver: str, dollars: int) -> dict[str, Any]:
    units = {"amount_raw": str(dollars * 10**6), "usd_micros": dollars * 10**6}
    return row(n, sender=sender, receiver=receiver, **units)


def gas(n: int, sender: str, receiver: str) -> dict[str, Any]:
    coins = {"kind": "native", "asset": "native", "amount_raw": "10" * 9, "usd_micros": None}
    return row(n, sender=sender, receiver=receiver, **coins)


def rows() -> list[dict[str, Any]]:
    """A pays B, B and C pay one exit, D is relayed to E, and so on; LONE shares what ties not.

    A crosses a bridge to its own address elsewhere.
    """
    there: dict[str, Any] = {
        "chain": "bsc",
        "asset": USDT_ON["bsc"],
        "amount_raw": str(299 * 10**18),
    }
    there |= {"usd_micros": 299 * 10**6}
    return [
        *(gas(1, PAYER, D), gas(2, PAYER, E)),
        *(
            pay(3, A, BRIDGE, 300),
            row(9, **there, sender=BRIDGE, receiver=A),
        ),
        *(pay(10, VICTIM, A, 500), pay(11, VICTIM, C, 700), pay(12, C, VICTIM, 20)),
        *(pay(20, A, B, 400), pay(30, B, EXIT, 390), pay(31, C, EXIT, 600)),
        *(pay(40, C, RELAY, 90), pay(45, RELAY, D, 88)),
        *(pay(50, LONE, UNSEEN, 80), pay(51, E, UNSEEN, 70)),
        *(pay(60, LONE, BUSY, 60), pay(61, E, BUSY, 50), pay(62, E, LISTED, 50)),
        *(pay(100 + n, f"0x{n:040x}", BUSY, 5) for n in range(40)),
    ]


def run(folder: Path) -> tuple[Any, pl.DataFrame]:
    """Return what `find_cases` needs of a run, and its alerts."""
    seen = covered(A, B, C, D, E, LONE, PAYER, EXIT, RELAY, BUSY, VICTIM)
    made = store(folder / "store", rows(), pl.concat([seen, covered(A, chain="bsc")]))
    (folder / "services.csv").write_text(SERVICES, encoding="utf-8")
    listed = [*((*key, "scored") for key in ALERTS), ("ethereum", VICTIM, "possible_victim")]
    schema = {"chain": pl.String, "address": pl.String, "status": pl.String}
    scores = pl.DataFrame(listed, schema=schema, orient="row").with_columns(
        as_of=pl.lit(AS_OF),
        first_seen=pl.lit(START),
        last_seen=pl.lit(AS_OF),
        n_transfers=pl.lit(9),
    )
    opened, services = open_transfers(made), load_services(folder / "services.csv")
    asked = scores.filter(pl.col("status") == "scored").select("chain", "address")
    histories = build_histories(opened, asked, as_of=AS_OF, services=services)
    facts = SimpleNamespace(decision_use=False, training_basis="synthetic")
    made_run = SimpleNamespace(
        scores=scores,
        transfers=opened,
        services=services,
        measured=SimpleNamespace(histories=histories),
        as_of=AS_OF,
        bundle=SimpleNamespace(facts=facts),
    )
    return made_run, scores.filter(pl.col("status") == "scored")


def cases_report(payload: str | None = None) -> dict[str, Any]:
    """Return the report; with a payload in every text a chain or a list can reach."""
    report = json.loads(_made())
    return report if payload is None else _poisoned(report, payload)


@cache
def _made() -> str:
    with TemporaryDirectory() as folder:
        return json.dumps(find_cases(*run(Path(folder))).report)


_REACHED = (
    "chain", "address", "asset", "symbol", "name", "source", "category", "confidence", "date",
    "sender", "receiver", "tx_id", "amount", "sentence", "meaning",
)  # fmt: skip


def _poisoned(node: Any, payload: str) -> Any:
    if isinstance(node, list):
        return [_poisoned(one, payload) for one in node]
    if not isinstance(node, dict):
        return node
    changed = {
        key: payload if key in _REACHED and isinstance(value, str) else _poisoned(value, payload)
        for key, value in node.items()
    }
    return changed | ({"notices": [payload]} if "notices" in node else {})
