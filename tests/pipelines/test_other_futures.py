"""The audit's test for looking ahead: silent on the catalogue, loud on a signal that peeks."""

from __future__ import annotations

import shutil
from datetime import timedelta

import polars as pl
import pytest

from data.errors import Refused
from data.services import load_services
from data.transfers import open_transfers
from features.building import build_histories
from features.catalogue import catalogue
from pipelines.labelling.labelled import read_labels
from pipelines.labelling.other_futures import SAMPLE, Measuring, replay
from pipelines.train import train
from tests.pipelines.conftest import FEWEST

LEGS = ("native_in", "native_out", "internal_in", "internal_out", "token_in", "token_out")


@pytest.fixture(scope="module")
def asked(world):
    opened = open_transfers(world.store)
    names = [signal.name for signal in catalogue().signals]
    how = Measuring("usd", LEGS, names, load_services(world.services))
    return read_labels(world.labels, opened, None), opened, how


def test_no_signal_of_the_catalogue_moves_with_the_future_or_a_later_registry(asked):
    found = replay(*asked)
    assert len(found.rows) == SAMPLE
    assert set(found.poisoned) == {"future_sensitive", "registry_after_cut"}
    names = [signal.name for signal in catalogue().signals]
    assert set(names) <= set(found.as_known.columns)
    busy = found.as_known.select(pl.col(names).is_not_null().sum()).row(0)
    assert sum(count > 0 for count in busy) > 100
    for other in found.poisoned.values():
        assert other.select(names).equals(found.as_known.select(names), null_equal=True)


def test_a_cut_that_comes_too_late_is_seen(asked, monkeypatch):

    def late(transfers, requests, **named):
        moved = requests.with_columns(pl.col("as_of") + timedelta(days=10))
        return build_histories(
            transfers, moved, **{**named, "as_of": named["as_of"] + timedelta(days=10)}
        )

    monkeypatch.setattr("pipelines.labelling.other_futures.build_histories", late)
    found = replay(*asked)
    for other in found.poisoned.values():
        moved = [n for n in found.as_known.columns if not other[n].equals(found.as_known[n])]
        assert len(set(moved) & {signal.name for signal in catalogue().signals}) > 3


def test_training_on_labels_that_leak_writes_nothing_until_the_leak_is_accepted(world, tmp_path):
    told = pl.read_csv(world.labels)
    told.drop("as_of").write_csv(tmp_path / "labels.csv")
    with pytest.raises(Refused, match=r"(?s)missing_dates: .* have no `as_of`.*--allow"):
        train(world.store, tmp_path / "labels.csv", tmp_path / "bundle", min_transfers=FEWEST)
    assert not (tmp_path / "bundle").exists()
    made = train(
        world.store,
        tmp_path / "labels.csv",
        tmp_path / "bundle",
        min_transfers=FEWEST,
        allow=["missing_dates"],
    )
    assert any("missing_dates (accepted)" in note for note in made.notes)
    card = (made.out / "model_card.md").read_text()
    assert "`missing_dates`, accepted" in card
    assert "0x" not in card.partition("## Leakage audit")[2].partition("## ")[0]
    shutil.rmtree(made.out)
    with pytest.raises(Refused, match="there is no check 'hope'"):
        train(world.store, world.labels, tmp_path / "bundle", allow=["hope"])
