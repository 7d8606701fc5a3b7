"""`explain --diagnostic`: for analysts, exact, and in nothing that is passed on."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import Refused
from models.bundle import Bundle
from models.material import matrix
from pipelines import to_score as reading
from pipelines.alerting.diagnostic import MEANT, WARNING
from pipelines.explain import explain
from pipelines.score import score_addresses

_load = Bundle.load


@pytest.fixture
def banded(bundle, world, monkeypatch) -> Bundle:
    """The model of the small world, with bands, which its labels are too few for."""
    run = score_addresses(bundle, world.store, world.addresses, threads=1)
    high, medium = np.quantile(run.scores["log_odds"].drop_nulls().to_numpy(), [0.97, 0.9])
    thresholds = {"medium": float(medium), "high": float(high), "severe": None}

    class Banded(Bundle):
        @classmethod
        def load(cls, *given, **named):
            loaded = _load(*given, **named)
            return replace(loaded, facts=replace(loaded.facts, thresholds=thresholds))

    monkeypatch.setattr(reading, "Bundle", Banded)
    return Banded.load(bundle)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_what_it_says_holds_when_the_address_is_scored_again(banded, bundle, world, tmp_path):
    done = explain(
        bundle,
        world.store,
        world.addresses,
        tmp_path / "out",
        top=15,
        diagnostic=tmp_path / "d.jsonl",
    )
    told = records(tmp_path / "d.jsonl")
    assert done.diagnostic == tmp_path / "d.jsonl"
    assert len(told) == done.n_alerts == 15
    run = score_addresses(bundle, world.store, world.addresses, threads=1)
    keys = {key: i for i, key in enumerate(run.scores.select("chain", "address").rows())}
    inputs = matrix(run.measured.signals, banded.facts.signals)
    kinds = set()
    for record in told:
        assert record["warning"] == WARNING
        row = inputs[keys[record["chain"], record["address"]]]
        expected = ["high", "medium"] if record["band_of_score"] == "high" else ["medium"]
        assert [target["band"] for target in record["to_fall_below"]] == expected
        for target in record["to_fall_below"]:
            for changes in [*([c] for c in target["alone"]), target["together"]]:
                changed = row.copy()
                for change in changes:
                    changed[banded.facts.signals.index(change["signal"])] = change["to"]
                if changes:
                    [after] = banded.log_odds(changed[None, :])
                    assert after == changes[-1]["log_odds"] < target["log_odds"]
            kinds |= {kind for kind, words in MEANT.items() if words == target["meant"]}
    assert "alone" in kinds


@pytest.mark.unwatched
def test_nothing_of_it_is_in_what_is_passed_on(banded, bundle, world, tmp_path):
    """The alerts are the same files to the byte, whether it was asked for or not."""
    asked = (bundle, world.store, world.addresses)
    explain(*asked, tmp_path / "plain", top=15)
    explain(*asked, tmp_path / "asked", top=15, diagnostic=tmp_path / "boundary.jsonl")
    plain, given = (files(tmp_path / name) for name in ("plain", "asked"))
    assert plain == given
    for content in given.values():
        for word in (b"to_fall_below", b"evading", b"boundary.jsonl", WARNING.encode()):
            assert word not in content
    mode = stat.S_IMODE((tmp_path / "boundary.jsonl").stat().st_mode)
    assert mode == 0o600


@pytest.mark.unwatched
def test_nothing_of_it_is_in_a_package(reviewed, tmp_path):
    """A model for decisions, with packages: the same bytes as without, in every file."""
    done = reviewed.explain(tmp_path / "out", diagnostic=tmp_path / "boundary.jsonl")
    assert done.sar == reviewed.done.sar
    assert len(done.sar) > 20
    assert files(done.out) == files(reviewed.done.out)
    told = records(tmp_path / "boundary.jsonl")
    changes = [c for r in told for t in r["to_fall_below"] for c in (*t["alone"], *t["together"])]
    assert changes
    limits = {repr(c["to"]) for c in changes if len(repr(c["to"])) > 12}  # no number by chance
    for name, content in files(done.out).items():
        text = content.decode("utf-8")
        assert WARNING not in text
        assert not [limit for limit in limits if limit in text], name


@pytest.mark.parametrize("name", ["out/b.jsonl", "out/deep/b.jsonl", "b.csv", "folder.jsonl"])
def test_a_place_where_it_would_be_shared_is_refused(name, bundle, world, tmp_path):
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(Refused, match="boundaries cannot be written|folder of the alerts"):
        explain(bundle, world.store, world.addresses, tmp_path / "out", diagnostic=tmp_path / name)
    assert not (tmp_path / "out").exists()


def test_without_bands_there_is_no_limit_to_fall_below(bundle, world, tmp_path):
    explain(
        bundle,
        world.store,
        world.addresses,
        tmp_path / "out",
        top=3,
        diagnostic=tmp_path / "d.jsonl",
    )
    assert [record["to_fall_below"] for record in records(tmp_path / "d.jsonl")] == [[], [], []]
