"""The bundle on disk: what was written comes back, and nothing else is ever parsed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from data.errors import Refused
from data.schema import LEGS
from models.bundle import LARGEST, Bundle
from models.facts import canonical_json
from tests.models.world import CATALOGUE, MadeUp, fitted, signal


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundles") / "model"
    fit = fitted(600)
    return fit, path, fit.write(path)


@pytest.fixture
def copy(made, tmp_path):
    return Path(shutil.copytree(made[1], tmp_path / "copy"))


def load(path, **options):
    return Bundle.load(path, **{"catalogue": CATALOGUE, **options})


def rewrite(path, change):
    """Change bundle.json as somebody would who knows the format: with a right checksum."""
    content = json.loads((path / "bundle.json").read_bytes())
    del content["checksum"]
    change(content)
    content["checksum"] = hashlib.sha256(canonical_json(content)).hexdigest()
    (path / "bundle.json").write_bytes(canonical_json(content))


def test_what_was_written_comes_back(made):
    fit, path, sha256 = made
    bundle = load(path, expected_sha256=sha256)
    assert replace(bundle.facts, files={}) == fit.facts
    assert bundle.model == fit.model
    assert bundle.sha256 == sha256
    assert sha256 == hashlib.sha256((path / "bundle.json").read_bytes()).hexdigest()
    assert [s.name for s in bundle.inputs] == list(fit.facts.signals)
    assert {p.name for p in path.iterdir()} == set(LARGEST)
    assert json.loads((path / "evaluation.json").read_bytes()) == json.loads(
        json.dumps(fit.evaluation)
    )


def test_log_odds_are_the_calibrated_raw_score(made):
    fit, path, _ = made
    bundle = load(path)
    inputs = np.random.default_rng(1).normal(5, 5, (50, len(fit.facts.signals)))
    raw = lightgbm.Booster(model_str=fit.model).predict(inputs, raw_score=True)
    found = fit.facts.calibration
    expected = found.slope * raw + found.intercept + found.prior_shift
    assert np.array_equal(bundle.log_odds(inputs), expected)
    assert np.array_equal(bundle.log_odds(inputs, threads=2), expected)
    assert bundle.log_odds(inputs[:0]).shape == (0,)


def tampered(path: Path, dice: random.Random) -> str:
    """Change a bundle in one of the ways an accident or an attacker would; return what was done."""
    file = path / dice.choice(sorted(LARGEST))
    content = file.read_bytes()
    way = dice.choice(
        ["bit", "cut", "append", "swap", "rename", "remove", "link", "folder", "extra", "hardlink"]
    )
    if way == "bit":
        at, bit = dice.randrange(len(content)), dice.randrange(8)
        file.write_bytes(content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :])
    elif way == "cut":
        file.write_bytes(content[: dice.randrange(len(content))])
    elif way == "append":
        file.write_bytes(content + dice.choice([b"\n", b" ", b"{}", b"tree\n"]))
    elif way == "swap":
        other = dice.choice(sorted(set(LARGEST) - {file.name}))
        file.write_bytes((path / other).read_bytes())
    elif way == "rename":
        file.rename(path / dice.choice(["model.pkl", "..data", f"{file.name} ", file.name.upper()]))
    elif way == "remove":
        file.unlink()
    elif way == "link":
        outside = path.parent / f"outside-{dice.random()}"
        file.rename(outside)
        file.symlink_to(outside)
    elif way == "folder":
        file.unlink()
        file.mkdir()
    elif way == "extra":
        name = dice.choice(["model.pkl", "__init__.py", ".hidden", "MLmodel", "more"])
        dice.choice([lambda p: p.write_text("x"), Path.mkdir])(path / name)
    else:
        outside = path.parent / f"outside-{dice.random()}"
        outside.write_bytes(content + b"\n")
        file.unlink()
        os.link(outside, file)
    return f"{way} {file.name}"


def refuse_all(made, tmp_path, monkeypatch, count):
    def parsed(*args, **kwargs):
        raise AssertionError("a tampered model was parsed")

    monkeypatch.setattr(lightgbm, "Booster", parsed)
    dice = random.Random(1)
    for number in range(count):
        path = tmp_path / str(number) / "model"
        shutil.copytree(made[1], path)
        done = tampered(path, dice)
        with pytest.raises(Refused):
            pytest.fail(f"{done} was not noticed: {load(path).booster}")
        shutil.rmtree(path.parent)


def test_tampering_is_refused_before_parsing(made, tmp_path, monkeypatch):
    refuse_all(made, tmp_path, monkeypatch, 200)


@pytest.mark.slow
def test_tampering_is_refused_before_parsing_a_thousand_times(made, tmp_path, monkeypatch):
    refuse_all(made, tmp_path, monkeypatch, 1000)


def test_files_outside_cannot_be_named(copy):
    rewrite(copy, lambda c: c["files"].update({"../model.txt": c["files"].pop("model.txt")}))
    with pytest.raises(Refused, match="files are not those of a bundle"):
        load(copy)


def test_special_files_do_not_hang(copy):
    (copy / "model.txt").unlink()
    os.mkfifo(copy / "model.txt")
    with pytest.raises(Refused, match="not a regular file"):
        load(copy)


def test_caps(copy, monkeypatch):
    monkeypatch.setitem(LARGEST, "model.txt", 100)
    with pytest.raises(Refused, match="larger than 100 bytes"):
        load(copy)


@pytest.mark.parametrize(
    "change,message",
    [
        (lambda c: c.update(more=1), "unknown: \\['more'\\]"),
        (lambda c: c.pop("legs"), "missing: \\['legs'\\]"),
        (lambda c: c["calibration"].update(bias=0), "unknown: \\['bias'\\]"),
        (lambda c: c.update(format_version=1), "format 1; this version reads 3"),
        (lambda c: c["calibration"].update(slope=-1.0), "slope is not positive"),
        (lambda c: c["calibration"].update(slope="1"), "calibration is not finite"),
        (lambda c: c["calibration"]["lines"][0].pop(), "lines are not slopes and intercepts"),
        (lambda c: c.update(basis="eur"), "basis is not one of usd"),
        (lambda c: c.update(legs=["token_in", "native_in"]), "legs are not legs"),
        (lambda c: c.update(signals=[*c["signals"], "ghost"]), "not all in its catalogue"),
        (lambda c: c.update(decision_use=True), "decision_use is true without reviewed"),
        (lambda c: c.update(training_basis="hearsay"), "training_basis is not one of"),
        (lambda c: c["thresholds"].pop("high"), "thresholds do not name the bands"),
        (lambda c: c["population"]["quantiles"]["dwell"].pop(), "101 numbers"),
    ],
)
def test_a_rewritten_description_is_held_to_the_rules(copy, change, message):
    rewrite(copy, change)
    with pytest.raises(Refused, match=message):
        load(copy)


def test_a_rewritten_description_is_another_bundle(copy, made):
    rewrite(copy, lambda c: c["thresholds"].update(medium=99.0))
    assert load(copy).sha256 != made[2]
    with pytest.raises(Refused, match=r"has the SHA-256.*as given"):
        load(copy, expected_sha256=made[2])


@pytest.mark.parametrize("text", ['{"a": NaN}', "[]", "{", '{"a": 1, "a": 2}', "[" * 100_000, ""])
def test_broken_json_is_refused(copy, text):
    (copy / "bundle.json").write_text(text)
    with pytest.raises(Refused, match="not a bundle description"):
        load(copy)


def test_a_missing_bundle_says_what_was_expected(tmp_path):
    with pytest.raises(Refused, match=r"cannot be opened.*bundle\.json, evaluation\.json"):
        load(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(Refused, match="cannot be opened"):
        load(tmp_path / "file")


def test_other_signals_are_named(made):
    changed = [replace(s, formula="another") if s.name == "dwell" else s for s in CATALOGUE.signals]
    code = MadeUp([*(s for s in changed if s.name != "noise"), signal("brand_new")])
    with pytest.raises(Refused) as refused:
        load(made[1], catalogue=code)
    for words in (
        "only in the code: brand_new",
        "only in the bundle: noise",
        "changed: dwell",
        "Train again",
    ):
        assert words in str(refused.value)


def test_research_and_synthetic_bundles_refuse_real_transfers(made):
    bundle = load(made[1])
    bundle.check_use(real=False, research_use=False)
    bundle.check_use(real=True, research_use=True)
    with pytest.raises(Refused, match=r"synthetic labels.*--research-use"):
        bundle.check_use(real=True, research_use=False)
    reviewed = replace(bundle, facts=replace(bundle.facts, training_basis="reviewed"))
    with pytest.raises(Refused):
        reviewed.check_use(real=True, research_use=False)
    cleared = replace(reviewed, facts=replace(reviewed.facts, decision_use=True))
    cleared.check_use(real=True, research_use=False)


def test_facts_hold_only_what_can_be(made):
    with pytest.raises(ValueError, match="decision_use"):
        replace(made[0].facts, decision_use=True)
    with pytest.raises(ValueError, match="legs"):
        replace(made[0].facts, legs=tuple(reversed(LEGS)))
