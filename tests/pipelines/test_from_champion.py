"""Retraining from a champion: what is inherited, what is refused, and the report beside."""

from __future__ import annotations

import json

import pytest

from data.errors import Refused
from models.bundle import Bundle
from models.search import SEARCHED
from pipelines.from_champion import changes_file
from pipelines.train import train
from tests.pipelines.conftest import FEWEST


def test_a_retraining_follows_its_champion_and_says_what_it_changes(world, bundle, tmp_path):
    champion = Bundle.load(bundle)
    out = tmp_path / "next"
    made = train(world.store, world.labels, out, seed=2, from_champion=bundle, threads=1)
    facts = Bundle.load(out).facts
    assert facts.min_transfers == FEWEST == champion.facts.min_transfers
    assert (facts.basis, facts.legs) == (champion.facts.basis, champion.facts.legs)
    for name in SEARCHED:
        mine, theirs = (f.training["parameters"][name] for f in (facts, champion.facts))
        assert mine == theirs
    told = json.loads(changes_file(out).read_text(encoding="utf-8"))
    assert (told["old"], told["new"]) == (champion.sha256, made.bundle_sha256)
    assert told["training"]["seed"] == [1, 2]
    assert told["panel"] > 100
    assert any("Against the champion" in note for note in made.notes)
    again = train(
        world.store, world.labels, tmp_path / "other", seed=2, min_transfers=FEWEST, threads=1
    )
    assert again.bundle_sha256 == made.bundle_sha256  # following changes nothing else


@pytest.mark.parametrize(
    "option, message",
    [
        ({"basis": "relative"}, "--basis relative is not the champion's, usd"),
        ({"legs": "token_in,token_out"}, "--legs token_in,token_out is not the champion's"),
        ({"min_transfers": 9}, "--min-transfers 9 is not the champion's, 3"),
    ],
)
def test_what_would_make_scores_incomparable_is_refused(option, message, world, bundle, tmp_path):
    with pytest.raises(Refused, match=message):
        train(world.store, world.labels, tmp_path / "next", from_champion=bundle, **option)
    assert not (tmp_path / "next").exists()
