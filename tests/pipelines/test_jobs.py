"""Train, evaluate, score and explain on one small world: the jobs as functions, end to end."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import Refused
from data.storage import read_manifest
from data.transfers import open_transfers
from features.catalogue import catalogue
from models.bundle import Bundle
from models.explanation import explain_rows
from models.scoring import SCORES
from models.status import STATUSES
from pipelines.evaluate import evaluate
from pipelines.explain import explain
from pipelines.labelling.labelled import read_labels
from pipelines.models import list_models, show_model, verify_model
from pipelines.score import score, score_addresses
from pipelines.signals import signals
from pipelines.train import train
from tests.pipelines.conftest import FEWEST, World

NOBODY = "0x" + "9" * 40


def as_of(world: World) -> datetime:
    return datetime.fromisoformat(world.as_of)


def listed(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def alerts_in(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "alerts.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def scored(world, bundle, tmp_path_factory):
    """The scores of the whole world, and where they stand."""
    out = tmp_path_factory.mktemp("scores") / "scores.parquet"
    return score(
        bundle, world.store, world.addresses, out, services=world.services, reasons=5, threads=1
    )


# --- what the jobs give ---------------------------------------------------------------------------


def test_training_says_what_it_did(world, trained):
    facts = Bundle.load(trained.out).facts
    assert trained.exit_code == 0
    assert trained.bundle_sha256 == Bundle.load(trained.out).sha256
    assert (facts.training_basis, facts.decision_use) == ("synthetic", False)
    assert facts.min_transfers == FEWEST
    assert trained.trained_on == facts.training["n"] > trained.positives >= 10
    assert any("not for decisions" in note.lower() for note in trained.notes)


def test_one_row_for_each_address_in_the_order_asked(world, scored):
    asked = pl.read_csv(world.addresses)
    found = pl.read_parquet(scored.out)
    assert found.columns == list(SCORES)
    assert found.select("chain", "address").equals(asked.select("chain", "address"))
    moments = asked["as_of"].str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC", time_unit="us")
    assert found["as_of"].to_list() == moments.to_list()
    assert sum(scored.statuses.values()) == scored.addresses == world.asked >= 600
    assert (found["status"] == "scored").sum() == scored.statuses["scored"] > 300


def test_only_scored_rows_have_anything_that_looks_like_a_score(scored):
    found = pl.read_parquet(scored.out)
    is_scored = found["status"] == "scored"
    for name in ("score", "log_odds", "rank"):
        assert found[name].is_not_null().equals(is_scored, check_names=False)
    assert not found.filter(~is_scored)["band"].is_not_null().any()
    ranked = found.filter(is_scored).sort("rank")
    assert ranked["rank"].to_list() == list(range(1, len(ranked) + 1))
    assert all(a >= b for a, b in pairwise(ranked["log_odds"].to_list()))
    assert ranked["top_reasons"].is_not_null().to_list() == [True] * 5 + [False] * (len(ranked) - 5)
    sigmoid = [1 / (1 + math.exp(-x)) for x in ranked["log_odds"].to_list()]
    assert ranked["score"].to_list() == pytest.approx(sigmoid, rel=1e-12)


def test_every_row_says_that_it_is_not_for_decisions(world, scored, trained):
    found = pl.read_parquet(scored.out)
    assert found["decision_use"].to_list() == [False] * world.asked
    assert found["bundle_sha256"].unique().to_list() == [trained.bundle_sha256]


def test_every_score_is_the_sum_of_its_parts(world, bundle):
    run = score_addresses(bundle, world.store, world.addresses, services=world.services)
    is_scored = run.scores["status"] == "scored"
    told = run.scores.filter(is_scored)
    explained = list(explain_rows(run.bundle, run.measured.signals.filter(is_scored)))
    assert len(explained) == told.height
    for row, parts in zip(told.iter_rows(named=True), explained, strict=True):
        total = math.fsum([parts.base, *(c.log_odds for c in parts.contributions)])
        assert abs(total - row["log_odds"]) <= 1e-9


def test_every_alert_adds_up_as_written(world, bundle, scored, tmp_path):
    told = explain(
        bundle, world.store, world.addresses, tmp_path / "a", top=40, services=world.services
    )
    alerts = alerts_in(told.out)
    assert told.n_alerts == len(alerts) == 40
    scores = {(r["chain"], r["address"]): r for r in pl.read_parquet(scored.out).to_dicts()}
    for rank, alert in enumerate(alerts, start=1):
        total = math.fsum([alert["base"], *(c["contribution"] for c in alert["contributions"])])
        assert abs(total - alert["log_odds"]) <= 1e-9
        row = scores[alert["chain"], alert["address"]]
        assert (alert["rank"], alert["log_odds"]) == (rank, row["log_odds"])
        assert row["rank"] == rank
        assert alert["decision_use"] is False
        assert alert["notices"]


def test_evaluation_splits_the_labels_as_training_did(world, bundle, tmp_path):
    told = evaluate(bundle, world.store, world.labels, tmp_path / "e")
    assert list(told.splits) == ["train", "validation", "test"]
    assert names(told.out) == ["evaluation.html", "evaluation.json", "manifest.json"]
    read_manifest(told.out)
    measured = json.loads((told.out / "evaluation.json").read_text())
    in_bundle = json.loads((bundle / "evaluation.json").read_text())
    for name in told.splits:
        same = ("n", "n_positive", "roc_auc", "pr_auc", "brier")
        for metric in same:
            assert measured["splits"][name][metric] == in_bundle["splits"][name][metric]


def test_labels_the_model_never_saw_are_one_split(world, bundle, tmp_path):
    some = pl.read_csv(world.labels).filter(pl.col("chain") == "tron")
    some.write_csv(tmp_path / "some.csv")
    told = evaluate(bundle, world.store, tmp_path / "some.csv", tmp_path / "e")
    assert list(told.splits) == ["all"]


def test_models_are_listed_shown_and_verified(bundle, trained):
    [found] = list_models(bundle.parent)
    assert found["bundle_sha256"] == trained.bundle_sha256
    assert trained.bundle_sha256 in show_model(bundle)
    assert verify_model(bundle, sha256=trained.bundle_sha256)["verified"] is True
    with pytest.raises(Refused):
        verify_model(bundle, sha256="0" * 64)


# --- the same bytes -------------------------------------------------------------------------------


@pytest.mark.unwatched
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_scores_are_the_same_bytes_on_any_threads_and_in_any_order(world, bundle, tmp_path, suffix):
    files = []
    for k, (threads, shuffled) in enumerate(((1, False), (4, False), (2, True))):
        source = world.shuffled(tmp_path / f"plain{k}", seed=k) if shuffled else world.store
        out = tmp_path / f"scores{k}{suffix}"
        told = score(
            bundle, source, world.addresses, out, as_of=as_of(world), services=world.services,
            reasons=3, threads=threads, research_use=shuffled,
        )  # fmt: skip
        files.append((out.read_bytes(), told.content_sha256))
    assert len(set(files)) == 1


@pytest.mark.unwatched
def test_alerts_are_the_same_on_any_threads_and_in_any_order(world, bundle, tmp_path):
    told = []
    for k, (threads, shuffled) in enumerate(((1, False), (4, False), (2, True))):
        source = world.shuffled(tmp_path / f"plain{k}", seed=k) if shuffled else world.store
        out = tmp_path / f"alerts{k}"
        explain(
            bundle, source, world.addresses, out, as_of=as_of(world), top=8,
            services=world.services, threads=threads, research_use=shuffled,
        )  # fmt: skip
        told.append(alerts_in(out))
    assert names(tmp_path / "alerts0") == names(tmp_path / "alerts1")
    for name in names(tmp_path / "alerts0"):
        same = [(tmp_path / f"alerts{k}" / name).read_bytes() for k in (0, 1)]
        assert same[0] == same[1], name
    # a plain file does not say it is synthetic
    of_the_files = {"transfers_sha256", "notices", "inputs"}
    stripped = [[{k: v for k, v in a.items() if k not in of_the_files} for a in t] for t in told]
    assert stripped[0] == stripped[2]


@pytest.mark.unwatched
def test_signals_are_the_same_bytes_on_any_threads_and_in_any_order(world, tmp_path):
    hashes = set()
    for k, source in enumerate((world.store, world.shuffled(tmp_path / "plain", seed=3))):
        told = signals(
            source,
            tmp_path / f"{k}.parquet",
            as_of=as_of(world),
            threads=1 + 3 * k,
            also=["motifs"],
        )
        hashes.add((told.content_sha256, (tmp_path / f"{k}.parquet").read_bytes()))
    assert len(hashes) == 1
    assert (told.addresses, told.signals) == (world.asked, len(catalogue().signals))


def test_motifs_are_computed_where_asked_for_and_change_nothing_else(world, tmp_path):
    moment = as_of(world)
    told = signals(world.store, tmp_path / "without.parquet", as_of=moment)
    signals(world.store, tmp_path / "with.parquet", as_of=moment, also=["motifs", "fan_out"])
    without, with_ = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("without", "with"))
    motifs = [s.name for s in catalogue().signals if s.family == "motifs"]
    assert set(with_.columns) - set(without.columns) == {"motifs_capped", *motifs}
    assert with_.select(without.columns).equals(without)
    assert told.signals == len(catalogue().signals) - len(motifs)
    assert with_["motifs_capped"].null_count() == 0
    found = with_.select(pl.col(motifs).max()).row(0, named=True)
    assert found["relay_hops_24h"] > 1 and found["gather_scatter_payments_24h"] > 0


@pytest.mark.unwatched
def test_a_model_is_the_same_bytes_on_any_threads_and_for_labels_in_any_order(
    world, trained, tmp_path
):
    labels = pl.read_csv(world.labels).sample(fraction=1.0, shuffle=True, seed=4)
    labels.write_parquet(tmp_path / "labels.parquet")
    again = train(
        world.store, tmp_path / "labels.parquet", tmp_path / "b", min_transfers=FEWEST, threads=4
    )
    for name in names(trained.out):
        assert (again.out / name).read_bytes() == (trained.out / name).read_bytes(), name
    assert again.bundle_sha256 == trained.bundle_sha256


@pytest.mark.unwatched
def test_training_knows_neither_the_truth_nor_the_order_of_rows(world, trained, tmp_path):
    """The copy has the same transfers and coverage, and nothing of what the simulation knows."""
    bare = world.copy(tmp_path / "bare")
    assert not [name for name in names(bare) if "truth" in name]
    again = train(bare, world.labels, tmp_path / "b", min_transfers=FEWEST)
    assert again.bundle_sha256 == trained.bundle_sha256
    plain = world.shuffled(tmp_path / "plain", seed=9)
    third = train(
        plain, world.labels, tmp_path / "c", as_of=as_of(world), min_transfers=FEWEST,
        labels_from="the truth of an invented world",
    )  # fmt: skip
    model = [Bundle.load(told.out).facts.files["model.txt"] for told in (trained, third)]
    assert model[0] == model[1]
    assert Bundle.load(third.out).facts.training_basis == "research"


# --- moments --------------------------------------------------------------------------------------


def test_the_default_moment_is_the_recorded_one(world, bundle, tmp_path):
    middle = as_of(world) - timedelta(days=200)
    store = world.copy(tmp_path / "store", as_of=middle.isoformat())
    asked = pl.read_csv(world.addresses).select("address", "chain")
    asked.write_csv(tmp_path / "list.csv")
    score(bundle, store, tmp_path / "list.csv", tmp_path / "s.parquet")
    found = pl.read_parquet(tmp_path / "s.parquet")
    assert found["as_of"].unique().to_list() == [middle]
    assert found["last_seen"].max() < middle < world.transfers["block_time"].max()  # type: ignore[operator]
    earlier = middle - timedelta(days=20)
    score(bundle, store, tmp_path / "list.csv", tmp_path / "t.parquet", as_of=earlier)
    assert pl.read_parquet(tmp_path / "t.parquet")["as_of"].unique().to_list() == [earlier]


def test_without_a_recorded_moment_one_must_be_given(world, bundle, tmp_path):
    plain = world.shuffled(tmp_path / "plain", seed=1)
    with pytest.raises(Refused, match="--as-of"):
        score(bundle, plain, world.addresses, tmp_path / "s.csv", research_use=True)
    assert names(tmp_path) == ["plain"]


def test_a_split_with_a_label_that_lacks_its_moment_is_cut_at_one(world, tmp_path):
    rows = pl.read_csv(world.labels).head(40)
    part = pl.Series("split", ["train"] * 20 + ["test"] * 20)
    hole = pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise("as_of").alias("as_of")
    rows.with_columns(part, hole).write_csv(tmp_path / "labels.csv")
    told = read_labels(tmp_path / "labels.csv", open_transfers(world.store), None)
    assert told["as_of"][:20].unique().to_list() == [as_of(world)]
    assert told["as_of"][20:].n_unique() > 10
    given = datetime(2024, 6, 1, tzinfo=UTC)
    told = read_labels(tmp_path / "labels.csv", open_transfers(world.store), given)
    assert told["as_of"][:20].unique().to_list() == [given]


def test_what_depends_on_the_moment_of_scoring_is_no_input(bundle):
    dated = {s.name for s in catalogue().signals if s.depends_on_as_of}
    assert dated
    assert not dated & set(Bundle.load(bundle).facts.signals)


# --- statuses -------------------------------------------------------------------------------------


def test_every_status_can_be_reached(world, bundle, scored, tmp_path):
    found = pl.read_parquet(scored.out)
    by_status = {
        status: found.filter(pl.col("status") == status).row(0, named=True)
        for status in ("scored", "possible_victim", "licit_service")
    }
    plenty = found.filter(pl.col("status") == "scored", pl.col("n_transfers") >= FEWEST + 5)
    cut_off, unpriced, one_sided = plenty["address"].tail(3)
    touches = (pl.col("sender") == unpriced) | (pl.col("receiver") == unpriced)
    rows = world.transfers.with_columns(
        usd_micros=pl.when(touches).then(None).otherwise("usd_micros")
    )
    coverage = world.coverage.with_columns(
        complete=pl.col("complete") & (pl.col("address") != cut_off),
        legs=pl.when(address=one_sided).then(pl.lit("native_in,native_out")).otherwise("legs"),
    )
    store = world.copy(tmp_path / "store", rows, coverage)
    first = found.filter(pl.col("n_transfers") > FEWEST, pl.col("status") == "scored").row(2)
    asked: dict[str, tuple[str, str, str]] = {
        status: (row["address"], row["chain"], row["as_of"].isoformat())
        for status, row in by_status.items()
    }
    moment = world.as_of
    chain_of = dict(found.select("address", "chain").iter_rows())
    asked |= {
        "truncated_history": (cut_off, chain_of[cut_off], moment),
        "unpriced": (unpriced, chain_of[unpriced], moment),
        "partial_coverage": (one_sided, chain_of[one_sided], moment),
        "not_found": (NOBODY, "ethereum", moment),
        "unsupported_chain": ("9xQeWvG816bUx9EPjHmaT23yvVM2ZWbr", "solana", moment),
        "insufficient_history": (first[1], first[0], "2009-02-01T00:00:00Z"),
    }
    lines = [",".join(row) for row in asked.values()]
    path = listed(tmp_path / "list.csv", "address,chain,as_of", *lines)
    told = score(bundle, store, path, tmp_path / "s.parquet", services=world.services)
    statuses = pl.read_parquet(tmp_path / "s.parquet")["status"].to_list()
    assert dict(zip(asked, statuses, strict=True)) == {status: status for status in asked}
    assert set(asked) == set(STATUSES)
    assert told.exit_code == 0


def test_too_many_without_a_score_end_with_3(world, bundle, tmp_path):
    found = score_addresses(bundle, world.store, world.addresses).scores
    good = found.filter(pl.col("status") == "scored", chain="tron")["address"][0]
    path = listed(tmp_path / "list.txt", good, NOBODY)
    for most, code in ((None, 0), (0.5, 0), (0.49, 3), (0.0, 3)):
        told = score(bundle, world.store, path, tmp_path / "s.csv", max_unscored=most)
        assert told.exit_code == code
        told_too = explain(bundle, world.store, path, tmp_path / "a", max_unscored=most)
        assert told_too.exit_code == code


def test_services_may_be_several_files_and_label_lists(world, bundle, tmp_path):
    before = score_addresses(bundle, world.store, world.addresses, services=world.services).scores
    low = before.filter(pl.col("list_hits").is_null(), status="scored", chain="tron")["address"][-1]
    licit = before.filter(pl.col("status") == "licit_service", chain="tron")["address"][0]
    pack = tmp_path / "pack.yaml"
    pack.write_text(
        "title: Invented\ncurrency: TRX\nlabel: On a list\nabuse: sanction\n"
        f"confidence: authority_data\nlastmod: 2024-05-01\ntags:\n- address: {low}\n"
        f"- address: {licit}\n- address: {low[:-1]}\n"
    )
    out = tmp_path / "s.parquet"
    path = listed(tmp_path / "list.txt", low, licit)
    told = score(bundle, world.store, path, out, services=[world.services, pack])
    rows = pl.read_parquet(out)
    assert rows["list_hits"][0] == "On a list (sanctioned, 2024-05-01, authority_data)"
    assert rows["band"][0] not in (None, "below_review")
    assert rows["status"][1] != "licit_service"
    assert any("1 of 3 rows could not be read" in note for note in told.notes)
    assert any(licit in note and " before " in note for note in told.notes)
    assert told.exit_code == 0


def test_a_typo_costs_its_own_line_only_and_ends_with_3(world, bundle, tmp_path):
    good = pl.read_csv(world.addresses).filter(chain="tron")["address"][0]
    path = listed(tmp_path / "list.txt", good, good[:-1], NOBODY)
    told = score(bundle, world.store, path, tmp_path / "s.csv")
    assert told.exit_code == 3
    assert any("line 2" in note for note in told.notes)
    assert pl.read_csv(told.out)["address"].to_list() == [good, NOBODY]
    assert signals(world.store, tmp_path / "x.csv", addresses=path).exit_code == 3


# --- refusals -------------------------------------------------------------------------------------


def tampered(bundle: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "tampered"
    shutil.copytree(bundle, copy)
    text = (copy / "model.txt").read_bytes()
    (copy / "model.txt").write_bytes(text.replace(b"leaf_value=", b"leaf_value=-", 1))
    return copy


REFUSED: dict[str, Callable[[World, Path, Path, Path], Any]] = {
    "a tampered bundle": lambda w, b, t, o: score(tampered(b, t), w.store, w.addresses, o),
    "a bundle that is none": lambda w, b, t, o: score(w.store, w.store, w.addresses, o),
    "real transfers": lambda w, b, t, o: score(
        b, w.copy(t / "real", synthetic=False), w.addresses, o
    ),
    "real transfers, explained": lambda w, b, t, o: explain(
        b, w.copy(t / "real", synthetic=False), w.addresses, o
    ),
    "an empty list": lambda w, b, t, o: score(b, w.store, listed(t / "list.txt"), o),
    "a list of nothing valid": lambda w, b, t, o: score(
        b, w.store, listed(t / "list.txt", "0x12"), o
    ),
    "no list": lambda w, b, t, o: score(b, w.store, t / "none.txt", o),
    "no transfers": lambda w, b, t, o: score(b, t / "none", w.addresses, o),
    "an unknown engine": lambda w, b, t, o: score(b, w.store, w.addresses, o, engine="abacus"),
    "an unknown leg": lambda w, b, t, o: signals(w.store, o, legs="sideways"),
    "signals of a family that is none": lambda w, b, t, o: signals(w.store, o, also=["gossip"]),
    "an unknown basis": lambda w, b, t, o: signals(w.store, o, basis="eur"),
    "labels without a label": lambda w, b, t, o: train(w.store, w.addresses, o),
    "too few labels": lambda w, b, t, o: train(
        w.store, listed(t / "l.csv", *w.labels.read_text().splitlines()[:30]), o
    ),
    "an origin that cannot be": lambda w, b, t, o: train(
        w.store, w.labels, o, trained_on="reviewed"
    ),
    "a family that is none": lambda w, b, t, o: train(w.store, w.labels, o, also=["gossip"]),
    "a simulated store that is to learn whom one knows": lambda w, b, t, o: train(
        w.store, w.labels, o, also=["neighbourhood"]
    ),
    "services that are none": lambda w, b, t, o: score(
        b, w.store, w.addresses, o, services=w.labels
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_leaves_nothing_behind(world, bundle, tmp_path, case):
    (tmp_path / "given").mkdir()
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / ("r.parquet" if "label" not in case else "bundle")
    with pytest.raises(Refused) as caught:
        REFUSED[case](world, bundle, tmp_path / "given", out)
    assert "\n" not in str(caught.value)
    assert names(tmp_path / "out") == []


def test_a_folder_of_other_things_is_refused_before_any_work(world, bundle, tmp_path):
    (tmp_path / "thesis.doc").write_text("mine")
    for job in (
        lambda: train(tmp_path / "none", world.labels, tmp_path),
        lambda: evaluate(tmp_path / "none", world.store, world.labels, tmp_path),
    ):
        with pytest.raises(Refused, match="not an earlier result"):
            job()
    assert names(tmp_path) == ["thesis.doc"]


def test_a_model_is_replaced_by_the_next(world, trained, tmp_path):
    shutil.copytree(trained.out, tmp_path / "b")
    told = train(world.store, world.labels, tmp_path / "b", min_transfers=FEWEST, seed=2)
    assert told.bundle_sha256 != trained.bundle_sha256
    assert Bundle.load(tmp_path / "b").sha256 == told.bundle_sha256


def test_research_use_is_said_everywhere(world, bundle, tmp_path):
    real = world.copy(tmp_path / "real", synthetic=False)
    told = score(bundle, real, world.addresses, tmp_path / "s.csv", research_use=True)
    assert any("not for decisions" in note.lower() for note in told.notes)
    assert pl.read_csv(told.out)["decision_use"].to_list() == [False] * world.asked
    shown = explain(bundle, real, world.addresses, tmp_path / "a", top=3, research_use=True)
    for alert in alerts_in(shown.out):
        notices = " ".join(alert["notices"])
        assert "Not for decisions" in notices
        assert "Research use" in notices
    for page in shown.out.glob("*.html"):
        assert "Research use" in page.read_text()


# --- the record of a training ---------------------------------------------------------------------


def test_a_training_is_recorded_with_all_that_made_it(trained):
    folder = trained.out.parent / "mlflow"
    with sqlite3.connect(f"file:{folder / 'mlflow.db'}?mode=ro", uri=True) as database:

        def of_the_run(table: str) -> dict[str, Any]:
            query = f"SELECT key, value FROM {table} WHERE run_uuid = ?"
            return dict(database.execute(query, (trained.tracking_run,)).fetchall())

        params, metrics, tags = map(of_the_run, ("params", "metrics", "tags"))
    database.close()
    facts = Bundle.load(trained.out).facts
    assert params["min_transfers"] == str(FEWEST)
    assert params["basis"] == "usd"
    assert params["num_iterations"] == str(facts.training["rounds"])
    assert tags["catalogue_hash"] == catalogue().hash()
    assert tags["bundle_sha256"] == trained.bundle_sha256
    assert any(name.startswith("test") for name in metrics)
    [kept] = folder.glob(f"artifacts/**/{trained.tracking_run}/artifacts/bundle")
    assert Bundle.load(kept).sha256 == trained.bundle_sha256
