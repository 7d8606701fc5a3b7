"""What alerts tell beside the score, over a world and over real wallets.

Every number of every sentence stands in the alert; the trace is the one that `unrinse trace` makes;
every fact names its transactions; nothing says which values would score lower.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import polars as pl
import pytest

from data.services import load_services
from data.transfers import open_transfers
from features.evidence import digest
from models.innocence import FITS, INNOCENT, NO_FIT
from models.innocence.trying import ORDER
from models.tracing.limits import Limits
from models.tracing.tracing import Tracer
from pipelines.alerting import alert_traces
from pipelines.alerting.alert_traces import MOST_ENDS, MOST_HOLDERS, MOST_NODES
from pipelines.alerting.alerts import SCHEMA
from pipelines.explain import explain
from pipelines.ingest import ingest
from pipelines.pages.pages import alert_page
from pipelines.trace import trace
from pipelines.train import train
from tests.unwatched import unwatched

TOP = 12
Alert = dict[str, Any]


def read(out: Path) -> list[Alert]:
    lines = (out / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def of_a_world(world, bundle, tmp_path_factory) -> list[Alert]:
    out = tmp_path_factory.mktemp("alerts") / "out"
    explain(bundle, world.store, world.addresses, out, top=TOP, services=world.services)
    return read(out)


@pytest.fixture(scope="module")
def of_real_wallets(world, real_data, tmp_path_factory) -> list[Alert]:
    """Wallets of a public scam tracker, scored by a model of the legs that their exports show."""
    folder = tmp_path_factory.mktemp("wallets")
    files = sorted((real_data / "dfpi_scam_wallets" / "txlist").glob("*.csv"))
    ingest("etherscan_txlist", files, folder / "store", chain="ethereum")
    (folder / "list.txt").write_text("\n".join(file.stem.lower() for file in files) + "\n")
    with unwatched():
        model = train(
            world.store, world.labels, folder / "bundle", basis="native", min_transfers=3,
            legs="native_in,native_out", threads=1,
        )  # fmt: skip
        explain(
            model.out, folder / "store", folder / "list.txt", folder / "out", top=TOP,
            research_use=True,
        )  # fmt: skip
    return read(folder / "out")


def sentences(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object with a sentence and its numbers."""
    if isinstance(node, dict):
        if "sentence" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        yield from chain.from_iterable(map(sentences, node))


def hold(alerts: list[Alert]) -> None:
    """Fail for a figure that no number beside its sentence shows, in order."""
    seen = 0
    for alert in alerts:
        for said in sentences(alert):
            rest = said["sentence"]
            assert rest.endswith(".")
            assert "{" not in rest
            for number in said["numbers"]:
                before, found, rest = rest.partition(number["shown"])
                assert found, (number, said["sentence"])
                assert not re.search(r"\d", before), (before, said["sentence"])
            assert not re.search(r"\d", rest), said["sentence"]
            seen += 1
    assert seen > 15 * len(alerts)


def claim(alerts: list[Alert]) -> None:
    """Fail for words that claim more than the data, or tell a launderer what to change."""
    for alert in alerts:
        for text in (*(said["sentence"] for said in sentences(alert)), alert_page(alert)):
            for word in ("ruled out", "the same money went to", "structuring of", "guilty"):
                assert word not in text
            assert not re.search(r"would (lower|drop|reduce|score)|below the threshold", text)


def obey(alerts: list[Alert]) -> None:
    schema = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for alert in alerts:
        assert [error.message for error in schema.iter_errors(alert)] == []


@pytest.mark.parametrize("check", [hold, claim, obey], ids=lambda f: f.__name__)
def test_on_a_world(of_a_world, check):
    assert len(of_a_world) == TOP
    check(of_a_world)


@pytest.mark.real
@pytest.mark.parametrize("check", [hold, claim, obey], ids=lambda f: f.__name__)
def test_on_real_wallets(of_real_wallets, check):
    assert len(of_real_wallets) == TOP
    check(of_real_wallets)


@pytest.mark.real
def test_real_wallets_say_what_their_exports_do_not_show(of_real_wallets):
    for alert in of_real_wallets:
        assert alert["gaps"][0]["kind"] == "legs"
        assert "oken transfers received" in alert["gaps"][0]["sentence"]
        assert alert["trace"]["coverage"]["token_in"] is False


def test_the_trace_is_that_of_the_trace_job(of_a_world, world, tmp_path):
    for number, alert in enumerate(of_a_world[:4]):
        done = trace(
            world.store, alert["address"], tmp_path / str(number), chain=alert["chain"],
            as_of=datetime.fromisoformat(alert["as_of"]), services=world.services,
        )  # fmt: skip
        report = json.loads((done.out / "trace.json").read_text(encoding="utf-8"))
        block = alert["trace"]
        assert block["made"]
        for name in ("n_transfers", "coverage"):
            assert block[name] == report[name]
        assert block["limits"] == report["limits"] | {"max_transfers": 20_000, "fewer_hops": False}
        for way, sides in report["directions"].items():
            for convention, side in sides.items():
                own = block["directions"][way][convention]
                assert own["kinds"] == side["kinds"]
                assert own["usd"] == side["usd"]
                assert own["ends"] == side["ends"][:MOST_ENDS]
                assert own["n_ends"] == len(side["ends"]) + side["ends_left_out"]["n"]
        assert block["freezability"]["holders"] == report["freezability"]["holders"][:MOST_HOLDERS]
        assert block["freezability"]["own_speed"] == report["freezability"]["own_speed"]
        for convention, nodes in report["key_nodes"]["forward"].items():
            assert block["key_nodes"][convention]["nodes"] == nodes["nodes"][:MOST_NODES]
        assert sum(block["crossings"].values()) == len(report["crossings"])


def test_a_tracer_of_earlier_moments_is_that_of_a_fresh_one(world):
    transfers, known = open_transfers(world.store), load_services(world.services)
    moments = pl.read_parquet(world.store / "transfers.parquet")["block_time"].sort()
    late, early = moments[-1], moments[len(moments) // 2]
    fresh = Tracer(transfers, known, before=early)
    cut = Tracer(transfers, known, before=late).earlier(early)
    pairs = fresh.events.addresses.rows()[:: max(1, fresh.events.addresses.height // 12)]
    moved = 0
    for pair in pairs:
        one, other = (t.trace(t.codes_of([pair]), Limits()) for t in (fresh, cut))
        assert one.rows.drop("sender", "receiver").equals(other.rows.drop("sender", "receiver"))
        for key in one.results:
            flows, others = one.results[key].flows, other.results[key].flows
            assert [(f.amount, f.end) for f in flows] == [(f.amount, f.end) for f in others]
            moved += len(flows)
    assert moved > 50


def test_a_trace_that_is_too_large_has_fewer_hops_or_is_none(world, monkeypatch):
    asked = pl.read_csv(world.addresses, try_parse_dates=True).sample(25, seed=3).to_dicts()
    transfers, known = open_transfers(world.store), load_services(world.services)

    def made(most: int) -> list[dict[str, Any]]:
        monkeypatch.setattr(alert_traces, "MOST_TRANSFERS", most)
        return [f.block for f in alert_traces.alert_traces(transfers, known, asked)]

    whole, capped = made(20_000), made(40)
    assert all(block["made"] and not block["limits"]["fewer_hops"] for block in whole)
    for block, full in zip(capped, whole, strict=True):
        assert block["limits"]["max_transfers"] == 40
        if full["n_transfers"] <= 40:
            assert block["directions"] == full["directions"]
        elif block["made"]:
            assert block["limits"]["fewer_hops"]
            assert block["n_transfers"] <= 40
        else:
            assert block["n_transfers"] > 40
            assert block["directions"] is None
    assert {block["made"] for block in capped} == {True, False}


def test_facts_are_transfers_of_the_store(of_a_world, world):
    table = world.transfers
    for alert in of_a_world:
        told = alert["facts"]["told"]
        assert 1 <= len(told) <= 5
        assert [fact["date"] for fact in told] == sorted(fact["date"] for fact in told)
        own = table.filter(
            (pl.col("sender") == alert["address"]) | (pl.col("receiver") == alert["address"])
        )
        for fact in told:
            rows = table if fact["kind"] == "exit" else own
            assert set(fact["tx_ids"]) <= set(rows["tx_id"])
            assert len(set(fact["tx_ids"])) == len(fact["tx_ids"]) <= fact["n_tx_ids"]
            assert fact["date"] < alert["as_of"]
            if fact["kind"] in ("largest_receipt", "largest_payment"):
                assert fact["digest"] == digest(fact["tx_ids"])


def test_each_explanation_is_tried_on_the_values_of_the_alert(of_a_world):
    outcomes = set()
    for alert in of_a_world:
        values = {c["signal"]: c["value"] for c in alert["contributions"]}
        told = alert["innocent_explanations"]
        assert {one["name"] for one in told} == {one.name for one in INNOCENT}
        order = [ORDER.index(one["outcome"]) for one in told]
        assert order == sorted(order)
        for one in told:
            outcomes.add(one["outcome"])
            for sign in one["signs"]:
                if sign["signal"] in values:
                    assert sign["value"] == values[sign["signal"]]
                assert (sign["value"] is None) == (sign["missing"] is not None)
        fit = [one["name"] for one in told if one["outcome"] == FITS]
        assert alert["innocence"]["leading"] == (fit[0] if len(fit) == 1 else None)
    assert {FITS, NO_FIT} <= outcomes


def test_what_would_overturn_bears_on_the_reasons(of_a_world, world):
    table, kinds = world.transfers, set()
    for alert in of_a_world:
        reasons = alert["reasons"]
        paid = set(table.filter(pl.col("sender") == alert["address"])["receiver"])
        paying = set(table.filter(pl.col("receiver") == alert["address"])["sender"])
        for one in alert["overturn"]:
            kinds.add(one["kind"])
            assert one["bears_on"] or not reasons
            assert "odds_multiplier" not in one
            for bears in one["bears_on"]:
                assert reasons[bears["place"] - 1]["signal"] == bears["signal"]
            assert set(one["concerned"]) <= paid | paying
            assert one["n_concerned"] >= len(one["concerned"])
            if one["kind"] == "payers":
                assert set(one["concerned"]) <= paying
            if one["kind"] == "payee":
                assert set(one["concerned"]) <= paid
    assert {"payers", "agent"} <= kinds


def test_the_net_of_the_timeline_is_what_came_less_what_went(of_a_world):
    for alert in of_a_world:
        net = 0.0
        for part in alert["timeline"]["bins"]:
            net += part["value_in"] - part["value_out"]
            assert part["net_supplied"] == pytest.approx(net, abs=1e-5)
