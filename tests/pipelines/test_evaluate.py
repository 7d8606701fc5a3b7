"""The evaluation report as a job: what it takes beside a bundle, and where it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data.errors import Refused
from models.bundle import Bundle
from pipelines.evaluate import evaluate
from tests.pipelines.test_promote import bundle_like


def report(out: Path) -> tuple[dict[str, Any], str]:
    """Return the JSON and the page."""
    page = (out / "evaluation.html").read_text(encoding="utf-8")
    return json.loads((out / "evaluation.json").read_text(encoding="utf-8")), page


def test_a_champion_is_compared_with_on_the_last_split(world, bundle, tmp_path):
    """The other model ranks alike and states other chances, so nothing can differ."""
    other = bundle_like(bundle, tmp_path / "other", 1.0)
    told = evaluate(
        bundle, world.store, world.labels, tmp_path / "e", against=other, budget=50, threads=1
    )
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


def test_a_model_is_not_compared_with_itself(world, bundle, tmp_path):
    with pytest.raises(Refused, match="the very model"):
        evaluate(bundle, world.store, world.labels, tmp_path / "e", against=bundle)
    assert not (tmp_path / "e").exists()
