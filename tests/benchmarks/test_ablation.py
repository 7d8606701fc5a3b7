"""Ablation: a family that says nothing adds nothing, one that says everything shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import ablation, worth_fits, worth_runs
from benchmarks.ablation import Worth
from benchmarks.across_seeds import judged, measured, train
from benchmarks.real_data import Accounts
from benchmarks.worth_fits import scores
from benchmarks.worth_studies import RealSources, Study, real_study, world_study
from data.errors import Refused
from data.transfers import open_transfers
from features.catalogue import catalogue
from features.signal import Signal
from models.metrics import METRICS
from models.status import SCORED
from models.training import train_model
from pipelines.labelling.labelled import measure_labelled, read_labels

HINTS, NOTHING = [f"hints_{k}" for k in "abcdefgh"], [f"nothing_{k}" for k in "abcd"]
PARTS = {"train": 1500, "validation": 400, "judged": 500}


def signal(name: str, family: str) -> Signal:
    return replace(catalogue().signals[0], name=name, family=family)


def rows(part: str, *, seed: int) -> pl.DataFrame:
    """Signals of three families: what the label is, what hints at it, and nothing."""
    random = np.random.default_rng(seed)
    n = PARTS[part]
    label = (np.arange(n) % 4 == 0).astype(np.int8)
    return pl.DataFrame(
        {
            "chain": ["ethereum"] * n,
            "address": [f"{part}{k}" for k in range(n)],
            "as_of": np.datetime64("2025-01-01", "us") + np.arange(n),
            "label": label,
            "group": [f"{part}{k // 2}" for k in range(n)],
            "moment": np.datetime64("2025-01-01", "us") + np.arange(n),
            "says_all": label + random.normal(0, 0.25, n),
            "kept_back": label + random.normal(0, 0.1, n),
            **{name: label + random.normal(0, 2.5, n) for name in HINTS},
            **{name: random.normal(size=n) for name in NOTHING},
        }
    )


def study_of(*names: str) -> Study:
    families = {"says": "telling", "hint": "hinting", "noth": "empty"}
    train, validation, judged_rows = (rows(part, seed=k) for k, part in enumerate(PARTS))
    return Study(
        "rows made by hand",
        train,
        validation,
        judged_rows,
        inputs=tuple(signal(name, families[name[:4]]) for name in names),
        context=(signal("kept_back", "hinting"),),
        metric=METRICS["pr_auc"],
        metric_name="PR-AUC",
        sources=RealSources(Path(), Path()),
        seeds=(1, 2),
    )


def exposed_study(*names: str) -> Study:
    """What is kept back bears the name of a signal that rests on others."""
    resting = next(s for s in catalogue().signals if s.exposure)
    study = study_of(*names)
    train, validation, judged_rows = (
        side.rename({"kept_back": resting.name})
        for side in (study.train, study.validation, study.judged)
    )
    context = (replace(resting, family="hinting"),)
    return replace(study, train=train, validation=validation, judged=judged_rows, context=context)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fits")


def worth(study: Study, cache: Path, added: tuple[str, ...] = ()) -> dict[str, Worth]:
    study = study.with_columns(ablation.noise(study))
    return {one.name: one for one in ablation.measured(study, cache, added)}


def test_a_family_that_is_the_label_shows_its_worth(cache: Path):
    found = worth(study_of("says_all", *HINTS), cache)
    telling = found["telling"]
    assert telling.alone.value > 0.95
    assert telling.difference.a > 0.95 > 0.7 > telling.difference.b
    assert telling.difference.low > 0.2
    hinting = found["hinting"]
    assert 0.35 < hinting.alone.value < 0.8
    assert hinting.difference.low <= 0 <= hinting.difference.high


def test_a_family_of_noise_adds_nothing(cache: Path):
    found = worth(study_of(*HINTS, *NOTHING), cache)
    empty = found["empty"]
    assert empty.difference.low <= 0 <= empty.difference.high
    assert empty.alone.low < 0.25 < empty.alone.high  # the prevalence
    assert found["hinting"].difference.low > 0.1
    drawn = [one for name, one in found.items() if ablation.NOISE in name]
    assert len(drawn) == ablation.NOISE_DRAWS
    assert all(one.alone.value < 0.35 for one in drawn)
    assert all(one.difference.low <= 0 <= one.difference.high for one in drawn)


def test_context_is_measured_as_an_input_when_asked_for(cache: Path):
    study = study_of(*HINTS, *NOTHING)
    drawn = {"(noise 1)", "(noise 2)", "(noise 3)"}
    assert set(worth(study, cache)) == {"hinting", "empty", *drawn}
    found = worth(study, cache, ("hinting", "telling"))
    asked = found["hinting, were they inputs (1)"]
    assert asked.n == 9
    assert asked.difference.low > 0.2
    assert asked.difference.b == found["hinting"].difference.a
    assert len(found) == 6  # telling has no context


def test_what_rests_on_others_decides_only_where_it_is_uncapped(cache: Path):
    study = exposed_study(*HINTS, *NOTHING)
    study = study.with_columns(ablation.noise(study))
    found = {w.name: w for w in ablation.measured(study, cache, ("hinting",), uncapped=True)}
    capped, free = (
        found[f"hinting, were they inputs (1){end}"].difference for end in ("", ", uncapped")
    )
    assert free.a > 0.99 > capped.a + 0.05
    assert capped.b == free.b
    as_before = {w.name: w for w in ablation.measured(study, cache, ("hinting",))}
    assert as_before == {name: w for name, w in found.items() if "uncapped" not in name}


def test_whether_a_signal_is_null_is_measured_alone(cache: Path):
    study = exposed_study(*HINTS)
    name = study.context[0].name

    def with_nulls(side: pl.DataFrame, which: pl.Expr) -> pl.DataFrame:
        return side.with_columns(pl.when(~which).then(name))

    told = {}
    for title, which in {
        "of the label": pl.col("label") == 0,
        "of all": pl.lit(value=True),
    }.items():
        train, validation, judged_rows = (
            with_nulls(side, which) for side in (study.train, study.validation, study.judged)
        )
        posing = replace(study, train=train, validation=validation, judged=judged_rows)
        posing = posing.with_columns(ablation.noise(posing))
        found = ablation.measured(posing, cache, ("hinting",), uncapped=True)
        told[title] = [w for w in found if w.name == "hinting, only whether null (1)"]
    (perfect,) = told["of the label"]
    assert perfect.alone.value > 0.99
    assert perfect.difference.a > 0.99
    assert not told["of all"]


def test_signals_that_are_null_together_share_a_column():
    study = study_of("hints_a")
    odd = pl.when(pl.int_range(pl.len()) % 2 == 1)
    train = study.train.with_columns(
        one=odd.then(1.0), same=odd.then(2.0), other=odd.then(None).otherwise(3.0), never=1.0
    )
    names = ["one", "same", "other", "never"]
    empty = [pl.lit(None, pl.Float64).alias(name) for name in names]
    validation, judged_rows = (
        side.with_columns(empty) for side in (study.validation, study.judged)
    )
    study = replace(study, train=train, validation=validation, judged=judged_rows)
    found = ablation.nulls(study, names)
    assert found.columns == ["chain", "address", "as_of", "one_is_null", "other_is_null"]
    assert len(found) == sum(PARTS.values())
    trained = train.join(found, on=["chain", "address", "as_of"], maintain_order="left")
    assert trained["one_is_null"].to_list() == [1.0, 0.0] * (PARTS["train"] // 2)


def test_behaviour_is_not_measured_again_without_a_cap(cache: Path):
    study = study_of(*HINTS)
    study = study.with_columns(ablation.noise(study))
    found = list(ablation.measured(study, cache, ("hinting",), uncapped=True))
    assert not any("uncapped" in one.name for one in found)


def test_the_table_has_a_row_for_each_family_and_names_those_without_an_input(cache: Path):
    text = ablation.table(study_of(*HINTS, *NOTHING), cache)
    assert (
        "500 judged, 125 of them positive; trained on 1,500 (375 positive); 2 fits averaged. "
        "All 12 inputs" in text
    )
    assert "| hinting | 8 | 0." in text
    assert "| empty | 4 | 0." in text
    every = ", ".join(family.name for family in catalogue().families)
    assert f"Not seen on these rows: {every}." in text


def test_a_fit_is_done_once_and_anew_where_anything_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = study_of("hints_a", "hints_b")
    columns = ["hints_a", "hints_b"]
    first = scores(replace(study, seeds=(1, 2)), columns, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert len(first.validation) == PARTS["validation"]
    assert len(first.judged) == PARTS["judged"]

    class Trained(Exception):
        pass

    def never(*_: object, **__: object) -> None:
        raise Trained

    monkeypatch.setattr(worth_fits, "train_model", never)
    again = scores(replace(study, seeds=(1, 2)), columns, tmp_path)
    assert np.array_equal(first.judged, again.judged)
    changed = {
        "label": replace(study, train=study.train.with_columns(label=1 - pl.col("label"))),
        "input": replace(study, train=study.train.with_columns(pl.col("hints_a") + 1)),
        "judged": replace(study, judged=study.judged.with_columns(pl.col("hints_b") + 1)),
        "group": replace(study, train=study.train.with_columns(group=pl.lit("one"))),
    }
    for other in changed.values():
        with pytest.raises(Trained):
            scores(replace(other, seeds=(1,)), columns, tmp_path)
    with pytest.raises(Trained):
        scores(replace(study, seeds=(3,)), columns, tmp_path)
    with pytest.raises(Trained):
        scores(replace(study, seeds=(1,)), columns[::-1], tmp_path)


def test_a_fit_without_a_cap_is_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    study = replace(exposed_study("hints_a"), seeds=(1,))
    columns = ["hints_a", study.context[0].name]
    marked: list[list[bool]] = []

    def noted(*args: object, **how: object) -> object:
        marked.append([s.exposure for s in args[2]])  # type: ignore[attr-defined]
        return train_model(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(worth_fits, "train_model", noted)
    capped, free = (scores(study, columns, tmp_path, uncapped=free) for free in (False, True))
    assert marked == [[False, True], [False, False]]
    assert not np.array_equal(capped.judged, free.judged)
    again = [scores(study, columns, tmp_path, uncapped=free).judged for free in (False, True)]
    assert len(marked) == 2
    assert np.array_equal(again[0], capped.judged)
    assert np.array_equal(again[1], free.judged)


def test_the_average_of_seeds_is_the_mean_of_their_scores(tmp_path: Path):
    study = study_of("hints_a")
    one, two = (scores(replace(study, seeds=(k,)), ["hints_a"], tmp_path).judged for k in (1, 2))
    both = scores(replace(study, seeds=(1, 2)), ["hints_a"], tmp_path).judged
    assert not np.array_equal(one, two)
    assert both == pytest.approx((one + two) / 2)


def test_columns_are_joined_by_chain_address_and_moment():
    study = study_of("hints_a")
    key = ["chain", "address", "as_of"]
    both = pl.concat([study.train, study.judged]).select(*key, further="hints_b")
    wider = study.with_columns(both.sample(fraction=1, shuffle=True, seed=3))
    assert wider.train["further"].equals(study.train["hints_b"])
    assert wider.judged["further"].equals(study.judged["hints_b"])
    assert wider.validation["further"].null_count() == PARTS["validation"]


def test_worlds_are_judged_on_the_accounts_that_the_matrix_of_seeds_counts(
    worlds: list[Path], tmp_path: Path
):
    study = world_study(worlds[:1], worlds[1:], tmp_path / "cache")
    ours = measured(worlds[:1])
    bundle = train(ours, tmp_path / "bundle")
    told = judged(bundle, measured(worlds[1:], ",".join(ours.legs)), worlds[1:])
    scored = told.filter(pl.col("status") == SCORED)
    assert study.judged["address"].to_list() == scored["address"].to_list()
    assert study.judged["label"].to_list() == scored["criminal"].cast(pl.Int8).to_list()
    assert [s.name for s in study.inputs] == list(bundle.facts.signals)
    assert bundle.facts.training["n"] == study.train.height
    score = scores(replace(study, seeds=(1,)), [s.name for s in study.inputs], tmp_path)
    assert np.corrcoef(score.judged, scored["log_odds"].to_numpy())[0, 1] > 0.999
    again = world_study(worlds[:1], worlds[1:], tmp_path / "cache")
    assert again.judged.equals(study.judged)
    assert again.train.equals(study.train)


def test_real_accounts_train_on_one_part_and_are_judged_whole_on_another(
    worlds: list[Path], tmp_path: Path
):
    """A world poses as the real accounts."""
    transfers = open_transfers(worlds[0])
    labels = read_labels(worlds[0] / "labels.csv", transfers, None).drop("case_id", "as_of_given")
    known = labels.filter(pl.col("label").is_not_null(), pl.col("chain") == "ethereum")
    parts = pl.Series(["train", "train", "train", "validation", "test"])
    split = parts.gather(known["address"].rank("dense").cast(pl.Int64) % 5)
    path = tmp_path / "labels.parquet"
    posing = known.with_columns(split=split)
    posing.write_parquet(path)
    study = real_study(Accounts(worlds[0], {"whole": path}), "whole", "test", tmp_path)
    assert study.judged.height == posing.filter(split="test").height
    assert study.validation.height == posing.filter(split="validation").height
    assert (study.train["n_transfers"] > 0).all()
    assert set(study.train["address"]) <= set(posing.filter(split="train")["address"])
    assert not {s.name for s in study.inputs if s.dollars}
    legs = ["native_in", "native_out"]
    direct = measure_labelled(posing, transfers, basis="relative", legs=legs, threads=1)
    sample = study.judged["address"][0]
    names = [s.name for s in study.inputs]
    expected = direct.signals.filter(address=sample).select(names)
    assert study.judged.filter(address=sample).select(names).equals(expected)


def test_the_test_part_is_opened_for_a_reason_and_logged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
):
    log: list[str] = []
    study = study_of("hints_a", "hints_b")
    parts: list[str] = []

    def posing(_: object, variant: str, part: str, __: object) -> Study:
        parts.append(f"{variant} {part}")
        return study

    monkeypatch.setattr(worth_runs, "imported_accounts", lambda _: None)
    monkeypatch.setattr(worth_runs, "real_study", posing)
    monkeypatch.setattr(worth_runs, "log_opening", log.append)
    monkeypatch.setattr(worth_runs, "log_figures", log.append)
    parser = worth_runs.study_options("x")
    closed = parser.parse_args(["real", "--cache", str(cache), "--variants", "whole"])
    worth_runs.report_on(closed, lambda _: "figures")
    assert (parts, log) == (["whole validation"], [])
    opened = parser.parse_args(["real", "--cache", str(cache), "--open-test", "why"])
    worth_runs.report_on(opened, lambda _: "figures")
    assert parts[1:] == ["whole test", "first_30_days test"]
    assert log == ["why", "figures", "figures"]


def test_a_study_of_one_class_is_refused(cache: Path):
    study = study_of("hints_a")
    alone = replace(study, judged=study.judged.filter(label=1))
    with pytest.raises(Refused, match="cannot resolve"):
        ablation.table(alone, cache)
