"""Roles: victims are never suspects where it can be helped, and nothing is learnt from hearsay."""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import Refused
from data.service_table import SERVICES
from data.services import Services
from models.bands import LOWEST, bands
from models.bundle import LARGEST, OF_ROLES, Bundle
from models.fitting import fit
from models.intervals import upper_limit, wilson
from models.material import matrix
from models.roles import LAUNDERERS, NOT_CLEAR, VICTIM, RoleModel, known_role, learn_roles
from models.roles.learning import FEWEST, _evened
from models.roles.measuring import measure_roles
from models.roles.settling import limit_from, victim_odds
from models.scoring import score_frame
from tests.models.world import CATALOGUE, NAMES, NOBODY, SETTINGS, signal, world


def with_roles(n: int = 1500, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A world in which a third of the negatives are victims, who look half like launderers."""
    frame, labels = world(n, seed)
    random = np.random.default_rng([seed, 9])
    label = labels["label"].to_numpy()
    victim = (label == 0) & (random.random(n) < 0.33)
    shift = np.where(victim, 1.0, 0.0)
    mule = (label == 1) & (random.random(n) < 0.4)
    frame = frame.with_columns(
        senders=pl.col("senders") + 4 * shift - 3 * mule,
        dwell=pl.col("dwell") * np.exp(-0.6 * shift),
        transfers_out=pl.col("transfers_out") - 12 * shift,
        round_share=pl.col("round_share") + mule,
    )
    role = np.where(victim, VICTIM, np.where(mule, "mule", np.where(label == 1, "collector", "")))
    told = pl.Series(role, dtype=pl.String).replace("", None)
    return frame, labels.with_columns(role=told)


def rows_of(frame: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    group = pl.coalesce("case_id", "address").alias("group")
    return frame.with_columns(labels.select("label", "role", group).get_columns())


def taught(rows: pl.DataFrame, inputs=CATALOGUE.signals, threads: int = 1) -> RoleModel:
    found = learn_roles(rows, inputs, seed=1, threads=threads)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return rows_of(*with_roles())


@pytest.fixture(scope="module")
def learnt(rows) -> RoleModel:
    return taught(rows)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    path = tmp_path_factory.mktemp("roles") / "model"
    fit(*with_roles(), SETTINGS, catalogue=CATALOGUE).write(path)
    return Bundle.load(path, catalogue=CATALOGUE)


def test_a_role_that_contradicts_the_label_teaches_nothing():
    said = [("victim", 0), (" Victim ", 0), ("victim", 1), ("mule", 1), ("mule", 0), ("boss", 1)]
    frame = pl.DataFrame(said, schema=["role", "label"], orient="row")
    found = frame.select(known_role()).to_series().to_list()
    assert found == ["victim", "victim", None, "mule", None, None]


def test_rows_in_any_order_on_any_threads_teach_the_same(rows, learnt):
    order = np.random.default_rng(3).permutation(rows.height)
    again = taught(rows[order], threads=2)
    assert (again.kinds, again.parts, again.facts) == (learnt.kinds, learnt.parts, learnt.facts)
    assert learnt.facts.parts == ("collector", "mule")
    assert learnt.facts.counts[VICTIM] == learnt.facts.n_victims == (rows["role"] == VICTIM).sum()


def test_whom_somebody_knows_is_not_learnt_from(rows):
    telling = rows.with_columns(hearsay=(pl.col("role") == VICTIM).fill_null(False).cast(float))
    inputs = [*CATALOGUE.signals, signal("hearsay", exposure=True)]
    found = taught(telling, inputs)
    for text in (found.kinds, found.parts):
        trees = lightgbm.Booster(model_str=text)
        assert trees.feature_importance()[trees.feature_name().index("hearsay")] == 0


@pytest.mark.parametrize("lacking", [VICTIM, "launderer"])
def test_too_few_of_either_teach_nothing(rows, lacking):
    chosen = pl.col("role") == VICTIM if lacking == VICTIM else pl.col("label") == 1
    few = pl.concat([rows.filter(chosen)[: FEWEST - 1], rows.filter(~chosen.fill_null(False))])
    assert learn_roles(few, CATALOGUE.signals, seed=1, threads=1) is None
    assert learn_roles(rows.drop("role"), CATALOGUE.signals, seed=1, threads=1) is None


def test_a_launderer_whose_part_is_unknown_is_still_one(rows):
    unnamed = rows.with_columns(role=pl.when(pl.col("role") == VICTIM).then("role"))
    found = taught(unnamed)
    assert (found.facts.parts, found.parts) == (("launderer",), "")
    settled = found.settle(matrix(rows, NAMES), np.ones(rows.height, dtype=bool))
    assert set(settled.role) == {VICTIM, "launderer"}


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=60))
def test_no_known_victim_lies_below_the_limit(odds):
    assert limit_from(np.array(odds)) <= min(odds)


def test_settling_is_what_the_trees_say(rows, learnt):
    inputs = matrix(rows, NAMES)
    limits = {"collector": 0.9, "mule": None}
    learnt = replace(learnt, facts=replace(learnt.facts, told_from=limits))
    suspect = np.arange(len(inputs)) % 3 == 0
    settled = learnt.settle(inputs, suspect)
    chance = np.asarray(lightgbm.Booster(model_str=learnt.kinds).predict(inputs))
    parts = lightgbm.Booster(model_str=learnt.parts).predict(inputs)
    for i in range(len(inputs)):
        of_victim, of_launderer, of_neither = chance[i]
        ruled_out = np.log(of_victim) - np.log(of_launderer) < learnt.facts.ruled_out_below
        first = of_victim >= max(of_launderer, of_neither)
        victim = first or (suspect[i] and not ruled_out)
        assert settled.possible_victim[i] == victim
        if victim:
            assert (settled.role[i], settled.confidence[i]) == (VICTIM, of_victim)
        elif suspect[i]:
            likeliest = learnt.facts.parts[int(np.argmax(parts[i]))]
            limit = learnt.facts.told_from[likeliest]
            clear = limit is not None and parts[i].max() >= limit
            assert settled.role[i] == (likeliest if clear else NOT_CLEAR)
            assert settled.confidence[i] == parts[i].max()
        else:
            assert settled.role[i] is None
    odds = np.log(chance[:, 0]) - np.log(chance[:, 1])
    assert learnt.odds_of_victim(inputs) == pytest.approx(odds)
    assert 0 < settled.possible_victim.sum() < len(inputs)
    assert {NOT_CLEAR, "collector"} <= set(settled.role)
    assert (learnt.part_chances(inputs) == parts).all()
    assert learnt.settle(inputs[:0], suspect[:0]).role == []


def test_the_limit_rests_on_trees_that_did_not_see_the_victim(rows, learnt):
    """In-sample victims look safer than they are: the limit must be lower than theirs."""
    chance = lightgbm.Booster(model_str=learnt.kinds).predict(matrix(rows, NAMES))
    known = (rows["role"] == VICTIM).fill_null(False).to_numpy()
    assert learnt.facts.ruled_out_below < limit_from(victim_odds(chance[known]))


def test_fewer_victims_are_suspects_than_without(bundle):
    frame, labels = with_roles(seed=5)
    named = labels["role"] == VICTIM
    without = score_frame(replace(bundle, roles=None), frame, NOBODY)
    found = score_frame(bundle, frame, NOBODY)
    shown = [
        int((s.filter(named)["band"].is_in(["medium", "high", "severe"])).sum())
        for s in (without, found)
    ]
    assert shown[0] >= 10
    assert shown[1] <= shown[0] / 5


def test_a_possible_victim_has_no_score_and_others_keep_theirs(bundle):
    frame, _ = with_roles(seed=5)
    found = score_frame(bundle, frame, NOBODY)
    plain = score_frame(replace(bundle, roles=None), frame, NOBODY)
    victims = (found["status"] == "possible_victim").to_numpy()
    assert 0 < victims.sum() < frame.height
    for column in ("score", "log_odds", "band", "rank"):
        assert found.filter(victims)[column].null_count() == victims.sum()
    assert found.filter(victims)["role"].unique().to_list() == [VICTIM]
    for column in ("score", "log_odds", "band"):
        assert found.filter(~victims)[column].equals(plain.filter(~victims)[column])
    below = found.filter(pl.col("band") == LOWEST)
    assert below["role"].null_count() == below.height
    above = found.filter(pl.col("band").is_not_null() & (pl.col("band") != LOWEST))
    assert set(above["role"]) <= {*LAUNDERERS, NOT_CLEAR}
    assert above["role_confidence"].is_between(0, 1).all()


def test_a_listed_address_stays_presented(bundle):
    frame, _ = with_roles(seed=5)
    victim = score_frame(bundle, frame, NOBODY).filter(status="possible_victim").row(0, named=True)
    facts = {"chain": victim["chain"], "address": victim["address"], "licit": False}
    row = facts | {"category": "mixer", "confidence": "authority_data"}
    known = Services(pl.DataFrame([row], schema=SERVICES))
    found = score_frame(bundle, frame, known).filter(address=victim["address"]).row(0, named=True)
    assert (found["status"], found["role"]) == ("scored", None)
    assert found["band"] not in (None, LOWEST)


def test_a_bundle_keeps_its_role_model_whole(bundle, tmp_path):
    path = tmp_path / "model"
    fitted = fit(*with_roles(), SETTINGS, catalogue=CATALOGUE)
    assert fitted.write(path) == bundle.sha256
    assert {p.name for p in path.iterdir()} == {*LARGEST, *OF_ROLES}
    assert (bundle.roles, bundle.facts.roles) == (fitted.roles, fitted.facts.roles)
    kinds = path / "kinds.txt"
    text = kinds.read_text()
    kinds.write_text(text.replace("0.05", "0.06", 1))
    with pytest.raises(Refused, match=r"kinds\.txt is not the file that was written"):
        Bundle.load(path, catalogue=CATALOGUE)
    kinds.unlink()
    with pytest.raises(Refused, match=r"parts\.txt"):
        Bundle.load(path, catalogue=CATALOGUE)
    (path / "parts.txt").unlink()
    with pytest.raises(Refused, match="as bundle.json says"):
        Bundle.load(path, catalogue=CATALOGUE)


def test_measuring_counts_what_is_there(bundle):
    rows = rows_of(*with_roles(seed=7))
    signals, limits = bundle.facts.signals, bundle.facts.thresholds
    rows = rows.with_columns(log_odds=bundle.log_odds(matrix(rows, signals)))
    found = measure_roles(rows, bundle.roles, signals, limits)
    named = bands(rows["log_odds"].to_numpy(), limits)
    suspect = np.array([band not in (None, LOWEST) for band in named])
    settled = bundle.roles.settle(matrix(rows, signals), suspect)
    n = without = shown = called = reached = kept = 0
    confused: dict[str, dict[str, int]] = {}
    for i, row in enumerate(rows.iter_rows(named=True)):
        victim, possible = row["role"] == VICTIM, bool(settled.possible_victim[i])
        n += victim
        without += victim and suspect[i]
        shown += victim and suspect[i] and not possible
        called += victim and possible
        reached += row["label"] == 1 and suspect[i]
        kept += row["label"] == 1 and suspect[i] and not possible
        if row["role"] is not None and settled.role[i] is not None:
            of = confused.setdefault(row["role"], {})
            of[settled.role[i]] = of.get(settled.role[i], 0) + 1
    assert found["victims"] == {
        "n": n, "presented_without": without, "presented": shown,
        "upper": upper_limit(shown, n), "called_victim": called,
    }  # fmt: skip
    low, high = wilson(kept, reached)
    assert found["cost"]["medium"] == {"n": reached, "kept": kept, "low": low, "high": high}
    assert found["confusion"] == confused


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80))
def test_rare_parts_count_by_the_root_of_their_rows_and_all_as_before(drawn):
    part = np.array(drawn)
    counted = _evened(part)
    assert counted.sum() == pytest.approx(len(part))
    for a in set(drawn):
        for b in set(drawn):
            together = counted[part == a].sum() / counted[part == b].sum()
            assert together == pytest.approx((drawn.count(a) / drawn.count(b)) ** 0.5)


def test_parts_are_evened_and_victims_are_not(rows, learnt, monkeypatch):
    monkeypatch.setattr("models.roles.learning._evened", lambda part: np.ones(len(part)))
    plain = taught(rows)
    assert plain.parts != learnt.parts
    assert plain.kinds == learnt.kinds
    assert plain.facts.ruled_out_below == learnt.facts.ruled_out_below


def test_what_is_said_of_parts_changes_no_victim_and_no_band(bundle):
    """Told boldly, told never: the same addresses are presented, in the same bands."""
    frame, _ = with_roles(seed=5)
    parts = bundle.roles.facts.parts
    found = []
    for limit in (0.0, None):
        facts = replace(bundle.roles.facts, told_from=dict.fromkeys(parts, limit))
        other = replace(bundle, roles=replace(bundle.roles, facts=facts))
        found.append(score_frame(other, frame, NOBODY))
    bold, silent = found
    assert bold.drop("role").equals(silent.drop("role"))
    named = bold["role"].is_in(LAUNDERERS)
    assert named.any()
    assert silent.filter(named)["role"].unique().to_list() == [NOT_CLEAR]
    assert bold.filter(~named)["role"].equals(silent.filter(~named)["role"])


def test_answers_are_counted_on_launderers_that_the_trees_did_not_see(rows):
    drawn = np.random.default_rng(4).random(rows.height)
    other = pl.when(pl.Series(drawn < 0.5)).then(pl.lit("mule")).otherwise(pl.lit("collector"))
    guessed = (pl.col("role") != VICTIM) & (pl.Series(np.round(drawn * 100)) % 3 == 0)
    rows = rows.with_columns(role=pl.when(guessed).then(other).otherwise("role"))
    learnt = taught(rows)
    facts = learnt.facts
    counted = [facts.told, facts.unclear]
    for part in facts.parts:
        true = sum(of.get(part, 0) for answers in counted for of in answers.values())
        assert true == facts.counts[part]
    seen = learnt.part_chances(matrix(rows, NAMES))
    role = rows["role"].fill_null("").to_numpy()
    for k, part in enumerate(facts.parts):
        n, right = seen_answers(seen, role, k, part)
        told, unclear = (of.get(part, {}) for of in counted)
        out_of_fold = (told.get(part, 0) + unclear.get(part, 0)) / max(
            1, sum(told.values()) + sum(unclear.values())
        )
        assert out_of_fold < right / n  # trees are right more often of those they learnt from


def seen_answers(chance: np.ndarray, role: np.ndarray, k: int, part: str) -> tuple[int, int]:
    launders = np.isin(role, LAUNDERERS)
    here = launders & (chance.argmax(axis=1) == k)
    return int(here.sum()), int((role[here] == part).sum())
