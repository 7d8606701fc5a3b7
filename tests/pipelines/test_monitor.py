"""Monitoring as people run it: who stands in which window, what alarms, what is written."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from data.errors import Refused
from data.storage import read_manifest
from data.transfers import Transfers
from models.bundle import Bundle
from models.drift_questions import AGE
from pipelines import cli
from pipelines.labelling.witnesses import MOST_PARTNERS, witnesses
from pipelines.monitor import MonitorResult, monitor
from pipelines.pages.monitor import headline, monitor_page
from pipelines.score import Scored, score_addresses
from pipelines.windows import EARLIER_LIST, FALLBACK, SAME_LIST, SEASON, windows
from tests.pipelines.conftest import World
from tests.pipelines.monitor_examples import monitor_report


@pytest.fixture(scope="module")
def customers(world: World, tmp_path_factory) -> Path:
    """The world's addresses, as a list without moments."""
    path = tmp_path_factory.mktemp("list") / "customers.csv"
    pl.read_csv(world.addresses).select("chain", "address").write_csv(path)
    return path


@pytest.fixture(scope="module")
def run(world: World, bundle: Path, customers: Path) -> Scored:
    return score_addresses(bundle, world.store, customers)


@pytest.fixture(scope="module")
def lists(world: World, run: Scored, tmp_path_factory) -> dict[str, Path]:
    """Busy addresses, quiet ones, and all of them, each row with its own moment."""
    folder = tmp_path_factory.mktemp("lists")
    asked = pl.read_csv(world.addresses).with_columns(
        n=run.measured.signals["n_transfers"], status=run.scores["status"]
    )
    usual = asked.filter(pl.col("status") == "scored")["n"].median()
    split = {
        "busy": pl.col("n") > usual, "quiet": pl.col("n") <= usual, "all": pl.lit(True),
    }  # fmt: skip
    for name, rule in split.items():
        asked.filter(rule).drop("n", "status").write_csv(folder / f"{name}.csv")
    return {name: folder / f"{name}.csv" for name in split}


@pytest.fixture(scope="module")
def alarmed(world: World, bundle: Path, lists, tmp_path_factory) -> MonitorResult:
    out = tmp_path_factory.mktemp("alarm") / "m"
    return monitor(bundle, world.store, lists["busy"], out, reference=lists["quiet"])


def report_of(told: MonitorResult) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((told.out / "monitor.json").read_text())
    return read


# --- who stands where -----------------------------------------------------------------------------


def alone(run: Scored, listed: Path) -> set[str]:
    """Whoever of a list is looked at at all: one of those that pay each other."""
    return witnesses(run.transfers, pl.read_csv(listed)["address"], run.as_of)


def test_the_same_list_earlier_has_nobody_on_both_sides_and_every_witness_on_one(run, customers):
    both = windows(run)
    now, then = both.current.rows, both.reference.rows
    assert both.kind == SAME_LIST
    assert both.chosen == "the same list 52 weeks earlier"
    assert not both.ages_compare
    assert not set(now["address"]) & set(then["address"])
    assert set(now["address"]) | set(then["address"]) == alone(run, customers)
    assert now["address"].is_unique().all()
    assert (now["as_of"] == run.as_of).all()
    assert (then["as_of"] == run.as_of - SEASON).all()


def test_about_half_of_those_that_were_there_stand_for_the_reference(run, customers):
    both = windows(run)
    first = run.measured.signals.filter(
        (pl.col("first_seen") < run.as_of - SEASON)
        & pl.col("address").is_in(list(alone(run, customers)))
    )
    there = first["address"].n_unique()
    assert 0.4 * there < both.reference.rows.height < 0.6 * there
    assert (both.reference.rows[AGE].drop_nulls() > 0).all()


def test_the_reference_is_scored_as_things_stood_then(world, bundle, run, tmp_path):
    then = windows(run).reference.rows
    listed = tmp_path / "then.csv"
    then.select("chain", "address").write_csv(listed)
    again = score_addresses(bundle, world.store, listed, as_of=run.as_of - SEASON)
    assert again.scores["log_odds"].to_list() == then["log_odds"].to_list()


def test_a_store_that_does_not_reach_back_a_year_is_compared_with_four_weeks_earlier(
    world, bundle, customers
):
    early = datetime(2024, 9, 1, tzinfo=UTC)
    both = windows(score_addresses(bundle, world.store, customers, as_of=early))
    assert both.chosen.startswith("the same list 4 weeks earlier, because")
    assert (both.reference.rows["as_of"] == early - FALLBACK).all()


def test_an_address_on_both_lists_is_looked_at_in_one(world, bundle, lists):
    run = score_addresses(bundle, world.store, lists["busy"])
    both = windows(run, reference=lists["all"])
    assert both.kind == EARLIER_LIST
    now, then = set(both.current.rows["address"]), set(both.reference.rows["address"])
    assert not both.ages_compare
    assert windows(run, reference=lists["quiet"]).ages_compare
    everybody = alone(run, lists["all"])
    busy = set(pl.read_csv(lists["busy"])["address"]) & everybody
    assert not now & then
    assert now | then == everybody
    assert 0.35 * len(busy) < len(now) < 0.65 * len(busy)


def test_a_reference_needs_a_moment_and_an_earlier_one(run, customers):
    with pytest.raises(Refused, match="do not say as of when"):
        windows(run, reference=customers)
    dated = windows(run, reference=customers, reference_as_of=run.as_of - timedelta(days=90))
    assert (dated.reference.rows["as_of"] == run.as_of - timedelta(days=90)).all()
    for moment in (run.as_of, datetime(2001, 1, 1, tzinfo=UTC)):
        with pytest.raises(Refused, match="No address of the list had a history"):
            windows(run, reference_as_of=moment)


def groups(transfers: Transfers, addresses: list[str], until: datetime) -> list[set[str]]:
    """Who hangs together, in plain words: spread from each address along its payments."""
    counts = pl.col("screened").is_null() & (pl.col("kind") != "fee")
    rows = transfers.scan().filter(counts, pl.col("block_time") < until)
    paid = set(rows.select("sender", "receiver").collect().iter_rows())
    partners: dict[str, set[str]] = {a: set() for a in addresses}
    for one, other in paid:
        if one != other and one in partners and other in partners:
            partners[one].add(other)
            partners[other].add(one)
    few = {a for a, known in partners.items() if len(known) <= MOST_PARTNERS}
    found, left = [], set(addresses)
    while left:
        group, edge = set(), {left.pop()}
        while edge:
            group |= edge
            edge = {b for a in edge & few for b in partners[a] & few} - group
        found.append(group)
        left -= group
    return found


def test_of_addresses_that_pay_one_another_one_is_looked_at(run):
    listed = run.scores["address"].unique()
    found = groups(run.transfers, listed.to_list(), run.as_of)
    kept = witnesses(run.transfers, listed, run.as_of)
    assert max(map(len, found)) > 2
    assert [len(kept & group) for group in found] == [1] * len(found)
    assert kept == witnesses(run.transfers, listed.reverse(), run.as_of)
    before = witnesses(run.transfers, listed, datetime(2001, 1, 1, tzinfo=UTC))
    assert before == set(listed)


# --- what comes of it -----------------------------------------------------------------------------


def test_other_addresses_than_before_raise_an_alarm(alarmed):
    assert alarmed.alarm
    assert alarmed.exit_code == 4
    assert any("transfers" in sentence for sentence in alarmed.alarms)
    assert alarmed.notes[-2].startswith("Alarm: ")
    report = report_of(alarmed)
    for finding in report["findings"]:
        sure = finding["counted"] and finding["p_adjusted"] <= 0.001
        assert finding["alarm"] == (sure and abs(finding["effect"]) >= 0.1)
    assert report["windows"]["kind"] == EARLIER_LIST
    assert report["design"]["questions"] == sum(f["counted"] for f in report["findings"])
    assert {"signal", "score", "status", "coverage", "age"} == {
        f["about"] for f in report["findings"]
    }


def test_random_halves_of_one_list_raise_none_and_the_power_is_said(world, bundle, lists, tmp_path):
    asked = pl.read_csv(lists["all"])
    first = pl.Series([hashlib.md5(a.encode()).digest()[0] % 2 == 0 for a in asked["address"]])
    asked.filter(first).write_csv(tmp_path / "now.csv")
    asked.filter(~first).write_csv(tmp_path / "then.csv")
    told = monitor(
        bundle, world.store, tmp_path / "now.csv", tmp_path / "m", reference=tmp_path / "then.csv"
    )
    assert (told.alarm, told.exit_code) == (False, 0)
    assert told.detectable_sd is not None
    assert told.detectable_sd > 0.3
    needed = report_of(told)["design"]["pairs_needed"]
    assert f"0.3 sd takes {needed:,}" in (told.out / "monitor.html").read_text()


def test_the_manifest_names_what_went_in(world, bundle, lists, alarmed):
    manifest = read_manifest(alarmed.out)
    assert manifest["bundle_sha256"] == Bundle.load(bundle).sha256
    assert set(manifest["files"]) == {"monitor.html", "monitor.json"}
    for name, path in (("addresses", lists["busy"]), ("reference", lists["quiet"])):
        assert manifest[f"{name}_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_page_is_short_and_says_what_it_is(alarmed):
    page = (alarmed.out / "monitor.html").read_text()
    for said in ("Not for decisions", "Synthetic transfers", "No address is looked at in both"):
        assert said in page
    assert headline(report_of(alarmed)) in page
    assert "<script" not in page
    assert len(page) < 120_000


def test_real_transfers_are_refused_unless_research_use_is_said_everywhere(
    world, bundle, lists, tmp_path
):
    real = world.copy(tmp_path / "real", synthetic=False)
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "m"
    with pytest.raises(Refused, match="not for decisions"):
        monitor(bundle, real, lists["busy"], out, reference=lists["quiet"])
    assert list(out.parent.iterdir()) == []
    told = monitor(bundle, real, lists["busy"], out, reference=lists["quiet"], research_use=True)
    assert "Research use." in (out / "monitor.html").read_text()
    assert any("Not for decisions" in note for note in told.notes)


def test_threads_and_the_order_of_a_list_change_no_byte_of_the_report(
    world, bundle, lists, alarmed, tmp_path
):
    pl.read_csv(lists["busy"]).reverse().write_csv(tmp_path / "busy.csv")
    told = monitor(
        bundle, world.store, tmp_path / "busy.csv", tmp_path / "m",
        reference=lists["quiet"], threads=2,
    )  # fmt: skip
    for name in ("monitor.json", "monitor.html"):
        assert (told.out / name).read_bytes() == (alarmed.out / name).read_bytes()


def test_a_typo_is_done_in_part_and_an_alarm_comes_first(world, bundle, lists, tmp_path):
    typo = tmp_path / "typo.csv"
    typo.write_text(lists["quiet"].read_text() + "0x12,ethereum,2025-01-01T00:00:00Z\n")
    told = monitor(bundle, world.store, lists["busy"], tmp_path / "a", reference=typo)
    assert told.exit_code == 4
    assert any("0x12" in note for note in told.notes)
    told = monitor(
        bundle, world.store, typo, tmp_path / "b",
        reference=lists["quiet"], reference_as_of=None, least_effect=9,
    )  # fmt: skip
    assert (told.alarm, told.exit_code) == (False, 3)


def test_other_peoples_files_are_not_touched(tmp_path):
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(Refused, match="not an earlier result"):
        monitor(tmp_path / "b", tmp_path / "t", tmp_path / "a", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.doc"]


def test_an_alarm_ends_the_command_with_4(world, bundle, lists, tmp_path):
    words = ["monitor", bundle, world.store, "--addresses", lists["busy"], "--out", tmp_path / "m"]
    done = CliRunner().invoke(cli.app, [*map(str, words), "--reference", str(lists["quiet"])])
    assert done.exit_code == 4
    assert json.loads(done.stdout)["alarm"] is True
    assert "Alarm: exit code 4." in done.stderr


# --- against labels -------------------------------------------------------------------------------


def with_moments(world: World, path: Path, wait: timedelta | None) -> Path:
    """Write the world's labels, each known some time after its own moment."""
    labels = pl.read_csv(world.labels, try_parse_dates=True)
    if wait is not None:
        labels = labels.with_columns(available_at=pl.col("as_of") + wait)
    labels.write_csv(path)
    return path


def test_mature_labels_are_held_against_the_promise(world, bundle, lists, tmp_path):
    labels = with_moments(world, tmp_path / "labels.csv", timedelta(days=5))
    told = monitor(
        bundle, world.store, lists["busy"], tmp_path / "m", reference=lists["quiet"], labels=labels
    )
    part = report_of(told)["performance"]
    counts = part["labels"]
    assert (counts["lag_days"], counts["lag_from"]) == (5, "labels")
    assert counts["n_mature"] > 0
    assert counts["n_learned_from"] > counts["n_mature"]
    assert (
        sum(v for k, v in counts.items() if k.startswith("n_") and k != "n_labels")
        == (counts["n_labels"])
    )
    # So few positives can show no recall: null with the reason, and nothing is claimed.
    assert part["metrics"]["recall_at_fpr_0.001"] == {"now": None, "promised": None}
    assert "Against the labels" in (told.out / "monitor.html").read_text()


def test_without_a_lag_no_label_is_mature_and_nothing_is_claimed(world, bundle, lists, tmp_path):
    labels = with_moments(world, tmp_path / "labels.csv", None)
    told = monitor(
        bundle, world.store, lists["busy"], tmp_path / "m", reference=lists["quiet"], labels=labels
    )
    part = report_of(told)["performance"]
    assert part["labels"]["n_mature"] == 0
    assert "--label-lag" in part["why_not"]
    assert "Nothing is claimed" in (told.out / "monitor.html").read_text()
    told = monitor(
        bundle, world.store, lists["busy"], tmp_path / "m", reference=lists["quiet"],
        labels=labels, label_lag=60,
    )  # fmt: skip
    counts = report_of(told)["performance"]["labels"]
    assert counts["n_mature"] > 0
    assert counts["n_immature"] > 0
    assert counts["lag_from"] == "given"


def test_rates_are_shown_with_intervals_or_the_reason():
    page = monitor_page(monitor_report("too few")).replace("\N{NO-BREAK SPACE}", " ")
    for said in ("50 %", "[40 %, 60 %]", "not resolvable", "too few", "could not alarm"):
        assert said in page


@pytest.mark.parametrize(
    "alarms, detectable, said",
    [
        (["a"], 0.2, "Alarm: 1 of 250 comparisons differs"),
        ([], 0.2, "No alarm: a shift of 0.20 sd in a signal that every scored address has would"),
        ([], 0.5, "a smaller one may have passed unseen, since there are only 900 pairs"),
        ([], None, "Nothing could be compared"),
    ],
)
def test_the_headline_claims_no_more_than_the_addresses_can_show(alarms, detectable, said):
    report = monitor_report()
    report["alarms"], report["design"]["detectable"] = alarms, detectable
    assert said in headline(report)
