"""Cases end to end: every alert in one, every link with its transfers, nobody by association."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import polars as pl
import pytest

from data.explorers import load_explorers
from data.storage import read_manifest
from data.transfers import open_transfers
from features.evidence import digest
from models.cases.grouping import case_id_of
from models.cases.limits import Kind, Limits, Reason
from pipelines.alerting.alerts import alert_id
from pipelines.casework.case_wording import WITHHELD, link_sentence, meaning_of
from pipelines.casework.cases import SCHEMA
from pipelines.pages.cases import cases_page
from tests.pipelines import case_examples

Report = dict[str, Any]


@pytest.fixture(scope="module")
def report(reviewed) -> Report:
    return reviewed.cases


@pytest.fixture(scope="module")
def transfers(reviewed) -> dict[tuple[str, str, int], dict[str, Any]]:
    rows = open_transfers(reviewed.store).followed().collect().iter_rows(named=True)
    return {(row["chain"], row["tx_id"], row["log_index"]): row for row in rows}


def who(node: dict[str, Any]) -> tuple[str, str]:
    return node["chain"], node["address"]


def grouped(report: Report) -> list[dict[str, Any]]:
    return [case for case in report["cases"] if len(case["members"]) > 1]


def test_the_report_obeys_its_schema(report):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(report)) == []


def test_every_alert_is_in_one_case(reviewed, report):
    told = [who(member) for case in report["cases"] for member in case["members"]]
    assert sorted(told) == sorted(who(alert) for alert in reviewed.alerts)
    assert report["n_alerts"] == reviewed.done.n_alerts == len(told)
    assert reviewed.done.cases == len(grouped(report)) >= 3
    for case in report["cases"]:
        assert case["case_id"] == case_id_of(who(case["members"][0]))
        for member in case["members"]:
            assert member["alert_id"] == alert_id(*who(member))
            assert member["id_as_anchor"] == case_id_of(who(member))


def test_every_link_rests_on_transfers_that_are_there(report, transfers):
    links = [link for case in report["cases"] for link in case["links"]]
    assert len({link["kind"] for link in links}) >= 2
    for link in links:
        near = {who(key) for key in link["alerts"]} | ({who(link["via"])} if link["via"] else set())
        for row in link["rows"]:
            real = transfers[row["chain"], row["tx_id"], row["log_index"]]
            assert (row["sender"], row["receiver"]) == (real["sender"], real["receiver"])
            sides = {(row["chain"], row["sender"]), (row["chain"], row["receiver"])}
            assert sides <= near or (link["kind"] == Kind.BRIDGE_CROSSING and sides & near)
            if real["usd_micros"] is not None:
                assert round(row["usd"] * 10**6) == real["usd_micros"]
        if link["shown"] == link["total"]["n"]:
            assert link["digest"] == digest([row["tx_id"] for row in link["rows"]])
            usd = sum(row["usd"] or 0 for row in link["rows"])
            assert (link["total"]["usd"] or 0) == pytest.approx(usd)


def test_a_case_holds_together_by_its_links_alone(report):
    for case in grouped(report):
        reached, before = {who(case["members"][0])}, 0
        while len(reached) > before:
            before = len(reached)
            for link in case["links"]:
                tied = {who(key) for key in link["alerts"]}
                reached |= tied if tied & reached else set()
        assert reached == {who(member) for member in case["members"]}


def test_no_service_and_nobody_busy_stands_between(reviewed, report):
    listed = pl.read_csv(reviewed.world.services).select("chain", "address").rows()
    for case in report["cases"]:
        for link in case["links"]:
            assert link["via"] is None or who(link["via"]) not in set(listed)
    limits = report["limits"]
    for one in report["withheld"]:
        assert who(one["via"]) not in set(listed)
        assert (one["reason"] == Reason.BUSY) == (one["degree"] > limits["max_shared"])


def test_victims_are_named_as_victims_alone(reviewed, report):
    lines = (reviewed.done.out / "outreach.csv").read_text(encoding="utf-8").splitlines()[1:]
    victims = {tuple(line.split(",")[:2]) for line in lines}
    assert victims
    named = set()
    for case in report["cases"]:
        for node in (*case["members"], *case["key_nodes"], *case["associated"]):
            assert who(node) not in victims
        assert {who(node) for node in case["possible_victims"]} <= victims
        named |= {who(node) for node in case["possible_victims"]}
        for link in case["links"]:
            if link["via"] and who(link["via"]) in victims:
                assert link["via"]["possible_victim"]
                assert link["kind"] == Kind.SHARED_PAYER
                assert "possible victim" in link["sentence"]
    assert named


def test_no_score_gets_into_the_cases(reviewed):
    text = (reviewed.done.out / "cases.json").read_text(encoding="utf-8")
    for alert in reviewed.alerts:
        for name in ("score", "log_odds"):
            assert repr(alert[name]) not in text
    assert '"score"' not in text
    assert '"band"' not in text


def test_the_page_shows_all_of_it(reviewed, report):
    page = (reviewed.done.out / "cases.html").read_text(encoding="utf-8")
    assert page == cases_page(report, load_explorers())
    page = page.replace("\N{NO-BREAK SPACE}", " ")
    for case in grouped(report):
        assert f'id="{case["case_id"]}"' in page
        for link in case["links"]:
            assert link["sentence"] in page
            assert all(row["tx_id"] in page for row in link["rows"])
        for member in case["members"]:
            assert f'href="{member["alert_id"]}.html"' in page
    assert "nobody is a suspect because of whom they dealt with" in page
    assert 'href="cases.html"' in reviewed.done.index.read_text(encoding="utf-8")


@pytest.mark.unwatched
def test_the_order_of_the_list_plays_no_part(reviewed, tmp_path):
    mixed = pl.read_csv(reviewed.world.addresses).sample(fraction=1.0, shuffle=True, seed=4)
    mixed.write_csv(tmp_path / "list.csv")
    world = replace(reviewed.world, addresses=tmp_path / "list.csv")
    again = replace(reviewed, world=world).explain(tmp_path / "out", sar=False)
    files = read_manifest(again.out)["files"]
    assert files["cases.json"] == read_manifest(reviewed.done.out)["files"]["cases.json"]
    assert not (again.out / "sar").exists()


def test_a_list_that_was_cut_off_says_so(reviewed, tmp_path):
    """Cases know alerts alone: who calls for review and is not among them may be missing."""
    assert "more scores are up for review" in " ".join(reviewed.done.notes)
    short = reviewed.listing(tmp_path / "list.csv", alerts=3, below=1)
    whole = short.explain(tmp_path / "out", sar=False, top=None)
    assert whole.n_alerts == 3
    assert "more scores are up for review" not in " ".join(whole.notes)


def test_cases_are_mostly_right(reviewed, report):
    """On this world, most pairs that are put together belong to one case of the truth."""
    truth = pl.read_parquet(reviewed.world.store / "truth.parquet")
    of = {(c, a): case for c, a, case in truth.select("chain", "address", "case_id").iter_rows()}
    pairs = [
        (of[one], of[other])
        for case in grouped(report)
        for one, other in combinations([who(member) for member in case["members"]], 2)
    ]
    assert len(pairs) >= 3
    assert sum(one is not None and one == other for one, other in pairs) >= 0.8 * len(pairs)


def test_every_kind_of_link_is_found_in_a_small_run():
    report = case_examples.cases_report()
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(report)
    large, alone = report["cases"]
    assert {link["kind"] for link in large["links"]} == set(Kind)
    assert [who(m) for m in alone["members"]] == [("ethereum", case_examples.LONE)]
    assert {node["address"]: node["as"] for node in large["associated"]} == {
        case_examples.PAYER: ["gas_funder", "shared_payer"],
        case_examples.EXIT: ["shared_exit"],
        case_examples.RELAY: ["relay"],
    }
    [exit_] = [n for n in large["associated"] if n["address"] == case_examples.EXIT]
    assert [hit["category"] for hit in exit_["list_hits"]] == ["sanctioned"]
    assert "By association only; not suspects" in cases_page(report)
    [victim] = large["possible_victims"]
    assert victim["address"] == case_examples.VICTIM
    assert (victim["usd_paid"], victim["usd_got"]) == (1200.0, 20.0)
    assert {(one["via"]["address"], one["reason"]) for one in report["withheld"]} == {
        (case_examples.UNSEEN, "not_supplied"),
        (case_examples.BUSY, "busy"),
    }
    totals = {name: large["totals"][name]["usd"] for name in ("received", "sent", "between")}
    assert totals == {"received": 1587.0, "sent": 1570.0, "between": 400.0}
    unpriced = large["totals"]["received"]["assets"]
    assert {asset["symbol"] for asset in unpriced} == {"ETH", "USDT"}


@pytest.mark.parametrize("kind", Kind, ids=str)
def test_every_kind_has_its_words(kind):
    total = {"n": 2, "usd": None, "first": "2024-03-03T09:00:00Z", "last": "2024-03-03T09:00:00Z"}
    said = link_sentence(kind, 2, total, Limits(), victim=False)
    assert said.endswith(".")
    assert meaning_of(kind.value)
    assert said.startswith("It is") or "2 transfers, no price known, 3 March 2024" in said


def test_every_reason_has_its_words():
    assert set(WITHHELD) == set(Reason)
