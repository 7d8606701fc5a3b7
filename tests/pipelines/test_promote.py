"""Promotion: who may promote what, what is kept of it, and the way back."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data.errors import Refused
from models.bands import LOWEST
from models.bundle import Bundle
from models.facts import canonical_json
from models.gate import Bounds, Verdict
from models.gate.verdict import FAIL, INCONCLUSIVE, PASS, Check
from models.registry import CHALLENGER, CHAMPION, PREVIOUS, RESEARCH, Registry, open_registry
from models.status import SCORED
from pipelines import promote as job
from pipelines.labelling.held_out import HeldOut, Inputs, gather
from pipelines.labelling.slices import HOURS, LARGEST_TICKET, TICKETS, UNPRICED
from pipelines.promote import PromoteResult, promote
from pipelines.registered import fetch, register, rollback, serving_code
from pipelines.score import score
from tests.models.gate_examples import evidence

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = Check("labels", PASS, "enough")
OPEN = Check("labels", INCONCLUSIVE, "too few", fix="Wait.", bound="at least 30")
BAD = Check("victims", FAIL, "9 of 10 victims")
BIASED = Check("false_alarms:chain:tron", FAIL, "too many", answerable=True)


def bundle_like(bundle: Path, out: Path, intercept: float) -> Path:
    """Write another model: the same trees, another calibration."""
    shutil.copytree(bundle, out)
    content = json.loads((out / "bundle.json").read_bytes())
    del content["checksum"]
    content["calibration"]["intercept"] = intercept
    content["checksum"] = hashlib.sha256(canonical_json(content)).hexdigest()
    (out / "bundle.json").write_bytes(canonical_json(content))
    return out


@dataclass
class Desk:
    """A registry, three bundles, and a gate that says what it is told to."""

    registry: Path
    bundles: list[Path]
    says: list[Check]

    def promote(self, number: int, *says: Check, **options: object) -> PromoteResult:
        self.says[:] = says
        given = {"registry": self.registry, "at": WHEN, "research_use": True} | options
        return promote(self.bundles[number], "store", "labels.csv", **given)  # type: ignore[arg-type]

    @property
    def open(self) -> Registry:
        return open_registry(self.registry, research=True)

    def aliases(self) -> dict[str, str]:
        found = {alias: self.open.at(alias) for alias in (CHAMPION, CHALLENGER, PREVIOUS)}
        return {alias: version.number for alias, version in found.items() if version is not None}


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A registry with nothing in it; making the database takes seconds, copying it does not."""
    folder = tmp_path_factory.mktemp("registry") / "mlflow"
    open_registry(folder)
    return folder


@pytest.fixture(scope="module")
def bundles(bundle, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return [bundle, *(bundle_like(bundle, folder / str(n), float(n)) for n in (1, 2))]


@pytest.fixture
def desk(empty, bundles, tmp_path, monkeypatch) -> Desk:
    made = Desk(Path(shutil.copytree(empty, tmp_path / "mlflow")), bundles, [])
    held = HeldOut(evidence(50, 5), {"labels_sha256": "l" * 64}, 3, "made up")
    monkeypatch.setattr(job, "gather", lambda *arguments, **options: held)
    monkeypatch.setattr(job, "judge", lambda *arguments: Verdict(tuple(made.says)))
    return made


def test_champions_follow_each_other_and_a_rollback_restores_the_old_scores(desk, world, tmp_path):
    first = desk.promote(0, GOOD)
    assert (first.promoted, first.version, first.previous, first.exit_code) == (True, "1", None, 0)
    assert first.model == RESEARCH

    def scores(name: str) -> bytes:
        fetch(tmp_path / name, registry=desk.registry, research_use=True)
        out = tmp_path / f"{name}.jsonl"
        score(tmp_path / name, world.store, world.addresses, out, threads=1, reasons=3)
        return out.read_bytes()

    old = scores("first")
    second = desk.promote(1, GOOD)
    assert (second.version, second.previous) == ("2", "1")
    assert second.champion_sha256 == first.bundle_sha256
    assert desk.aliases() == {CHAMPION: "2", PREVIOUS: "1"}
    assert scores("second") != old
    back = rollback(registry=desk.registry, by="K. M.", reason="alarms", at=WHEN, research_use=True)
    assert (back.version, back.left) == ("1", "2")
    assert scores("again") == old
    for file in desk.bundles[0].iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
    assert desk.aliases() == {CHAMPION: "1"}
    with pytest.raises(Refused, match="no champion before"):
        rollback(registry=desk.registry, research_use=True)


def test_one_can_go_back_more_than_once_and_come_forward_again(desk):
    for number in (0, 1, 2):
        desk.promote(number, GOOD)
    assert desk.aliases() == {CHAMPION: "3", PREVIOUS: "2"}
    rollback(registry=desk.registry, research_use=True)
    assert rollback(registry=desk.registry, research_use=True).version == "1"
    again = desk.promote(2, GOOD)
    assert again.version == "3"  # the same bundle is the same version
    assert desk.aliases() == {CHAMPION: "3", PREVIOUS: "1"}


def test_the_decision_is_kept_with_the_version(desk, tmp_path):
    desk.promote(0, OPEN, approver="K. M.", reason="Agreed until March.")
    with sqlite3.connect(desk.registry / "mlflow.db") as database:
        tags = dict(database.execute("select key, value from model_version_tags"))
        [run] = database.execute("select run_uuid, artifact_uri from runs").fetchall()
    database.close()
    assert tags["outcome"] == "inconclusive"
    assert tags["approver"] == "K. M."
    assert tags["reason"] == "Agreed until March."
    assert tags["decided_at"] == WHEN.isoformat()
    assert tags["bundle_sha256"] == Bundle.load(desk.bundles[0]).sha256
    [file] = Path(run[1].removeprefix("file://")).glob("decisions/*.json")
    decision = json.loads(file.read_text())
    assert decision["checks"]["labels"]["bound"] == "at least 30"
    assert decision["labels_sha256"] == "l" * 64
    assert decision["approver"] == "K. M."


REFUSED: list[tuple[list[Check], dict[str, object], str]] = [
    ([BAD], {}, "mend what failed"),
    ([BAD], {"approver": "K. M.", "reason": "we must"}, "mend what failed"),
    ([OPEN], {}, "--approver NAME --reason TEXT"),
    ([OPEN], {"approver": "K. M."}, "--approver NAME --reason TEXT"),
    ([OPEN], {"approver": " ", "reason": "x"}, "--approver NAME --reason TEXT"),
    ([BIASED], {}, "mend what failed"),
    ([BIASED], {"explain": [f"{BIASED.name}=desks"]}, "--approver NAME"),
    ([BIASED, OPEN], {"explain": [f"{BIASED.name}=desks"], "approver": "K."}, "cannot tell"),
]


def test_what_the_gate_or_its_rules_refuse_changes_nothing(desk):
    desk.promote(0, GOOD)
    before = desk.aliases()
    for says, options, words in REFUSED:
        refused = desk.promote(1, *says, **options)
        assert (refused.promoted, refused.exit_code, refused.version) == (False, 2, None)
        assert words in refused.notes[-1]
        assert set(refused.checks) == {check.name for check in says}
        assert desk.aliases() == before


def test_people_read_what_fails_in_full_and_what_is_open_in_a_line(desk):
    many = [Check(f"not_worse:chain:{n}", INCONCLUSIVE, "few", fix="Wait.") for n in range(9)]
    notes = desk.promote(0, BAD, OPEN, *many).notes
    assert "fail: victims: 9 of 10 victims. " in notes
    assert "open: labels: too few (asked for: at least 30). Wait." in notes
    [line] = [note for note in notes if note.startswith("open: not_worse")]
    assert "chain:0, " in line
    assert line.endswith("chain:5 and 3 more. Wait.")


def test_an_explained_check_takes_a_name_and_is_then_no_obstacle(desk):
    told = desk.promote(0, BIASED, explain=[f"{BIASED.name}=desks = fine"], approver="K. M.")
    assert told.promoted
    assert told.checks[BIASED.name]["reason"] == "desks = fine"


def test_requests_that_make_no_sense_are_refused(desk):
    with pytest.raises(Refused, match="gives no reason"):
        desk.promote(0, GOOD, explain=["victims"])
    desk.promote(0, GOOD)
    with pytest.raises(Refused, match="is the champion of unrinse-research already"):
        desk.promote(0, GOOD)
    with pytest.raises(Refused, match="This bundle is the champion"):
        register(desk.bundles[0], registry=desk.registry, research_use=True)
    with pytest.raises(Refused, match="no alias 'best'"):
        fetch("x", registry=desk.registry, alias="best")
    with pytest.raises(Refused, match="Unrinse has no champion"):
        fetch("x", registry=desk.registry)
    with pytest.raises(Refused, match="no registry in nowhere"):
        rollback(registry="nowhere")
    with pytest.raises(Refused, match="registry cannot be used"):
        open_registry("nonsense://nowhere")


def test_a_dry_run_changes_nothing_and_makes_no_registry(desk, tmp_path):
    dry = desk.promote(0, GOOD, dry_run=True)
    assert (dry.outcome, dry.promoted, dry.exit_code) == ("pass", False, 0)
    assert desk.aliases() == {}
    assert desk.promote(0, BAD, dry_run=True, registry=tmp_path / "none").exit_code == 2
    assert not (tmp_path / "none").exists()


def test_a_challenger_is_registered_and_its_promotion_takes_the_alias_away(desk):
    with pytest.raises(Refused, match="decision_use false"):
        register(desk.bundles[0], registry=desk.registry)
    told = register(desk.bundles[0], registry=desk.registry, research_use=True)
    assert (told.version, desk.aliases()) == ("1", {CHALLENGER: "1"})
    desk.promote(0, GOOD)
    assert desk.aliases() == {CHAMPION: "1"}


def test_a_bundle_that_was_changed_in_the_registry_is_not_handed_out(desk, tmp_path):
    desk.promote(0, GOOD)
    version = desk.open.at(CHAMPION)
    kept = Path(version.source.removeprefix("file://")) / "artifacts" / "bundle"
    text = (kept / "model.txt").read_text()
    for name, content in {"model.txt": text.replace("0.1", "0.2"), "bundle.json": "{}"}.items():
        whole = (kept / name).read_bytes()
        (kept / name).write_text(content)
        with pytest.raises(Refused, match=f"not the bundle that was registered \\({name}\\)"):
            fetch(tmp_path / "x", registry=desk.registry, research_use=True)
        (kept / name).write_bytes(whole)
    assert not (tmp_path / "x").exists()
    fetch(tmp_path / "x", registry=desk.registry, research_use=True)


def test_a_champion_that_changed_meanwhile_is_not_replaced(desk, monkeypatch):
    desk.promote(0, GOOD)
    held = HeldOut(evidence(50, 5), {}, 0, "made up")

    def slowly(*arguments: object, **options: object) -> HeldOut:
        rival = desk.open.add(
            desk.bundles[2], Bundle.load(desk.bundles[2]).sha256, code=serving_code(), config={}
        )
        desk.open.crown(rival, {"outcome": "pass"})
        return held

    monkeypatch.setattr(job, "gather", slowly)
    with pytest.raises(Refused, match="changed while the gate was looking"):
        desk.promote(1, GOOD)


# --- the evidence ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inputs(world) -> Inputs:
    return Inputs(world.store, world.labels, world.store / "truth.parquet", None, WHEN, threads=1)


@pytest.fixture(scope="module")
def held(inputs, bundles) -> HeldOut:
    champion = Bundle.load(bundles[1])
    return gather(Bundle.load(bundles[0]), champion, inputs, Bounds(), research=True)


def test_the_rows_are_the_test_part_as_training_split_it(held, trained, world):
    told = json.loads((trained.out / "evaluation.json").read_text())["splits"]["test"]
    rows = held.evidence.rows
    scored = rows.filter(pl.col("log_odds").is_not_null())
    assert (scored.height, scored["label"].sum()) == (told["n"], told["n_positive"])
    assert held.how == "the test part of the labels it was trained on"
    assert (
        held.sources["labels_sha256"]
        == Bundle.load(trained.out).facts.training["sources"]["labels"]
    )
    assert set(rows["role"].drop_nulls()) <= {"benign", "victim", "criminal"}


def test_the_champion_is_measured_on_the_same_rows(held, bundles):
    one, other = (Bundle.load(b).facts.calibration.intercept for b in bundles[:2])
    rows = held.evidence.rows.filter(pl.col("log_odds").is_not_null())
    apart = (rows["champion"] - rows["log_odds"]).to_list()
    assert apart == pytest.approx([other - one] * rows.height)


def test_suspects_are_whom_the_scores_file_shows_with_a_band(inputs, bundle, world, tmp_path):
    banded = bundle_like(bundle, tmp_path / "banded", 0.0)
    content = json.loads((banded / "bundle.json").read_bytes())
    del content["checksum"]
    content["thresholds"]["medium"] = -5.0
    content["checksum"] = hashlib.sha256(canonical_json(content)).hexdigest()
    (banded / "bundle.json").write_bytes(canonical_json(content))
    found = gather(Bundle.load(banded), None, inputs, Bounds(), research=True).evidence
    assert found.gives_bands
    assert 0 < found.rows["suspect"].sum() < found.rows.height
    score(banded, world.store, world.addresses, tmp_path / "s.parquet", threads=1)
    shown = pl.read_parquet(tmp_path / "s.parquet").filter(
        (pl.col("status") == SCORED) & (pl.col("band") != LOWEST)
    )
    assert found.rows["suspect"].sum() <= shown.height
    assert "champion" not in found.rows.columns


def test_the_victims_of_a_world_count_too(inputs, bundles, held, world, tmp_path):
    # The same people in a world that is not the one the model was trained on: a transfer less.
    other = world.copy(tmp_path / "other", world.transfers.head(-1))
    for name in ("truth.parquet", "addresses.csv"):
        shutil.copy(world.store / name, other / name)
    given = replace(inputs, populations=None, world=other)
    found = gather(Bundle.load(bundles[0]), None, given, Bounds(), research=True).evidence
    truth = pl.read_parquet(world.store / "truth.parquet").filter(pl.col("role") == "victim")
    listed = pl.read_csv(world.addresses).join(truth, on=["chain", "address"], how="semi")
    assert found.victims.height == listed.height > 20
    assert found.judged.height == held.evidence.judged.height
    assert found.benign.height == int((found.judged["label"] == 0).sum())
    real = world.copy(tmp_path / "real", world.transfers.head(-2), synthetic=False)
    for refused, words in (
        (real, "is no simulated world"),
        (world.store, "on the world .* already"),
    ):
        with pytest.raises(Refused, match=words):
            gather(
                Bundle.load(bundles[0]),
                None,
                replace(given, world=refused),
                Bounds(),
                research=True,
            )


def test_a_label_that_is_not_mature_is_left_out_and_counted(inputs, bundle, held):
    as_of = pl.read_csv(inputs.labels, try_parse_dates=True)["as_of"].max()
    early = replace(inputs, at=as_of + timedelta(days=29))  # type: ignore[operator]
    found = gather(Bundle.load(bundle), None, early, Bounds(), research=True)
    assert found.immature > 0
    assert found.evidence.rows.height + found.immature == held.evidence.rows.height
    with pytest.raises(Refused, match="No label is left"):
        gather(
            Bundle.load(bundle), None, replace(inputs, at=datetime(2020, 1, 1, tzinfo=UTC)),
            Bounds(), research=True,
        )  # fmt: skip


def test_other_labels_count_only_after_the_training_or_by_their_own_split(inputs, bundle, tmp_path):
    facts = Bundle.load(bundle).facts
    last = max(facts.population.date, facts.threshold_population.date)
    table = pl.read_csv(inputs.labels).drop("case_id")
    table.write_csv(tmp_path / "other.csv")
    found = gather(
        Bundle.load(bundle), None, replace(inputs, labels=tmp_path / "other.csv"), Bounds(),
        research=True,
    )  # fmt: skip
    later = table.filter(pl.col("as_of").str.slice(0, 10) > last)
    assert found.evidence.rows.height == later.height > 0
    named = table.with_columns(split=pl.lit("train")).with_row_index()
    named = named.with_columns(
        split=pl.when(pl.col("index") < 40).then(pl.lit("test")).otherwise("split")
    ).drop("index")
    named.write_csv(tmp_path / "named.csv")
    found = gather(
        Bundle.load(bundle), None, replace(inputs, labels=tmp_path / "named.csv"), Bounds(),
        research=True,
    )  # fmt: skip
    assert (found.evidence.rows.height, found.how) == (40, "the part named test")


def test_slices_are_those_that_counting_by_hand_gives(world):
    from data.transfers import open_transfers
    from pipelines.labelling.slices import slices_of

    asked = pl.read_csv(world.addresses).select(
        "chain", "address", pl.col("as_of").str.to_datetime(time_zone="UTC", time_unit="us")
    )
    found = slices_of(asked, open_transfers(world.store))
    transfers = world.transfers.filter(pl.col("screened").is_null() & (pl.col("kind") != "fee"))
    for row, (ticket, block) in zip(
        asked.head(60).iter_rows(named=True), found.iter_rows(), strict=False
    ):
        own = transfers.filter(
            (pl.col("chain") == row["chain"])
            & (pl.col("block_time") < row["as_of"])
            & ((pl.col("sender") == row["address"]) | (pl.col("receiver") == row["address"]))
        )
        if own.is_empty():
            assert (ticket, block) == (None, None)
            continue
        hours = [moment.hour // 6 for moment in own["block_time"]]
        assert block == HOURS[max(range(4), key=lambda at: (hours.count(at), -at))]
        usd = own["usd_micros"].median()
        if usd is None:
            assert ticket == UNPRICED
        else:
            names = [name for name, limit in TICKETS.items() if usd < limit * 1_000_000]
            assert ticket == (names[0] if names else LARGEST_TICKET)
