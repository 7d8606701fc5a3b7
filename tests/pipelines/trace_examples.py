"""A small case to trace: victims, a collector, a swap, a bridge, an exchange, and odd ends."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from pipelines.trace import trace
from tests.data.canonical import USDC, covered, row, store

COLLECTOR, MULE, SWAPPER, DEPOSIT, OTHER, STRANGER, VICTIM = (
    f"0x{digit * 40}" for digit in "1234567"
)
HOT, BRIDGE, ROUTER, MIXER = (f"0x{digit * 40}" for digit in "89ab")
BSC_BRIDGE = "0x" + "c" * 40
BSC_USDT = "0x55d398326f99059ff775485246999027b3197955"
EVERYBODY = (COLLECTOR, MULE, SWAPPER, DEPOSIT, OTHER)

SERVICES = f"""chain,address,name,category,licit,source,date,confidence,verified
ethereum,{HOT},Hot & Co,exchange_hot,true,a list,2024-01-02,service_data,yes
ethereum,{BRIDGE},Bridge,bridge,true,a list,2024-01-02,service_data,yes
bsc,{BSC_BRIDGE},Bridge,bridge,true,a list,2024-01-02,service_data,yes
ethereum,{ROUTER},Router,dex_router,true,a list,2024-01-02,service_data,yes
ethereum,{MIXER},Mixer,mixer,false,a list,2024-01-02,web_crawl,no
"""


def pay(n: int, sender: str, receiver: str, dollars: int, **given: Any) -> dict[str, Any]:
    units = {"amount_raw": str(dollars * 10**6), "usd_micros": dollars * 10**6}
    return row(n, sender=sender, receiver=receiver, **(units | given))


def case_rows() -> list[dict[str, Any]]:
    """The victim pays 1,000; it parts, is swapped, crosses a bridge, and reaches an exchange."""
    bsc = {"chain": "bsc", "asset": BSC_USDT, "amount_raw": str(299 * 10**18)}
    return [
        pay(1, VICTIM, COLLECTOR, 1_000),
        pay(2, COLLECTOR, MULE, 500),
        pay(3, COLLECTOR, SWAPPER, 300),
        pay(4, COLLECTOR, MIXER, 100),
        pay(5, STRANGER, MULE, 500),  # not the collector's
        pay(6, SWAPPER, ROUTER, 300),
        pay(6, ROUTER, SWAPPER, 298, asset=USDC, log_index=1),
        pay(7, SWAPPER, DEPOSIT, 298, asset=USDC),
        pay(8, DEPOSIT, HOT, 298, asset=USDC),
        pay(9, MULE, BRIDGE, 300),
        pay(19, BSC_BRIDGE, MULE, 299, **bsc),
        pay(20, MULE, OTHER, 299, **bsc),
        pay(30, MULE, STRANGER, 400),
    ]


def case(folder: Path, rows: list[dict[str, Any]] | None = None, **facts: Any) -> Path:
    """Write the case as a store, with its services beside it."""
    covers = [covered(*EVERYBODY), covered(MULE, OTHER, chain="bsc")]
    out = store(folder / "store", case_rows() if rows is None else rows, pl.concat(covers), **facts)
    (folder / "services.csv").write_text(SERVICES, encoding="utf-8")
    return out


def trace_report(payload: str | None = None) -> dict[str, Any]:
    """Return the report of the case; with a payload in every text a chain or a list can reach."""
    report = json.loads(_made())
    tag = {
        "name": "A list", "category": "sanctioned", "licit": False, "source": "s", "date": None,
        "confidence": "unknown", "verified": False, "origin": "user",
    }  # fmt: skip
    report |= {"tags": [tag]}
    return report if payload is None else _poisoned(report, payload)


@cache
def _made() -> str:
    with TemporaryDirectory() as folder:
        where = Path(folder)
        done = trace(
            case(where, synthetic=True), COLLECTOR, where / "out", chain="ethereum",
            services=where / "services.csv", max_hops=3,
        )  # fmt: skip
        return (done.out / "trace.json").read_text(encoding="utf-8")


_REACHED = (
    "chain", "address", "asset_chain", "asset", "symbol", "name", "source", "category", "issuer",
    "confidence", "date", "sender", "receiver", "tx_id", "amount", "traced_fifo", "meaning",
    "traced_haircut", "net_of_supplied", "lower", "upper",
)  # fmt: skip


def _poisoned(node: Any, payload: str) -> Any:
    """Put a payload wherever such a text stands, and into the notices."""
    if isinstance(node, list):
        return [_poisoned(one, payload) for one in node]
    if not isinstance(node, dict):
        return node
    changed = {
        key: payload if key in _REACHED and isinstance(value, str) else _poisoned(value, payload)
        for key, value in node.items()
    }
    return changed | ({"notices": [payload]} if "notices" in node else {})
