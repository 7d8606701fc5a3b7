"""Transfer: trained on worlds alone, measured on whatever stands for the real accounts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import disagreement, openings, transfer, transfer_report
from benchmarks.cuts import EARLY, LEGS, NATIVE, VARIANTS, WHOLE
from benchmarks.transfer_models import Models, held_out, load_models, rows, train_models
from benchmarks.worlds import opened, pool, truth
from data.errors import Refused
from data.storage import write_manifest
from models.splits import groups

AS_OF = "2026-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def models(worlds: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Models]:
    """A set of bundles trained on both, and its folder."""
    out = tmp_path_factory.mktemp("bundles") / "small"
    return out, train_models(worlds, out, min_transfers=1)


@pytest.fixture(scope="module")
def posing(worlds: list[Path]) -> dict[tuple[str, str], pl.DataFrame]:
    """Accounts of a world posing as the real sets."""
    found = {}
    for legs, text in LEGS.items():
        pooled = pool(worlds[:1], text, unlabelled=True)
        for cut, frame in pooled.signals.items():
            known = frame.join(truth(worlds[:1]), on=["chain", "address"], maintain_order="left")
            named = pl.when("criminal").then(pl.lit("phishing")).otherwise(pl.lit("normal"))
            dfpi = pl.col("role") == "mule"
            once = known.unique("address", keep="first", maintain_order=True)  # as real ones are
            found[legs, cut] = once.filter(pl.col("criminal") | pl.col("benign")).select(
                pl.when(dfpi).then(pl.lit("dfpi")).otherwise(named).alias("set"),
                pl.col("address").alias("group"),
                pl.when(pl.int_range(pl.len()) % 2 == 0)
                .then(pl.lit("test"))
                .otherwise(pl.lit("calibration"))
                .alias("part"),
                pl.col("n_transfers").alias("n_any"),
                pl.exclude("role", "population", "typology", "criminal", "benign"),
            )
    return found


def test_rows_of_two_worlds_are_not_confused(worlds: list[Path], tmp_path: Path):
    """The same world under two names has every address and case twice, and links none of them."""
    again = tmp_path / "again"
    again.symlink_to(worlds[0])
    one, two = pool(worlds[:1], NATIVE), pool([worlds[0], again], NATIVE)
    assert two.labels.height == 2 * one.labels.height
    assert groups(two.labels).n_unique() == 2 * groups(one.labels).n_unique()
    assert two.labels["split"].head(one.labels.height).equals(one.labels["split"])
    for cut in VARIANTS:
        assert two.signals[cut]["address"].to_list() == two.labels["address"].to_list()


def test_the_truth_has_one_row_for_each_account_and_names_it_alike(worlds: list[Path]):
    pooled = pool(worlds, NATIVE, unlabelled=True)
    known = truth(worlds)
    assert known.select("chain", "address").is_unique().all()
    assert set(pooled.labels["address"]) <= set(known["address"])
    assert known["criminal"].sum() and not (known["criminal"] & known["benign"]).any()


def test_the_early_cut_ends_thirty_days_after_the_first_transfer(worlds: list[Path]):
    pooled = pool(worlds[:1], NATIVE)
    whole, early = pooled.signals[WHOLE], pooled.signals[EARLY]
    seen = early.filter(pl.col("n_transfers") > 0)
    assert ((seen["last_seen"] - seen["first_seen"]).dt.total_days() < 30).all()
    assert (early["as_of"] <= whole["as_of"]).all()
    assert (early["n_transfers"] <= whole["n_transfers"]).all()


def test_a_history_with_one_cut_trains_once(worlds: list[Path]):
    pooled = pool(worlds[:1], NATIVE)
    frame, labels = rows(pooled, (WHOLE, EARLY))
    assert frame["address"].to_list() == labels["address"].to_list()
    assert frame.select("chain", "address", "as_of").is_unique().all()
    kept = pooled.labels["split"].is_not_null().sum()
    assert kept < frame.height < 2 * kept


def test_four_models_are_trained_without_real_data(
    models: tuple[Path, Models], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("UNRINSE_REAL_DATA", raising=False)
    out, trained = models
    assert set(trained) == {(legs, cut) for legs in LEGS for cut in VARIANTS}
    assert {b.facts.basis for b in trained.values()} == {"relative"}
    assert {b.facts.training_basis for b in trained.values()} == {"synthetic"}
    for (legs, _), bundle in trained.items():
        assert set(bundle.facts.legs) == set(LEGS[legs].split(","))
    again = load_models(out)
    assert {k: b.sha256 for k, b in again.items()} == {k: b.sha256 for k, b in trained.items()}
    assert set(held_out(trained, out)) == {f"{legs}, {cut}" for legs, cut in trained}


def test_the_report_covers_every_account_and_logs_the_test_part(
    models: tuple[Path, Models],
    posing: dict[tuple[str, str], pl.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    monkeypatch.setattr(transfer, "real_signals", lambda _: posing)
    monkeypatch.setattr(openings, "LOG", tmp_path / "log.md")
    sets = {"one": models[1], "two": models[1]}
    text = transfer.report(sets, tmp_path, "calibration", None)
    frame = posing["native", WHOLE].filter(part="calibration")
    sizes = [(frame["set"] == one).sum() for one in ("phishing", "normal")]
    assert f"| {sizes[0]} / {sizes[1]} |" in text
    assert text.count("| one | native |") == 4 == text.count("| two | native |")
    assert not (tmp_path / "log.md").exists()
    with pytest.raises(Refused, match="for a reason only"):
        transfer.report(sets, tmp_path, "test", None)
    opened = transfer.report(sets, tmp_path, "test", "a rehearsal")
    logged = (tmp_path / "log.md").read_text()
    assert "a rehearsal" in logged
    assert opened[: opened.index("\n####")].strip() in logged


def test_a_wallet_without_a_score_is_a_miss(
    models: tuple[Path, Models], posing: dict[tuple[str, str], pl.DataFrame]
):
    rows = posing["native", WHOLE]
    longest = rows.filter(set="dfpi").sort("n_any", descending=True).head(3)
    assert longest.height == 3
    cut_off = longest.with_columns(complete=pl.lit(False), n_any=pl.lit(10, pl.Int64))
    others = rows.filter(pl.col("set") != "dfpi")
    held = {("native", WHOLE): transfer_report.judge(
        models[1]["native", WHOLE], pl.concat([others, cut_off])
    )}  # fmt: skip
    (line,) = transfer_report.flagging(held, "x")
    assert "truncated_history 3" in line
    assert "0 of 3 (0% [0%, 56%])" in line


def test_signals_that_point_the_other_way_come_first():
    random = np.random.default_rng(3)
    low, high = random.normal(0, 1, 200), random.normal(2, 1, 200)

    def frame(senders: np.ndarray, receivers: np.ndarray) -> pl.DataFrame:
        names = [signal.name for signal in transfer_signals()]
        filled = {name: np.zeros(200) for name in names} | {"transfers_in": senders}
        return pl.DataFrame(filled | {"transfers_out": receivers})

    table = disagreement.disagreements(
        {
            "synthetic criminal": frame(high, high),
            "synthetic benign": frame(low, low),
            "phishing": frame(low, high),
            "dfpi": frame(low, high),
            "normal": frame(high, low),
        },
        "native",
    )
    first = table.row(0, named=True)
    assert (first["signal"], first["flips"]) == ("transfers_in", 2)
    assert first["synthetic"] > 0.9 > 0.1 > first["phishing"]
    agreeing = table.filter(signal="transfers_out").row(0, named=True)
    assert agreeing["flips"] == 0 and agreeing["gap"] < 0.1
    assert "| transfers_in | 0.9" in disagreement.markdown(table, most=1)


def transfer_signals() -> list:
    """The signals that native legs show."""
    from features.catalogue import catalogue
    from models.training import model_inputs

    return model_inputs(catalogue().signals, basis="relative", legs=NATIVE)


def test_every_account_of_a_world_is_there_whether_or_not_the_labels_name_it(
    worlds: list[Path], tmp_path: Path
):
    shutil.copytree(worlds[0], tmp_path / "some")
    labels = pl.read_csv(tmp_path / "some" / "labels.csv", infer_schema=False)
    named = labels.filter(pl.col("label").is_not_null())
    named.write_csv(tmp_path / "some" / "labels.csv")
    write_manifest(tmp_path / "some", "store", {"as_of": AS_OF, "synthetic": True})
    _, all_of_them = opened(worlds[0])
    _, again = opened(tmp_path / "some")
    assert named.height < all_of_them.height
    assert again.sort("chain", "address").equals(all_of_them.sort("chain", "address"))
