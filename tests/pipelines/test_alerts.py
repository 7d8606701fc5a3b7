"""Alerts end to end: transfers in, and every number of every alert traced back to them."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import polars as pl
import pytest

from data.errors import Refused
from data.schema import COVERAGE, LEGS, QUARANTINE, TIME, conform_transfers, sort_transfers
from data.storage import read_manifest, write_store
from data.transfers import open_transfers
from features.catalogue import catalogue
from features.evidence import digest
from models.deposit_address import NOTICE, proven
from models.fitting import fit
from models.flagging import stands
from models.leakage import CHECKS
from models.settings import Settings
from pipelines.alerting.alerts import SCHEMA, alert_id, json_line
from pipelines.alerting.alerts import alerts as alerts_of
from pipelines.amounts import exact_amount
from pipelines.engines import local
from pipelines.explain import ExplainResult, explain
from pipelines.score import score_addresses

START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = datetime(2024, 7, 1, tzinfo=UTC)
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
N = 120


def address(name: str) -> str:
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]


def subject(i: int) -> str:
    return address(f"subject {i}")


def transfers() -> pl.DataFrame:
    """Launderers pass on at once to many; the others keep and pay few."""
    random = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []

    def pay(at: datetime, sender: str, receiver: str, micros: int, screened: str | None) -> None:
        number = len(rows)
        rows.append(
            {
                "chain": "ethereum",
                "block_time": at,
                "tx_id": "0x" + hashlib.sha256(f"tx {number}".encode()).hexdigest(),
                "log_index": 5,
                "kind": "token",
                "sender": sender,
                "receiver": receiver,
                "asset": USDT,
                "amount_raw": str(micros),
                "usd_micros": micros,
                "screened": screened,
            }
        )

    for i in range(N):
        me, launders = subject(i), i % 2 == 0
        for k in range(12):
            at = START + timedelta(days=float(random.uniform(0, 150)))
            micros = int(random.uniform(100, 20_000) * 1e6) + k
            pay(at, address(f"payer {i} {k}"), me, micros, None)
            fast = launders if random.uniform() < 0.85 else not launders
            wait = timedelta(minutes=10) if fast else timedelta(days=9)
            parts = 3 if fast else 1
            for part in range(parts):
                to = address(f"payee {i} {k} {part}" if fast else f"shop {i} {k % 4}")
                share = micros * 98 // (100 * parts) if fast else micros // 3
                pay(at + wait + timedelta(minutes=part), me, to, share, None)
        pay(START + timedelta(days=1), address("duster"), me, 10, "dust")
    frame = pl.DataFrame(rows, schema_overrides={"block_time": TIME, "screened": pl.String})
    return sort_transfers(conform_transfers(frame).collect())


def write_world(folder: Path) -> None:
    coverage = pl.DataFrame(
        {
            "chain": "ethereum",
            "address": [subject(i) for i in range(N)],
            "from": None,
            "to": AS_OF,
            "complete": [i != 7 for i in range(N)],
            "legs": ",".join(LEGS),
            "source": "made up",
            "fetched_as_of": AS_OF,
        },
        schema=COVERAGE,
    )
    facts = {"as_of": AS_OF.isoformat(), "synthetic": True}
    write_store(folder, transfers(), coverage, pl.DataFrame(schema=QUARANTINE), facts)


def write_model(store: Path, out: Path) -> None:
    opened = open_transfers(store)
    asked = pl.DataFrame({"chain": "ethereum", "address": [subject(i) for i in range(N)]})
    measured = local.measure(opened, asked, as_of=AS_OF, basis="usd", threads=1)
    labels = asked.with_columns(
        label=pl.Series([1 - i % 2 for i in range(N)]),
        as_of=pl.lit(AS_OF),
        split=pl.Series(["train" if i < 80 else "validation" for i in range(N)]),
    )
    # Two kinds of account in turns, told apart by all they do: the audit is right to object.
    settings = Settings(basis="usd", legs=LEGS, base_rate=0.01, allow=tuple(CHECKS))
    fit(measured.signals, labels, settings).write(out)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, a bundle trained on it, and an address list with a typo."""
    folder = tmp_path_factory.mktemp("world")
    write_world(folder / "store")
    write_model(folder / "store", folder / "bundle")
    listed = [subject(i) for i in range(N)] + [address("unheard of"), "0x12"]
    (folder / "list.txt").write_text("\n".join(listed) + "\n")
    return folder


@pytest.fixture(scope="module")
def explained(world: Path) -> ExplainResult:
    return explain(
        world / "bundle", world / "store", world / "list.txt", world / "alerts", top=10, threads=1
    )


@pytest.fixture(scope="module")
def alerts(explained: ExplainResult) -> list[dict[str, Any]]:
    lines = (explained.out / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_alert_obeys_the_published_schema(alerts):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    assert len(alerts) == 10
    for alert in alerts:
        assert list(validator.iter_errors(alert)) == []


def test_contributions_add_up_exactly(alerts):
    for alert in alerts:
        parts = math.fsum(c["contribution"] for c in alert["contributions"])
        families = math.fsum(f["contribution"] for f in alert["families"])
        assert abs(alert["base"] + parts - alert["log_odds"]) <= 1e-9
        assert abs(alert["base"] + families - alert["log_odds"]) <= 1e-9
        assert alert["score"] == pytest.approx(1 / (1 + math.exp(-alert["log_odds"])), abs=1e-15)
        for c in alert["contributions"]:
            assert c["odds_multiplier"] == math.exp(c["contribution"])
            assert (c["value"] is None) == (c["null_meaning"] is not None)


@pytest.fixture(scope="module")
def values(world: Path) -> dict[str, dict[str, Any]]:
    """Each address's row of the signals table."""
    asked = pl.DataFrame({"chain": "ethereum", "address": [subject(i) for i in range(N)]})
    opened = open_transfers(world / "store")
    measured = local.measure(opened, asked, as_of=AS_OF, basis="usd", threads=1)
    return {row["address"]: row for row in measured.signals.iter_rows(named=True)}


def test_alerts_come_by_rank_and_reasons_by_strength(alerts, values):
    assert [alert["rank"] for alert in alerts] == list(range(1, 11))
    for alert in alerts:
        told = [reason["contribution"] for reason in alert["reasons"]]
        assert told == sorted(told, reverse=True)
        assert 0 < len(told) <= 5
        by_name = {c["signal"]: c for c in alert["contributions"]}
        for reason in alert["reasons"]:
            part = by_name[reason["signal"]]
            standing = part["percentile_look_alikes"]
            assert part["value"] is not None
            row = values[alert["address"]]
            counted = catalogue().by_name[reason["signal"]].fewest
            assert all(row[column] >= least for column, least in counted)
            for flag in part["red_flags"]:
                assert stands(flag["id"], row)
        for spoken in alert["counter"]:
            counted = catalogue().by_name[spoken["signal"]].fewest
            assert all(values[alert["address"]][column] >= least for column, least in counted)
            assert max(standing["share_below"], standing["share_above"]) >= 0.9


def test_evidence_rows_are_the_transfers_of_the_store(alerts, world):
    table = pl.read_parquet(world / "store" / "transfers.parquet")
    by_tx = {row["tx_id"]: row for row in table.iter_rows(named=True)}
    seen = 0
    for alert in alerts:
        for reason in alert["reasons"]:
            evidence = reason["evidence"]
            assert evidence["shown"] == len(evidence["rows"]) <= evidence["n_rows"]
            for row in evidence["rows"]:
                true = by_tx[row["tx_id"]]
                inward = true["receiver"] == alert["address"]
                assert alert["address"] in (true["sender"], true["receiver"])
                assert row["direction"] == ("in" if inward else "out")
                assert row["counterparty"] == (true["sender"] if inward else true["receiver"])
                assert datetime.fromisoformat(row["block_time"]) == true["block_time"]
                assert row["symbol"] == "USDT"
                assert int(float(row["amount"]) * 1e6 + 0.5) == int(true["amount_raw"])
                assert row["usd"] == true["usd_micros"] / 1e6
                assert true["screened"] is None
                seen += 1
            if evidence["shown"] == evidence["n_rows"]:
                assert evidence["digest"] == digest([r["tx_id"] for r in evidence["rows"]])
    assert seen > 50


def test_a_value_in_a_sentence_is_the_signals_value(alerts):
    by_name = catalogue().by_name
    for alert in alerts:
        values = {c["signal"]: c["value"] for c in alert["contributions"]}
        for said in [*alert["reasons"], *alert["counter"]]:
            unit = by_name[said["signal"]].unit
            if "{value}" in by_name[said["signal"]].says:
                assert {"value": values[said["signal"]], "unit": unit}.items() <= next(
                    n for n in said["numbers"] if n["unit"] == unit
                ).items()
            elif "evidence" in said:
                behind = said["evidence"]["statistics"].values()
                made_of = [n["value"] for n in said["numbers"] if n["unit"] in ("count", "share")]
                assert len(made_of) >= 2
                assert set(made_of) <= set(behind)
            bare = said["sentence"]
            for number in said["numbers"]:
                bare = bare.replace(number["shown"], "", 1)
            assert not re.search(r"\d", bare)


def test_the_timeline_holds_every_dollar(alerts, world):
    table = pl.read_parquet(world / "store" / "transfers.parquet").filter(
        pl.col("screened").is_null()
    )
    for alert in alerts:
        for side, column in (("in", "receiver"), ("out", "sender")):
            own = table.filter(pl.col(column) == alert["address"])
            bins = alert["timeline"]["bins"]
            assert sum(b[f"n_{side}"] for b in bins) == own.height
            total = math.fsum(b[f"value_{side}"] for b in bins)
            assert total == pytest.approx(sum(own["usd_micros"].to_list()) / 1e6, rel=1e-12)
        assert len(bins) <= 120


def test_what_was_left_out_is_counted(alerts):
    for alert in alerts:
        assert alert["history"]["left_out"] == {"dust": 1}
        assert alert["history"]["legs"] == list(LEGS)
        assert alert["history"]["legs_missing"] == []


def test_the_result_counts_everybody(explained, world):
    assert explained.n_requested == N + 1
    assert sum(explained.statuses.values()) == N + 1
    assert explained.statuses["not_found"] == 1
    assert explained.statuses["truncated_history"] == 1
    assert explained.exit_code == 3  # the typo
    assert any("0x12" in note for note in explained.notes)
    index = explained.index.read_text(encoding="utf-8")
    assert "not_found" in index
    assert "0x12" in index


def test_the_folder_vouches_for_itself(explained, alerts):
    manifest = read_manifest(explained.out)
    assert manifest["kind"] == "alerts"
    pages = {f"{alert['alert_id']}.html" for alert in alerts}
    lists = {"alerts.jsonl", "cases.json", "cases.html", "index.html"}
    lists |= {"outreach.csv", "outreach.html"}
    assert set(manifest["files"]) == {*lists, *pages}
    for alert in alerts:
        html = (explained.out / f"{alert['alert_id']}.html").read_text(encoding="utf-8")
        assert alert["address"] in html
        assert "Not for decisions." in html
        assert "made up" in html
        assert 'class="explorer' not in html  # nobody can look up what is made up


def test_possible_victims_are_on_the_outreach_list_alone(explained, alerts):
    with (explained.out / "outreach.csv").open(newline="") as file:
        warned = {row["address"] for row in csv.DictReader(file)}
    assert len(warned) == explained.statuses.get("possible_victim", 0)
    assert not warned & {alert["address"] for alert in alerts}
    page = (explained.out / "outreach.html").read_text(encoding="utf-8")
    assert all(address in page for address in warned)
    assert "suspect" not in page
    index = explained.index.read_text(encoding="utf-8")
    assert ('href="outreach.html"' in index) == bool(warned)


def test_the_same_input_gives_the_same_bytes(world, explained):
    again = explain(
        world / "bundle", world / "store", world / "list.txt", world / "again", top=10, threads=2
    )
    assert read_manifest(again.out) == read_manifest(explained.out)


def test_real_transfers_are_refused_without_research_use(world, tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    for name in ("transfers.parquet", "coverage.parquet"):
        (real / name).write_bytes((world / "store" / name).read_bytes())
    paths = (world / "bundle", real, world / "list.txt", tmp_path / "out")
    with pytest.raises(Refused, match="not for decisions"):
        explain(*paths, as_of=AS_OF)
    assert not (tmp_path / "out").exists()
    done = explain(*paths, as_of=AS_OF, research_use=True, top=1)
    line = (done.out / "alerts.jsonl").read_text(encoding="utf-8")
    assert any(notice.startswith("Research use.") for notice in json.loads(line)["notices"])
    assert "Research use." in done.index.read_text(encoding="utf-8")
    options: dict[str, Any] = {"as_of": AS_OF, "research_use": True, "top": 1}
    bare = explain(*paths[:3], tmp_path / "bare", explorer_links=False, **options)
    [page] = done.out.glob("alert-*.html")
    assert 'href="https://' in page.read_text(encoding="utf-8")
    assert 'href="https://' not in (bare.out / page.name).read_text(encoding="utf-8")
    assert (bare.out / "alerts.jsonl").read_bytes() == (done.out / "alerts.jsonl").read_bytes()
    with pytest.raises(Refused, match="one or the other"):
        explain(*paths[:3], tmp_path / "no", explorers="x.csv", explorer_links=False, **options)


def test_a_deposit_address_is_told_apart(world):
    run = score_addresses(world / "bundle", world / "store", world / "list.txt", threads=1)
    chosen = run.scores.with_row_index("position").filter(status="scored").head(2)
    swept = run.measured.signals["address"] == chosen["address"][0]
    signals = run.measured.signals.with_columns(
        exchange_out_share=pl.when(swept).then(1.0),
        receivers=pl.when(swept).then(1.0).otherwise(pl.col("receivers")),
    )
    changed = replace(run, measured=replace(run.measured, signals=signals))
    told, plain = alerts_of(changed, chosen)
    assert told["notices"] == [*plain["notices"], NOTICE]
    assert told["questions"]["exchange_deposit"]["proven"] == proven()
    jsonschema.validate(json.loads(json_line(told)), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_an_alert_keeps_its_id():
    assert alert_id("tron", "T1") == alert_id("tron", "T1")
    assert len({alert_id("tron", "T1"), alert_id("bsc", "T1"), alert_id("tron", "T2")}) == 3
    assert alert_id("a", "bc") != alert_id("ab", "c")


@pytest.mark.parametrize("decimals", [0, None, 6, 18, 77])
@pytest.mark.parametrize("raw", ["0", "1", "999999", "1000000", str(2**256 - 1)])
def test_amounts_are_exact(raw, decimals):
    whole, _, fraction = exact_amount(raw, decimals).partition(".")
    assert int(whole + fraction.ljust(decimals or 0, "0")) == int(raw)
