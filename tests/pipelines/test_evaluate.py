"""The evaluation report as a job: what it takes beside a bundle, and where it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import Refused
from models.bundle import Bundle
from pipelines.evaluate import evaluate
from pipelines.labelling.slices import HOURS
from tests.pipelines.test_promote import bundle_like


def report(out: Path) -> tuple[dict[str, Any], str]:
    """Return the JSON and the page."""
    page = (out / "evaluation.html").read_text(encoding="utf-8")
    return json.loads((out / "evaluation.json").read_text(encoding="utf-8")), page


def test_a_champion_is_compared_with_on_the_last_split(world, bundle, tmp_path):
    """The other model ranks alike and states other chances, so nothing can differ."""
    other = bundle_like(bundle, tmp_path / "other", 1.0)
    people = tmp_path / "people.parquet"
    truth = pl.read_parquet(world.store / "truth.parquet")
    truth.select("chain", "address", "population", "role", "typology").write_parquet(people)
    told = evaluate(
        bundle, world.store, world.labels, tmp_path / "e",
        against=other, budget=50, populations=people, threads=1,
    )  # fmt: skip
    measured, page = report(told.out)
    found = measured["against"]
    test = measured["splits"]["test"]
    assert (found["split"], found["n"], found["n_positive"]) == (
        "test", test["n"], test["n_positive"],
    )  # fmt: skip
    assert found["champion_sha256"] == Bundle.load(other).sha256
    assert found["rank_correlation"] == pytest.approx(1)
    assert (found["measured"]["recall"]["low"], found["measured"]["recall"]["high"]) == (0, 0)
    (budget,) = [b for b in test["budgets"] if b["alerts_per_1000"] == 50]
    assert found["alerts"] == budget["alerts"]
    assert found["measured"]["recall"]["model"] == budget["recall"]["value"]
    assert any(check["name"] == "not_worse:roc_auc" for check in found["gate"])
    assert told.against is not None
    assert told.against["verdict"] == found["verdict"]
    assert found["verdict"] in page
    slices = test["slices"]
    for by in ("chain", "role", "typology", "population", "ticket_size", "hour_block", "size"):
        assert any(one["by"] == by for one in slices), by
    blocks = [one for one in slices if one["by"] == "hour_block"]
    assert {one["name"] for one in blocks} <= set(HOURS)
    assert sum(one["n"] for one in blocks) == test["n"]


def test_who_says_so_is_a_slice_and_changes_nothing_else(world, bundle, tmp_path):
    told = pl.read_csv(world.labels, infer_schema=False)
    told.with_columns(source=pl.lit("hotline")).write_csv(tmp_path / "l.csv")
    measured, _ = report(evaluate(bundle, world.store, tmp_path / "l.csv", tmp_path / "e").out)
    assert list(measured["splits"]) == ["train", "validation", "test"]  # known again as trained on
    (said,) = [s for s in measured["splits"]["test"]["slices"] if s["by"] == "source"]
    assert (said["name"], said["n"]) == ("hotline", measured["splits"]["test"]["n"])
    in_bundle = json.loads((bundle / "evaluation.json").read_text(encoding="utf-8"))
    assert measured["splits"]["test"]["pr_auc"] == in_bundle["splits"]["test"]["pr_auc"]


@pytest.mark.parametrize("columns", [{"chain": "tron"}, {"chain": "tron", "address": "T1"}])
def test_a_table_that_does_not_say_who_is_who_is_refused(columns, world, bundle, tmp_path):
    pl.DataFrame(columns).write_csv(tmp_path / "people.csv")
    with pytest.raises(Refused, match="lacks .*population"):
        evaluate(
            bundle, world.store, world.labels, tmp_path / "e", populations=tmp_path / "people.csv"
        )


def test_a_model_is_not_compared_with_itself(world, bundle, tmp_path):
    with pytest.raises(Refused, match="the very model"):
        evaluate(bundle, world.store, world.labels, tmp_path / "e", against=bundle)
    assert not (tmp_path / "e").exists()
