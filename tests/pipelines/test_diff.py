"""Why scores changed: each cause alone, all at once, and against runs of the score job itself."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from data.errors import Refused
from data.schema import LEGS, TIME
from data.services import load_services
from data.storage import sha256_file
from data.transfers import open_transfers
from models.bundle import Bundle, write_bundle
from models.fitting import fit
from models.leakage import CHECKS
from models.settings import Settings
from pipelines.again.combinations import CAUSES
from pipelines.diff import diff
from pipelines.engines import local
from pipelines.explain import explain
from pipelines.score import score
from tests.pipelines.conftest import FEWEST


def rewritten(bundle: Path, out: Path, *, base_rate: float | None, thresholds: list[float]) -> Path:
    """Write a bundle once more at another base rate, with thresholds of our own."""
    old = Bundle.load(bundle)
    facts = replace(
        old.facts,
        calibration=replace(old.facts.calibration.restated(base_rate)),
        thresholds=dict(zip(("medium", "high", "severe"), [*thresholds, None], strict=True)),
    )
    evaluation = json.loads((bundle / "evaluation.json").read_text())
    card = (bundle / "model_card.md").read_text()
    write_bundle(out, facts, model=old.model, card=card, evaluation=evaluation, roles=old.roles)
    return out


def known_services(world, out: Path) -> Path:
    """List who is paid by most as exchanges, known since before the world began."""
    paid = world.transfers.filter(pl.col("kind") != "fee").group_by("chain", address="receiver")
    senders = paid.agg(n=pl.col("sender").n_unique()).sort("n", "address", descending=True)
    senders.head(60).select(
        "chain",
        "address",
        name=pl.lit("made up"),
        category=pl.lit("exchange_hot"),
        licit=pl.lit("true"),
        date=pl.lit("2020-01-01"),
    ).write_csv(out)
    return out


def model_of_payments_to_exchanges(world, services: Path, out: Path) -> Path:
    """Train a model that cannot but look at the services: paying an exchange is the label."""
    asked = pl.read_csv(world.addresses, try_parse_dates=True).select(
        "chain", "address", pl.col("as_of").cast(TIME)
    )
    opened = open_transfers(world.store)
    assert opened.as_of is not None
    measured = local.measure(
        opened, asked, as_of=opened.as_of, basis="usd", services=load_services(services), threads=1
    )
    pays = measured.signals["exchange_out_share"].fill_null(0) > 0.1
    parts = ["train", "train", "validation"] * asked.height
    labels = asked.with_columns(
        label=pays.cast(pl.Int8), split=pl.Series(parts[: asked.height], dtype=pl.String)
    )
    settings = Settings("usd", LEGS, min_transfers=FEWEST, seed=3, allow=tuple(CHECKS))
    fit(measured.signals, labels, settings).write(out)
    return out


@pytest.fixture(scope="module")
def scene(world, bundle, tmp_path_factory) -> SimpleNamespace:
    """Old and new inputs of every kind; the new model looks at services, the old one does not."""
    folder = tmp_path_factory.mktemp("diff")
    asked = pl.read_csv(world.addresses, try_parse_dates=True)
    earlier = asked.with_columns(pl.col("as_of") - timedelta(days=45))
    stamp = pl.col("as_of").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    earlier.with_columns(stamp).write_csv(folder / "earlier.csv")
    known = known_services(world, folder / "known.csv")
    pl.read_csv(known).gather_every(2).write_csv(folder / "few.csv")
    trained = model_of_payments_to_exchanges(world, known, folder / "seen")
    places = {
        "first": rewritten(bundle, folder / "first", base_rate=0.05, thresholds=[-3.2, -2.5]),
        "stated": rewritten(bundle, folder / "stated", base_rate=0.02, thresholds=[-4.0, -3.0]),
        "seen": rewritten(trained, folder / "retrained", base_rate=0.05, thresholds=[-3.2, -2.5]),
        "both": rewritten(trained, folder / "both", base_rate=0.02, thresholds=[-4.0, -3.0]),
    }
    lists = {"earlier": folder / "earlier.csv", "now": world.addresses}
    services = {"few": folder / "few.csv", "all": known}
    made: dict[tuple[str, ...], Path] = {}

    def run(model: str, listed: str, known: str) -> Path:
        """Score once per combination; later calls find the file."""
        key = model, listed, known
        if key not in made:
            out = folder / f"{'-'.join(key)}.parquet"
            made[key] = score(
                places[model], world.store, lists[listed], out, services=services[known], threads=1
            ).out
        return made[key]

    def between(old: tuple[str, str, str], new: tuple[str, str, str], out: str = "d.parquet"):
        done = diff(
            run(*old), run(*new), folder / out, list(places.values()), world.store,
            services=list(services.values()), threads=1,
        )  # fmt: skip
        return done, pl.read_parquet(done.out)

    return SimpleNamespace(
        run=run, between=between, folder=folder, places=places, services=services, lists=lists
    )


OLD, NEW = ("first", "earlier", "few"), ("both", "now", "all")


@pytest.fixture(scope="module")
def everything(scene):
    """All four causes at once."""
    return scene.between(OLD, NEW, "everything.parquet")


def both_scored(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("orders") > 0)


def test_parts_sum_to_the_change_of_every_address(everything):
    done, table = everything
    assert done.causes == CAUSES
    shared = both_scored(table)
    assert shared.height > 150
    for row in shared.iter_rows(named=True):
        for what in ("log_odds", "score"):
            parts = math.fsum(row[f"{what}_{cause}"] for cause in CAUSES)
            assert parts == pytest.approx(row[f"{what}_change"], abs=1e-9)
            assert row[f"{what}_change"] == row[f"{what}_new"] - row[f"{what}_old"]
        for cause in CAUSES:
            told = math.fsum(s["log_odds"] for s in row["signals"] if s["cause"] == cause)
            assert told == pytest.approx(row[f"log_odds_{cause}"], abs=1e-9)


def test_outcomes_are_shared_out_whole(everything):
    _, table = everything
    sums = table.select(pl.sum_horizontal([f"outcome_{c}" for c in CAUSES])).to_series()
    assert table["outcome_changed"].sum() > 30
    assert sums.to_list() == pytest.approx(table["outcome_changed"].cast(float).to_list(), abs=1e-9)


def test_the_ends_are_the_runs_as_recorded(everything, scene):
    _, table = everything
    for side, key in (("old", OLD), ("new", NEW)):
        recorded = pl.read_parquet(scene.run(*key))
        for name in ("chain", "address"):
            assert table[name].equals(recorded[name])
        for name in ("status", "log_odds", "score", "band", "as_of"):
            assert table[f"{name}_{side}"].equals(recorded[name], null_equal=True), name


@pytest.mark.parametrize(
    "cause, new",
    [
        ("funds", ("first", "now", "few")),
        ("model", ("seen", "earlier", "few")),
        ("thresholds", ("stated", "earlier", "few")),
    ],
)
def test_one_cause_alone_gets_all_of_it(cause, new, scene):
    done, table = scene.between(OLD, new)
    assert done.causes == (cause,)
    shared = both_scored(table)
    assert (shared["log_odds_change"] != 0).any()
    for what in ("log_odds", "score"):
        assert shared[f"{what}_{cause}"].equals(shared[f"{what}_change"])
        for other in set(CAUSES) - {cause}:
            assert (shared[f"{what}_{other}"] == 0).all()
    moved = table.filter("outcome_changed")
    assert moved.height
    assert (moved[f"outcome_{cause}"] == 1).all()
    assert (moved["outcome_alone"] == cause).all()
    assert (moved["outcome_needed"] == cause).all()
    assert (shared["orders"] == 1).all()


def test_labels_alone_get_all_of_it(scene):
    done, table = scene.between(("seen", "now", "few"), ("seen", "now", "all"))
    assert done.causes == ("labels",)
    shared = both_scored(table)
    assert shared["log_odds_labels"].equals(shared["log_odds_change"])
    assert (shared["log_odds_change"] != 0).any()
    now_listed = table.filter(pl.col("status_new") == "licit_service", "outcome_changed")
    assert now_listed.height
    assert (now_listed["outcome_alone"] == "labels").all()


def test_a_base_rate_alone_moves_all_log_odds_by_the_same(scene):
    _, table = scene.between(OLD, ("stated", "earlier", "few"))
    shift = math.log(0.02 / 0.98) - math.log(0.05 / 0.95)
    found = both_scored(table)["log_odds_thresholds"].to_list()
    assert found == pytest.approx([shift] * len(found), abs=1e-9)


def test_runs_that_rest_on_the_same_have_no_causes(scene):
    done, table = scene.between(OLD, OLD)
    assert done.causes == ()
    assert "nothing can have changed" in done.notes[0]
    assert not table["outcome_changed"].any()
    assert (both_scored(table)["log_odds_change"] == 0).all()
    assert both_scored(table)["sentence"].str.starts_with("Unchanged at ").all()


def test_two_causes_against_four_runs_of_the_score_job(scene):
    _, table = scene.between(OLD, ("seen", "now", "few"))
    corners = {
        (model, funds): pl.read_parquet(scene.run(model, funds, "few"))["log_odds"].to_list()
        for model in ("first", "seen")
        for funds in ("earlier", "now")
    }
    seen = 0
    for at, row in enumerate(table.iter_rows(named=True)):
        v00, v01 = corners["first", "earlier"][at], corners["first", "now"][at]
        v10, v11 = corners["seen", "earlier"][at], corners["seen", "now"][at]
        if None in (v00, v11):
            assert row["orders"] == 0
            continue
        steps = [(v01 - v00, v11 - v01)] if v01 is not None else []
        steps += [(v11 - v10, v10 - v00)] if v10 is not None else []
        assert row["orders"] == len(steps)
        if not steps:
            continue
        seen += 1
        funds, model = (sum(step) / len(steps) for step in zip(*steps, strict=True))
        assert row["log_odds_funds"] == pytest.approx(funds, abs=1e-9)
        assert row["log_odds_model"] == pytest.approx(model, abs=1e-9)
    assert seen > 150


def test_which_cause_alone_against_runs_of_the_score_job(everything, scene):
    _, table = everything

    def outcomes(*key: str) -> list[str]:
        outcome = pl.when(status="scored").then(pl.col("band")).otherwise("status")
        return pl.read_parquet(scene.run(*key)).select(x=outcome)["x"].to_list()

    alone = {
        "funds": outcomes("first", "now", "few"),
        "labels": outcomes("first", "earlier", "all"),
        "model": outcomes("seen", "earlier", "few"),
        "thresholds": outcomes("stated", "earlier", "few"),
    }
    without = {
        "funds": outcomes("both", "earlier", "all"),
        "labels": outcomes("both", "now", "few"),
        "model": outcomes("stated", "now", "all"),
        "thresholds": outcomes("seen", "now", "all"),
    }
    old, new = outcomes(*OLD), outcomes(*NEW)
    for at, row in enumerate(table.iter_rows(named=True)):
        if old[at] == new[at]:
            assert row["outcome_alone"] is row["outcome_needed"] is None
            continue
        suffices = [c for c in CAUSES if alone[c][at] == new[at]]
        needed = [c for c in CAUSES if without[c][at] != new[at]]
        assert row["outcome_alone"] == ";".join(suffices)
        assert row["outcome_needed"] == ";".join(needed)


def test_every_row_is_said_in_words(everything):
    done, table = everything
    for row in table.iter_rows(named=True):
        said = row["sentence"]
        assert said.endswith(".")
        assert "None" not in said
        assert "nan" not in said.replace("finance", "")
        if row["status_old"] == row["status_new"] == "scored":
            change = row["log_odds_change"]
            way = "Rose " if change > 0 else "Fell " if change < 0 else ("Stayed ", "Unchanged ")
            assert said.startswith(way)
        elif row["outcome_changed"]:
            assert "no score (" in said
    assert len(done.largest) == 5
    assert next(iter(done.largest.values()))["change"].startswith(("Rose from ", "Fell from "))


def test_the_summary_counts_what_the_table_holds(everything):
    done, table = everything
    assert done.addresses == table.height
    assert done.rose + done.fell <= both_scored(table).height + done.unshared
    assert sum(done.outcomes.values()) == table["outcome_changed"].sum()
    parts = both_scored(table)["log_odds_funds"].abs()
    assert done.by_cause["funds"]["mean_absolute_log_odds"] == pytest.approx(parts.mean())
    manifest = json.loads(done.out.with_name(f"{done.out.name}.manifest.json").read_text())
    assert manifest["causes"] == list(CAUSES)
    assert manifest["old"]["bundle_sha256"] != manifest["new"]["bundle_sha256"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_other_forms_of_table_say_the_same(suffix, scene, everything, world):
    tables = [scene.folder / f"{side}.{suffix}" for side in ("old", "new")]
    for (model, listed, known), out in zip((OLD, NEW), tables, strict=True):
        score(
            scene.places[model], world.store, scene.lists[listed], out,
            services=scene.services[known], threads=1,
        )  # fmt: skip
    done = diff(
        tables[0], tables[1], scene.folder / f"d.{suffix}", list(scene.places.values()),
        world.store, services=list(scene.services.values()), threads=2,
    )  # fmt: skip
    assert done.content_sha256 == everything[0].content_sha256


def test_folders_of_alerts_are_runs_too(scene, world, tmp_path):
    runs = [
        explain(
            scene.places[model], world.store, scene.lists[listed], tmp_path / model,
            services=scene.services[known], threads=1, top=30,
        ).out
        for model, listed, known in (OLD, NEW)
    ]  # fmt: skip
    done = diff(
        runs[0], runs[1], tmp_path / "d.parquet", list(scene.places.values()), world.store,
        services=list(scene.services.values()), threads=1,
    )  # fmt: skip
    table = pl.read_parquet(done.out)
    assert 30 <= table.height <= 60
    assert table["recorded"].is_in(["old", "new", "both"]).all()
    one_sided = table.filter(pl.col("recorded") != "both")
    assert one_sided.height
    assert one_sided["sentence"].str.contains("run alone").all()
    for row in both_scored(table).iter_rows(named=True):
        parts = math.fsum(row[f"log_odds_{cause}"] for cause in CAUSES)
        assert parts == pytest.approx(row["log_odds_change"], abs=1e-9)


def test_a_missing_input_is_named_with_its_run(scene, world, tmp_path):
    old, new = scene.run(*OLD), scene.run(*NEW)
    out = tmp_path / "d.csv"
    files = list(scene.services.values())
    with pytest.raises(Refused) as refused:
        diff(old, new, out, scene.places["both"], world.store, services=files)
    assert f"{old}: The bundle: recorded SHA-256" in str(refused.value)
    assert str(new) not in str(refused.value)
    with pytest.raises(Refused, match="File 1 of 1 of services or labels"):
        diff(old, new, out, list(scene.places.values()), world.store, services=files[:1])
    other = world.copy(tmp_path / "store", world.transfers.head(2000))
    with pytest.raises(Refused, match="The transfers: recorded"):
        diff(old, new, out, list(scene.places.values()), other, services=files)
    assert not out.exists()


def edited(run: Path, folder: Path, **values: pl.Expr) -> Path:
    """Write a scores file once more, changed, with a manifest that vouches for it."""
    folder.mkdir()
    out = folder / run.name
    pl.read_parquet(run).with_columns(**values).write_parquet(out)
    manifest = json.loads(run.with_name(f"{run.name}.manifest.json").read_text())
    manifest["files"][run.name] = sha256_file(out)
    out.with_name(f"{run.name}.manifest.json").write_text(json.dumps(manifest))
    return out


def test_a_run_that_does_not_come_out_again_is_refused(scene, world, tmp_path):
    old, new = scene.run(*OLD), scene.run(*NEW)

    def between(one: Path) -> None:
        diff(
            one, new, tmp_path / "d.csv", list(scene.places.values()), world.store,
            services=list(scene.services.values()), threads=1,
        )  # fmt: skip

    with pytest.raises(Refused, match=r"does not come out again.*log-odds"):
        between(edited(old, tmp_path / "a", log_odds=pl.col("log_odds") + 1e-6))
    with pytest.raises(Refused, match="does not come out again"):
        between(edited(old, tmp_path / "b", band=pl.lit("severe")))
    with pytest.raises(Refused, match="no address in common"):
        between(edited(old, tmp_path / "c", address=pl.col("address") + "ff"))


def test_what_is_no_run_is_refused(scene, world, tmp_path):
    run = scene.run(*OLD)

    def between(one: Path) -> None:
        diff(one, run, tmp_path / "d.csv", scene.places["first"], world.store)

    with pytest.raises(Refused, match="suffix of"):
        diff(run, run, tmp_path / "d.txt", scene.places["first"], world.store)
    with pytest.raises(Refused, match="here is no .*absent"):
        between(tmp_path / "absent.csv")
    bare = tmp_path / "bare.parquet"
    bare.write_bytes(run.read_bytes())
    with pytest.raises(Refused, match=r"here is no .*manifest"):
        between(bare)
    beside = tmp_path / "bare.parquet.manifest.json"
    for text in ("{", "[]", '{"kind": "scores"}', '{"kind": "scores", "files": {}}'):
        beside.write_text(text)
        with pytest.raises(Refused, match="is no manifest"):
            between(bare)
    beside.write_text('{"kind": "signals", "files": {"bare.parquet": "0"}}')
    with pytest.raises(Refused, match="a table of 'signals'"):
        between(bare)
    beside.write_text('{"kind": "scores", "files": {"bare.parquet": "0"}}')
    with pytest.raises(Refused, match="not the file that was written"):
        between(bare)
    with pytest.raises(Refused, match="no folder of alerts"):
        between(world.store)
    twice = edited(run, tmp_path / "twice", address=pl.col("address").first())
    with pytest.raises(Refused, match="more than once"):
        between(twice)


def test_a_run_of_before_inputs_were_recorded_says_what_to_do(scene, world, tmp_path):
    run = scene.run(*OLD)
    bare = tmp_path / run.name
    bare.write_bytes(run.read_bytes())
    manifest = json.loads(run.with_name(f"{run.name}.manifest.json").read_text())
    del manifest["inputs"]
    bare.with_name(f"{run.name}.manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Refused, match=r"(?s)did not record its inputs.*Make it again"):
        diff(bare, run, tmp_path / "d.csv", scene.places["first"], world.store)
