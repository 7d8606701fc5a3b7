"""Nightly runs: whatever happens to the store, going on from the earlier run equals a full one."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import polars as pl
import pytest
from typer.testing import CliRunner

from data.errors import Refused
from features.catalogue import catalogue
from pipelines.cli import app
from pipelines.explain import explain
from pipelines.nightly import nightly
from pipelines.replay import replay
from pipelines.rescoring.kept import earlier_run, read_kept
from pipelines.rescoring.marks import marks
from pipelines.rescoring.moved import moved
from pipelines.rescoring.scored_again import scored_again
from pipelines.rescoring.summary import CHANGES, SCHEMA
from pipelines.rescoring.unscored import COLUMNS
from pipelines.score import score
from pipelines.to_score import to_score
from tests.pipelines.conftest import World
from tests.pipelines.nightly_examples import nightly_report
from tests.pipelines.nights import TOP, Base, first_night, run, told


@pytest.fixture(scope="module")
def base(world, bundle, tmp_path_factory) -> Base:
    return first_night(world, bundle, tmp_path_factory.mktemp("nights"))


def test_a_night_is_what_score_and_explain_write(base, tmp_path):
    at = base.at + timedelta(days=1)
    store = base.store(tmp_path / "store", at)
    done = run(base, store, tmp_path / "runs", previous=base.done.out)
    assert done.computed < done.addresses
    given = {"services": base.world.services, "threads": 1}
    score(base.bundle, store, base.addresses, tmp_path / "scores.parquet", **given)
    explain(base.bundle, store, base.addresses, tmp_path / "alerts", top=TOP, **given)
    for name in ("scores.parquet", "scores.parquet.manifest.json"):
        assert (done.out / name).read_bytes() == (tmp_path / name).read_bytes()
    written = {path.name for path in (done.out / "alerts").iterdir()}
    assert written == {path.name for path in (tmp_path / "alerts").iterdir()}
    for name in sorted(written):
        assert (done.out / "alerts" / name).read_bytes() == (
            tmp_path / "alerts" / name
        ).read_bytes()
    again = replay(
        done.out / "alerts", base.bundle, store, addresses=base.addresses,
        services=base.world.services, threads=1,
    )  # fmt: skip
    assert dict(again.outcomes) == {"reproduced": TOP}


# --- Whatever happens to the store ---


def nothing(rows: pl.DataFrame) -> pl.DataFrame:
    return rows


def followed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("screened").is_null(), pl.col("kind") != "fee")


def one_is_gone(rows: pl.DataFrame) -> pl.DataFrame:
    """Take out the last transfer of somebody who did nothing after it."""
    some = followed(rows)
    last = some.group_by("receiver").agg(pl.col("block_time").max(), pl.len()).sort("receiver")
    newest = pl.lit(rows["block_time"].max())
    quiet = last.filter(pl.col("block_time") < newest - timedelta(days=90))
    name, at = quiet.filter(pl.col("len") > 3).select("receiver", "block_time").row(0)
    gone = (pl.col("receiver") == name) & (pl.col("block_time") == at)
    return rows.filter(~gone)


def one_comes_late(rows: pl.DataFrame) -> pl.DataFrame:
    """Add a copy of an early transfer, an hour later, under an id of its own."""
    some = followed(rows).row(200, named=True)
    late = pl.DataFrame([some], schema=rows.schema).with_columns(
        tx_id=pl.lit("0x" + "5" * 64), block_time=pl.col("block_time") + timedelta(hours=1),
        block_number=pl.lit(None, pl.Int64), tx_index=pl.lit(None, pl.Int32),
    )  # fmt: skip
    return pl.concat([rows, late.select(pl.col(c).cast(t) for c, t in rows.schema.items())])


def one_is_worth_more(rows: pl.DataFrame) -> pl.DataFrame:
    at = followed(rows)["tx_id"][300]
    return rows.with_columns(
        pl.when(pl.col("tx_id") == at).then(pl.col("usd_micros") * 3).otherwise("usd_micros")
    )


def the_past_is_dust(rows: pl.DataFrame) -> pl.DataFrame:
    """Screen what was not: it stays in the table, and signals stop following it."""
    at = followed(rows)["tx_id"][400]
    dust = (pl.col("tx_id") == at) & pl.col("screened").is_null()
    return rows.with_columns(screened=pl.when(dust).then(pl.lit("dust")).otherwise("screened"))


REWRITTEN = [nothing, one_is_gone, one_comes_late, one_is_worth_more, the_past_is_dust]


@pytest.mark.slow
@pytest.mark.parametrize("change", REWRITTEN)
def test_a_rewritten_past_is_noticed(base, tmp_path, change):
    store = base.store(tmp_path / "store", base.at + timedelta(days=1), change)
    here, full = (base.again(store, full=full) for full in (False, True))
    assert here.found.signals.equals(full.found.signals)
    assert here.run.scores.equals(full.run.scores)
    assert here.found.anew < full.found.anew
    assert ("came, went or changed" in here.how["how"]) == (change is not nothing)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["incomplete", "fewer legs", "gone", "back"])
def test_changed_coverage_is_noticed(base, tmp_path, what):
    coverage = base.world.coverage
    busy = followed(base.world.transfers).group_by("receiver").len().sort("len", "receiver")
    names = set(coverage["address"].to_list())
    name = [n for n in busy["receiver"].to_list() if n in names][-5]
    here = pl.col("address") == name
    changed = {
        "incomplete": coverage.with_columns(complete=pl.col("complete") & ~here),
        "fewer legs": coverage.with_columns(
            legs=pl.when(here).then(pl.lit("native_in,native_out")).otherwise("legs")
        ),
        "gone": coverage.filter(~here),
        "back": coverage,
    }[what]
    store = base.store(tmp_path / "store", base.at + timedelta(days=1), coverage=changed)
    again, full = (base.again(store, full=full) for full in (False, True))
    assert again.found.signals.equals(full.found.signals)
    assert ("the coverage of 1 address changed" in again.how["how"]) == (what != "back")


@pytest.mark.slow
@pytest.mark.parametrize("date", ["old", "between", "to come"])
def test_what_lists_say_is_noticed(base, tmp_path, date):
    """A row counts from the day after its date: one between the runs comes into force."""
    busy = followed(base.world.transfers).group_by("chain", "receiver").len()
    chain, name, _ = busy.sort("len", "receiver").row(-40)
    days = {"old": -200, "between": 0, "to come": 40}[date]
    day = (base.at + timedelta(days=days)).date().isoformat()
    listed = tmp_path / "services.csv"
    listed.write_text(
        f"chain,address,category,licit,date\n{chain},{name},mixer,false,{day}\n", encoding="utf-8"
    )
    store = base.store(tmp_path / "store", base.at + timedelta(days=2))
    given = {"services": [base.world.services, listed]}
    again, full = (base.again(store, full=full, **given) for full in (False, True))
    assert again.found.signals.equals(full.found.signals)
    assert again.run.scores.equals(full.run.scores)
    assert ("what lists say of 1 address changed" in again.how["how"]) == (date != "to come")


@pytest.mark.slow
def test_lists_that_are_withdrawn_are_noticed(base, tmp_path):
    listed = tmp_path / "services.csv"
    busy = followed(base.world.transfers).group_by("chain", "receiver").len()
    chain, name, _ = busy.sort("len", "receiver").row(-40)
    listed.write_text(
        f"chain,address,category,licit,date\n{chain},{name},mixer,false,2020-01-01\n",
        encoding="utf-8",
    )
    store, given = base.folder / "store", {"services": base.world.services}
    both = [base.world.services, listed]
    done = run(base, store, tmp_path / "0", services=both, top=1)
    asked = to_score(base.bundle, store, base.addresses, **given)
    again = scored_again(asked, read_kept(done.out), full=False, threads=1)
    assert again.found.signals.equals(base.again(store, full=True).found.signals)
    assert "what lists say of 1 address changed" in again.how["how"]


@pytest.mark.slow
def test_another_list_of_addresses_computes_those_that_are_new(base, tmp_path):
    asked = pl.read_csv(base.addresses)
    short, store = tmp_path / "short.csv", base.store(tmp_path / "store", base.at)
    asked.head(40).write_csv(short)
    few = nightly(
        base.bundle, store, short, tmp_path / "few", services=base.world.services, top=TOP,
        drift_every=0, threads=1,
    )  # fmt: skip
    more = to_score(base.bundle, store, base.addresses, services=base.world.services)
    here = scored_again(more, read_kept(few.out), full=False, threads=1)
    assert here.found.anew >= more.asked.requests.height - 40
    assert here.found.signals.equals(base.again(store, full=True).found.signals)


@pytest.mark.slow
def test_a_store_cut_into_other_files_is_the_same_past(base, tmp_path):
    """The same rows as two plain files, shuffled, with the coverage beside them."""
    whole = base.store(tmp_path / "store", base.at)
    copied = World(whole, base.world.labels, base.world.addresses, base.world.services)
    shuffled = copied.shuffled(tmp_path / "files", seed=1)
    asked = to_score(base.bundle, shuffled, base.addresses, as_of=base.at, research_use=True,
                     services=base.world.services)  # fmt: skip
    before = read_kept(base.done.out)
    now = marks(asked.transfers, asked.services, base.at)
    found = moved(asked.transfers, catalogue().families[:2], now=now, then=before.marks,
                  as_of=base.at, earlier=base.at)  # fmt: skip
    assert not found.why
    assert not found.rewritten


# --- When everybody is computed, and what is refused ---


@pytest.mark.parametrize(
    "field, said",
    [
        (("bundle_sha256",), "the model is another one"),
        (("environment", "polars"), "a library"),
        (("inputs", "program_sha256"), "the program is another version"),
        (("inputs", "registry_sha256", "assets.csv"), "the built-in table assets.csv"),
        (("inputs", "assume_complete"), "--assume-complete"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_where_it_is_not_certain_everybody_is_computed(base, field, said):
    earlier = read_kept(base.done.out)
    place: Any = earlier.facts
    for name in field[:-1]:
        place = place[name]
    place[field[-1]] = "another"
    given = to_score(base.bundle, base.folder / "store", base.addresses,
                     services=base.world.services)  # fmt: skip
    again = scored_again(given, earlier, full=False, threads=1)
    assert again.found.anew == base.done.addresses
    assert said in again.how["how"]


def test_a_model_that_needs_a_signal_the_earlier_run_lacks_computes_everybody(base):
    earlier = read_kept(base.done.out)
    facts: Any = earlier.facts
    facts["bundle_sha256"] = "another"
    lacking = replace(earlier, signals=earlier.signals.drop(earlier.signals.columns[-1]))
    given = to_score(base.bundle, base.folder / "store", base.addresses,
                     services=base.world.services)  # fmt: skip
    again = scored_again(given, lacking, full=False, threads=1)
    assert again.found.anew == base.done.addresses
    assert again.run.scores.equals(scored_again(given, None, full=False, threads=1).run.scores)


def test_the_latest_run_of_a_folder_is_taken(base, tmp_path):
    runs = base.done.out.parent
    (runs / "notes").mkdir(exist_ok=True)
    at = base.at + timedelta(days=1)
    store = base.store(tmp_path / "store", at)
    next_one = run(base, store, runs / "1", previous=runs)
    assert next_one.earlier == told(base.done)["as_of"]
    assert [night["as_of"] for night in told(next_one)["nights"]] == [
        told(base.done)["as_of"], told(next_one)["as_of"],
    ]  # fmt: skip
    rerun = run(base, store, runs / "1", previous=runs)
    assert rerun.earlier == next_one.earlier
    first = run(base, store, tmp_path / "new" / "0", previous=tmp_path / "new")
    assert first.earlier is None


def test_what_a_killed_run_was_writing_is_no_earlier_run(base, tmp_path):
    """Its folder may be whole but for its name; the next run is free to remove it."""
    runs = tmp_path / "runs"
    shutil.copytree(base.done.out, runs / ".1.partial")
    after = base.at + timedelta(days=1)
    assert earlier_run(runs, runs / "2", after) is None
    shutil.copytree(base.done.out, runs / "0")
    assert earlier_run(runs, runs / "2", after) == runs / "0"


def test_what_cannot_be_gone_on_from_is_refused(base, tmp_path):
    store = base.folder / "store"
    for previous, said in [
        (tmp_path / "nowhere", "no folder .*nowhere"),
        (store, "no nightly run"),
    ]:
        with pytest.raises(Refused, match=said):
            run(base, store, tmp_path / "out", previous=previous)
    with pytest.raises(Refused, match="as_of of their own"):
        nightly(base.bundle, store, base.world.addresses, tmp_path / "out")
    with pytest.raises(Refused, match="factor above 1"):
        run(base, store, tmp_path / "out", tolerance=1.0)
    assert not (tmp_path / "out").exists()


def test_a_run_changed_by_hand_is_not_gone_on_from(base, tmp_path):
    store = base.folder / "store"
    done = run(base, store, tmp_path / "0")
    kept = done.out / "state" / "told.json"
    kept.write_text(kept.read_text(encoding="utf-8").replace("mule", "none"), encoding="utf-8")
    (done.out / "changes.csv").write_text("", encoding="utf-8")
    with pytest.raises(Refused, match="not the file that was written"):
        run(base, store, tmp_path / "1", previous=done.out)


# --- What is written ---


def test_the_summary_obeys_its_schema(base, tmp_path):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(told(base.done))
    example = nightly_report()
    for name in ("headline", "reference"):
        assert isinstance(example["drift"][name], str)
    validator.validate(example)
    assert not validator.is_valid(example | {"more": 1})


def test_everybody_without_a_score_has_a_reason(base, tmp_path):
    listed = tmp_path / "list.csv"
    listed.write_text(base.addresses.read_text(encoding="utf-8") + "tron,=1+1\n", encoding="utf-8")
    done = nightly(
        base.bundle, base.folder / "store", listed, tmp_path / "out",
        services=base.world.services, top=TOP, drift_every=0, threads=1,
    )  # fmt: skip
    assert done.exit_code == 3
    with (done.out / "unscored.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    scores = pl.read_parquet(done.out / "scores.parquet")
    lacking = scores.filter(pl.col("status") != "scored")
    assert [(row["chain"], row["address"], row["status"]) for row in rows[:-1]] == [
        *lacking.select("chain", "address", "status").iter_rows()
    ]
    assert all(row["meaning"] for row in rows)
    few = [row for row in rows if row["status"] == "insufficient_history"]
    for row in few:
        assert row["missing"] == f"{row['n_transfers']} transfers of 3 needed"
    assert rows[-1]["status"] == "unreadable"
    assert rows[-1]["address"].startswith("'=")
    counted = {row["name"]: row["n"] for row in told(done)["statuses"]}
    assert counted == dict(scores["status"].value_counts().iter_rows())


def test_changes_hold_every_alert_and_snoozes_are_heeded(base, tmp_path):
    lines = (base.done.out / "alerts" / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    alerts = [json.loads(line) for line in lines]
    until = (base.at + timedelta(days=9)).date().isoformat()
    snoozes = tmp_path / "snoozes.csv"
    snoozes.write_text(
        "alert_id,until,reason,by\n"
        f"{alerts[0]['alert_id']},{until},=asked,K. M.\n"
        f"{alerts[1]['alert_id']},soon,asked,K. M.\n",
        encoding="utf-8",
    )
    done = run(
        base, base.folder / "store", tmp_path / "out", previous=base.done.out, snoozes=snoozes
    )
    assert done.exit_code == 3
    assert dict(done.alerts) == {
        "new": 0, "changed": 0, "unchanged": TOP - 1, "snoozed": 1, "cleared": 0,
    }  # fmt: skip
    table = pl.read_csv(done.out / "changes.csv")
    assert table.columns == list(CHANGES)
    assert table.filter(pl.col("group") == "snoozed")["alert_id"].to_list() == [
        alerts[0]["alert_id"]
    ]
    assert "'=asked" in (done.out / "changes.csv").read_text(encoding="utf-8")
    summary = told(done)
    assert summary["snoozes"]["in_force"] == 1
    assert len(summary["snoozes"]["faults"]) == 1


def test_drift_is_measured_shown_and_measured_anew(base, tmp_path):
    store = base.folder / "store"
    first = run(base, store, tmp_path / "0", drift_every=7)
    drift = told(first)["drift"]
    assert drift["why_not"] is None, drift
    assert drift["measured_as_of"] == told(first)["as_of"]
    later = base.store(tmp_path / "later", base.at + timedelta(days=2))
    shown = run(base, later, tmp_path / "1", previous=first.out, drift_every=7)
    assert told(shown)["drift"] == drift
    anew = run(base, later, tmp_path / "2", previous=first.out, drift_every=2)
    assert told(anew)["drift"]["measured_as_of"] == told(anew)["as_of"]
    assert anew.exit_code == (4 if told(anew)["drift"]["alarm"] else 0)


def test_the_command_line(base, tmp_path):
    words = ["nightly", base.bundle, base.folder / "store", "--addresses", base.addresses]
    words += ["--top", 1, "--drift-every", 0, "--out", tmp_path / "out"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["alerts"]["new"] == 1
