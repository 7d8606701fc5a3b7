"""Counterparties of alerts over a world, against sums and lookups made row by row."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from data.assets import asset_lookup
from data.services import load_services
from pipelines.alerting.alerts import alerts
from pipelines.alerting.counterparties import MOST
from pipelines.score import Scored, score_addresses

TOP = 14
Alert = dict[str, Any]


@pytest.fixture(scope="module")
def run(world, bundle) -> Scored:
    return score_addresses(bundle, world.store, world.addresses, services=world.services, threads=1)


@pytest.fixture(scope="module")
def told(run) -> list[Alert]:
    ranked = run.scores.with_row_index("position").filter(pl.col("status") == "scored")
    ranked = ranked.sort("rank")
    return list(alerts(run, pl.concat([ranked.head(TOP // 2), ranked.tail(TOP // 2)])))


@pytest.fixture(scope="module")
def rows(world) -> list[dict[str, Any]]:
    return world.transfers.filter(pl.col("screened").is_null()).to_dicts()


def own(alert: Alert, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the signals saw of an address: priced, unscreened, before its cut."""
    until = datetime.fromisoformat(alert["as_of"])
    return [
        row
        for row in rows
        if row["chain"] == alert["chain"]
        and alert["address"] in (row["sender"], row["receiver"])
        and row["block_time"] < until
        and row["kind"] != "fee"
        and row["usd_micros"]
    ]


def dealt(alert: Alert, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Add up per counterparty, one row after another."""
    found: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"in": 0, "out": 0, "n_in": 0, "n_out": 0, "times": [], "txs": []}
    )
    for row in own(alert, rows):
        way = "in" if row["receiver"] == alert["address"] else "out"
        other = found[row["sender"] if way == "in" else row["receiver"]]
        other[way] += row["usd_micros"]
        other[f"n_{way}"] += 1
        other["times"].append(row["block_time"])
        other["txs"].append(row["tx_id"])
    return found


def test_every_sum_is_that_of_the_transfers(told, rows):
    seen = 0
    for alert in told:
        expected = dealt(alert, rows)
        table = alert["counterparties"]
        assert table["n"] == len(expected)
        order = sorted(expected, key=lambda a: (-(expected[a]["in"] + expected[a]["out"]), a))
        assert [row["address"] for row in table["rows"]] == order[:MOST]
        total = {way: sum(one[way] for one in expected.values()) for way in ("in", "out")}
        assert table["value_in"] == pytest.approx(total["in"] / 1e6, rel=1e-15)
        for row in table["rows"]:
            one = expected[row["address"]]
            for way in ("in", "out"):
                assert row[f"n_{way}"] == one[f"n_{way}"]
                assert row[f"value_{way}"] == one[way] / 1e6
                part = row[f"share_{way}"]
                assert part == (one[way] / total[way] if total[way] else None)
            assert datetime.fromisoformat(row["first"]) == min(one["times"])
            assert datetime.fromisoformat(row["last"]) == max(one["times"])
            seen += 1
        rest = [expected[address] for address in order[MOST:]]
        assert (table["rest"] is None) == (not rest)
        if rest:
            assert table["rest"]["n_addresses"] == len(rest)
            assert table["rest"]["n_in"] == sum(one["n_in"] for one in rest)
            assert table["rest"]["value_out"] == sum(one["out"] for one in rest) / 1e6
    assert seen > 50


def test_kinds_add_up_to_all(told):
    for alert in told:
        table = alert["counterparties"]
        kinds = table["kinds"]
        assert sum(kind["n_addresses"] for kind in kinds) == table["n"]
        for way in ("in", "out"):
            whole = sum(kind[f"value_{way}"] for kind in kinds)
            assert whole == pytest.approx(table[f"value_{way}"], rel=1e-9, abs=1e-6)
            shares = [kind[f"share_{way}"] for kind in kinds]
            assert None in shares or sum(shares) == pytest.approx(1.0)
        assert "unknown" not in [kind["kind"] for kind in kinds[:-1]]


def swaps(alert: Alert, rows: list[dict[str, Any]]) -> set[str]:
    """Return the transactions in which it sends one coin and receives another."""
    symbols = {(r["chain"], r["asset"]): r["symbol"] for r in asset_lookup().to_dicts()}
    sides: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"in": set(), "out": set()})
    for row in own(alert, rows):
        way = "in" if row["receiver"] == alert["address"] else "out"
        coin = symbols.get((row["chain"], row["asset"])) or row["asset"]
        sides[row["tx_id"]][way].add(coin.removeprefix("W") if len(coin) <= 5 else coin)
    return {tx for tx, of in sides.items() if of["out"] and of["in"] - of["out"]}


def is_deposit(address: str, alert: Alert, rows: list[dict[str, Any]], hot: set[Any]) -> bool:
    """Say whether an address pays hardly anybody but exchanges."""
    until = datetime.fromisoformat(alert["as_of"])
    paid: dict[str, int] = defaultdict(int)
    for row in rows:
        here = row["chain"] == alert["chain"] and row["sender"] == address
        if here and row["block_time"] < until and row["kind"] != "fee" and row["usd_micros"]:
            paid[row["receiver"]] += row["usd_micros"]
    swept = sum(value for who, value in paid.items() if (alert["chain"], who) in hot)
    return 0 < len(paid) <= 2 and swept >= 0.99 * sum(paid.values()) > 0


def test_a_kind_is_what_lists_behaviour_and_the_run_say(told, rows, run, world):
    services = load_services(world.services).table.sort("licit", maintain_order=True).to_dicts()
    listed: dict[Any, str] = {}
    for row in services:
        listed.setdefault((row["chain"], row["address"]), row["category"])
    hot = {pair for pair, category in listed.items() if category == "exchange_hot"}
    found = run.scores.sort("rank", nulls_last=True).to_dicts()
    scored: dict[Any, dict[str, Any]] = {}
    for row in found:
        scored.setdefault((row["chain"], row["address"]), row)
    met = set()
    for alert in told:
        swapped, expected = swaps(alert, rows), dealt(alert, rows)
        for row in alert["counterparties"]["rows"]:
            pair = (row["chain"], row["address"])
            mine = scored.get(pair)
            assert row["in_run"] == (mine and {k: mine[k] for k in ("status", "score", "band")})
            txs = expected[row["address"]]["txs"]
            if pair in listed:
                kind = listed[pair]
                assert row["tags"][0]["category"] == kind
            elif is_deposit(row["address"], alert, rows, hot):
                kind = "deposit_address"
            elif sum(tx in swapped for tx in txs) > len(txs) / 2:
                kind = "swap_venue"
            elif mine is not None and mine["status"] == "possible_victim":
                kind = "possible_victim"
            elif mine is not None and mine["band"] not in (None, "below_review"):
                kind = "alerted"
            else:
                kind = "unknown"
            assert row["kind"] == kind
            met.add(kind)
    assert {"exchange_hot", "unknown"} < met


def test_supplied_is_what_the_coverage_says(told, world):
    legs: dict[Any, set[str]] = defaultdict(set)
    for row in world.coverage.to_dicts():
        legs[row["chain"], row["address"]] |= set(row["legs"].split(","))
    for alert in told:
        for row in alert["counterparties"]["rows"]:
            seen = legs[row["chain"], row["address"]] & {
                f"{kind}_{way}" for kind in ("native", "token") for way in ("in", "out")
            }
            for way in ("in", "out"):
                assert row["supplied"][way] == any(leg.endswith(f"_{way}") for leg in seen)


def test_everybody_that_is_named_and_known_is_told(told):
    named = 0
    for alert in told:
        known = {(one["chain"], one["address"]): one["kind"] for one in alert["known"]}
        rows = {row["address"]: row for row in alert["counterparties"]["rows"]}
        for reason in alert["reasons"]:
            for row in reason["evidence"]["rows"]:
                pair = (alert["chain"], row["counterparty"])
                if row["counterparty"] in rows and rows[row["counterparty"]]["kind"] != "unknown":
                    assert known[pair] == rows[row["counterparty"]]["kind"]
                    named += 1
        assert (alert["chain"], alert["address"]) not in known
        for one in alert["known"]:
            assert one["kind"] != "unknown" or one["in_run"] is not None
    assert named > 5
